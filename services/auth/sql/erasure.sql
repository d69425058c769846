-- Statements of erasures: what auth does, and what the others tell of theirs.

-- name: erasure_start
-- $1 erasure, $2 user, $3 self or admin, $4 who asked. Sessions, codes and mails go with the user; published events that
-- named her go as well, and tombstones clear the topics.
WITH gone AS (
    DELETE FROM users WHERE id = $2 RETURNING id, email
), erasure AS (
    INSERT INTO erasures (id, user_id, requested_by) SELECT $1, id, $3 FROM gone RETURNING id
), steps AS (
    INSERT INTO erasure_steps (erasure_id, service, state, completed_at)
    SELECT id, 'auth', 'done', now() FROM erasure
    UNION ALL SELECT id, s.name, 'pending', NULL FROM erasure, (VALUES ('profiles'), ('payments')) AS s(name)
), forgotten_events AS (
    DELETE FROM outbox WHERE key = $2 AND topic IN ('dc.auth.users', 'dc.auth.contacts') AND published_at IS NOT NULL
), forgotten_mail AS (
    DELETE FROM mail_outbox AS m USING gone WHERE m.user_id IS NULL AND lower(m.recipient) = lower(gone.email)
), forgotten_answers AS (
    DELETE FROM idempotency_keys WHERE owner = $2
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.erased.v1', id, NULL::json FROM gone
    UNION ALL SELECT 'dc.auth.contacts', 'ke.domesticconnect.user.contact_erased.v1', id, NULL FROM gone
    UNION ALL SELECT 'dc.auth.revocations', 'ke.domesticconnect.access.revoked.v1', id, revocation_event(id, NULL) FROM gone
), logged AS (
    INSERT INTO audit_log (actor, action, subject) SELECT $4, 'user.erased', id FROM gone
)
SELECT count(*) FROM gone;

-- name: erasure_proof
-- What can prove that it is her: the password, else how long ago this session began.
SELECT u.password_hash, floor(extract(epoch FROM now() - s.created_at) * 1000)::bigint
  FROM users AS u JOIN sessions AS s ON s.user_id = u.id
 WHERE u.id = $1 AND u.is_active AND s.id = $2 AND s.revoked_at IS NULL;

-- name: erasure_read
SELECT json_build_object('id', id, 'requested_at', rfc3339(requested_at),
           'state', CASE WHEN bool_and(state = 'done') THEN 'done' ELSE 'running' END,
           'steps', json_agg(json_build_object('service', service, 'state', state, 'completed_at', rfc3339(completed_at))
                             ORDER BY service))
  FROM erasures JOIN erasure_steps ON erasure_id = id WHERE id = $1 GROUP BY id;

-- what profiles and payments tell

-- name: payer_forgotten
UPDATE erasure_steps AS s SET state = 'done', completed_at = now()
  FROM erasures AS e WHERE e.id = s.erasure_id AND e.user_id = $1 AND s.service = 'payments' AND s.state = 'pending';

-- name: profile_seen
-- $1 profile, $2 whose.
WITH seen AS (
    INSERT INTO user_profiles (profile_id, user_id) VALUES ($1, $2::jsonb ->> 'user_id')
    ON CONFLICT (profile_id) DO UPDATE SET user_id = excluded.user_id
)
UPDATE erasure_steps AS s SET state = 'pending', completed_at = NULL
  FROM erasures AS e WHERE e.id = s.erasure_id AND e.user_id = $2::jsonb ->> 'user_id' AND s.service = 'profiles';

-- name: profile_gone
WITH gone AS (
    DELETE FROM user_profiles WHERE profile_id = $1 RETURNING user_id
)
UPDATE erasure_steps AS s SET state = 'done', completed_at = now()
  FROM gone AS g JOIN erasures AS e USING (user_id)
 WHERE e.id = s.erasure_id AND s.service = 'profiles' AND s.state = 'pending'
   AND NOT EXISTS (SELECT FROM user_profiles AS p WHERE p.user_id = g.user_id AND p.profile_id <> $1);

-- legacy data

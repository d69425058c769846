-- Statements of auth. A change and its events are one statement. Statements that end sessions run
-- after user_lock, so that a sign-in of the same moment is either seen by them or waits for them.

-- users

-- name: user_create
-- $1 id, $2 e-mail, $3 phone, $4 first name, $5 last name, $6 type, $7 password hash, $8 Firebase uid, $9 e-mail verified.
WITH added AS (
    INSERT INTO users (id, email, phone_number, first_name, last_name, user_type, password_hash, firebase_uid, email_verified)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    RETURNING users AS u
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.registered.v1', (u).id, user_event(u) FROM added
    UNION ALL
    SELECT 'dc.auth.contacts', 'ke.domesticconnect.user.contact_changed.v1', (u).id, contact_event(u) FROM added
     WHERE (u).email IS NOT NULL OR (u).phone_number IS NOT NULL
)
INSERT INTO mail_outbox (kind, user_id, recipient)
SELECT 'verify', (u).id, (u).email FROM added WHERE (u).email IS NOT NULL AND NOT (u).email_verified;

-- name: user_lock
-- Also tells whether she may sign in, and her password hash.
SELECT is_active, password_hash FROM users WHERE id = $1 FOR UPDATE;

-- name: user_secret
SELECT is_active, password_hash FROM users WHERE id = $1;

-- name: user_read
SELECT user_json(u) FROM users AS u WHERE id = $1 AND is_active;

-- name: user_exists
SELECT count(*) FROM users WHERE lower(email) = lower($1);

-- name: user_update
-- $2: the given fields as an object. Nothing is told when nothing changes.
WITH before AS (
    SELECT * FROM users WHERE id = $1 AND is_active FOR UPDATE
), wanted AS (
    SELECT id, coalesce($2::jsonb ->> 'first_name', first_name) AS first_name,
           coalesce($2::jsonb ->> 'last_name', last_name) AS last_name,
           CASE WHEN $2::jsonb ? 'phone_number' THEN $2::jsonb ->> 'phone_number' ELSE phone_number END AS phone_number
      FROM before
), changed AS (
    UPDATE users AS u
       SET first_name = w.first_name, last_name = w.last_name, phone_number = w.phone_number, updated_at = now()
      FROM wanted AS w JOIN before AS b USING (id)
     WHERE u.id = w.id
       AND (b.first_name, b.last_name, b.phone_number) IS DISTINCT FROM (w.first_name, w.last_name, w.phone_number)
    RETURNING u, b.phone_number IS DISTINCT FROM w.phone_number AS contact
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.updated.v1', (u).id, user_event(u) FROM changed
    UNION ALL
    SELECT 'dc.auth.contacts', 'ke.domesticconnect.user.contact_changed.v1', (u).id, contact_event(u) FROM changed WHERE contact
)
SELECT coalesce((SELECT user_json(u) FROM changed), (SELECT user_json(b::users) FROM before AS b));

-- name: user_make_admin
-- $2 password hash. An operator's word: the e-mail counts as verified, and whoever had it without proof gets in no more.
WITH changed AS (
    UPDATE users SET is_admin = true, is_active = true, email_verified = email IS NOT NULL, password_hash = $2,
           firebase_uid = CASE WHEN email_verified THEN firebase_uid END, updated_at = now()
     WHERE id = $1
    RETURNING users AS u
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.updated.v1', (u).id, user_event(u) FROM changed
), logged AS (
    INSERT INTO audit_log (actor, action, subject) SELECT 'operator:auth', 'user.made_admin', (u).id FROM changed
)
SELECT count(*) FROM changed;

-- name: admin_find
SELECT id, password_hash, is_active, is_admin FROM users WHERE lower(email) = lower($1);

-- sign-in and sessions

-- name: login_find
SELECT id, password_hash, is_active FROM users WHERE lower(email) = lower($1);

-- name: session_open
-- $1 session, $2 user, $3 device, $4 hash of the refresh token, $5 its life in seconds, $6 the password hash that was
-- checked, or null. Nothing when she may not sign in any more. Sign-ins of one user come one after the other.
WITH who AS (
    SELECT * FROM users WHERE id = $2 AND is_active AND ($6::text IS NULL OR password_hash = $6) FOR NO KEY UPDATE
), opened AS (
    INSERT INTO sessions (id, user_id, device, expires_at)
    SELECT $1, id, $3, now() + make_interval(secs => $5::integer) FROM who
    RETURNING id, expires_at
), token AS (
    INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT $4, id, expires_at FROM opened
)
SELECT user_json(who::users), user_type, is_admin FROM who;

-- name: session_check
SELECT user_json(u) FROM users AS u JOIN sessions AS s ON s.user_id = u.id
 WHERE u.id = $1 AND u.is_active AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > now();

-- name: refresh_take
-- Locks the token and its session: uses of one family come one after the other. Only the token used last has a grace: once its
-- successor was used, too, an older one counts as used long ago.
SELECT s.id, u.id, u.user_type, u.is_admin, u.is_active, s.revoked_at IS NOT NULL, t.expires_at <= clock_timestamp(),
       CASE WHEN EXISTS (SELECT FROM refresh_tokens AS later WHERE later.session_id = s.id AND later.used_at > t.used_at) THEN 1e15::bigint
            ELSE coalesce(greatest(0, floor(extract(epoch FROM clock_timestamp() - t.used_at) * 1000))::bigint, -1) END
  FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id JOIN users AS u ON u.id = s.user_id
 WHERE t.hash = $1
   FOR UPDATE OF t, s;

-- name: refresh_rotate
-- $1 used token, $2 new one, $3 its life in seconds, $4 session, $5 device.
WITH used AS (
    UPDATE refresh_tokens SET used_at = coalesce(used_at, clock_timestamp()) WHERE hash = $1
), session AS (
    UPDATE sessions SET last_used_at = now(), expires_at = now() + make_interval(secs => $3::integer), device = $5
     WHERE id = $4
    RETURNING id, expires_at
)
INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT $2, id, expires_at FROM session;

-- name: refresh_session
-- The session of a refresh token, for signing out.
SELECT s.id, s.user_id FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id WHERE t.hash = $1;

-- name: session_end
-- $1 user, $2 session.
WITH ended AS (
    UPDATE sessions SET revoked_at = now() WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL AND expires_at > now()
    RETURNING id, user_id
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.revocations', 'ke.domesticconnect.access.revoked.v1', user_id, revocation_event(user_id, id) FROM ended
)
SELECT count(*) FROM ended;

-- name: sessions_end_surplus
-- Of the sessions of $1, who has just opened $2, no more than $3 go on, this one among them: those unused for longest end.
WITH surplus AS (
    SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL AND expires_at > now()
     ORDER BY last_used_at DESC, id DESC OFFSET $3::bigint - 1
), ended AS (
    UPDATE sessions SET revoked_at = now() WHERE id IN (SELECT id FROM surplus) AND revoked_at IS NULL
    RETURNING id, user_id
)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.auth.revocations', 'ke.domesticconnect.access.revoked.v1', user_id, revocation_event(user_id, id) FROM ended;

-- name: sessions_end_others
-- All sessions of $1 but $2, and the change of e-mail that one of them may have asked for.
WITH ended AS (
    UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL
    RETURNING id, user_id, expires_at
), unmailed AS (
    DELETE FROM mail_outbox WHERE user_id = $1 AND kind = 'change'
), unconfirmed AS (
    DELETE FROM codes WHERE user_id = $1 AND purpose = 'change'
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.revocations', 'ke.domesticconnect.access.revoked.v1', user_id, revocation_event(user_id, id)
      FROM ended WHERE expires_at > now()
)
SELECT id FROM ended;

-- name: sessions_end_all
-- Whoever holds a token of $1, known to us or not; and a change of e-mail under way.
WITH ended AS (
    UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL
), unmailed AS (
    DELETE FROM mail_outbox WHERE user_id = $1 AND kind = 'change'
), unconfirmed AS (
    DELETE FROM codes WHERE user_id = $1 AND purpose = 'change'
)
INSERT INTO outbox (topic, type, key, data)
VALUES ('dc.auth.revocations', 'ke.domesticconnect.access.revoked.v1', $1, revocation_event($1, NULL));

-- name: sessions_list
-- $1 user, $2 the session that asks.
SELECT json_build_object('sessions', coalesce(json_agg(json_build_object(
           'id', id, 'device', device, 'created_at', rfc3339(created_at), 'last_used_at', rfc3339(last_used_at),
           'expires_at', rfc3339(expires_at), 'current', id = $2) ORDER BY last_used_at DESC, id), '[]'))
  FROM (SELECT * FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
         ORDER BY last_used_at DESC, id LIMIT 200) AS s;

-- passwords, e-mail, one-time codes

-- name: password_set
-- $1 user, $2 hash, $3: she came by a mailed link, which proves the address. She is told by mail. A Firebase account that somebody
-- joined without proving the address must not stay.
WITH changed AS (
    UPDATE users SET password_hash = $2, tokens_valid_after = now(), email_verified = email_verified OR ($3::boolean AND email IS NOT NULL),
           firebase_uid = CASE WHEN email_verified OR NOT $3::boolean THEN firebase_uid END
     WHERE id = $1
    RETURNING id, email
), dropped AS (
    DELETE FROM codes WHERE user_id = $1 AND purpose = 'reset'
)
INSERT INTO mail_outbox (kind, user_id, recipient) SELECT 'password_changed', id, email FROM changed WHERE email IS NOT NULL;

-- name: code_peek
SELECT user_id FROM codes WHERE hash = $1 AND purpose = 'reset' AND expires_at > now();

-- name: code_take
-- Uses a code up. $2: its purposes.
DELETE FROM codes WHERE hash = $1 AND purpose = ANY ($2::text[]) AND expires_at > now() RETURNING user_id, purpose, email;

-- name: reset_ask
-- The same work for every address; whose it is, is looked up when the mail is sent.
INSERT INTO mail_outbox (kind, recipient) VALUES ('reset', $1);

-- name: verify_ask
INSERT INTO mail_outbox (kind, user_id, recipient)
SELECT 'verify', id, email FROM users WHERE id = $1 AND is_active AND email IS NOT NULL AND NOT email_verified;

-- name: email_ask
-- Nothing is mailed to an address that belongs to somebody.
INSERT INTO mail_outbox (kind, user_id, recipient)
SELECT 'change', $1, $2 WHERE NOT EXISTS (SELECT FROM users WHERE lower(email) = lower($2));

-- name: email_verify
UPDATE users SET email_verified = true WHERE id = $1 AND is_active AND lower(email) = lower($2);

-- name: email_change
-- The old address is told. Codes for the old one no longer count.
WITH before AS (
    SELECT id, email FROM users WHERE id = $1 AND is_active FOR UPDATE
), changed AS (
    UPDATE users AS u SET email = $2, email_verified = true, updated_at = now()
      FROM before AS b WHERE u.id = b.id
    RETURNING u, b.email AS old_email
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.updated.v1', (u).id, user_event(u) FROM changed
    UNION ALL
    SELECT 'dc.auth.contacts', 'ke.domesticconnect.user.contact_changed.v1', (u).id, contact_event(u) FROM changed
), dropped AS (
    DELETE FROM codes WHERE user_id = $1
), noted AS (
    INSERT INTO mail_outbox (kind, user_id, recipient)
    SELECT 'email_changed', (u).id, old_email FROM changed WHERE old_email IS NOT NULL
)
SELECT count(*) FROM changed;

-- mail

-- name: mail_take
-- Takes the next due mail for a while and stores $1, the hash of the code to put into it. At most five codes an hour
-- for one purpose and person; `sendable` is false for what must not be sent at all.
WITH due AS (
    SELECT id FROM mail_outbox WHERE next_try_at <= now() ORDER BY next_try_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE mail_outbox AS m
       SET attempts = attempts + 1, next_try_at = now() + least(interval '1 hour', interval '15 seconds' * (2 ^ attempts))
      FROM due WHERE m.id = due.id
    RETURNING m.*
), addressed AS (
    SELECT t.*, u.id AS person, u.first_name
      FROM taken AS t
      LEFT JOIN users AS u ON u.is_active
       AND CASE WHEN t.user_id IS NULL THEN lower(u.email) = lower(t.recipient) ELSE u.id = t.user_id END
), code AS (
    INSERT INTO codes (hash, user_id, purpose, email, expires_at)
    SELECT $1, person, kind, recipient, now() + CASE kind WHEN 'reset' THEN interval '10 minutes' ELSE interval '24 hours' END
      FROM addressed AS a
     WHERE person IS NOT NULL AND kind IN ('reset', 'verify', 'change')
       AND (SELECT count(*) FROM codes AS c WHERE c.user_id = a.person AND c.purpose = a.kind
               AND c.created_at > now() - interval '1 hour') < 5
    RETURNING user_id
)
SELECT id, kind, recipient, first_name, attempts,
       CASE WHEN kind IN ('reset', 'verify', 'change') THEN EXISTS (SELECT FROM code) ELSE person IS NOT NULL END AS sendable
  FROM addressed;

-- name: mail_done
DELETE FROM mail_outbox WHERE id = $1;

-- name: mail_failed
-- Its code reached nobody. $3: after so many attempts it is given up (one row comes back).
WITH dropped AS (
    DELETE FROM codes WHERE hash = $2
)
DELETE FROM mail_outbox WHERE id = $1 AND attempts >= $3 RETURNING id;

-- name: sweep
-- Bounded pieces of what has expired; a revoked session stays a day, so that a re-used token is still told apart.
WITH old_codes AS (
    DELETE FROM codes WHERE hash = ANY (ARRAY(SELECT hash FROM codes WHERE expires_at < now() LIMIT 5000))
), old_tokens AS (
    DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY(SELECT hash FROM refresh_tokens WHERE expires_at < now() LIMIT 5000))
), old_sessions AS (
    DELETE FROM sessions
     WHERE id = ANY (ARRAY(SELECT id FROM sessions
                            WHERE expires_at < now() OR revoked_at < now() - interval '1 day' LIMIT 1000))
)
UPDATE erasure_steps AS s SET state = 'done', completed_at = now()
  FROM erasures AS e
 WHERE e.id = s.erasure_id AND s.service = 'profiles' AND s.state = 'pending' AND e.requested_at < now() - interval '1 minute'
   AND NOT EXISTS (SELECT FROM user_profiles AS p WHERE p.user_id = e.user_id);

-- Firebase

-- name: firebase_find
-- Whoever signs in with Firebase uid $1, else whose e-mail is $2.
SELECT id, is_active, email_verified, firebase_uid, firebase_uid IS NOT DISTINCT FROM $1,
       $3::bigint < floor(extract(epoch FROM tokens_valid_after))
  FROM users WHERE firebase_uid = $1 OR lower(email) = lower($2)
 ORDER BY firebase_uid IS NOT DISTINCT FROM $1 DESC LIMIT 1
   FOR UPDATE;

-- name: firebase_link
-- Firebase has proved the address. A password that somebody set without proving it must not stay.
UPDATE users SET firebase_uid = $2, email_verified = true, password_hash = CASE WHEN email_verified THEN password_hash END
 WHERE id = $1;

-- signing keys

-- name: keys_lock
SELECT pg_advisory_xact_lock(hashtext('signing_keys'));

-- name: keys_live
SELECT kid, state, sealed_jwk, public_jwk FROM signing_keys ORDER BY created_at;

-- name: key_add
-- $1 kid, $2 state, $3 sealed, $4 public.
WITH added AS (
    INSERT INTO signing_keys (kid, state, sealed_jwk, public_jwk, current_at)
    VALUES ($1, $2, $3, $4::json, CASE WHEN $2 = 'current' THEN now() END)
    RETURNING kid, public_jwk
)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.auth.keys', 'ke.domesticconnect.signing_key.published.v1', kid, json_build_object('kid', kid, 'jwk', public_jwk)
  FROM added;

-- name: key_retire
-- The current key, once it has signed for $1 hours.
UPDATE signing_keys SET state = 'retired', retired_at = now()
 WHERE state = 'current' AND current_at < now() - make_interval(hours => $1::integer);

-- name: key_promote
UPDATE signing_keys SET state = 'current', current_at = now() WHERE state = 'next';

-- name: key_sweep
-- Keys whose last token expired: retired for more than $1 seconds.
WITH removed AS (
    DELETE FROM signing_keys WHERE state = 'retired' AND retired_at < now() - make_interval(secs => $1::integer)
    RETURNING kid
)
INSERT INTO outbox (topic, type, key) SELECT 'dc.auth.keys', 'ke.domesticconnect.signing_key.removed.v1', kid FROM removed;

-- name: keys_public
SELECT json_build_object('keys', coalesce(json_agg(public_jwk ORDER BY created_at), '[]')) FROM signing_keys;

-- administration

-- name: users_list
-- $1 type, $2 search pattern, $3 active; the page: $4 sort key to go on after, $5 offset, $6 rows (see struct page_list).
SELECT user_json(u)::jsonb || jsonb_build_object('has_profile', EXISTS (SELECT FROM user_profiles AS p WHERE p.user_id = (u).id)),
       (u).created_at || '|' || (u).id
  FROM (SELECT u FROM users AS u
         WHERE ($1::text IS NULL OR user_type = $1) AND ($3::boolean IS NULL OR is_active = $3)
           AND ($2::text IS NULL OR id ILIKE $2 OR email ILIKE $2 OR phone_number ILIKE $2 OR first_name || ' ' || last_name ILIKE $2)
           AND ($4::text IS NULL OR (created_at, id) < (split_part($4, '|', 1)::timestamptz, split_part($4, '|', 2)))
         ORDER BY created_at DESC, id DESC OFFSET $5 LIMIT $6) AS page;

-- name: users_count
-- $4: where to stop counting.
SELECT count(*) FROM (
    SELECT FROM users
     WHERE ($1::text IS NULL OR user_type = $1) AND ($3::boolean IS NULL OR is_active = $3)
       AND ($2::text IS NULL OR id ILIKE $2 OR email ILIKE $2 OR phone_number ILIKE $2 OR first_name || ' ' || last_name ILIKE $2)
     LIMIT $4) AS counted;

-- name: user_admin_read
SELECT user_json(u)::jsonb || jsonb_build_object('has_profile', EXISTS (SELECT FROM user_profiles AS p WHERE p.user_id = u.id))
  FROM users AS u WHERE id = $1;

-- name: user_set_active
-- $1 user, $2 wanted state, null: the other one; $3 the administrator. Nothing is told when nothing changes.
WITH changed AS (
    UPDATE users SET is_active = coalesce($2::boolean, NOT is_active), updated_at = now(),
           tokens_valid_after = CASE WHEN is_active THEN now() ELSE tokens_valid_after END
     WHERE id = $1 AND is_active IS DISTINCT FROM $2::boolean
    RETURNING users AS u
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', CASE WHEN (u).is_active THEN 'ke.domesticconnect.user.activated.v1'
                                 ELSE 'ke.domesticconnect.user.deactivated.v1' END, (u).id, user_event(u)
      FROM changed
), logged AS (
    INSERT INTO audit_log (actor, action, subject)
    SELECT $3, CASE WHEN (u).is_active THEN 'user.activated' ELSE 'user.deactivated' END, (u).id FROM changed
)
SELECT user_json(u), NOT (u).is_active FROM changed;

-- name: audit_list
-- $1 actor, $2 action, $3 subject, $4 since; the page: $5 id to go on after, $6 offset, $7 rows.
SELECT json_build_object('id', id::text, 'at', rfc3339(at), 'actor', actor, 'action', action, 'subject', subject, 'details', details, 'hash', hash),
       id
  FROM (SELECT * FROM audit_log
         WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR subject = $3)
           AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::bigint IS NULL OR id < $5)
         ORDER BY id DESC OFFSET $6 LIMIT $7) AS page;

-- name: audit_count
SELECT count(*) FROM (
    SELECT FROM audit_log
     WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR subject = $3)
       AND ($4::timestamptz IS NULL OR at >= $4)
     LIMIT $5) AS counted;

-- Statements of the verb import: legacy users.

-- name: import_plans
-- For this transaction: a plan made while the tables were small must not read them whole once they have grown.
SELECT set_config('enable_seqscan', 'off', true);

-- name: import_users
-- Columns as C has judged them. Who is there is left alone; an e-mail that belongs to somebody is left out. One that registers at
-- this very moment makes the statement fail; the batch then runs again.
WITH given AS MATERIALIZED (
    SELECT r.*, (SELECT 'unchanged' FROM users AS u WHERE u.id = r.id) AS there,
           (SELECT 'erased' FROM erasures AS e WHERE e.user_id = r.id) AS erased,
           (SELECT true FROM users AS u WHERE lower(u.email) = lower(r.email) AND u.id <> r.id) AS email_taken,
           row_number() OVER (PARTITION BY id ORDER BY place) AS nth
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]) WITH ORDINALITY AS r(id, email, phone_number, first_name, last_name, user_type, created_at, updated_at, place)
), judged AS MATERIALIZED (
    SELECT *, coalesce(there, erased, CASE WHEN nth > 1 THEN 'unchanged' ELSE 'imported' END) AS outcome,
           coalesce(email_taken, email IS NOT NULL AND row_number() OVER (
               PARTITION BY lower(email), there IS NULL AND erased IS NULL AND nth = 1 ORDER BY place) > 1) AS without_email
      FROM given
), added AS (
    INSERT INTO users (id, email, phone_number, first_name, last_name, user_type, created_at, updated_at)
    SELECT id, CASE WHEN NOT without_email THEN email END, phone_number, first_name, last_name, user_type,
           coalesce(created_at, now()), greatest(coalesce(created_at, now()), updated_at)
      FROM judged WHERE outcome = 'imported'
    RETURNING users AS u
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.auth.users', 'ke.domesticconnect.user.registered.v1', (u).id, user_event(u) FROM added
    UNION ALL
    SELECT 'dc.auth.contacts', 'ke.domesticconnect.user.contact_changed.v1', (u).id, contact_event(u) FROM added
     WHERE (u).email IS NOT NULL OR (u).phone_number IS NOT NULL
)
SELECT place, CASE outcome WHEN 'erased' THEN 'this person was erased and does not come back' ELSE outcome END,
       CASE WHEN outcome <> 'erased' AND without_email THEN 'email belongs to somebody else, left out' END
  FROM judged;

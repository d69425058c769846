-- Statements of the chaos run. Named blocks: see shared/kit/sql_embed.awk.

-- name: relay_hold
-- From now on no relay of this database marks anything.
SELECT pg_advisory_lock(hashtext('chaos'));

-- name: relay_waits
-- The connection of the relay that waits to mark what the broker has.
SELECT pid FROM pg_stat_activity WHERE application_name = 'relay' AND datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory' LIMIT 1;

-- name: relay_cut
-- What its dead client had asked for does not happen any more.
SELECT pg_terminate_backend($1::integer, 5000);

-- name: open_pushes
-- Pushes that nobody has settled: id, and whether it waits for M-Pesa's word alone (it has no id to ask by).
SELECT id, state = 'unknown' AND checkout_request_id IS NULL FROM payments.pushes WHERE state IN ('created', 'pushing', 'pushed', 'unknown');

-- name: under_way
-- What has not arrived yet where it should: callbacks, events, rows of who applies them. Types that a subscriber has applied
-- once are those that it hears.
SELECT (SELECT count(*) FROM payments.stk_callbacks WHERE processed_at IS NULL)
     + (SELECT count(*) FROM events WHERE published_at IS NULL)
     + (SELECT count(*) FROM (SELECT DISTINCT h.service, e.topic, e.type FROM heard AS h JOIN events AS e USING (source, id)) AS wanted
          JOIN events AS e USING (topic, type)
         WHERE NOT EXISTS (SELECT FROM heard AS h WHERE h.service = wanted.service AND h.source = e.source AND h.id = e.id));

-- name: late_add
INSERT INTO seen.late (push_id) VALUES ($1);

-- name: told_add
INSERT INTO seen.told (topic, key, source, id, type)
SELECT e ->> 'topic', e ->> 'key', e -> 'headers' ->> 'ce_source', (e -> 'headers' ->> 'ce_id')::bigint, e -> 'headers' ->> 'ce_type'
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS all_of_them (e, place) ORDER BY place;

-- name: mpesa_add
INSERT INTO seen.mpesa
SELECT checkout_request_id, substring(callback_url FROM '/stk/([^/]+)\.[0-9a-f]+$'), state, amount, receipt, callbacks_answered
  FROM jsonb_to_recordset($1::jsonb -> 'transactions')
       AS r(checkout_request_id text, callback_url text, state text, amount bigint, receipt text, callbacks_answered bigint);

-- name: account_add
-- What the clients were told, as one object.
WITH bought AS (
    INSERT INTO seen.bought SELECT * FROM jsonb_to_recordset($1::jsonb -> 'bought') AS r(number integer, purchase_id text, user_id text, status text)
), unlocked AS (
    INSERT INTO seen.unlocked SELECT * FROM jsonb_to_recordset($1::jsonb -> 'unlocked') AS r(access_id text, user_id text, worker_id text)
), looked AS (
    INSERT INTO seen.looked SELECT * FROM jsonb_to_recordset($1::jsonb -> 'looked') AS r(user_id text, worker_id text, email text)
), credits AS (
    INSERT INTO seen.credits SELECT * FROM jsonb_to_recordset($1::jsonb -> 'credits') AS r(user_id text, credits bigint)
)
INSERT INTO seen.surprises (text) SELECT * FROM jsonb_array_elements_text($1::jsonb -> 'surprises');

-- name: verdict
-- Each view of the schema verdict: how much it has looked at, how much of that is wrong, and a few examples.
SELECT name, looked, wrong, examples FROM verdict_of_all();

-- name: figures
-- What is worth knowing beside: nothing of it is wrong.
SELECT 'events', count(*) || ' committed, ' || (SELECT count(*) FROM seen.told) || ' told, ' || (SELECT count(*) FROM seen.heard) || ' applied' FROM seen.events
UNION ALL SELECT 'told again', count(*) || ' events stand more than once in their topic' FROM (SELECT FROM seen.told GROUP BY source, id HAVING count(*) > 1) AS again
UNION ALL SELECT 'M-Pesa', count(*) || ' pushes, ' || count(*) FILTER (WHERE state = 'paid') || ' paid' FROM seen.mpesa
UNION ALL SELECT 'callbacks', sum(count) || ': ' || string_agg(outcome || ' ' || count, ', ') FROM (SELECT outcome, count(*) FROM seen.callbacks GROUP BY outcome ORDER BY outcome) AS o
UNION ALL SELECT 'settled by', string_agg(coalesce(answered_by, 'nobody yet') || ' ' || count, ', ') FROM (SELECT answered_by, count(*) FROM seen.pushes GROUP BY answered_by) AS a
UNION ALL SELECT 'purchases', string_agg(status || ' ' || count, ', ') FROM (SELECT status, count(*) FROM seen.purchases GROUP BY status ORDER BY status) AS s
UNION ALL SELECT 'paid late', count(*) || ' after they had been given up' FROM seen.pushes WHERE was_late
UNION ALL SELECT 'told by hand', count(DISTINCT push_id) || ' payments that M-Pesa had told nobody of' FROM seen.late
UNION ALL SELECT 'nobody knows', count(*) || ' pushes whose answer was lost and that M-Pesa knows nothing of' FROM seen.pushes AS p
           WHERE state = 'unknown' AND NOT EXISTS (SELECT FROM seen.mpesa AS m WHERE m.push_id = p.id);

-- Statements of the kit, prepared in every service. Named blocks: see sql_embed.awk.

-- name: outbox_insert
-- Adds one event that C built; most events are inserted by the statement that makes them true.
INSERT INTO outbox (topic, type, key, data) VALUES ($1, $2, $3, $4::json);

-- name: outbox_ids
-- First on every connection that may write events.
SELECT outbox_ids_raise();

-- name: audit_insert
INSERT INTO audit_log (actor, action, subject, details) VALUES ($1, $2, $3, coalesce($4::jsonb, '{}'));

-- audit, parked keys, idempotency, migrations

-- name: audit_chain_check
-- Rows of the chain, and the place of the first that was edited, removed or moved (0: none).
SELECT count(*), coalesce(min(place) FILTER (WHERE hash <> expected OR previous_hash <> before OR id <> place), 0)
  FROM (SELECT id, hash, previous_hash, audit_hash(entry) AS expected,
               lag(hash, 1, repeat('0', 64)) OVER (ORDER BY id) AS before,
               row_number() OVER (ORDER BY id) AS place
          FROM audit_log AS entry) AS chain;

-- name: parked_list
-- The thousand keys that have waited longest.
SELECT coalesce(json_agg(json_build_object(
           'topic', topic, 'key', key, 'state', state, 'reason', reason,
           'parked_at', rfc3339(parked_at),
           'events', (SELECT count(*) FROM parked_events AS e WHERE (e.topic, e.key) = (k.topic, k.key)),
           'first_type', (SELECT e.headers ->> 'ce_type' FROM parked_events AS e
                           WHERE (e.topic, e.key) = (k.topic, k.key) ORDER BY e.id LIMIT 1))
         ORDER BY parked_at, topic, key), '[]')
  FROM (SELECT * FROM parked_keys ORDER BY parked_at, topic, key LIMIT 1000) AS k;

-- name: parked_redrive
-- Marks keys for the inbox to work off: $1 topic or null, $2 key or null, $3 who asks.
WITH marked AS (
    UPDATE parked_keys SET state = 'redriving'
     WHERE state = 'parked' AND ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR key = $2)
    RETURNING 1
), logged AS (
    INSERT INTO audit_log (actor, action, subject, details)
    SELECT $3, 'events.redriven', coalesce($1, '*') || '/' || coalesce($2, '*'), jsonb_build_object('keys', count(*))
      FROM marked HAVING count(*) > 0
)
SELECT count(*) FROM marked;

-- name: parked_lock
-- Keeps the inbox away from a key until the transaction ends.
SELECT key FROM parked_keys WHERE topic = $1 AND key = $2 FOR UPDATE;

-- name: parked_discard
-- Drops the first event of a key, which from now on counts as applied, however often it comes; what follows is worked off.
WITH dropped AS (
    DELETE FROM parked_events
     WHERE id = (SELECT min(id) FROM parked_events WHERE topic = $1 AND key = $2)
    RETURNING headers ->> 'ce_type' AS type, headers ->> 'ce_source' AS source, headers ->> 'ce_id' AS id, record_partition, record_offset
), marked AS (
    UPDATE parked_keys SET state = 'redriving' WHERE topic = $1 AND key = $2
), handled AS (
    INSERT INTO inbox (source, id, topic) SELECT source, id, $1 FROM dropped ON CONFLICT DO NOTHING
)
INSERT INTO audit_log (actor, action, subject, details)
SELECT $3, 'events.discarded', $1 || '/' || $2,
       jsonb_build_object('type', type, 'id', id, 'partition', record_partition, 'offset', record_offset)
  FROM dropped;

-- name: idempotency_claim
-- One holder of the lock at a time, so the INSERT never waits for another transaction. Where the first
-- request ended between our snapshot and our lock, neither claimed nor kept comes back: "in progress" fits.
WITH lock AS (
    SELECT pg_try_advisory_xact_lock(hashtextextended(json_build_array($1::text, $2::text, $3::text)::text, 0)) AS taken
), claimed AS (
    INSERT INTO idempotency_keys (owner, route, key, fingerprint)
    SELECT $1, $2, $3, $4 FROM lock WHERE taken
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT EXISTS (SELECT FROM claimed), kept.fingerprint, kept.status, kept.content_type, kept.location, kept.body
  FROM lock LEFT JOIN idempotency_keys AS kept
    ON lock.taken AND kept.owner = $1 AND kept.route = $2 AND kept.key = $3;

-- name: idempotency_keep
UPDATE idempotency_keys SET status = $4, content_type = $5, location = $6, body = $7
 WHERE owner = $1 AND route = $2 AND key = $3;

-- name: idempotency_purge
-- At most $2 of what is older than $1 hours.
DELETE FROM idempotency_keys
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys
                          WHERE created_at < now() - make_interval(hours => $1::integer)
                          ORDER BY created_at LIMIT $2));

-- name: migration_lock
-- Held by the connection of the one migrator at work.
SELECT pg_try_advisory_lock(hashtext('schema_migrations'));

-- name: migration_list
SELECT name, checksum FROM schema_migrations ORDER BY applied_at, name;

-- name: migration_insert
INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2);

-- jobs, health

-- name: job_lock
-- Held until the job's transaction ends; another replica that holds it does the work.
SELECT pg_try_advisory_xact_lock(hashtext('job'), hashtext($1));

-- name: health_check
SELECT 1;

-- outbox, relay, inbox

-- name: relay_lead
-- The one relay of this database: held by its connection.
SELECT pg_try_advisory_lock(hashtext('relay'));

-- name: relay_plans
-- For this connection. Much has come since the outbox was last counted, or will: what looks at a few rows of it by one index is not to
-- gather all that wait by another one first.
SELECT set_config('enable_bitmapscan', 'off', false);

-- name: relay_notify
-- Wakes the leader from another replica; outside of any business transaction.
SELECT pg_notify('outbox', '');

-- name: bulk_hold
-- No bulk goes out while a connection holds this: whoever loads much needs the machine first.
SELECT pg_advisory_lock_shared(hashtext('bulk'));

-- name: bulk_begin
-- The events of this transaction are bulk. It waits for no disk, which bulk_keep does for all; and indexes are sorted in larger pieces.
SELECT set_config('dc.bulk', 'on', true), set_config('synchronous_commit', 'off', true), set_config('gin_pending_list_limit', '1MB', true);

-- name: bulk_keep
-- Once this is committed, so is all bulk before it: a message to nobody in the server's log, whose commit waits for the disk. By the
-- connection of bulk_hold, which was there before that bulk: a server that went down since has lost it, and this fails.
SELECT pg_logical_emit_message(true, 'dc.bulk', '');

-- name: relay_unpublished
-- $2: keys that wait because the broker did not take their next row, as 'topic key'. An event goes before all bulk, but of one key
-- neither kind goes before what waits of the other.
WITH bulk AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL AND is_bulk) AS waits
), turn AS MATERIALIZED (
    SELECT CASE WHEN waits THEN pg_try_advisory_xact_lock(hashtext('bulk')) ELSE false END AS is_theirs FROM bulk
), next AS (
    (SELECT * FROM outbox AS o
      WHERE published_at IS NULL AND NOT is_bulk AND topic || ' ' || key <> ALL ($2::text[])
        AND (NOT (SELECT waits FROM bulk) OR NOT EXISTS (
             SELECT FROM outbox AS b WHERE b.key = o.key AND b.topic = o.topic AND b.published_at IS NULL AND b.is_bulk AND b.id < o.id))
      ORDER BY id LIMIT $1)
    UNION ALL
    (SELECT * FROM outbox AS b
      WHERE (SELECT is_theirs FROM turn) AND published_at IS NULL AND is_bulk AND topic || ' ' || key <> ALL ($2::text[])
        AND (NOT (SELECT waits FROM bulk) OR NOT EXISTS (
             SELECT FROM outbox AS o WHERE o.key = b.key AND o.topic = b.topic AND o.published_at IS NULL AND NOT o.is_bulk AND o.id < b.id))
      ORDER BY id LIMIT $1)
    LIMIT $1
)
SELECT id, topic, type, key, data, traceparent, rfc3339(created_at) FROM next;

-- name: relay_published
-- Waits for no disk, and so keeps none busy that the readers of these events wait for: a mark that the server loses in a crash has
-- its event sent again, as one that came too late does.
UPDATE outbox SET published_at = clock_timestamp(), broker_cluster = $2
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS late
 WHERE id = ANY ($1::bigint[]);

-- name: relay_is_other_cluster
-- Whether another broker than this one acknowledged something.
SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NOT NULL AND broker_cluster <> $1);

-- name: relay_other_cluster
-- What another broker acknowledged is published again to this one: the next $3 rows behind id $2; how many, and the last of them.
WITH piece AS (
    SELECT id FROM outbox WHERE id > $2 AND published_at IS NOT NULL AND broker_cluster <> $1 ORDER BY id LIMIT $3
), again AS (
    UPDATE outbox SET published_at = NULL, broker_cluster = NULL WHERE id IN (SELECT id FROM piece)
)
SELECT count(*), max(id) FROM piece;

-- name: relay_backlog
SELECT waiting, coalesce((extract(epoch FROM clock_timestamp() - oldest) * 1000)::bigint, 0) FROM outbox_backlog();

-- name: outbox_purge
-- The next $4 of the events that were published more than $1 hours ago, in id order, so that each is looked at once. An old
-- event makes those before it of the same key superfluous where its topic is compacted ($2), and goes itself where its topic
-- is neither that nor kept for ever ($3). How many were looked at: $4 means that there may be more.
WITH candidate AS (
    SELECT id, topic, key, published_at < now() - make_interval(hours => $1::integer) AS is_old
      FROM outbox WHERE id > (SELECT purged_to FROM outbox_purge) ORDER BY id LIMIT $4
), aged AS (
    SELECT * FROM candidate
     WHERE id < coalesce((SELECT min(id) FROM candidate WHERE is_old IS NOT TRUE), 9223372036854775807)
), moved AS (
    UPDATE outbox_purge SET purged_to = coalesce((SELECT max(id) FROM aged), purged_to)
), dropped AS (
    DELETE FROM outbox AS o USING aged AS a
     WHERE o.key = a.key AND o.topic = a.topic
       AND CASE WHEN a.topic = ANY ($2::text[]) THEN o.id < a.id ELSE o.id = a.id AND a.topic <> ALL ($3::text[]) END
)
SELECT count(*) FROM aged;

-- name: inbox_purge
-- At most $2 of what was applied more than $1 hours ago.
DELETE FROM inbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM inbox WHERE processed_at < now() - make_interval(hours => $1::integer) ORDER BY processed_at LIMIT $2));

-- name: inbox_claim
-- Events, each with its key: first the topic and key of those whose key is parked (the lock lasts until the transaction ends, so that a
-- redrive cannot finish in between), then source and id of those that are new, in the order given. What has no source is not claimed.
WITH parked AS MATERIALIZED (
    SELECT topic, key FROM parked_keys WHERE key = ANY ($4::text[]) ORDER BY topic, key FOR SHARE
), fresh AS (
    INSERT INTO inbox (source, id, topic)
    SELECT source, id, topic FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS given (source, id, topic, key)
     WHERE source IS NOT NULL AND (topic, coalesce(key, '')) NOT IN (SELECT topic, key FROM parked)
    ON CONFLICT DO NOTHING
    RETURNING source, id
)
SELECT true, topic, key FROM parked UNION ALL SELECT false, source, id FROM fresh;

-- name: inbox_park_key
INSERT INTO parked_keys (topic, key, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: inbox_park_event
INSERT INTO parked_events (topic, key, record_partition, record_offset, headers, data)
VALUES ($1, $2, $3, $4, $5::json, $6) ON CONFLICT DO NOTHING;

-- name: redrive_next
-- The first event of a key that is being redriven, the key locked. A key without events comes with nulls.
SELECT k.topic, k.key, e.id, e.headers, e.data, e.record_partition, e.record_offset
  FROM parked_keys AS k
  LEFT JOIN LATERAL (SELECT * FROM parked_events WHERE topic = k.topic AND key = k.key ORDER BY id LIMIT 1) AS e ON true
 WHERE k.state = 'redriving'
 ORDER BY k.parked_at LIMIT 1
   FOR UPDATE OF k SKIP LOCKED;

-- name: redrive_done
DELETE FROM parked_events WHERE id = $1;

-- name: redrive_finish
DELETE FROM parked_keys WHERE topic = $1 AND key = $2;

-- name: redrive_failed
WITH failed AS (UPDATE parked_events SET attempts = attempts + 1 WHERE id = $4)
UPDATE parked_keys SET state = 'parked', reason = $3 WHERE topic = $1 AND key = $2;

-- name: parked_count
SELECT count(*), count(*) FILTER (WHERE state = 'redriving') FROM parked_keys;

-- name: replay_forget
-- A topic is read again from its beginning: what was applied of it counts as new.
DELETE FROM inbox WHERE topic = $1;

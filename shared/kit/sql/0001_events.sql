-- The kit's own tables, and functions for everybody's SQL: the same in every service's database.

CREATE FUNCTION rfc3339(value timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
COMMENT ON FUNCTION rfc3339 IS 'A time as the API writes it: UTC, milliseconds, Z.';

CREATE FUNCTION kes(cents bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT cents / 100.0::double precision
$$;
COMMENT ON FUNCTION kes IS 'Cents as the API writes an amount: KES with at most two decimals.';

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION append_only IS 'For a trigger before UPDATE, DELETE and TRUNCATE of tables whose rows stay as they are.';

CREATE TABLE outbox (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic          text        NOT NULL,
    type           text        NOT NULL,
    key            text        NOT NULL CHECK (key <> ''),
    data           json,
    is_bulk        boolean     NOT NULL DEFAULT coalesce(current_setting('dc.bulk', true), '') = 'on',
    traceparent    text        DEFAULT nullif(current_setting('dc.traceparent', true), ''),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at   timestamptz,
    broker_cluster text,
    CHECK ((published_at IS NULL) = (broker_cluster IS NULL))
);
CREATE INDEX outbox_unpublished ON outbox (is_bulk, id) WHERE published_at IS NULL;
CREATE INDEX outbox_key ON outbox USING hash (key);
COMMENT ON TABLE outbox IS 'Events, written in the transaction that made them true; the relay publishes them in id order, bulk last.';
COMMENT ON COLUMN outbox.id IS 'ce_id and ce_sequence; per key in commit order, because writers lock the aggregate row first.';
COMMENT ON COLUMN outbox.topic IS 'Kafka topic.';
COMMENT ON COLUMN outbox.type IS 'CloudEvents type, with its version.';
COMMENT ON COLUMN outbox.key IS 'Aggregate id: the record key.';
COMMENT ON COLUMN outbox.data IS 'Event data; null is a tombstone that clears the key of a compacted topic.';
COMMENT ON COLUMN outbox.is_bulk IS 'Of an import: the events of people who wait go first, but for those of the same key.';
COMMENT ON COLUMN outbox.traceparent IS 'W3C trace context of the request that caused it.';
COMMENT ON COLUMN outbox.created_at IS 'When the row was written: ce_time.';
COMMENT ON COLUMN outbox.published_at IS 'When the broker acknowledged it; null while it waits.';
COMMENT ON COLUMN outbox.broker_cluster IS 'Cluster that acknowledged it; another (empty) cluster gets the retained rows again.';

-- Capped, so that a long backlog costs no more than a short one: it is read in the order of its index, also by a plan that was made while
-- nothing waited.
CREATE FUNCTION outbox_backlog(OUT waiting bigint, OUT oldest timestamptz) LANGUAGE sql STABLE SET enable_sort = off AS $$
    SELECT count(*), min(created_at)
      FROM (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY is_bulk, id LIMIT 1000) AS o
$$;
COMMENT ON FUNCTION outbox_backlog IS 'How many events wait, 1000 at most, and since when the oldest of those does.';

CREATE TABLE outbox_purge (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    purged_to bigint  NOT NULL DEFAULT 0
);
INSERT INTO outbox_purge DEFAULT VALUES;
COMMENT ON TABLE outbox_purge IS 'How far old events have been purged: one row.';
COMMENT ON COLUMN outbox_purge.singleton IS 'True: there is one row.';
COMMENT ON COLUMN outbox_purge.purged_to IS 'Up to this outbox id all events were old enough and have been looked at.';

CREATE TABLE inbox (
    source       text        NOT NULL,
    id           text        NOT NULL,
    topic        text        NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);
CREATE INDEX inbox_processed_at ON inbox (processed_at);
COMMENT ON TABLE inbox IS 'Events whose effect is committed: a second delivery finds its row and does nothing.';
COMMENT ON COLUMN inbox.source IS 'ce_source: who told it.';
COMMENT ON COLUMN inbox.id IS 'ce_id: unique per source.';
COMMENT ON COLUMN inbox.topic IS 'Topic it came from.';
COMMENT ON COLUMN inbox.processed_at IS 'When its effect was committed.';

CREATE TABLE parked_keys (
    topic     text        NOT NULL,
    key       text        NOT NULL,
    state     text        NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'redriving')),
    reason    text        NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, key)
);
COMMENT ON TABLE parked_keys IS 'Keys whose events wait, in order, because one of them could not be applied.';
COMMENT ON COLUMN parked_keys.topic IS 'Topic of the key.';
COMMENT ON COLUMN parked_keys.key IS 'Record key.';
COMMENT ON COLUMN parked_keys.state IS 'parked: waiting for an operator; redriving: the service works it off.';
COMMENT ON COLUMN parked_keys.reason IS 'Why the first event could not be applied.';
COMMENT ON COLUMN parked_keys.parked_at IS 'Since when.';

CREATE TABLE parked_events (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic            text        NOT NULL,
    key              text        NOT NULL,
    record_partition integer     NOT NULL,
    record_offset    bigint      NOT NULL,
    headers          json        NOT NULL,
    data             text,
    parked_at        timestamptz NOT NULL DEFAULT now(),
    attempts         integer     NOT NULL DEFAULT 0,
    FOREIGN KEY (topic, key) REFERENCES parked_keys (topic, key)
);
-- not by offset: another broker counts from 0 again
CREATE UNIQUE INDEX parked_events_once ON parked_events ((headers ->> 'ce_source'), (headers ->> 'ce_id'));
CREATE INDEX parked_events_key ON parked_events (topic, key, id);
COMMENT ON TABLE parked_events IS 'The events of parked keys, as they came.';
COMMENT ON COLUMN parked_events.id IS 'Order of arrival.';
COMMENT ON COLUMN parked_events.topic IS 'Topic.';
COMMENT ON COLUMN parked_events.key IS 'Record key.';
COMMENT ON COLUMN parked_events.record_partition IS 'Partition it came from.';
COMMENT ON COLUMN parked_events.record_offset IS 'Offset it came from.';
COMMENT ON COLUMN parked_events.headers IS 'Record headers, as an object.';
COMMENT ON COLUMN parked_events.data IS 'Record value; null is a tombstone.';
COMMENT ON COLUMN parked_events.parked_at IS 'When it was parked.';
COMMENT ON COLUMN parked_events.attempts IS 'How often a redrive tried it.';

CREATE TABLE idempotency_keys (
    owner        text        NOT NULL,
    route        text        NOT NULL,
    key          text        NOT NULL,
    fingerprint  text        NOT NULL,
    status       integer,
    content_type text,
    body         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, route, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
COMMENT ON TABLE idempotency_keys IS 'First answers of requests that carried an Idempotency-Key.';
COMMENT ON COLUMN idempotency_keys.owner IS 'User id, or address:… for somebody not signed in.';
COMMENT ON COLUMN idempotency_keys.route IS 'Method and path pattern.';
COMMENT ON COLUMN idempotency_keys.key IS 'The key, as sent.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of method, path and body: another request with this key is refused.';
COMMENT ON COLUMN idempotency_keys.status IS 'HTTP status of the first answer.';
COMMENT ON COLUMN idempotency_keys.content_type IS 'Content type of the first answer.';
COMMENT ON COLUMN idempotency_keys.body IS 'Body of the first answer.';
COMMENT ON COLUMN idempotency_keys.created_at IS 'When it was claimed.';

CREATE TABLE audit_log (
    id            bigint      PRIMARY KEY,
    at            timestamptz NOT NULL,
    actor         text        NOT NULL,
    action        text        NOT NULL,
    subject       text        NOT NULL,
    details       jsonb       NOT NULL DEFAULT '{}',
    previous_hash text        NOT NULL,
    hash          text        NOT NULL
);
CREATE INDEX audit_log_subject ON audit_log (subject, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
COMMENT ON TABLE audit_log IS 'Who did what to whom: append-only, each row hashed over the one before.';
COMMENT ON COLUMN audit_log.id IS 'Position in the chain, without gaps, from 1.';
COMMENT ON COLUMN audit_log.at IS 'When.';
COMMENT ON COLUMN audit_log.actor IS 'User id, or operator:NAME for the command line.';
COMMENT ON COLUMN audit_log.action IS 'What was done: user.deactivated, events.discarded …';
COMMENT ON COLUMN audit_log.subject IS 'Id of what it was done to.';
COMMENT ON COLUMN audit_log.details IS 'Particulars; no secrets and no contact details.';
COMMENT ON COLUMN audit_log.previous_hash IS 'hash of the row before; 64 zeros for the first.';
COMMENT ON COLUMN audit_log.hash IS 'SHA-256 over all other columns.';

CREATE FUNCTION audit_hash(entry audit_log) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(json_build_array(
        (entry).id, to_char((entry).at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), (entry).actor,
        (entry).action, (entry).subject, (entry).details, (entry).previous_hash)::text, 'UTF8')), 'hex')
$$;

-- One writer at a time extends the chain; the lock ends with the transaction.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last audit_log;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_log'));
    SELECT * INTO last FROM audit_log ORDER BY id DESC LIMIT 1;
    NEW.id := coalesce(last.id, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.previous_hash := coalesce(last.hash, repeat('0', 64));
    NEW.hash := audit_hash(NEW);
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION append_only();

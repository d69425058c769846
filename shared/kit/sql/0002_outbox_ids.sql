-- Ids of events for a database that was restored.

-- Who applied an event never applies its id again. A database that came back from a backup, a snapshot or a standby that was behind would
-- hand out ids once more that the broker and its readers know. So ids go on from the clock's microseconds, whenever somebody connects and
-- the clock is ahead: no more than a million events a second ever come, so none has got a higher one. Whoever takes ids meanwhile takes
-- fewer than the margin. A standby that is only read keeps its ids.
CREATE FUNCTION outbox_ids_raise() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    margin CONSTANT bigint := 1000000;
    now_us bigint;
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('outbox_ids'));
    now_us := extract(epoch FROM clock_timestamp()) * 1000000;
    PERFORM setval('outbox_id_seq', now_us) FROM outbox_id_seq WHERE last_value < now_us - margin;
END
$$;
COMMENT ON FUNCTION outbox_ids_raise IS 'Has the ids of events go on from the clock, in microseconds, unless they are there already.';

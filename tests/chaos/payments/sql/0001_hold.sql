-- Into each service's database: a way to hold its relay where it would mark what the broker has taken. Costs one advisory lock
-- a statement that nobody else wants until somebody holds it.
CREATE OR REPLACE FUNCTION chaos_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('chaos'));
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER chaos_hold BEFORE UPDATE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION chaos_hold();

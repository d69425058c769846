-- Of much that comes at once, what can be done once is done once.

-- Photos of many workers are one statement: their workers follow together.
DROP TRIGGER worker_touch ON photos;
CREATE FUNCTION workers_show_photos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE housegirl_profiles SET photos = worker_photos(profile_id) WHERE profile_id IN (SELECT profile_id FROM touched);
    RETURN NULL;
END
$$;
CREATE TRIGGER photos_added AFTER INSERT ON photos REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION workers_show_photos();
CREATE TRIGGER photos_changed AFTER UPDATE ON photos REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION workers_show_photos();
CREATE TRIGGER photos_removed AFTER DELETE ON photos REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION workers_show_photos();

CREATE OR REPLACE FUNCTION worker_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE housegirl_profiles SET profile_id = profile_id WHERE profile_id = NEW.id;
    RETURN NULL;
END
$$;

-- How much waits to be sorted into it depends on who writes: session_options in db_wire.c, bulk_begin in the kit's queries.sql.
ALTER INDEX housegirl_facets RESET (gin_pending_list_limit);

-- Run at the start of every migration, so it must stand being repeated.

CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE schema_migrations IS 'Which migrations this database has.';
COMMENT ON COLUMN schema_migrations.name IS 'Owner and file: kit/0001_events.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of its text: an applied migration never changes.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When.';

-- What was read from legacy files: kept as given, so that nothing is dropped and a fixed row can come again.

CREATE TABLE import_runs (
    run        integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file       text        NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE import_runs IS 'Each time a file was read.';
COMMENT ON COLUMN import_runs.run IS 'Number of the run.';
COMMENT ON COLUMN import_runs.file IS 'Name of the file, without its folder.';
COMMENT ON COLUMN import_runs.started_at IS 'When.';

CREATE TABLE import_rows (
    collection text    NOT NULL,
    row_key    text    NOT NULL,
    run        integer NOT NULL,
    ordinal    bigint  NOT NULL,
    content    json    NOT NULL,
    refs       text[]  NOT NULL DEFAULT '{}',
    PRIMARY KEY (collection, row_key)
);
CREATE INDEX import_rows_run ON import_rows (collection, run, ordinal);
COMMENT ON TABLE import_rows IS 'Rows that were taken: they are in their services, or wait for a service to come.';
COMMENT ON COLUMN import_rows.collection IS 'Member of the file it stood in.';
COMMENT ON COLUMN import_rows.row_key IS 'The row''s id.';
COMMENT ON COLUMN import_rows.run IS 'The run that read it last.';
COMMENT ON COLUMN import_rows.ordinal IS 'Place in its collection in that file.';
COMMENT ON COLUMN import_rows.content IS 'The row after repairs of references.';
COMMENT ON COLUMN import_rows.refs IS 'Its references in the order of import_collections.c, as they stand in content.';

CREATE TABLE import_findings (
    collection text    NOT NULL,
    row_key    text    NOT NULL,
    run        integer NOT NULL,
    ordinal    bigint  NOT NULL,
    state      text    NOT NULL CHECK (state IN ('repaired', 'quarantined')),
    notes      text[]  NOT NULL,
    raw        text,
    PRIMARY KEY (collection, row_key),
    CHECK ((raw IS NOT NULL) = (state = 'quarantined'))
);
COMMENT ON TABLE import_findings IS 'What was found wrong with rows: repaired ones are in import_rows, quarantined ones are here alone.';
COMMENT ON COLUMN import_findings.collection IS 'Member of the file it stood in.';
COMMENT ON COLUMN import_findings.row_key IS 'The row''s id, or # and its place where it has no usable one.';
COMMENT ON COLUMN import_findings.run IS 'The run that found it.';
COMMENT ON COLUMN import_findings.ordinal IS 'Place in its collection in that file.';
COMMENT ON COLUMN import_findings.state IS 'repaired: taken after a repair; quarantined: kept here, and taken by a later run once it is right.';
COMMENT ON COLUMN import_findings.notes IS 'What was repaired and why, or why it is quarantined.';
COMMENT ON COLUMN import_findings.raw IS 'The quarantined row as given.';

CREATE TABLE import_collections (
    collection  text    PRIMARY KEY,
    run         integer NOT NULL,
    place       integer NOT NULL,
    read        bigint  NOT NULL,
    imported    bigint  NOT NULL DEFAULT 0,
    repaired    bigint  NOT NULL DEFAULT 0,
    unchanged   bigint  NOT NULL DEFAULT 0,
    waiting     bigint  NOT NULL DEFAULT 0,
    quarantined bigint  NOT NULL DEFAULT 0
);
COMMENT ON TABLE import_collections IS 'What became of each collection in the last run that held it.';
COMMENT ON COLUMN import_collections.collection IS 'Member of the file.';
COMMENT ON COLUMN import_collections.run IS 'That run.';
COMMENT ON COLUMN import_collections.place IS 'Order in the report.';
COMMENT ON COLUMN import_collections.read IS 'Rows in the file.';
COMMENT ON COLUMN import_collections.imported IS 'Rows that are new in their service.';
COMMENT ON COLUMN import_collections.repaired IS 'How many of the rows taken were repaired.';
COMMENT ON COLUMN import_collections.unchanged IS 'Rows their service had before.';
COMMENT ON COLUMN import_collections.waiting IS 'Rows that are checked and wait for a service to come.';
COMMENT ON COLUMN import_collections.quarantined IS 'Rows that are kept back.';

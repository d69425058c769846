-- What was read from legacy files: kept as given, so that nothing is dropped and a fixed row can come again.

CREATE TABLE import_rows (
    collection text        NOT NULL,
    row_key    text        NOT NULL,
    ordinal    bigint      NOT NULL,
    id         text,
    raw        text        NOT NULL,
    content    jsonb,
    state      text        NOT NULL DEFAULT 'read'
               CHECK (state IN ('read', 'imported', 'repaired', 'unchanged', 'waiting', 'quarantined')),
    notes      text[]      NOT NULL DEFAULT '{}',
    written    boolean     NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection, row_key),
    CHECK (content IS NOT NULL OR state = 'quarantined')
);
CREATE INDEX import_rows_todo ON import_rows (collection, ordinal) WHERE state = 'read';
CREATE INDEX import_rows_profile ON import_rows ((content ->> 'profile_id')) WHERE collection = 'housegirl_profiles';
CREATE INDEX import_rows_user ON import_rows ((content ->> 'user_id')) WHERE collection = 'profiles';
COMMENT ON TABLE import_rows IS 'Rows of legacy db.json files and what became of them.';
COMMENT ON COLUMN import_rows.collection IS 'Member of the file it stood in.';
COMMENT ON COLUMN import_rows.row_key IS 'The row''s id where it has a usable one that is the first of its kind, else its place in the file.';
COMMENT ON COLUMN import_rows.ordinal IS 'Place in its collection, from 1, in the file read last.';
COMMENT ON COLUMN import_rows.id IS 'Its id, as given.';
COMMENT ON COLUMN import_rows.raw IS 'The row as given; bytes that are no text are escaped as \xNN.';
COMMENT ON COLUMN import_rows.content IS 'The row after repairs of references; null when it could not be parsed.';
COMMENT ON COLUMN import_rows.state IS 'read: in work; imported, repaired, unchanged: in its service; waiting: checked, for a service to come; quarantined: kept here, see notes.';
COMMENT ON COLUMN import_rows.notes IS 'What was repaired and why, or why it is quarantined.';
COMMENT ON COLUMN import_rows.written IS 'While in work: a service has written something new for it.';
COMMENT ON COLUMN import_rows.changed_at IS 'When its state changed last.';

-- True where a row of collection with this id is in its service, or waits for it.
CREATE FUNCTION import_has(wanted_collection text, wanted_id text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM import_rows
                    WHERE collection = wanted_collection AND row_key = wanted_id
                      AND state IN ('imported', 'repaired', 'unchanged', 'waiting'))
$$;

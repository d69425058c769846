-- What its services have taken is not kept a second time: a person may have it erased there, and of some it was never to be kept. Until
-- then a row stays where it stands, in the file.

ALTER TABLE import_rows ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN file_offset bigint,
    ADD COLUMN file_bytes  integer,
    ADD COLUMN repairs     jsonb,
    ADD CONSTRAINT import_rows_span CHECK ((file_offset IS NULL) = (file_bytes IS NULL));
UPDATE import_rows AS r SET content = NULL FROM import_collections AS c WHERE c.collection = r.collection AND c.waiting = 0;
COMMENT ON COLUMN import_rows.content IS 'The row, where it waits for a service; or, until it is taken, where it is not as it stands in the file.';
COMMENT ON COLUMN import_rows.file_offset IS 'Where it stands in the file of its run.';
COMMENT ON COLUMN import_rows.file_bytes IS 'How long it is there.';
COMMENT ON COLUMN import_rows.repairs IS 'References that were repaired, by member: they take the place of those in the row.';

ALTER TABLE import_findings
    ADD COLUMN file_offset bigint,
    ADD COLUMN file_bytes  integer,
    DROP CONSTRAINT import_findings_check,
    ADD CONSTRAINT import_findings_raw CHECK ((raw IS NOT NULL OR file_offset IS NOT NULL) = (state = 'quarantined')),
    ADD CONSTRAINT import_findings_span CHECK ((file_offset IS NULL) = (file_bytes IS NULL));
CREATE INDEX import_findings_unread ON import_findings (run, collection, ordinal) WHERE file_offset IS NOT NULL;
COMMENT ON COLUMN import_findings.file_offset IS 'Where a quarantined row stands in the file, until the import ends by reading it from there.';
COMMENT ON COLUMN import_findings.file_bytes IS 'How long it is there.';

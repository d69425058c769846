-- Rows that are kept back hold what people said of themselves. They are kept for some days, for somebody to look at; then it is known where
-- they stood and why they were not taken, no more.

ALTER TABLE import_findings
    DROP CONSTRAINT import_findings_raw,
    ADD CONSTRAINT import_findings_raw CHECK (state = 'quarantined' OR (raw IS NULL AND file_offset IS NULL));
CREATE INDEX import_findings_kept ON import_findings (run) WHERE raw IS NOT NULL;
COMMENT ON COLUMN import_findings.raw IS 'The quarantined row as given; null after DC_IMPORT_KEEP_D days.';

-- Repairs that are made while a row is read.

ALTER TABLE import_incoming ADD COLUMN note text;
COMMENT ON COLUMN import_incoming.note IS 'What was repaired, pieces set off by "; "; null when nothing was.';

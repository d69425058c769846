-- A repeated request gets the first answer whole: where it sends its reader belongs to it.

ALTER TABLE idempotency_keys ADD location text;
COMMENT ON COLUMN idempotency_keys.location IS 'Location header of the first answer; null where it had none.';

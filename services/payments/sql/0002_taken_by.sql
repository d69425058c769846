-- What a worker took without learning of it can be given back, as nobody has sent it.

ALTER TABLE pushes ADD COLUMN taken_by text;
ALTER TABLE refunds ADD COLUMN taken_by text;
COMMENT ON COLUMN pushes.taken_by IS 'The attempt that took it last; null before the first.';
COMMENT ON COLUMN refunds.taken_by IS 'The attempt that took it last; null before the first.';
CREATE INDEX pushes_taken_by ON pushes (taken_by) WHERE state = 'pushing';
CREATE INDEX refunds_taken_by ON refunds (taken_by) WHERE state = 'sending';

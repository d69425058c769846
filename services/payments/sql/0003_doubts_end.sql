-- A doubt about a settled push that M-Pesa never resolves comes to an end.

COMMENT ON COLUMN pushes.act_at IS 'When the next step is due: the push, the next query, or the end of a lease; infinity: a doubt was given up.';

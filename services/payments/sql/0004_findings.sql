-- What the reconciliation looks for is rare among all that there ever was: it is found by indexes that hold nothing else.

CREATE INDEX pushes_given_up ON pushes (settled_at) WHERE state = 'expired' AND answered_by = 'nobody';
CREATE INDEX pushes_late ON pushes (settled_at) WHERE was_late;
CREATE INDEX pushes_asked ON pushes (id) WHERE answered_by = 'query';
CREATE INDEX stk_callbacks_odd ON stk_callbacks (outcome) WHERE outcome <> 'applied';

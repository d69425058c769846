-- Statements about M-Pesa: pushes, what it calls back and answers, its token, refunds.

-- pushes

-- name: push_take
-- The next push that is due, for $1 seconds, taken by the attempt $2. A phone that has a prompt on it waits its turn, and one that
-- paid the same amount in the last $3 seconds until M-Pesa takes it again. Nobody is prompted who was erased.
UPDATE pushes SET state = 'pushing', taken_by = $2, act_at = now() + make_interval(secs => $1::integer)
 WHERE id = (SELECT p.id FROM pushes AS p
              WHERE p.state = 'created' AND p.act_at <= now()
                AND NOT EXISTS (SELECT FROM pushes AS busy WHERE busy.phone_number = p.phone_number AND busy.state IN ('pushing', 'pushed'))
                AND NOT EXISTS (SELECT FROM pushes AS paid
                                 WHERE paid.phone_number = p.phone_number AND paid.created_at > now() - interval '1 hour' AND paid.state = 'completed'
                                   AND paid.amount = p.amount AND paid.settled_at > now() - make_interval(secs => $3::integer))
                AND NOT EXISTS (SELECT FROM erased AS e WHERE e.user_id = p.user_id)
              ORDER BY p.act_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, phone_number, amount, extract(epoch FROM now() - created_at)::bigint;

-- name: push_lost
-- What the attempt $1 took without knowing, and nobody has sent; where M-Pesa speaks of it all the same, a query decides.
SELECT id FROM pushes WHERE taken_by = $1 AND state IN ('pushing', 'unknown') AND checkout_request_id IS NULL AND NOT in_doubt FOR UPDATE;

-- name: push_again
-- M-Pesa has surely not taken it: once more in $2 seconds.
UPDATE pushes SET state = 'created', act_at = now() + make_interval(secs => $2::integer) WHERE id = $1 AND state = 'pushing';

-- name: push_lock
-- The last: its ids are a callback's word alone, which nobody has confirmed.
SELECT state, subject_kind, subject_id, amount, checkout_request_id, merchant_request_id, receipt, in_doubt AND pushed_at IS NULL FROM pushes WHERE id = $1 FOR UPDATE;

-- name: push_accepted
-- $2 merchant's id, $3 checkout id, $4 seconds until the first query, $5 state.
UPDATE pushes SET state = $5, merchant_request_id = $2, checkout_request_id = $3, pushed_at = now(),
       act_at = now() + make_interval(secs => $4::integer)
 WHERE id = $1;

-- name: push_settle
-- $2 state, $3 code, $4 words, $5 who said so, $6 receipt or null, $7 paid after it had been given up. A doubt is over once it is
-- paid, or by the answer to a question that was asked because of it: one that came while M-Pesa was asked has made the lease end.
UPDATE pushes SET state = $2, result_code = $3, result_detail = $4, answered_by = $5, receipt = coalesce($6, receipt), was_late = was_late OR $7::boolean,
       in_doubt = in_doubt AND $2 <> 'completed' AND ($5 IN ('push', 'callback') OR act_at <= now()), settled_at = now()
 WHERE id = $1;

-- name: push_unknown
-- Nobody has said what became of it: M-Pesa is asked in $2 seconds.
UPDATE pushes SET state = 'unknown', result_detail = $3, act_at = now() + make_interval(secs => $2::integer) WHERE id = $1;

-- name: push_receipt
UPDATE pushes SET receipt = $2 WHERE id = $1 AND receipt IS NULL;

-- name: push_ids
-- The ids of a push that was settled before its own answer came.
UPDATE pushes SET merchant_request_id = coalesce(merchant_request_id, $2), checkout_request_id = coalesce(checkout_request_id, $3) WHERE id = $1;

-- name: push_adopt
-- The ids of a push whose answer was lost, from its callback, unless they belong to another, and the receipt ($4) that it
-- tells; M-Pesa is asked at once whether it is true.
UPDATE pushes SET checkout_request_id = CASE WHEN EXISTS (SELECT FROM pushes AS o WHERE o.checkout_request_id = $2) THEN checkout_request_id
                                             ELSE coalesce(checkout_request_id, $2) END,
       merchant_request_id = coalesce(merchant_request_id, $3), told_receipt = coalesce($4, told_receipt), in_doubt = state <> 'completed', act_at = now()
 WHERE id = $1;

-- name: push_disown
-- M-Pesa knows no such checkout id ($2): the callback that the push has it from named a wrong one. It is forgotten until $3
-- seconds from now, and what other callbacks have named is looked at again.
WITH disowned AS (
    UPDATE pushes SET checkout_request_id = NULL, merchant_request_id = NULL, told_receipt = NULL, in_doubt = false,
           act_at = now() + make_interval(secs => $3::integer)
     WHERE id = $1 AND checkout_request_id = $2 AND state = 'unknown' AND pushed_at IS NULL
    RETURNING id
), refused AS (
    UPDATE stk_callbacks AS c SET doubt = 'a CheckoutRequestID unknown to M-Pesa' FROM disowned AS d
     WHERE c.push_id = d.id AND c.outcome = 'doubtful' AND position($2 IN c.body) > 0
), again AS (
    UPDATE stk_callbacks AS c SET processed_at = NULL, outcome = NULL, doubt = NULL, act_at = now() FROM disowned AS d
     WHERE c.push_id = d.id AND c.outcome = 'doubtful' AND position($2 IN c.body) = 0 AND c.doubt <> 'a CheckoutRequestID unknown to M-Pesa'
)
SELECT count(*) FROM disowned;

-- name: query_take
-- The next push to ask M-Pesa about, for $1 seconds.
UPDATE pushes SET act_at = now() + make_interval(secs => $1::integer), query_count = query_count + 1
 WHERE id = (SELECT p.id FROM pushes AS p
              WHERE p.state IN ('pushing', 'pushed', 'unknown') AND p.act_at <= now()
              ORDER BY p.act_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, state, checkout_request_id, query_count, extract(epoch FROM now() - coalesce(pushed_at, created_at))::bigint,
          CASE WHEN NOT EXISTS (SELECT FROM pushes AS o WHERE o.receipt = pushes.told_receipt) THEN told_receipt END;

-- name: query_doubt_take
-- A settled push that a doubtful callback says was paid after all; its age is that of the last such callback.
UPDATE pushes SET act_at = now() + make_interval(secs => $1::integer), query_count = query_count + 1
 WHERE id = (SELECT p.id FROM pushes AS p
              WHERE p.in_doubt AND p.state IN ('failed', 'expired') AND p.act_at <= now() AND p.checkout_request_id IS NOT NULL
              ORDER BY p.act_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, state, checkout_request_id, query_count,
          coalesce(extract(epoch FROM now() - (SELECT max(received_at) FROM stk_callbacks AS c
                                                WHERE c.push_id = pushes.id AND c.outcome IN ('doubtful', 'malformed')))::bigint, 0),
          CASE WHEN NOT EXISTS (SELECT FROM pushes AS o WHERE o.receipt = pushes.told_receipt) THEN told_receipt END;

-- name: query_later
UPDATE pushes SET act_at = now() + make_interval(secs => $2::integer), result_detail = coalesce($3, result_detail) WHERE id = $1;

-- name: doubt_over
-- M-Pesa was asked; unless something doubtful has come meanwhile, which has made the lease end.
UPDATE pushes SET in_doubt = false WHERE id = $1 AND act_at > now();

-- name: doubt_given_up
-- Asked about no more, unless something doubtful comes or has come meanwhile: the doubt stays, as a finding.
UPDATE pushes SET act_at = 'infinity', result_detail = $2 WHERE id = $1 AND act_at > now() AND in_doubt;

-- callbacks

-- name: callback_insert
INSERT INTO stk_callbacks (push_id, source_address, body) VALUES ($1, $2, $3);

-- name: callback_take
SELECT id, push_id, body FROM stk_callbacks WHERE processed_at IS NULL AND act_at <= now() ORDER BY act_at, id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: callback_later
-- Once more in $2 seconds, and others first.
UPDATE stk_callbacks SET act_at = now() + make_interval(secs => $2::integer) WHERE id = $1 AND processed_at IS NULL;

-- name: callback_done
-- One that comes after its person was erased keeps no phone.
UPDATE stk_callbacks AS c SET processed_at = now(), outcome = $2, doubt = $3,
       body = CASE WHEN EXISTS (SELECT FROM pushes AS p JOIN erased AS e ON e.user_id = p.user_id WHERE p.id = c.push_id) THEN without_phones(body) ELSE body END
 WHERE id = $1;

-- name: receipt_elsewhere
-- Whether M-Pesa's receipt number belongs to another push already.
SELECT EXISTS (SELECT FROM pushes WHERE receipt = $1 AND id <> $2);

-- name: callback_redact
-- Phone numbers are cut out of bodies older than $1 days.
UPDATE stk_callbacks SET body = without_phones(body)
 WHERE id = ANY (ARRAY(SELECT id FROM stk_callbacks
                        WHERE received_at < now() - make_interval(days => $1::integer) AND processed_at IS NOT NULL AND body ~ '254[17][0-9]{8}'
                        ORDER BY received_at LIMIT 1000));

-- the token

-- name: token_read
SELECT sealed_token, floor(extract(epoch FROM expires_at - now()) * 1000)::bigint FROM daraja_token WHERE expires_at > now();

-- name: token_lock
-- One replica fetches, the others wait here and find its token.
SELECT sealed_token, CASE WHEN expires_at > now() THEN floor(extract(epoch FROM expires_at - now()) * 1000)::bigint ELSE 0 END FROM daraja_token FOR UPDATE;

-- name: token_drop
-- M-Pesa no longer knows this token.
UPDATE daraja_token SET expires_at = '-infinity' WHERE sealed_token = $1;

-- name: token_write
UPDATE daraja_token SET sealed_token = $1, expires_at = now() + make_interval(secs => $2::integer);

-- refunds

-- name: refund_subject_lock
-- Refunds of one payment are asked for one after the other, each in sight of those before.
SELECT (SELECT id FROM user_purchases WHERE id = $1 FOR UPDATE), (SELECT id FROM agency_payments WHERE id = $1 FOR UPDATE);

-- name: refund_subject
-- What a payment was: whether it can be refunded, and how much of it was before.
SELECT s.kind, s.user_id, s.amount_charged, s.receipt, s.status, s.credits, p.phone_number,
       coalesce((SELECT sum(r.amount) FROM refunds AS r WHERE r.subject_kind = s.kind AND r.subject_id = $1 AND r.state <> 'failed'), 0)::bigint
  FROM (SELECT 'purchase' AS kind, user_id, amount_charged, receipt, status, contacts_included AS credits FROM user_purchases WHERE id = $1
        UNION ALL
        SELECT 'agency_payment', payer_user_id, amount_charged, payment_reference, status, 0 FROM agency_payments WHERE id = $1) AS s
  LEFT JOIN pushes AS p ON p.subject_kind = s.kind AND p.subject_id = $1;

-- name: refund_insert
-- $1 id, $2 method, $3 kind, $4 subject, $5 user, $6 cents, $7 credits to take back, $8 receipt, $9 phone, $10 reason, $11 administrator, $12 our id at M-Pesa.
WITH made AS (
    INSERT INTO refunds (id, method, subject_kind, subject_id, user_id, amount, credits, receipt, phone_number, reason, requested_by, originator_conversation_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    RETURNING *
), taken AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'credits_taken_back', 'credit', credits, 'user:' || user_id, 'credits_issued', id FROM made WHERE credits > 0
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.refunds', 'ke.domesticconnect.refund.requested.v1', made.id, refund_event(made) FROM made
), noted AS (
    INSERT INTO audit_log (actor, action, subject, details)
    SELECT requested_by, 'payment.refund_requested', subject_id, jsonb_build_object('refund', id, 'amount', kes(amount), 'reason', reason) FROM made
)
SELECT refund_event(made) FROM made;

-- name: refund_take
-- The next refund that is due, for $1 seconds, taken by the attempt $2.
UPDATE refunds SET state = 'sending', taken_by = $2, act_at = now() + make_interval(secs => $1::integer)
 WHERE id = (SELECT id FROM refunds WHERE state = 'created' AND act_at <= now() ORDER BY act_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, method, amount, receipt, phone_number, originator_conversation_id;

-- name: refund_lost
-- What the attempt $1 took without knowing, and nobody has sent.
SELECT id FROM refunds WHERE taken_by = $1 AND state IN ('sending', 'unknown') AND conversation_id IS NULL;

-- name: refund_again
UPDATE refunds SET state = 'created', act_at = now() + make_interval(secs => $2::integer) WHERE id = $1 AND state = 'sending';

-- name: refund_sent
-- Its lease may have run out before the answer came.
UPDATE refunds SET state = 'sent', conversation_id = $2 WHERE id = $1 AND state IN ('sending', 'unknown');

-- name: refund_unknown
-- Leases that ran out, and refunds that M-Pesa never spoke of again for $1 seconds.
UPDATE refunds SET state = 'unknown', result_detail = 'M-Pesa did not say what became of it.'
 WHERE (state = 'sending' AND act_at < now()) OR (state = 'sent' AND act_at < now() - make_interval(secs => $1::integer));

-- name: refund_queued_out
UPDATE refunds SET state = 'unknown', result_detail = 'M-Pesa''s queue was too long.' WHERE id = $1 AND state IN ('sending', 'sent');

-- name: refund_of
SELECT subject_id FROM refunds WHERE id = $1;

-- name: refund_lock
-- After its payment (refund_subject_lock), as who asks for a refund locks that first, too.
SELECT state FROM refunds WHERE id = $1 FOR UPDATE;

-- name: refund_completed
-- $2 M-Pesa's receipt. A refund of the whole makes the payment refunded. One that was said to have failed gave its credits
-- back; those that are left are taken again.
WITH before AS (
    SELECT state = 'failed' AS failed FROM refunds WHERE id = $1
), done AS (
    UPDATE refunds SET state = 'completed', refund_receipt = $2, result_code = '0', settled_at = now(), was_late = (SELECT failed FROM before)
     WHERE id = $1 RETURNING *
), taken AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'credits_taken_back', 'credit', least(done.credits, b.balance), b.account, 'credits_issued', done.id || '-late'
      FROM done JOIN ledger_balances AS b ON b.account = 'user:' || done.user_id AND b.unit = 'credit'
     WHERE done.was_late AND least(done.credits, b.balance) > 0
), money AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'refunded', 'KES', amount, 'mpesa', 'customers', id FROM done
), purchase AS (
    UPDATE user_purchases AS u SET status = 'refunded' FROM done
     WHERE done.subject_kind = 'purchase' AND u.id = done.subject_id AND u.status = 'completed'
       AND (SELECT coalesce(sum(r.amount), 0) FROM refunds AS r WHERE r.subject_kind = 'purchase' AND r.subject_id = u.id AND r.state = 'completed' AND r.id <> done.id)
           + done.amount >= u.amount_charged
    RETURNING u.*
), fee AS (
    UPDATE agency_payments AS a SET status = 'refunded' FROM done
     WHERE done.subject_kind = 'agency_payment' AND a.id = done.subject_id AND a.status = 'completed'
       AND (SELECT coalesce(sum(r.amount), 0) FROM refunds AS r WHERE r.subject_kind = 'agency_payment' AND r.subject_id = a.id AND r.state = 'completed' AND r.id <> done.id)
           + done.amount >= a.amount_charged
    RETURNING a.*
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.refunds', 'ke.domesticconnect.refund.completed.v1', done.id, refund_event(done) FROM done
    UNION ALL SELECT 'dc.payments.purchases', 'ke.domesticconnect.purchase.refunded.v1', purchase.id, purchase_event(purchase) FROM purchase
    UNION ALL SELECT 'dc.payments.agency-payments', 'ke.domesticconnect.agency_payment.refunded.v1', fee.id, agency_payment_event(fee) FROM fee
)
SELECT count(*) FROM done;

-- name: refund_failed
-- $2 code, $3 words. The credits come back.
WITH done AS (
    UPDATE refunds SET state = 'failed', result_code = $2, result_detail = $3, settled_at = now() WHERE id = $1 RETURNING *
), returned AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'credits_returned', 'credit', credits, 'credits_issued', 'user:' || user_id, id FROM done WHERE credits > 0
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.refunds', 'ke.domesticconnect.refund.failed.v1', done.id, refund_event(done) FROM done
)
SELECT count(*) FROM done;

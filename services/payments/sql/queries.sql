-- Statements of payments. A change, its ledger entries and its events are one statement. Named blocks: see shared/kit/sql_embed.awk.

-- packages

-- name: package_list
-- $1 on sale only, or not, or null: all.
SELECT json_build_object('packages', coalesce(json_agg(package_json(p) ORDER BY p.price, p.id), '[]'))
  FROM payment_packages AS p WHERE $1::boolean IS NULL OR p.is_active = $1;

-- name: package_read
SELECT package_json(p) FROM payment_packages AS p WHERE id = $1;

-- name: package_insert
-- $2 the given fields as an object; $3 the administrator.
WITH made AS (
    INSERT INTO payment_packages (id, name, description, price, contacts_included, is_active)
    SELECT $1, r.name, coalesce(r.description, ''), r.price, r.contacts_included, coalesce(r.is_active, true)
      FROM jsonb_populate_record(NULL::payment_packages, $2::jsonb) AS r
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.packages', 'ke.domesticconnect.package.changed.v1', made.id, package_event(made) FROM made
), noted AS (
    INSERT INTO audit_log (actor, action, subject, details) SELECT $3, 'package.created', id, $2::jsonb FROM made
)
SELECT package_json(made) FROM made;

-- name: package_update
WITH made AS (
    UPDATE payment_packages AS p
       SET (name, description, price, contacts_included, is_active)
         = (SELECT r.name, coalesce(r.description, ''), r.price, r.contacts_included, coalesce(r.is_active, true)
              FROM jsonb_populate_record(p, $2::jsonb) AS r), updated_at = now()
     WHERE p.id = $1
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.packages', 'ke.domesticconnect.package.changed.v1', made.id, package_event(made) FROM made
), noted AS (
    INSERT INTO audit_log (actor, action, subject, details) SELECT $3, 'package.changed', id, $2::jsonb FROM made
)
SELECT package_json(made) FROM made;

-- purchases

-- name: purchase_price
-- What a package costs now, and what M-Pesa would be asked for; no row when it is not on sale.
SELECT price, (price + 99) / 100 * 100 FROM payment_packages WHERE id = $1 AND is_active FOR SHARE;

-- name: phone_lock
-- Who has one phone prompted comes one after the other: the second finds the first one's prompt.
SELECT pg_advisory_xact_lock(hashtextextended('phone ' || $1, 0));

-- name: phone_in_use
-- A prompt that this phone still has to answer, or whether it paid the same amount ($2) in the last $3 seconds.
SELECT state IN ('created', 'pushing', 'pushed') FROM pushes
 WHERE phone_number = $1 AND created_at > now() - interval '1 hour'
   AND (state IN ('created', 'pushing', 'pushed')
        OR (state = 'completed' AND amount = $2 AND settled_at > now() - make_interval(secs => $3::integer)))
 ORDER BY 1 DESC LIMIT 1;

-- name: purchase_insert
-- $1 purchase, $2 user, $3 package, $4 push, $5 phone.
WITH made AS (
    INSERT INTO user_purchases (id, user_id, package_id, package_name, amount, amount_charged, contacts_included)
    SELECT $1, $2, id, name, price, (price + 99) / 100 * 100, contacts_included FROM payment_packages WHERE id = $3 AND is_active
    RETURNING *
), push AS (
    INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount)
    SELECT $4, 'purchase', id, user_id, $5, amount_charged FROM made
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.purchases', 'ke.domesticconnect.purchase.requested.v1', made.id, purchase_event(made) FROM made
)
SELECT count(*) FROM made;

-- name: purchase_read
-- $1 purchase, or M-Pesa's checkout id; $2 who asks, $3 whether she is an admin.
SELECT purchase_json(u, p)
  FROM user_purchases AS u LEFT JOIN pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = u.id
 WHERE (u.id = $1 OR u.id = (SELECT subject_id FROM pushes WHERE checkout_request_id = $1 AND subject_kind = 'purchase'))
   AND (u.user_id = $2 OR $3::boolean);

-- name: purchase_list
-- $1 user, $2 status or null; the page: $3 sort key to go on after, $4 offset, $5 rows (see struct page_list).
SELECT purchase_json(u, p), (u).purchase_date || '|' || (u).id
  FROM (SELECT u, p FROM user_purchases AS u LEFT JOIN pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = u.id
         WHERE u.user_id = $1 AND ($2::text IS NULL OR u.status = $2)
           AND ($3::text IS NULL OR (u.purchase_date, u.id) < (split_part($3, '|', 1)::timestamptz, split_part($3, '|', 2)))
         ORDER BY u.purchase_date DESC, u.id DESC OFFSET $4 LIMIT $5) AS page;

-- name: purchase_count
SELECT count(*) FROM (SELECT FROM user_purchases WHERE user_id = $1 AND ($2::text IS NULL OR status = $2) LIMIT $3) AS capped;

-- name: purchase_list_all
-- Of all users, for administrators; the parameters are those of purchase_list from its second on.
SELECT purchase_json(u, p), (u).purchase_date || '|' || (u).id
  FROM (SELECT u, p FROM user_purchases AS u LEFT JOIN pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = u.id
         WHERE ($1::text IS NULL OR u.status = $1)
           AND ($2::text IS NULL OR (u.purchase_date, u.id) < (split_part($2, '|', 1)::timestamptz, split_part($2, '|', 2)))
         ORDER BY u.purchase_date DESC, u.id DESC OFFSET $3 LIMIT $4) AS page;

-- name: purchase_count_all
SELECT count(*) FROM (SELECT FROM user_purchases WHERE $1::text IS NULL OR status = $1 LIMIT $2) AS capped;

-- name: purchase_completed
-- $1 purchase, $2 receipt. Money and credits once: the ledger refuses a second time.
WITH done AS (
    UPDATE user_purchases SET status = 'completed', completed_at = now(), receipt = $2, failure_reason = NULL
     WHERE id = $1 AND status NOT IN ('completed', 'refunded')
    RETURNING *
), money AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'paid', 'KES', amount_charged, 'customers', 'mpesa', id FROM done
), credits AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'credits_bought', 'credit', contacts_included, 'credits_issued', 'user:' || user_id, id FROM done
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.purchases', 'ke.domesticconnect.purchase.completed.v1', done.id, purchase_event(done) FROM done
)
SELECT count(*) FROM done;

-- name: purchase_not_paid
-- $1 purchase, $2 failed or expired, $3 why, for the buyer.
WITH done AS (
    UPDATE user_purchases SET status = $2, failure_reason = $3 WHERE id = $1 AND status IN ('pending', 'failed', 'expired')
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.purchases', 'ke.domesticconnect.purchase.' || $2 || '.v1', done.id, purchase_event(done) FROM done
)
SELECT count(*) FROM done;

-- name: purchase_receipt
-- A receipt that came after a query had told that it was paid.
UPDATE user_purchases SET receipt = $2 WHERE id = $1 AND receipt IS NULL;

-- contacts

-- name: credits_lock
-- Unlocks of one user come one after the other, each with a snapshot of its own.
SELECT balance FROM ledger_balances WHERE account = 'user:' || $1 AND unit = 'credit' FOR UPDATE;

-- name: access_unlock
-- $1 user, $2 worker (her base profile's id will do), $3 id of the access. Answers whether there is such a worker, the access,
-- whether it is new, and the credits. A credit that is not there is refused by the balance.
WITH worker AS (
    SELECT worker_id FROM workers WHERE (worker_id = $2 OR profile_id = $2) AND is_active ORDER BY worker_id = $2 DESC LIMIT 1
), kept AS (
    SELECT a.id FROM contact_access AS a JOIN worker AS w ON a.target_profile_id = w.worker_id WHERE a.user_id = $1
), spent AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'credit_spent', 'credit', 1, 'user:' || $1, 'credits_used', $3 FROM worker WHERE NOT EXISTS (SELECT FROM kept)
    RETURNING id
), made AS (
    INSERT INTO contact_access (id, user_id, target_profile_id, ledger_entry_id)
    SELECT $3, $1, worker_id, spent.id FROM spent, worker
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.contacts', 'ke.domesticconnect.contact.unlocked.v1', id,
           json_build_object('access_id', id, 'user_id', user_id, 'worker_id', target_profile_id, 'unlocked_at', rfc3339(accessed_at)) FROM made
)
SELECT (SELECT worker_id FROM worker), coalesce((SELECT id FROM made), (SELECT id FROM kept)), EXISTS (SELECT FROM made);

-- name: credits_read
SELECT credits_json($1);

-- name: access_list
-- $1 user; the page: $2 sort key to go on after, $3 offset, $4 rows.
SELECT json_build_object('id', id, 'target_profile_id', target_profile_id, 'accessed_at', rfc3339(accessed_at)), accessed_at || '|' || id
  FROM (SELECT * FROM contact_access
         WHERE user_id = $1 AND ($2::text IS NULL OR (accessed_at, id) < (split_part($2, '|', 1)::timestamptz, split_part($2, '|', 2)))
         ORDER BY accessed_at DESC, id DESC OFFSET $3 LIMIT $4) AS page;

-- name: access_count
SELECT count(*) FROM (SELECT FROM contact_access WHERE user_id = $1 LIMIT $2) AS capped;

-- fees of agencies

-- name: fee_known
SELECT id FROM agency_payments WHERE fee_id = $1;

-- name: payer_phone
SELECT phone_number FROM payers WHERE user_id = $1;

-- name: agency_payment_insert
-- $1 id, $2 fee, $3 agency, $4 payer, $5 type, $6 cents, $7 description, $8 push, $9 phone, or null: then it fails at once ($10).
WITH made AS (
    INSERT INTO agency_payments (id, fee_id, agency_id, payer_user_id, payment_type, amount, amount_charged, description, status, failure_reason)
    VALUES ($1, $2, $3, $4, $5, $6::bigint, ($6::bigint + 99) / 100 * 100, $7,
            CASE WHEN $9::text IS NULL THEN 'failed' ELSE 'pending' END, CASE WHEN $9::text IS NULL THEN $10 END)
    RETURNING *
), push AS (
    INSERT INTO pushes (id, subject_kind, subject_id, user_id, phone_number, amount)
    SELECT $8, 'agency_payment', id, payer_user_id, $9, amount_charged FROM made WHERE $9::text IS NOT NULL
)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.payments.agency-payments',
       CASE status WHEN 'failed' THEN 'ke.domesticconnect.agency_payment.failed.v1' ELSE 'ke.domesticconnect.agency_payment.requested.v1' END,
       made.id, agency_payment_event(made) FROM made;

-- name: agency_payment_completed
WITH done AS (
    UPDATE agency_payments SET status = 'completed', completed_at = now(), payment_reference = $2, failure_reason = NULL
     WHERE id = $1 AND status NOT IN ('completed', 'refunded')
    RETURNING *
), money AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'paid', 'KES', amount_charged, 'customers', 'mpesa', id FROM done
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.agency-payments', 'ke.domesticconnect.agency_payment.completed.v1', done.id, agency_payment_event(done) FROM done
)
SELECT count(*) FROM done;

-- name: agency_payment_not_paid
WITH done AS (
    UPDATE agency_payments SET status = $2, failure_reason = $3 WHERE id = $1 AND status IN ('pending', 'failed', 'expired')
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.agency-payments', 'ke.domesticconnect.agency_payment.' || $2 || '.v1', done.id, agency_payment_event(done) FROM done
)
SELECT count(*) FROM done;

-- name: agency_payment_receipt
UPDATE agency_payments SET payment_reference = $2 WHERE id = $1 AND payment_reference IS NULL;

-- name: agency_payment_list
-- $1 who asks, $2 whether she is an admin, $3 agency or null; the page: $4 sort key to go on after, $5 offset, $6 rows.
SELECT agency_payment_json(a), (a).payment_date || '|' || (a).id
  FROM (SELECT a FROM agency_payments AS a
         WHERE (a.payer_user_id = $1 OR $2::boolean) AND ($3::text IS NULL OR a.agency_id = $3)
           AND ($4::text IS NULL OR (a.payment_date, a.id) < (split_part($4, '|', 1)::timestamptz, split_part($4, '|', 2)))
         ORDER BY a.payment_date DESC, a.id DESC OFFSET $5 LIMIT $6) AS page;

-- name: agency_payment_count
SELECT count(*) FROM (SELECT FROM agency_payments WHERE (payer_user_id = $1 OR $2::boolean) AND ($3::text IS NULL OR agency_id = $3) LIMIT $4) AS capped;

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

-- administration

-- name: payment_list
-- $1 state or null, $2 user or null; the page: $3 sort key to go on after, $4 offset, $5 rows.
SELECT json_build_object('id', subject_id, 'kind', subject_kind, 'user_id', user_id, 'amount', kes(amount), 'state', state,
           'checkout_request_id', checkout_request_id, 'mpesa_receipt_number', receipt, 'result_code', result_code,
           'result_detail', result_detail, 'was_late', was_late, 'answered_by', answered_by, 'created_at', rfc3339(created_at),
           'settled_at', rfc3339(settled_at)), created_at || '|' || id
  FROM (SELECT * FROM pushes
         WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR user_id = $2)
           AND ($3::text IS NULL OR (created_at, id) < (split_part($3, '|', 1)::timestamptz, split_part($3, '|', 2)))
         ORDER BY created_at DESC, id DESC OFFSET $4 LIMIT $5) AS page;

-- name: payment_count
SELECT count(*) FROM (SELECT FROM pushes WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR user_id = $2) LIMIT $3) AS capped;

-- name: reconcile
-- What does not add up, and what is worth a look; $1: seconds after which something open is overdue. All books are compared, whatever
-- changed: each table is read once for it, and what is rare is found by an index of its own.
WITH payments AS MATERIALIZED ( -- by M-Pesa: what is asked for here, not legacy rows
    SELECT p.subject_kind AS kind, p.subject_id, p.state, p.settled_at, s.status, s.completed_at,
           CASE WHEN s.status IN ('completed', 'refunded') THEN s.amount_charged ELSE 0 END AS paid
      FROM pushes AS p
      LEFT JOIN (SELECT 'purchase' AS kind, id, status, completed_at, amount_charged FROM user_purchases
                 UNION ALL SELECT 'agency_payment', id, status, completed_at, amount_charged FROM agency_payments) AS s
             ON s.kind = p.subject_kind AND s.id = p.subject_id
), money AS (
    SELECT subject_id AS subject, paid AS owed, 'paid' AS kind FROM payments WHERE paid > 0
    UNION ALL
    SELECT id, amount, 'refunded' FROM refunds WHERE state = 'completed'
), held AS ( -- by the entries
    SELECT account, unit, sum(amount) AS sum
      FROM (SELECT to_account AS account, unit, amount FROM ledger_entries WHERE to_account LIKE 'user:%'
            UNION ALL SELECT from_account, unit, -amount FROM ledger_entries WHERE from_account LIKE 'user:%') AS e
     GROUP BY account, unit
), open AS ( -- by the two partial indexes
    SELECT subject_id, created_at, state, result_detail FROM pushes WHERE state = 'created'
    UNION ALL SELECT subject_id, created_at, state, result_detail FROM pushes WHERE state IN ('pushing', 'pushed', 'unknown')
), findings AS MATERIALIZED (
    SELECT 'money_differs' AS kind, coalesce(m.subject, l.reference) AS subject, l.created_at AS since,
           jsonb_build_object('entry', coalesce(l.kind, m.kind), 'booked', kes(coalesce(l.amount, 0)), 'told', kes(coalesce(m.owed, 0))) AS details
      FROM money AS m FULL JOIN (SELECT * FROM ledger_entries WHERE unit = 'KES') AS l ON l.reference = m.subject AND l.kind = m.kind
     WHERE coalesce(l.amount, 0) <> coalesce(m.owed, 0)
    UNION ALL
    SELECT 'balance_differs', coalesce(b.account, h.account), NULL, jsonb_build_object('kept', coalesce(b.balance, 0), 'entries', coalesce(h.sum, 0))
      FROM ledger_balances AS b FULL JOIN held AS h ON h.account = b.account AND h.unit = b.unit
     WHERE coalesce(b.balance, 0) <> coalesce(h.sum, 0)
    UNION ALL
    SELECT 'paid_without_credits', p.subject_id, p.completed_at, '{}' FROM payments AS p
     WHERE p.kind = 'purchase' AND p.status = 'completed'
       AND NOT EXISTS (SELECT FROM ledger_entries AS l WHERE l.reference = p.subject_id AND l.kind = 'credits_bought')
    UNION ALL
    SELECT 'push_and_purchase_differ', subject_id, settled_at, jsonb_build_object('push', state, 'purchase', status)
      FROM payments WHERE (state = 'completed') IS DISTINCT FROM (status IN ('completed', 'refunded'))
    UNION ALL
    SELECT 'payment_without_purchase', push_id, received_at, '{}' FROM stk_callbacks WHERE outcome = 'no_push'
    UNION ALL
    SELECT 'doubtful_callback', coalesce(p.subject_id, push_id), received_at, jsonb_build_object('doubt', doubt, 'push', p.state)
      FROM stk_callbacks AS c LEFT JOIN pushes AS p ON p.id = c.push_id WHERE outcome = 'doubtful'
    UNION ALL
    SELECT 'malformed_callback', push_id, received_at, '{}' FROM stk_callbacks WHERE outcome = 'malformed'
    UNION ALL
    SELECT 'still_open', subject_id, created_at, jsonb_build_object('state', state, 'detail', result_detail) FROM open
     WHERE created_at < now() - make_interval(secs => $1::integer)
    UNION ALL
    SELECT 'given_up', subject_id, settled_at, jsonb_build_object('detail', result_detail) FROM pushes WHERE state = 'expired' AND answered_by = 'nobody'
    UNION ALL
    SELECT 'doubt_given_up', subject_id, settled_at, jsonb_build_object('detail', result_detail) FROM pushes WHERE in_doubt AND act_at = 'infinity'
    UNION ALL
    SELECT 'paid_late', subject_id, settled_at, '{}' FROM pushes WHERE was_late
    UNION ALL
    SELECT 'refund_paid_late', id, settled_at, jsonb_build_object('payment', subject_id) FROM refunds WHERE was_late
    UNION ALL
    SELECT 'refund_unknown', id, created_at, jsonb_build_object('payment', subject_id) FROM refunds WHERE state = 'unknown'
), booked AS (
    SELECT kes(coalesce(sum(amount) FILTER (WHERE kind = 'paid'), 0)::bigint) AS received,
           kes(coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0)::bigint) AS refunded,
           coalesce(sum(amount) FILTER (WHERE unit = 'credit' AND kind IN ('credits_bought', 'opening')), 0) AS issued,
           coalesce(sum(amount) FILTER (WHERE kind = 'credit_spent'), 0) AS used
      FROM ledger_entries
)
SELECT json_build_object('checked_at', rfc3339(now()),
    'consistent', NOT EXISTS (SELECT FROM findings WHERE kind IN ('money_differs', 'balance_differs', 'paid_without_credits', 'push_and_purchase_differ')),
    'pushes', (SELECT coalesce(json_object_agg(state, count), '{}') FROM (SELECT state, count(*) FROM payments GROUP BY state) AS s),
    'callbacks', json_build_object(
        'received', (SELECT count(*) FROM stk_callbacks),
        'waiting', (SELECT count(*) FROM stk_callbacks WHERE processed_at IS NULL),
        'duplicates', (SELECT count(*) FROM stk_callbacks WHERE outcome = 'duplicate'),
        'ignored', (SELECT count(*) FROM stk_callbacks WHERE outcome = 'ignored')),
    'callbacks_never_received', (SELECT count(*) FROM pushes AS p WHERE p.answered_by = 'query'
                                    AND NOT EXISTS (SELECT FROM stk_callbacks AS c WHERE c.push_id = p.id)),
    'money', json_build_object('received', b.received, 'refunded', b.refunded),
    'credits', json_build_object('issued', b.issued, 'used', b.used,
                                 'held', (SELECT coalesce(sum(balance), 0) FROM ledger_balances WHERE unit = 'credit')),
    'findings', (SELECT coalesce(json_agg(json_build_object('kind', kind, 'subject', subject, 'since', rfc3339(since), 'details', details)
                                          ORDER BY kind, since, subject), '[]') FROM (SELECT * FROM findings ORDER BY kind, since, subject LIMIT 1000) AS f))
  FROM booked AS b;

-- name: pushes_open
-- By the two partial indexes.
SELECT count(*), coalesce(floor(extract(epoch FROM now() - min(created_at))), 0)::bigint
  FROM (SELECT created_at FROM pushes WHERE state = 'created'
        UNION ALL SELECT created_at FROM pushes WHERE state IN ('pushing', 'pushed', 'unknown')) AS open;

-- name: reconcile_hurry
-- All that is open is asked about now, and once more what is in doubt.
UPDATE pushes SET act_at = now() WHERE (state IN ('pushed', 'unknown') OR (in_doubt AND state IN ('failed', 'expired'))) AND checkout_request_id IS NOT NULL;

-- what others tell: $1 the key, $2 the data, $3 the sequence (see struct subscription)

-- name: worker_apply
INSERT INTO workers AS w (worker_id, profile_id, is_active, worker_sequence)
SELECT $1, r.profile_id, r.is_active, $3 FROM jsonb_populate_record(NULL::workers, $2::jsonb) AS r
ON CONFLICT (worker_id) DO UPDATE SET profile_id = excluded.profile_id, is_active = excluded.is_active, worker_sequence = excluded.worker_sequence
 WHERE w.worker_sequence < excluded.worker_sequence;

-- name: worker_forget
DELETE FROM workers WHERE worker_id = $1;

-- name: payer_apply
INSERT INTO payers AS p (user_id, phone_number, user_sequence) SELECT $1, $2::jsonb ->> 'phone_number', $3
ON CONFLICT (user_id) DO UPDATE SET phone_number = excluded.phone_number, user_sequence = excluded.user_sequence
 WHERE p.user_sequence < excluded.user_sequence;

-- name: payer_forget
DELETE FROM payers WHERE user_id = $1;

-- name: erased_remember
INSERT INTO erased (user_id) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: erased_waiting
-- Pushes of erased persons that nobody has sent.
SELECT id FROM pushes WHERE state = 'created' AND user_id IN (SELECT user_id FROM erased) ORDER BY id;

-- name: callbacks_forget
-- Before anything of pushes, in the order in which callbacks are worked off.
UPDATE stk_callbacks SET body = without_phones(body) WHERE push_id IN (SELECT id FROM pushes WHERE user_id = $1);

-- name: person_forget
-- The money stays, the person goes: phones are cut out of everything that is settled. What is still open follows by the
-- clean-up job.
WITH pushes_forgotten AS (
    UPDATE pushes SET phone_number = NULL WHERE user_id = $1 AND state IN ('completed', 'failed', 'expired')
), refunds_forgotten AS (
    UPDATE refunds SET phone_number = NULL WHERE user_id = $1 AND state IN ('completed', 'failed')
), answers_forgotten AS (
    DELETE FROM idempotency_keys WHERE owner = $1
), payer_forgotten AS (
    DELETE FROM payers WHERE user_id = $1
)
INSERT INTO outbox (topic, type, key, data)
VALUES ('dc.payments.payers', 'ke.domesticconnect.payer.forgotten.v1', $1, json_build_object('user_id', $1));

-- name: erased_forget
-- What was still open when its person was erased: settled since, so that its phone goes, too.
WITH pushes_forgotten AS (
    UPDATE pushes SET phone_number = NULL
     WHERE phone_number IS NOT NULL AND state IN ('completed', 'failed', 'expired') AND user_id IN (SELECT user_id FROM erased)
    RETURNING id
), callbacks_forgotten AS (
    UPDATE stk_callbacks AS c SET body = without_phones(body) WHERE c.push_id IN (SELECT id FROM pushes_forgotten)
)
UPDATE refunds SET phone_number = NULL
 WHERE phone_number IS NOT NULL AND state IN ('completed', 'failed') AND user_id IN (SELECT user_id FROM erased);

-- legacy rows

-- name: import_packages
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::timestamptz[]) WITH ORDINALITY AS r(id, name, description, price, contacts_included, is_active, created_at, place)
), made AS (
    INSERT INTO payment_packages (id, name, description, price, contacts_included, is_active, created_at)
    SELECT id, name, description, price, contacts_included, is_active, coalesce(created_at, now()) FROM given
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.packages', 'ke.domesticconnect.package.changed.v1', made.id, package_event(made) FROM made
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported' ELSE 'unchanged' END FROM given AS g;

-- name: import_purchases
-- Completed ones bring their remaining credits by an opening entry.
WITH given AS (
    SELECT r.*, p.name AS package_name, p.contacts_included
      FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::timestamptz[], $8::text[]) WITH ORDINALITY AS r(id, user_id, package_id, amount, status, contacts_remaining, purchase_date, receipt, place)
      LEFT JOIN payment_packages AS p ON p.id = r.package_id
), made AS (
    INSERT INTO user_purchases (id, user_id, package_id, package_name, amount, amount_charged, contacts_included, status, purchase_date, completed_at, receipt, failure_reason)
    SELECT id, user_id, package_id, package_name, amount, (amount + 99) / 100 * 100, contacts_included, status, coalesce(purchase_date, now()),
           CASE WHEN status IN ('completed', 'refunded') THEN coalesce(purchase_date, now()) END, receipt,
           CASE WHEN status IN ('failed', 'expired') THEN 'Not paid in the old system.' END
      FROM given WHERE package_name IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING *
), credits AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'opening', 'credit', contacts_remaining, 'credits_issued', 'user:' || user_id, id
      FROM given WHERE contacts_remaining > 0 AND id IN (SELECT id FROM made)
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.purchases', 'ke.domesticconnect.purchase.' || status || '.v1', made.id, purchase_event(made) FROM made
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported' WHEN g.package_name IS NULL THEN 'its package is not there' ELSE 'unchanged' END
  FROM given AS g;

-- name: import_access
-- Each brings the credit that was spent on it in the old system, and spends it. A purchase's opening entry may have the same id.
WITH given AS (
    SELECT r.*, a.id AS other FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS r(id, user_id, target_profile_id, accessed_at, place)
      LEFT JOIN contact_access AS a ON a.id = r.id OR (a.user_id = r.user_id AND a.target_profile_id = r.target_profile_id)
), fresh AS MATERIALIZED ( -- the entry's id is drawn here: a join would compare all rows with all
    SELECT *, nextval('ledger_entries_id_seq') AS spent_id
      FROM (SELECT DISTINCT ON (user_id, target_profile_id) * FROM given WHERE other IS NULL
             ORDER BY user_id, target_profile_id, accessed_at, id) AS f
), opening AS (
    INSERT INTO ledger_entries (kind, unit, amount, from_account, to_account, reference)
    SELECT 'opening', 'credit', 1, 'credits_issued', 'user:' || user_id, 'access:' || id FROM fresh ORDER BY user_id
    RETURNING id
), spent AS (
    INSERT INTO ledger_entries (id, kind, unit, amount, from_account, to_account, reference) OVERRIDING SYSTEM VALUE
    SELECT spent_id, 'credit_spent', 'credit', 1, 'user:' || user_id, 'credits_used', id FROM fresh
     WHERE (SELECT count(*) FROM opening) >= 0 ORDER BY user_id
    RETURNING id
), made AS (
    INSERT INTO contact_access (id, user_id, target_profile_id, ledger_entry_id, accessed_at)
    SELECT id, user_id, target_profile_id, spent_id, coalesce(accessed_at, now()) FROM fresh WHERE (SELECT count(*) FROM spent) >= 0
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.contacts', 'ke.domesticconnect.contact.unlocked.v1', id,
           json_build_object('access_id', id, 'user_id', user_id, 'worker_id', target_profile_id, 'unlocked_at', rfc3339(accessed_at)) FROM made
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported' WHEN g.other = g.id THEN 'unchanged' ELSE 'the user has unlocked this contact by another row' END
  FROM given AS g;

-- name: import_agency_payments
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[]) WITH ORDINALITY AS r(id, agency_id, payment_type, amount, status, payment_date, place)
), made AS (
    INSERT INTO agency_payments (id, agency_id, payment_type, amount, amount_charged, status, payment_date, completed_at, failure_reason)
    SELECT id, agency_id, payment_type, amount, (amount + 99) / 100 * 100, status, coalesce(payment_date, now()),
           CASE WHEN status IN ('completed', 'refunded') THEN coalesce(payment_date, now()) END,
           CASE WHEN status IN ('failed', 'expired') THEN 'Not paid in the old system.' END
      FROM given
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.payments.agency-payments', 'ke.domesticconnect.agency_payment.' || status || '.v1', made.id, agency_payment_event(made) FROM made
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported' ELSE 'unchanged' END FROM given AS g;

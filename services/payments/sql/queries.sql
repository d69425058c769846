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

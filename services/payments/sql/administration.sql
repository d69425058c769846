-- Statements for administrators: what there is, and what does not add up.

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

-- Statements of the verb import.

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

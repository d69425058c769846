-- Statements of the example.

-- name: price_set
-- The last event of a package wins: a package's events come in their order.
INSERT INTO prices (package_id, name, price, on_sale) VALUES ($1, $2, $3, $4)
ON CONFLICT (package_id) DO UPDATE SET name = excluded.name, price = excluded.price, on_sale = excluded.on_sale;

-- name: income_add
-- Harmless a second time, so that the topic can be replayed.
INSERT INTO income (purchase_id, amount, receipt) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

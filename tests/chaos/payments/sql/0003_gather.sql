-- When all is quiet: copies of what is looked at.
CREATE TABLE seen.events AS SELECT * FROM events;
CREATE TABLE seen.heard AS SELECT * FROM heard;
CREATE TABLE seen.applied AS SELECT * FROM applied;
CREATE TABLE seen.parked AS
    SELECT 'auth' AS service, topic, key FROM auth.parked_keys UNION ALL SELECT 'profiles', topic, key FROM profiles.parked_keys
    UNION ALL SELECT 'payments', topic, key FROM payments.parked_keys UNION ALL SELECT 'witness', topic, key FROM parked_keys;
CREATE TABLE seen.pushes AS SELECT * FROM payments.pushes;
CREATE TABLE seen.callbacks AS SELECT * FROM payments.stk_callbacks;
CREATE TABLE seen.purchases AS SELECT * FROM payments.user_purchases;
CREATE TABLE seen.ledger AS SELECT * FROM payments.ledger_entries;
CREATE TABLE seen.balances AS SELECT * FROM payments.ledger_balances;
CREATE TABLE seen.accesses AS SELECT * FROM payments.contact_access;
CREATE TABLE seen.requests AS SELECT * FROM payments.idempotency_keys;
CREATE TABLE seen.payers AS SELECT * FROM payments.payers;
CREATE TABLE seen.known_workers AS SELECT * FROM payments.workers;
CREATE TABLE seen.grants AS SELECT * FROM profiles.contact_grants;
CREATE TABLE seen.profiles AS SELECT * FROM profiles.profiles;
CREATE TABLE seen.contacts AS SELECT * FROM profiles.contacts;
CREATE TABLE seen.workers AS SELECT * FROM profiles.housegirl_profiles;
CREATE TABLE seen.users AS SELECT * FROM auth.users;
CREATE INDEX ON seen.events (source, id);
CREATE INDEX ON seen.heard (source, id);
CREATE INDEX ON seen.callbacks (push_id);
ANALYZE;

-- The database of the verdict: the tables of all services side by side, what was seen elsewhere, and what is under way still.
-- The address and password of the server stand in chaos.password and the session itself.
CREATE EXTENSION postgres_fdw;
DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY['auth', 'profiles', 'payments'] LOOP
        EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, fetch_size %L)',
                       service, host(inet_server_addr()), inet_server_port(), 'dc_' || service, 5000);
        EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I OPTIONS (user %L, password %L)', service, current_user,
                       current_setting('chaos.password'));
        EXECUTE format('CREATE SCHEMA %I', service);
        EXECUTE format('IMPORT FOREIGN SCHEMA public FROM SERVER %I INTO %I', service, service);
    END LOOP;
END
$$;

CREATE VIEW events AS
    SELECT '/services/auth' AS source, id, topic, key, type, published_at FROM auth.outbox
    UNION ALL SELECT '/services/profiles', id, topic, key, type, published_at FROM profiles.outbox
    UNION ALL SELECT '/services/payments', id, topic, key, type, published_at FROM payments.outbox;
COMMENT ON VIEW events IS 'Every event that was committed.';

CREATE VIEW heard AS
    SELECT 'profiles' AS service, source, id::bigint AS id, topic FROM profiles.inbox
    UNION ALL SELECT 'payments', source, id::bigint, topic FROM payments.inbox
    UNION ALL SELECT 'witness', source, id::bigint, topic FROM inbox;
COMMENT ON VIEW heard IS 'What each subscriber says that it has applied.';

CREATE SCHEMA seen;
CREATE TABLE seen.told (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text, key text, source text, id bigint, type text);
COMMENT ON TABLE seen.told IS 'What stands in the topics, in the order of arrival.';
CREATE TABLE seen.mpesa (checkout_request_id text PRIMARY KEY, push_id text, state text, amount bigint, receipt text, callbacks_answered bigint);
COMMENT ON TABLE seen.mpesa IS 'What the simulator of M-Pesa says of every push; the amount in KES.';
CREATE TABLE seen.bought (number integer PRIMARY KEY, purchase_id text, user_id text, status text);
COMMENT ON TABLE seen.bought IS 'What families were told of their purchases.';
CREATE TABLE seen.unlocked (access_id text, user_id text, worker_id text);
COMMENT ON TABLE seen.unlocked IS 'What families were told of their unlocks.';
CREATE TABLE seen.looked (user_id text, worker_id text, email text);
COMMENT ON TABLE seen.looked IS 'What the gateway shows each family of each worker at the end; no e-mail: not unlocked.';
CREATE TABLE seen.credits (user_id text PRIMARY KEY, credits bigint);
COMMENT ON TABLE seen.credits IS 'The credits that the gateway shows each family at the end.';
CREATE TABLE seen.surprises (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
COMMENT ON TABLE seen.surprises IS 'Answers that no client should have got.';
CREATE TABLE seen.late (push_id text);
COMMENT ON TABLE seen.late IS 'Pushes of which M-Pesa told by a late callback, by hand, because nobody had been told.';

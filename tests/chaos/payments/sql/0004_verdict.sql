-- The reconciliation: a view for each thing that must hold, with a row for everything that it looks at; fault is null where all
-- is well. By hand: psql $DATABASE_URL/dc_chaos -c 'TABLE verdict.…'
CREATE SCHEMA verdict;

-- --- Money: M-Pesa's own list against our books ----------------------------------------------------

CREATE VIEW verdict.nobody_was_asked_to_pay_twice AS
SELECT push_id AS subject, CASE WHEN count(*) > 1 THEN count(*) || ' pushes at M-Pesa' WHEN push_id IS NULL THEN 'not one of our addresses' END AS fault
  FROM seen.mpesa GROUP BY push_id;

CREATE VIEW verdict.every_paid_purchase_is_credited_once AS
SELECT m.checkout_request_id AS subject,
       CASE WHEN u.id IS NULL THEN 'we know of no such purchase'
            WHEN p.state <> 'completed' THEN 'its push is ' || p.state
            WHEN u.status <> 'completed' THEN 'the purchase is ' || u.status
            WHEN l.credits IS DISTINCT FROM u.contacts_included THEN coalesce(l.credits, 0) || ' credits instead of ' || u.contacts_included
            WHEN l.money IS DISTINCT FROM m.amount * 100 THEN coalesce(l.money, 0) || ' cents in the books, ' || m.amount || ' KES at M-Pesa'
            WHEN l.entries <> 2 THEN l.entries || ' entries' END AS fault
  FROM seen.mpesa AS m
  LEFT JOIN seen.pushes AS p ON p.id = m.push_id
  LEFT JOIN seen.purchases AS u ON p.subject_kind = 'purchase' AND u.id = p.subject_id
  LEFT JOIN (SELECT reference, count(*) AS entries, sum(amount) FILTER (WHERE kind = 'credits_bought') AS credits, sum(amount) FILTER (WHERE kind = 'paid') AS money
               FROM seen.ledger WHERE kind IN ('credits_bought', 'paid') GROUP BY reference) AS l ON l.reference = u.id
 WHERE m.state = 'paid';

CREATE VIEW verdict.nothing_is_credited_that_was_not_paid AS
SELECT l.reference AS subject, CASE WHEN m.push_id IS NULL THEN 'M-Pesa knows of no payment' END AS fault
  FROM seen.ledger AS l
  LEFT JOIN seen.pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = l.reference
  LEFT JOIN seen.mpesa AS m ON m.push_id = p.id AND m.state = 'paid'
 WHERE l.kind IN ('credits_bought', 'paid');

CREATE VIEW verdict.every_purchase_is_what_m_pesa_says AS
SELECT u.id AS subject,
       CASE WHEN u.status = 'completed' AND m.state IS DISTINCT FROM 'paid' THEN 'completed, and M-Pesa says ' || coalesce(m.state, 'nothing')
            WHEN u.status IN ('failed', 'expired') AND m.state = 'paid' THEN u.status || ', and M-Pesa says paid'
            WHEN u.status IN ('failed', 'expired') AND u.failure_reason IS NULL THEN u.status || ' without a reason' END AS fault
  FROM seen.purchases AS u JOIN seen.pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = u.id LEFT JOIN seen.mpesa AS m ON m.push_id = p.id;

CREATE VIEW verdict.the_ledger_is_balanced_to_zero AS
WITH moved AS (
    SELECT from_account AS account, unit, -amount AS amount FROM seen.ledger UNION ALL SELECT to_account, unit, amount FROM seen.ledger
), sums AS (
    SELECT account, unit, sum(amount) AS sum FROM moved GROUP BY account, unit
)
SELECT 'all accounts, ' || unit AS subject, CASE WHEN sum(sum) <> 0 THEN 'their sum is ' || sum(sum) END AS fault FROM sums GROUP BY unit
UNION ALL
SELECT coalesce(s.account, b.account),
       CASE WHEN s.sum IS DISTINCT FROM b.balance THEN 'kept as ' || coalesce(b.balance, 0) || ', the entries say ' || coalesce(s.sum, 0)
            WHEN b.balance < 0 THEN 'below zero' END
  FROM (SELECT * FROM sums WHERE account LIKE 'user:%') AS s FULL JOIN seen.balances AS b USING (account, unit);

CREATE VIEW verdict.every_credit_is_spent_at_most_once AS
SELECT l.reference AS subject,
       CASE WHEN count(a.id) <> 1 THEN 'paid for ' || count(a.id) || ' contacts'
            WHEN bool_or(l.amount <> 1 OR l.from_account <> 'user:' || a.user_id) THEN 'another user''s, or more than one' END AS fault
  FROM seen.ledger AS l LEFT JOIN seen.accesses AS a ON a.id = l.reference AND a.ledger_entry_id = l.id
 WHERE l.kind = 'credit_spent' GROUP BY l.reference
UNION ALL
SELECT user_id || ' and ' || target_profile_id, CASE WHEN count(*) > 1 THEN count(*) || ' accesses to one worker' END
  FROM seen.accesses GROUP BY user_id, target_profile_id;

-- --- What is open still ----------------------------------------------------------------------------

-- A push whose answer was lost, and which M-Pesa knows nothing of, stays unknown until it is given up: nobody can tell.
CREATE VIEW verdict.nothing_is_pending_without_a_reason AS
SELECT p.id AS subject,
       CASE WHEN p.state NOT IN ('completed', 'failed', 'expired') AND NOT (p.state = 'unknown' AND m.push_id IS NULL AND p.result_detail IS NOT NULL)
            THEN 'push ' || p.state || ', M-Pesa says ' || coalesce(m.state, 'nothing') END AS fault
  FROM seen.pushes AS p LEFT JOIN seen.mpesa AS m ON m.push_id = p.id
UNION ALL
SELECT u.id, CASE WHEN u.status = 'pending' AND p.state IS DISTINCT FROM 'unknown' THEN 'purchase pending, push ' || coalesce(p.state, 'missing') END
  FROM seen.purchases AS u LEFT JOIN seen.pushes AS p ON p.subject_kind = 'purchase' AND p.subject_id = u.id
UNION ALL
SELECT 'callback ' || id, CASE WHEN processed_at IS NULL THEN 'not worked off' END FROM seen.callbacks
UNION ALL
SELECT 'request ' || key, CASE WHEN status IS NULL THEN 'its first answer was not kept' END FROM seen.requests;

CREATE VIEW verdict.no_key_is_parked AS
SELECT service AS subject, topic || ' ' || key AS fault FROM seen.parked;

-- What M-Pesa was told "Accepted" of stands in the books, whatever was down at that moment.
CREATE VIEW verdict.no_callback_that_was_accepted_is_lost AS
SELECT m.push_id AS subject, CASE WHEN c.count - l.count < m.callbacks_answered THEN c.count - l.count || ' kept of ' || m.callbacks_answered END AS fault
  FROM seen.mpesa AS m, LATERAL (SELECT count(*) FROM seen.callbacks WHERE push_id = m.push_id) AS c, LATERAL (SELECT count(*) FROM seen.late WHERE push_id = m.push_id) AS l;

-- --- Events: each outbox, the topics, each inbox ---------------------------------------------------

-- No run is long enough for a compacted topic to drop what a later event of its key has replaced.
CREATE VIEW verdict.every_event_that_was_committed_is_told AS
SELECT e.source || '#' || e.id AS subject,
       CASE WHEN e.published_at IS NULL THEN 'not published'
            WHEN t.id IS NULL THEN 'not in ' || e.topic END AS fault
  FROM seen.events AS e LEFT JOIN (SELECT DISTINCT source, id, topic, key, type FROM seen.told) AS t USING (source, id, topic, key, type);

CREATE VIEW verdict.nothing_is_told_that_was_not_committed AS
SELECT t.source || '#' || t.id AS subject, CASE WHEN e.id IS NULL THEN 'in ' || t.topic || ', but in no outbox' END AS fault
  FROM (SELECT DISTINCT source, id, topic, key, type FROM seen.told) AS t LEFT JOIN seen.events AS e USING (source, id, topic, key, type);

-- What is told again comes behind what was told before; the last of a key is its newest.
CREATE VIEW verdict.every_key_is_told_in_its_order AS
WITH first AS (
    SELECT topic, source, key, id, min(place) AS place FROM seen.told GROUP BY topic, source, key, id
), ordered AS (
    SELECT *, lag(id) OVER (PARTITION BY topic, source, key ORDER BY place) > id AS is_behind FROM first
), last AS (
    SELECT DISTINCT ON (topic, source, key) topic, source, key, id FROM seen.told ORDER BY topic, source, key, place DESC
)
SELECT topic || ' ' || key AS subject,
       CASE WHEN bool_or(is_behind) THEN 'an older event is told behind a newer one' WHEN max(ordered.id) <> max(last.id) THEN 'the last one told is not its newest' END AS fault
  FROM ordered JOIN last USING (topic, source, key) GROUP BY topic, source, key;

-- The types that a subscriber has applied once are those that it hears; an inbox holds each event once at most.
CREATE VIEW verdict.every_event_is_applied_by_all_who_hear_it AS
SELECT wanted.service || ': ' || e.source || '#' || e.id AS subject, CASE WHEN h.id IS NULL THEN e.type || ' not applied' END AS fault
  FROM (SELECT DISTINCT h.service, e.topic, e.type FROM seen.heard AS h JOIN seen.events AS e USING (source, id)) AS wanted
  JOIN seen.events AS e USING (topic, type)
  LEFT JOIN seen.heard AS h ON h.service = wanted.service AND h.source = e.source AND h.id = e.id;

CREATE VIEW verdict.nothing_is_applied_that_was_not_committed AS
SELECT h.service || ': ' || h.source || '#' || h.id AS subject, CASE WHEN e.id IS NULL OR e.topic <> h.topic THEN 'in no outbox' END AS fault
  FROM seen.heard AS h LEFT JOIN seen.events AS e USING (source, id);

CREATE VIEW verdict.every_effect_happened_once_and_in_order AS
WITH wanted AS (
    SELECT e.source, e.id, e.topic, e.key FROM seen.events AS e JOIN seen.heard AS h ON h.service = 'witness' AND h.source = e.source AND h.id = e.id
), happened AS (
    SELECT *, lag(id) OVER (PARTITION BY topic, source, key ORDER BY place) >= id AS is_behind FROM seen.applied
)
SELECT source || '#' || id AS subject,
       CASE WHEN count(h.place) <> 1 THEN count(h.place) || ' times' WHEN bool_or(is_behind) THEN 'behind a newer one of its key' END AS fault
  FROM wanted FULL JOIN happened AS h USING (source, id, topic, key) GROUP BY source, id;

-- --- What services know of one another -------------------------------------------------------------

CREATE VIEW verdict.every_grant_is_in_profiles AS
SELECT coalesce(a.id, g.user_id || ' and ' || g.housegirl_profile_id) AS subject,
       CASE WHEN g.user_id IS NULL THEN 'paid for, and not granted' WHEN a.id IS NULL THEN 'granted, and not paid for' END AS fault
  FROM seen.accesses AS a FULL JOIN seen.grants AS g ON g.user_id = a.user_id AND g.housegirl_profile_id = a.target_profile_id;

CREATE VIEW verdict.what_services_keep_of_others_is_as_it_is_there AS
SELECT 'profile of ' || coalesce(u.id, p.user_id) AS subject,
       CASE WHEN p.id IS NULL THEN 'missing' WHEN u.id IS NULL THEN 'of nobody'
            WHEN (u.first_name, u.last_name, u.is_active) IS DISTINCT FROM (p.first_name, p.last_name, p.is_active) THEN 'of older news' END AS fault
  FROM seen.users AS u FULL JOIN seen.profiles AS p ON p.user_id = u.id
UNION ALL
SELECT 'contact of ' || coalesce(u.id, c.user_id), CASE WHEN (u.email, u.phone_number) IS DISTINCT FROM (c.email, c.phone_number) THEN 'differs' END
  FROM seen.users AS u FULL JOIN seen.contacts AS c ON c.user_id = u.id
UNION ALL
SELECT 'payer ' || coalesce(u.id, p.user_id), CASE WHEN p.user_id IS NULL OR u.phone_number IS DISTINCT FROM p.phone_number THEN 'differs' END
  FROM seen.users AS u FULL JOIN seen.payers AS p ON p.user_id = u.id
UNION ALL
SELECT 'worker ' || coalesce(h.id, w.worker_id), CASE WHEN h.id IS NULL OR w.worker_id IS NULL OR h.profile_id <> w.profile_id THEN 'differs' END
  FROM seen.workers AS h FULL JOIN seen.known_workers AS w ON w.worker_id = h.id;

-- --- What the families were told -------------------------------------------------------------------

CREATE VIEW verdict.what_a_family_was_told_of_a_purchase_is_true AS
SELECT coalesce(b.purchase_id, u.id) AS subject,
       CASE WHEN u.id IS NULL THEN 'not in the books' WHEN b.number IS NULL THEN 'in the books, and nobody was told'
            WHEN b.user_id <> u.user_id THEN 'another user''s'
            WHEN b.status <> u.status THEN 'told ' || b.status || ', and is ' || u.status END AS fault
  FROM seen.bought AS b FULL JOIN seen.purchases AS u ON u.id = b.purchase_id;

CREATE VIEW verdict.what_a_family_was_told_of_a_contact_is_true AS
SELECT coalesce(b.access_id, a.id) AS subject,
       CASE WHEN a.id IS NULL THEN 'not in the books' WHEN b.access_id IS NULL THEN 'in the books, and nobody was told'
            WHEN (a.user_id, a.target_profile_id) <> (b.user_id, b.worker_id) THEN 'another one' END AS fault
  FROM seen.unlocked AS b FULL JOIN seen.accesses AS a ON a.id = b.access_id;

CREATE VIEW verdict.every_contact_shows_to_who_has_paid_for_it_alone AS
SELECT l.user_id || ' and ' || l.worker_id AS subject,
       CASE WHEN a.id IS NOT NULL AND l.email IS NULL THEN 'paid for, and hidden'
            WHEN a.id IS NULL AND l.email IS NOT NULL THEN 'shown, and not paid for'
            WHEN l.email <> u.email THEN 'another one''s e-mail' END AS fault
  FROM seen.looked AS l
  LEFT JOIN seen.accesses AS a ON a.user_id = l.user_id AND a.target_profile_id = l.worker_id
  LEFT JOIN seen.workers AS h ON h.id = l.worker_id LEFT JOIN seen.profiles AS p ON p.id = h.profile_id
  LEFT JOIN seen.users AS u ON u.id = p.user_id;

CREATE VIEW verdict.every_family_has_the_credits_that_it_paid_for AS
SELECT c.user_id AS subject, CASE WHEN c.credits IS DISTINCT FROM coalesce(b.sum, 0) THEN 'shown ' || c.credits || ', the books say ' || coalesce(b.sum, 0) END AS fault
  FROM seen.credits AS c
  LEFT JOIN (SELECT account, sum(amount) FROM (SELECT to_account AS account, amount FROM seen.ledger WHERE unit = 'credit'
                                               UNION ALL SELECT from_account, -amount FROM seen.ledger WHERE unit = 'credit') AS m GROUP BY account) AS b
    ON b.account = 'user:' || c.user_id;

CREATE VIEW verdict.no_client_got_an_answer_that_it_should_not AS
SELECT 'answer ' || place AS subject, text AS fault FROM seen.surprises;

-- --- All of them -----------------------------------------------------------------------------------

CREATE FUNCTION verdict_of_all() RETURNS TABLE (name text, looked bigint, wrong bigint, examples text) LANGUAGE plpgsql AS $$
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'verdict'::regnamespace ORDER BY oid LOOP
        RETURN QUERY EXECUTE format(
            'SELECT replace(%1$L, ''_'', '' ''), count(*), count(fault), string_agg(subject || '': '' || fault, E''\n'') FILTER (WHERE place <= 5) '
            'FROM (SELECT *, row_number() OVER (PARTITION BY fault IS NULL ORDER BY subject) AS place FROM verdict.%1$I) AS looked_at', name);
    END LOOP;
END
$$;

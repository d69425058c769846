-- The verdict itself is judged: for each of its views one thing is spoiled in the copies, the view must see it, and all is put
-- back by rolling back.
CREATE TABLE spoilings (name text PRIMARY KEY, statement text NOT NULL);
INSERT INTO spoilings VALUES
    ('nobody_was_asked_to_pay_twice', 'INSERT INTO seen.mpesa SELECT ''another'', push_id, state, amount, NULL, 0 FROM seen.mpesa LIMIT 1'),
    ('every_paid_purchase_is_credited_once', 'DELETE FROM seen.ledger WHERE id = (SELECT min(id) FROM seen.ledger WHERE kind = ''credits_bought'')'),
    ('nothing_is_credited_that_was_not_paid', 'UPDATE seen.mpesa SET state = ''failed'' WHERE receipt = (SELECT min(receipt) FROM seen.mpesa WHERE state = ''paid'')'),
    ('every_purchase_is_what_m_pesa_says', 'UPDATE seen.purchases SET status = ''failed'' WHERE id = (SELECT min(id) FROM seen.purchases WHERE status = ''completed'')'),
    ('the_ledger_is_balanced_to_zero', 'UPDATE seen.balances SET balance = balance + 1 WHERE account = (SELECT min(account) FROM seen.balances)'),
    ('every_credit_is_spent_at_most_once', 'INSERT INTO seen.accesses SELECT * FROM seen.accesses LIMIT 1'),
    ('nothing_is_pending_without_a_reason', 'UPDATE seen.pushes SET state = ''pushed'' WHERE id = (SELECT min(id) FROM seen.pushes WHERE state = ''completed'')'),
    ('no_key_is_parked', 'INSERT INTO seen.parked VALUES (''profiles'', ''dc.auth.users'', ''somebody'')'),
    ('no_callback_that_was_accepted_is_lost', 'DELETE FROM seen.callbacks WHERE push_id = (SELECT min(push_id) FROM seen.mpesa WHERE callbacks_answered > 0)'),
    ('every_event_that_was_committed_is_told', 'DELETE FROM seen.told WHERE (source, id) = (SELECT source, id FROM seen.events LIMIT 1)'),
    ('nothing_is_told_that_was_not_committed', 'DELETE FROM seen.events WHERE id = (SELECT max(id) FROM seen.events)'),
    ('every_key_is_told_in_its_order', 'INSERT INTO seen.told (topic, key, source, id, type) SELECT topic, key, source, min(id), '''' FROM seen.told GROUP BY topic, key, source HAVING min(id) < max(id) LIMIT 1'),
    ('every_event_is_applied_by_all_who_hear_it', 'DELETE FROM seen.heard WHERE id = (SELECT max(id) FROM seen.heard WHERE service = ''profiles'')'),
    ('nothing_is_applied_that_was_not_committed', 'UPDATE seen.heard SET id = -1 WHERE id = (SELECT max(id) FROM seen.heard)'),
    ('every_effect_happened_once_and_in_order', 'INSERT INTO seen.applied SELECT * FROM seen.applied LIMIT 1'),
    ('every_grant_is_in_profiles', 'DELETE FROM seen.grants WHERE user_id = (SELECT min(user_id) FROM seen.grants)'),
    ('what_services_keep_of_others_is_as_it_is_there', 'UPDATE seen.contacts SET email = ''another'' WHERE user_id = (SELECT min(user_id) FROM seen.contacts)'),
    ('what_a_family_was_told_of_a_purchase_is_true', 'UPDATE seen.bought SET status = ''failed'' WHERE status = ''completed'''),
    ('what_a_family_was_told_of_a_contact_is_true', 'DELETE FROM seen.accesses WHERE id = (SELECT min(id) FROM seen.accesses)'),
    ('every_contact_shows_to_who_has_paid_for_it_alone', 'UPDATE seen.looked SET email = NULL WHERE user_id = (SELECT min(user_id) FROM seen.looked WHERE email IS NOT NULL)'),
    ('every_family_has_the_credits_that_it_paid_for', 'UPDATE seen.credits SET credits = credits + 1 WHERE user_id = (SELECT min(user_id) FROM seen.credits)'),
    ('no_client_got_an_answer_that_it_should_not', 'INSERT INTO seen.surprises (text) VALUES (''500'')');

CREATE FUNCTION verdict_of_spoilings() RETURNS TABLE (subject text, fault text) LANGUAGE plpgsql AS $$
DECLARE
    spoiling text;
    before bigint;
    after bigint;
BEGIN
    FOR subject, spoiling IN SELECT relname, statement FROM pg_class LEFT JOIN spoilings ON name = relname
                              WHERE relnamespace = 'verdict'::regnamespace AND relname <> 'the_verdict_sees_what_is_spoiled' ORDER BY relname LOOP
        EXECUTE format('SELECT count(fault) FROM verdict.%I', subject) INTO before;
        BEGIN
            EXECUTE coalesce(spoiling, 'SELECT');
            EXECUTE format('SELECT count(fault) FROM verdict.%I', subject) INTO after;
            RAISE EXCEPTION 'seen' USING ERRCODE = 'DC000'; -- takes back what was spoiled; the counts stay
        EXCEPTION WHEN SQLSTATE 'DC000' THEN NULL;
        END;
        fault := CASE WHEN spoiling IS NULL THEN 'nothing is spoiled for it' WHEN after <= before THEN 'it does not see: ' || spoiling END;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE VIEW verdict.the_verdict_sees_what_is_spoiled AS SELECT * FROM verdict_of_spoilings();

-- Money: packages, purchases, what they unlock, fees of agencies, refunds; the ledger over all of them; and M-Pesa's side:
-- pushes, callbacks, the shared access token.

-- --- The ledger ------------------------------------------------------------------------------------

CREATE TABLE ledger_entries (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('opening', 'paid', 'credits_bought', 'credit_spent', 'refunded',
                             'credits_taken_back', 'credits_returned')),
    unit         text        NOT NULL CHECK (unit IN ('KES', 'credit')),
    amount       bigint      NOT NULL CHECK (amount > 0),
    from_account text        NOT NULL,
    to_account   text        NOT NULL,
    reference    text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledger_entry_once UNIQUE (kind, unit, reference),
    CHECK (from_account <> to_account)
);
CREATE INDEX ledger_entries_from ON ledger_entries (from_account, unit);
CREATE INDEX ledger_entries_to ON ledger_entries (to_account, unit);
COMMENT ON TABLE ledger_entries IS 'Double entry, append-only: every row moves an amount from one account to another, so that all accounts together are always zero.';
COMMENT ON COLUMN ledger_entries.id IS 'Order.';
COMMENT ON COLUMN ledger_entries.kind IS 'What happened; once for each reference.';
COMMENT ON COLUMN ledger_entries.unit IS 'KES in cents, or credits: one unlocks one contact.';
COMMENT ON COLUMN ledger_entries.amount IS 'Cents or credits, never negative.';
COMMENT ON COLUMN ledger_entries.from_account IS 'customers and mpesa for money; credits_issued, credits_used, and user:ID for credits.';
COMMENT ON COLUMN ledger_entries.to_account IS 'The same.';
COMMENT ON COLUMN ledger_entries.reference IS 'Purchase, access, agency payment or refund that it belongs to.';
COMMENT ON COLUMN ledger_entries.created_at IS 'When.';

CREATE TABLE ledger_balances (
    account  text   NOT NULL,
    unit     text   NOT NULL,
    balance  bigint NOT NULL CONSTRAINT ledger_balance_not_negative CHECK (balance >= 0),
    received bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, unit)
);
COMMENT ON TABLE ledger_balances IS 'What users hold, kept by a trigger from the entries. Others'' balances are sums: a row for all would be a lock for all.';
COMMENT ON COLUMN ledger_balances.account IS 'user:ID.';
COMMENT ON COLUMN ledger_balances.unit IS 'credit.';
COMMENT ON COLUMN ledger_balances.balance IS 'What is left; the database refuses less than nothing.';
COMMENT ON COLUMN ledger_balances.received IS 'All that ever came in, less what was taken back.';

-- All entries of a statement at once, of which an import writes many: what comes in first, then what goes out. Balances are found one by
-- one, however many there are.
CREATE FUNCTION ledger_post() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    stranger text;
BEGIN
    INSERT INTO ledger_balances AS b (account, unit, balance, received)
    SELECT to_account, unit, sum(amount), sum(amount) FROM entries WHERE to_account LIKE 'user:%' GROUP BY to_account, unit ORDER BY to_account, unit
    ON CONFLICT (account, unit) DO UPDATE SET balance = b.balance + excluded.balance, received = b.received + excluded.received;
    WITH gone AS (
        SELECT from_account AS account, unit, sum(amount) AS amount, sum(amount) FILTER (WHERE kind = 'credits_taken_back') AS taken_back
          FROM entries WHERE from_account LIKE 'user:%' GROUP BY from_account, unit
    ), posted AS (
        UPDATE ledger_balances AS b SET balance = b.balance - g.amount, received = b.received - coalesce(g.taken_back, 0)
          FROM gone AS g WHERE b.account = g.account AND b.unit = g.unit
        RETURNING b.account, b.unit
    )
    SELECT min(account) INTO stranger FROM gone WHERE (account, unit) NOT IN (SELECT account, unit FROM posted);
    IF stranger IS NOT NULL THEN
        RAISE EXCEPTION 'account % holds nothing', stranger
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance_not_negative';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_post AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_post();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- --- What others tell us ---------------------------------------------------------------------------

CREATE TABLE workers (
    worker_id       text    PRIMARY KEY,
    profile_id      text    NOT NULL,
    is_active       boolean NOT NULL,
    worker_sequence text    NOT NULL DEFAULT ''
);
CREATE INDEX workers_profile ON workers (profile_id);
COMMENT ON TABLE workers IS 'Who can be unlocked; read model of dc.profiles.workers.';
COMMENT ON COLUMN workers.worker_id IS 'Housegirl profile.';
COMMENT ON COLUMN workers.profile_id IS 'Her base profile.';
COMMENT ON COLUMN workers.is_active IS 'False: her user is deactivated.';
COMMENT ON COLUMN workers.worker_sequence IS 'ce_sequence of the event applied last: older ones do nothing.';

CREATE TABLE payers (
    user_id       text PRIMARY KEY,
    phone_number  text,
    user_sequence text NOT NULL
);
COMMENT ON TABLE payers IS 'Phones for fees that a person is asked for without having typed one; read model of dc.auth.contacts.';
COMMENT ON COLUMN payers.user_id IS 'The user.';
COMMENT ON COLUMN payers.phone_number IS 'E.164; null: none known.';
COMMENT ON COLUMN payers.user_sequence IS 'ce_sequence of the event applied last.';

CREATE TABLE erased (
    user_id text PRIMARY KEY
);
COMMENT ON TABLE erased IS 'Users who were erased, by id alone.';
COMMENT ON COLUMN erased.user_id IS 'The user.';

-- --- Packages and purchases ------------------------------------------------------------------------

CREATE TABLE payment_packages (
    id                text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    name              text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    description       text        NOT NULL DEFAULT '' CHECK (length(description) <= 1000),
    price             bigint      NOT NULL CONSTRAINT package_price CHECK (price > 0),
    contacts_included bigint      NOT NULL CONSTRAINT package_contacts CHECK (contacts_included BETWEEN 1 AND 10000),
    is_active         boolean     NOT NULL DEFAULT true,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE payment_packages IS 'What employers can buy.';
COMMENT ON COLUMN payment_packages.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN payment_packages.name IS 'For people.';
COMMENT ON COLUMN payment_packages.description IS 'For people.';
COMMENT ON COLUMN payment_packages.price IS 'Cents of KES; M-Pesa is asked for whole shillings, rounded up.';
COMMENT ON COLUMN payment_packages.contacts_included IS 'Credits it gives.';
COMMENT ON COLUMN payment_packages.is_active IS 'On sale.';
COMMENT ON COLUMN payment_packages.created_at IS 'When it was made.';
COMMENT ON COLUMN payment_packages.updated_at IS 'Last change.';

CREATE TABLE user_purchases (
    id                text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    user_id           text        NOT NULL,
    package_id        text        NOT NULL REFERENCES payment_packages,
    package_name      text        NOT NULL,
    amount            bigint      NOT NULL CHECK (amount > 0),
    amount_charged    bigint      NOT NULL CHECK (amount_charged >= amount),
    contacts_included bigint      NOT NULL CHECK (contacts_included > 0),
    status            text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'completed', 'failed', 'expired', 'refunded')),
    purchase_date     timestamptz NOT NULL DEFAULT now(),
    completed_at      timestamptz,
    failure_reason    text,
    receipt           text,
    CHECK (status NOT IN ('completed', 'refunded') OR completed_at IS NOT NULL)
);
CREATE INDEX user_purchases_user ON user_purchases (user_id, purchase_date DESC, id DESC);
CREATE INDEX user_purchases_date ON user_purchases (purchase_date DESC, id DESC);
COMMENT ON TABLE user_purchases IS 'Packages that employers bought, or tried to.';
COMMENT ON COLUMN user_purchases.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN user_purchases.user_id IS 'Who buys.';
COMMENT ON COLUMN user_purchases.package_id IS 'What.';
COMMENT ON COLUMN user_purchases.package_name IS 'Its name at the time.';
COMMENT ON COLUMN user_purchases.amount IS 'Its price at the time, cents.';
COMMENT ON COLUMN user_purchases.amount_charged IS 'What M-Pesa is asked for: the price in whole shillings, rounded up; cents.';
COMMENT ON COLUMN user_purchases.contacts_included IS 'Credits it gives once it is paid.';
COMMENT ON COLUMN user_purchases.status IS 'Follows the state of its push: see states.c.';
COMMENT ON COLUMN user_purchases.purchase_date IS 'When it was asked for.';
COMMENT ON COLUMN user_purchases.completed_at IS 'When it was paid.';
COMMENT ON COLUMN user_purchases.failure_reason IS 'For the buyer.';
COMMENT ON COLUMN user_purchases.receipt IS 'M-Pesa receipt number.';

CREATE TABLE contact_access (
    id                text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    user_id           text        NOT NULL,
    target_profile_id text        NOT NULL,
    ledger_entry_id   bigint      NOT NULL UNIQUE REFERENCES ledger_entries,
    accessed_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contact_access_once UNIQUE (user_id, target_profile_id)
);
CREATE INDEX contact_access_user ON contact_access (user_id, accessed_at DESC, id DESC);
COMMENT ON TABLE contact_access IS 'Contacts that were unlocked. No row without the ledger entry of the credit that was spent on it.';
COMMENT ON COLUMN contact_access.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN contact_access.user_id IS 'Who may see it.';
COMMENT ON COLUMN contact_access.target_profile_id IS 'The worker (housegirl profile).';
COMMENT ON COLUMN contact_access.ledger_entry_id IS 'The credit spent.';
COMMENT ON COLUMN contact_access.accessed_at IS 'When.';

-- A contact is paid for, whatever code says: its entry spends a credit of the same user for this very access.
CREATE FUNCTION contact_access_is_paid() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unpaid text;
BEGIN
    SELECT min(a.id) INTO unpaid
      FROM accesses AS a
     WHERE (SELECT kind = 'credit_spent' AND unit = 'credit' AND amount = 1 AND from_account = 'user:' || a.user_id AND reference = a.id
              FROM ledger_entries WHERE id = a.ledger_entry_id) IS NOT TRUE;
    IF unpaid IS NOT NULL THEN
        RAISE EXCEPTION 'access % is not paid for', unpaid USING ERRCODE = 'check_violation', CONSTRAINT = 'contact_access_is_paid';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER contact_access_is_paid AFTER INSERT ON contact_access REFERENCING NEW TABLE AS accesses FOR EACH STATEMENT EXECUTE FUNCTION contact_access_is_paid();
CREATE TRIGGER contact_access_stays_paid AFTER UPDATE ON contact_access REFERENCING NEW TABLE AS accesses FOR EACH STATEMENT EXECUTE FUNCTION contact_access_is_paid();

CREATE TABLE agency_payments (
    id                text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    fee_id            text        CONSTRAINT agency_payments_fee_key UNIQUE,
    agency_id         text        NOT NULL,
    payer_user_id     text,
    payment_type      text        NOT NULL CHECK (payment_type IN ('subscription', 'membership', 'hiring', 'commission')),
    amount            bigint      NOT NULL CHECK (amount > 0),
    amount_charged    bigint      NOT NULL CHECK (amount_charged >= amount),
    status            text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'completed', 'failed', 'expired', 'refunded')),
    payment_date      timestamptz NOT NULL DEFAULT now(),
    completed_at      timestamptz,
    failure_reason    text,
    payment_reference text,
    description       text        NOT NULL DEFAULT '' CHECK (length(description) <= 500)
);
CREATE INDEX agency_payments_agency ON agency_payments (agency_id, payment_date DESC, id DESC);
CREATE INDEX agency_payments_payer ON agency_payments (payer_user_id, payment_date DESC, id DESC);
CREATE INDEX agency_payments_date ON agency_payments (payment_date DESC, id DESC);
COMMENT ON TABLE agency_payments IS 'Fees around agencies, asked for by events.';
COMMENT ON COLUMN agency_payments.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN agency_payments.fee_id IS 'The fee that was asked for: asked twice, it is one payment. Null for legacy rows.';
COMMENT ON COLUMN agency_payments.agency_id IS 'The agency.';
COMMENT ON COLUMN agency_payments.payer_user_id IS 'Who pays; null for legacy rows.';
COMMENT ON COLUMN agency_payments.payment_type IS 'For what.';
COMMENT ON COLUMN agency_payments.amount IS 'Cents.';
COMMENT ON COLUMN agency_payments.amount_charged IS 'Whole shillings, rounded up; cents.';
COMMENT ON COLUMN agency_payments.status IS 'Follows the state of its push.';
COMMENT ON COLUMN agency_payments.payment_date IS 'When it was asked for.';
COMMENT ON COLUMN agency_payments.completed_at IS 'When it was paid.';
COMMENT ON COLUMN agency_payments.failure_reason IS 'For the payer.';
COMMENT ON COLUMN agency_payments.payment_reference IS 'M-Pesa receipt number.';
COMMENT ON COLUMN agency_payments.description IS 'For people.';

-- --- M-Pesa ----------------------------------------------------------------------------------------

CREATE TABLE pushes (
    id                  text        PRIMARY KEY,
    subject_kind        text        NOT NULL CHECK (subject_kind IN ('purchase', 'agency_payment')),
    subject_id          text        NOT NULL,
    user_id             text        NOT NULL,
    phone_number        text        CHECK (phone_number ~ '^\+254[17][0-9]{8}$'),
    amount              bigint      NOT NULL CHECK (amount > 0 AND amount % 100 = 0),
    state               text        NOT NULL DEFAULT 'created'
                        CHECK (state IN ('created', 'pushing', 'pushed', 'unknown', 'completed', 'failed', 'expired')),
    merchant_request_id text,
    checkout_request_id text        CONSTRAINT pushes_checkout_key UNIQUE,
    receipt             text        CONSTRAINT pushes_receipt_key UNIQUE,
    result_code         text,
    result_detail       text,
    was_late            boolean     NOT NULL DEFAULT false,
    in_doubt            boolean     NOT NULL DEFAULT false,
    told_receipt        text,
    answered_by         text        CHECK (answered_by IN ('push', 'callback', 'query', 'nobody')),
    query_count         integer     NOT NULL DEFAULT 0,
    act_at              timestamptz NOT NULL DEFAULT now(),
    taken_by            text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    pushed_at           timestamptz,
    settled_at          timestamptz,
    UNIQUE (subject_kind, subject_id)
);
-- one prompt on a phone at a time
CREATE UNIQUE INDEX pushes_phone_busy ON pushes (phone_number) WHERE state IN ('pushing', 'pushed');
CREATE INDEX pushes_created ON pushes (act_at) WHERE state = 'created';
CREATE INDEX pushes_open ON pushes (act_at) WHERE state IN ('pushing', 'pushed', 'unknown');
CREATE INDEX pushes_phone ON pushes (phone_number, created_at);
CREATE INDEX pushes_user ON pushes (user_id);
COMMENT ON TABLE pushes IS 'STK pushes: at most one for each purchase or fee, ever. States and their changes: states.c.';
COMMENT ON COLUMN pushes.id IS 'UUIDv7; part of the callback''s address.';
COMMENT ON COLUMN pushes.subject_kind IS 'What is paid.';
COMMENT ON COLUMN pushes.subject_id IS 'Which one.';
COMMENT ON COLUMN pushes.user_id IS 'Who pays.';
COMMENT ON COLUMN pushes.phone_number IS 'Prompted phone, E.164; null once the person is erased.';
COMMENT ON COLUMN pushes.amount IS 'Cents, whole shillings.';
COMMENT ON COLUMN pushes.state IS 'created, pushing (handed to M-Pesa, answer awaited), pushed, unknown, completed, failed, expired.';
COMMENT ON COLUMN pushes.merchant_request_id IS 'M-Pesa''s.';
COMMENT ON COLUMN pushes.checkout_request_id IS 'M-Pesa''s; null until it has answered.';
COMMENT ON COLUMN pushes.told_receipt IS 'Receipt of a callback that was not believed; counts once a query says that it was paid.';
COMMENT ON COLUMN pushes.receipt IS 'M-Pesa''s receipt number; null when a query alone told that it was paid.';
COMMENT ON COLUMN pushes.result_code IS 'M-Pesa''s last word.';
COMMENT ON COLUMN pushes.result_detail IS 'The same in words.';
COMMENT ON COLUMN pushes.was_late IS 'It was paid after it had been given up.';
COMMENT ON COLUMN pushes.in_doubt IS 'Something did not fit: a query must confirm before anything is credited.';
COMMENT ON COLUMN pushes.answered_by IS 'Who settled it.';
COMMENT ON COLUMN pushes.query_count IS 'How often M-Pesa was asked.';
COMMENT ON COLUMN pushes.act_at IS 'When the next step is due: the push, the next query, or the end of a lease.';
COMMENT ON COLUMN pushes.taken_by IS 'The attempt that took it last; null before the first.';
COMMENT ON COLUMN pushes.created_at IS 'When it was asked for.';
COMMENT ON COLUMN pushes.pushed_at IS 'When M-Pesa took it.';
COMMENT ON COLUMN pushes.settled_at IS 'When it was settled, the last time.';

CREATE TABLE stk_callbacks (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    push_id        text        NOT NULL,
    source_address text        NOT NULL,
    body           text        NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    act_at         timestamptz NOT NULL DEFAULT now(),
    processed_at   timestamptz,
    outcome        text        CHECK (outcome IN ('applied', 'duplicate', 'ignored', 'doubtful', 'malformed', 'no_push')),
    doubt          text,
    CHECK ((processed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX stk_callbacks_new ON stk_callbacks (act_at, id) WHERE processed_at IS NULL;
CREATE INDEX stk_callbacks_push ON stk_callbacks (push_id);
CREATE INDEX stk_callbacks_received_at ON stk_callbacks (received_at);
COMMENT ON TABLE stk_callbacks IS 'What M-Pesa sent, as it came; worked off by the settle worker.';
COMMENT ON COLUMN stk_callbacks.id IS 'Order of arrival.';
COMMENT ON COLUMN stk_callbacks.push_id IS 'From its address, whose signature held.';
COMMENT ON COLUMN stk_callbacks.source_address IS 'Who sent it.';
COMMENT ON COLUMN stk_callbacks.body IS 'As it came; phone numbers are cut out after a while.';
COMMENT ON COLUMN stk_callbacks.received_at IS 'When.';
COMMENT ON COLUMN stk_callbacks.act_at IS 'Not to be worked off before.';
COMMENT ON COLUMN stk_callbacks.processed_at IS 'When it was worked off.';
COMMENT ON COLUMN stk_callbacks.doubt IS 'What did not fit.';
COMMENT ON COLUMN stk_callbacks.outcome IS 'applied; duplicate: said before; ignored: the state it would change is final; doubtful: left to a query; malformed; no_push: we know of none.';

CREATE TABLE refunds (
    id                         text        PRIMARY KEY,
    method                     text        NOT NULL CHECK (method IN ('reversal', 'b2c')),
    subject_kind               text        NOT NULL CHECK (subject_kind IN ('purchase', 'agency_payment')),
    subject_id                 text        NOT NULL,
    user_id                    text        NOT NULL,
    amount                     bigint      NOT NULL CHECK (amount > 0 AND amount % 100 = 0),
    credits                    bigint      NOT NULL DEFAULT 0 CHECK (credits >= 0),
    receipt                    text,
    phone_number               text,
    state                      text        NOT NULL DEFAULT 'created'
                               CHECK (state IN ('created', 'sending', 'sent', 'unknown', 'completed', 'failed')),
    reason                     text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    requested_by               text        NOT NULL,
    originator_conversation_id text        NOT NULL UNIQUE,
    conversation_id            text,
    refund_receipt             text,
    result_code                text,
    result_detail              text,
    was_late                   boolean     NOT NULL DEFAULT false,
    act_at                     timestamptz NOT NULL DEFAULT now(),
    taken_by                   text,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    settled_at                 timestamptz
);
-- one at a time, and a whole one once
CREATE UNIQUE INDEX refunds_one_open ON refunds (subject_kind, subject_id) WHERE state NOT IN ('completed', 'failed');
CREATE INDEX refunds_subject ON refunds (subject_kind, subject_id);
CREATE INDEX refunds_due ON refunds (act_at) WHERE state IN ('created', 'sending', 'sent');
COMMENT ON TABLE refunds IS 'Money given back, asked for by an administrator.';
COMMENT ON COLUMN refunds.id IS 'UUIDv7; part of the result''s address.';
COMMENT ON COLUMN refunds.method IS 'reversal: the whole payment by its receipt; b2c: an amount to the payer''s phone.';
COMMENT ON COLUMN refunds.subject_kind IS 'What was paid.';
COMMENT ON COLUMN refunds.subject_id IS 'Which one.';
COMMENT ON COLUMN refunds.user_id IS 'Who paid.';
COMMENT ON COLUMN refunds.amount IS 'Cents, whole shillings.';
COMMENT ON COLUMN refunds.credits IS 'Credits taken back when it was asked for; returned if it fails.';
COMMENT ON COLUMN refunds.receipt IS 'Receipt of the payment.';
COMMENT ON COLUMN refunds.phone_number IS 'Where a b2c goes.';
COMMENT ON COLUMN refunds.state IS 'created, sending, sent (M-Pesa works on it), unknown, completed, failed.';
COMMENT ON COLUMN refunds.reason IS 'Why.';
COMMENT ON COLUMN refunds.requested_by IS 'The administrator.';
COMMENT ON COLUMN refunds.originator_conversation_id IS 'Our id at M-Pesa: a b2c sent twice with it pays once.';
COMMENT ON COLUMN refunds.conversation_id IS 'M-Pesa''s id.';
COMMENT ON COLUMN refunds.refund_receipt IS 'M-Pesa''s receipt of the refund.';
COMMENT ON COLUMN refunds.result_code IS 'M-Pesa''s last word.';
COMMENT ON COLUMN refunds.result_detail IS 'The same in words.';
COMMENT ON COLUMN refunds.was_late IS 'M-Pesa paid it back after it had said that it would not.';
COMMENT ON COLUMN refunds.act_at IS 'When the next step is due.';
COMMENT ON COLUMN refunds.taken_by IS 'The attempt that took it last; null before the first.';
COMMENT ON COLUMN refunds.created_at IS 'When it was asked for.';
COMMENT ON COLUMN refunds.settled_at IS 'When it was settled.';

CREATE TABLE daraja_token (
    singleton    boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    sealed_token text        NOT NULL DEFAULT '',
    expires_at   timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO daraja_token DEFAULT VALUES;
COMMENT ON TABLE daraja_token IS 'The one access token of all replicas: each new one makes M-Pesa forget the last. One row.';
COMMENT ON COLUMN daraja_token.singleton IS 'True: there is one row.';
COMMENT ON COLUMN daraja_token.sealed_token IS 'Encrypted with DC_PAYMENTS_SECRET.';
COMMENT ON COLUMN daraja_token.expires_at IS 'When a new one is due.';

-- --- Shapes ----------------------------------------------------------------------------------------

CREATE FUNCTION package_json(p payment_packages) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', p.id, 'name', p.name, 'description', p.description, 'price', kes(p.price),
        'contacts_included', p.contacts_included, 'is_active', p.is_active, 'created_at', rfc3339(p.created_at))
$$;
COMMENT ON FUNCTION package_json IS 'PACKAGE of the HTTP contract.';

CREATE FUNCTION purchase_json(u user_purchases, p pushes) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'user_id', u.user_id, 'package_id', u.package_id, 'package_name', u.package_name,
        'amount', kes(u.amount), 'amount_paid', CASE WHEN u.status IN ('completed', 'refunded') THEN kes(u.amount_charged) END,
        'contacts_included', u.contacts_included, 'status', u.status, 'purchase_date', rfc3339(u.purchase_date),
        'completed_at', rfc3339(u.completed_at), 'checkout_request_id', coalesce(p.checkout_request_id, u.id),
        'payment_reference', u.id, 'mpesa_receipt_number', u.receipt, 'failure_reason', u.failure_reason)
$$;
COMMENT ON FUNCTION purchase_json IS 'PURCHASE of the HTTP contract. Until M-Pesa has named the checkout, the purchase''s own id stands for it.';

CREATE FUNCTION agency_payment_json(a agency_payments) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', a.id, 'agency_id', a.agency_id, 'payment_type', a.payment_type, 'amount', kes(a.amount),
        'status', a.status, 'payment_date', rfc3339(a.payment_date), 'payment_reference', a.payment_reference, 'description', a.description)
$$;
COMMENT ON FUNCTION agency_payment_json IS 'AGENCY_PAYMENT of the HTTP contract.';

CREATE FUNCTION credits_json(wanted_user_id text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('total_credits', coalesce(b.received, 0), 'used_credits', coalesce(b.received - b.balance, 0),
                             'remaining_credits', coalesce(b.balance, 0))
      FROM (SELECT 1) AS one LEFT JOIN ledger_balances AS b ON b.account = 'user:' || wanted_user_id AND b.unit = 'credit'
$$;
COMMENT ON FUNCTION credits_json IS 'CREDITS of the HTTP contract.';

CREATE FUNCTION package_event(p payment_packages) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('package_id', p.id, 'name', p.name, 'price', kes(p.price), 'contacts_included', p.contacts_included,
        'is_active', p.is_active, 'updated_at', rfc3339(p.updated_at))
$$;
COMMENT ON FUNCTION package_event IS 'Data of package.changed.';

CREATE FUNCTION purchase_event(u user_purchases) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('purchase_id', u.id, 'user_id', u.user_id, 'package_id', u.package_id, 'amount', kes(u.amount),
        'amount_charged', kes(u.amount_charged), 'contacts_included', u.contacts_included, 'status', u.status,
        'receipt', u.receipt, 'failure_reason', u.failure_reason, 'purchase_date', rfc3339(u.purchase_date),
        'completed_at', rfc3339(u.completed_at))
$$;
COMMENT ON FUNCTION purchase_event IS 'Data of every purchase.* event: the whole state, without the phone.';

CREATE FUNCTION agency_payment_event(a agency_payments) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('agency_payment_id', a.id, 'fee_id', a.fee_id, 'agency_id', a.agency_id, 'payer_user_id', a.payer_user_id,
        'payment_type', a.payment_type, 'amount', kes(a.amount), 'amount_charged', kes(a.amount_charged), 'status', a.status,
        'receipt', a.payment_reference, 'failure_reason', a.failure_reason, 'payment_date', rfc3339(a.payment_date),
        'completed_at', rfc3339(a.completed_at))
$$;
COMMENT ON FUNCTION agency_payment_event IS 'Data of every agency_payment.* event.';

CREATE FUNCTION refund_event(r refunds) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('refund_id', r.id, 'subject_kind', r.subject_kind, 'subject_id', r.subject_id, 'user_id', r.user_id,
        'method', r.method, 'amount', kes(r.amount), 'credits', r.credits, 'state', r.state, 'receipt', r.refund_receipt,
        'created_at', rfc3339(r.created_at), 'settled_at', rfc3339(r.settled_at))
$$;
COMMENT ON FUNCTION refund_event IS 'Data of every refund.* event.';

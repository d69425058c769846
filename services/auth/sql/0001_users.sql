-- Users, their sessions and one-time codes, the mails that wait, signing keys and erasures.

CREATE TABLE users (
    id                 text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    email              text        CHECK (length(email) BETWEEN 3 AND 254),
    phone_number       text        CHECK (phone_number ~ '^\+254[17][0-9]+$' AND length(phone_number) = 13),
    first_name         text        NOT NULL CHECK (length(first_name) <= 100),
    last_name          text        NOT NULL CHECK (length(last_name) <= 100),
    user_type          text        NOT NULL CHECK (user_type IN ('employer', 'housegirl', 'agency')),
    is_active          boolean     NOT NULL DEFAULT true,
    is_admin           boolean     NOT NULL DEFAULT false,
    email_verified     boolean     NOT NULL DEFAULT false,
    firebase_uid       text        CHECK (length(firebase_uid) BETWEEN 1 AND 128),
    password_hash      text        CHECK (password_hash LIKE '$2_$%'),
    tokens_valid_after timestamptz NOT NULL DEFAULT '-infinity',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CHECK (email IS NOT NULL OR NOT email_verified)
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_firebase_uid_key ON users (firebase_uid) WHERE firebase_uid IS NOT NULL;
CREATE INDEX users_created_at ON users (created_at DESC, id DESC);
COMMENT ON TABLE users IS 'Everybody who can sign in. Names, e-mail and phone belong to this table; other services get copies by events.';
COMMENT ON COLUMN users.id IS 'UUIDv7, or the legacy user_id.';
COMMENT ON COLUMN users.email IS 'As the person writes it; unique without regard to case. Null for some imported users.';
COMMENT ON COLUMN users.phone_number IS 'Kenyan mobile number in E.164.';
COMMENT ON COLUMN users.first_name IS 'Given name; empty only where the legacy data had none.';
COMMENT ON COLUMN users.last_name IS 'Family name; empty only where the legacy data had none.';
COMMENT ON COLUMN users.user_type IS 'Which side of the market; never changes.';
COMMENT ON COLUMN users.is_active IS 'False: cannot sign in, and all access ended when it became false.';
COMMENT ON COLUMN users.is_admin IS 'An operator of the whole system, beside the user type.';
COMMENT ON COLUMN users.email_verified IS 'The person has shown that the e-mail is hers.';
COMMENT ON COLUMN users.firebase_uid IS 'Firebase account that signs in as this user.';
COMMENT ON COLUMN users.password_hash IS 'bcrypt; null: gets in by Firebase or a reset link.';
COMMENT ON COLUMN users.tokens_valid_after IS 'Firebase sign-ins older than this are refused (after a reset or a deactivation).';
COMMENT ON COLUMN users.created_at IS 'When the person registered; kept from the legacy data.';
COMMENT ON COLUMN users.updated_at IS 'Last change of what others may see.';

CREATE FUNCTION user_json(u users) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'email', u.email, 'user_type', u.user_type, 'first_name', u.first_name,
        'last_name', u.last_name, 'phone_number', u.phone_number, 'is_active', u.is_active, 'is_admin', u.is_admin,
        'email_verified', u.email_verified, 'is_firebase_user', u.firebase_uid IS NOT NULL,
        'created_at', rfc3339(u.created_at), 'updated_at', rfc3339(u.updated_at))
$$;
COMMENT ON FUNCTION user_json IS 'USER of the HTTP contract; for the person and for administrators.';

CREATE FUNCTION user_event(u users) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('user_id', u.id, 'user_type', u.user_type, 'first_name', u.first_name,
        'last_name', u.last_name, 'is_active', u.is_active, 'is_admin', u.is_admin,
        'created_at', rfc3339(u.created_at), 'updated_at', rfc3339(u.updated_at))
$$;
COMMENT ON FUNCTION user_event IS 'Data of every user.* event: the public state, without contact details.';

CREATE FUNCTION contact_event(u users) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('user_id', u.id, 'email', u.email, 'phone_number', u.phone_number)
$$;
COMMENT ON FUNCTION contact_event IS 'Data of user.contact_changed.';

CREATE FUNCTION revocation_event(user_id text, session_id text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('user_id', user_id, 'session_id', session_id, 'valid_after', rfc3339(clock_timestamp()))
$$;
COMMENT ON FUNCTION revocation_event IS 'Data of access.revoked; session_id null means all sessions of the user.';

CREATE TABLE sessions (
    id           text        PRIMARY KEY,
    user_id      text        NOT NULL REFERENCES users ON DELETE CASCADE,
    device       text        NOT NULL DEFAULT '' CHECK (length(device) <= 200),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
COMMENT ON TABLE sessions IS 'One sign-in on one device: a family of refresh tokens.';
COMMENT ON COLUMN sessions.id IS 'Claim sid of its access tokens.';
COMMENT ON COLUMN sessions.user_id IS 'Who signed in.';
COMMENT ON COLUMN sessions.device IS 'User-Agent of the last use.';
COMMENT ON COLUMN sessions.created_at IS 'Sign-in.';
COMMENT ON COLUMN sessions.last_used_at IS 'Last refresh.';
COMMENT ON COLUMN sessions.expires_at IS 'Moves on with every refresh.';
COMMENT ON COLUMN sessions.revoked_at IS 'Signed out, or ended for safety.';

CREATE TABLE refresh_tokens (
    hash       text        PRIMARY KEY,
    session_id text        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
COMMENT ON TABLE refresh_tokens IS 'Each is good for one refresh; a second use after the grace ends its session.';
COMMENT ON COLUMN refresh_tokens.hash IS 'SHA-256 of the token; the token itself is nowhere.';
COMMENT ON COLUMN refresh_tokens.session_id IS 'Its family.';
COMMENT ON COLUMN refresh_tokens.created_at IS 'When it was issued.';
COMMENT ON COLUMN refresh_tokens.expires_at IS 'When it stops counting, used or not.';
COMMENT ON COLUMN refresh_tokens.used_at IS 'First use; null while it is fresh.';

CREATE TABLE codes (
    hash       text        PRIMARY KEY,
    user_id    text        NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose    text        NOT NULL CHECK (purpose IN ('reset', 'verify', 'change')),
    email      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX codes_user ON codes (user_id, purpose, created_at);
CREATE INDEX codes_expires_at ON codes (expires_at);
COMMENT ON TABLE codes IS 'One-time codes that were mailed; a used one is gone.';
COMMENT ON COLUMN codes.hash IS 'SHA-256 of the code.';
COMMENT ON COLUMN codes.user_id IS 'Whose.';
COMMENT ON COLUMN codes.purpose IS 'reset: a new password; verify: the e-mail is hers; change: a new e-mail takes effect.';
COMMENT ON COLUMN codes.email IS 'Address it was mailed to; counts only for this one.';
COMMENT ON COLUMN codes.created_at IS 'When it was mailed.';
COMMENT ON COLUMN codes.expires_at IS 'reset 10 minutes, the others 24 hours after that.';

CREATE TABLE mail_outbox (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('reset', 'verify', 'change', 'password_changed', 'email_changed')),
    user_id     text        REFERENCES users ON DELETE CASCADE,
    recipient   text        NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mail_outbox_next_try_at ON mail_outbox (next_try_at);
CREATE INDEX mail_outbox_user ON mail_outbox (user_id);
COMMENT ON TABLE mail_outbox IS 'Mails to send, written with the change that causes them; a sent one is gone. The code in it is made when it is sent.';
COMMENT ON COLUMN mail_outbox.id IS 'Order.';
COMMENT ON COLUMN mail_outbox.kind IS 'Which text.';
COMMENT ON COLUMN mail_outbox.user_id IS 'For whom; null for a reset, which looks the address up only when it is sent, so that asking takes the same time for everybody.';
COMMENT ON COLUMN mail_outbox.recipient IS 'E-mail address.';
COMMENT ON COLUMN mail_outbox.attempts IS 'How often it was tried.';
COMMENT ON COLUMN mail_outbox.next_try_at IS 'Nobody else takes it before this; moves on with every attempt.';
COMMENT ON COLUMN mail_outbox.created_at IS 'When it was asked for.';

CREATE TABLE signing_keys (
    kid        text        PRIMARY KEY,
    state      text        NOT NULL CHECK (state IN ('next', 'current', 'retired')),
    sealed_jwk text        NOT NULL,
    public_jwk json        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    current_at timestamptz,
    retired_at timestamptz,
    CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state <> 'retired';
COMMENT ON TABLE signing_keys IS 'Keys of our access tokens. next is published long before it becomes current; retired stays until its last token has expired.';
COMMENT ON COLUMN signing_keys.kid IS 'RFC 7638 thumbprint.';
COMMENT ON COLUMN signing_keys.state IS 'At most one next and one current.';
COMMENT ON COLUMN signing_keys.sealed_jwk IS 'The whole key, encrypted with DC_SIGNING_KEY_SECRET.';
COMMENT ON COLUMN signing_keys.public_jwk IS 'What the others need to verify.';
COMMENT ON COLUMN signing_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN signing_keys.current_at IS 'When it began to sign.';
COMMENT ON COLUMN signing_keys.retired_at IS 'When it signed last.';

CREATE TABLE user_profiles (
    profile_id text PRIMARY KEY,
    user_id    text NOT NULL
);
CREATE INDEX user_profiles_user ON user_profiles (user_id);
COMMENT ON TABLE user_profiles IS 'Which user has a profile; read model of dc.profiles.profiles. May come before its user, so there is no foreign key.';
COMMENT ON COLUMN user_profiles.profile_id IS 'Base profile, of the profiles service.';
COMMENT ON COLUMN user_profiles.user_id IS 'Its user.';

CREATE TABLE erasures (
    id           text        PRIMARY KEY,
    user_id      text        NOT NULL UNIQUE,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE erasures IS 'People who were erased, by id alone; kept so that an import cannot bring them back.';
COMMENT ON COLUMN erasures.id IS 'Unguessable: who knows it may ask how far it is.';
COMMENT ON COLUMN erasures.user_id IS 'Whose data.';
COMMENT ON COLUMN erasures.requested_by IS 'self or admin.';
COMMENT ON COLUMN erasures.requested_at IS 'When.';

CREATE TABLE erasure_steps (
    erasure_id   text        NOT NULL REFERENCES erasures,
    service      text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('pending', 'done')),
    completed_at timestamptz,
    PRIMARY KEY (erasure_id, service),
    CHECK ((state = 'done') = (completed_at IS NOT NULL))
);
COMMENT ON TABLE erasure_steps IS 'What each service has done of an erasure, as far as its events tell.';
COMMENT ON COLUMN erasure_steps.erasure_id IS 'Of which erasure.';
COMMENT ON COLUMN erasure_steps.service IS 'auth, profiles, …';
COMMENT ON COLUMN erasure_steps.state IS 'pending until the service has told that nothing is left.';
COMMENT ON COLUMN erasure_steps.completed_at IS 'When it told so.';

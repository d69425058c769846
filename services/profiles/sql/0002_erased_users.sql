-- Who was erased, so that neither an import nor a late request brings a profile back.

CREATE TABLE erased_users (
    user_id   text        PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE erased_users IS 'People who were erased, by id alone.';
COMMENT ON COLUMN erased_users.user_id IS 'Who.';
COMMENT ON COLUMN erased_users.erased_at IS 'When this service learned of it.';

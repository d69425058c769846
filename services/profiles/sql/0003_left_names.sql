-- The names of those who removed their profile, for the day they make another: auth tells names only when they change.

CREATE TABLE left_names (
    user_id       text    PRIMARY KEY,
    first_name    text    NOT NULL,
    last_name     text    NOT NULL,
    is_active     boolean NOT NULL,
    user_sequence text    NOT NULL
);
COMMENT ON TABLE left_names IS 'What was known of a user by auth''s events when she removed her profile.';
COMMENT ON COLUMN left_names.user_id IS 'Who.';
COMMENT ON COLUMN left_names.first_name IS 'As in profiles.';
COMMENT ON COLUMN left_names.last_name IS 'As in profiles.';
COMMENT ON COLUMN left_names.is_active IS 'As in profiles.';
COMMENT ON COLUMN left_names.user_sequence IS 'As in profiles.';

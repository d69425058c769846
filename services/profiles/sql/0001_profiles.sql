-- Profiles of users, by role; contact details apart; what strangers see is kept ready.

CREATE TABLE profiles (
    id            text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    user_id       text        NOT NULL CONSTRAINT profiles_user_key UNIQUE CHECK (length(user_id) BETWEEN 1 AND 64),
    user_type     text        NOT NULL CHECK (user_type IN ('employer', 'housegirl', 'agency')),
    first_name    text        NOT NULL DEFAULT '' CHECK (length(first_name) <= 100),
    last_name     text        NOT NULL DEFAULT '' CHECK (length(last_name) <= 100),
    is_active     boolean     NOT NULL DEFAULT true,
    user_sequence text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX profiles_created_at ON profiles (created_at DESC, id DESC);
COMMENT ON TABLE profiles IS 'The base profile of a user: one each, of the user''s type.';
COMMENT ON COLUMN profiles.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN profiles.user_id IS 'The user, who belongs to auth.';
COMMENT ON COLUMN profiles.user_type IS 'Which side of the market; never changes.';
COMMENT ON COLUMN profiles.first_name IS 'Copy of auth''s, by event; empty until it arrives.';
COMMENT ON COLUMN profiles.last_name IS 'Copy of auth''s, by event; shown as an initial to strangers.';
COMMENT ON COLUMN profiles.is_active IS 'Copy of auth''s: a deactivated user is in no list.';
COMMENT ON COLUMN profiles.user_sequence IS 'ce_sequence of the user event applied last: older ones do nothing.';
COMMENT ON COLUMN profiles.created_at IS 'When it appeared; kept from the legacy data.';
COMMENT ON COLUMN profiles.updated_at IS 'Last change.';

CREATE TABLE contacts (
    user_id       text PRIMARY KEY,
    email         text,
    phone_number  text,
    user_sequence text NOT NULL DEFAULT ''
);
COMMENT ON TABLE contacts IS 'How to reach a user. Leaves this service only for the person, an admin, and holders of a grant.';
COMMENT ON COLUMN contacts.user_id IS 'The user.';
COMMENT ON COLUMN contacts.email IS 'Copy of auth''s, by event.';
COMMENT ON COLUMN contacts.phone_number IS 'Copy of auth''s, by event; E.164.';
COMMENT ON COLUMN contacts.user_sequence IS 'ce_sequence of the event applied last.';

CREATE TABLE employer_profiles (
    id           text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    profile_id   text        NOT NULL CONSTRAINT employer_profiles_profile_key UNIQUE REFERENCES profiles ON DELETE CASCADE,
    company_name text        NOT NULL DEFAULT '' CHECK (length(company_name) <= 200),
    location     text        NOT NULL DEFAULT '' CHECK (length(location) <= 200),
    description  text        NOT NULL DEFAULT '' CHECK (length(description) <= 2000),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX employer_profiles_created_at ON employer_profiles (created_at DESC, id DESC);
COMMENT ON TABLE employer_profiles IS 'What a family says of itself.';
COMMENT ON COLUMN employer_profiles.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN employer_profiles.profile_id IS 'Its base profile.';
COMMENT ON COLUMN employer_profiles.company_name IS 'Name of a household or company, where she gives one.';
COMMENT ON COLUMN employer_profiles.location IS 'Where they live.';
COMMENT ON COLUMN employer_profiles.description IS 'About the household; holds no contact details.';
COMMENT ON COLUMN employer_profiles.created_at IS 'When it was made.';
COMMENT ON COLUMN employer_profiles.updated_at IS 'Last change.';

CREATE TABLE agency_profiles (
    id             text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    profile_id     text        NOT NULL CONSTRAINT agency_profiles_profile_key UNIQUE REFERENCES profiles ON DELETE CASCADE,
    agency_name    text        NOT NULL DEFAULT '' CHECK (length(agency_name) <= 200),
    location       text        NOT NULL DEFAULT '' CHECK (length(location) <= 200),
    description    text        NOT NULL DEFAULT '' CHECK (length(description) <= 2000),
    license_number text        NOT NULL DEFAULT '' CHECK (length(license_number) <= 100),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agency_profiles_created_at ON agency_profiles (created_at DESC, id DESC);
COMMENT ON TABLE agency_profiles IS 'Company details of an agency user; the agency itself belongs to the agencies service.';
COMMENT ON COLUMN agency_profiles.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN agency_profiles.profile_id IS 'Its base profile.';
COMMENT ON COLUMN agency_profiles.agency_name IS 'Name of the company.';
COMMENT ON COLUMN agency_profiles.location IS 'Where it sits.';
COMMENT ON COLUMN agency_profiles.description IS 'About the company; holds no contact details.';
COMMENT ON COLUMN agency_profiles.license_number IS 'Registration certificate, as given.';
COMMENT ON COLUMN agency_profiles.created_at IS 'When it was made.';
COMMENT ON COLUMN agency_profiles.updated_at IS 'Last change.';

CREATE TABLE housegirl_profiles (
    id                  text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    profile_id          text        NOT NULL CONSTRAINT housegirl_profiles_profile_key UNIQUE REFERENCES profiles ON DELETE CASCADE,
    age                 integer     CONSTRAINT housegirl_age CHECK (age BETWEEN 18 AND 75),
    bio                 text        NOT NULL DEFAULT '' CHECK (length(bio) <= 4000),
    bio_public          text        NOT NULL DEFAULT '',
    current_location    text        NOT NULL DEFAULT '' CHECK (length(current_location) <= 200),
    location            text        NOT NULL DEFAULT '' CHECK (length(location) <= 200),
    county              text        CHECK (length(county) <= 40),
    education           text        CHECK (education IN ('primary', 'form_2', 'form_4', 'certificate', 'diploma', 'degree')),
    experience          text        CHECK (experience IN ('no_experience', '1_year', '2_years', '3_years', '4_years', '5_plus_years')),
    expected_salary     bigint      CONSTRAINT housegirl_salary CHECK (expected_salary > 0),
    accommodation_type  text        CHECK (accommodation_type IN ('live_in', 'live_out', 'both')),
    skills              text[]      NOT NULL DEFAULT '{}' CHECK (cardinality(skills) <= 50 AND strpos(array_to_string(skills, ''), E'\x1f') = 0),
    languages           text[]      NOT NULL DEFAULT '{}' CHECK (cardinality(languages) <= 20 AND strpos(array_to_string(languages, ''), E'\x1f') = 0),
    role                text        NOT NULL DEFAULT '' CHECK (length(role) <= 100 AND strpos(role, E'\x1f') = 0),
    is_available        boolean     NOT NULL DEFAULT true,
    verification_status text        NOT NULL DEFAULT 'unverified'
                        CHECK (verification_status IN ('unverified', 'pending', 'verified', 'rejected')),
    verification_reason text        NOT NULL DEFAULT '',
    profile_photo_url   text        NOT NULL DEFAULT '' CHECK (length(profile_photo_url) <= 500),
    photos              json        NOT NULL DEFAULT '[]',
    is_listed           boolean     NOT NULL DEFAULT true,
    newest_rank         bigint      NOT NULL,
    cheapest_rank       bigint      NOT NULL GENERATED ALWAYS AS (coalesce(expected_salary, 9223372036854775807)) STORED,
    dearest_rank        bigint      NOT NULL GENERATED ALWAYS AS (-coalesce(expected_salary, -1)) STORED,
    experienced_rank    bigint      NOT NULL GENERATED ALWAYS AS (-coalesce(array_position(
                        ARRAY['no_experience', '1_year', '2_years', '3_years', '4_years', '5_plus_years'], experience), 0)) STORED,
    facets              bigint[]    NOT NULL DEFAULT '{}',
    sketch              bit(512)    NOT NULL DEFAULT 0::bit(512),
    card                text        NOT NULL DEFAULT '',
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
-- a list walks along these without a look at the rows themselves, but for those that seem to fit
CREATE INDEX housegirl_newest ON housegirl_profiles (newest_rank, id) INCLUDE (sketch, expected_salary, age) WHERE is_listed;
CREATE INDEX housegirl_cheapest ON housegirl_profiles (cheapest_rank, id) INCLUDE (sketch, expected_salary, age) WHERE is_listed;
CREATE INDEX housegirl_dearest ON housegirl_profiles (dearest_rank, id) INCLUDE (sketch, expected_salary, age) WHERE is_listed;
CREATE INDEX housegirl_experienced ON housegirl_profiles (experienced_rank, id) INCLUDE (sketch, expected_salary, age) WHERE is_listed;
CREATE INDEX housegirl_ages ON housegirl_profiles (age) WHERE is_listed;
-- a short pending list: a quarter of the cost of each write, for a few pages more in each search
CREATE INDEX housegirl_facets ON housegirl_profiles USING gin (facets) WITH (fastupdate = on, gin_pending_list_limit = 64) WHERE is_listed;
COMMENT ON TABLE housegirl_profiles IS 'Domestic workers. photos, facets and card are made by triggers from the rest.';
COMMENT ON COLUMN housegirl_profiles.id IS 'UUIDv7, or the legacy id: the worker id of all other services.';
COMMENT ON COLUMN housegirl_profiles.profile_id IS 'Her base profile.';
COMMENT ON COLUMN housegirl_profiles.age IS 'Years; domestic work is for 18 and over.';
COMMENT ON COLUMN housegirl_profiles.bio IS 'As she wrote it: for herself, an admin and holders of a grant.';
COMMENT ON COLUMN housegirl_profiles.bio_public IS 'bio with phone numbers and e-mails masked: for everybody else.';
COMMENT ON COLUMN housegirl_profiles.current_location IS 'Where she is, in her words.';
COMMENT ON COLUMN housegirl_profiles.location IS 'Where she wants to work, in her words.';
COMMENT ON COLUMN housegirl_profiles.county IS 'One of the 47, given or found from the locations.';
COMMENT ON COLUMN housegirl_profiles.education IS 'Highest education.';
COMMENT ON COLUMN housegirl_profiles.experience IS 'Years in domestic work.';
COMMENT ON COLUMN housegirl_profiles.expected_salary IS 'Cents of KES a month.';
COMMENT ON COLUMN housegirl_profiles.accommodation_type IS 'Lives with the family or not.';
COMMENT ON COLUMN housegirl_profiles.skills IS 'What she does.';
COMMENT ON COLUMN housegirl_profiles.languages IS 'What she speaks.';
COMMENT ON COLUMN housegirl_profiles.role IS 'What kind of work she looks for.';
COMMENT ON COLUMN housegirl_profiles.is_available IS 'Looks for work now.';
COMMENT ON COLUMN housegirl_profiles.verification_status IS 'Set by an admin.';
COMMENT ON COLUMN housegirl_profiles.verification_reason IS 'Why, where rejected; for her and admins.';
COMMENT ON COLUMN housegirl_profiles.profile_photo_url IS 'Address of her picture.';
COMMENT ON COLUMN housegirl_profiles.photos IS 'PHOTO list of her profile, kept from the table photos.';
COMMENT ON COLUMN housegirl_profiles.is_listed IS 'Her user is active: strangers may see her.';
COMMENT ON COLUMN housegirl_profiles.newest_rank IS 'Sort key, rising: minus the microseconds of created_at, set by a trigger.';
COMMENT ON COLUMN housegirl_profiles.cheapest_rank IS 'Sort key, rising; no salary comes last.';
COMMENT ON COLUMN housegirl_profiles.dearest_rank IS 'Sort key, rising; no salary comes last.';
COMMENT ON COLUMN housegirl_profiles.experienced_rank IS 'Sort key, rising: most experienced first.';
COMMENT ON COLUMN housegirl_profiles.facets IS 'All that equality filters and word search look for, as facet_hashes: one index serves them all.';
COMMENT ON COLUMN housegirl_profiles.sketch IS 'facets as a Bloom filter: what it lacks is not among them.';
COMMENT ON COLUMN housegirl_profiles.card IS 'WORKER of the HTTP contract as an anonymous visitor sees it, ready to send.';
COMMENT ON COLUMN housegirl_profiles.created_at IS 'When it was made.';
COMMENT ON COLUMN housegirl_profiles.updated_at IS 'Last change.';

CREATE TABLE sensitive_data (
    housegirl_profile_id text        PRIMARY KEY REFERENCES housegirl_profiles ON DELETE CASCADE,
    tribe                text        NOT NULL CHECK (length(tribe) <= 60),
    consented_at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sensitive_data IS 'Sensitive personal data (Data Protection Act 2019, s.2): apart, with consent, for the person alone.';
COMMENT ON COLUMN sensitive_data.housegirl_profile_id IS 'Whose.';
COMMENT ON COLUMN sensitive_data.tribe IS 'Ethnic origin, as she states it.';
COMMENT ON COLUMN sensitive_data.consented_at IS 'When she consented to its being kept.';

CREATE TABLE photos (
    id          text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]+$' AND length(id) <= 64),
    profile_id  text        NOT NULL REFERENCES profiles ON DELETE CASCADE,
    photo_url   text        NOT NULL CHECK (length(photo_url) BETWEEN 1 AND 500),
    is_primary  boolean     NOT NULL DEFAULT false,
    upload_date timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX photos_profile ON photos (profile_id, upload_date, id);
COMMENT ON TABLE photos IS 'Pictures of a profile.';
COMMENT ON COLUMN photos.id IS 'UUIDv7, or the legacy id.';
COMMENT ON COLUMN photos.profile_id IS 'Whose.';
COMMENT ON COLUMN photos.photo_url IS 'Address of the picture.';
COMMENT ON COLUMN photos.is_primary IS 'The one shown first.';
COMMENT ON COLUMN photos.upload_date IS 'When it came.';

CREATE TABLE contact_grants (
    user_id              text        NOT NULL,
    housegirl_profile_id text        NOT NULL,
    granted_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, housegirl_profile_id)
);
COMMENT ON TABLE contact_grants IS 'Who has paid to see whose contact: read model of contact.unlocked.';
COMMENT ON COLUMN contact_grants.user_id IS 'The employer''s user id.';
COMMENT ON COLUMN contact_grants.housegirl_profile_id IS 'The worker.';
COMMENT ON COLUMN contact_grants.granted_at IS 'When.';

-- The next four are written so that PostgreSQL can inline them (one expression, no subquery): they run for every worker written.
-- Facets are glued with the separator U+001F, which no value may hold (CHECKs above), and cut apart once.

-- Words of a text as facets: ASCII letters in lower case, other scripts as they are. housegirl_list.c does the same.
CREATE FUNCTION facet_words(prefix text, content text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT prefix || regexp_replace(lower(content COLLATE "C"), '[^a-z0-9\u0080-\U0010ffff]+', E'\x1f' || prefix, 'g')
$$;
COMMENT ON FUNCTION facet_words IS 'prefix before each word of content.';

CREATE FUNCTION facet_list(prefix text, items text[]) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ -- as array_to_string is, or it is not inlined
    SELECT prefix || lower(array_to_string(items, E'\x1f' || prefix) COLLATE "C")
$$;
COMMENT ON FUNCTION facet_list IS 'prefix before each item.';

CREATE FUNCTION worker_facets(h housegirl_profiles) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT string_to_array('profile_id:' || h.profile_id || E'\x1fis_available:' || h.is_available
        || E'\x1fverified:' || (h.verification_status = 'verified') || E'\x1fcounty:' || coalesce(h.county, '')
        || E'\x1feducation:' || coalesce(h.education, '') || E'\x1fexperience:' || coalesce(h.experience, '')
        || E'\x1frole:' || lower(h.role COLLATE "C")
        || CASE h.accommodation_type WHEN 'both' THEN E'\x1faccommodation_type:both\x1faccommodation_type:live_in\x1faccommodation_type:live_out\x1f'
                ELSE E'\x1faccommodation_type:' || coalesce(h.accommodation_type, '') || E'\x1f' END
        || facet_list('skill:', h.skills) || E'\x1f' || facet_list('language:', h.languages) || E'\x1f'
        || facet_words('place:', h.current_location || ' ' || h.location || ' ' || coalesce(h.county, '')) || E'\x1f'
        || facet_words('word:', h.bio_public || ' ' || array_to_string(h.skills, ' ') || ' ' || h.current_location || ' ' || h.location
                                || ' ' || h.role), E'\x1f')
$$;
COMMENT ON FUNCTION worker_facets IS 'What the filters and the word search of the list look for.';

-- A third of the bytes and a third of the time to compare. The hash is the one of hash partitions: it stays from release to release.
CREATE FUNCTION facet_hashes(names text[]) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT hashtextextended(unnest(names), 0));
END
$$;
COMMENT ON FUNCTION facet_hashes IS 'Facets as numbers.';

CREATE FUNCTION facet_sketch(hashes bigint[]) RETURNS bit(512) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ -- a loop takes half the time of an aggregate
DECLARE
    sketch bit(512) := 0::bit(512);
    hash bigint;
BEGIN
    FOREACH hash IN ARRAY hashes LOOP
        sketch := set_bit(sketch, (hash & 511)::integer, 1);
    END LOOP;
    RETURN sketch;
END
$$;
COMMENT ON FUNCTION facet_sketch IS 'Facets as a Bloom filter of one bit each (B. Bloom, 1970): with 40 of them, one in 13 is thought there that is not.';

CREATE FUNCTION worker_photos(wanted_profile_id text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('id', id, 'profile_id', profile_id, 'photo_url', photo_url, 'variants', '{}'::json,
                                               'is_primary', is_primary, 'upload_date', rfc3339(upload_date))
                             ORDER BY is_primary DESC, upload_date, id), '[]')
      FROM photos WHERE profile_id = wanted_profile_id
$$;
COMMENT ON FUNCTION worker_photos IS 'PHOTO list of a profile.';

CREATE FUNCTION contact_json(wanted_user_id text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('unlocked', true, 'phone_number', c.phone_number, 'email', c.email)
      FROM (SELECT 1) AS one LEFT JOIN contacts AS c ON c.user_id = wanted_user_id
$$;
COMMENT ON FUNCTION contact_json IS 'contact of WORKER, for those who may see it.';

-- The one place where WORKER is built. With a contact (see worker_contact) the bio is the raw one, too; without, it is null.
CREATE FUNCTION worker_json(h housegirl_profiles, p profiles, full_name boolean, contact json) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', h.id, 'profile_id', h.profile_id, 'age', h.age,
        'bio', CASE WHEN contact IS NOT NULL THEN h.bio ELSE h.bio_public END,
        'current_location', h.current_location, 'location', h.location, 'county', h.county, 'education', h.education,
        'experience', h.experience, 'expected_salary', kes(h.expected_salary),
        'accommodation_type', h.accommodation_type, 'skills', h.skills, 'languages', h.languages, 'role', h.role,
        'is_available', h.is_available, 'verification_status', h.verification_status, 'profile_photo_url', h.profile_photo_url,
        'photos', h.photos, 'first_name', p.first_name,
        'last_name', CASE WHEN full_name THEN p.last_name ELSE left(p.last_name, 1) END,
        'agencies', '[]'::json,
        'contact', coalesce(contact, json_build_object('unlocked', false)),
        'created_at', rfc3339(h.created_at), 'updated_at', rfc3339(h.updated_at))
$$;
COMMENT ON FUNCTION worker_json IS 'WORKER of the HTTP contract.';

-- Who may see the contact: she herself, an admin, a caller who holds a grant. A set of one or none, which PostgreSQL makes
-- part of the statement that asks; a function of one value would be planned anew for each row.
CREATE FUNCTION worker_contact(worker_id text, worker_user_id text, viewer text, viewer_is_admin boolean) RETURNS SETOF json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('unlocked', true, 'phone_number', c.phone_number, 'email', c.email)
      FROM (SELECT 1) AS one LEFT JOIN contacts AS c ON c.user_id = worker_user_id
     WHERE viewer_is_admin OR worker_user_id = viewer OR
           EXISTS (SELECT FROM contact_grants AS g WHERE g.user_id = viewer AND g.housegirl_profile_id = worker_id)
$$;
COMMENT ON FUNCTION worker_contact IS 'The contact of a worker, when viewer may see it.';

CREATE FUNCTION worker_event(h housegirl_profiles, p profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('worker_id', h.id, 'profile_id', h.profile_id, 'user_id', p.user_id, 'first_name', p.first_name,
        'last_name', left(p.last_name, 1), 'age', h.age, 'bio', h.bio_public, 'current_location', h.current_location, 'location', h.location,
        'county', h.county, 'education', h.education, 'experience', h.experience,
        'expected_salary', kes(h.expected_salary), 'accommodation_type', h.accommodation_type,
        'skills', h.skills, 'languages', h.languages, 'role', h.role, 'is_available', h.is_available,
        'verification_status', h.verification_status, 'profile_photo_url', h.profile_photo_url, 'is_active', p.is_active,
        'created_at', rfc3339(h.created_at), 'updated_at', rfc3339(h.updated_at))
$$;
COMMENT ON FUNCTION worker_event IS 'Data of worker.* events: the public state.';

CREATE FUNCTION employer_json(e employer_profiles, p profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', e.id, 'profile_id', e.profile_id, 'company_name', e.company_name, 'location', e.location,
        'description', e.description, 'first_name', p.first_name, 'last_name', p.last_name,
        'created_at', rfc3339(e.created_at), 'updated_at', rfc3339(e.updated_at))
$$;
COMMENT ON FUNCTION employer_json IS 'EMPLOYER of the HTTP contract; no contact details.';

CREATE FUNCTION employer_event(e employer_profiles, p profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('employer_id', e.id, 'profile_id', e.profile_id, 'user_id', p.user_id, 'first_name', p.first_name,
        'last_name', p.last_name, 'company_name', e.company_name, 'location', e.location, 'is_active', p.is_active,
        'created_at', rfc3339(e.created_at), 'updated_at', rfc3339(e.updated_at))
$$;
COMMENT ON FUNCTION employer_event IS 'Data of employer.* events.';

CREATE FUNCTION agency_profile_json(a agency_profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', a.id, 'profile_id', a.profile_id, 'agency_name', a.agency_name, 'location', a.location,
        'description', a.description, 'license_number', a.license_number,
        'created_at', rfc3339(a.created_at), 'updated_at', rfc3339(a.updated_at))
$$;
COMMENT ON FUNCTION agency_profile_json IS 'Agency profile of the HTTP contract.';

CREATE FUNCTION agency_profile_event(a agency_profiles, p profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('agency_profile_id', a.id, 'profile_id', a.profile_id, 'user_id', p.user_id, 'agency_name', a.agency_name,
        'location', a.location, 'description', a.description, 'license_number', a.license_number, 'is_active', p.is_active,
        'created_at', rfc3339(a.created_at), 'updated_at', rfc3339(a.updated_at))
$$;
COMMENT ON FUNCTION agency_profile_event IS 'Data of agency_profile.* events.';

CREATE FUNCTION profile_json(p profiles) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', p.id, 'user_id', p.user_id, 'user_type', p.user_type, 'first_name', p.first_name,
        'last_name', p.last_name, 'email', c.email, 'phone_number', c.phone_number, 'is_active', p.is_active,
        'employer', (SELECT employer_json(e, p) FROM employer_profiles AS e WHERE e.profile_id = p.id),
        'housegirl', (SELECT (worker_json(h, p, true, contact_json(p.user_id))::jsonb || jsonb_build_object('tribe', s.tribe,
                              'verification_reason', h.verification_reason))::json
                        FROM housegirl_profiles AS h LEFT JOIN sensitive_data AS s ON s.housegirl_profile_id = h.id
                       WHERE h.profile_id = p.id),
        'agency', (SELECT agency_profile_json(a) FROM agency_profiles AS a WHERE a.profile_id = p.id),
        'created_at', rfc3339(p.created_at), 'updated_at', rfc3339(p.updated_at))
      FROM (SELECT 1) AS one LEFT JOIN contacts AS c ON c.user_id = p.user_id
$$;
COMMENT ON FUNCTION profile_json IS 'A whole profile, for the person herself and admins.';

-- One profile is of its user's type, and so are its parts.
CREATE FUNCTION part_type_refuse(profile_id text, user_type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'profile % is not of type %', profile_id, user_type USING ERRCODE = 'check_violation', CONSTRAINT = 'profile_part_type';
END
$$;

CREATE FUNCTION profile_part_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM profiles WHERE id = NEW.profile_id AND user_type = TG_ARGV[0]) THEN
        PERFORM part_type_refuse(NEW.profile_id, TG_ARGV[0]);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER profile_part_fits BEFORE INSERT ON employer_profiles FOR EACH ROW EXECUTE FUNCTION profile_part_fits('employer');
CREATE TRIGGER profile_part_fits BEFORE INSERT ON agency_profiles FOR EACH ROW EXECUTE FUNCTION profile_part_fits('agency');

-- facets and card follow every change of a worker, of whom an import brings many: all that her profile tells is read at once …
CREATE FUNCTION worker_refresh() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    base record;
BEGIN
    SELECT p AS profile, EXISTS (SELECT FROM photos AS f WHERE f.profile_id = p.id) AS has_photos INTO base FROM profiles AS p WHERE p.id = NEW.profile_id;
    IF TG_OP = 'INSERT' THEN
        IF (base.profile).user_type IS DISTINCT FROM 'housegirl' THEN
            PERFORM part_type_refuse(NEW.profile_id, 'housegirl');
        END IF;
        NEW.photos := CASE WHEN base.has_photos THEN worker_photos(NEW.profile_id) ELSE '[]' END;
    END IF;
    NEW.is_listed := coalesce((base.profile).is_active, false);
    NEW.newest_rank := -(extract(epoch FROM NEW.created_at) * 1000000)::bigint;
    NEW.facets := facet_hashes(worker_facets(NEW));
    NEW.sketch := facet_sketch(NEW.facets);
    NEW.card := worker_json(NEW, base.profile, false, NULL);
    RETURN NEW;
END
$$;
CREATE TRIGGER worker_refresh BEFORE INSERT OR UPDATE ON housegirl_profiles FOR EACH ROW EXECUTE FUNCTION worker_refresh();

-- … and of what she has from elsewhere: her name, whether she is active, her photos.
CREATE FUNCTION worker_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'profiles' THEN
        UPDATE housegirl_profiles SET profile_id = profile_id WHERE profile_id = NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE housegirl_profiles SET photos = worker_photos(profile_id) WHERE profile_id = OLD.profile_id;
    ELSE
        UPDATE housegirl_profiles SET photos = worker_photos(profile_id) WHERE profile_id = NEW.profile_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER worker_touch AFTER UPDATE OF first_name, last_name, is_active ON profiles FOR EACH ROW
    WHEN (NEW.user_type = 'housegirl'
          AND (OLD.first_name, OLD.last_name, OLD.is_active) IS DISTINCT FROM (NEW.first_name, NEW.last_name, NEW.is_active))
    EXECUTE FUNCTION worker_touch();
CREATE TRIGGER worker_touch AFTER INSERT OR UPDATE OR DELETE ON photos FOR EACH ROW EXECUTE FUNCTION worker_touch();

-- Simple enough that PostgreSQL makes them part of the statement that asks.
CREATE FUNCTION worker_in_bounds(salary bigint, age integer, min_salary bigint, max_salary bigint, min_age integer, max_age integer)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (min_salary IS NULL OR salary >= min_salary) AND (max_salary IS NULL OR salary <= max_salary)
       AND (min_age IS NULL OR age >= min_age) AND (max_age IS NULL OR age <= max_age)
$$;
COMMENT ON FUNCTION worker_in_bounds IS 'Whether the filters of salary and age let a worker through.';

CREATE FUNCTION worker_may_have(sketch bit(512), wanted bit(512)) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT (sketch | wanted) = sketch
$$;
COMMENT ON FUNCTION worker_may_have IS 'False: a worker has not all facets of the sketch wanted.';

CREATE FUNCTION worker_rank(h housegirl_profiles, sort text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE sort WHEN 'salary' THEN h.cheapest_rank WHEN '-salary' THEN h.dearest_rank WHEN 'experience' THEN h.experienced_rank ELSE h.newest_rank END
$$;
COMMENT ON FUNCTION worker_rank IS 'Sort key of a worker.';

-- What the planner expects: it knows how many have each of the commonest facets, and how salaries and ages are spread.
CREATE FUNCTION worker_rows(hashes bigint[], min_salary bigint, max_salary bigint, min_age integer, max_age integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ -- or EXPLAIN is refused
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM housegirl_profiles WHERE is_listed AND facets @> %L::bigint[]'
                   ' AND worker_in_bounds(expected_salary, age, %L, %L, %L, %L)', hashes, min_salary, max_salary, min_age, max_age) INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
END
$$;
COMMENT ON FUNCTION worker_rows IS 'How many workers fit, by statistics: a tenth of a millisecond.';

CREATE FUNCTION worker_estimate(names text[], min_salary bigint, max_salary bigint, min_age integer, max_age integer, OUT fitting bigint, OUT read bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    hashes bigint[] := facet_hashes(names);
BEGIN
    fitting := worker_rows(hashes, min_salary, max_salary, min_age, max_age);
    read := CASE WHEN coalesce(min_salary, max_salary, min_age, max_age) IS NULL THEN fitting
                 WHEN cardinality(names) > 0 THEN worker_rows(hashes, NULL, NULL, NULL, NULL)
                 WHEN coalesce(min_salary, max_salary) IS NOT NULL AND coalesce(min_age, max_age) IS NOT NULL
                 THEN worker_rows(hashes, min_salary, max_salary, NULL, NULL)
                 ELSE fitting END;
END
$$;
COMMENT ON FUNCTION worker_estimate IS 'How many workers fit, and how many are read to find all of them by the index that worker_far_* asks: by statistics.';

-- Among N workers, looking at n in order finds a page of 21 where one in n / 21 fits, and otherwise less than N * 21 / n fit. One of
-- those costs about five looks, since it is read from the table: both are the same at the root of 5 * 21 N. A set of one, which
-- PostgreSQL makes part of the statement that asks.
CREATE FUNCTION worker_reach() RETURNS SETOF bigint LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT greatest(500, sqrt(105 * greatest(reltuples, 0)))::bigint FROM pg_class WHERE oid = 'housegirl_profiles'::regclass
$$;
COMMENT ON FUNCTION worker_reach IS 'How many workers are looked at in order for what those that fit few filters cost.';

CREATE FUNCTION worker_seen_by(worker_id text, viewer text, viewer_is_admin boolean) RETURNS SETOF json LANGUAGE sql STABLE AS $$
    SELECT worker_json(h, p, viewer IS NOT NULL, c.contact)
      FROM housegirl_profiles AS h JOIN profiles AS p ON p.id = h.profile_id
      LEFT JOIN LATERAL worker_contact(h.id, p.user_id, viewer, viewer_is_admin) AS c(contact) ON true
     WHERE h.id = worker_id
$$;
COMMENT ON FUNCTION worker_seen_by IS 'WORKER as a signed-in viewer sees her.';

-- One row more than a page has been found: it only tells that there is more.
CREATE FUNCTION worker_page(ids text[], ranks bigint[], cards text[], size bigint, viewer text, viewer_is_admin boolean)
RETURNS TABLE (workers text, next_key text, count bigint) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT '[' || coalesce(string_agg(CASE WHEN viewer IS NULL THEN u.card ELSE (SELECT seen::text FROM worker_seen_by(u.id, viewer, viewer_is_admin) AS seen) END,
                                      ',' ORDER BY u.place), '') || ']',
           CASE WHEN cardinality(ids) > size THEN ranks[size] || '|' || ids[size] END, count(*)
      FROM unnest(ids, cards) WITH ORDINALITY AS u(id, card, place) WHERE u.place <= size
$$;
COMMENT ON FUNCTION worker_page IS 'A page of a list as JSON: the ready cards for a visitor; the key of its last row where more follow; how many it holds.';

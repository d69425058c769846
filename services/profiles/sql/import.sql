-- Statements of the verb import: legacy profiles and their parts.

-- name: import_profiles
-- A batch of legacy base profiles: which are new. Columns as C has judged them; of two that exclude each other the first is
-- taken. No answer for a row: somebody else has written it since this statement began; run it again.
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]) WITH ORDINALITY AS r(id, user_id, user_type, first_name, last_name, created_at, place)
), made AS (
    INSERT INTO profiles (id, user_id, user_type, first_name, last_name, created_at)
    SELECT id, user_id, user_type, first_name, last_name, coalesce(created_at, now()) FROM given AS g
     WHERE NOT EXISTS (SELECT FROM erased_users AS e WHERE e.user_id = g.user_id) ORDER BY place
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.profiles', 'ke.domesticconnect.profile.created.v1', id,
           json_build_object('profile_id', id, 'user_id', user_id, 'user_type', user_type, 'created_at', rfc3339(created_at)) FROM made
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported'
                  WHEN same.user_id = g.user_id THEN 'unchanged'
                  WHEN same.id IS NOT NULL THEN 'the id belongs to the profile of another user'
                  WHEN EXISTS (SELECT FROM erased_users AS e WHERE e.user_id = g.user_id) THEN 'this person was erased and does not come back'
                  WHEN g.user_id IN (SELECT user_id FROM made) OR EXISTS (SELECT FROM profiles AS p WHERE p.user_id = g.user_id)
                  THEN 'the user has another profile' END
  FROM given AS g LEFT JOIN profiles AS same ON same.id = g.id;

-- name: import_employers
WITH given AS (
    SELECT r.*, p.user_type FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]) WITH ORDINALITY AS r(id, profile_id, company_name, location, description, created_at, updated_at, place)
      LEFT JOIN profiles AS p ON p.id = r.profile_id
), made AS (
    INSERT INTO employer_profiles (id, profile_id, company_name, location, description, created_at, updated_at)
    SELECT id, profile_id, coalesce(company_name, ''), coalesce(location, ''), coalesce(description, ''), coalesce(created_at, now()),
           greatest(coalesce(created_at, now()), updated_at)
      FROM given WHERE user_type = 'employer' ORDER BY place
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.created.v1', made.id, employer_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported'
                  WHEN g.user_type IS NULL THEN 'its profile is not there'
                  WHEN g.user_type <> 'employer' THEN 'its profile is of type ' || g.user_type
                  WHEN same.profile_id = g.profile_id THEN 'unchanged'
                  WHEN same.id IS NOT NULL THEN 'the id belongs to another profile'
                  WHEN g.profile_id IN (SELECT profile_id FROM made) OR EXISTS (SELECT FROM employer_profiles AS o WHERE o.profile_id = g.profile_id)
                  THEN 'the profile has another row of this kind' END
  FROM given AS g LEFT JOIN employer_profiles AS same ON same.id = g.id;

-- name: import_agency_profiles
WITH given AS (
    SELECT r.*, p.user_type FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]) WITH ORDINALITY AS r(id, profile_id, agency_name, location, description, license_number, created_at, updated_at, place)
      LEFT JOIN profiles AS p ON p.id = r.profile_id
), made AS (
    INSERT INTO agency_profiles (id, profile_id, agency_name, location, description, license_number, created_at, updated_at)
    SELECT id, profile_id, coalesce(agency_name, ''), coalesce(location, ''), coalesce(description, ''), coalesce(license_number, ''),
           coalesce(created_at, now()), greatest(coalesce(created_at, now()), updated_at)
      FROM given WHERE user_type = 'agency' ORDER BY place
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.created.v1', made.id, agency_profile_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported'
                  WHEN g.user_type IS NULL THEN 'its profile is not there'
                  WHEN g.user_type <> 'agency' THEN 'its profile is of type ' || g.user_type
                  WHEN same.profile_id = g.profile_id THEN 'unchanged'
                  WHEN same.id IS NOT NULL THEN 'the id belongs to another profile'
                  WHEN g.profile_id IN (SELECT profile_id FROM made) OR EXISTS (SELECT FROM agency_profiles AS o WHERE o.profile_id = g.profile_id)
                  THEN 'the profile has another row of this kind' END
  FROM given AS g LEFT JOIN agency_profiles AS same ON same.id = g.id;

-- name: import_workers
WITH given AS (
    SELECT r.*, p.user_type FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::boolean[], $14::text[], $15::timestamptz[], $16::timestamptz[]) WITH ORDINALITY AS r(id, profile_id, age, bio, bio_public, current_location, location, county, education, experience, expected_salary, accommodation_type, is_available, profile_photo_url, created_at, updated_at, place)
      LEFT JOIN profiles AS p ON p.id = r.profile_id
), made AS (
    INSERT INTO housegirl_profiles (id, profile_id, age, bio, bio_public, current_location, location, county, education, experience, expected_salary, accommodation_type, is_available, profile_photo_url, created_at, updated_at)
    SELECT id, profile_id, age, coalesce(bio, ''), coalesce(bio_public, ''), coalesce(current_location, ''), coalesce(location, ''), county, education, experience, expected_salary, accommodation_type, coalesce(is_available, true), coalesce(profile_photo_url, ''), coalesce(created_at, now()), greatest(coalesce(created_at, now()), updated_at)
      FROM given WHERE user_type = 'housegirl' ORDER BY place
    ON CONFLICT DO NOTHING RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.created.v1', made.id, worker_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported'
                  WHEN g.user_type IS NULL THEN 'its profile is not there'
                  WHEN g.user_type <> 'housegirl' THEN 'its profile is of type ' || g.user_type
                  WHEN same.profile_id = g.profile_id THEN 'unchanged'
                  WHEN same.id IS NOT NULL THEN 'the id belongs to another profile'
                  WHEN g.profile_id IN (SELECT profile_id FROM made) OR EXISTS (SELECT FROM housegirl_profiles AS o WHERE o.profile_id = g.profile_id)
                  THEN 'the profile has another row of this kind' END
  FROM given AS g LEFT JOIN housegirl_profiles AS same ON same.id = g.id;

-- name: import_photos
WITH given AS (
    SELECT r.*, p.id AS found FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS r(id, profile_id, photo_url, upload_date, place)
      LEFT JOIN profiles AS p ON p.id = r.profile_id
), made AS (
    INSERT INTO photos (id, profile_id, photo_url, upload_date)
    SELECT id, profile_id, photo_url, coalesce(upload_date, now()) FROM given WHERE found IS NOT NULL ORDER BY place
    ON CONFLICT DO NOTHING RETURNING *
)
SELECT g.place, CASE WHEN g.id IN (SELECT id FROM made) THEN 'imported'
                  WHEN g.found IS NULL THEN 'its profile is not there'
                  WHEN same.profile_id = g.profile_id THEN 'unchanged'
                  WHEN same.id IS NOT NULL THEN 'the id belongs to another photo' END
  FROM given AS g LEFT JOIN photos AS same ON same.id = g.id;

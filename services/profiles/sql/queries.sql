-- Statements of the profiles service. Named blocks: see shared/kit/sql_embed.awk.

-- Lists of workers, in steps. First some are looked at in the order of the list: most filters let enough of them through. Where
-- they do not, the planner's statistics tell how many fit and how many an index would have to read: more are looked at where that
-- costs less, and otherwise all that fit are looked for by the index, and sorted. Each step has one plan that is right whatever the
-- values, so that PostgreSQL keeps it.
-- $1–$5 filters, $6 the sort key to go on behind, $7 rows to skip, $8 rows of a page, $9 who looks (null: a visitor, who gets the
-- ready card), $10 whether she is an admin; $11 near: how many to look at; far: the sort. Answers what worker_page does, how many
-- fit, where that is known, and whether they are so few that far alone is quicker. By salary the near ones end where the wanted
-- salaries end; where the wanted salaries or experience begin, $6 says.

-- name: worker_near_newest
SELECT p.*, -1, false
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id)
          FROM (SELECT h.id, h.rank, f.card
                  FROM (SELECT id, newest_rank AS rank, sketch, expected_salary, age FROM housegirl_profiles
                         WHERE is_listed AND (newest_rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2))
                         ORDER BY newest_rank, id LIMIT $11::bigint + $7::bigint) AS h
                 CROSS JOIN LATERAL (SELECT card FROM housegirl_profiles AS w
                                      WHERE w.id = h.id AND w.facets @> (SELECT facet_hashes($1::text[])) OFFSET 0) AS f
                 WHERE worker_may_have(h.sketch, (SELECT facet_sketch(facet_hashes($1::text[]))))
                   AND worker_in_bounds(h.expected_salary, h.age, $2, $3, $4, $5)
                 OFFSET $7 LIMIT $8::bigint + 1) AS found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p;

-- name: worker_near_cheapest
SELECT p.*, -1, false
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id)
          FROM (SELECT h.id, h.rank, f.card
                  FROM (SELECT id, cheapest_rank AS rank, sketch, expected_salary, age FROM housegirl_profiles
                         WHERE is_listed AND (cheapest_rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2))
                           AND cheapest_rank <= coalesce($3::bigint, 9223372036854775807)
                         ORDER BY cheapest_rank, id LIMIT $11::bigint + $7::bigint) AS h
                 CROSS JOIN LATERAL (SELECT card FROM housegirl_profiles AS w
                                      WHERE w.id = h.id AND w.facets @> (SELECT facet_hashes($1::text[])) OFFSET 0) AS f
                 WHERE worker_may_have(h.sketch, (SELECT facet_sketch(facet_hashes($1::text[]))))
                   AND worker_in_bounds(h.expected_salary, h.age, $2, $3, $4, $5)
                 OFFSET $7 LIMIT $8::bigint + 1) AS found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p;

-- name: worker_near_dearest
SELECT p.*, -1, false
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id)
          FROM (SELECT h.id, h.rank, f.card
                  FROM (SELECT id, dearest_rank AS rank, sketch, expected_salary, age FROM housegirl_profiles
                         WHERE is_listed AND (dearest_rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2))
                           AND dearest_rank <= coalesce(-$2::bigint, 9223372036854775807)
                         ORDER BY dearest_rank, id LIMIT $11::bigint + $7::bigint) AS h
                 CROSS JOIN LATERAL (SELECT card FROM housegirl_profiles AS w
                                      WHERE w.id = h.id AND w.facets @> (SELECT facet_hashes($1::text[])) OFFSET 0) AS f
                 WHERE worker_may_have(h.sketch, (SELECT facet_sketch(facet_hashes($1::text[]))))
                   AND worker_in_bounds(h.expected_salary, h.age, $2, $3, $4, $5)
                 OFFSET $7 LIMIT $8::bigint + 1) AS found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p;

-- name: worker_near_experienced
SELECT p.*, -1, false
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id)
          FROM (SELECT h.id, h.rank, f.card
                  FROM (SELECT id, experienced_rank AS rank, sketch, expected_salary, age FROM housegirl_profiles
                         WHERE is_listed AND (experienced_rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2))
                         ORDER BY experienced_rank, id LIMIT $11::bigint + $7::bigint) AS h
                 CROSS JOIN LATERAL (SELECT card FROM housegirl_profiles AS w
                                      WHERE w.id = h.id AND w.facets @> (SELECT facet_hashes($1::text[])) OFFSET 0) AS f
                 WHERE worker_may_have(h.sketch, (SELECT facet_sketch(facet_hashes($1::text[]))))
                   AND worker_in_bounds(h.expected_salary, h.age, $2, $3, $4, $5)
                 OFFSET $7 LIMIT $8::bigint + 1) AS found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p;

-- name: worker_estimate
-- By statistics: how many fit the filters $1–$5, how many are read to find all of them, and how many there are.
SELECT e.fitting, e.read, greatest(c.reltuples, 0)::bigint
  FROM pg_class AS c, worker_estimate($1, $2, $3, $4::integer, $5::integer) AS e WHERE c.oid = 'housegirl_profiles'::regclass;

-- name: worker_far_facets
-- By what she has and can.
WITH fitting AS MATERIALIZED (
    SELECT id, worker_rank(h, $11) AS rank, card FROM housegirl_profiles AS h
     WHERE is_listed
       AND facets @> (SELECT facet_hashes($1::text[])) AND worker_in_bounds(expected_salary, age, $2, $3, $4, $5)
), found AS (
    SELECT * FROM fitting WHERE (rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2)) ORDER BY rank, id OFFSET $7 LIMIT $8::bigint + 1
)
SELECT p.*, total, total * 5 < reach
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id) FROM found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p, (SELECT count(*) FROM fitting) AS counted (total), worker_reach() AS r (reach);

-- name: worker_far_salary
-- By her salary, where nothing else but perhaps her age is asked for: no facets, which the planner would read all of.
WITH fitting AS MATERIALIZED (
    SELECT id, worker_rank(h, $11) AS rank, card FROM housegirl_profiles AS h
     WHERE is_listed AND cheapest_rank >= coalesce($2::bigint, 0) AND cheapest_rank <= coalesce($3::bigint, 9223372036854775806)
       AND cardinality($1::text[]) = 0 AND worker_in_bounds(expected_salary, age, $2, $3, $4, $5)
), found AS (
    SELECT * FROM fitting WHERE (rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2)) ORDER BY rank, id OFFSET $7 LIMIT $8::bigint + 1
)
SELECT p.*, total, total * 5 < reach
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id) FROM found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p, (SELECT count(*) FROM fitting) AS counted (total), worker_reach() AS r (reach);

-- name: worker_far_age
-- By her age alone.
WITH fitting AS MATERIALIZED (
    SELECT id, worker_rank(h, $11) AS rank, card FROM housegirl_profiles AS h
     WHERE is_listed AND age >= coalesce($4, 0) AND age <= coalesce($5, 1000)
       AND cardinality($1::text[]) = 0 AND worker_in_bounds(expected_salary, age, $2, $3, $4, $5)
), found AS (
    SELECT * FROM fitting WHERE (rank, id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2)) ORDER BY rank, id OFFSET $7 LIMIT $8::bigint + 1
)
SELECT p.*, total, total * 5 < reach
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id) FROM found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p, (SELECT count(*) FROM fitting) AS counted (total), worker_reach() AS r (reach);

-- name: worker_known
-- Of those of $12, who were found in memory, and those of whom events after $13 tell: who fits. Where $14 is not null, $12 ends at that sort
-- key although more may follow. $11: the sort. Answers how many fit, where all of them were looked at (-1: not, and nothing was told; -2: something was; -3: too much), and whether the page is
-- what it would be by far: not too much was told lately, and enough of those of $12 fit still.
WITH told AS MATERIALIZED (
    SELECT topic, key FROM outbox WHERE id > $13::bigint ORDER BY id LIMIT 2001
), fitting AS MATERIALIZED (
    SELECT w.id, w.rank, w.card
      FROM (SELECT unnest($12::text[]) UNION SELECT key FROM told WHERE topic = 'dc.profiles.workers') AS k (id)
     CROSS JOIN LATERAL (SELECT h.id, worker_rank(h, $11) AS rank, h.card FROM housegirl_profiles AS h
                          WHERE h.id = k.id AND is_listed AND facets @> (SELECT facet_hashes($1::text[]))
                            AND worker_in_bounds(expected_salary, age, $2, $3, $4, $5) OFFSET 0) AS w
     WHERE (w.rank, w.id) > (split_part($6, '|', 1)::bigint, split_part($6, '|', 2))
       AND ($14::text IS NULL OR (w.rank, w.id) <= (split_part($14, '|', 1)::bigint, split_part($14, '|', 2)))
), found AS (
    SELECT * FROM fitting ORDER BY rank, id OFFSET $7 LIMIT $8::bigint + 1
), counted AS MATERIALIZED ( -- or each is counted again wherever it is named
    SELECT (SELECT count(*) FROM told) AS told, (SELECT count(*) FROM fitting) AS fitting
)
SELECT p.*, CASE WHEN told > 2000 THEN -3 WHEN $14::text IS NULL THEN fitting WHEN told = 0 THEN -1 ELSE -2 END, told <= 2000 AND ($14::text IS NULL OR fitting > $7 + $8)
  FROM (SELECT array_agg(id ORDER BY rank, id), array_agg(rank ORDER BY rank, id), array_agg(card ORDER BY rank, id) FROM found) AS page (ids, ranks, cards),
       worker_page(ids, ranks, cards, $8, $9, $10) AS p, counted;

-- name: worker_hashes
SELECT facet_hashes($1);

-- name: known_mark
-- The id that an event has got last.
SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM outbox_id_seq;

-- name: known_horizon
-- All transactions that have written until now are below: a number of our own. The xmax of a snapshot will not do, since those that run may be
-- above it.
SELECT pg_current_xact_id()::text::bigint;

-- name: known_settled
-- Whether all transactions below $1 have ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1;

-- name: known_load
-- $3 workers behind the salary $1 and the id $2: numbered so, those who ask for much the same are in few blocks, and what bounds the
-- salary reads no others. Nobody looks for the one of a profile in memory: her facet would be a set of its own.
SELECT id, newest_rank, cheapest_rank, experienced_rank, coalesce(age, -1), array_remove(facets, hashtextextended('profile_id:' || profile_id, 0))
  FROM housegirl_profiles WHERE is_listed AND (cheapest_rank, id) > ($1, $2) ORDER BY cheapest_rank, id LIMIT $3;

-- name: known_changes
-- The workers of whom the events behind the id $1 tell, up to $2, $4 events at most, and none that an import still keeps: it would only
-- be slowed down. Up to which event that was, null while a transaction below $3 has not ended; whether there are more; and whether any
-- of them tells of a worker, also of one who is not listed now.
WITH given AS MATERIALIZED (
    SELECT greatest($1, least($2, (SELECT id - 1 FROM outbox WHERE published_at IS NULL AND is_bulk ORDER BY id LIMIT 1))) AS last,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $3 AS is_settled
), piece AS MATERIALIZED (
    SELECT id, topic, key FROM outbox WHERE id > $1 AND id <= (SELECT last FROM given WHERE is_settled) ORDER BY id LIMIT $4
), reached AS (
    SELECT CASE WHEN is_full THEN id ELSE last END AS id, is_full, tells
      FROM (SELECT max(id), count(*) = $4, coalesce(bool_or(topic = 'dc.profiles.workers'), false) FROM piece) AS r (id, is_full, tells), given WHERE is_settled
)
SELECT reached.*, h.*
  FROM (SELECT 1) AS one LEFT JOIN reached ON true LEFT JOIN LATERAL
       (SELECT w.id, newest_rank, cheapest_rank, experienced_rank, coalesce(age, -1), array_remove(facets, hashtextextended('profile_id:' || profile_id, 0))
          FROM (SELECT DISTINCT key FROM piece WHERE topic = 'dc.profiles.workers') AS k JOIN housegirl_profiles AS w ON w.id = k.key
         WHERE is_listed) AS h ON true;

-- name: worker_count
-- How many fit, and whether that is an estimate. From a sample of the newest where enough of them fit; otherwise counted, unless more
-- than 10,000 would have to be read: then by statistics.
WITH sample AS MATERIALIZED (
    SELECT count(*) AS looked, count(f.fits) AS fitting
      FROM (SELECT id, sketch, expected_salary, age FROM housegirl_profiles WHERE is_listed ORDER BY newest_rank, id LIMIT 1001) AS h
      LEFT JOIN LATERAL (SELECT true AS fits
                          WHERE worker_may_have(h.sketch, (SELECT facet_sketch(facet_hashes($1::text[]))))
                            AND worker_in_bounds(h.expected_salary, h.age, $2, $3, $4, $5)
                            AND (cardinality($1::text[]) = 0
                                 OR EXISTS (SELECT FROM housegirl_profiles AS w WHERE w.id = h.id AND w.facets @> (SELECT facet_hashes($1::text[])) OFFSET 0))) AS f ON true
), judged AS (
    SELECT *, looked > 1000 AND (fitting >= 30 OR cardinality($1::text[]) = 0) AS is_sampled FROM sample
)
SELECT CASE WHEN looked <= 1000 THEN j.fitting
            WHEN is_sampled THEN (SELECT greatest(reltuples, looked) FROM pg_class WHERE oid = 'housegirl_profiles'::regclass)::bigint * j.fitting / looked
            WHEN e.read > 10000 THEN e.fitting
            ELSE (SELECT count(*) FROM housegirl_profiles
                    WHERE is_listed AND facets @> (SELECT facet_hashes($1::text[])) AND worker_in_bounds(expected_salary, age, $2, $3, $4, $5)) END,
       is_sampled OR coalesce(e.read > 10000, false)
  FROM judged AS j LEFT JOIN LATERAL
       (SELECT * FROM worker_estimate($1, $2, $3, $4::integer, $5::integer) WHERE looked > 1000 AND NOT is_sampled OFFSET 0) AS e ON true;

-- name: worker_card
-- One worker as a visitor sees her.
SELECT card FROM housegirl_profiles WHERE id = $1 AND is_listed;

-- name: worker_read
-- One worker as $2 sees her; one whose user is not active only for herself and admins.
SELECT seen
  FROM housegirl_profiles AS h JOIN profiles AS p ON p.id = h.profile_id, worker_seen_by(h.id, $2, $3) AS seen
 WHERE h.id = $1 AND (h.is_listed OR p.user_id = $2 OR $3::boolean);

-- name: worker_insert
WITH made AS (
    INSERT INTO housegirl_profiles (id, profile_id, age, bio, bio_public, current_location, location, county, education, experience,
                                    expected_salary, accommodation_type, skills, languages, role, is_available)
    SELECT $1, $2, r.age, coalesce(r.bio, ''), coalesce(r.bio_public, ''), coalesce(r.current_location, ''), coalesce(r.location, ''),
           r.county, r.education, r.experience, r.expected_salary, r.accommodation_type, coalesce(r.skills, '{}'),
           coalesce(r.languages, '{}'), coalesce(r.role, ''), coalesce(r.is_available, true)
      FROM jsonb_populate_record(NULL::housegirl_profiles, $3::jsonb) AS r
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.created.v1', made.id, worker_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT worker_json(made, p, true, contact_json(p.user_id)) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: worker_update
-- A merge: only what the patch $2 names changes.
WITH made AS (
    UPDATE housegirl_profiles AS h
       SET (age, bio, bio_public, current_location, location, county, education, experience, expected_salary, accommodation_type,
            skills, languages, role, is_available)
         = (SELECT r.age, coalesce(r.bio, ''), coalesce(r.bio_public, ''), coalesce(r.current_location, ''), coalesce(r.location, ''),
                   r.county, r.education, r.experience, r.expected_salary, r.accommodation_type, coalesce(r.skills, '{}'),
                   coalesce(r.languages, '{}'), coalesce(r.role, ''), coalesce(r.is_available, true)
              FROM jsonb_populate_record(h, $2::jsonb) AS r),
           updated_at = now()
     WHERE h.id = $1
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.updated.v1', made.id, worker_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT worker_json(made, p, true, contact_json(p.user_id)) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: worker_delete
WITH gone AS (DELETE FROM housegirl_profiles WHERE id = $1 RETURNING id)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.deleted.v1', id, NULL FROM gone;

-- name: worker_verify
WITH made AS (
    UPDATE housegirl_profiles SET verification_status = $2, verification_reason = coalesce($3, ''), updated_at = now()
     WHERE id = $1 RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.verified.v1', made.id, worker_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
), noted AS (
    INSERT INTO audit_log (actor, action, subject, details)
    SELECT $4, 'worker.' || $2, made.id, jsonb_build_object('reason', coalesce($3, '')) FROM made
)
SELECT worker_json(made, p, true, contact_json(p.user_id)) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: worker_tribe_set
INSERT INTO sensitive_data (housegirl_profile_id, tribe) VALUES ($1, $2)
ON CONFLICT (housegirl_profile_id) DO UPDATE SET tribe = excluded.tribe, consented_at = now();

-- name: worker_tribe_forget
DELETE FROM sensitive_data WHERE housegirl_profile_id = $1;

-- name: worker_tell_of_profile
-- Behind user_apply, in its transaction, where that has changed what the public state shows: her name, whether she is active. A
-- statement of its own, which sees what her part has become while user_apply waited for it.
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.workers', 'ke.domesticconnect.worker.updated.v1', h.id, worker_event(h, p)
  FROM housegirl_profiles AS h JOIN profiles AS p ON p.id = h.profile_id WHERE p.user_id = $1 AND p.updated_at = now();

-- name: employer_tell_of_profile
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.updated.v1', e.id, employer_event(e, p)
  FROM employer_profiles AS e JOIN profiles AS p ON p.id = e.profile_id WHERE p.user_id = $1 AND p.updated_at = now();

-- name: agency_profile_tell_of_profile
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.updated.v1', a.id, agency_profile_event(a, p)
  FROM agency_profiles AS a JOIN profiles AS p ON p.id = a.profile_id WHERE p.user_id = $1 AND p.updated_at = now();

-- name: part_owner
-- Whose a role profile is: user id, profile id. Her base profile is locked: whatever changes her parts, or tells of them, comes one
-- after the other, and sees what was before it.
SELECT p.user_id, p.id FROM profiles AS p
 WHERE p.id = (SELECT profile_id FROM housegirl_profiles WHERE $2 = 'housegirl' AND id = $1
               UNION ALL SELECT profile_id FROM employer_profiles WHERE $2 = 'employer' AND id = $1
               UNION ALL SELECT profile_id FROM agency_profiles WHERE $2 = 'agency' AND id = $1)
   FOR NO KEY UPDATE;

-- name: part_of_profile
-- The role profile of a base profile, or no row.
SELECT id FROM housegirl_profiles WHERE profile_id = $1
UNION ALL SELECT id FROM employer_profiles WHERE profile_id = $1
UNION ALL SELECT id FROM agency_profiles WHERE profile_id = $1;

-- name: employer_list
-- The page: $1 the sort key to go on behind, $2 rows to skip, $3 rows (see struct page_list).
SELECT employer_json(e, p), (e).created_at || '|' || (e).id
  FROM (SELECT e, p FROM employer_profiles AS e JOIN profiles AS p ON p.id = e.profile_id
         WHERE p.is_active AND (e.created_at, e.id) < (split_part($1, '|', 1)::timestamptz, split_part($1, '|', 2))
         ORDER BY e.created_at DESC, e.id DESC OFFSET $2 LIMIT $3) AS page;

-- name: employer_count
SELECT count(*) FROM (SELECT FROM employer_profiles AS e JOIN profiles AS p ON p.id = e.profile_id WHERE p.is_active LIMIT $1) AS capped;

-- name: employer_read
SELECT employer_json(e, p) FROM employer_profiles AS e JOIN profiles AS p ON p.id = e.profile_id
 WHERE e.id = $1 AND (p.is_active OR p.user_id = $2 OR $3::boolean);

-- name: employer_insert
WITH made AS (
    INSERT INTO employer_profiles (id, profile_id, company_name, location, description)
    SELECT $1, $2, coalesce(r.company_name, ''), coalesce(r.location, ''), coalesce(r.description, '')
      FROM jsonb_populate_record(NULL::employer_profiles, $3::jsonb) AS r
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.created.v1', made.id, employer_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT employer_json(made, p) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: employer_update
WITH made AS (
    UPDATE employer_profiles AS e
       SET (company_name, location, description)
         = (SELECT coalesce(r.company_name, ''), coalesce(r.location, ''), coalesce(r.description, '') FROM jsonb_populate_record(e, $2::jsonb) AS r),
           updated_at = now()
     WHERE e.id = $1
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.updated.v1', made.id, employer_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT employer_json(made, p) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: employer_delete
WITH gone AS (DELETE FROM employer_profiles WHERE id = $1 RETURNING id)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.deleted.v1', id, NULL FROM gone;

-- name: agency_profile_list
SELECT agency_profile_json(e), (e).created_at || '|' || (e).id
  FROM (SELECT e FROM agency_profiles AS e JOIN profiles AS p ON p.id = e.profile_id
         WHERE p.is_active AND (e.created_at, e.id) < (split_part($1, '|', 1)::timestamptz, split_part($1, '|', 2))
         ORDER BY e.created_at DESC, e.id DESC OFFSET $2 LIMIT $3) AS page;

-- name: agency_profile_count
SELECT count(*) FROM (SELECT FROM agency_profiles AS e JOIN profiles AS p ON p.id = e.profile_id WHERE p.is_active LIMIT $1) AS capped;

-- name: agency_profile_read
SELECT agency_profile_json(e) FROM agency_profiles AS e JOIN profiles AS p ON p.id = e.profile_id
 WHERE e.id = $1 AND (p.is_active OR p.user_id = $2 OR $3::boolean);

-- name: agency_profile_insert
WITH made AS (
    INSERT INTO agency_profiles (id, profile_id, agency_name, location, description, license_number)
    SELECT $1, $2, coalesce(r.agency_name, ''), coalesce(r.location, ''), coalesce(r.description, ''), coalesce(r.license_number, '')
      FROM jsonb_populate_record(NULL::agency_profiles, $3::jsonb) AS r
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.created.v1', made.id, agency_profile_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT agency_profile_json(made) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: agency_profile_update
WITH made AS (
    UPDATE agency_profiles AS e
       SET (agency_name, location, description, license_number)
         = (SELECT coalesce(r.agency_name, ''), coalesce(r.location, ''), coalesce(r.description, ''), coalesce(r.license_number, '') FROM jsonb_populate_record(e, $2::jsonb) AS r),
           updated_at = now()
     WHERE e.id = $1
    RETURNING *
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.updated.v1', made.id, agency_profile_event(made, p)
      FROM made JOIN profiles AS p ON p.id = made.profile_id
)
SELECT agency_profile_json(made) FROM made JOIN profiles AS p ON p.id = made.profile_id;

-- name: agency_profile_delete
WITH gone AS (DELETE FROM agency_profiles WHERE id = $1 RETURNING id)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.deleted.v1', id, NULL FROM gone;

-- name: profile_list
-- For admins: all of them.
SELECT profile_json(p), (p).created_at || '|' || (p).id
  FROM (SELECT p FROM profiles AS p
         WHERE (p.created_at, p.id) < (split_part($1, '|', 1)::timestamptz, split_part($1, '|', 2))
         ORDER BY p.created_at DESC, p.id DESC OFFSET $2 LIMIT $3) AS page;

-- name: profile_count
SELECT count(*) FROM (SELECT FROM profiles LIMIT $1) AS capped;

-- name: profile_of_user
SELECT profile_json(p) FROM profiles AS p WHERE user_id = $1;

-- name: profile_read
-- For the person herself and admins; for others it does not exist.
SELECT profile_json(p) FROM profiles AS p WHERE id = $1 AND (user_id = $2 OR $3::boolean);

-- name: profile_lock
SELECT id, user_id, user_type FROM profiles WHERE id = $1 AND (user_id = $2 OR $3::boolean) FOR UPDATE;

-- name: profile_ensure
-- The base profile of a user whose first write may come before the event of her registration, or after she removed the one she
-- had; locked, as by part_owner.
WITH made AS (
    INSERT INTO profiles (id, user_id, user_type, first_name, last_name, is_active, user_sequence)
    SELECT $1, $2, $3, coalesce(n.first_name, ''), coalesce(n.last_name, ''), coalesce(n.is_active, true), coalesce(n.user_sequence, '')
      FROM (SELECT) AS once LEFT JOIN left_names AS n ON n.user_id = $2
     WHERE NOT EXISTS (SELECT FROM erased_users WHERE user_id = $2)
    ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING *, xmax = 0 AS is_new
), told AS (
    INSERT INTO outbox (topic, type, key, data)
    SELECT 'dc.profiles.profiles', 'ke.domesticconnect.profile.created.v1', id,
           json_build_object('profile_id', id, 'user_id', user_id, 'user_type', user_type, 'created_at', rfc3339(created_at)) FROM made WHERE is_new
)
SELECT id FROM made;

-- name: names_keep
-- Ahead of profile_delete, where the user stays.
INSERT INTO left_names (user_id, first_name, last_name, is_active, user_sequence)
SELECT user_id, first_name, last_name, is_active, user_sequence FROM profiles WHERE user_id = $1
ON CONFLICT (user_id) DO UPDATE
   SET first_name = excluded.first_name, last_name = excluded.last_name, is_active = excluded.is_active, user_sequence = excluded.user_sequence;

-- name: names_forget
DELETE FROM left_names WHERE user_id = $1;

-- name: profile_delete
-- Her profile with all its parts; each topic gets its tombstone.
WITH base AS (SELECT id, user_id FROM profiles WHERE user_id = $1 FOR UPDATE),
parts AS (
    SELECT 'dc.profiles.workers' AS topic, 'ke.domesticconnect.worker.deleted.v1' AS type, h.id FROM housegirl_profiles AS h JOIN base ON h.profile_id = base.id
    UNION ALL SELECT 'dc.profiles.employers', 'ke.domesticconnect.employer.deleted.v1', e.id FROM employer_profiles AS e JOIN base ON e.profile_id = base.id
    UNION ALL SELECT 'dc.profiles.agency-profiles', 'ke.domesticconnect.agency_profile.deleted.v1', a.id FROM agency_profiles AS a JOIN base ON a.profile_id = base.id
    UNION ALL SELECT 'dc.profiles.profiles', 'ke.domesticconnect.profile.deleted.v1', id FROM base
), told AS (
    INSERT INTO outbox (topic, type, key, data) SELECT topic, type, id, NULL FROM parts
)
DELETE FROM profiles WHERE id IN (SELECT id FROM base);

-- name: user_apply
-- A user as auth tells: her base profile appears, or takes the new names. Older news than what is known do nothing.
WITH made AS (
    INSERT INTO profiles (id, user_id, user_type, first_name, last_name, is_active, user_sequence, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8::timestamptz, now()))
    ON CONFLICT (user_id) DO UPDATE
       SET first_name = excluded.first_name, last_name = excluded.last_name, is_active = excluded.is_active,
           user_sequence = excluded.user_sequence,
           updated_at = CASE WHEN (profiles.first_name, profiles.last_name, profiles.is_active)
                                  IS DISTINCT FROM (excluded.first_name, excluded.last_name, excluded.is_active)
                             THEN now() ELSE profiles.updated_at END
     WHERE profiles.user_sequence < excluded.user_sequence
    RETURNING *, xmax = 0 AS is_new
)
INSERT INTO outbox (topic, type, key, data)
SELECT 'dc.profiles.profiles', 'ke.domesticconnect.profile.created.v1', id,
       json_build_object('profile_id', id, 'user_id', user_id, 'user_type', user_type, 'created_at', rfc3339(created_at))
  FROM made WHERE is_new;

-- name: user_erased
-- Once everything is committed that looked into this table before (erasures_wait), so that what follows deletes that, too.
INSERT INTO erased_users (user_id) SELECT $1 FROM pg_advisory_xact_lock(hashtext('erasures')) ON CONFLICT DO NOTHING;

-- name: erasures_wait
-- Ahead of a statement that looks into erased_users, and apart from it, as that must see what it waited for: until the transaction ends
-- nobody is erased.
SELECT pg_advisory_xact_lock_shared(hashtext('erasures'));

-- name: contact_apply
-- $1 user, $2 what auth tells of her, $3 the sequence (see struct subscription).
INSERT INTO contacts (user_id, email, phone_number, user_sequence)
SELECT $1, r.email, r.phone_number, $3 FROM jsonb_populate_record(NULL::contacts, $2::jsonb) AS r
ON CONFLICT (user_id) DO UPDATE
   SET email = excluded.email, phone_number = excluded.phone_number, user_sequence = excluded.user_sequence
 WHERE contacts.user_sequence < excluded.user_sequence;

-- name: grant_apply
-- The worker may be unknown here still, or gone: the grant stands for itself. Not so the one who paid: what is told once more, or
-- late, brings back nothing of a user who was erased.
INSERT INTO contact_grants (user_id, housegirl_profile_id, granted_at)
SELECT $1, $2, $3::timestamptz WHERE NOT EXISTS (SELECT FROM erased_users WHERE user_id = $1)
ON CONFLICT DO NOTHING;

-- name: grant_read
SELECT EXISTS (SELECT FROM contact_grants WHERE user_id = $1 AND housegirl_profile_id = $2);

-- name: grants_forget
-- Of a user who was erased.
DELETE FROM contact_grants WHERE user_id = $1;

-- name: contact_forget
DELETE FROM contacts WHERE user_id = $1;

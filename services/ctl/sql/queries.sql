-- Statements of the import and, at the end, of the doctor. Named blocks: see shared/kit/sql_embed.awk.

-- name: import_lock
-- One import at a time; held by the connection.
SELECT pg_try_advisory_lock(hashtext('import'));

-- name: import_run_start
INSERT INTO import_runs (file) VALUES ($1) RETURNING run;

-- reading

-- name: import_collection_start
-- $1 collection, $2 run, $3 its place in the report. What an earlier file's rows without a usable id were is forgotten. Whether nothing else
-- of it is known.
WITH counted AS (
    INSERT INTO import_collections AS kept (collection, run, place, read) VALUES ($1, $2, $3, 0)
    ON CONFLICT (collection) DO UPDATE
       SET run = excluded.run, place = excluded.place, read = 0, imported = 0, repaired = 0, unchanged = 0, waiting = 0, quarantined = 0
), forgotten AS (
    DELETE FROM import_findings WHERE collection = $1 AND row_key LIKE '#%'
)
SELECT NOT EXISTS (SELECT FROM import_rows WHERE collection = $1)
       AND NOT EXISTS (SELECT FROM import_findings WHERE collection = $1 AND row_key NOT LIKE '#%');

-- name: import_forget
-- What an earlier run found of rows that are read anew: $1 collection, $2 run, $3 their ids.
DELETE FROM import_findings WHERE collection = $1 AND row_key = ANY ($3::text[]) AND run <> $2;

-- name: import_collection_read
-- $2: how many rows the file has of $1. Not counted while they are written, or one part of a batch would wait for the other.
UPDATE import_collections SET read = $2 WHERE collection = $1;

-- name: import_add
-- $1 collection, $2 run, then a batch of rows: places, ids, rows (null: as it stands in the file), references, problems, repairs, and where
-- they stand in the file. The first row with an id is taken, all others are quarantined. Waits for no disk: what a run says last
-- (import_collection_end) does, and so for all before it; a run that the server does not survive is run again.
WITH given AS (
    SELECT g.* FROM (SELECT set_config('synchronous_commit', 'off', true)) AS late,
                    unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::integer[])
                        AS g(ordinal, id, raw, refs, problem, note, file_offset, file_bytes)
), taken AS (
    INSERT INTO import_rows AS kept (collection, row_key, run, ordinal, content, refs, file_offset, file_bytes)
    SELECT DISTINCT ON (id) $1, id, $2::integer, ordinal, raw::json, refs::text[], file_offset, file_bytes
      FROM given WHERE problem IS NULL ORDER BY id, ordinal
    ON CONFLICT (collection, row_key) DO UPDATE
       SET run = excluded.run, ordinal = excluded.ordinal, content = excluded.content, refs = excluded.refs,
           file_offset = excluded.file_offset, file_bytes = excluded.file_bytes, repairs = NULL
     WHERE kept.run <> excluded.run
    RETURNING ordinal
), judged AS (
    SELECT *, ordinal IN (SELECT ordinal FROM taken) AS is_taken FROM given
)
INSERT INTO import_findings (collection, row_key, run, ordinal, state, notes, raw, file_offset, file_bytes)
SELECT $1, CASE WHEN is_taken THEN id ELSE '#' || ordinal END, $2, ordinal, CASE WHEN is_taken THEN 'repaired' ELSE 'quarantined' END,
       CASE WHEN is_taken THEN string_to_array(note, '; ') ELSE ARRAY[coalesce(problem, 'another row of the collection has the same id')] END,
       CASE WHEN NOT is_taken THEN raw END,
       CASE WHEN NOT is_taken AND raw IS NULL THEN file_offset END, CASE WHEN NOT is_taken AND raw IS NULL THEN file_bytes END
  FROM judged WHERE NOT is_taken OR note IS NOT NULL;

-- name: import_add_new
-- A batch of a collection of which nothing was known, where nothing is to be said of any row: the same without problems and repairs, for
-- half the work. Fails where an id comes twice.
INSERT INTO import_rows (collection, row_key, run, ordinal, content, refs, file_offset, file_bytes)
SELECT $1, id, $2::integer, ordinal, raw::json, refs::text[], file_offset, file_bytes
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS late,
       unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::integer[]) AS g(ordinal, id, raw, refs, file_offset, file_bytes);

-- name: import_unknown_end
-- Of collections that nobody knows every row is kept back.
UPDATE import_collections SET quarantined = read WHERE run = $1 AND place = 0;

-- references: $3 member, $4 its place in refs

-- name: import_check_plans
-- For this transaction: nobody has counted the rows that were just read, and for a few each would be compared with each.
SELECT set_config('enable_nestloop', 'off', true);

-- name: import_reference_is_lost
-- Whether any reference at place $3 of $1 leads to no row of $4: most files need no more. $5: an empty reference is fine. Counted, since
-- the planner would look for the first alone in another way, the slow one where there is none.
SELECT count(*) > 0 FROM import_rows AS r
 WHERE collection = $1 AND run = $2 AND NOT ($5::boolean AND coalesce(refs[$3], '') = '')
   AND NOT EXISTS (SELECT FROM import_rows AS t WHERE t.collection = $4 AND t.row_key = r.refs[$3]);

-- name: import_reference_is_lost_user
-- The same for a reference to a user: users stand in the profiles collection.
SELECT count(*) > 0 FROM import_rows AS r
 WHERE collection = $1 AND run = $2 AND NOT EXISTS (SELECT FROM import_rows AS p WHERE p.collection = 'profiles' AND p.refs[1] = r.refs[$3]);

-- name: import_reference_profile
-- $3 of $1 holds a profiles id where the id of one of her rows in $5 is meant: the row it must be is taken.
WITH of_profile AS (
    SELECT refs[1] AS profile_id, min(row_key) AS row_key FROM import_rows WHERE collection = $5 GROUP BY 1 HAVING count(*) = 1
), meant AS (
    SELECT r.row_key, r.refs[$4] AS given, w.row_key AS target
      FROM import_rows AS r JOIN of_profile AS w ON w.profile_id = r.refs[$4]
     WHERE r.collection = $1 AND r.run = $2
       AND NOT EXISTS (SELECT FROM import_rows AS t WHERE t.collection = $5 AND t.row_key = r.refs[$4])
), repaired AS (
    UPDATE import_rows AS r SET repairs = coalesce(repairs, '{}') || jsonb_build_object($3::text, m.target), refs[$4] = m.target
      FROM meant AS m WHERE r.collection = $1 AND r.row_key = m.row_key
    RETURNING r.collection, r.row_key, r.run, r.ordinal, m.given, m.target
)
INSERT INTO import_findings AS f (collection, row_key, run, ordinal, state, notes)
SELECT collection, row_key, run, ordinal, 'repaired', ARRAY[format('%s was the profiles id %s, taken as %s %s', $3::text, given, $5::text, target)] FROM repaired
ON CONFLICT (collection, row_key) DO UPDATE SET notes = f.notes || excluded.notes;

-- name: import_reference_user
-- A profiles id where a user id is meant: that profile's user is taken.
WITH meant AS (
    SELECT r.row_key, r.refs[$4] AS given, p.refs[1] AS target
      FROM import_rows AS r JOIN import_rows AS p ON p.collection = 'profiles' AND p.row_key = r.refs[$4]
     WHERE r.collection = $1 AND r.run = $2
       AND NOT EXISTS (SELECT FROM import_rows AS u WHERE u.collection = 'profiles' AND u.refs[1] = r.refs[$4])
), repaired AS (
    UPDATE import_rows AS r SET repairs = coalesce(repairs, '{}') || jsonb_build_object($3::text, m.target), refs[$4] = m.target
      FROM meant AS m WHERE r.collection = $1 AND r.row_key = m.row_key
    RETURNING r.collection, r.row_key, r.run, r.ordinal, m.given, m.target
)
INSERT INTO import_findings AS f (collection, row_key, run, ordinal, state, notes)
SELECT collection, row_key, run, ordinal, 'repaired', ARRAY[format('%s was the profiles id %s, taken as its user %s', $3::text, given, target)] FROM repaired
ON CONFLICT (collection, row_key) DO UPDATE SET notes = f.notes || excluded.notes;

-- name: import_reference_check
-- Rows whose reference $3 leads to no row of $5 are quarantined, with the reason. $6: an empty reference is fine.
WITH lost AS (
    DELETE FROM import_rows AS r
     WHERE collection = $1 AND run = $2 AND NOT ($6::boolean AND coalesce(refs[$4], '') = '')
       AND NOT EXISTS (SELECT FROM import_rows AS t WHERE t.collection = $5 AND t.row_key = r.refs[$4])
    RETURNING *
)
INSERT INTO import_findings AS f (collection, row_key, run, ordinal, state, notes, raw, file_offset, file_bytes)
SELECT l.collection, l.row_key, l.run, l.ordinal, 'quarantined',
       ARRAY[CASE WHEN coalesce(l.refs[$4], '') = '' THEN format('%s is missing', $3::text)
                  WHEN t.row_key IS NOT NULL THEN format('%s leads to %s %s, which is quarantined itself', $3::text, $5::text, left(l.refs[$4], 64))
                  ELSE format('%s leads to %s %s, which is not there', $3::text, $5::text, left(l.refs[$4], 64)) END],
       l.content::text, CASE WHEN l.content IS NULL THEN l.file_offset END, CASE WHEN l.content IS NULL THEN l.file_bytes END
  FROM lost AS l LEFT JOIN import_findings AS t ON t.collection = $5 AND t.row_key = l.refs[$4] AND t.state = 'quarantined'
ON CONFLICT (collection, row_key) DO UPDATE SET state = 'quarantined', notes = f.notes || excluded.notes, raw = excluded.raw,
   file_offset = excluded.file_offset, file_bytes = excluded.file_bytes;

-- name: import_reference_check_user
-- The same for a reference to a user: users stand in the profiles collection.
WITH lost AS (
    DELETE FROM import_rows AS r
     WHERE collection = $1 AND run = $2
       AND NOT EXISTS (SELECT FROM import_rows AS p WHERE p.collection = 'profiles' AND p.refs[1] = r.refs[$4])
    RETURNING *
)
INSERT INTO import_findings AS f (collection, row_key, run, ordinal, state, notes, raw, file_offset, file_bytes)
SELECT l.collection, l.row_key, l.run, l.ordinal, 'quarantined',
       ARRAY[CASE WHEN coalesce(l.refs[$4], '') = '' THEN format('%s is missing', $3::text)
                  ELSE format('%s leads to user %s, who is not there', $3::text, left(l.refs[$4], 64)) END],
       l.content::text, CASE WHEN l.content IS NULL THEN l.file_offset END, CASE WHEN l.content IS NULL THEN l.file_bytes END
  FROM lost AS l
ON CONFLICT (collection, row_key) DO UPDATE SET state = 'quarantined', notes = f.notes || excluded.notes, raw = excluded.raw,
   file_offset = excluded.file_offset, file_bytes = excluded.file_bytes;

-- sending

-- name: import_last
-- The last place of a collection in this run.
SELECT coalesce(max(ordinal), 0) FROM import_rows WHERE collection = $1 AND run = $2;

-- name: import_batch
-- Rows of the places $3 (not included) to $4, in order: up to $5 bytes and the row that goes over them.
SELECT row_key, ordinal, content, file_offset, file_bytes, repairs
  FROM (SELECT row_key, ordinal, content, file_offset, file_bytes, repairs,
               coalesce(sum(coalesce(octet_length(content::text), file_bytes)) OVER (ORDER BY ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
          FROM import_rows WHERE collection = $1 AND run = $2 AND ordinal > $3 AND ordinal <= $4) AS r
 WHERE before < $5 ORDER BY ordinal;

-- name: import_found
-- What services said of rows: ids, whether quarantined, and notes as JSON. What they quarantine leaves import_rows.
WITH said AS (
    SELECT row_key, is_quarantined, ARRAY(SELECT json_array_elements_text(notes::json)) AS notes
      FROM unnest($3::text[], $4::boolean[], $5::text[]) AS s(row_key, is_quarantined, notes)
), gone AS (
    DELETE FROM import_rows AS r USING said AS s WHERE r.collection = $1 AND r.row_key = s.row_key AND s.is_quarantined
    RETURNING r.row_key, r.ordinal, r.content, r.file_offset, r.file_bytes
)
INSERT INTO import_findings AS f (collection, row_key, run, ordinal, state, notes, raw, file_offset, file_bytes)
SELECT $1, s.row_key, $2, coalesce(g.ordinal, r.ordinal), CASE WHEN s.is_quarantined THEN 'quarantined' ELSE 'repaired' END, s.notes,
       g.content::text, CASE WHEN g.content IS NULL THEN g.file_offset END, CASE WHEN g.content IS NULL THEN g.file_bytes END
  FROM said AS s LEFT JOIN gone AS g USING (row_key) LEFT JOIN import_rows AS r ON r.collection = $1 AND r.row_key = s.row_key
ON CONFLICT (collection, row_key) DO UPDATE SET state = excluded.state, notes = f.notes || excluded.notes, raw = excluded.raw,
   file_offset = excluded.file_offset, file_bytes = excluded.file_bytes;

-- name: import_taken
-- What its services have taken is kept there, and here no longer.
UPDATE import_rows SET content = NULL WHERE collection = $1 AND run = $2 AND content IS NOT NULL;

-- name: import_collection_end
-- $3 rows that are new in their service, $4 rows it had before; $5: no service takes them yet, so they wait.
UPDATE import_collections AS c
   SET imported = $3, unchanged = $4, repaired = f.repaired, quarantined = f.quarantined,
       waiting = CASE WHEN $5::boolean THEN c.read - f.quarantined ELSE 0 END
  FROM (SELECT count(*) FILTER (WHERE state = 'repaired') AS repaired, count(*) FILTER (WHERE state = 'quarantined') AS quarantined
          FROM import_findings WHERE collection = $1 AND run = $2) AS f
 WHERE c.collection = $1 AND c.run = $2;

-- name: import_cut
-- Rows that have been kept back for $1 days or longer: what they held goes, where they stood and why stays.
UPDATE import_findings AS f SET raw = NULL FROM import_runs AS r
 WHERE f.raw IS NOT NULL AND r.run = f.run AND r.started_at <= now() - make_interval(days => $1::integer);

-- name: import_unread
-- Quarantined rows of the run that still have to be read from its file: up to $2 bytes and the row that goes over them.
SELECT collection, row_key, file_offset, file_bytes
  FROM (SELECT *, coalesce(sum(file_bytes) OVER (ORDER BY collection, ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
          FROM (SELECT * FROM import_findings WHERE run = $1 AND file_offset IS NOT NULL ORDER BY collection, ordinal LIMIT 1000) AS f) AS f
 WHERE before < $2;

-- name: import_keep
-- Those rows as they stand there: collections, ids, rows.
UPDATE import_findings AS f SET raw = g.raw, file_offset = NULL, file_bytes = NULL
  FROM unnest($1::text[], $2::text[], $3::text[]) AS g(collection, row_key, raw)
 WHERE f.collection = g.collection AND f.row_key = g.row_key;

-- name: import_waiting
-- The run of a collection whose rows wait, and how many.
SELECT run, waiting FROM import_collections WHERE collection = $1 AND waiting > 0;

-- the report

-- name: import_collection_known
-- Whether any file held the collection $1, and those that files held.
SELECT coalesce(bool_or(collection = $1), false), string_agg(collection, ', ' ORDER BY place = 0, place, collection) FROM import_collections;

-- name: import_counts
-- Of the last run, whatever other files held before.
SELECT collection, read, imported, repaired, unchanged, waiting, quarantined FROM import_collections
 WHERE run = (SELECT max(run) FROM import_runs) AND ($1::text IS NULL OR collection = $1) ORDER BY place = 0, place, collection;

-- name: import_reasons
-- Why rows were repaired or quarantined: alike reasons (ids cut out) together, with a few examples.
SELECT collection, state, kind, count(*), array_to_string((array_agg(row_key ORDER BY ordinal))[1:3], ', ')
  FROM (SELECT f.collection, state, row_key, ordinal,
               regexp_replace(note, '(profiles id|its user|taken as [a-z]+_profiles|leads to [a-z_]+) [^ ,]+', '\1 …', 'g') AS kind
          FROM import_findings AS f JOIN import_collections AS c USING (collection, run), unnest(notes) AS note
         WHERE run = (SELECT max(run) FROM import_runs) AND ($1::text IS NULL OR collection = $1)) AS n
 GROUP BY collection, state, kind ORDER BY collection, state, count(*) DESC, kind;

-- name: import_dangling
-- After all: taken rows of $1 whose reference at place $2 leads to no taken row of $3. None, or a bug.
SELECT count(*) FROM import_rows AS r
 WHERE collection = $1 AND coalesce(refs[$2], '') <> ''
   AND NOT EXISTS (SELECT FROM import_rows AS t WHERE t.collection = $3 AND t.row_key = r.refs[$2]);

-- name: import_quarantine
SELECT coalesce(json_agg(json_build_object('collection', collection, 'row', row_key, 'reasons', notes, 'raw', raw)
                         ORDER BY collection, ordinal), '[]')
  FROM import_findings WHERE state = 'quarantined' AND ($1::text IS NULL OR collection = $1);

-- the doctor, on the staging database

-- name: doctor_import_kept
-- How many rows are kept back for longer than $1 days, and for how many days the first.
SELECT count(*), coalesce(extract(day FROM now() - min(r.started_at))::bigint, 0)
  FROM import_findings AS f JOIN import_runs AS r ON r.run = f.run
 WHERE f.raw IS NOT NULL AND r.started_at <= now() - make_interval(days => $1::integer);

-- the doctor, on the database of a service

-- name: doctor_read_only
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean;

-- name: doctor_relay_leads
-- Whether somebody holds the lock of relay_lead: a key of 64 bits stands in two halves.
SELECT EXISTS (SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (classid::bigint << 32 | objid::bigint) = hashtext('relay')::bigint);

-- name: doctor_bulk_is_held
-- The same of the lock of bulk_hold.
SELECT EXISTS (SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (classid::bigint << 32 | objid::bigint) = hashtext('bulk')::bigint);

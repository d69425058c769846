-- Statements of the import. Named blocks: see shared/kit/sql_embed.awk.

-- name: import_stage
-- A batch of rows as read. A row seen before comes again as new work; its old notes go.
INSERT INTO import_rows AS kept (collection, row_key, ordinal, id, raw, content, state, notes)
SELECT $1, r.row_key, r.ordinal, r.id, r.raw, r.content,
       CASE WHEN r.problem IS NULL THEN 'read' ELSE 'quarantined' END,
       CASE WHEN r.problem IS NULL THEN '{}' ELSE ARRAY[r.problem] END
  FROM json_to_recordset($2::json)
       AS r(row_key text, ordinal bigint, id text, raw text, content jsonb, problem text)
ON CONFLICT (collection, row_key) DO UPDATE
   SET ordinal = excluded.ordinal, raw = excluded.raw, content = excluded.content, state = excluded.state,
       notes = excluded.notes, written = false, changed_at = now();

-- name: import_collection_forget
-- The rows of a collection that had no usable id are keyed by place: those of an earlier file go.
DELETE FROM import_rows WHERE collection = $1 AND row_key LIKE '#%';

-- name: import_reference_profile
-- $1 holds a profiles id where the id of one of her rows in $3 is meant: the row it must be is taken.
UPDATE import_rows AS r
   SET content = jsonb_set(content, ARRAY[$2::text], to_jsonb(w.row_key)),
       notes = notes || format('%s was the profiles id %s, taken as %s %s', $2, content ->> $2, $3, w.row_key)
  FROM (SELECT content ->> 'profile_id' AS profile_id, min(row_key) AS row_key
          FROM import_rows
         WHERE collection = $3 AND state <> 'quarantined'
         GROUP BY 1 HAVING count(*) = 1) AS w
 WHERE r.collection = $1 AND r.state = 'read' AND w.profile_id = r.content ->> $2
   AND NOT import_has($3, r.content ->> $2);

-- name: import_reference_user
-- A profiles id where a user id is meant: that profile's user is taken.
UPDATE import_rows AS r
   SET content = jsonb_set(r.content, ARRAY[$2::text], p.content -> 'user_id'),
       notes = r.notes || format('%s was the profiles id %s, taken as its user %s', $2, r.content ->> $2, p.content ->> 'user_id')
  FROM import_rows AS p
 WHERE r.collection = $1 AND r.state = 'read' AND p.collection = 'profiles' AND p.row_key = r.content ->> $2
   AND NOT EXISTS (SELECT FROM import_rows u WHERE u.collection = 'profiles' AND u.content ->> 'user_id' = r.content ->> $2);

-- name: import_reference_check
-- Rows whose reference $2 leads to no row of $3 (or to one that is quarantined) are quarantined, with the reason.
UPDATE import_rows AS r
   SET state = 'quarantined', changed_at = now(),
       notes = notes || CASE
           WHEN coalesce(content ->> $2, '') = '' THEN format('%s is missing', $2)
           WHEN EXISTS (SELECT FROM import_rows q WHERE q.collection = $3 AND q.row_key = r.content ->> $2)
                THEN format('%s leads to %s %s, which is quarantined itself', $2, $3, left(content ->> $2, 64))
           ELSE format('%s leads to %s %s, which is not there', $2, $3, left(content ->> $2, 64)) END
 WHERE collection = $1 AND state = 'read'
   AND NOT ($4::boolean AND coalesce(content ->> $2, '') = '')
   AND NOT import_has($3, coalesce(content ->> $2, ''));

-- name: import_reference_check_user
-- The same for a reference to a user: users stand in the profiles collection.
UPDATE import_rows AS r
   SET state = 'quarantined', changed_at = now(),
       notes = notes || CASE WHEN coalesce(content ->> $2, '') = '' THEN format('%s is missing', $2)
                             ELSE format('%s leads to user %s, who is not there', $2, left(content ->> $2, 64)) END
 WHERE collection = $1 AND state = 'read'
   AND NOT EXISTS (SELECT FROM import_rows p
                    WHERE p.collection = 'profiles' AND p.content ->> 'user_id' = r.content ->> $2
                      AND p.state IN ('imported', 'repaired', 'unchanged'));

-- name: import_member_rename
-- Another name that real files use for a member: purchaser_id for user_id.
UPDATE import_rows
   SET content = (content - $2::text) || jsonb_build_object($3::text, content -> $2),
       notes = notes || format('%s taken as %s', $2, $3)
 WHERE collection = $1 AND state = 'read' AND content ? $2 AND coalesce(content ->> $3, '') = '';

-- name: import_batch
-- The next rows of a collection that wait to be sent, in order.
SELECT coalesce(json_agg(b.content ORDER BY b.ordinal), '[]'), count(*), coalesce(max(b.ordinal), 0),
       coalesce(json_agg(b.row_key ORDER BY b.ordinal), '[]')
  FROM (SELECT ordinal, row_key, content FROM import_rows
         WHERE collection = $1 AND state = 'read' AND ordinal > $2
         ORDER BY ordinal LIMIT $3) AS b;

-- name: import_outcomes
-- What a service said of a batch, in the order sent. With $4 another service takes the same rows after it: good rows stay in
-- work, and `written` keeps in mind that something was new.
UPDATE import_rows AS r
   SET state = CASE WHEN o.outcome = 'quarantined' THEN 'quarantined'
                    WHEN $4::boolean THEN 'read'
                    WHEN o.outcome = 'unchanged' AND NOT r.written THEN 'unchanged'
                    WHEN cardinality(r.notes || o.notes) > 0 THEN 'repaired'
                    ELSE 'imported' END,
       written = $4::boolean AND o.outcome IN ('imported', 'repaired'),
       notes = r.notes || o.notes,
       changed_at = now()
  FROM (SELECT k.row_key, s.value ->> 'outcome' AS outcome,
               ARRAY(SELECT jsonb_array_elements_text(coalesce(s.value -> 'notes', '[]'))) AS notes
          FROM jsonb_array_elements_text($2::jsonb) WITH ORDINALITY AS k(row_key, place)
          JOIN jsonb_array_elements($3::jsonb) WITH ORDINALITY AS s(value, place) USING (place)) AS o
 WHERE r.collection = $1 AND r.row_key = o.row_key;

-- name: import_wait
-- What is checked and waits for its service.
UPDATE import_rows SET state = 'waiting', changed_at = now() WHERE collection = $1 AND state = 'read';

-- name: import_counts
SELECT count(*), count(*) FILTER (WHERE state = 'imported'), count(*) FILTER (WHERE state = 'repaired'),
       count(*) FILTER (WHERE state = 'unchanged'), count(*) FILTER (WHERE state = 'waiting'),
       count(*) FILTER (WHERE state = 'quarantined')
  FROM import_rows WHERE collection = $1;

-- name: import_collections
SELECT DISTINCT collection FROM import_rows ORDER BY 1;

-- name: import_reasons
-- Why rows were repaired or quarantined: alike reasons (numbers and ids cut out) together, with a few examples.
SELECT state, kind, count(*), array_to_string((array_agg(row_key ORDER BY ordinal))[1:3], ', ')
  FROM (SELECT state, row_key, ordinal,
               regexp_replace(note, '(profiles id|user|taken as|leads to \w+|[a-z_]+_profiles) [^ ,]+', '\1 …', 'g') AS kind
          FROM import_rows, unnest(notes) AS note
         WHERE collection = $1 AND state IN ('repaired', 'waiting', 'quarantined')) AS n
 GROUP BY state, kind ORDER BY state, count(*) DESC, kind;

-- name: import_dangling
-- After all: imported rows of $1 whose reference $2 leads to no good row of $3. None, or a bug.
SELECT count(*) FROM import_rows r
 WHERE collection = $1 AND state IN ('imported', 'repaired', 'unchanged', 'waiting')
   AND coalesce(content ->> $2, '') <> '' AND NOT import_has($3, content ->> $2);

-- name: import_quarantine
SELECT coalesce(json_agg(json_build_object('collection', collection, 'row', row_key, 'reasons', notes, 'raw', raw)
                         ORDER BY collection, ordinal), '[]')
  FROM import_rows WHERE state = 'quarantined' AND ($1::text IS NULL OR collection = $1);

-- Copies of the imported workers, :copies of each, through the same triggers. Their ids are scattered, or those of one worker would
-- stand side by side in a list. Run by million.sh.
\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET synchronous_commit = off;

INSERT INTO profiles -- its trigger tells of each, as in life
SELECT (jsonb_populate_record(p, jsonb_build_object('id', md5(p.id || '_' || n), 'user_id', p.user_id || '_' || n))).*
  FROM profiles AS p, generate_series(1, :copies) AS n WHERE p.user_type = 'housegirl';

-- all columns but those that PostgreSQL makes itself
SELECT format('INSERT INTO housegirl_profiles (%1$s) SELECT %1$s FROM (
           SELECT (jsonb_populate_record(h, jsonb_build_object(''id'', md5(h.id || ''_'' || n), ''profile_id'', md5(h.profile_id || ''_'' || n),
                   ''created_at'', h.created_at + n * interval ''7 days 3 hours 11 minutes''))).*
             FROM housegirl_profiles AS h, generate_series(1, %2$s) AS n WHERE h.id ~ ''^bench_worker_[0-9]+$'') AS copied',
       string_agg(quote_ident(column_name), ', '), :'copies')
  FROM information_schema.columns WHERE table_name = 'housegirl_profiles' AND is_generated = 'NEVER' \gexec

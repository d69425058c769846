#!/usr/bin/env bash
# databases.sh: one database and one login role per owner, on the server of $DATABASE_URL (a superuser's). A role owns its
# database and can connect to no other. Passwords come from the files $SECRETS_DIR/database_<owner>. Idempotent.
# Used by the local stack and, in compose, by PostgreSQL's own first start.
set -euo pipefail
: "${DATABASE_URL:?}" "${SECRETS_DIR:?}"

for file in "$SECRETS_DIR"/database_*; do
    owner=${file##*/database_}
    case $owner in superuser | url_*) continue ;; esac
    psql -X -q -v ON_ERROR_STOP=1 -v owner="dc_$owner" -v password="$(cat "$file")" \
        "$DATABASE_URL" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', :'owner', :'password') \gexec
-- what a constraint refuses is an answer, not a fault: the server's log would quote the row, with its addresses and numbers
SELECT format('ALTER ROLE %I SET log_error_verbosity = terse', :'owner') \gexec
SELECT format('ALTER ROLE %I SET log_min_error_statement = fatal', :'owner') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C.UTF-8''', :'owner', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'owner') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'owner') \gexec
SQL
done
psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" -c 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC'

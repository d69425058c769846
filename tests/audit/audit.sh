#!/usr/bin/env bash
# audit.sh: what a reviewer of the running stack wants to see, and whether it is as it should be: the hardening of the binaries,
# what they are made of, who listens where, who may what in each database, what every route answers. Wants `make start` before.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build}" "${RUN_DIR:=.run}" "${BORROWED:=build/borrowed}"
[ -e "$RUN_DIR/env" ] || { echo "Nothing is known of a stack in $RUN_DIR: start one by 'make start'." >&2 && exit 1; }
. "$RUN_DIR/env"
. docker/services.sh
curl -fsS -o /dev/null "$GATEWAY_URL/api/health" 2>/dev/null || { echo "The stack of $RUN_DIR does not answer: start it by 'make start'." >&2 && exit 1; }
wrong=()

main() {
    section "Hardening of the binaries" tests/audit/hardening.sh "$BUILD"/bin/*
    mkdir -p "$BUILD/audit"
    section "Dependencies and licences (as SPDX in $BUILD/audit/sbom.spdx)" \
        python3 tests/audit/dependencies.py "$BUILD/audit/sbom.spdx" "$BORROWED" "$BUILD"/bin/*
    section "Open ports" ports
    section "Roles of the database server" roles
    section "Who may what in each database" grants
    section "Answers of every route to a stranger" routes
    [ ${#wrong[@]} = 0 ] || { printf '\nnot as it should be: %s\n' "${wrong[@]}" && exit 1; }
}

section() { # TITLE COMMAND…
    echo "${NEWLINE:-}== $1" && NEWLINE=$'\n'
    shift
    "$@" || wrong+=("$*")
}

# Everything of this stack listens on this machine alone.
ports() {
    local pattern
    pattern=$(sed -n 's/^[A-Z_]*PORT[A-Z_]*=//p' "$RUN_DIR/ports" "$RUN_DIR/env" | sort -u | paste -sd'|')
    ss -Hltnp | awk -v ports=":($pattern)$" '$4 ~ ports {
        split($0, program, "\""); printf "%-30s %s\n", $4, program[2]
        if ($4 !~ /^(127\.0\.0\.1|\[::1\]|\[::ffff:127\.0\.0\.1\]):/) open = 1
    } END { exit open }' | sort
}

roles() {
    psql -X -q "$DATABASE_URL" -P footer=off -P border=1 -c "SELECT rolname AS role, rolcanlogin AS login, rolsuper AS superuser,
        rolcreatedb AS creates_databases, rolcreaterole AS creates_roles, rolreplication AS replicates,
        ARRAY(SELECT datname FROM pg_database WHERE datname NOT LIKE 'template%' AND has_database_privilege(rolname, datname, 'CONNECT')) AS connects_to
        FROM pg_roles WHERE rolname NOT LIKE 'pg\_%' ORDER BY 1" || return 1
    [ -z "$(psql -X -qAt "$DATABASE_URL" -c "SELECT rolname FROM pg_roles WHERE rolname LIKE 'dc\_%'
        AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)")" ]
}

grants() {
    local database
    for database in $(psql -X -qAt "$DATABASE_URL" -c "SELECT datname FROM pg_database WHERE datname LIKE 'dc\_%' ORDER BY 1"); do
        echo "-- $database"
        psql -X -qAt -F ' ' "${DATABASE_URL%/*}/$database" -c "SELECT rpad(n.nspname, 10), rpad(CASE c.relkind WHEN 'S' THEN 'sequence'
            WHEN 'v' THEN 'view' ELSE 'table' END, 9), rpad(c.relname, 28), rpad(pg_get_userbyid(c.relowner), 12), coalesce(c.relacl::text, 'its owner alone')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^pg_|^information_schema$' ORDER BY 1, 2, 3" || return 1
    done
}

# Of every route the code tells: what a stranger is answered, and that no header of security is lacking.
routes() {
    local service method path answer wanted missing bad=0 name prefix
    wanted="x-content-type-options x-frame-options content-security-policy referrer-policy strict-transport-security cross-origin-resource-policy cache-control"
    while read -r service method path _; do
        case $path in /.well-known/* | /health*) prefix= ;; *) prefix=/api ;; esac
        answer=$(curl -s -o /dev/null -D - -X "$method" "$GATEWAY_URL$prefix${path//[\{\}]/}" | tr -d '\r' | tr '[:upper:]' '[:lower:]')
        missing=
        for name in $wanted; do grep -q "^$name:" <<<"$answer" || missing+=" no-$name"; done
        [ -z "$missing" ] || bad=1
        printf '%-9s %-7s %-52s %s %s%s\n' "$service" "$method" "$path" "$(awk 'NR == 1 {print $2}' <<<"$answer")" \
            "$(sed -n 's/^cache-control: //p' <<<"$answer")" "$missing"
    done < <(route_table)
    return $bad
}
route_table() {
    local service
    for service in $SERVICES; do "$BUILD/bin/$service" routes | sed "s/^/$service /"; done
}

main

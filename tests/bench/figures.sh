# Figures, and the tools that make them. Sourced by run.sh.
WORKERS=${WORKERS:-20000} SECONDS_EACH=${SECONDS_EACH:-8} CLIENTS=16
FIGURES=build/bench.tsv
WORK=$RUN_DIR/work
PIDS=()

# figure NAME VALUE UNIT LIMIT SENSE BAR: SENSE is "most" (the value may be so much times the limit at most) or "least".
figure() {
    local ratio met
    ratio=$(calculate "$2 / $4" 3)
    met=$(python3 -c "print('met' if ($ratio $([ "$5" = most ] && echo '<=' || echo '>=') $6) else 'MISSED')")
    printf '  %-58s %12s %-10s limit %12s  ratio %8s  (%s %s: %s)\n' "$1" "$2" "$3" "$4" "$ratio" "at $5" "$6" "$met"
    printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$ratio" >>"$FIGURES"
}

# note NAME VALUE UNIT: a figure without a bar.
note() {
    printf '  %-58s %12s %s\n' "$1" "$2" "$3"
    printf '%s\t%s\t%s\t\t\n' "$1" "$2" "$3" >>"$FIGURES"
}

write_json() {
    python3 - "$FIGURES" >build/bench.json <<'PYTHON'
import json, sys
def number(text): return float(text) if text else None
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
print(json.dumps([{"name": n, "value": number(v), "unit": u, "limit": number(l), "ratio": number(r)} for n, v, u, l, r in rows], indent=1))
PYTHON
    echo "written: build/bench.json"
}

calculate() { python3 -c "print(round($1, ${2:-1}))"; } # EXPRESSION [DIGITS]
now_ms() { echo $(($(date +%s%N) / 1000000)); }
of() { sed -n "s/.*[ ]$2=\([0-9.]*\).*/\1/p" <<<"$1"; } # FIGURES_LINE NAME

# load FILE [BASE_URL]: the requests of the file, over and over, at 16 connections; prints requests.lua's line.
load() {
    wrk -t2 -c$CLIENTS -d"${SECONDS_EACH}s" -s tests/bench/requests.lua "${2:-$GATEWAY_URL}" -- "$1" | grep '^figures'
}

# post PATH TOKEN BODY [BASE_URL]: prints the answer.
post() { curl --fail-with-body -sS "${4:-$GATEWAY_URL}/api$1" -H 'Content-Type: application/json' ${2:+-H "Authorization: Bearer $2"} -d "$3"; }

# register EMAIL PASSWORD [BASE_URL]: an employer; prints the answer.
register() {
    post /auth/register "" "{\"email\":\"$1\",\"password\":\"$2\",\"user_type\":\"employer\",\"first_name\":\"Ann\",\"last_name\":\"Bench\"}" "${3:-}"
}

# statement SERVICE NAME VALUE…: a named statement of that service, its parameters replaced by the values in order.
statement() {
    local folder=services/$1/sql name=$2 text i=1 value
    shift 2
    text=$(awk -v name="$name" 'FNR == 1 {on = 0} /^-- name: / {on = $3 == name; next} on && !/^--/' "$folder"/*.sql)
    for value in "$@"; do
        text=$(V=$value perl -pe 's/\$'"$i"'(?![0-9])/$ENV{V}/g' <<<"$text")
        i=$((i + 1))
    done
    sed 's/:MI:SS/":"MI":"SS/g' <<<"$text" # what pgbench would take for variables
}

# limit FILE OWNER: transactions a second of a pgbench script, prepared, at 16 connections.
limit() {
    local url=DATABASE_URL_${2^^}
    "$POSTGRES_BIN/pgbench" -n -M prepared -c $CLIENTS -j 2 -T "$SECONDS_EACH" -f "$1" "${!url}" 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}
POSTGRES_BIN=/usr/lib/postgresql/15/bin
export PGOPTIONS="-c enable_seqscan=off -c jit=off" # as the services' sessions have it

sql() { local url=DATABASE_URL_${1^^} && psql -XqAt -v ON_ERROR_STOP=1 "${!url}" -c "$2"; } # OWNER SQL

memory_kb() { awk "/^$1:/ {print \$2}" "/proc/$2/smaps_rollup"; } # Rss|Pss PID

# launch SERVICE [NAME=VALUE…]: another process of the service with other settings, on free ports; sets LAUNCHED_URL and LAUNCHED_METRICS_URL.
launch() {
    local service=$1 ports
    shift
    read -r -a ports < <(free_port 2)
    (set -a && . "$RUN_DIR/$service.env" && export DC_HTTP_PORT=${ports[0]} DC_METRICS_PORT=${ports[1]} "$@" && exec "$BUILD/bin/$service") \
        >>"$RUN_DIR/log/bench-$service.log" 2>&1 &
    PIDS+=($!)
    LAUNCHED_URL=http://127.0.0.1:${ports[0]} LAUNCHED_METRICS_URL=http://127.0.0.1:${ports[1]}/metrics
    wait_ready "${ports[1]}" ${PIDS[-1]}
}

stop_all() {
    [ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}" 2>/dev/null || true
    wait "${PIDS[@]}" 2>/dev/null || true
    PIDS=()
}

free_port() { python3 -c "
import socket
s = [socket.socket() for _ in range($1)]
[x.bind(('127.0.0.1', 0)) for x in s]
print(*(x.getsockname()[1] for x in s))"; }

wait_ready() { # METRICS_PORT PID
    until is_ready "$1" 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || { echo "a process ended instead of getting ready; see $RUN_DIR/log/bench-*.log" >&2 && exit 1; }
        sleep 0.02
    done
}
# Asked by the shell itself: a process for each question would take the processors from those that start.
is_ready() ( # METRICS_PORT
    local status
    exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /health/readiness HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3 &&
        read -r -u 3 _ status _ && [ "$status" = 200 ]
)
wait_until() { until [ "$(sql "$1" "$2")" = "$3" ]; do sleep "${4:-0.2}"; done; } # OWNER SQL ANSWER [SECONDS]
control() { supervisorctl -c "$RUN_DIR/supervisord.conf" "$@" >/dev/null; }
tidy() { sql "$1" "VACUUM ANALYZE" 2>/dev/null; } # OWNER; it may not vacuum what is the superuser's

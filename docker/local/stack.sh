#!/usr/bin/env bash
# stack.sh run|start|stop|status|logs|reset: the whole of Domestic Connect on this machine, without Docker.
#
# A private PostgreSQL, Apache Kafka and our services are kept by supervisor under $RUN_DIR (.run). Everything is
# idempotent: started again, it keeps the data and starts only what is missing. Only the gateway's port is fixed
# ($PORT, 8080); the others are free ones, kept in $RUN_DIR/ports and told in $RUN_DIR/env.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
absolute() { case $1 in /*) echo "$1" ;; *) echo "$ROOT/$1" ;; esac; }
BUILD=$(absolute "${BUILD:-build}") RUN_DIR=$(absolute "${RUN_DIR:-.run}") BORROWED=$(absolute "${BORROWED:-build/borrowed}")
EXTERNAL_DATABASE=${DATABASE_URL:-} EXTERNAL_KAFKA=${KAFKA_BROKERS:-}
SOCKET=${TMPDIR:-/tmp}/domestic-connect-$(printf %s "$RUN_DIR" | cksum | cut -d' ' -f1).sock # sun_path holds 108 bytes
POSTGRES_BIN=/usr/lib/postgresql/15/bin POSTGRES_USER= POSTGRES_DIR=$RUN_DIR/postgres
. docker/local/say.sh
. docker/local/environment.sh
. docker/local/parts.sh

main() {
    mkdir -p "$RUN_DIR"
    case ${1:-} in
        run) run ;;
        start) start ;;
        stop) stop ;;
        status) status ;;
        logs) tail -n "${LINES_SHOWN:-20}" -F "$RUN_DIR"/log/*.log ;;
        reset) reset ;;
        *) sed -n '2,6s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
}

run() {
    trap 'echo; stop; exit 0' INT TERM
    start
    echo "Ctrl-C stops all of it."
    tail -n 0 -F "$RUN_DIR/log/supervisord.log" 2>/dev/null &
    while control pid >/dev/null 2>&1; do sleep 1; done
}

start() {
    local began
    began=$(date +%s)
    exec 9>"$RUN_DIR/lock"
    flock -n 9 || refuse "another 'make start' or 'make run' works in $RUN_DIR; wait for it, or use another RUN_DIR."
    no_orphans
    choose_port
    enough_disk
    docker/local/install.sh 9>&-
    [ -n "${SKIP_BUILD:-}" ] || step "build" make -j2 --no-print-directory BUILD="$BUILD" all
    who_runs_postgres
    choose_ports
    make_secrets
    write_environment
    step "settings" settings_check
    step "settings in force" settings_take
    servers_up
    services_up
    [ -n "${SKIP_DEMO:-}" ] || [ -e "$RUN_DIR/demo-loaded" ] || step "demo data" docker/local/demo.sh load
    exec 9>&-
    echo "ready in $(($(date +%s) - began)) s"
    [ -n "${SKIP_DEMO:-}" ] || docker/local/demo.sh show
}

# The port asked for, else that of the last start, else 8080. PORT=0: any free one.
choose_port() {
    local last
    last=$(sed -n 's/^PORT=//p' "$RUN_DIR/env" 2>/dev/null || true)
    [ -n "${PORT:-}" ] || PORT=${last:-8080}
    command -v python3 >/dev/null || return 0 # the first start on a bare machine: nothing runs here yet
    [ "$PORT" != 0 ] || PORT=$(free_ports 1)
    { [ "$PORT" = "$last" ] && running gateway; } || port_is_free "$PORT" ||
        refuse "port $PORT is taken by another program. Stop it, or choose another: make start PORT=$((PORT + 1))."
}

no_orphans() {
    control pid >/dev/null 2>&1 || [ -z "$(orphans)" ] ||
        refuse "parts of an earlier start still run ($(echo $(orphans))), but their process manager is gone. End them first: make stop."
}

enough_disk() {
    local free_mb
    free_mb=$(df -Pm "$RUN_DIR" | awk 'NR == 2 {print $4}')
    [ "$free_mb" -ge 1024 ] ||
        refuse "only $free_mb MB are free on the disk of $RUN_DIR, and 1024 are needed. Free some, or set RUN_DIR to another disk."
}

who_runs_postgres() {
    [ "$(id -u)" = 0 ] || return 0
    POSTGRES_USER=postgres
    runuser -u postgres -- test -x "$RUN_DIR" || POSTGRES_DIR=/var/lib/domestic-connect/$(basename "$SOCKET" .sock)
}

servers_up() {
    write_supervisor
    [ -n "$EXTERNAL_DATABASE" ] || step "PostgreSQL cluster" init_postgres
    [ -n "$EXTERNAL_KAFKA" ] || step "Kafka storage" init_kafka
    step "supervisor" supervisor_up
    local servers=
    [ -n "$EXTERNAL_KAFKA" ] || servers="kafka"
    [ -n "$EXTERNAL_DATABASE" ] || servers="postgres $servers"
    # shellcheck disable=SC2086 # a list of words
    [ -z "$servers" ] || step "PostgreSQL and Kafka" parts_up $servers
    step "databases and roles" wait_for 30 env DATABASE_URL="$DATABASE_URL" SECRETS_DIR="$RUN_DIR/secrets" docker/local/databases.sh
    step "migrations" migrate
    step "topics" wait_for 60 service_verb auth topics
}

supervisor_up() {
    if control pid >/dev/null 2>&1; then
        control reread && control update
    else
        rm -f "$SOCKET"
        (ulimit -n "$(ulimit -Hn)" && supervisord -c "$RUN_DIR/supervisord.conf" 9>&-)
    fi
}

# All at once: supervisor watches each for a second before it says that it started.
parts_up() {
    local part
    for part in "$@"; do
        control start "$part" & # runs already, or not up by then: wait_for tells
    done
    wait
}

migrate() {
    local service
    for service in $OWNERS; do
        service_verb "$service" migrate || return 1
    done
}

services_up() {
    # shellcheck disable=SC2086 # a list of words
    step "services" parts_up daraja $SERVICES
    local service port
    for service in $SERVICES; do
        port=METRICS_PORT_${service^^}
        step "$service ready" wait_for 60 curl -fsS "http://127.0.0.1:${!port}/health/readiness"
    done
}

service_verb() { # SERVICE VERB: with the environment the service itself gets
    (set -a && . "$RUN_DIR/$1.env" && exec "$BUILD/bin/$1" "$2")
}

wait_for() { # SECONDS COMMAND…
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}

control() { supervisorctl -c "$RUN_DIR/supervisord.conf" "$@" 9>&-; }
running() { control status "$1" 2>/dev/null | grep -q RUNNING; }

stop() {
    if ! control pid >/dev/null 2>&1; then
        stop_orphans
        return 0
    fi
    # callers first, then those they call, the servers last: nothing is asked of what is gone
    control stop gateway $OWNERS
    control stop all
    control shutdown
    wait_for 20 supervisor_gone || refuse "the process manager does not end. See $RUN_DIR/log/supervisord.log."
}
supervisor_gone() { ! control pid >/dev/null 2>&1; }

# What is left of a start whose process manager was killed.
stop_orphans() {
    local pids
    pids=$(orphans)
    [ -n "$pids" ] || { echo "not running" && return 0; }
    echo "ending what the process manager left behind: $(echo $pids)"
    # shellcheck disable=SC2086 # a list of numbers
    kill -INT $pids 2>/dev/null || true # PostgreSQL waits for its clients after TERM
    wait_for 20 orphans_gone || refuse "$(echo $(orphans)) do not end. End them yourself: kill -9 $(echo $(orphans))"
}
orphans_gone() { [ -z "$(orphans)" ]; }

status() {
    if ! control pid >/dev/null 2>&1; then
        [ -z "$(orphans)" ] || { echo "the process manager is gone, but parts of it still run: 'make stop' ends them." && return 3; }
        echo "not running: 'make start' starts it." && return 3
    fi
    control status || [ $? -lt 4 ] # 3: some do not run, as it has just said
    sed -n 's/^GATEWAY_URL=/gateway at /p' "$RUN_DIR/env"
}

reset() {
    [ ! -e "$RUN_DIR/supervisord.conf" ] || stop
    who_runs_postgres
    rm -rf "$RUN_DIR" "$POSTGRES_DIR"
    echo "all data of $RUN_DIR are gone"
}

main "$@"

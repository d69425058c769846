# Memory and start-up of our processes. Sourced by run.sh.
. docker/services.sh

bench_size() {
    note "memory of our processes after the parts before" "$(memory_mb Pss)" MB
    start_up
    figure "memory of our processes, idle" "$(memory_mb Pss)" MB 100 most 1
    note "memory, idle, libraries counted in each process" "$(memory_mb Rss)" MB
    hold_connections 2000 0
    figure "memory with 2,000 connections" "$(memory_mb Pss)" MB 300 most 1
    note "memory with 2,000, libraries counted in each process" "$(memory_mb Rss)" MB
    let_go
}

# hold_connections IDLE SLOW, until let_go.
hold_connections() {
    python3 tests/bench/connections.py "$GATEWAY_URL" "$1" "$2" "$WORK/connected" &
    HOLDER=$!
    until [ -e "$WORK/connected" ]; do
        kill -0 $HOLDER
        sleep 0.1
    done
}

let_go() {
    kill $HOLDER
    wait $HOLDER 2>/dev/null || true
    rm -f "$WORK/connected"
}

# memory_mb Rss|Pss: of all four. Pss counts a page that several processes map as a share in each.
memory_mb() {
    local service kb=0
    for service in $SERVICES; do
        kb=$((kb + $(memory_kb "$1" "$(supervisorctl -c "$RUN_DIR/supervisord.conf" pid "$service")")))
    done
    calculate "$kb / 1024"
}

# All four started at once, by broker and database that run already, until the last says that it is ready; then those of the stack.
start_up() {
    local began service port
    # shellcheck disable=SC2086 # a list of words
    control stop $SERVICES
    began=$(now_ms)
    for service in $SERVICES; do
        (set -a && . "$RUN_DIR/$service.env" && exec "$BUILD/bin/$service") >>"$RUN_DIR/log/bench-start.log" 2>&1 &
        PIDS+=($!)
    done
    local i=0
    for service in $SERVICES; do
        port=METRICS_PORT_${service^^}
        wait_ready "${!port}" "${PIDS[i++]}"
    done
    figure "ready after broker and database" "$(($(now_ms) - began))" ms 1000 most 1
    stop_all
    # shellcheck disable=SC2086 # a list of words
    control start $SERVICES
    for service in $SERVICES; do
        port=METRICS_PORT_${service^^}
        wait_ready "${!port}" $$
    done
}

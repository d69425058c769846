# Memory and start-up of our processes. Sourced by run.sh.
OURS="auth profiles payments gateway"

bench_size() {
    figure "memory of our processes, idle" "$(resident_mb)" MB 100 most 1
    python3 tests/bench/connections.py "$GATEWAY_URL" 2000 "$WORK/connected" &
    local holder=$!
    until [ -e "$WORK/connected" ]; do sleep 0.1; done
    figure "memory with 2,000 connections" "$(resident_mb)" MB 300 most 1
    kill $holder && rm -f "$WORK/connected"
    start_up
}

resident_mb() {
    local service kb=0
    for service in $OURS; do
        kb=$((kb + $(awk '/^VmRSS/ {print $2}' "/proc/$(supervisorctl -c "$RUN_DIR/supervisord.conf" pid "$service")/status")))
    done
    calculate "$kb / 1024"
}

# All four started at once, by broker and database that run already, until the last says that it is ready.
start_up() {
    local began service port
    # shellcheck disable=SC2086 # a list of words
    control stop $OURS
    began=$(now_ms)
    for service in $OURS; do
        (set -a && . "$RUN_DIR/$service.env" && exec "$BUILD/bin/$service") >>"$RUN_DIR/log/bench-start.log" 2>&1 &
        PIDS+=($!)
    done
    for service in $OURS; do
        port=METRICS_PORT_${service^^}
        wait_ready "${!port}"
    done
    figure "ready after broker and database" "$(($(now_ms) - began))" ms 1000 most 1
    stop_all
    # shellcheck disable=SC2086 # a list of words
    control start $OURS
}

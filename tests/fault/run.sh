#!/usr/bin/env bash
# run.sh [short|full] [WORD]: against a stack of its own, whose services start with the library of faults, the stories of
# stories.c (requests), what threads do by themselves (background.c: WORD "threads" for all), and, in full only, replicas that start
# (starts.c: "starts"). Each is a row of a table there; those of different services run at the same time. Afterwards none may have
# leaked or been reported by a sanitizer.
# FAULT_TRACE=1 writes the stack of each fault to the log, and has leaks told with whole stacks, which is slow.
set -uo pipefail
cd "$(dirname "$0")/../.."
export SANITIZE=address RUN_DIR=$PWD/.run-fault BORROWED=$PWD/build/borrowed PORT=0 SKIP_DEMO=yes SKIP_BUILD=yes
real=$PWD/build/asan
export BUILD=$PWD/build/fault FAULT_STORIES=${1:-full} FAULT_ONLY=${2:-}
. docker/services.sh
. tests/sanitizers.sh
ASAN_OPTIONS+=:verify_asan_link_order=0
[ -z "${FAULT_TRACE:-}" ] || ASAN_OPTIONS+=:fast_unwind_on_malloc=0
. tests/settings.sh
export GATEWAY_DC_BREAKER_FAILURES=1000 # a story's faults are many, and each is to arrive

# shellcheck disable=SC2206 # a list of words
services=($SERVICES)

main() {
    trap 'kill $(jobs -p) 2>/dev/null; docker/local/stack.sh stop >/dev/null 2>&1' EXIT
    docker/local/install.sh test || exit 1
    make -j2 --no-print-directory BUILD="$real" all fault-program || exit 1
    wrap
    docker/local/stack.sh reset >/dev/null 2>&1
    docker/local/stack.sh start || exit 1
    set -a && . "$RUN_DIR/env" && set +a
    local service pids=() status=0
    for service in "${services[@]}"; do
        timeout "${FAULT_SECONDS:-3000}" "$real/tests/fault/fault_test" $service >"$RUN_DIR/log/faults-$service.out" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    for service in "${services[@]}"; do grep -v '^\[ RUN' "$RUN_DIR/log/faults-$service.out"; done
    docker/local/stack.sh stop >"$RUN_DIR/log/stop.log" 2>&1
    if ! no_sanitizer_report; then
        grep -hE -A40 "$SANITIZER_REPORT" "$RUN_DIR"/log/*.log* | head -n 120
        echo "A sanitizer has reported."
        exit 1
    fi
    exit $status
}

# The programs of the stack as scripts, which start the real ones with the library.
wrap() {
    local service
    rm -rf "$BUILD" && mkdir -p "$BUILD/bin"
    for service in dcctl daraja-simulator; do ln -s "$real/bin/$service" "$BUILD/bin/$service"; done
    for service in "${services[@]}"; do
        cat >"$BUILD/bin/$service" <<SCRIPT
#!/bin/sh
[ \$# != 0 ] || export LD_PRELOAD=$real/lib/libfaults.so FAULT_SERVICE=$service FAULT_FILE=\${FAULT_FILE:-$RUN_DIR/fault-$service}
exec $real/bin/$service "\$@"
SCRIPT
        chmod +x "$BUILD/bin/$service"
    done
}

main

#!/usr/bin/env bash
# run.sh [PART…]: figures beside limits of this machine, on a stack of its own under .run-bench, all in one run; of all parts when
# none is named. Prints each figure with its limit and their ratio, and writes build/bench.json. docs/performance.md says how each
# is made.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD=$PWD/build/bench RUN_DIR=$PWD/.run-bench BORROWED=$PWD/build/borrowed PORT=0 SKIP_DEMO=yes SKIP_BUILD=yes
PARTS="build import reads flame overload size events payments million long"
. docker/local/say.sh
. tests/bench/figures.sh
for part in $PARTS; do [ "$part" = long ] || . "tests/bench/$part.sh"; done # long is import's
. tests/settings.sh
export POSTGRES_OPTIONS="-c track_commit_timestamp=on" # registration.c asks when an effect was committed
# what is held back waits for its callback, not for a query
export PAYMENTS_DC_QUERY_FIRST_S=600 PAYMENTS_DC_SILENT_S=3600

# A kernel made for desktops shares the processors among sessions, and each connection of PostgreSQL is a session: four busy ones
# take four fifths from all else. Where services run in control groups, as they do on servers, it does not; nor here meanwhile.
AUTOGROUP=/proc/sys/kernel/sched_autogroup_enabled AUTOGROUP_WAS=
share_evenly() {
    [ "$(cat $AUTOGROUP 2>/dev/null)" = 1 ] || return 0
    if (echo 0 >$AUTOGROUP) 2>/dev/null; then
        AUTOGROUP_WAS=1
    else
        echo "the kernel shares the processors among sessions, which delays lists and refusals; only root can change that ($AUTOGROUP)"
    fi
}
share_as_before() { [ -z "$AUTOGROUP_WAS" ] || echo "$AUTOGROUP_WAS" >$AUTOGROUP; }

main() {
    local parts="${*:-$PARTS}" part
    trap 'share_as_before; docker/local/stack.sh stop >/dev/null 2>&1; stop_all' EXIT
    share_evenly
    docker/local/install.sh bench
    mkdir -p build && : >"$FIGURES"
    [[ " $parts " == *" build "* ]] || make -j2 --no-print-directory BUILD="$BUILD" all bench-programs
    docker/local/stack.sh reset >/dev/null 2>&1 || true
    case " $parts " in *" build "*) bench_build ;; esac
    docker/local/stack.sh start
    set -a && . "$RUN_DIR/env" && set +a
    needs_workers
    for part in $parts; do
        [ "$part" = build ] || { echo "$part" && "bench_$part"; }
    done
    write_json
}

main "$@"

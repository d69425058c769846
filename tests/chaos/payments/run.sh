#!/usr/bin/env bash
# run.sh: families buy and unlock while payments, profiles, gateway, auth, their relays, PostgreSQL and the broker are taken down
# by kill -9 and M-Pesa has bad days; then one reconciliation over everything. PURCHASES=1000 KILLS=200 SEED=random: the plan
# of kills and moods follows from them. On a stack of its own under .run-chaos, with sanitizers on (SANITIZE= for none).
set -uo pipefail
cd "$(dirname "$0")/../../.."
export SANITIZE=${SANITIZE-address}
export BUILD=${BUILD:-$PWD/build${SANITIZE:+/asan}} RUN_DIR=$PWD/.run-chaos BORROWED=$PWD/build/borrowed PORT=0 SKIP_DEMO=yes SKIP_BUILD=yes
. tests/sanitizers.sh
export SEED=${SEED:-$RANDOM}
. tests/chaos/payments/settings.sh

main() {
    local status
    trap 'docker/local/stack.sh stop >/dev/null 2>&1' EXIT
    docker/local/install.sh test || exit 1
    make -j2 --no-print-directory BUILD="$BUILD" SANITIZE="$SANITIZE" all chaos-program || exit 1
    docker/local/stack.sh reset >/dev/null 2>&1
    docker/local/stack.sh start || exit 1
    set -a && . "$RUN_DIR/env" && set +a
    "$BUILD/tests/chaos/payments/chaos"
    status=$?
    no_sanitizer_report || { echo "BROKEN   a sanitizer reports something: see $RUN_DIR/log" && status=1; }
    exit $status
}

main

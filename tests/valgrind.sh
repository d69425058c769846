#!/usr/bin/env bash
# valgrind.sh [STORY…]: stories through services as they are released, all under valgrind: invalid reads, values never set, memory
# lost. Other eyes than the sanitizers', which need a build of their own. Prints what valgrind says; nothing is right.
set -uo pipefail
cd "$(dirname "$0")/.."
export BUILD=$PWD/build RUN_DIR=$PWD/.run-valgrind BORROWED=$PWD/build/borrowed PORT=0 SKIP_DEMO=yes SKIP_BUILD=yes
export LAUNCHER="valgrind -q --leak-check=full --show-leak-kinds=definite --log-file=$RUN_DIR/log/valgrind-%p.txt"
. tests/settings.sh
# valgrind takes 500 threads
for service in AUTH PROFILES PAYMENTS GATEWAY; do export "${service}_DC_HTTP_THREADS=96" "${service}_DC_HTTP_WORKERS=32"; done
export GATEWAY_DC_UPSTREAM_CONNECTIONS=32
stories=${*:-profile_test payments_test}

main() {
    local status=0 story
    trap 'docker/local/stack.sh stop >/dev/null 2>&1' EXIT
    docker/local/install.sh valgrind || exit 1
    # shellcheck disable=SC2086 # a list of words
    make -j2 --no-print-directory all $(printf "${BUILD#"$PWD"/}/tests/e2e/%s " $stories) || exit 1
    docker/local/stack.sh reset >/dev/null 2>&1
    docker/local/stack.sh start || exit 1
    set -a && . "$RUN_DIR/env" && set +a
    export TEST_DATABASE_URL=$DATABASE_URL TEST_KAFKA_BROKERS=$KAFKA_BROKERS
    for story in $stories; do "$BUILD/tests/e2e/$story" || status=1; done
    docker/local/stack.sh stop
    if grep -h . "$RUN_DIR"/log/valgrind-*.txt; then status=1; else echo "valgrind: nothing to say"; fi
    exit $status
}

main

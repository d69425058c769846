#!/usr/bin/env bash
# run.sh: every test, against a stack of its own on free ports under .run-test, with sanitizers on. Ends with the line
# "N passed, N failed". `tests/run.sh unit` or `… e2e/import` runs only what the word matches. SANITIZE=thread: under
# ThreadSanitizer instead of AddressSanitizer; otherwise that sees only the tests of the list tests/races.
set -uo pipefail
cd "$(dirname "$0")/.."
export SANITIZE=${SANITIZE:-address}
export BUILD=$PWD/build/${SANITIZE/address/asan} RUN_DIR=$PWD/.run-test BORROWED=$PWD/build/borrowed PORT=0 SKIP_DEMO=yes SKIP_BUILD=yes
. tests/sanitizers.sh
. tests/settings.sh
passed=0 failed=0 failures=()

main() {
    local only=${1:-}
    trap 'docker/local/stack.sh stop >/dev/null 2>&1' EXIT
    docker/local/install.sh test || exit 1
    make -j2 --no-print-directory BUILD="$BUILD" all tests-all || exit 1
    [ -n "$only" ] || checks
    replays "$only"
    case $only in
        fuzz*) report; return ;; # needs no stack
    esac
    [[ chaos/payments == *"$only"* ]] && chaos
    [[ fault/stories == *"$only"* && $SANITIZE == address ]] && faults
    docker/local/stack.sh reset >/dev/null 2>&1
    docker/local/stack.sh start || exit 1
    set -a && . "$RUN_DIR/env" && set +a
    export TEST_DATABASE_URL=$DATABASE_URL TEST_KAFKA_BROKERS=$KAFKA_BROKERS
    local test
    for test in $(cd tests && ls unit/*_test.c e2e/*_test.c chaos/*_test.c 2>/dev/null); do
        test=${test%.c}
        [[ $test == *"$only"* ]] && run_program "$test"
    done
    [ "$SANITIZE" = thread ] || races "$only"
    if [ -z "$only" ]; then
        run_check "every event on the broker is what its schema promises" "$BORROWED/python/bin/python" tests/support/schemas.py broker
        run_check "no sanitizer report in the services' logs" no_sanitizer_report
        run_check "the stack stops within 20 s" timeout 60 docker/local/stack.sh stop
    fi
    report
}

# What needs no stack. The binaries as released are made by the first that looks at them.
checks() {
    run_check "schemas are what the code prints" make --no-print-directory BUILD="$BUILD" schemas-check
    run_check "event schemas and asyncapi.json keep to their standards" "$BORROWED/python/bin/python" tests/support/schemas.py documents
    run_check "docker-compose.yml gives each service what it needs" python3 tests/support/compose.py
    run_check "the binaries as released are hardened" hardened
    run_check "the licence of every dependency is known" licences_known
    run_check "static analysis is clean" make --no-print-directory lint
    run_check "shell scripts parse" shell_scripts_parse
}

shell_scripts_parse() {
    local script
    for script in docker/*.sh docker/local/*.sh tests/*.sh tests/*/*.sh tests/*/*/*.sh; do bash -n "$script" || return 1; done
}

hardened() {
    make -j2 --no-print-directory SANITIZE= BUILD=build all && tests/audit/hardening.sh build/bin/*
}

licences_known() {
    mkdir -p build/audit && python3 tests/audit/dependencies.py build/audit/sbom.spdx "$BORROWED" build/bin/*
}

# The seeds of the fuzz targets: hand-made ones, and whatever once broke something.
replays() { # WORD
    local target
    for target in tests/fuzz/*_fuzz.c; do
        target=$(basename "$target" _fuzz.c)
        [[ fuzz/$target == *"$1"* ]] || continue
        run_check "fuzz/$target takes its $(ls "tests/fuzz/seeds/$target" | wc -l) seeds" "$BUILD/tests/fuzz/${target}_fuzz" "tests/fuzz/seeds/$target"
    done
}

# A short one of `make chaos`, on a stack of its own; the same plan each time.
chaos() {
    run_check "chaos/payments: all adds up after a dozen kills" env PURCHASES=60 KILLS=12 GAP_MS=1000 SEED=1 tests/chaos/payments/run.sh
}

# The short form of `make faults`, on a stack of its own.
faults() {
    local log=$RUN_DIR/log/faults.log
    mkdir -p "$RUN_DIR/log"
    tests/fault/run.sh short >"$log" 2>&1
    count_tests fault/stories $? "$log"
}

# run_program TEST: a cmocka program; its own closing lines are counted.
run_program() {
    local log=$RUN_DIR/log/test-${1//\//-}.log
    timeout "${PROGRAM_LIMIT_S:-600}" "$BUILD/tests/$1" >"$log" 2>&1
    count_tests "$1" $? "$log"
}

count_tests() { # NAME STATUS LOG
    local ok bad
    ok=$(grep -c '^\[       OK \]' "$3")
    bad=$(grep '^\[  FAILED  \] .*[^:]$' "$3" | sort -u | wc -l) # each stands there twice
    [ "$2" = 0 ] || [ "$bad" -gt 0 ] || bad=1                      # crashed, or failed outside a test
    count "$1" "$ok" "$bad" "$3"
}

# The tests of the list tests/races, built anew with ThreadSanitizer. What it reports of a test's child processes lands in files.
races() { # WORD
    local log=$RUN_DIR/log/race build=$PWD/build/thread test
    [[ races == *"$1"* ]] || return 0
    rm -f "$log"*
    if ! make -j2 --no-print-directory SANITIZE=thread BUILD="$build" tests-races >"$log-build.log" 2>&1; then
        count "build with ThreadSanitizer" 0 1 "$log-build.log"
        return
    fi
    for test in $(sed 's/#.*//' tests/races); do echo "$test"; done |
        TSAN_OPTIONS=$TSAN_OPTIONS:log_path=$log.report xargs -P 4 -I{} sh -c \
            "timeout 300 '$build/tests/unit/{}_test' >'$log-{}.log' 2>&1; echo \$? >'$log-{}.status'"
    for test in $(sed 's/#.*//' tests/races); do
        run_check "races/$test" race_free "$log" "$test"
    done
    run_check "races: no report of any process" no_race_reports "$log"
}
race_free() { [ "$(cat "$1-$2.status")" = 0 ] || { tail -n 40 "$1-$2.log" && return 1; }; }
no_race_reports() { ! tail -n +1 "$1".report.* 2>/dev/null; }

run_check() { # SENTENCE COMMAND…
    local log=$RUN_DIR/log/check.log sentence=$1
    shift
    mkdir -p "$RUN_DIR/log"
    if "$@" >"$log" 2>&1; then count "$sentence" 1 0 "$log"; else count "$sentence" 0 1 "$log"; fi
}

count() { # NAME OK BAD LOG
    passed=$((passed + $2)) failed=$((failed + $3))
    printf '%-58s %4d passed %4d failed\n' "$1" "$2" "$3"
    [ "$3" = 0 ] || { failures+=("$1") && tail -n 60 "$4" | sed 's/^/    /'; }
}

report() {
    [ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

main "$@"

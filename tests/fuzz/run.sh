#!/usr/bin/env bash
# run.sh [SECONDS [WORD]]: drives every fuzz target (those the word matches) for so long by libFuzzer. What is new is kept in
# build/fuzz/corpus/<name>, what breaks in build/fuzz/findings. Ends with 1, and says how to see it again, when something broke.
# SANITIZE=coverage: without sanitizers, at several times the speed; then all that reaches something new is run once with them.
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60} only=${2:-}
build=build/fuzz driver=$build findings=$build/findings broken=()
[ "${SANITIZE:-}" = coverage ] && driver=build/fuzz-coverage
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=tests/support/lsan.supp:print_suppressions=0

main() {
    local source name
    docker/local/install.sh test || exit 1
    make -j2 --no-print-directory SANITIZE=fuzzer BUILD=$build fuzz-all || exit 1
    [ $driver = $build ] || make -j2 --no-print-directory SANITIZE=coverage BUILD=$driver fuzz-all || exit 1
    for source in tests/fuzz/*_fuzz.c; do
        name=$(basename "$source" _fuzz.c)
        [[ $name == *"$only"* ]] && fuzz "$name"
    done
    [ ${#broken[@]} = 0 ] && exit 0
    echo
    echo "To see each again (and tests/fuzz/README.md for what then):"
    printf '  %s\n' "${broken[@]}"
    exit 1
}

fuzz() { # NAME
    local name=$1 log=$build/log/$1.log dictionary=() found finding
    local seeds=tests/fuzz/seeds/$name corpus=$build/corpus/$name program=$build/tests/fuzz/${name}_fuzz
    local limits=(-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$findings/$name-")
    mkdir -p "$corpus" "$findings" "${log%/*}"
    [ -e "tests/fuzz/$name.dict" ] && dictionary=(-dict="tests/fuzz/$name.dict")
    touch "$build/begun"
    "$driver/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" "${limits[@]}" "${dictionary[@]}" "$corpus" "$seeds" >"$log" 2>&1
    [ $driver = $build ] || "$program" -runs=0 "${limits[@]}" "$corpus" >"$log.replay" 2>&1
    found=$(find "$findings" -newer "$build/begun" -name "$name-[a-z]*-*")
    printf '%-20s %12s runs %9s runs/s %4d findings\n' "$name" "$(stat_of "$log" number_of_executed_units)" \
        "$(stat_of "$log" average_exec_per_sec)" "$(echo -n "$found" | grep -c .)"
    for finding in $found; do broken+=("$program $finding"); done
    [ -n "$found" ] || grep -q '^Done ' "$log" || broken+=("cat $log   # $name ended early")
}

stat_of() { # LOG NAME
    sed -n "s/^stat::$2: *//p" "$1"
}

main

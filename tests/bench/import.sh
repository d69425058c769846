# The import of legacy files. Sourced by run.sh.

# The workers that all other parts read; done once.
needs_workers() {
    mkdir -p "$WORK"
    [ -s "$WORK/legacy.json" ] || "$BUILD/tests/bench/make_legacy" "$WORKERS" >"$WORK/legacy.json"
    local began
    began=$(now_ms)
    RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" import "$WORK/legacy.json" >"$WORK/import.log"
    IMPORT_MS=$(($(now_ms) - began))
    # what it tells goes out and is applied when it has ended
    wait_until payments "SELECT count(*) FROM workers" "$WORKERS"
    wait_until profiles "SELECT (SELECT count(*) FROM contact_grants) - (SELECT count(*) FROM profiles WHERE user_type = 'employer') * 2" 0
    tidy profiles && tidy auth
}

bench_import() {
    local began rows
    rows=$(sed -n 's/^\([0-9]*\) rows in .*/\1/p' "$WORK/import.log")
    figure "import, rows of a new file" "$(calculate "$rows * 1000 / $IMPORT_MS")" rows/s 20000 least 1
    began=$(now_ms)
    RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" import "$WORK/legacy.json" >"$WORK/import-again.log"
    note "import, the same file again" "$(calculate "$rows * 1000 / ($(now_ms) - $began)")" rows/s
}

# A file of 200 MB, of nothing but workers and their profiles, which cost most, takes no more memory than a short one. Last, since it leaves many people behind.
bench_long() {
    local import peak_kb=0 now_kb began
    "$BUILD/tests/bench/make_legacy" "$LONG_WORKERS" workers >"$WORK/long.json"
    note "long file" "$(calculate "$(stat -c %s "$WORK/long.json") / 1e6" 0)" MB
    began=$(now_ms)
    RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" import "$WORK/long.json" >"$WORK/import-long.log" &
    import=$!
    while now_kb=$(awk '/^VmHWM/ {print $2}' "/proc/$import/status" 2>/dev/null) && [ -n "$now_kb" ]; do peak_kb=$now_kb && sleep 0.5; done
    wait $import
    note "long file, rows" "$(calculate "$LONG_WORKERS * 2000 / ($(now_ms) - $began)")" rows/s
    figure "memory of the import of the long file" "$(calculate "$peak_kb / 1024")" MB 64 most 1
    rm -f "$WORK/long.json"
}
LONG_WORKERS=${LONG_WORKERS:-280000}

# Progress lines and refusals, for the scripts of this folder. Sourced.
bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)

# step NAME COMMAND…: runs it, prints one line with its seconds; on failure the end of its output.
step() {
    local name=$1 log before started ended
    shift
    log=$RUN_DIR/log/setup.log
    mkdir -p "$RUN_DIR/log"
    touch "$log" && before=$(wc -c <"$log")
    started=$(date +%s%N)
    printf '  %-34s' "$name"
    echo "== $name" >>"$log"
    if ! "$@" >>"$log" 2>&1; then
        echo "failed"
        tail -c "+$((before + 1))" "$log" | tail -n 25 | sed 's/^/      /' >&2
        refuse "'$name' failed. The whole output is in $log."
    fi
    ended=$(date +%s%N)
    printf '%6d.%d s\n' $(((ended - started) / 1000000000)) $(((ended - started) / 100000000 % 10))
}

# refuse SENTENCE: says what is wrong and what to do, and ends.
refuse() {
    echo "${bold}Cannot go on:${plain} $*" >&2
    exit 1
}

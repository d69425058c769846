# One worker, and a filtered list of 20, through the gateway. Sourced by run.sh.
COUNTIES="Nairobi Mombasa Kisumu Kiambu Nakuru"
EDUCATION="primary form_2 form_4 certificate diploma degree"

bench_reads() {
    write_requests
    launch gateway DC_CACHE_BYTES=0
    local uncached=$LAUNCHED_URL one many once list
    one=$(limit "$WORK/one.sql" profiles)
    many=$(limit "$WORK/list.sql" profiles)
    once=$(load "$WORK/one.txt" "$uncached")
    figure "one worker by id, not cached" "$(of "$once" per_second)" requests/s "$one" least 0.35
    p99 "one worker by id, not cached" "$once"
    list=$(load "$WORK/list.txt" "$uncached")
    figure "filtered list of 20, not cached" "$(of "$list" per_second)" requests/s "$many" least 0.2
    p99 "filtered list of 20, not cached" "$list"
    stop_all
    load "$WORK/list.txt" >/dev/null # once into the cache
    list=$(load "$WORK/list.txt")
    figure "filtered list of 20, repeated" "$(of "$list" per_second)" requests/s "$many" least 1
    p99 "filtered list of 20, repeated" "$list"
    figure "one worker by id, as configured" "$(of "$(load "$WORK/one.txt")" per_second)" requests/s "$one" least 0.35
}

p99() { # NAME FIGURES_LINE
    [ "$(of "$2" failed)" = 0 ] || note "$1, failed" "$(of "$2" failed)" requests
    figure "$1, 99th percentile" "$(of "$2" p99_ms)" ms 20 most 1
}

write_requests() {
    awk -v n="$WORKERS" 'BEGIN {srand(1); for (i = 0; i < 40000; i++) printf "GET\t/api/housegirls/bench_worker_%d\t-\t-\n", 1 + int(rand() * n)}' >"$WORK/one.txt"
    local county education
    for county in $COUNTIES; do
        for education in $EDUCATION; do
            printf 'GET\t/api/housegirls/?county=%s&education=%s&per_page=20\t-\t-\n' "$county" "$education"
        done
    done >"$WORK/list.txt"
    { echo "\\set n random(1, $WORKERS)" && statement profiles worker_card "'bench_worker_' || :n"; } >"$WORK/one.sql"
    {
        echo "\\set c random(1, $(wc -w <<<"$COUNTIES"))" && echo "\\set e random(1, $(wc -w <<<"$EDUCATION"))"
        statement profiles worker_near_newest \
            "ARRAY['county:' || ($(array $COUNTIES))[:c::integer], 'education:' || ($(array $EDUCATION))[:e::integer]]" \
            NULL NULL NULL NULL "'-9223372036854775808|'" 0 20 NULL false 2000
    } >"$WORK/list.sql"
}

array() { printf "ARRAY['%s'" "$1" && shift && printf ", '%s'" "$@" && printf ']'; }

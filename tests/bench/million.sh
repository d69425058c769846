# The list among a million workers against the list among as many as the other parts have. Sourced by run.sh.
MILLION=${MILLION:-1000000}

# name | query
LISTS="
no filter|
no filter, by salary|sort=salary
no filter, dearest first|sort=-salary
no filter, by experience|sort=experience
county|county=Nairobi
county, by salary|county=Nairobi&sort=salary
county and education|county=Nairobi&education=form_4
county and education, by salary|county=Nairobi&education=form_4&sort=salary
county and education, dearest first|county=Nairobi&education=form_4&sort=-salary
four facets, by experience|county=Nairobi&education=form_4&accommodation_type=live_in&is_available=true&sort=experience
one place|location=kitale
two words|q=toddlers%20pilau
words that never meet|q=toddlers%20hotel
a word nobody has|q=helicopter
salary and age|min_salary=9000&max_salary=12000&min_age=25&max_age=30
salary and age, by salary|min_salary=9000&max_salary=12000&min_age=25&max_age=30&sort=salary
salary that nobody asks|min_salary=900000&max_salary=1000000
county, salary and age|county=Kisumu&min_salary=9000&max_salary=12000&min_age=25&max_age=30&sort=experience
highest salary and age|min_salary=27500&min_age=60&sort=experience
no experience, by experience|experience=no_experience&sort=experience
two places|location=kitale%20malindi
age|min_age=25&max_age=30
verified, where nobody is|verified=true
five facets that few have|county=Kisumu&education=degree&experience=5_plus_years&accommodation_type=live_out&is_available=false
"

bench_million() {
    local before=$WORK/lists-before after=$WORK/lists-after name few many
    measure_lists "$WORKERS" >"$before"
    more_workers
    measure_lists "$MILLION" >"$after"
    while IFS='|' read -r name few <&3 && IFS='|' read -r name many <&4; do
        figure "a million: $name" "$many" ms "$few" most 1.5
    done 3<"$before" 4<"$after"
}

# measure_lists WORKERS: of a process that knows all of them, asked without a gateway; it keeps no totals, so that each list is asked for
# as if for the first time.
measure_lists() {
    local began name query
    began=$(now_ms)
    launch profiles DC_TOTALS_KEPT_MS=0
    until [ "$(known_workers)" = "$1" ]; do sleep 0.1; done
    note "$1 workers known, after a start and" "$(calculate "($(now_ms) - $began) / 1000")" s >&2
    while IFS='|' read -r name query; do
        [ -z "$name" ] || echo "$name|$(list_ms "$query")"
    done <<<"$LISTS"
    note "memory of profiles, $1 workers known" "$(calculate "$(memory_kb Pss "${PIDS[-1]}") / 1024")" MB >&2
    stop_all
}

known_workers() { curl -s "$LAUNCHED_METRICS_URL" | sed -n 's/^profiles_known_workers //p'; }

# list_ms QUERY: the mean of one client, which asks again at once.
list_ms() {
    wrk -t1 -c1 -d"${LIST_SECONDS:-2}s" -s tests/bench/list.lua "$LAUNCHED_URL/housegirls/?$1" | sed -n 's/^mean_ms=//p'
}

# They are told to nobody.
more_workers() {
    psql -Xq -v copies=$((MILLION / WORKERS - 1)) -f tests/bench/million.sql "$DATABASE_URL_PROFILES"
    tidy profiles
}

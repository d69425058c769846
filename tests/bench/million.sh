# The list among a million workers against the list among as many as the other parts have. Sourced by run.sh.
MILLION=${MILLION:-1000000}

# name | sort | facets | bounds of salary and age
LISTS="
no filter|newest||NULL NULL NULL NULL
no filter, by salary|cheapest||NULL NULL NULL NULL
no filter, dearest first|dearest||NULL NULL NULL NULL
no filter, by experience|experienced||NULL NULL NULL NULL
county|newest|county:Nairobi|NULL NULL NULL NULL
county, by salary|cheapest|county:Nairobi|NULL NULL NULL NULL
county and education|newest|county:Nairobi education:form_4|NULL NULL NULL NULL
county and education, by salary|cheapest|county:Nairobi education:form_4|NULL NULL NULL NULL
county and education, dearest first|dearest|county:Nairobi education:form_4|NULL NULL NULL NULL
four facets, by experience|experienced|county:Nairobi education:form_4 accommodation_type:live_in is_available:true|NULL NULL NULL NULL
one place|newest|place:kitale|NULL NULL NULL NULL
two words|newest|word:toddlers word:pilau|NULL NULL NULL NULL
words that never meet|newest|word:toddlers word:hotel|NULL NULL NULL NULL
a word nobody has|newest|word:helicopter|NULL NULL NULL NULL
salary and age|newest||900000 1200000 25 30
salary and age, by salary|cheapest||900000 1200000 25 30
salary that nobody asks|newest||90000000 100000000 NULL NULL
county, salary and age|experienced|county:Kisumu|900000 1200000 25 30
highest salary and age|experienced||2750000 NULL 60 NULL
no experience, by experience|experienced|experience:no_experience|NULL NULL NULL NULL
two places|newest|place:kitale place:malindi|NULL NULL NULL NULL
age|newest||NULL NULL 25 30
verified, where nobody is|newest|verified:true|NULL NULL NULL NULL
five facets that few have|newest|county:Kisumu education:degree experience:5_plus_years accommodation_type:live_out is_available:false|NULL NULL NULL NULL
"

bench_million() {
    local before=$WORK/lists-before after=$WORK/lists-after name few many
    measure_lists >"$before"
    more_workers
    measure_lists >"$after"
    while IFS='|' read -r name few <&3 && IFS='|' read -r name many <&4; do
        figure "a million: $name" "$many" ms "$few" most 1.5
    done 3<"$before" 4<"$after"
}

measure_lists() {
    local name sort facets bounds
    while IFS='|' read -r name sort facets bounds; do
        [ -z "$name" ] || echo "$name|$(list_ms "$sort" "$facets" "$bounds")"
    done <<<"$LISTS"
}

# list_ms SORT FACETS BOUNDS: milliseconds of one list, alone on the machine, by the steps of housegirl_list.c: a short look, what the
# statistics say, and then a longer look or all that fit.
list_ms() {
    local facets key="'-9223372036854775808|'" far found estimate looks=0
    : >"$WORK/list-steps.sql"
    # shellcheck disable=SC2086 # lists of words
    facets=$(facets_array $2)
    case $1:${3%% *}:$2 in # as housegirl_list.c steps over lower salaries and more experience
        cheapest:[0-9]*) key="'${3%% *}|'" ;;
        experienced:*experience:no_experience*) key="'-1|'" ;;
    esac
    # shellcheck disable=SC2086
    step found "worker_near_$1" "$facets" $3 "$key" 0 20 NULL false 2000
    if [ "$found" -lt 21 ] && [ -n "$2$(tr -d 'NUL ' <<<"$3")" ]; then
        far=facets
        [ -n "$2" ] || far=$([ "${3:0:9}" = "NULL NULL" ] && echo age || echo salary)
        # shellcheck disable=SC2086
        step estimate worker_estimate "$facets" $3
        looks=$(looks_needed "$found" $estimate)
        # shellcheck disable=SC2086
        ((looks == 0)) || step found "worker_near_$1" "$facets" $3 "$key" 0 20 NULL false $looks
        # shellcheck disable=SC2086
        [ "$found" = 21 ] || step found "worker_far_$far" "$facets" $3 "$key" 0 20 NULL false "'$1'"
    fi
    "$POSTGRES_BIN/pgbench" -n -M prepared -c 1 -T "${LIST_SECONDS:-2}" -f "$WORK/list-steps.sql" "$DATABASE_URL_PROFILES" 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms/\1/p'
}

# FOUND FITTING READ WORKERS: as housegirl_list.c has it
looks_needed() { awk '{expected = $4 / ($2 > 0 ? $2 : 1); likely = (expected + 2000) / ($1 + 1); looks = int(42 * likely)
                       print (looks < $4 && looks <= 4 * $3 * expected / likely ? looks : 0)}' <<<"$*"; }

# step NAME STATEMENT VALUE…: adds the step, and sets the variable to how many it found (21: more than a page), or to what it answers.
step() {
    local answer
    statement profiles "${@:2}" >"$WORK/step.sql"
    cat "$WORK/step.sql" >>"$WORK/list-steps.sql"
    answer=$(psql -XqAt -F ' ' -f "$WORK/step.sql" "$DATABASE_URL_PROFILES")
    case $2 in
        worker_estimate) ;;
        *) answer=$(sed -E 's/.*\] ([^ ]*) ([0-9]+) -?[0-9]+ [tf]$/\1 \2/' <<<"$answer") && answer=$([ "${answer% *}" ] && echo 21 || echo "${answer##* }") ;;
    esac
    printf -v "$1" %s "$answer"
}

# A colon would be a variable to pgbench.
facets_array() { printf "translate('{%s}', '~', chr(58))::text[]" "$(IFS=, && tr : '~' <<<"$*")"; }

more_workers() {
    psql -Xq -v copies=$((MILLION / WORKERS - 1)) -f tests/bench/million.sql "$DATABASE_URL_PROFILES"
    tidy profiles
}

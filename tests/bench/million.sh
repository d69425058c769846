# The list among a million workers against the list among as many as the other parts have. Sourced by run.sh.
MILLION=${MILLION:-1000000}

# name | sort | facets | bounds of salary and age
LISTS="
no filter|newest||NULL NULL NULL NULL
no filter, by salary|salary||NULL NULL NULL NULL
no filter, dearest first|salary_falling||NULL NULL NULL NULL
no filter, by experience|experience||NULL NULL NULL NULL
county|newest|county:Nairobi|NULL NULL NULL NULL
county, by salary|salary|county:Nairobi|NULL NULL NULL NULL
county and education|newest|county:Nairobi education:form_4|NULL NULL NULL NULL
county and education, by salary|salary|county:Nairobi education:form_4|NULL NULL NULL NULL
county and education, dearest first|salary_falling|county:Nairobi education:form_4|NULL NULL NULL NULL
four facets, by experience|experience|county:Nairobi education:form_4 accommodation_type:live_in is_available:true|NULL NULL NULL NULL
one place|newest|place:kitale|NULL NULL NULL NULL
two words|newest|word:toddlers word:pilau|NULL NULL NULL NULL
words that never meet|newest|word:toddlers word:hotel|NULL NULL NULL NULL
a word nobody has|newest|word:helicopter|NULL NULL NULL NULL
salary and age|newest||9000 12000 25 30
salary and age, by salary|salary||9000 12000 25 30
salary that nobody asks|newest||900000 1000000 NULL NULL
county, salary and age|experience|county:Kisumu|9000 12000 25 30
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

list_ms() { # SORT FACETS BOUNDS: milliseconds of one list, alone on the machine
    local url=$DATABASE_URL_PROFILES key
    case $1 in newest) key="'infinity|~'" ;; salary) key="'-1|'" ;; salary_falling) key="'9223372036854775807|~'" ;; *) key="'1000|~'" ;; esac
    # shellcheck disable=SC2086 # lists of words
    statement profiles "worker_list_$1" "$(facets_array $2)" $3 "$key" 0 20 NULL false >"$WORK/one-list.sql"
    "$POSTGRES_BIN/pgbench" -n -M prepared -c 1 -T 2 -f "$WORK/one-list.sql" "$url" 2>/dev/null | sed -n 's/^latency average = \([0-9.]*\) ms/\1/p'
}

facets_array() { [ $# -gt 0 ] && printf "'{%s}'::text[]" "$(IFS=, && echo "$*")" || echo "'{}'::text[]"; }

# Copies of the imported ones, through the same triggers.
more_workers() {
    local copies=$((MILLION / WORKERS - 1))
    sql profiles "SET statement_timeout = 0;
        INSERT INTO profiles SELECT (p2).* FROM (SELECT jsonb_populate_record(p, jsonb_build_object('id', p.id || '_' || n, 'user_id', p.user_id || '_' || n)) AS p2
          FROM profiles AS p, generate_series(1, $copies) AS n WHERE p.user_id LIKE 'bench\\_user\\_%' AND p.user_id NOT LIKE '%\\_%\\_%\\_%') AS copied"
    sql profiles "SET statement_timeout = 0;
        INSERT INTO housegirl_profiles SELECT (h2).* FROM (SELECT jsonb_populate_record(h, jsonb_build_object('id', h.id || '_' || n, 'profile_id', h.profile_id || '_' || n,
              'created_at', h.created_at + n * interval '1 second')) AS h2
          FROM housegirl_profiles AS h, generate_series(1, $copies) AS n WHERE h.id LIKE 'bench\\_worker\\_%' AND h.id NOT LIKE '%\\_%\\_%\\_%') AS copied"
    tidy profiles
}

# Three times as many sign-ins as can be served, at a password hash that costs what it does in life, sent whether answers come or
# not; and newcomers while others hold idle and slow connections. Sourced by run.sh.
MEMBERS=64 # each signs in a few times: beyond DC_SESSIONS_MAX a sign-in would end another session, too

bench_overload() {
    launch auth DC_BCRYPT_COST=10
    launch gateway DC_UPSTREAM_AUTH="$LAUNCHED_URL" DC_RATE_ACCOUNT_PER_MINUTE=1000000
    local url=$LAUNCHED_URL peak line
    members "$url" >"$WORK/members.txt"
    sed 's#^#POST\t/api/auth/login\t-\t#' "$WORK/members.txt" >"$WORK/login.txt"
    peak=$(of "$(load "$WORK/login.txt" "$url")" per_second)
    line=$(GATEWAY_URL=$url "$BUILD/tests/bench/overload" "$(calculate "$peak * 3")" "$SECONDS_EACH" 512 /api/auth/login "$WORK/members.txt")
    figure "sign-ins served under three times their peak" "$(of "$line" good_per_second)" requests/s "$peak" least 0.9
    figure "sign-ins refused meanwhile, 99th percentile" "$(of "$line" refused_p99_ms)" ms 10 most 1
    note "sign-ins refused meanwhile" "$(of "$line" refused)" requests
    note "sign-ins refused meanwhile, median" "$(of "$line" refused_median_ms)" ms
    note "sign-ins served meanwhile, 99th percentile" "$(of "$line" good_p99_ms)" ms
    note "sign-ins answered otherwise" "$(of "$line" other)" requests
    stop_all
    newcomers
}

# members URL: people register; prints what each signs in with.
members() {
    local n email password="a good one, kept"
    for n in $(seq $MEMBERS); do
        email=member.$n.$$@people.example
        register "$email" "$password" "$1" >/dev/null
        echo "{\"email\":\"$email\",\"password\":\"$password\"}"
    done
}

# Who comes while 2,000 others keep idle connections and 200 send a byte a second.
newcomers() {
    local alone crowded
    alone=$(python3 tests/bench/connections.py "$GATEWAY_URL" newcomers 300)
    hold_connections 2000 200
    crowded=$(python3 tests/bench/connections.py "$GATEWAY_URL" newcomers 300)
    let_go
    note "a newcomer's wait, alone, median" "$(of "$alone" median_ms)" ms
    note "a newcomer's wait among 2,000 idle and 200 slow, median" "$(of "$crowded" median_ms)" ms
    figure "a newcomer's wait among 2,000 idle and 200 slow, 99th" "$(of "$crowded" p99_ms)" ms 20 most 1
}

# How soon and how fast events have their effect. Sourced by run.sh.
BACKLOG=${BACKLOG:-100000}

bench_events() {
    local line
    line=$("$BUILD/tests/bench/registration" 300)
    figure "registration's answer → profile visible, median" "$(of "$line" visible_median_ms)" ms 20 most 1
    note "registration's answer → profile visible, 99th percentile" "$(of "$line" visible_p99_ms)" ms
    figure "outbox → effect in another service, median" "$(of "$line" event_median_ms)" ms 5 most 1
    figure "outbox → effect in another service, 99th percentile" "$(of "$line" event_p99_ms)" ms 25 most 1
    drain
}

# A backlog is told while the consumer is down; then it starts. When the last of it was applied, the database knows.
drain() {
    local before began ended
    control stop profiles
    sql auth "WITH made AS (INSERT INTO users (id, first_name, last_name, user_type)
                            SELECT 'drain_' || n, 'Ann', 'Drain', 'employer' FROM generate_series(1, $BACKLOG) AS n RETURNING users AS u)
              INSERT INTO outbox (topic, type, key, data)
              SELECT 'dc.auth.users', 'ke.domesticconnect.user.registered.v1', (u).id, user_event(u) FROM made"
    began=$(now_ms)
    wait_until auth "SELECT count(*) FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT 1) AS waiting" 0
    note "backlog published" "$(calculate "$BACKLOG * 1000 / ($(now_ms) - $began)")" events/s
    before=$(sql profiles "SELECT count(*) FROM profiles")
    began=$(now_ms)
    control start profiles &
    wait_until profiles "SELECT count(*) >= $before + $BACKLOG FROM profiles" t 2 # counting takes a while itself
    ended=$(sql profiles "SELECT round(extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) * 1000) FROM profiles WHERE user_id LIKE 'drain%'")
    figure "backlog drained by its consumer" "$(calculate "$BACKLOG * 1000 / ($ended - $began)")" events/s 5000 least 1
    wait
    tidy profiles && tidy auth # what comes next is not measured while the database cleans up
}

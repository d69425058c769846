# Purchases, callbacks and unlocks. Sourced by run.sh.
EMPLOYERS=64 PHONES=60000

bench_payments() {
    employers && credits
    bench_unlocks
    bench_purchases
    bench_callbacks
    control_mpesa '{"drop":false}' # what is open settles by itself
}

control_mpesa() { curl -fsS -o /dev/null "$URL_DARAJA/control" -d "$1"; }

# Signed-in people: $WORK/employers has token and id of each.
employers() {
    local n
    for n in $(seq $EMPLOYERS); do
        register "payer.$n.$$@people.example" "a good one $n" | jq -r '[.access_token, .user.id] | @tsv'
    done >"$WORK/employers"
    RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" admin create --email "admin.$$@people.example" --password "a good one" >/dev/null
    ADMIN=$(post /auth/login "" "{\"email\":\"admin.$$@people.example\",\"password\":\"a good one\"}" | jq -r .access_token)
    PACKAGE=$(post /payments/packages "$ADMIN" '{"name":"Bench","price":500,"contacts_included":10000}' | jq -r .id)
}

# Each buys the package, as people do.
credits() {
    local n=0 token id
    control_mpesa '{"payer_ms":10}'
    while read -r token id; do
        n=$((n + 1))
        post /payments/purchases "$token" "{\"package_id\":\"$PACKAGE\",\"phone_number\":\"+25410$(printf %04d $n)111\"}" >/dev/null
    done <"$WORK/employers"
    wait_until payments "SELECT count(*) FROM user_purchases WHERE status = 'completed' AND package_id = '$PACKAGE'" $EMPLOYERS
}

# once FILE: requests that can be made once only; prints requests.lua's line.
once() {
    ONCE=yes load "$1"
}

bench_unlocks() {
    local line most
    awk -v workers="$WORKERS" '{token[NR] = $1} END {for (i = 0; i < workers * 4; i++)
        printf "POST\t/api/payments/contact-access\t%s\t{\"target_profile_id\":\"bench_worker_%d\"}\n", token[1 + (i + int(i / workers)) % NR], 1 + i % workers}' \
        "$WORK/employers" >"$WORK/unlocks.txt"
    line=$(once "$WORK/unlocks.txt")
    {
        echo "\\set u random(1, $EMPLOYERS)" && echo "\\set n random(1, $WORKERS)" && echo '\set a random(1, 1000000000000)' && echo 'BEGIN;'
        statement payments credits_lock "($(ids))[:u::integer]"
        statement payments access_unlock "($(ids))[:u::integer]" "'bench_worker_' || :n" "'bench_access_' || :a"
        echo 'COMMIT;'
    } >"$WORK/unlock.sql"
    most=$(limit "$WORK/unlock.sql" payments)
    figure "unlocks with the contact in the answer" "$(calculate "$(of "$line" status_201) / $(of "$line" seconds)")" requests/s 500 least 1
    figure "unlocks, median" "$(of "$line" median_ms)" ms 25 most 1
    note "unlocks, 99th percentile" "$(of "$line" p99_ms)" ms
    note "unlocks answered before the contact came" "$(of "$line 0 status_202=0" status_202)" requests
    note "unlocks, their statements alone" "$most" transactions/s
}

ids() { awk '{printf "%s%s", (NR == 1 ? "ARRAY['\''" : "'\'', '\''"), $2} END {print "'\'']"}' "$WORK/employers"; }

bench_purchases() {
    local line
    control_mpesa '{"drop":true,"payer_ms":10}' # their callbacks come below
    awk -v phones=$PHONES -v package="$PACKAGE" '{token[NR] = $1} END {for (i = 0; i < phones; i++)
        printf "POST\t/api/payments/purchases\t%s\t{\"package_id\":\"%s\",\"phone_number\":\"+2547%05d222\"}\n", token[1 + i % NR], package, i}' \
        "$WORK/employers" >"$WORK/purchases.txt"
    line=$(once "$WORK/purchases.txt")
    figure "purchases accepted" "$(calculate "$(of "$line" status_202) / $(of "$line" seconds)")" requests/s 500 least 1
    note "purchases, median" "$(of "$line" median_ms)" ms
    note "purchases, 99th percentile" "$(of "$line" p99_ms)" ms
    wait_until payments "SELECT count(*) FROM pushes WHERE state IN ('created', 'pushing')" 0 1
}

# M-Pesa's word on all those pushes comes at once; a worker has a backlog to work off meanwhile.
bench_callbacks() {
    local line before began
    curl -fsS "$URL_DARAJA/control/transactions" | jq -r --arg host "$GATEWAY_URL" '.transactions[] | select(.callbacks_sent == 0 and .kind == "push" and .state == "paid") |
        ["POST", (.callback_url | sub($host; "")), "-", ({Body: {stkCallback: {MerchantRequestID: .merchant_request_id, CheckoutRequestID: .checkout_request_id,
        ResultCode: 0, ResultDesc: "The service request is processed successfully.", CallbackMetadata: {Item: [{Name: "Amount", Value: .amount},
        {Name: "MpesaReceiptNumber", Value: .receipt}, {Name: "Balance"}, {Name: "TransactionDate", Value: 20261125120000}, {Name: "PhoneNumber", Value: (.phone | tonumber)}]}}}} |
        tojson)] | join("\t")' >"$WORK/callbacks.txt"
    note "callbacks that were held back" "$(wc -l <"$WORK/callbacks.txt")" callbacks
    before=$(sql payments "SELECT count(*) FROM user_purchases WHERE status = 'completed'")
    began=$(now_ms)
    line=$(SECONDS_EACH=3 once "$WORK/callbacks.txt")
    figure "callbacks answered" "$(calculate "$(of "$line" status_200) / $(of "$line" seconds)")" requests/s 2000 least 1
    figure "callbacks, 99th percentile" "$(of "$line" p99_ms)" ms 20 most 1
    wait_until payments "SELECT count(*) FROM stk_callbacks WHERE processed_at IS NULL" 0
    note "callbacks worked off, from the first" "$(calculate "($(sql payments "SELECT count(*) FROM user_purchases WHERE status = 'completed'") - $before) * 1000 / ($(now_ms) - $began)")" payments/s
}

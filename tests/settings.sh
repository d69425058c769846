# Settings of the stack under test that differ from the defaults, and why. Sourced by run.sh.
# cheap password hashes: what is tested is our code, not bcrypt
export AUTH_DC_BCRYPT_COST=4
# all people of the stories call from one address; limits have tests of their own
for class in DEFAULT USER LOGIN RESET REGISTER; do
    export "GATEWAY_DC_RATE_${class}_PER_MINUTE=1000000"
done
# Firebase is played by tests/support/firebase_server.c, on a port below those that the system hands out by itself
until firebase_port=$((20000 + RANDOM % 12000)) && ! (: <"/dev/tcp/127.0.0.1/$firebase_port") 2>/dev/null; do :; done
export AUTH_DC_FIREBASE_PROJECT=soko-la-majaribio AUTH_DC_FIREBASE_KEYS_URL=http://127.0.0.1:$firebase_port/keys
# a silent payment is asked about at once; stories do not wait
export PAYMENTS_DC_QUERY_FIRST_S=1 PAYMENTS_DC_SILENT_S=4
# slow senders are given up soon, so that their test need not wait long
export GATEWAY_DC_HEAD_TIMEOUT_MS=2000 GATEWAY_DC_BODY_TIMEOUT_MS=3000

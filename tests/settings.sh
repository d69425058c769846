# Settings of the stack under test that differ from the defaults, and why. Sourced by run.sh.
# cheap password hashes: what is tested is our code, not bcrypt
export AUTH_DC_BCRYPT_COST=4
# all people of the stories call from one address; limits have tests of their own
for class in DEFAULT USER LOGIN RESET REGISTER; do
    export "GATEWAY_DC_RATE_${class}_PER_MINUTE=1000000"
done

#!/usr/bin/env bash
# demo.sh load|show: the demo data (tests/fixtures/demo-db.json, invented people) and accounts of the local stack.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${RUN_DIR:=.run}" "${BUILD:=build}"
. "$RUN_DIR/env"
password=karibu-nyumbani

register() { # EMAIL USER_TYPE FIRST_NAME LAST_NAME: nothing happens when the account is there
    curl -sS -o /dev/null -w '%{http_code}\n' "$GATEWAY_URL/api/auth/register" -H 'Content-Type: application/json' \
        -d "{\"email\":\"$1\",\"password\":\"$password\",\"user_type\":\"$2\",\"first_name\":\"$3\",\"last_name\":\"$4\"}" |
        grep -E '^(201|409)$'
}

load() {
    RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" import tests/fixtures/demo-db.json
    register employer@demo.example employer Achieng Demo
    register worker@demo.example housegirl Wanjiku Demo
    register agency@demo.example agency Baraka Demo
    echo "$password" | RUN_DIR=$RUN_DIR "$BUILD/bin/dcctl" admin create --email admin@demo.example --password-stdin
    touch "$RUN_DIR/demo-loaded"
}

show() {
    cat <<TEXT

  Domestic Connect's API  $GATEWAY_URL/api, described at $GATEWAY_URL/api/docs
  demo accounts           employer@demo.example, worker@demo.example, agency@demo.example, admin@demo.example
  their password          $password
  mails land in           $RUN_DIR/mail; opened here, a link in one says which request its page would send
  settings for tools      $RUN_DIR/env

  Try:
  curl -s '$GATEWAY_URL/api/housegirls/?county=Nairobi&sort=salary&per_page=3'
  curl -s $GATEWAY_URL/api/auth/login -H 'Content-Type: application/json' -d '{"email":"employer@demo.example","password":"$password"}'
  curl -s $GATEWAY_URL/api/me -H "Authorization: Bearer \$(curl -s $GATEWAY_URL/api/auth/login -H 'Content-Type: application/json' -d '{"email":"worker@demo.example","password":"$password"}' | sed 's/.*"access_token": *"\([^"]*\)".*/\1/')"

TEXT
}

case ${1:-} in
    load) load ;;
    show) show ;;
    *) sed -n '2s/^# //p' "$0" && exit 2 ;;
esac

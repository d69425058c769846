#!/usr/bin/env bash
# schemas.sh DIR: writes what the code says of its routes and events.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=$1
: "${BUILD:=build}"
. docker/services.sh
mkdir -p "$into/openapi" "$into/events"
rm -f "$into"/events/*.json # an event that the code no longer knows must not stay
for service in $SERVICES; do
    "$BUILD/bin/$service" schema >"$into/openapi/$service.json"
    "$BUILD/bin/$service" events "$into/events"
done
"$BUILD/bin/dcctl" asyncapi "$into/events" >"$into/asyncapi.json"
"$BUILD/bin/payments" states >"$into/payment-states.mmd"

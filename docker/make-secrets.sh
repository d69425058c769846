#!/usr/bin/env bash
# make-secrets.sh: the secret files that docker-compose.yml names, made once under docker/secrets (not committed).
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/services.sh
cd docker
umask 077
mkdir -p secrets
for name in $SECRETS; do
    [ -s "secrets/$name" ] || openssl rand -hex 32 >"secrets/$name"
done
for owner in $OWNERS import; do
    echo "postgresql://dc_$owner:$(cat "secrets/database_$owner")@postgres:5432/dc_$owner" >"secrets/database_url_$owner"
done
# read inside the containers by user 10001
chmod 755 secrets && chmod 644 secrets/*

# What the parts of the local stack are told: ports, secrets, one environment file each. Sourced by stack.sh.

# free_ports COUNT: that many ports nobody listens on now.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}

port_is_free() {
    python3 - "$1" <<'PYTHON'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    s.bind(("127.0.0.1", int(sys.argv[1])))
except OSError:
    sys.exit(1)
PYTHON
}

# Every name of a port that the stack needs; the gateway's own one is the caller's.
port_names() {
    local service
    echo POSTGRES_PORT KAFKA_PORT CONTROLLER_PORT PORT_DARAJA METRICS_PORT_GATEWAY
    for service in $OWNERS; do echo "PORT_${service^^} METRICS_PORT_${service^^}"; done
}

# Ports are chosen once and kept, so that a restarted stack is found where it was; a part that is new gets one, too.
choose_ports() {
    local file=$RUN_DIR/ports names ports i
    touch "$file"
    read -r -d '' -a names < <(port_names | tr ' ' '\n' | grep -vxFf <(sed 's/=.*//' "$file")) || true
    read -r -a ports <<<"$(free_ports ${#names[@]})"
    for i in "${!names[@]}"; do echo "${names[i]}=${ports[i]}" >>"$file"; done
    . "$file"
}

make_secrets() {
    local name
    mkdir -p "$RUN_DIR/secrets" && chmod 700 "$RUN_DIR/secrets"
    for name in $SECRETS; do
        [ -s "$RUN_DIR/secrets/$name" ] || (umask 077 && openssl rand -hex 32 >"$RUN_DIR/secrets/$name")
    done
}

database_url() { # OWNER
    echo "postgresql://dc_$1:$(cat "$RUN_DIR/secrets/database_$1")@$DATABASE_SERVER/dc_$1"
}

# One file for people and tools (dcctl reads it), one for each service. An existing server is used where the caller named it. They
# are written beside the old ones, which settings_take puts in their place.
write_environment() {
    : "${KAFKA_BROKERS:=127.0.0.1:$KAFKA_PORT}"
    if [ -n "${DATABASE_URL:-}" ]; then
        DATABASE_SERVER=$(sed -E 's#^[a-z]+://([^@/]*@)?([^/?]*).*#\2#' <<<"$DATABASE_URL")
    else
        DATABASE_SERVER=127.0.0.1:$POSTGRES_PORT
        DATABASE_URL="postgresql://postgres:$(cat "$RUN_DIR/secrets/database_superuser")@$DATABASE_SERVER/postgres"
    fi
    (
        umask 077
        environment_for_people >"$RUN_DIR/env.new"
        local service
        for service in $SERVICES; do
            environment_of "$service" >"$RUN_DIR/$service.env.new"
        done
        environment_daraja >"$RUN_DIR/daraja.env.new"
    )
}

settings_check() {
    local service
    for service in $SERVICES; do
        (set -a && . "$RUN_DIR/$service.env.new" && exec "$BUILD/bin/$service" settings) || return 1
    done
}

# The files that were written become those in force. A part that runs with others, or from a binary that was built anew, is
# stopped, to start with them.
settings_take() {
    local part state pid
    local -A pids=()
    while read -r part state _ pid _; do
        [ "$state" != RUNNING ] || pids[$part]=${pid%,}
    done < <(control status 2>/dev/null || true)
    for part in daraja $SERVICES; do
        if [ -n "${pids[$part]:-}" ]; then
            cmp -s "$RUN_DIR/$part.env.new" "$RUN_DIR/$part.env" && runs_as_built "$part" "${pids[$part]}" || control stop "$part"
        fi
        mv "$RUN_DIR/$part.env.new" "$RUN_DIR/$part.env" || return 1
    done
    mv "$RUN_DIR/env.new" "$RUN_DIR/env"
}

runs_as_built() { # PART PID
    [ "/proc/$2/exe" -ef "$BUILD/bin/${1/#daraja/daraja-simulator}" ]
}

environment_for_people() {
    local service metrics
    cat <<ENV
PORT=$PORT
GATEWAY_URL=http://127.0.0.1:$PORT
KAFKA_BROKERS=$KAFKA_BROKERS
DATABASE_URL=$DATABASE_URL
DATABASE_URL_IMPORT=$(database_url import)
URL_DARAJA=http://127.0.0.1:$PORT_DARAJA
MAIL_DIR=$RUN_DIR/mail
RUN_DIR=$RUN_DIR
BIN_DIR=$BUILD/bin
METRICS_PORT_GATEWAY=$METRICS_PORT_GATEWAY
ENV
    for service in $OWNERS; do
        local port=PORT_${service^^} metrics=METRICS_PORT_${service^^}
        echo "DATABASE_URL_${service^^}=$(database_url "$service")"
        echo "URL_${service^^}=http://127.0.0.1:${!port}"
        echo "$metrics=${!metrics}"
    done
}

# What all services are told, what this one is told besides, and whatever the caller set for it (AUTH_DC_BCRYPT_COST=4 make start).
environment_of() { # SERVICE
    environment_shared "$1" || return 1
    ! declare -F "environment_$1" >/dev/null || "environment_$1" || return 1
    env | sed -n "s/^${1^^}_\(DC_[A-Z0-9_]*=\)/\1/p"
}

environment_shared() { # SERVICE
    local port=PORT_${1^^} metrics=METRICS_PORT_${1^^}
    [ "$1" != gateway ] || port=PORT
    cat <<ENV
KAFKA_BROKERS=$KAFKA_BROKERS
DC_HTTP_PORT=${!port}
DC_METRICS_PORT=${!metrics}
DC_CURSOR_SECRET_FILE=$RUN_DIR/secrets/cursor
ENV
    [ "$1" = gateway ] || environment_database "$1"
}

# Twice as many connections, the default, do no more work on a developer's machine, and each costs a start its time.
environment_database() { # SERVICE
    cat <<ENV
DATABASE_URL=$(database_url "$1")
DC_DATABASE_CONNECTIONS=8
ENV
}

environment_auth() {
    cat <<ENV
DC_SIGNING_KEY_SECRET_FILE=$RUN_DIR/secrets/signing_key
DC_MAIL_URL=file://$RUN_DIR/mail
DC_PUBLIC_URL=http://127.0.0.1:$PORT
ENV
}

# Lists keep processors busy and no disk: more of them at once than a few for each processor wait for each other, and some for long.
environment_profiles() {
    echo "DC_DATABASE_CONNECTIONS=$((2 * $(nproc)))"
}

environment_payments() {
    cat <<ENV
DC_PAYMENTS_SECRET_FILE=$RUN_DIR/secrets/payments
DC_DARAJA_URL=http://127.0.0.1:$PORT_DARAJA
DC_DARAJA_CONSUMER_KEY_FILE=$RUN_DIR/secrets/daraja_key
DC_DARAJA_CONSUMER_SECRET_FILE=$RUN_DIR/secrets/daraja_secret
DC_DARAJA_PASSKEY_FILE=$RUN_DIR/secrets/daraja_passkey
DC_DARAJA_INITIATOR=local
DC_DARAJA_SECURITY_CREDENTIAL_FILE=$RUN_DIR/secrets/daraja_credential
DC_DARAJA_CALLBACK_URL=http://127.0.0.1:$PORT/api
DC_DARAJA_CALLBACK_SOURCES=127.0.0.1
DC_SPOOL_DIR=$RUN_DIR/spool
ENV
}

environment_gateway() {
    local service
    for service in $OWNERS; do
        local port=PORT_${service^^}
        echo "DC_UPSTREAM_${service^^}=http://127.0.0.1:${!port}"
    done
    cat <<ENV
DC_SCHEMAS_DIR=$ROOT/schemas
DC_BODY_LIMIT_BYTES=9437184
DC_HTTP_WORKERS=256
DC_HTTP_THREADS=1024
DC_DOCS_DIR=$BORROWED/swagger-ui
ENV
}

environment_daraja() {
    cat <<ENV
DARAJA_PORT=$PORT_DARAJA
DARAJA_CONSUMER_KEY=$(cat "$RUN_DIR/secrets/daraja_key")
DARAJA_CONSUMER_SECRET=$(cat "$RUN_DIR/secrets/daraja_secret")
DARAJA_SHORTCODE=174379
DARAJA_PASSKEY=$(cat "$RUN_DIR/secrets/daraja_passkey")
${DARAJA_CALLBACK_DELAY_MS:+DARAJA_CALLBACK_DELAY_MS=$DARAJA_CALLBACK_DELAY_MS}
ENV
}

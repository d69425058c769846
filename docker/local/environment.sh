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

# Ports are chosen once and kept, so that a restarted stack is found where it was.
choose_ports() {
    local file=$RUN_DIR/ports ports
    if [ ! -e "$file" ]; then
        read -r -a ports <<<"$(free_ports 8)"
        printf '%s\n' "POSTGRES_PORT=${ports[0]}" "KAFKA_PORT=${ports[1]}" "CONTROLLER_PORT=${ports[2]}" \
            "PORT_AUTH=${ports[3]}" "PORT_PROFILES=${ports[4]}" "METRICS_PORT_AUTH=${ports[5]}" \
            "METRICS_PORT_PROFILES=${ports[6]}" "METRICS_PORT_GATEWAY=${ports[7]}" >"$file"
    fi
    . "$file"
}

make_secrets() {
    local name
    mkdir -p "$RUN_DIR/secrets" && chmod 700 "$RUN_DIR/secrets"
    for name in signing_key cursor database_superuser database_auth database_profiles database_import; do
        [ -s "$RUN_DIR/secrets/$name" ] || (umask 077 && openssl rand -hex 32 >"$RUN_DIR/secrets/$name")
    done
}

database_url() { # OWNER
    echo "postgresql://dc_$1:$(cat "$RUN_DIR/secrets/database_$1")@$DATABASE_SERVER/dc_$1"
}

# One file for people and tools (dcctl reads it), one for each service. An existing server is used where the caller named it.
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
        environment_for_people >"$RUN_DIR/env"
        environment_auth >"$RUN_DIR/auth.env"
        environment_profiles >"$RUN_DIR/profiles.env"
        environment_gateway >"$RUN_DIR/gateway.env"
    )
}

environment_for_people() {
    cat <<ENV
PORT=$PORT
GATEWAY_URL=http://127.0.0.1:$PORT
KAFKA_BROKERS=$KAFKA_BROKERS
DATABASE_URL=$DATABASE_URL
DATABASE_URL_AUTH=$(database_url auth)
DATABASE_URL_PROFILES=$(database_url profiles)
DATABASE_URL_IMPORT=$(database_url import)
URL_AUTH=http://127.0.0.1:$PORT_AUTH
URL_PROFILES=http://127.0.0.1:$PORT_PROFILES
METRICS_PORT_AUTH=$METRICS_PORT_AUTH
METRICS_PORT_PROFILES=$METRICS_PORT_PROFILES
METRICS_PORT_GATEWAY=$METRICS_PORT_GATEWAY
MAIL_DIR=$RUN_DIR/mail
RUN_DIR=$RUN_DIR
BIN_DIR=$BUILD/bin
ENV
}

environment_shared() { # SERVICE METRICS_PORT HTTP_PORT
    cat <<ENV
KAFKA_BROKERS=$KAFKA_BROKERS
DC_HTTP_PORT=$3
DC_METRICS_PORT=$2
DC_CURSOR_SECRET_FILE=$RUN_DIR/secrets/cursor
ENV
    [ "$1" = gateway ] || echo "DATABASE_URL=$(database_url "$1")"
}

environment_auth() {
    environment_shared auth "$METRICS_PORT_AUTH" "$PORT_AUTH"
    cat <<ENV
DC_SIGNING_KEY_SECRET_FILE=$RUN_DIR/secrets/signing_key
DC_MAIL_URL=file://$RUN_DIR/mail
DC_PUBLIC_URL=http://127.0.0.1:$PORT
ENV
    settings_given auth
}

environment_profiles() {
    environment_shared profiles "$METRICS_PORT_PROFILES" "$PORT_PROFILES"
    settings_given profiles
}

environment_gateway() {
    environment_shared gateway "$METRICS_PORT_GATEWAY" "$PORT"
    cat <<ENV
DC_UPSTREAM_AUTH=http://127.0.0.1:$PORT_AUTH
DC_UPSTREAM_PROFILES=http://127.0.0.1:$PORT_PROFILES
DC_SCHEMAS_DIR=$ROOT/schemas
DC_BODY_LIMIT_BYTES=9437184
DC_HTTP_WORKERS=256
DC_HTTP_THREADS=1024
DC_DOCS_DIR=$BORROWED/swagger-ui
ENV
    settings_given gateway
}

# Whatever the caller set for one service (AUTH_DC_BCRYPT_COST=4 make start) goes into its file.
settings_given() { # SERVICE
    env | sed -n "s/^${1^^}_\(DC_[A-Z0-9_]*=\)/\1/p"
}

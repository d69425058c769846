# The processes of the local stack, as programs of supervisor: what dies comes back. Sourced by stack.sh.

. docker/services.sh

write_supervisor() {
    mkdir -p "$RUN_DIR/log" "$RUN_DIR/mail" "$RUN_DIR/supervisor"
    cat >"$RUN_DIR/supervisord.conf" <<CONF
[supervisord]
logfile=$RUN_DIR/log/supervisord.log
logfile_maxbytes=10MB
logfile_backups=2
pidfile=$RUN_DIR/supervisord.pid
childlogdir=$RUN_DIR/log
identifier=domestic-connect
$([ "$(id -u)" != 0 ] || echo user=root)
[unix_http_server]
file=$SOCKET
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$SOCKET
CONF
    if [ -z "${EXTERNAL_DATABASE:-}" ]; then
        program postgres INT "$POSTGRES_BIN/postgres -D $POSTGRES_DIR -p $POSTGRES_PORT ${POSTGRES_OPTIONS:-}" "$POSTGRES_USER" # POSTGRES_OPTIONS: tests/bench
    fi
    if [ -z "${EXTERNAL_KAFKA:-}" ]; then
        program kafka TERM "java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp $BORROWED/kafka/* kafka.Kafka $RUN_DIR/kafka/server.properties"
    fi
    local service
    for service in $SERVICES; do
        program "$service" TERM "/bin/sh -c 'set -a; . $RUN_DIR/$service.env; exec ${LAUNCHER:-} $BUILD/bin/$service'" # LAUNCHER: tests/valgrind.sh
    done
    program daraja TERM "/bin/sh -c 'set -a; . $RUN_DIR/daraja.env; exec $BUILD/bin/daraja-simulator'"
}

# program NAME STOP_SIGNAL COMMAND [USER]
program() {
    cat >>"$RUN_DIR/supervisord.conf" <<CONF
[program:$1]
command=${3//%/%%}
directory=$ROOT
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopsignal=$2
stopwaitsecs=20
redirect_stderr=true
stdout_logfile=$RUN_DIR/log/$1.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
$([ -z "${4:-}" ] || echo "user=$4")
CONF
}

# orphans: the processes that a supervisor of ours has started; it tells each where it listens, and they their children.
orphans() {
    grep -ls "SUPERVISOR_SERVER_URL=unix://$SOCKET" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n' || true
}

# The data directory belongs to whoever runs PostgreSQL, which refuses root: then Debian's postgres user does. Where that
# user cannot reach the clone (a home of mode 700), the data stand in /var/lib and `make reset` knows. A cluster is made
# beside its place and moved there whole, so that a start that was cut off leaves no half of one.
init_postgres() {
    local as= part=$POSTGRES_DIR.part
    [ ! -e "$POSTGRES_DIR/PG_VERSION" ] || return 0
    rm -rf "$part" "$POSTGRES_DIR"
    mkdir -p "$part" && install -m 600 "$RUN_DIR/secrets/database_superuser" "$part.password" || return 1
    if [ -n "$POSTGRES_USER" ]; then
        chown "$POSTGRES_USER" "$part" "$part.password" || return 1
        as="runuser -u $POSTGRES_USER --"
    fi
    (cd / && $as "$POSTGRES_BIN/initdb" -D "$part" -U postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        --pwfile="$part.password") || return 1
    rm -f "$part.password"
    cat >>"$part/postgresql.conf" <<CONF || return 1
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
dynamic_shared_memory_type = mmap
timezone = 'UTC'
log_timezone = 'UTC'
max_wal_size = 2GB
CONF
    mv "$part" "$POSTGRES_DIR"
}

# 16 random bytes as Kafka writes them; at its start a '-' would be taken for an option.
cluster_id() { openssl rand -base64 16 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/'; }

init_kafka() {
    mkdir -p "$RUN_DIR/kafka"
    sed -e "s#@PORT@#$KAFKA_PORT#g" -e "s#@CONTROLLER_PORT@#$CONTROLLER_PORT#g" -e "s#@DATA@#$RUN_DIR/kafka/data#g" \
        docker/kafka/server.properties >"$RUN_DIR/kafka/server.properties"
    [ ! -e "$RUN_DIR/kafka/data/meta.properties" ] || return 0
    java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$BORROWED/kafka/*" kafka.tools.StorageTool format -t "$(cluster_id)" \
        -c "$RUN_DIR/kafka/server.properties"
}

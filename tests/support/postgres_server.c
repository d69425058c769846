// SPDX-License-Identifier: MIT
#include "postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <postgresql/libpq-fe.h>

#include "eventually.h"

#define BIN "/usr/lib/postgresql/15/bin/"

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool bound = bind(file, (struct sockaddr *)&address, length) == 0 && getsockname(file, (struct sockaddr *)&address, &length) == 0;
    close(file);
    return bound ? ntohs(address.sin_port) : 0;
}

// PostgreSQL refuses to be run by root.
static const struct passwd *runner(void)
{
    return getuid() == 0 ? getpwnam("postgres") : NULL;
}

// The rest of the process: a program of PostgreSQL's, whose output goes to the log.
static void become(const struct postgres_server *server, char *const *argv)
{
    char path[128], variable[128];
    const struct passwd *as = runner();
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (as && (initgroups(as->pw_name, as->pw_gid) != 0 || setgid(as->pw_gid) != 0 || setuid(as->pw_uid) != 0)) _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT); // another user's process has lost it
    snprintf(path, sizeof path, "%s/log", server->folder);
    const int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "LD_PRELOAD=%s/full_disk.so", server->folder);
    snprintf(variable, sizeof variable, "FULL_DISK=%s/full", server->folder);
    char *const environment[] = {path, variable, (char *)(uintptr_t)"PATH=/usr/bin:/bin", NULL};
    if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 && chdir(server->folder) == 0) execve(argv[0], argv, environment);
    _exit(127);
}

static pid_t launch(const struct postgres_server *server, char *const *argv)
{
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) become(server, argv);
    return pid;
}

// Beside the test program's folder: see the Makefile.
static bool copy_full_disk(const struct postgres_server *server)
{
    char self[PATH_MAX], command[2 * PATH_MAX + 128];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    snprintf(command, sizeof command, "install -m 755 \"$(dirname '%s')/full_disk.so\" '%s'", self, server->folder);
    return system(command) == 0;
}

int postgres_server_create(struct postgres_server *ret)
{
    const struct passwd *as = runner();
    *ret = (struct postgres_server){.folder = "/tmp/dc-postgres-XXXXXX", .port = free_port()};
    if (!mkdtemp(ret->folder) || !ret->port || !copy_full_disk(ret) || (as && chown(ret->folder, as->pw_uid, as->pw_gid) != 0)) return -1;
    static char program[] = BIN "initdb", user[] = "--username=postgres", trust[] = "--auth=trust", quick[] = "--no-sync", encoding[] = "--encoding=UTF8",
                locale[] = "--locale=C.UTF-8", data[] = "--pgdata=data";
    int status = 0;
    const pid_t pid = launch(ret, (char *const[]){program, user, trust, quick, encoding, locale, data, NULL});
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static bool answers(struct postgres_server *server)
{
    PGconn *pg = PQconnectdb(postgres_server_url(server, "postgres", "postgres"));
    const bool fine = PQstatus(pg) == CONNECTION_OK;
    PQfinish(pg);
    return fine;
}

// One that was killed leaves processes that end by themselves, and until then no other can start.
static bool runs(struct postgres_server *server)
{
    static char program[] = BIN "postgres", data_flag[] = "-D", data[] = "data", setting[] = "-c", listen[] = "listen_addresses=127.0.0.1",
                sockets[] = "unix_socket_directories=", memory[] = "dynamic_shared_memory_type=mmap", sync[] = "fsync=off", buffers[] = "shared_buffers=32MB";
    char port[32], connections[32];
    if (server->pid && waitpid(server->pid, NULL, WNOHANG) == server->pid) server->pid = 0;
    snprintf(port, sizeof port, "port=%d", server->port);
    snprintf(connections, sizeof connections, "max_connections=%d", SERVER_CONNECTIONS + 3);
    if (!server->pid)
        server->pid = launch(server, (char *const[]){program, data_flag, data, setting, listen, setting, sockets, setting, memory, setting, sync, setting, buffers,
                                                     setting, port, setting, connections, NULL});
    return answers(server);
}

void postgres_server_start(struct postgres_server *server)
{
    eventually(runs(server));
}

void postgres_server_end(struct postgres_server *server, int signal)
{
    assert_int_equal(kill(server->pid, signal), 0);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void postgres_server_destroy(struct postgres_server *server)
{
    char command[128];
    if (!server->folder[0]) return;
    if (server->pid) postgres_server_end(server, SIGQUIT);
    snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
    if (system(command) != 0) print_error("%s stays\n", server->folder);
}

const char *postgres_server_url(const struct postgres_server *server, const char *role, const char *database)
{
    static char url[128];
    snprintf(url, sizeof url, "postgresql://%s@127.0.0.1:%d/%s", role, server->port, database);
    return url;
}

static void make_file(const struct postgres_server *server, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", server->folder, name);
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
}

void postgres_server_fill(const struct postgres_server *server, bool full)
{
    char path[128];
    snprintf(path, sizeof path, "%s/full", server->folder);
    if (full) make_file(server, "full");
    else assert_int_equal(unlink(path), 0);
}

void postgres_server_make_standby(const struct postgres_server *server)
{
    make_file(server, "data/standby.signal");
    const struct passwd *as = runner();
    char path[128];
    snprintf(path, sizeof path, "%s/data/standby.signal", server->folder);
    if (as) assert_int_equal(chown(path, as->pw_uid, as->pw_gid), 0);
}

static void copy_data(const struct postgres_server *server, const char *from, const char *to)
{
    char command[256];
    assert_int_equal(server->pid, 0);
    snprintf(command, sizeof command, "cd '%s' && rm -rf %s && cp -a %s %s", server->folder, to, from, to);
    assert_int_equal(system(command), 0);
}

void postgres_server_back_up(const struct postgres_server *server)
{
    copy_data(server, "data", "backup");
}

void postgres_server_restore(const struct postgres_server *server)
{
    copy_data(server, "backup", "data");
}

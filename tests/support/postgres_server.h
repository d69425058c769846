// SPDX-License-Identifier: MIT
// A PostgreSQL server of a test's own, under /tmp, to be killed, filled up and made a standby. Run by root it runs as Debian's
// user postgres, else as whoever runs the test.
//
//   static struct postgres_server server;
//   postgres_server_create(&server);                  // in the setup of the group
//   postgres_server_start(&server);                   // returns when it takes connections
//   postgres_server_end(&server, SIGKILL);
//   postgres_server_destroy(&server);                 // in the teardown
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define SERVER_CONNECTIONS 24 // and three for the superuser

struct postgres_server {
    char folder[64];
    int port;
    pid_t pid; // 0: it does not run
};

// 0 when made, as cmocka wants it of a group setup.
int postgres_server_create(struct postgres_server *ret);
void postgres_server_start(struct postgres_server *server);
// SIGINT: at once but in order, SIGQUIT: as in a crash, SIGKILL. Returns when it is gone.
void postgres_server_end(struct postgres_server *server, int signal);
void postgres_server_destroy(struct postgres_server *server); // accepts one that was not made
// The address of a database for a role.
const char *postgres_server_url(const struct postgres_server *server, const char *role, const char *database);

// From now on no table can grow, or can again: see tests/chaos/full_disk.c.
void postgres_server_fill(const struct postgres_server *server, bool full);
// What it becomes at its next start: a standby that waits for a primary that never comes, until it is promoted.
void postgres_server_make_standby(const struct postgres_server *server);
// While it does not run: keeps a copy of all its data, and puts the copy in their place again.
void postgres_server_back_up(const struct postgres_server *server);
void postgres_server_restore(const struct postgres_server *server);

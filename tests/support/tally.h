// SPDX-License-Identifier: MIT
// A service on the kit in processes of its own, any number of replicas: the test program itself, started again. It counts:
// POST /tally/{key} answers with the key's next number and tells it as an event, and each event that it hears leaves a row in
// `effects`. So what was lost, doubled or overtaken shows: the effects of a key are to be 1, 2, 3 …, as far as was counted.
//
//   int main(int argc, char **argv) { if (argc > 1) return tally_main(argc, argv); …cmocka… }
//   static struct tally tally;               // tally_create and tally_drop as setup and teardown
//   replica_start(&tally, &replica);
//   tally_count(&replica, "k", &number);
//   tally_expect_complete(&tally, 30);
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "child.h"
#include "postgres.h"

// What main hands on to where it gets arguments.
int tally_main(int argc, char **argv);

struct tally {
    struct test_database database;
    char name[40], topic[40];
    const char *brokers;
};
// With a database on the server of TEST_DATABASE_URL; 0 when made.
int tally_create(struct tally *ret);
int tally_drop(const struct tally *tally);
// The same in a database that is there already, of another server.
int tally_create_in(struct tally *ret, const char *database_url);
// The first cell of what the SQL answers.
const char *tally_ask(const struct tally *tally, const char *sql_format, ...) __attribute__((format(printf, 2, 3)));

struct replica {
    struct child child;
    _Atomic int port; // 0: it does not run
    int metrics_port;
};
// Starts it and waits until it is ready.
void replica_start(const struct tally *tally, struct replica *ret);
void replica_signal(const struct replica *replica, int signal);
void replica_kill(struct replica *replica); // with -9; returns when it is gone
void replica_end(struct replica *replica);  // for teardowns
// A metric without labels; -1 when it is not there.
int64_t replica_metric(const struct replica *replica, const char *name);
int replica_readiness(const struct replica *replica); // its HTTP status

struct tally_answer {
    int status;         // 0: none
    int64_t number;
    char retry_after[8];
    char content_type[64];
};
struct tally_answer tally_count(const struct replica *replica, const char *key);
struct tally_answer tally_read(const struct replica *replica, const char *key);

// What makes an event hard to apply: poison never is until it is taken away, slow takes that long.
void tally_poison(const struct tally *tally, const char *key, int64_t number);
void tally_mend(const struct tally *tally);
void tally_slow(const struct tally *tally, const char *key, int milliseconds);

// Effects so far: "1 2 3" of one key.
const char *tally_effects(const struct tally *tally, const char *key);
// Waits until all that was counted has its effect; fails when one is lost, doubled or out of order, or when it takes longer.
void tally_expect_complete(const struct tally *tally, int seconds);

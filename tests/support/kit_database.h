// SPDX-License-Identifier: MIT
// A fresh database with the kit's own tables, a pool that knows its statements, and one session.
#pragma once

#include "db.h"
#include "postgres.h"
#include "service.h"

// A service without tables of its own.
extern const struct service kit_only;

struct kit_database {
    struct test_database database;
    struct db_pool *pool;
    struct arena *arena;
    struct error err;
    const struct sql *const *statements[3]; // what the pool prepares
};

// 0 when made, as cmocka wants it of a group setup.
int kit_database_create(struct kit_database *ret);
// The same with the tables and statements of a service.
int kit_database_create_for(struct kit_database *ret, const struct service *service);
int kit_database_drop(struct kit_database *kit);

struct db kit_session(struct kit_database *kit, enum db_mode mode);
// Forgets the error and what the arena holds.
void kit_forget(struct kit_database *kit);
// Fails the test with the error when not fine.
void kit_assert_fine(const struct kit_database *kit, bool fine);
void kit_assert_problem(const struct kit_database *kit, const struct problem *problem);

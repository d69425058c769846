// SPDX-License-Identifier: MIT
// What the families asked for, what answers came, and what they were promised: held against the books at the end.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "plan.h"

#define ID_SIZE 72
#define PURCHASES_EACH 5     // of a family
#define UNLOCKS_EACH 2       // of a purchase: all credits that it brings
#define WORKERS 12           // more than a family can unlock
#define NO_ANSWER 0          // beside HTTP's own statuses
#define TOO_LATE 1
#define STATUSES 600
#define SURPRISES_MAX 200

struct hireable {
    char id[ID_SIZE], email[96];
};

struct unlock {
    char access_id[ID_SIZE]; // empty: not told
    int worker;
};

struct purchase {
    char id[ID_SIZE];        // empty: not told
    char status[16];         // the last that was told
    struct unlock unlocks[UNLOCKS_EACH];
};

// One of a family's looks at a worker at the end.
struct look {
    char email[96];          // empty: not shown
    bool done;
};

struct family {
    char email[96], user_id[ID_SIZE], token[2048];
    int64_t signed_in_ms;
    int64_t credits;         // told at the end; -1: not asked
    struct look looks[WORKERS];
};

struct account {
    struct family *families;
    struct purchase *purchases;
    int family_count, purchase_count;
    int64_t began_ms;
    char package_id[ID_SIZE];
    struct hireable workers[WORKERS];
    atomic_int completed, bought, unlocked;
    atomic_long statuses[STATUSES], retried[STATUSES];
    pthread_mutex_t lock;    // of all below
    int surprise_count;
    char surprises[SURPRISES_MAX][240];
};

bool account_open(struct account *ret, int purchases);
void account_close(struct account *account);
void account_print(const struct account *account);
// A line with the time since it was opened.
void account_tell(const struct account *account, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Something came that no client should get.
void account_surprise(struct account *account, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct family *family_of(const struct account *account, int purchase)
{
    return &account->families[purchase / PURCHASES_EACH];
}

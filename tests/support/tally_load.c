// SPDX-License-Identifier: MIT
#include "tally_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto.h"
#include "eventually.h"

#define PAUSE_NS 10000000

static void note(struct load *load, int key, const struct tally_answer *answer)
{
    if (answer->status == 200) {
        atomic_fetch_add(&load->answered, 1);
        int64_t before = atomic_load(&load->highest[key]);
        while (before < answer->number && !atomic_compare_exchange_weak(&load->highest[key], &before, answer->number)) continue;
    } else {
        atomic_fetch_add(answer->status ? &load->refused : &load->unanswered, 1);
    }
}

static void *count_on(void *argument)
{
    struct load *load = argument;
    while (!atomic_load(&load->stopping)) {
        uint8_t random[2];
        char key[8];
        crypto_random(random, sizeof random);
        const struct replica *replica = &load->replicas[random[0] % load->replica_count];
        snprintf(key, sizeof key, "k%d", random[1] % LOAD_KEYS);
        if (replica->port) {
            const struct tally_answer answer = tally_count(replica, key);
            note(load, random[1] % LOAD_KEYS, &answer);
        }
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    }
    return NULL;
}

void load_start(struct load *load, const struct replica *replicas, int count)
{
    load->replicas = replicas;
    load->replica_count = count;
    atomic_store(&load->stopping, false);
    for (int i = 0; i < LOAD_THREADS; i++) assert_int_equal(pthread_create(&load->threads[i], NULL, count_on, load), 0);
}

void load_stop(struct load *load)
{
    if (!load->replicas) return;
    atomic_store(&load->stopping, true);
    for (int i = 0; i < LOAD_THREADS; i++) pthread_join(load->threads[i], NULL);
    load->replicas = NULL;
}

void load_expect_kept(const struct load *load, const struct tally *tally)
{
    for (int i = 0; i < LOAD_KEYS; i++) {
        const int64_t answered = atomic_load(&load->highest[i]);
        const int64_t kept = atoll(tally_ask(tally, "SELECT coalesce(max(number), 0) FROM counters WHERE key = 'k%d'", i));
        if (kept < answered) fail_msg("k%d was answered %lld, and %lld is kept", i, (long long)answered, (long long)kept);
    }
}

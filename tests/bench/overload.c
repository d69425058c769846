// SPDX-License-Identifier: MIT
// overload RATE SECONDS THREADS PATH BODY: sends so many requests a second, whether answers come or not, as a crowd does: each of
// the threads has its own moments. Prints how many a second were answered well, how many were refused (429, 503), how soon, and
// how many got anything else.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "clock.h"

struct crowd {
    double rate;
    int seconds, threads;
    const char *path, *body;
    int64_t began_us;
};

struct sender {
    const struct crowd *crowd;
    pthread_t thread;
    int number, good, other;
    struct samples good_ms, refused_ms;
};

static void sleep_until(int64_t moment_us)
{
    const struct timespec until = {moment_us / 1000000, moment_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) continue;
}

static void *send_all(void *argument)
{
    struct sender *sender = argument;
    const struct crowd *crowd = sender->crowd;
    struct bench bench;
    bench_start(&bench);
    for (int i = sender->number; i < (int)(crowd->rate * crowd->seconds); i += crowd->threads) {
        sleep_until(crowd->began_us + (int64_t)(i / crowd->rate * 1e6));
        const int64_t sent_us = clock_monotonic_us();
        const int status = bench_call(&bench, crowd->body ? "POST" : "GET", crowd->path, NULL, crowd->body, NULL);
        const double took_ms = (double)(clock_monotonic_us() - sent_us) / 1e3;
        if (status == 429 || status == 503) samples_add(&sender->refused_ms, took_ms);
        else if (status < 300) samples_add(&sender->good_ms, took_ms);
        else sender->other++;
    }
    bench_end(&bench);
    return NULL;
}

static void gather(struct samples *all, struct samples *some)
{
    for (size_t i = 0; i < some->count; i++) samples_add(all, some->items[i]);
    samples_free(some);
}

int main(int argc, char **argv)
{
    if (argc < 5) bench_fail("overload RATE SECONDS THREADS PATH [BODY]");
    const struct crowd crowd = {.rate = atof(argv[1]), .seconds = atoi(argv[2]), .threads = atoi(argv[3]), .path = argv[4], .body = argc > 5 ? argv[5] : NULL,
                                .began_us = clock_monotonic_us() + 200000};
    struct sender *senders = calloc((size_t)crowd.threads, sizeof *senders);
    struct samples good = {0}, refused = {0};
    int other = 0;
    for (int i = 0; senders && i < crowd.threads; i++) {
        senders[i] = (struct sender){.crowd = &crowd, .number = i};
        if (pthread_create(&senders[i].thread, NULL, send_all, &senders[i])) bench_fail("no thread");
    }
    for (int i = 0; senders && i < crowd.threads; i++) {
        pthread_join(senders[i].thread, NULL);
        gather(&good, &senders[i].good_ms);
        gather(&refused, &senders[i].refused_ms);
        other += senders[i].other;
    }
    const double took_s = (double)(clock_monotonic_us() - crowd.began_us) / 1e6;
    printf("figures good_per_second=%.1f good_p99_ms=%.1f refused=%zu refused_median_ms=%.2f refused_p99_ms=%.2f other=%d seconds=%.1f\n",
           (double)good.count / took_s, good.count ? samples_percentile(&good, 0.99) : 0, refused.count, refused.count ? samples_percentile(&refused, 0.5) : 0,
           refused.count ? samples_percentile(&refused, 0.99) : 0, other, took_s);
    samples_free(&good), samples_free(&refused);
    free(senders);
    return 0;
}

// SPDX-License-Identifier: MIT
// overload RATE SECONDS THREADS PATH FILE: posts the bodies of the file, one a line, over and over, so many a second, whether
// answers come or not, as a crowd does: each of the threads has its own moments. Prints how many a second were answered well, how
// many were refused (429, 503), how soon, and how many got anything else.
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
    const char *path;
    char **bodies;
    int body_count;
    int64_t began_us;
};

struct sender {
    const struct crowd *crowd;
    pthread_t thread;
    int number, good, other;
    struct samples good_ms, refused_ms;
};

static void read_bodies(struct crowd *crowd, const char *name)
{
    FILE *file = fopen(name, "re");
    if (!file) bench_fail("no such file of bodies");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t length; (length = getline(&line, &room, file)) > 1; crowd->body_count++) {
        line[strcspn(line, "\n")] = '\0';
        crowd->bodies = reallocarray(crowd->bodies, (size_t)crowd->body_count + 1, sizeof *crowd->bodies);
        if (!crowd->bodies || !(crowd->bodies[crowd->body_count] = strdup(line))) bench_fail("no memory");
    }
    free(line);
    fclose(file);
    if (!crowd->body_count) bench_fail("the file of bodies is empty");
}

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
        const int status = bench_call(&bench, "POST", crowd->path, NULL, crowd->bodies[i % crowd->body_count], NULL);
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
    if (argc != 6) bench_fail("overload RATE SECONDS THREADS PATH FILE");
    struct crowd crowd = {.rate = atof(argv[1]), .seconds = atoi(argv[2]), .threads = atoi(argv[3]), .path = argv[4]};
    read_bodies(&crowd, argv[5]);
    crowd.began_us = clock_monotonic_us() + 200000;
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
    for (int i = 0; i < crowd.body_count; i++) free(crowd.bodies[i]);
    free(crowd.bodies);
    return 0;
}

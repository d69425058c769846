// SPDX-License-Identifier: MIT
#include "account.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

bool account_open(struct account *ret, int purchases)
{
    *ret = (struct account){.began_ms = clock_monotonic_ms(), .purchase_count = purchases, .family_count = (purchases + PURCHASES_EACH - 1) / PURCHASES_EACH};
    pthread_mutex_init(&ret->lock, NULL);
    ret->families = calloc((size_t)ret->family_count, sizeof *ret->families);
    ret->purchases = calloc((size_t)purchases, sizeof *ret->purchases);
    return ret->families && ret->purchases;
}

void account_close(struct account *account)
{
    pthread_mutex_destroy(&account->lock);
    free(account->families);
    free(account->purchases);
}

void account_tell(const struct account *account, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("  %4ld s  ", (long)(clock_monotonic_ms() - account->began_ms) / 1000);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void account_surprise(struct account *account, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&account->lock);
    const int place = account->surprise_count++;
    if (place < SURPRISES_MAX) vsnprintf(account->surprises[place], sizeof account->surprises[place], format, arguments);
    pthread_mutex_unlock(&account->lock);
    va_end(arguments);
}

static void print_statuses(const char *title, const atomic_long counts[STATUSES])
{
    long sum = 0;
    for (int i = 0; i < STATUSES; i++) sum += atomic_load(&counts[i]);
    printf("%-12s %ld", title, sum);
    for (int i = 0; i < STATUSES; i++) {
        const long count = atomic_load(&counts[i]);
        if (!count) continue;
        if (i == NO_ANSWER) printf("  no answer %ld", count);
        else if (i == TOO_LATE) printf("  too late %ld", count);
        else printf("  %d: %ld", i, count);
    }
    putchar('\n');
}

void account_print(const struct account *account)
{
    print_statuses("requests", account->statuses);
    print_statuses("retries", account->retried);
    printf("%-12s %d begun, %d seen paid, %d contacts unlocked, by %d families\n", "purchases", atomic_load(&account->bought),
           atomic_load(&account->completed), atomic_load(&account->unlocked), account->family_count);
}

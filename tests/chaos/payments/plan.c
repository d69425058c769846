// SPDX-License-Identifier: MIT
#include "plan.h"

#include <stdlib.h>

#include "cleanup.h"

#define BURST_PERCENT 15 // of the kills come right after another
#define BURST_MS_MAX 150
#define MOOD_MS_MIN 2000
#define MOOD_MS_MAX 5000

const struct target targets[] = {
    {"payments", "payments", MANNER_PART, 22},
    {"profiles", "profiles", MANNER_PART, 14},
    {"gateway", "gateway", MANNER_PART, 14},
    {"auth", "auth", MANNER_PART, 8},
    {"relay of payments", "payments", MANNER_RELAY, 10},
    {"relay of profiles", "profiles", MANNER_RELAY, 4},
    {"relay of auth", "auth", MANNER_RELAY, 4},
    {"PostgreSQL's postmaster", "postgres", MANNER_PART, 4},
    {"PostgreSQL whole", "postgres", MANNER_WITH_CHILDREN, 4},
    {"PostgreSQL backend", "postgres", MANNER_BACKEND, 6},
    {"broker", "kafka", MANNER_PART, 6},
    {"witness", "witness", MANNER_WITNESS, 4},
};
const int target_count = COUNT_OF(targets);
_Static_assert(COUNT_OF(targets) <= TARGETS_MAX, "raise TARGETS_MAX");

const char *const moods[] = {
    "{}", // a good day
    "{\"duplicate\":3}",
    "{\"delay_ms\":{\"min\":0,\"max\":4000}}",
    "{\"drop\":0.4}",
    "{\"reorder\":0.6,\"duplicate\":1}",
    "{\"early\":0.7,\"slow_ms\":400}",
    "{\"slow_ms\":900}",
    "{\"slow_ms\":2500}", // longer than we wait
    "{\"payer_ms\":2500}",
    "{\"string_codes\":0.5}",
    "{\"wrong_amount\":0.3}",
    "{\"wrong_checkout\":0.3}",
    "{\"malformed\":4}",
    "{\"broken\":{\"as\":\"html\",\"count\":4,\"on\":\"push\"}}",
    "{\"broken\":{\"as\":\"closed\",\"count\":4,\"on\":\"push\"}}",
    "{\"broken\":{\"as\":\"error\",\"count\":4,\"on\":\"push\",\"taken\":false}}",
    "{\"broken\":{\"as\":\"garbage\",\"count\":6,\"on\":\"any\"}}",
    "{\"broken\":{\"as\":\"html\",\"count\":8,\"on\":\"query\"}}",
    "{\"broken\":{\"as\":\"closed\",\"count\":2,\"on\":\"token\"},\"expire_token\":true}",
    "{\"refuse\":{\"code\":\"500.003.02\",\"count\":6}}",
    "{\"refuse\":{\"code\":\"500.001.1001\",\"count\":2}}",
    "{\"expire_token\":true}",
};
const int mood_count = COUNT_OF(moods);

static void deal_first(uint64_t seed, int dealt[TARGETS_MAX]);
static int pick(uint64_t number);
static int by_time(const void *left, const void *right);

bool plan_make(struct plan *ret, uint64_t seed, int purchases, int kills, int64_t gap_ms, struct arena *arena)
{
    int dealt[TARGETS_MAX];
    int64_t at_ms = 0;
    *ret = (struct plan){.seed = seed, .purchases = purchases, .kills = kills};
    const int64_t longest_ms = (int64_t)(kills + 1) * 2 * gap_ms;
    ret->steps = arena_alloc(arena, (size_t)(kills + longest_ms / MOOD_MS_MIN + 1) * sizeof *ret->steps);
    if (!ret->steps) return false;
    deal_first(seed, dealt);
    for (int i = 0; i < kills; i++) {
        const bool burst = i > 0 && chance_between(seed, ABOUT_GAP, 2 * (uint64_t)i, 1, 100) <= BURST_PERCENT;
        at_ms += chance_between(seed, ABOUT_GAP, 2 * (uint64_t)i + 1, burst ? 0 : gap_ms / 4, burst ? BURST_MS_MAX : 2 * gap_ms);
        const int target = i < target_count ? dealt[i] : pick(chance(seed, ABOUT_TARGET, (uint64_t)i));
        ret->steps[ret->step_count++] = (struct step){at_ms, target, chance(seed, ABOUT_STEP, (uint64_t)ret->step_count)};
    }
    ret->duration_ms = at_ms;
    at_ms = 0;
    for (uint64_t i = 0; at_ms <= ret->duration_ms; i++) {
        ret->steps[ret->step_count++] = (struct step){at_ms, -1, chance(seed, ABOUT_STEP, (uint64_t)ret->step_count)};
        at_ms += chance_between(seed, ABOUT_MOOD, i, MOOD_MS_MIN, MOOD_MS_MAX);
    }
    qsort(ret->steps, (size_t)ret->step_count, sizeof *ret->steps, by_time);
    return true;
}

// The first ones: each target once, shuffled.
static void deal_first(uint64_t seed, int dealt[TARGETS_MAX])
{
    for (int i = 0; i < target_count; i++) {
        const int with = (int)(chance(seed, ABOUT_TARGET, (uint64_t)i) % (uint64_t)(i + 1));
        dealt[i] = dealt[with];
        dealt[with] = i;
    }
}

static int pick(uint64_t number)
{
    int sum = 0, target = 0;
    for (int i = 0; i < target_count; i++) sum += targets[i].weight;
    for (int at = (int)(number % (uint64_t)sum); at >= targets[target].weight; target++) at -= targets[target].weight;
    return target;
}

static int by_time(const void *left, const void *right)
{
    const struct step *a = left, *b = right;
    if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms ? -1 : 1;
    return (a->target > b->target) - (a->target < b->target);
}

uint64_t chance(uint64_t seed, enum matter matter, uint64_t number) // splitmix64
{
    uint64_t value = seed + ((uint64_t)matter << 40) * UINT64_C(0xd1342543de82ef95) + (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

int64_t chance_between(uint64_t seed, enum matter matter, uint64_t number, int64_t min, int64_t max)
{
    return min + (int64_t)(chance(seed, matter, number) % (uint64_t)(max - min + 1));
}

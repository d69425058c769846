// SPDX-License-Identifier: MIT
#include "quirks.h"

#include <stdio.h>
#include <string.h>

#include "simulator_private.h"
#include "text.h"

#define COUNT_MAX 1000000
#define COPIES_MAX 100

// Each reads one member into its place; false when it is not what it should be.
static bool read_copies(const json_t *value, void *out);
static bool read_count(const json_t *value, void *out);
static bool read_range(const json_t *value, void *out);
static bool read_chance(const json_t *value, void *out);
static bool read_broken(const json_t *value, void *out);
static bool read_refuse(const json_t *value, void *out);
static bool read_flag(const json_t *value, void *out);
static bool read_seed(const json_t *value, void *out);

#define IN(member) offsetof(struct quirks_change, member)
static const struct member {
    const char *name;
    bool (*read)(const json_t *value, void *out);
    size_t offset;
} members[] = {
    {"duplicate", read_copies, IN(quirks.duplicate)},
    {"slow_ms", read_count, IN(quirks.slow_ms)},
    {"payer_ms", read_count, IN(quirks.payer_ms)},
    {"malformed", read_count, IN(quirks.malformed)},
    {"delay_ms", read_range, IN(quirks.delay_ms)},
    {"reorder", read_chance, IN(quirks.chances[CHANCE_REORDER])},
    {"drop", read_chance, IN(quirks.chances[CHANCE_DROP])},
    {"wrong_amount", read_chance, IN(quirks.chances[CHANCE_WRONG_AMOUNT])},
    {"wrong_checkout", read_chance, IN(quirks.chances[CHANCE_WRONG_CHECKOUT])},
    {"early", read_chance, IN(quirks.chances[CHANCE_EARLY])},
    {"string_codes", read_chance, IN(quirks.chances[CHANCE_STRING_CODES])},
    {"broken", read_broken, IN(quirks.broken)},
    {"refuse", read_refuse, IN(quirks.refuse)},
    {"expire_token", read_flag, IN(expire_token)},
    {"seed", read_seed, IN(seed)},
};

struct word {
    const char *name;
    int value;
};

static bool word_find(const struct word *words, size_t count, const char *name, int *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(words[i].name, name)) continue;
        *ret = words[i].value;
        return true;
    }
    return false;
}

bool quirks_read(const json_t *body, struct quirks_change *change, const char **ret_wrong)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, name, value) {
        const struct member *member = members;
        while (member < members + COUNT_OF(members) && strcmp(member->name, name) != 0) member++;
        *ret_wrong = name;
        if (member == members + COUNT_OF(members) || !member->read(value, (char *)change + member->offset)) return false;
    }
    return true;
}

// --- Members -------------------------------------------------------------------------------------

static bool read_number(const json_t *value, int64_t max, int64_t *ret)
{
    const int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > max) return false;
    *ret = number;
    return true;
}

static bool read_count(const json_t *value, void *out)
{
    return read_number(value, COUNT_MAX, out);
}

static bool read_copies(const json_t *value, void *out)
{
    return read_number(value, COPIES_MAX, out);
}

static bool read_seed(const json_t *value, void *out)
{
    return read_number(value, INT64_MAX, out);
}

static bool read_flag(const json_t *value, void *out)
{
    *(bool *)out = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_range(const json_t *value, void *out)
{
    struct range *range = out;
    return read_number(json_object_get(value, "min"), COUNT_MAX, &range->min) && read_number(json_object_get(value, "max"), COUNT_MAX, &range->max) &&
           range->min <= range->max;
}

static bool read_chance(const json_t *value, void *out)
{
    const double chance = json_is_true(value) ? 1 : json_number_value(value);
    *(double *)out = chance;
    return (json_is_boolean(value) || json_is_number(value)) && chance >= 0 && chance <= 1;
}

// How often, once where it is left out.
static bool read_times(const json_t *object, int64_t *ret)
{
    const json_t *count = json_object_get(object, "count");
    *ret = 1;
    return !count || read_number(count, COUNT_MAX, ret);
}

static bool read_broken(const json_t *value, void *out)
{
    static const struct word ways[] = {{"html", BROKEN_HTML}, {"error", BROKEN_ERROR}, {"closed", BROKEN_CLOSED}, {"garbage", BROKEN_GARBAGE}};
    static const struct word apis[] = {{"push", API_PUSH}, {"query", API_QUERY}, {"refund", API_REFUND}, {"token", API_TOKEN},
                                       {"any", API_PUSH | API_QUERY | API_REFUND | API_TOKEN}};
    struct breakage *broken = out;
    const json_t *on = json_object_get(value, "on"), *taken = json_object_get(value, "taken");
    int way = 0;
    *broken = (struct breakage){.on = API_PUSH | API_QUERY | API_REFUND, .not_taken = json_is_false(taken)};
    if (!word_find(ways, COUNT_OF(ways), json_is_string(value) ? json_string_value(value) : json_member_text(value, "as"), &way)) return false;
    broken->as = (enum broken)way;
    return read_times(value, &broken->count) && (!taken || json_is_boolean(taken)) &&
           (!on || word_find(apis, COUNT_OF(apis), json_string_value(on), &broken->on));
}

static bool read_refuse(const json_t *value, void *out)
{
    static const struct {
        const char *code, *message;
    } known[] = {
        {"500.003.02", "Error Occurred: Spike Arrest Violation"},
        {"500.003.03", "Error Occurred: Quota Violation"},
        {"500.001.1001", "Unable to lock subscriber, a transaction is already in process for the current subscriber"},
        {"404.001.03", "Invalid Access Token"},
    };
    struct refusal *refuse = out;
    const char *code = json_is_string(value) ? json_string_value(value) : json_member_text(value, "code");
    const char *message = json_member_text(value, "message");
    for (size_t i = 0; !message && i < COUNT_OF(known); i++)
        if (text_equal(known[i].code, code)) message = known[i].message;
    if (!code || strlen(code) >= sizeof refuse->code || code[strcspn(code, "\"\\")]) return false;
    snprintf(refuse->code, sizeof refuse->code, "%s", code);
    snprintf(refuse->message, sizeof refuse->message, "%s", message ? message : "Refused");
    return read_times(value, &refuse->count);
}

// --- Chance --------------------------------------------------------------------------------------

static uint64_t random_next(struct simulator *simulator) // splitmix64
{
    uint64_t value = simulator->random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

bool chance_of(struct simulator *simulator, enum chance chance)
{
    const double probability = simulator->quirks.chances[chance];
    if (probability <= 0 || probability >= 1) return probability >= 1; // what is certain leaves the generator alone
    return (double)(random_next(simulator) >> 11) * 0x1p-53 < probability;
}

int64_t random_between(struct simulator *simulator, int64_t min, int64_t max)
{
    return min >= max ? min : min + (int64_t)(random_next(simulator) % (uint64_t)(max - min + 1));
}

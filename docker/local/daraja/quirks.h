// SPDX-License-Identifier: MIT
// How the simulator misbehaves, as POST /control told it (simulator.h).
#pragma once

#include "json.h"

struct simulator;

enum chance { CHANCE_REORDER, CHANCE_DROP, CHANCE_WRONG_AMOUNT, CHANCE_WRONG_CHECKOUT, CHANCE_EARLY, CHANCE_STRING_CODES, CHANCES };
enum api { API_CONTROL = 0, API_PUSH = 1, API_QUERY = 2, API_REFUND = 4, API_TOKEN = 8 }; // bits
enum broken { BROKEN_NOT, BROKEN_HTML, BROKEN_ERROR, BROKEN_CLOSED, BROKEN_GARBAGE };

struct range {
    int64_t min, max;
};

// The next count answers are lost.
struct breakage {
    enum broken as;
    int64_t count;
    int on; // bits of enum api
    bool not_taken;
};

// The next count pushes are refused.
struct refusal {
    char code[16], message[120];
    int64_t count;
};

struct quirks {
    int64_t duplicate, slow_ms, malformed;
    int64_t payer_ms; // 0: as the setting says
    struct range delay_ms;
    double chances[CHANCES];
    struct breakage broken;
    struct refusal refuse;
};

struct quirks_change {
    struct quirks quirks;
    bool expire_token;
    int64_t seed; // negative: as it was
};

// Reads a POST /control body over *change; false names the first member that is wrong.
MUST_USE bool quirks_read(const json_t *body, struct quirks_change *change, const char **ret_wrong);
// Locked. The one generator.
bool chance_of(struct simulator *simulator, enum chance chance);
int64_t random_between(struct simulator *simulator, int64_t min, int64_t max);

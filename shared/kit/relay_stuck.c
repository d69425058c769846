// SPDX-License-Identifier: MIT
#include "relay_stuck.h"

#include <stdio.h>
#include <stdlib.h>

#include "db.h"

void relay_stuck_add(struct relay_stuck *stuck, const char *topic, const char *key, int64_t due_ms)
{
    char *name = NULL;
    if (stuck->count == STUCK_MAX || asprintf(&name, "%s %s", topic, key) < 0) return;
    stuck->rows[stuck->count].name = name;
    stuck->rows[stuck->count++].due_ms = due_ms;
}

char *relay_stuck_array(struct relay_stuck *stuck, int64_t now_ms, struct arena *arena)
{
    const char *names[STUCK_MAX];
    int kept = 0;
    for (int i = 0; i < stuck->count; i++) {
        if (stuck->rows[i].due_ms > now_ms) stuck->rows[kept++] = stuck->rows[i];
        else free(stuck->rows[i].name);
    }
    stuck->count = kept;
    for (int i = 0; i < kept; i++) names[i] = stuck->rows[i].name;
    return db_array(arena, names, (size_t)kept);
}

void relay_stuck_clear(struct relay_stuck *stuck)
{
    for (int i = 0; i < stuck->count; i++) free(stuck->rows[i].name);
    stuck->count = 0;
}

// SPDX-License-Identifier: MIT
#include "line.h"

#include <stddef.h>

static void step_out(struct line *line, const struct line_place *place)
{
    struct line_place **at = &line->first;
    while (*at != place) at = &(*at)->next;
    *at = place->next;
    line->waiting--;
}

void line_join(struct line *line, struct line_place *place)
{
    *place = (struct line_place){0};
    condition_init(&place->called);
    struct line_place **at = &line->first;
    while (*at) at = &(*at)->next;
    *at = place;
    line->waiting++;
}

void line_leave(struct line *line, struct line_place *place)
{
    if (!place->handed) step_out(line, place);
    pthread_cond_destroy(&place->called);
}

bool line_hand(struct line *line, void *thing)
{
    struct line_place *first = line->first;
    if (!first) return false;
    step_out(line, first);
    first->handed = thing;
    pthread_cond_signal(&first->called); // under the mutex: she is gone once she has it
    return true;
}

void line_call_all(const struct line *line)
{
    for (struct line_place *place = line->first; place; place = place->next) pthread_cond_signal(&place->called);
}

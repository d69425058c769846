// SPDX-License-Identifier: MIT
// The table of states: what is listed happens, what is not does not, and paid is final.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "states.h"

static const enum push_state all_states[] = {PUSH_CREATED, PUSH_PUSHING, PUSH_PUSHED, PUSH_UNKNOWN, PUSH_COMPLETED, PUSH_FAILED, PUSH_EXPIRED};
static const enum push_event all_events[] = {EVENT_ACCEPTED, EVENT_REFUSED, EVENT_NOT_SENT, EVENT_LOST, EVENT_SILENT, EVENT_PAID, EVENT_NOT_PAID, EVENT_TIMED_OUT, EVENT_GIVEN_UP, EVENT_CANCELLED};
#define EACH(item_, list_) (size_t item_ = 0; item_ < sizeof(list_) / sizeof(list_[0]); item_++)

static bool leads(enum push_state from, enum push_event event, enum push_state to)
{
    enum push_state got;
    return push_state_next(from, event, &got) && got == to;
}

static bool leads_nowhere(enum push_state from, enum push_event event)
{
    enum push_state got;
    return !push_state_next(from, event, &got);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    for EACH (i, all_states) {
        enum push_state parsed;
        assert_true(push_state_parse(push_state_name(all_states[i]), &parsed));
        assert_int_equal(parsed, all_states[i]);
    }
    enum push_state none;
    assert_false(push_state_parse("paid", &none));
    assert_false(push_state_parse(NULL, &none));
}

static void paid_wins_wherever_a_prompt_may_have_been(void **state)
{
    (void)state;
    for EACH (i, all_states) {
        const bool prompted = all_states[i] != PUSH_CREATED && all_states[i] != PUSH_COMPLETED;
        assert_int_equal(leads(all_states[i], EVENT_PAID, PUSH_COMPLETED), prompted);
    }
}

static void completed_is_final(void **state)
{
    (void)state;
    for EACH (i, all_events) assert_true(leads_nowhere(PUSH_COMPLETED, all_events[i]));
}

static void what_may_have_been_sent_is_never_sent_again(void **state)
{
    (void)state;
    for EACH (i, all_states)
        for EACH (j, all_events) {
            const bool back = leads(all_states[i], all_events[j], PUSH_CREATED);
            assert_int_equal(back, all_states[i] == PUSH_PUSHING && all_events[j] == EVENT_NOT_SENT);
            assert_false(leads(all_states[i], all_events[j], PUSH_PUSHING)); // by a worker's claim alone
        }
}

static void only_what_nobody_has_sent_is_cancelled(void **state)
{
    (void)state;
    for EACH (i, all_states) assert_int_equal(!leads_nowhere(all_states[i], EVENT_CANCELLED), all_states[i] == PUSH_CREATED);
}

static void a_failure_never_undoes_what_is_settled(void **state)
{
    (void)state;
    static const enum push_state settled[] = {PUSH_COMPLETED, PUSH_FAILED, PUSH_EXPIRED};
    static const enum push_event bad[] = {EVENT_REFUSED, EVENT_LOST, EVENT_SILENT, EVENT_NOT_PAID, EVENT_TIMED_OUT, EVENT_GIVEN_UP, EVENT_CANCELLED};
    for EACH (i, settled)
        for EACH (j, bad) assert_true(leads_nowhere(settled[i], bad[j]));
}

static void the_diagram_has_a_line_for_every_change(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    push_states_print(out);
    fclose(out);
    int changes = 0, lines = 0;
    for EACH (i, all_states)
        for EACH (j, all_events) changes += !leads_nowhere(all_states[i], all_events[j]);
    for (const char *at = text; (at = strstr(at, " --> ")); at++) lines++;
    assert_int_equal(lines, changes + 3); // asked for, taken, and the end
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(paid_wins_wherever_a_prompt_may_have_been),
        cmocka_unit_test(completed_is_final),
        cmocka_unit_test(what_may_have_been_sent_is_never_sent_again),
        cmocka_unit_test(only_what_nobody_has_sent_is_cancelled),
        cmocka_unit_test(a_failure_never_undoes_what_is_settled),
        cmocka_unit_test(the_diagram_has_a_line_for_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

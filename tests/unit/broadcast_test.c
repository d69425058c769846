// SPDX-License-Identifier: MIT
// What every replica reads: topics that must be known whole, and topics of which only news count.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker.h"
#include "eventually.h"
#include "inbox.h"
#include "service.h"

// What a handler was told: "key=note …", written by a reader's thread.
struct told {
    pthread_mutex_t lock;
    char text[512];
};
static struct told whole = {.lock = PTHREAD_MUTEX_INITIALIZER}, second_whole = {.lock = PTHREAD_MUTEX_INITIALIZER},
                   news = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct topic whole_topic, news_topic;
static struct error err;
static struct broadcast *broadcast, *other;

static int refusals; // so many events are not taken, for want of memory

static bool note(struct told *told, const struct event *event, struct error *why)
{
    if (refusals > 0) return refusals--, error_set(why, &problem_unavailable, NULL);
    pthread_mutex_lock(&told->lock);
    const char *text = event->data ? json_member_text(event->data, "note") : "gone";
    snprintf(told->text + strlen(told->text), sizeof told->text - strlen(told->text), "%s=%s ", event->key, text);
    pthread_mutex_unlock(&told->lock);
    return true;
}

static bool has(struct told *told, const char *text)
{
    pthread_mutex_lock(&told->lock);
    const bool same = strcmp(told->text, text) == 0;
    pthread_mutex_unlock(&told->lock);
    return same;
}

static bool holds(struct told *told, const char *text)
{
    pthread_mutex_lock(&told->lock);
    const bool found = strstr(told->text, text);
    pthread_mutex_unlock(&told->lock);
    return found;
}

static bool take_whole(struct app *app, const struct event *event, struct error *why)
{
    (void)app;
    return note(&whole, event, why);
}

static bool take_whole_too(struct app *app, const struct event *event, struct error *why)
{
    (void)app;
    return note(&second_whole, event, why);
}

static bool take_news(struct app *app, const struct event *event, struct error *why)
{
    (void)app;
    return note(&news, event, why);
}

static const struct broadcast_subscription everything[] = {
    {&whole_topic, false, take_whole},
    {&whole_topic, false, take_whole_too},
    {&news_topic, true, take_news},
    {0},
};
static const struct broadcast_subscription only_whole[] = {{&whole_topic, false, take_whole}, {0}};
static struct service service = {.name = "test"};
static struct app app = {.service = &service};

static void start(const struct broadcast_subscription *rows)
{
    service.broadcasts = rows;
    app.config.kafka_brokers = broker_address();
    broadcast = broadcast_start(&app, &err);
    if (!broadcast) fail_msg("%s: %s", err.detail, err.cause);
}

static int setup(void **state)
{
    (void)state;
    whole.text[0] = second_whole.text[0] = news.text[0] = '\0';
    whole_topic = broker_topic(1, true);
    news_topic = broker_topic(1, false);
    err = (struct error){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    broadcast_stop(broadcast);
    broadcast_stop(other);
    broadcast = other = NULL;
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    broker_close();
    return 0;
}

static void send_note(const struct topic *topic, const char *key, const char *data)
{
    broker_send_event(topic->name, "1", "x.v1", key, data); // nothing is remembered, so ids may repeat
}

static void whole_topic_is_read_before_it_has_caught_up(void **state)
{
    (void)state;
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    send_note(&whole_topic, "b", "{\"note\":\"2\"}");
    send_note(&whole_topic, "a", NULL);
    start(only_whole);
    eventually(broadcast_caught_up(broadcast));
    assert_true(has(&whole, "a=1 b=2 a=gone ")); // not only eventually
    send_note(&whole_topic, "c", "{\"note\":\"3\"}");
    eventually(has(&whole, "a=1 b=2 a=gone c=3 "));
}

static void news_begin_at_the_end(void **state)
{
    (void)state;
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    send_note(&news_topic, "a", "{\"note\":\"old\"}");
    start(everything);
    eventually(broadcast_caught_up(broadcast));
    assert_true(has(&whole, "a=1 "));
    send_note(&news_topic, "a", "{\"note\":\"new\"}");
    eventually(has(&news, "a=new "));
}

static void all_handlers_of_a_topic_are_called(void **state)
{
    (void)state;
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    start(everything);
    eventually(broadcast_caught_up(broadcast));
    assert_true(has(&whole, "a=1 "));
    assert_true(has(&second_whole, "a=1 "));
    assert_true(has(&news, ""));
}

static void every_replica_is_told(void **state)
{
    (void)state;
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    start(only_whole);
    eventually(broadcast_caught_up(broadcast));
    other = broadcast_start(&app, &err);
    assert_non_null(other);
    eventually(broadcast_caught_up(other));
    assert_true(has(&whole, "a=1 a=1 ")); // both write to the same place
}

static void record_that_is_no_event_is_passed_over(void **state)
{
    (void)state;
    broker_send(whole_topic.name, "a", "rubbish");
    send_note(&whole_topic, "b", "{");
    send_note(&whole_topic, "c", "{\"note\":\"1\"}");
    start(only_whole);
    eventually(broadcast_caught_up(broadcast));
    assert_true(has(&whole, "c=1 "));
}

// Nothing that is told once is lost for want of memory, nor is anybody told that all is known before it is.
static void what_could_not_be_taken_comes_again(void **state)
{
    (void)state;
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    send_note(&whole_topic, "b", "{\"note\":\"2\"}");
    refusals = 2;
    start(only_whole);
    eventually(broadcast_caught_up(broadcast));
    assert_true(holds(&whole, "a=1 b=2 ")); // not only eventually
    send_note(&whole_topic, "c", "{\"note\":\"3\"}");
    eventually(holds(&whole, "b=2 c=3 "));
}

static void topic_that_is_missing_is_waited_for(void **state)
{
    (void)state;
    whole_topic.name = broker_name();
    start(only_whole);
    assert_false(broadcast_caught_up(broadcast));
    broker_make_topic(whole_topic.name, 1, true);
    send_note(&whole_topic, "a", "{\"note\":\"1\"}");
    eventually(has(&whole, "a=1 "));
    eventually(broadcast_caught_up(broadcast));
}

static const struct problem *problem_of_a_bad_token(void)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(1 << 16);
    struct caller caller;
    struct error why = {0};
    assert_false(identity_verify(app.identity, "no token", arena, &caller, &why));
    return why.problem;
}

// Nobody is told that she is not signed in by a process that does not know the keys yet.
static void tokens_are_judged_once_the_whole_is_read(void **state)
{
    (void)state;
    app.identity = identity_new(&(struct identity_config){"issuer", "audience", 16, 0, &clock_system, .is_filled_later = true});
    whole_topic.name = broker_name();
    start(only_whole);
    assert_ptr_equal(problem_of_a_bad_token(), &problem_unavailable);
    broker_make_topic(whole_topic.name, 1, true);
    eventually(broadcast_caught_up(broadcast));
    assert_ptr_equal(problem_of_a_bad_token(), &problem_unauthenticated);
    broadcast_stop(broadcast);
    broadcast = NULL;
    identity_free(app.identity);
    app.identity = NULL;
}

static void nothing_to_read_is_caught_up_at_once(void **state)
{
    (void)state;
    start(NULL);
    assert_true(broadcast_caught_up(broadcast));
    assert_false(broadcast_caught_up(NULL)); // not started
    broadcast_stop(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_topic_is_read_before_it_has_caught_up),
        TEST(news_begin_at_the_end),
        TEST(all_handlers_of_a_topic_are_called),
        TEST(every_replica_is_told),
        TEST(record_that_is_no_event_is_passed_over),
        TEST(what_could_not_be_taken_comes_again),
        TEST(topic_that_is_missing_is_waited_for),
        TEST(tokens_are_judged_once_the_whole_is_read),
        TEST(nothing_to_read_is_caught_up_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, close_broker);
}

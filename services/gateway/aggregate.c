// SPDX-License-Identifier: MIT
#include "aggregate.h"

#include <string.h>

#include "fanout.h"

#define ACTIVITY_MAX 10

// What an aggregate may consist of.
static const struct part {
    const char *member;
    enum upstream_service service;
    const char *path;
    enum user_type only_for; // USER_NONE: everybody
    bool in_me, in_dashboard;
    bool is_list; // taken whole: {"<member>": [...], "pagination": …}
} parts[] = {
    {"user", UPSTREAM_AUTH, "/auth/me", USER_NONE, true, true, false},
    {"profile", UPSTREAM_PROFILES, "/profiles/me", USER_NONE, true, true, false},
    {"credits", UPSTREAM_PAYMENTS, "/payments/contact-credits", USER_EMPLOYER, true, true, false},
    {"housegirls", UPSTREAM_PROFILES, "/housegirls/?per_page=5&sort=newest&is_available=true", USER_EMPLOYER,
     false, true, true},
    {"housegirls", UPSTREAM_PROFILES, "/housegirls/?per_page=5&sort=newest&is_available=true", USER_AGENCY,
     false, true, true},
    {"employers", UPSTREAM_PROFILES, "/employers/?per_page=5", USER_HOUSEGIRL, false, true, true},
};

// The parts of one answer, as they came.
struct assembly {
    const struct part *parts[FANOUT_MAX];
    struct fanout_call calls[FANOUT_MAX];
    json_t *values[FANOUT_MAX]; // NULL: absent or failed
    int count;
    json_t *partial; // names of services that failed
};

static bool assemble(struct request *rq, bool dashboard, struct assembly *assembly, struct error *err);
static bool part_wanted(const struct gateway *gateway, const struct caller *caller, const struct part *part,
                        bool dashboard);
static bool part_take(struct assembly *assembly, int i, struct error *err);
static json_t *unwrap(json_t *value, const char *member);
static void assembly_release(struct assembly *assembly);
static json_t *value_of(const struct assembly *assembly, const char *member);
static bool answer(struct request *rq, struct response *rs, json_t *out, const struct assembly *assembly);
static json_t *stats_of(const struct assembly *assembly);
static void stats_count(json_t *stats, const char *name, const json_t *list);
static json_t *available_of(const struct assembly *assembly);
static json_t *activity_of(const json_t *user, const json_t *profile, const json_t *workers, size_t most);
static void activity_add(json_t *list, const char *type, const char *id, const char *at);

bool me_read(struct request *rq, struct response *rs, struct error *err)
{
    CLEANUP(assembly_release) struct assembly assembly = {0};
    if (!assemble(rq, false, &assembly, err)) return false;
    CLEANUP(json_release) json_t *out = json_object();
    for (int i = 0; i < assembly.count; i++) {
        json_object_set_new(out, assembly.parts[i]->member,
                            assembly.values[i] ? json_incref(assembly.values[i]) : json_null());
    }
    return answer(rq, rs, out, &assembly);
}

bool dashboard_read(struct request *rq, struct response *rs, struct error *err)
{
    CLEANUP(assembly_release) struct assembly assembly = {0};
    if (!assemble(rq, true, &assembly, err)) return false;
    json_t *user = value_of(&assembly, "user");
    json_t *workers = json_object_get(value_of(&assembly, "housegirls"), "housegirls");
    CLEANUP(json_release) json_t *out = json_object();
    json_object_set_new(out, "user", user ? json_incref(user) : json_null());
    json_object_set_new(out, "stats", stats_of(&assembly));
    json_object_set_new(out, "recent_activity",
                        activity_of(user, value_of(&assembly, "profile"), workers, ACTIVITY_MAX));
    json_object_set_new(out, "available_data", available_of(&assembly));
    return answer(rq, rs, out, &assembly);
}

// --- Parts ---------------------------------------------------------------------------------------

static bool assemble(struct request *rq, bool dashboard, struct assembly *assembly, struct error *err)
{
    const struct gateway *gateway = gateway_of(rq);
    const struct gateway_settings *settings = rq->app->settings;
    assembly->partial = json_array();
    for (size_t i = 0; i < COUNT_OF(parts) && assembly->count < FANOUT_MAX; i++) {
        if (!part_wanted(gateway, &rq->caller, &parts[i], dashboard)) continue;
        assembly->calls[assembly->count] =
            (struct fanout_call){.service = parts[i].service, .path = parts[i].path};
        assembly->parts[assembly->count++] = &parts[i];
    }
    fanout(rq, assembly->calls, assembly->count, (int)settings->aggregate_timeout_ms);
    for (int i = 0; i < assembly->count; i++) {
        if (!part_take(assembly, i, err)) return false;
    }
    return true;
}

static bool part_wanted(const struct gateway *gateway, const struct caller *caller, const struct part *part,
                        bool dashboard)
{
    if (dashboard ? !part->in_dashboard : !part->in_me) return false;
    if (part->only_for != USER_NONE && part->only_for != caller->type) return false;
    // An installation may do without the others; auth and profiles always belong to the answer.
    return part->service <= UPSTREAM_PROFILES || upstream_configured(gateway->upstreams, part->service);
}

// False only where the caller turns out not to be signed in.
static bool part_take(struct assembly *assembly, int i, struct error *err)
{
    const struct part *part = assembly->parts[i];
    const struct fanout_call *call = &assembly->calls[i];
    struct error malformed = {0};
    if (call->answered && call->answer.status == 401) return error_set(err, &problem_unauthenticated, NULL);
    if (call->answered && call->answer.status == 404) return true;
    if (call->answered && call->answer.status == 200) {
        json_t *value = json_parse(call->answer.body, call->answer.body_length, &malformed);
        assembly->values[i] = part->is_list ? value : unwrap(value, part->member);
        if (json_is_object(assembly->values[i])) return true;
    }
    json_t *name = json_string(upstream_name(part->service));
    bool known = false;
    for (size_t j = 0; j < json_array_size(assembly->partial); j++) {
        known = known || json_equal(json_array_get(assembly->partial, j), name);
    }
    if (known)
        json_decref(name);
    else
        json_array_append_new(assembly->partial, name);
    return true;
}

// {"user": {…}} and {…} are the same to us.
static json_t *unwrap(json_t *value, const char *member)
{
    json_t *inner = json_object_get(value, member);
    if (!json_is_object(inner)) return value;
    json_incref(inner);
    json_decref(value);
    return inner;
}

static void assembly_release(struct assembly *assembly)
{
    for (int i = 0; i < assembly->count; i++) json_decref(assembly->values[i]);
    json_decref(assembly->partial);
}

static json_t *value_of(const struct assembly *assembly, const char *member)
{
    for (int i = 0; i < assembly->count; i++) {
        if (strcmp(assembly->parts[i]->member, member) == 0) return assembly->values[i];
    }
    return NULL;
}

static bool answer(struct request *rq, struct response *rs, json_t *out, const struct assembly *assembly)
{
    if (json_array_size(assembly->partial)) json_object_set(out, "partial", assembly->partial);
    response_json(rs, json_text(rq->arena, out));
    return true;
}

// --- The dashboard's members ---------------------------------------------------------------------

static json_t *stats_of(const struct assembly *assembly)
{
    json_t *stats = json_object();
    json_t *profile = value_of(assembly, "profile");
    json_t *housegirl = json_object_get(profile, "housegirl");
    json_t *credits = value_of(assembly, "credits");
    json_object_set_new(stats, "has_profile", json_boolean(profile != NULL));
    stats_count(stats, "available_workers", value_of(assembly, "housegirls"));
    stats_count(stats, "employers", value_of(assembly, "employers"));
    if (credits) json_object_set(stats, "credits", credits);
    static const char *const own[] = {"is_available", "verification_status"};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        json_t *value = json_object_get(housegirl, own[i]);
        if (value) json_object_set(stats, own[i], value);
    }
    return stats;
}

static void stats_count(json_t *stats, const char *name, const json_t *list)
{
    json_t *total = json_object_get(json_object_get(list, "pagination"), "total");
    if (total) json_object_set(stats, name, total);
}

static json_t *available_of(const struct assembly *assembly)
{
    json_t *available = json_object();
    for (int i = 0; i < assembly->count; i++) {
        const struct part *part = assembly->parts[i];
        if (!part->is_list) continue;
        json_t *rows = json_object_get(assembly->values[i], part->member);
        json_object_set_new(available, part->member, rows ? json_incref(rows) : json_array());
    }
    return available;
}

// What the caller's own rows and the newest workers tell.
static json_t *activity_of(const json_t *user, const json_t *profile, const json_t *workers, size_t most)
{
    json_t *list = json_array();
    activity_add(list, "account_created", json_member_text(user, "id"), json_member_text(user, "created_at"));
    activity_add(list, "profile_updated", json_member_text(profile, "id"),
                 json_member_text(profile, "updated_at"));
    size_t i;
    json_t *worker;
    json_array_foreach(workers, i, worker) {
        activity_add(list, "worker_joined", json_member_text(worker, "id"),
                     json_member_text(worker, "created_at"));
    }
    while (json_array_size(list) > most) json_array_remove(list, most);
    return list;
}

// Keeps the list sorted, newest first; RFC 3339 in UTC sorts as text.
static void activity_add(json_t *list, const char *type, const char *id, const char *at)
{
    if (!id || !at) return;
    size_t place = 0;
    for (const char *other; (other = json_member_text(json_array_get(list, place), "at")); place++) {
        if (strcmp(other, at) < 0) break;
    }
    json_array_insert_new(list, place, json_pack("{s:s, s:s, s:s}", "type", type, "id", id, "at", at));
}

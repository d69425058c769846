// SPDX-License-Identifier: MIT
#include "compatibility.h"

#include <string.h>

#include "json.h"
#include "text.h"

#define DEPTH_MAX 32
#define NO_MEMORY "There is not enough memory to compare the events."

// What surrounds the data. Any change breaks; `why` ends the sentence.
static const struct fact {
    const char *keyword, *called, *why;
} facts[] = {
    {"title", "CloudEvents type", "and consumers choose events by it"},
    {"x-topic", "topic", "where its consumers do not look"},
    {"x-key", "key", "and order and compaction go by it"},
    {"x-partitions", "number of partitions", "and keys would move between them and lose their order"},
    {"x-compacted", "topic's compaction", "and what can be replayed would be another"},
};

// What each keyword of a schema is to a consumer. One that is not here is refused, so that nothing slips through.
static const struct rule {
    const char *keyword;
    enum { RULE_WORDS, RULE_PARTS, RULE_SET, RULE_VALUE } kind;
} rules[] = {
    {"$id", RULE_WORDS},          {"$schema", RULE_WORDS},       {"title", RULE_WORDS},            {"description", RULE_WORDS},
    {"examples", RULE_WORDS},     {"deprecated", RULE_WORDS},    {"writeOnly", RULE_WORDS},        {"x-tombstone", RULE_WORDS},
    {"x-topic", RULE_WORDS},      {"x-key", RULE_WORDS},         {"x-partitions", RULE_WORDS},     {"x-compacted", RULE_WORDS},
    {"x-retention-ms", RULE_WORDS}, // facts have sentences of their own
    {"properties", RULE_PARTS},   {"required", RULE_PARTS},      {"items", RULE_PARTS},            {"$ref", RULE_PARTS},
    {"components", RULE_PARTS},
    {"type", RULE_SET},           {"enum", RULE_SET},
    {"const", RULE_VALUE},        {"format", RULE_VALUE},        {"pattern", RULE_VALUE},          {"multipleOf", RULE_VALUE},
    {"minimum", RULE_VALUE},      {"maximum", RULE_VALUE},       {"exclusiveMinimum", RULE_VALUE}, {"exclusiveMaximum", RULE_VALUE},
    {"minLength", RULE_VALUE},    {"maxLength", RULE_VALUE},     {"minItems", RULE_VALUE},         {"maxItems", RULE_VALUE},
    {"uniqueItems", RULE_VALUE},  {"additionalProperties", RULE_VALUE},
};

struct comparison {
    struct arena *arena;
    const char *event;
    json_t *old_root, *new_root;
    int depth;
    compatibility_report report;
    void *state;
};

static void compare_event(struct comparison *comparison, json_t *old, json_t *new);
static void compare_retention(struct comparison *comparison, json_t *old, json_t *new);
static void compare_schemas(struct comparison *comparison, const char *path, json_t *old, json_t *new);
static void compare_keyword(struct comparison *comparison, const char *path, const char *keyword, json_t *old, json_t *new);
static void compare_sets(struct comparison *comparison, const char *path, const char *keyword, json_t *old, json_t *new);
static void compare_members(struct comparison *comparison, const char *path, json_t *old, json_t *new);
static void breaks(struct comparison *comparison, const char *format, ...) PRINTF_LIKE(2, 3);
static void adds(struct comparison *comparison, const char *format, ...) PRINTF_LIKE(2, 3);

void compatibility_compare(json_t *released, json_t *printed, compatibility_report report, void *state)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)16 << 20);
    struct comparison comparison = {.arena = arena, .report = report, .state = state};
    if (!arena) return report(state, true, NO_MEMORY);
    const char *name;
    json_t *schema;
    json_object_foreach(released, name, schema)
    {
        comparison.event = name;
        if (json_object_get(printed, name)) compare_event(&comparison, schema, json_object_get(printed, name));
        else breaks(&comparison, "it is no longer published, and its consumers wait for it");
    }
    json_object_foreach(printed, name, schema)
    {
        comparison.event = name;
        if (!json_object_get(released, name)) adds(&comparison, "it is new");
    }
    if (arena_failed(arena)) report(state, true, NO_MEMORY);
}

static const char *json_or_none(struct comparison *comparison, json_t *value)
{
    return value ? json_text(comparison->arena, value) : "none";
}

static void compare_event(struct comparison *comparison, json_t *old, json_t *new)
{
    comparison->old_root = old;
    comparison->new_root = new;
    for (size_t i = 0; i < COUNT_OF(facts); i++) {
        json_t *was = json_object_get(old, facts[i].keyword), *is = json_object_get(new, facts[i].keyword);
        if (was && !json_equal(was, is))
            breaks(comparison, "its %s was %s and is %s, %s", facts[i].called, json_or_none(comparison, was), json_or_none(comparison, is), facts[i].why);
    }
    compare_retention(comparison, json_object_get(old, "x-retention-ms"), json_object_get(new, "x-retention-ms"));
    compare_schemas(comparison, "", old, new);
}

// -1 is for ever. Longer is fine.
static void compare_retention(struct comparison *comparison, json_t *old, json_t *new)
{
    const json_int_t was = json_integer_value(old), is = json_integer_value(new);
    if (!old || (new && (is < 0 || (was >= 0 && is >= was)))) return;
    breaks(comparison, "its retention in ms was %s and is %s, and events that can be replayed would be gone", json_or_none(comparison, old),
           json_or_none(comparison, new));
}

// A nested table stands under its name in the components of the schema.
static json_t *resolve(json_t *root, json_t *schema)
{
    const char *reference = json_member_text(schema, "$ref"), *name = reference ? strrchr(reference, '/') : NULL;
    return name ? json_object_get(json_object_get(json_object_get(root, "components"), "schemas"), name + 1) : schema;
}

static void compare_schemas(struct comparison *comparison, const char *path, json_t *old, json_t *new)
{
    old = resolve(comparison->old_root, old);
    new = resolve(comparison->new_root, new);
    if (comparison->depth == DEPTH_MAX) return;
    comparison->depth++;
    CLEANUP(json_release) json_t *keywords = json_object();
    json_object_update(keywords, old);
    json_object_update(keywords, new);
    const char *keyword;
    json_t *ignored;
    json_object_foreach(keywords, keyword, ignored)
        compare_keyword(comparison, path, keyword, json_object_get(old, keyword), json_object_get(new, keyword));
    compare_members(comparison, path, old, new);
    json_t *old_items = json_object_get(old, "items"), *new_items = json_object_get(new, "items");
    if (old_items || new_items) compare_schemas(comparison, arena_printf(comparison->arena, "%s[]", path), old_items, new_items);
    comparison->depth--;
}

// The member as a sentence names it.
static const char *quoted(struct comparison *comparison, const char *path)
{
    return path && *path ? arena_printf(comparison->arena, "\"%s\"", path) : "its data";
}

static void compare_keyword(struct comparison *comparison, const char *path, const char *keyword, json_t *old, json_t *new)
{
    const struct rule *rule = NULL;
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (strcmp(rules[i].keyword, keyword) == 0) rule = &rules[i];
    if (old && new && json_equal(old, new)) return;
    if (!rule)
        breaks(comparison, "%s changes by the keyword \"%s\", of which services/ctl/compatibility.c does not know what it is to consumers",
               quoted(comparison, path), keyword);
    else if (rule->kind == RULE_SET) compare_sets(comparison, path, keyword, old, new);
    else if (rule->kind == RULE_VALUE)
        breaks(comparison, "the %s of %s was %s and is %s, and who is built for one of them refuses events of the other", keyword,
               quoted(comparison, path), json_or_none(comparison, old), json_or_none(comparison, new));
}

// A type or an enum as a list; an integer is a number, too.
static json_t *as_list(json_t *value, bool is_type)
{
    json_t *list = json_is_array(value) ? json_copy(value) : json_pack("[O]", value);
    bool number = false;
    for (size_t i = 0; i < json_array_size(list); i++) number |= text_equal(json_string_value(json_array_get(list, i)), "number");
    if (number && is_type) json_array_append_new(list, json_string("integer"));
    return list;
}

// What of `list` is not in `other`, as text; NULL when all is.
static const char *beyond(struct comparison *comparison, json_t *list, json_t *other)
{
    const char *found = NULL;
    size_t i, k;
    json_t *item, *twin;
    json_array_foreach(list, i, item) {
        bool there = false;
        json_array_foreach(other, k, twin) there |= json_equal(item, twin);
        if (!there) found = arena_printf(comparison->arena, "%s%s%s", found ? found : "", found ? ", " : "", json_text(comparison->arena, item));
    }
    return found;
}

static void compare_sets(struct comparison *comparison, const char *path, const char *keyword, json_t *old, json_t *new)
{
    const bool is_type = strcmp(keyword, "type") == 0;
    const char *member = quoted(comparison, path), *of = is_type ? "of type " : "";
    if (!old || !new) {
        breaks(comparison, old ? "%s is no longer limited to %s%s, and consumers do not know what else it may be"
                               : "%s is limited to %s%s now, and events that were kept may hold something else",
               member, is_type ? "type " : "", json_text(comparison->arena, old ? old : new));
        return;
    }
    CLEANUP(json_release) json_t *old_list = as_list(old, is_type), *new_list = as_list(new, is_type);
    const char *gained = beyond(comparison, new_list, old_list), *lost = beyond(comparison, old_list, new_list);
    if (gained && lost)
        breaks(comparison, "%s may be %s%s now and no longer %s%s, which suits neither its consumers nor the events that were kept", member, of, gained, of, lost);
    else if (gained) breaks(comparison, "%s may be %s%s now, which its consumers do not know", member, of, gained);
    else if (lost) breaks(comparison, "%s can no longer be %s%s, and events that were kept still are", member, of, lost);
}

static bool is_required(json_t *schema, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(schema, "required"), i, item)
        if (text_equal(json_string_value(item), name)) return true;
    return false;
}

static void compare_members(struct comparison *comparison, const char *path, json_t *old, json_t *new)
{
    json_t *old_members = json_object_get(old, "properties"), *new_members = json_object_get(new, "properties");
    const char *name;
    json_t *member;
    json_object_foreach(old_members, name, member)
    {
        const char *full = arena_printf(comparison->arena, "%s%s%s", path, *path ? "." : "", name);
        const bool was = is_required(old, name), is = is_required(new, name);
        if (!json_object_get(new_members, name)) breaks(comparison, "\"%s\" is gone, and its consumers read it", full);
        else if (was && !is) breaks(comparison, "\"%s\" may be missing now, and its consumers count on it", full);
        else if (!was && is) breaks(comparison, "\"%s\" is required now, and events that were kept may lack it", full);
        if (json_object_get(new_members, name)) compare_schemas(comparison, full, member, json_object_get(new_members, name));
    }
    json_object_foreach(new_members, name, member)
    {
        const char *full = arena_printf(comparison->arena, "%s%s%s", path, *path ? "." : "", name);
        if (json_object_get(old_members, name)) continue;
        if (is_required(new, name)) breaks(comparison, "\"%s\" is new and required, and events that were kept lack it; as an optional member it may come", full);
        else adds(comparison, "\"%s\" is new and may be missing", full);
    }
}

// "purchase.completed.v2" after "purchase.completed.v1".
static const char *next_version(struct comparison *comparison)
{
    const char *last = strrchr(comparison->event, 'v');
    int64_t version = 0;
    if (!last || !text_to_int64(last + 1, &version)) return "another event";
    return arena_printf(comparison->arena, "%.*s%lld", (int)(last + 1 - comparison->event), comparison->event, (long long)version + 1);
}

static void breaks(struct comparison *comparison, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *what = arena_vprintf(comparison->arena, format, arguments);
    va_end(arguments);
    const char *sentence = arena_printf(comparison->arena, "%s: %s. Publish %s beside %s, or take the change back.", comparison->event, what,
                                        next_version(comparison), comparison->event);
    comparison->report(comparison->state, true, sentence ? sentence : comparison->event);
}

static void adds(struct comparison *comparison, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *what = arena_vprintf(comparison->arena, format, arguments);
    va_end(arguments);
    const char *sentence = arena_printf(comparison->arena, "%s: %s. Release it: make schemas-release, and commit schemas/released/.",
                                        comparison->event, what);
    comparison->report(comparison->state, false, sentence ? sentence : comparison->event);
}

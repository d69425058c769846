// SPDX-License-Identifier: MIT
// An event is released. Then somebody changes it, one thing at a time: what would break a consumer is refused, and why is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "compatibility.h"

static const char released_text[] =
    "{'title': 'ke.domesticconnect.note.made.v1', 'description': 'A note was made.', 'type': 'object', 'x-topic': 'dc.notes', 'x-key': 'note_id',"
    " 'x-partitions': 6, 'x-compacted': false, 'x-retention-ms': 1000, 'required': ['note_id', 'state', 'author'], 'properties': {"
    "  'note_id': {'type': 'string', 'minLength': 1, 'maxLength': 64, 'description': 'Note.'},"
    "  'state': {'type': 'string', 'enum': ['open', 'done']},"
    "  'price': {'type': 'number', 'minimum': 0, 'maximum': 100, 'multipleOf': 0.01},"
    "  'weight': {'type': 'number', 'exclusiveMinimum': 0, 'exclusiveMaximum': 9},"
    "  'count': {'type': 'integer'},"
    "  'made_at': {'type': ['string', 'null'], 'format': 'date-time'},"
    "  'kind': {'type': 'string', 'const': 'note'},"
    "  'code': {'type': 'string', 'pattern': '^[a-z]$'},"
    "  'tags': {'type': 'array', 'minItems': 1, 'maxItems': 5, 'uniqueItems': true, 'items': {'type': 'string'}},"
    "  'author': {'$ref': '#/components/schemas/person'}},"
    " 'components': {'schemas': {'person': {'type': 'object', 'required': ['name'], 'properties': {"
    "  'name': {'type': 'string'}, 'nick': {'type': 'string'}}}}}}";

// One change: the value at the path (members set off by /) becomes another; NULL takes it away.
struct edit {
    const char *path, *value;
};
struct change {
    const char *story;
    struct edit edits[2];
    const char *why; // how the sentence goes on after the event's name
};

#define OF "properties/"
#define AUTHOR "components/schemas/person/"

static const struct change refused[] = {
    {"the type is another", {{"title", "'ke.domesticconnect.note.written.v1'"}},
     "its CloudEvents type was 'ke.domesticconnect.note.made.v1' and is 'ke.domesticconnect.note.written.v1', and consumers choose events by it"},
    {"the topic moves", {{"x-topic", "'dc.papers'"}}, "its topic was 'dc.notes' and is 'dc.papers', where its consumers do not look"},
    {"the key is another", {{"x-key", "'author'"}}, "its key was 'note_id' and is 'author', and order and compaction go by it"},
    {"there are more partitions", {{"x-partitions", "12"}},
     "its number of partitions was 6 and is 12, and keys would move between them and lose their order"},
    {"old events are compacted away", {{"x-compacted", "true"}},
     "its topic's compaction was false and is true, and what can be replayed would be another"},
    {"events are kept less long", {{"x-retention-ms", "999"}},
     "its retention in ms was 1000 and is 999, and events that can be replayed would be gone"},
    {"a member goes", {{OF "price", NULL}}, "'price' is gone, and its consumers read it"},
    {"a member is renamed", {{OF "price", NULL}, {OF "cost", "{'type': 'number'}"}}, "'price' is gone, and its consumers read it"},
    {"a new member must be there", {{OF "tax", "{'type': 'number'}"}, {"required", "['note_id', 'state', 'author', 'tax']"}},
     "'tax' is new and required, and events that were kept lack it; as an optional member it may come"},
    {"an optional member must be there", {{"required", "['note_id', 'state', 'author', 'price']"}},
     "'price' is required now, and events that were kept may lack it"},
    {"a required member may be missing", {{"required", "['note_id', 'author']"}}, "'state' may be missing now, and its consumers count on it"},
    {"a member is of another type", {{OF "note_id/type", "'boolean'"}},
     "'note_id' may be of type 'boolean' now and no longer of type 'string', which suits neither its consumers nor the events that were kept"},
    {"an integer is a number now", {{OF "count/type", "'number'"}}, "'count' may be of type 'number' now, which its consumers do not know"},
    {"a member may be null", {{OF "state/type", "['string', 'null']"}}, "'state' may be of type 'null' now, which its consumers do not know"},
    {"a member may be null no more", {{OF "made_at/type", "'string'"}}, "'made_at' can no longer be of type 'null', and events that were kept still are"},
    {"a number is an integer now", {{OF "weight/type", "'integer'"}}, "'weight' can no longer be of type 'number', and events that were kept still are"},
    {"a member may be of any type", {{OF "code/type", NULL}},
     "'code' is no longer limited to type 'string', and consumers do not know what else it may be"},
    {"an enum is wider", {{OF "state/enum", "['open', 'done', 'lost']"}}, "'state' may be 'lost' now, which its consumers do not know"},
    {"an enum is narrower", {{OF "state/enum", "['open']"}}, "'state' can no longer be 'done', and events that were kept still are"},
    {"an enum ends", {{OF "state/enum", NULL}},
     "'state' is no longer limited to ['open','done'], and consumers do not know what else it may be"},
    {"an enum begins", {{OF "code/enum", "['a']"}}, "'code' is limited to ['a'] now, and events that were kept may hold something else"},
    {"a format is another", {{OF "made_at/format", "'date'"}},
     "the format of 'made_at' was 'date-time' and is 'date', and who is built for one of them refuses events of the other"},
    {"a format ends", {{OF "made_at/format", NULL}},
     "the format of 'made_at' was 'date-time' and is none, and who is built for one of them refuses events of the other"},
    {"a constant is another", {{OF "kind/const", "'page'"}},
     "the const of 'kind' was 'note' and is 'page', and who is built for one of them refuses events of the other"},
    {"a pattern is another", {{OF "code/pattern", "'^[a-c]$'"}},
     "the pattern of 'code' was '^[a-z]$' and is '^[a-c]$', and who is built for one of them refuses events of the other"},
    {"a step is another", {{OF "price/multipleOf", "1"}},
     "the multipleOf of 'price' was 0.01 and is 1, and who is built for one of them refuses events of the other"},
    {"a minimum rises", {{OF "price/minimum", "1"}},
     "the minimum of 'price' was 0 and is 1, and who is built for one of them refuses events of the other"},
    {"a maximum rises", {{OF "price/maximum", "200"}},
     "the maximum of 'price' was 100 and is 200, and who is built for one of them refuses events of the other"},
    {"an open minimum moves", {{OF "weight/exclusiveMinimum", "-1"}},
     "the exclusiveMinimum of 'weight' was 0 and is -1, and who is built for one of them refuses events of the other"},
    {"an open maximum moves", {{OF "weight/exclusiveMaximum", "8"}},
     "the exclusiveMaximum of 'weight' was 9 and is 8, and who is built for one of them refuses events of the other"},
    {"a text may be shorter", {{OF "note_id/minLength", "0"}},
     "the minLength of 'note_id' was 1 and is 0, and who is built for one of them refuses events of the other"},
    {"a text may be longer", {{OF "note_id/maxLength", "100"}},
     "the maxLength of 'note_id' was 64 and is 100, and who is built for one of them refuses events of the other"},
    {"a length begins", {{OF "code/maxLength", "10"}},
     "the maxLength of 'code' was none and is 10, and who is built for one of them refuses events of the other"},
    {"a list may be empty", {{OF "tags/minItems", "0"}},
     "the minItems of 'tags' was 1 and is 0, and who is built for one of them refuses events of the other"},
    {"a list may be longer", {{OF "tags/maxItems", "6"}},
     "the maxItems of 'tags' was 5 and is 6, and who is built for one of them refuses events of the other"},
    {"a list may repeat itself", {{OF "tags/uniqueItems", "false"}},
     "the uniqueItems of 'tags' was true and is false, and who is built for one of them refuses events of the other"},
    {"nothing else may be there", {{"additionalProperties", "false"}},
     "the additionalProperties of its data was none and is false, and who is built for one of them refuses events of the other"},
    {"a list holds something else", {{OF "tags/items/type", "'integer'"}},
     "'tags[]' may be of type 'integer' now and no longer of type 'string', which suits neither its consumers nor the events that were kept"},
    {"a list holds anything", {{OF "tags/items", NULL}}, "'tags[]' is no longer limited to type 'string', and consumers do not know what else it may be"},
    {"a nested member goes", {{AUTHOR "properties/nick", NULL}}, "'author.nick' is gone, and its consumers read it"},
    {"a nested member must be there", {{AUTHOR "required", "['name', 'nick']"}},
     "'author.nick' is required now, and events that were kept may lack it"},
    {"a keyword nobody thought of", {{OF "code/contentEncoding", "'base64'"}},
     "'code' changes by the keyword 'contentEncoding', of which services/ctl/compatibility.c does not know what it is to consumers"},
};

static const struct change allowed[] = {
    {"other words", {{"description", "'A note was written.'"}, {OF "note_id/description", "'Which note.'"}}, NULL},
    {"examples", {{OF "note_id/examples", "['a']"}, {OF "note_id/deprecated", "true"}}, NULL},
    {"another order of the members that must be there", {{"required", "['author', 'state', 'note_id']"}}, NULL},
    {"another order of an enum", {{OF "state/enum", "['done', 'open']"}}, NULL},
    {"events are kept longer", {{"x-retention-ms", "1001"}}, NULL},
    {"events are kept for ever", {{"x-retention-ms", "-1"}}, NULL},
    {"a nested table stands where it is used", {{OF "author", "{'type': 'object', 'required': ['name'], 'properties': {'name': {'type': 'string'}, 'nick': {'type': 'string'}}}"}}, NULL},
    {"a new member may be there", {{OF "tax", "{'type': 'number'}"}}, "'tax' is new and may be missing"},
    {"a new nested member may be there", {{AUTHOR "properties/age", "{'type': 'integer'}"}}, "'author.age' is new and may be missing"},
};

struct heard {
    int breaks, adds;
    char sentence[1024]; // the first
};

static void hear(void *state, bool breaks, const char *sentence)
{
    struct heard *heard = state;
    if (heard->breaks + heard->adds == 0 || (breaks && heard->breaks == 0)) snprintf(heard->sentence, sizeof heard->sentence, "%s", sentence);
    heard->breaks += breaks;
    heard->adds += !breaks;
}

// JSON with ' for ".
static json_t *json(const char *text)
{
    char *copy = strdup(text);
    json_error_t why;
    for (char *at = copy; *at; at++)
        if (*at == '\'') *at = '"';
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &why);
    if (!value) fail_msg("%s in %s", why.text, text);
    free(copy);
    return value;
}

static void make(json_t *schema, const struct edit *edit)
{
    char path[128], *rest = path;
    snprintf(path, sizeof path, "%s", edit->path);
    for (char *slash; (slash = strchr(rest, '/')); rest = slash + 1) {
        *slash = '\0';
        schema = json_object_get(schema, rest);
        assert_non_null(schema);
    }
    if (edit->value) json_object_set_new(schema, rest, json(edit->value));
    else assert_int_equal(json_object_del(schema, rest), 0);
}

static struct heard compare(const struct change *change)
{
    struct heard heard = {0};
    json_t *released = json_pack("{s:o}", "note.made.v1", json(released_text)), *printed = json_deep_copy(released);
    for (size_t i = 0; i < 2 && change && change->edits[i].path; i++) make(json_object_get(printed, "note.made.v1"), &change->edits[i]);
    compatibility_compare(released, printed, hear, &heard);
    json_decref(released);
    json_decref(printed);
    return heard;
}

static void expect_sentence(const struct heard *heard, const char *why, const char *what_to_do)
{
    char expected[1024];
    snprintf(expected, sizeof expected, "note.made.v1: %s. %s", why, what_to_do);
    for (char *at = expected; *at; at++)
        if (*at == '\'' && (at == expected || at[1] != 's' || at[2] != ' ')) *at = '"'; // not of "topic's"
    assert_string_equal(heard->sentence, expected);
}

static void what_breaks_consumers_is_refused_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct heard heard = compare(&refused[i]);
        if (heard.breaks != 1) fail_msg("%s: %d refusals: %s", refused[i].story, heard.breaks, heard.sentence);
        expect_sentence(&heard, refused[i].why, "Publish note.made.v2 beside note.made.v1, or take the change back.");
    }
}

static void what_consumers_do_not_notice_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        struct heard heard = compare(&allowed[i]);
        if (heard.breaks || heard.adds != (allowed[i].why != NULL)) fail_msg("%s: %s", allowed[i].story, heard.sentence);
        if (allowed[i].why) expect_sentence(&heard, allowed[i].why, "Release it: make schemas-release, and commit schemas/released/.");
    }
}

static void nothing_is_said_where_nothing_changed(void **state)
{
    (void)state;
    struct heard heard = compare(NULL);
    assert_int_equal(heard.breaks + heard.adds, 0);
}

static void an_event_goes_and_its_successor_comes(void **state)
{
    (void)state;
    struct heard heard = {0};
    json_t *released = json_pack("{s:o}", "note.made.v9", json(released_text)), *printed = json_pack("{s:o}", "note.made.v10", json(released_text));
    compatibility_compare(released, printed, hear, &heard);
    assert_int_equal(heard.breaks, 1);
    assert_int_equal(heard.adds, 1);
    assert_string_equal(heard.sentence, "note.made.v9: it is no longer published, and its consumers wait for it. "
                                        "Publish note.made.v10 beside note.made.v9, or take the change back.");
    json_decref(released);
    json_decref(printed);
}

static void an_event_becomes_a_tombstone(void **state)
{
    (void)state;
    struct heard heard = {0};
    json_t *released = json_pack("{s:o}", "note.made.v1", json("{'type': 'object', 'properties': {}}"));
    json_t *printed = json_pack("{s:o}", "note.made.v1", json("{'type': 'null'}"));
    compatibility_compare(released, printed, hear, &heard);
    assert_int_equal(heard.breaks, 1);
    expect_sentence(&heard, "its data may be of type 'null' now and no longer of type 'object', which suits neither its consumers nor the events that were kept",
                    "Publish note.made.v2 beside note.made.v1, or take the change back.");
    json_decref(released);
    json_decref(printed);
}

// --- The command, on folders ---------------------------------------------------------------------

static void write_schema(const char *folder, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    json_t *schema = json(text);
    assert_int_equal(json_dump_file(schema, path, 0), 0);
    json_decref(schema);
}

static void the_command_ends_with_what_was_found(void **state)
{
    (void)state;
    char released[] = "/tmp/released-XXXXXX", printed[] = "/tmp/printed-XXXXXX", sweep[128];
    assert_non_null(mkdtemp(released));
    assert_non_null(mkdtemp(printed));
    char *folders[] = {released, printed};
    write_schema(released, "note.made.v1.json", released_text);
    write_schema(printed, "note.made.v1.json", released_text);
    assert_int_equal(command_compatibility(NULL, 2, folders), 0);
    write_schema(printed, "note.lost.v1.json", released_text);
    assert_int_equal(command_compatibility(NULL, 2, folders), 3);
    write_schema(printed, "note.made.v1.json", "{'type': 'null'}");
    assert_int_equal(command_compatibility(NULL, 2, folders), 1);
    assert_int_equal(command_compatibility(NULL, 1, folders), 2);
    snprintf(sweep, sizeof sweep, "rm -r %s %s", released, printed);
    assert_int_equal(system(sweep), 0);
    assert_int_equal(command_compatibility(NULL, 2, folders), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_breaks_consumers_is_refused_with_the_reason), cmocka_unit_test(what_consumers_do_not_notice_is_allowed),
        cmocka_unit_test(nothing_is_said_where_nothing_changed),            cmocka_unit_test(an_event_goes_and_its_successor_comes),
        cmocka_unit_test(an_event_becomes_a_tombstone),                     cmocka_unit_test(the_command_ends_with_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

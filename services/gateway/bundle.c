// SPDX-License-Identifier: MIT
#include "bundle.h"

#include <string.h>

#define COMPONENT_PREFIX "#/components/"

static void components_add(json_t *bundle, const char *service, json_t *document);
static void section_add(json_t *into, const char *section, const char *service, json_t *from,
                        json_t *document);
static int references_rename(json_t *value, const char *old, const char *new);
static void paths_add(json_t *bundle, json_t *document);
static json_t *member(json_t *object, const char *name);

json_t *bundle_new(void)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:{}, s:{}}", "openapi", "3.1.0", "info", "title",
                     "Domestic Connect", "version", "1.0.0", "description",
                     "Everything behind the gateway, as one document.", "servers", "url", "/", "paths",
                     "components");
}

void bundle_add(json_t *bundle, const char *service, json_t *document)
{
    components_add(bundle, service, document);
    paths_add(bundle, document);
}

static void components_add(json_t *bundle, const char *service, json_t *document)
{
    const char *section;
    json_t *from;
    json_object_foreach(json_object_get(document, "components"), section, from) {
        section_add(member(json_object_get(bundle, "components"), section), section, service, from, document);
    }
}

static void section_add(json_t *into, const char *section, const char *service, json_t *from,
                        json_t *document)
{
    const char *name;
    json_t *component;
    // First the new names, so that every component is copied with its references right; a renamed
    // reference may make one more component differ.
    for (int renamed = 1; renamed;) {
        renamed = 0;
        json_object_foreach(from, name, component) {
            json_t *before = json_object_get(into, name);
            if (!before || json_equal(before, component)) continue;
            char old[256], new[256];
            snprintf(old, sizeof old, COMPONENT_PREFIX "%s/%s", section, name);
            snprintf(new, sizeof new, COMPONENT_PREFIX "%s/%s_%s", section, service, name);
            renamed += references_rename(document, old, new);
        }
    }
    json_object_foreach(from, name, component) {
        json_t *before = json_object_get(into, name);
        char renamed[256];
        snprintf(renamed, sizeof renamed, "%s_%s", service, name);
        json_object_set(into, before && !json_equal(before, component) ? renamed : name, component);
    }
}

// The depth of what the kit prints is small; JSON_DEPTH_MAX bounds what was read.
static int references_rename(json_t *value, const char *old, const char *new)
{
    const char *name;
    json_t *inner;
    size_t i;
    int renamed = 0;
    json_object_foreach(value, name, inner) {
        const char *text = strcmp(name, "$ref") == 0 ? json_string_value(inner) : NULL;
        if (text && strcmp(text, old) == 0)
            renamed += json_string_set(inner, new) == 0;
        else
            renamed += references_rename(inner, old, new);
    }
    json_array_foreach(value, i, inner) renamed += references_rename(inner, old, new);
    return renamed;
}

static void paths_add(json_t *bundle, json_t *document)
{
    const char *path;
    json_t *operations;
    json_object_foreach(json_object_get(document, "paths"), path, operations) {
        json_object_update_missing(member(json_object_get(bundle, "paths"), path), operations);
    }
}

// The object's member of that name, made where it is missing.
static json_t *member(json_t *object, const char *name)
{
    if (!json_object_get(object, name)) json_object_set_new(object, name, json_object());
    return json_object_get(object, name);
}

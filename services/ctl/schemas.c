// SPDX-License-Identifier: MIT
// Reads event schemas, and keeps what is released from breaking its consumers.
#include "schemas.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compatibility.h"

#define NEW_ONLY 3 // exit status: nothing breaks, but something is not released yet

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int is_schema(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static bool load_one(json_t *schemas, const char *folder, const char *file)
{
    char path[1024], name[256];
    json_error_t why;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file);
    json_t *schema = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!schema) fprintf(stderr, "dcctl: %s is no JSON: line %d: %s\n", path, why.line, why.text);
    return schema && json_object_set_new(schemas, name, schema) == 0;
}

json_t *schemas_load(const char *folder)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_schema, by_name);
    if (count < 0) return fprintf(stderr, "dcctl: %s cannot be read: %m\n", folder), NULL;
    json_t *schemas = json_object();
    bool fine = schemas != NULL;
    for (int i = 0; i < count; i++) {
        fine = fine && load_one(schemas, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (fine) return schemas;
    json_decref(schemas);
    return NULL;
}

static void say(void *state, bool breaks, const char *sentence)
{
    int *status = state;
    printf("%s %s\n", breaks ? "breaks consumers:" : "new:", sentence);
    if (breaks) *status = 1;
    else if (*status == 0) *status = NEW_ONLY;
}

int command_compatibility(const struct stack *stack, int argc, char **argv)
{
    (void)stack;
    const char *released_folder = command_word(argc, argv, 0), *printed_folder = command_word(argc, argv, 1);
    if (!released_folder || !printed_folder) {
        fprintf(stderr, "dcctl: name both folders: dcctl compatibility schemas/released schemas/events\n");
        return 2;
    }
    CLEANUP(json_release) json_t *released = schemas_load(released_folder), *printed = schemas_load(printed_folder);
    int status = 0;
    if (!released || !printed) return 2;
    compatibility_compare(released, printed, say, &status);
    return status;
}

// SPDX-License-Identifier: MIT
// First line: a service. Then its environment, one NAME=value a line; what stands after NAME_FILE= is the content of that file.
// What is taken lies within its bounds and is taken again as it was printed; what is not is told line by line, without values.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"
#include "services.h"

#define VARIABLES_MAX 64
#define SETTINGS_BYTES 1024
#define FILES_MAX 4
#define SECRET "A-secret-that-nobody-may-see" // in seeds, as the value of anything

// The longest struct of settings, filled twice: as given, and as taken.
struct taken {
    struct kit_settings kit;
    _Alignas(max_align_t) unsigned char own[SETTINGS_BYTES];
};

static int service_groups(const struct service *service, struct taken *taken, struct setting_group *ret)
{
    *taken = (struct taken){0};
    ret[0] = (struct setting_group){kit_settings, &taken->kit};
    ret[1] = (struct setting_group){service->settings, taken->own};
    for (const struct setting *row = service->settings; row && row->name; row++)
        claim(row->offset + sizeof(int64_t) <= SETTINGS_BYTES, "%s lies within the struct", row->name);
    return 2;
}

// NAME_FILE=content becomes NAME_FILE=path of a file with that content.
static const char *into_file(struct arena *arena, const char *line, int which)
{
    static int files[FILES_MAX];
    const char *value = strchr(line, '=');
    if (which >= FILES_MAX) return arena_printf(arena, "%.*s=/nonexistent", (int)(value - line), line);
    if (!files[which]) files[which] = memfd_create("setting", 0);
    if (ftruncate(files[which], 0) != 0 || pwrite(files[which], value + 1, strlen(value + 1), 0) < 0) abort();
    return arena_printf(arena, "%.*s=/proc/self/fd/%d", (int)(value - line), line, files[which]);
}

static void environment_of(struct fuzz_input *input, char *ret[VARIABLES_MAX + 1])
{
    int count = 0, files = 0;
    while (input->left && count < VARIABLES_MAX) {
        const char *line = fuzz_line(input), *value = strchr(line, '='), *secret = strstr(line, SECRET);
        if (secret && (!value || secret < value)) continue; // as a name it may be told
        if (value && value - line > 5 && strncmp(value - 5, "_FILE", 5) == 0 && value[1]) line = into_file(input->arena, line, files++);
        ret[count++] = (char *)(uintptr_t)line;
    }
    ret[count] = NULL;
}

static void claim_within_bounds(const struct setting *row, const void *out)
{
    const void *member = (const char *)out + row->offset;
    if (row->type == SETTING_INTEGER) {
        const int64_t value = *(const int64_t *)member;
        claim(value >= row->min && (!row->max || value <= row->max), "%s is %ld", row->name, (long)value);
    } else if (row->type == SETTING_TEXT) {
        const char *value = *(const char *const *)member;
        claim(value != NULL, "%s is set", row->name);
        const int64_t length = (int64_t)strlen(value);
        claim(!length || (length >= row->min && (!row->max || length <= row->max)), "%s has %ld bytes", row->name, (long)length);
    }
}

static char *printed(struct arena *arena, const struct setting *row, const void *out)
{
    const void *member = (const char *)out + row->offset;
    switch (row->type) {
        case SETTING_INTEGER: return arena_printf(arena, "%s=%ld", row->name, (long)*(const int64_t *)member);
        case SETTING_BOOLEAN: return arena_printf(arena, "%s=%s", row->name, *(const bool *)member ? "true" : "false");
        default: return arena_printf(arena, "%s=%s", row->name, *(const char *const *)member);
    }
}

// All settings printed as an environment, read again and printed again: the same.
static void claim_stable(const struct service *service, const struct setting_group *groups, int count, struct arena *arena)
{
    static struct taken taken;
    struct setting_group again[2];
    char *environment[128] = {0}, *report = NULL;
    int used = 0;
    service_groups(service, &taken, again);
    for (int i = 0; i < count; i++)
        for (const struct setting *row = groups[i].rows; row && row->name; row++) {
            claim_within_bounds(row, groups[i].out);
            environment[used++] = printed(arena, row, groups[i].out);
        }
    claim(config_read(again, count, environment, true, &report), "%s", report);
    used = 0;
    for (int i = 0; i < count; i++)
        for (const struct setting *row = again[i].rows; row && row->name; row++) {
            const char *given = environment[used++], *now = printed(arena, row, again[i].out);
            claim(strcmp(given, now) == 0, "%s became %s", given, now);
        }
    config_release(again, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct taken taken;
    struct fuzz_input input = fuzz_begin(data, size);
    struct setting_group groups[2];
    char *environment[VARIABLES_MAX + 1], *report = NULL;
    const char *name = fuzz_line(&input);
    const struct service *const *named = fuzz_services;
    while (*named && strcmp((*named)->name, name) != 0) named++;
    const struct service *service = *named ? *named : fuzz_services[fuzz_pick(name, FUZZ_SERVICES)];
    const int count = service_groups(service, &taken, groups);
    environment_of(&input, environment);
    if (config_read(groups, count, environment, true, &report)) {
        claim(report == NULL, "nothing to report: %s", report);
        claim_stable(service, groups, count, input.arena);
        config_release(groups, count);
    } else {
        claim(report && *report && report[strlen(report) - 1] == '\n', "what is wrong is told in lines: %s", report);
        claim(!strstr(report, SECRET), "no value is told: %s", report);
    }
    free(report);
    return 0;
}

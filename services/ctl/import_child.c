// SPDX-License-Identifier: MIT
// The services' own programs, which the rows are sent to: one for each sender and service, from when its rows have been read until the import
// has ended. As long as one runs, its service keeps the import's events back, so that they do not compete with it for the machine.
#include <string.h>

#include "import.h"

static bool start(struct import *import, int sender, const char *service, struct error *err)
{
    struct child *child = import_child(import, sender, service);
    if (!child) return error_set(err, &problem_internal, "Nobody knows a service %s.", service);
    return child->pid || child_start(import->stack, service, (const char *const[]){"import", NULL}, CHILD_PIPES, child, err);
}

bool import_children_start(struct import *import, const struct collection *collection, int64_t rows, struct error *err)
{
    for (int sender = 0; sender < import_senders(collection, rows); sender++) {
        for (int i = 0; collection->takers[i]; i++)
            if (!start(import, sender, collection->takers[i], err)) return false;
    }
    return true;
}

struct child *import_child(struct import *import, int sender, const char *service)
{
    for (int place = 0; service_names[place]; place++)
        if (strcmp(service_names[place], service) == 0) return &import->children[sender][place];
    return NULL;
}

// That no more is coming is told to all at once: each takes a while to close its connections.
static void tell_end(struct import *import)
{
    for (int sender = 0; sender < IMPORT_SENDERS; sender++) {
        for (int place = 0; place < SERVICE_COUNT; place++) {
            struct child *child = &import->children[sender][place];
            if (child->in) fclose(child->in);
            child->in = NULL;
        }
    }
}

bool import_children_finish(struct import *import, struct error *err)
{
    tell_end(import);
    for (int sender = 0; sender < IMPORT_SENDERS; sender++) {
        for (int place = 0; place < SERVICE_COUNT; place++) {
            struct child *child = &import->children[sender][place];
            const int status = child->pid ? child_finish(child) : 0;
            *child = (struct child){0};
            if (status != 0 && !err->problem)
                error_set(err, &problem_unavailable, "%s import ended with status %d; see its message above, then import again.",
                          service_names[place], status);
        }
    }
    return !err->problem;
}

// SPDX-License-Identifier: MIT
// The services' own programs, which the rows are sent to: one for each sender and service, from the first row until the import has
// ended. As long as one runs, its service keeps the import's events back, so that they do not compete with it for the machine.
#include <string.h>

#include "import.h"

struct child *import_child(struct import *import, int sender, const char *service, struct error *err)
{
    int place = 0;
    while (import->services[place] && strcmp(import->services[place], service) != 0) place++;
    if (place == IMPORT_SERVICES) return error_set(err, &problem_internal, "More services take rows than an import knows of."), NULL;
    struct child *child = &import->children[sender][place];
    import->services[place] = service;
    if (child->pid || child_start(import->stack, service, (const char *const[]){"import", NULL}, CHILD_PIPES, child, err)) return child;
    return NULL;
}

bool import_children_finish(struct import *import, struct error *err)
{
    for (int sender = 0; sender < IMPORT_SENDERS; sender++) {
        for (int place = 0; place < IMPORT_SERVICES; place++) {
            struct child *child = &import->children[sender][place];
            const int status = child->pid ? child_finish(child) : 0;
            *child = (struct child){0};
            if (status != 0 && !err->problem)
                error_set(err, &problem_unavailable, "%s import ended with status %d; see its message above, then import again.",
                          import->services[place], status);
        }
    }
    return !err->problem;
}

// SPDX-License-Identifier: MIT
// The import of a legacy db.json, in four steps that each leave the staging database in order:
// read (import_read.c), check references (import_check.c), send to the services (import_send.c, import_child.c), both in the order of
// import_stages.c, report (import_report.c). Killed anywhere, it is run again.
#pragma once

#include <time.h>

#include "command.h"
#include "service_names.h"

#define IMPORT_REFERENCES 4 // of a row, at most

// A collection of the file: who takes it, and where its references lead.
struct reference {
    const char *member;       // "profile_id"
    const char *target;       // collection it leads to; "user": to a user of some profile; NULL: others are led by it
    bool optional;            // empty or missing is fine
    const char *through;      // rows of this collection may be meant by a profiles id; or NULL
};
struct collection {
    const char *name;
    const char *takers[3];             // services that take the rows, in order; none: they wait
    const char *renames[2][2];         // other names real files use: {from, to}
    struct reference references[IMPORT_REFERENCES]; // profile_id first
};
extern const struct collection import_collections[]; // in order of dependence; ends with {0}
// Its place in that order from 1; 0 for an unknown one, whose rows are all kept back.
int64_t import_place(const char *collection);

// Connections that import.pool must have: one for each sender, one that checks meanwhile, one that holds the lock.
#define IMPORT_SENDERS 2
#define IMPORT_CONNECTIONS (IMPORT_SENDERS + 2)

// A row stays in the file until it is sent, so the file has to stay as it was.
struct import_file {
    int fd;
    bool is_open;
    size_t bytes;
    struct timespec written_at;
};

struct import {
    const struct stack *stack;
    struct import_file file;
    struct db_pool *pool;
    int64_t run;             // number of this run
    struct child children[IMPORT_SENDERS][SERVICE_COUNT]; // in the order of service_names
    bool terminal;           // progress is drawn
    int64_t progress_due_ms;
};

MUST_USE bool import_file_open(struct import_file *file, const char *path, struct error *err);
void import_file_close(struct import_file *file);
// What stands there, in the arena's keeping; NULL when it cannot be read. Of use once import_file_unchanged has said so.
char *import_file_text(const struct import_file *file, int64_t offset, int64_t bytes, struct arena *arena, struct error *err);
// Whether all that was read of it so far is of the file that was opened; so it is where none was.
MUST_USE bool import_file_unchanged(const struct import_file *file, struct error *err);
// Takes what this run has quarantined over into the staging database.
MUST_USE bool import_file_keep(struct import *import, struct error *err);

// Notes in the staging database where each row stands, and what else stands in the file. A row that waits for its service, or cannot be
// taken as it stands, is kept there whole; what is in no known collection is counted and kept back. *ret_damage describes damage
// outside rows (truncated file), NULL when none.
MUST_USE bool import_read(struct import *import, int64_t *ret_rows, const char **ret_damage, struct error *err);
MUST_USE bool import_check(struct import *import, const struct collection *collection, struct arena *arena, struct error *err);
// done: rows of all collections sent so far, of total; moves on.
MUST_USE bool import_send(struct import *import, const struct collection *collection, int64_t total, int64_t *done, struct error *err);
// All collections. Of rows of the file.
MUST_USE bool import_check_and_send(struct import *import, int64_t rows, struct error *err);
// How many senders work side by side at so many rows of a collection; 0 where nobody takes them.
int import_senders(const struct collection *collection, int64_t rows);
// Starts the programs that so many rows of a collection go to, where they are not running: they take a while to connect. One thread at a time.
MUST_USE bool import_children_start(struct import *import, const struct collection *collection, int64_t rows, struct error *err);
// The one of a service that a sender's rows go to, running or not; NULL: nobody knows the service.
struct child *import_child(struct import *import, int sender, const char *service);
// Ends all of them, also after a failure; false when one of them failed, or something before had.
MUST_USE bool import_children_finish(struct import *import, struct error *err);
// The staging database, made or brought up to date, without the rows that have been kept back for too long.
MUST_USE bool import_open(struct import *import, const struct stack *stack, struct error *err);
// For how many days a row that is kept back stays whole: DC_IMPORT_KEEP_D of the stack.
MUST_USE bool import_keep_days(const struct stack *stack, int64_t *ret, struct error *err);

MUST_USE bool import_report(struct import *import, const char *only, struct error *err);

// Draws done of total on a terminal, at most ten times a second. One thread at a time.
void import_progress(struct import *import, const char *what, int64_t done, int64_t total);

// Past the JSON value at `at`; NULL when the file ends inside it. A value that is damaged ends where the next one can begin.
const char *import_value_end(const char *at, const char *end);
// Why a well-formed row is more than a database or a service takes, or NULL.
const char *import_excess(const char *bytes, size_t length);
// At most so many bytes of a text; where they are no text, those that are none are kept readable: \xNN.
const char *import_text(struct arena *arena, const char *bytes, size_t length, size_t most);

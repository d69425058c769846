// SPDX-License-Identifier: MIT
// Judging legacy rows (importers, see service.h): members are taken into the columns of a statement by the rules of the API; what is
// repaired or kept back is said with the reason; nothing is invented and nothing dropped silently. A batch is then written by one statement.
//
//   static void judge_employer(struct judging *judging)
//   {
//       judge_id(judging, "id");
//       judge_id(judging, "profile_id");
//       judge_text(judging, "company_name", 200);
//       judge_time(judging, "created_at");
//   }
//   static const struct judge_kind employers = {judge_employer, &SQL_import_employers, {"id", "profile_id", "company_name", "created_at"},
//                                               {"profile_id", "company_name"}};
//   … return judge_batch(db, rows, results, &employers, err);
#pragma once

#include "db.h"
#include "json.h"

#define JUDGE_COLUMNS 20

// One row on its way. What it points to lives as long as the arena and the row.
struct judging {
    struct arena *arena;
    const struct judge_kind *kind;
    const json_t *row;
    const char *values[JUDGE_COLUMNS]; // in the order of kind->columns; NULL: none
    json_t *notes;                     // what was repaired; NULL: nothing. Belongs to the arena
    json_t *refusals;                  // why the row is quarantined. Belongs to the arena
    bool is_refused;
};

// A collection: how a row is judged and written, and the members it may have beside id, created_at and updated_at.
struct judge_kind {
    void (*judge)(struct judging *judging);
    const struct sql *insert;
    const char *columns[JUDGE_COLUMNS]; // one array each, in the order of the statement's parameters
    const char *members[16];            // none: another service looks for unknown ones
    bool says_more;                     // the statement tells in a third column what it left out, or NULL
};

// Another spelling that real files use for one of the choices.
struct spelling {
    const char *spelled; // folded: lower case, blanks for underscores
    const char *meant;
};

// A sentence for the report on what was repaired, and one on why the row is quarantined. In the arena.
void judge_note(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);
void judge_refuse(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);

// The value of a column, which must be one of the kind's; kept, not copied.
void judge_set(struct judging *judging, const char *column, const char *value);
const char *judge_value(const struct judging *judging, const char *column); // NULL: none so far

// The column of the same name is set by all of these that return nothing, and by judge_money.
// An id, or the row is refused.
void judge_id(struct judging *judging, const char *member);
// A text member, or NULL; what stands there and is no text is said to be left out.
const char *judge_text_of(struct judging *judging, const char *member);
// Free text: blanks folded, contact details masked, left out where longer than most bytes. "" where there is none.
void judge_text(struct judging *judging, const char *member, size_t most);
// RFC 3339 in UTC; noted and left out where it is missing or no time: the statement takes now.
void judge_time(struct judging *judging, const char *member);
// created_at, and updated_at where it is a time; the statement takes the later one for the second.
void judge_times(struct judging *judging);
// A time of the row as our tables take it; NULL where there is none.
const char *judge_time_of(struct judging *judging, const char *member);
// One of choices (NULL-terminated), by whatever spelling; left out where it is none. spellings end with {0}; may be NULL.
void judge_choice(struct judging *judging, const char *member, const char *const *choices, const struct spelling *spellings);
// true, or false where the row says so, also as text or as 1 and 0; anything else is noted and taken as fallback.
void judge_flag(struct judging *judging, const char *member, bool fallback);
// KES of the member as cents in the column. Where there is none, or none between least and most cents: false, and the row is refused if it
// must have one.
bool judge_money(struct judging *judging, const char *member, const char *column, int64_t least, int64_t most, bool must);
// A number, also where it came as text, with its cents; false when there is none.
bool judge_number(const json_t *value, double *ret);
// A whole number that has been judged.
void judge_set_integer(struct judging *judging, const char *column, int64_t value);

// Judges one row, whose kind and arena are set; false: it is refused.
MUST_USE bool judge_row(struct judging *judging, const json_t *row);

// Judges all rows and writes the good ones by the kind's statement, which takes them as one array a column and answers (place from 1, what
// became of it): 'imported', 'unchanged', or why not; NULL where somebody else writes the row at this moment: the batch then runs
// again. Fills results as importers must.
MUST_USE bool judge_batch(struct db *db, const json_t *rows, json_t *results, const struct judge_kind *kind, struct error *err);

// SPDX-License-Identifier: MIT
// Judging legacy rows (importers, see service.h): members are taken into a clean row by the rules of the API; what is repaired or
// kept back is said with the reason; nothing is invented and nothing dropped silently. A batch is then written by one statement.
//
//   static void judge_employer(struct judging *judging, const json_t *row, json_t *clean)
//   {
//       judge_id(judging, row, clean, "profile_id");
//       judge_text(judging, row, clean, "company_name", 200);
//       judge_time(judging, row, clean, "created_at");
//   }
//   static const struct judge_kind employers = {judge_employer, &SQL_import_employers, {"profile_id", "company_name"}};
//   … return judge_batch(db, rows, results, &employers, err);
#pragma once

#include "db.h"
#include "json.h"

struct judging {
    struct arena *arena;
    json_t *notes;        // what was repaired
    json_t *refusals;     // why the row is quarantined; empty when it is not
};

// Another spelling that real files use for one of the choices.
struct spelling {
    const char *spelled; // folded: lower case, blanks for underscores
    const char *meant;
};

void judge_note(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);
void judge_refuse(struct judging *judging, const char *format, ...) PRINTF_LIKE(2, 3);

// An id, or the row is refused.
void judge_id(struct judging *judging, const json_t *row, json_t *clean, const char *member);
// A text member, or NULL; what stands there and is no text is said to be left out.
const char *judge_text_of(struct judging *judging, const json_t *row, const char *member);
// Free text: blanks folded, contact details masked, left out where longer than most bytes. "" where there is none.
void judge_text(struct judging *judging, const json_t *row, json_t *clean, const char *member, size_t most);
// RFC 3339 in UTC; noted and left out where it is missing or no time: the statement takes now.
void judge_time(struct judging *judging, const json_t *row, json_t *clean, const char *member);
// created_at, and updated_at where it is a time; the statement takes the later one for the second.
void judge_times(struct judging *judging, const json_t *row, json_t *clean);
// A time of the row as our tables take it; false where there is none.
bool judge_time_of(const json_t *row, const char *member, char *out);
// One of choices (NULL-terminated), by whatever spelling; left out where it is none. spellings end with {0}; may be NULL.
void judge_choice(struct judging *judging, const json_t *row, json_t *clean, const char *member, const char *const *choices,
                  const struct spelling *spellings);
// true, or false where the row says so, also as text or as 1 and 0; anything else is noted and taken as fallback.
void judge_flag(struct judging *judging, const json_t *row, json_t *clean, const char *member, bool fallback);
// KES as cents. Where there is none, or none between least and most cents: false, and the row is refused if it must have one.
bool judge_money(struct judging *judging, const json_t *row, json_t *clean, const char *member, int64_t least, int64_t most, bool must);
// A number, also where it came as text, with its cents; false when there is none.
bool judge_number(const json_t *value, double *ret);

// A collection: how a row is judged and written, and the members it may have beside id, created_at and updated_at.
struct judge_kind {
    void (*judge)(struct judging *judging, const json_t *row, json_t *clean);
    const struct sql *insert;
    const char *members[16];
};

// Judges all rows and writes the good ones by the kind's statement, which takes them as one JSON array and answers (id, what
// became of it): 'imported', 'unchanged', or why not; NULL where somebody else writes the row at this moment: the batch then runs
// again. Each has its `place` in the batch, for statements that take the first of two. Fills results as importers must.
MUST_USE bool judge_batch(struct db *db, const json_t *rows, json_t *results, const struct judge_kind *kind, struct error *err);

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
//   … return judge_batch(db, rows, results, judge_employer, &SQL_import_employers, err);
#pragma once

#include "db.h"
#include "json.h"

struct judging {
    struct arena *arena;
    json_t *notes;
    bool refused;         // the row is quarantined; the last note says why
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
// Free text: blanks folded, contact details masked, left out where longer than most bytes. "" where there is none.
void judge_text(struct judging *judging, const json_t *row, json_t *clean, const char *member, size_t most);
// RFC 3339 in UTC; noted and left out where it is missing or no time: the statement takes now.
void judge_time(struct judging *judging, const json_t *row, json_t *clean, const char *member);
// One of choices (NULL-terminated), by whatever spelling; left out where it is none. spellings end with {0}; may be NULL.
void judge_choice(struct judging *judging, const json_t *row, json_t *clean, const char *member, const char *const *choices,
                  const struct spelling *spellings);
// true, or false where the row says so; anything else is noted and taken as fallback.
void judge_flag(struct judging *judging, const json_t *row, json_t *clean, const char *member, bool fallback);
// KES as cents. Where there is none, or none between least and most cents: false, and the row is refused if it must have one.
bool judge_money(struct judging *judging, const json_t *row, json_t *clean, const char *member, int64_t least, int64_t most, bool must);
// A number, also where it came as text; false when there is none.
bool judge_number(const json_t *value, double *ret);

typedef void (*judge_row)(struct judging *judging, const json_t *row, json_t *clean);

// Judges all rows and writes the good ones by `insert`, which takes them as one JSON array and answers (id, what became of it):
// 'imported', 'unchanged', or why not. Fills results as importers must.
MUST_USE bool judge_batch(struct db *db, const json_t *rows, json_t *results, judge_row judge, const struct sql *insert, struct error *err);

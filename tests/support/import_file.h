// SPDX-License-Identifier: MIT
// Legacy files for stories about the import: written under $RUN_DIR, with ids that no other run has, and what dcctl says of
// them.
#pragma once

#include "story.h"

// A file with this content, in which every "hx_" (and "HX_") is the word and '_'. Returns its path.
const char *import_file(const char *word, const char *content, size_t length);
// The same from tests/fixtures/<name>; edits are sed commands, or NULL.
const char *import_fixture(const char *word, const char *name, const char *edits);
// A profiles row and a housegirl_profiles row of number, as legacy files have them.
const char *import_profile(const char *word, int number);
const char *import_worker(const char *word, int number);

// What an import says. A non-zero exit fails the test.
const char *import_run(const char *path);
// The line of a collection in the report: "read imported repaired unchanged waiting quarantined".
void expect_report_(const char *report, const char *collection, const char *counts, const char *file, int line);
#define expect_report(report, collection, counts) expect_report_((report), (collection), (counts), __FILE__, __LINE__)

// The quarantined rows of a collection, as `dcctl import quarantine` prints them.
json_t *import_quarantine(const char *collection);
// The reasons of a row of it as one text, "" when it is not there.
const char *import_reasons(const json_t *quarantine, const char *row);

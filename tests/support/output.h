// SPDX-License-Identifier: MIT
// What the code under test writes to standard output, log lines above all.
//
//   output_begin();
//   log_info("started");
//   assert_non_null(strstr(output_so_far(), "\"event\":\"started\""));
//   output_end();                     // in a teardown too: harmless where nothing was begun
#pragma once

void output_begin(void);
// Everything written since, at most 1 MB of it; valid until the next call.
const char *output_so_far(void);
void output_end(void);

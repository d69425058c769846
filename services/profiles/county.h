// SPDX-License-Identifier: MIT
// The 47 counties of Kenya and the towns people name instead.
#pragma once

// In the order of their codes (1 Mombasa … 47 Nairobi), NULL-terminated.
extern const char *const county_names[];

// The county a place in free text lies in ("Kasarani, Nairobi", "Eldoret"), or NULL. The last place named wins, as in
// "estate, town".
const char *county_of_place(const char *place);

// SPDX-License-Identifier: MIT
// When nobody is taken down any more: waits until all is ready, asked about and arrived. Each wait is bounded; what is open
// then is what the verdict finds.
#pragma once

#include "databases.h"

// The database of the verdict, with all others beside it.
PGconn *settle_open(void);
// Until M-Pesa's word is known of every push that it knows. What it told nobody of (the answer lost, the callback dropped or
// malformed) it tells late, when nothing else is on its way.
void settle_payments(PGconn *verdict);
// Until every event and callback has arrived.
void settle_events(PGconn *verdict);

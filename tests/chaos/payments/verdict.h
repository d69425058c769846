// SPDX-License-Identifier: MIT
// The reconciliation at the end: gathers what stands in the topics, at M-Pesa and with the families beside the databases, and
// has sql/0004_verdict.sql judge it, a line for each thing that must hold.
#pragma once

#include "account.h"
#include "databases.h"

void verdict_gather(PGconn *verdict, const struct account *account);
// How many things do not hold.
int verdict_print(PGconn *verdict);

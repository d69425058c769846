// SPDX-License-Identifier: MIT
// Administration of users, the audit log, and the first administrator (from the command line).
#pragma once

#include "auth.h"

bool admin_users(struct request *rq, struct response *rs, struct error *err);
bool admin_user(struct request *rq, struct response *rs, struct error *err);
bool admin_status(struct request *rq, struct response *rs, struct error *err);
bool admin_toggle(struct request *rq, struct response *rs, struct error *err);
bool admin_audit(struct request *rq, struct response *rs, struct error *err);

// auth admin create --email E [--password-stdin | --password P] [--type employer]
int operator_admin(struct app *app, int argc, char **argv);

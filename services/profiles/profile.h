// SPDX-License-Identifier: MIT
// The base profile with its role part.
#pragma once

#include "profiles.h"

bool profile_list(struct request *rq, struct response *rs, struct error *err);
bool profile_me(struct request *rq, struct response *rs, struct error *err);
bool profile_read(struct request *rq, struct response *rs, struct error *err);
bool profile_create(struct request *rq, struct response *rs, struct error *err);
bool profile_update(struct request *rq, struct response *rs, struct error *err);
bool profile_delete(struct request *rq, struct response *rs, struct error *err);

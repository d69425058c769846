// SPDX-License-Identifier: MIT
// Workers: what is special about their role profile.
#pragma once

#include "profiles.h"


// Adds bio_public and county to the patch of a worker.
bool worker_derive(struct request *rq, const void *input, json_t *patch, struct error *err);
// Keeps or forgets the tribe, with its consent.
bool worker_keep(struct request *rq, const char *id, const void *input, struct error *err);

bool housegirl_list(struct request *rq, struct response *rs, struct error *err);
bool housegirl_read(struct request *rq, struct response *rs, struct error *err);
bool housegirl_verify(struct request *rq, struct response *rs, struct error *err);

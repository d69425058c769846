// SPDX-License-Identifier: MIT
// The documents: OpenAPI of all services as one, AsyncAPI, and a page to read them in (Swagger UI,
// from the unpacked WebJar). All are read once, at the start, and served from memory.
#pragma once

#include "service.h"

struct docs;
// A missing folder leaves its documents out; a broken file refuses the start.
MUST_USE struct docs *docs_new(const struct service *service, const char *schemas_dir, const char *docs_dir,
                               struct error *err);
void docs_free(struct docs *docs);

bool openapi_read(struct request *rq, struct response *rs, struct error *err);
bool asyncapi_read(struct request *rq, struct response *rs, struct error *err);
bool docs_page(struct request *rq, struct response *rs, struct error *err);
bool docs_file(struct request *rq, struct response *rs, struct error *err);

// SPDX-License-Identifier: MIT
#include "event.h"

#define X(symbol, name, key, partitions, compacted, retention_ms, doc)                                  \
    const struct topic topic_##symbol = {name, partitions, compacted, retention_ms, doc, key};
#include "topics.def"
#undef X

const struct topic *const topics_all[] = {
#define X(symbol, name, key, partitions, compacted, retention_ms, doc) &topic_##symbol,
#include "topics.def"
#undef X
    NULL,
};

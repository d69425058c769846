// SPDX-License-Identifier: MIT
// What the parts of kafka.h share. Private to kafka_*.c.
#pragma once

#include <librdkafka/rdkafka.h>

#include "kafka.h"

struct kafka_setting {
    const char *name;
    const char *value;
};

// A configuration of the common settings and then `settings` (ends with {NULL, NULL}); NULL with err set when one is refused.
rd_kafka_conf_t *kafka_conf(const char *brokers, const char *client_id, const struct kafka_setting *settings, struct error *err);

// A client of the given type; takes conf over.
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err);

bool kafka_failed(struct error *err, const char *doing, const char *why);

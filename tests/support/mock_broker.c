// SPDX-License-Identifier: MIT
#include "mock_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define PRODUCE_REQUEST 0

struct mock_broker {
    rd_kafka_t *host; // keeps the cluster's books
    rd_kafka_mock_cluster_t *cluster;
};

struct mock_broker *mock_broker_start(void)
{
    struct mock_broker *mock = calloc(1, sizeof *mock);
    assert_non_null(mock);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "3", NULL, 0); // that the host itself has no brokers is no news
    mock->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    mock->cluster = mock->host ? rd_kafka_mock_cluster_new(mock->host, 1) : NULL;
    assert_non_null(mock->cluster);
    return mock;
}

const char *mock_broker_address(const struct mock_broker *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void mock_broker_make_topic(struct mock_broker *mock, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_broker_break_producer(struct mock_broker *mock)
{
    rd_kafka_mock_push_request_errors(mock->cluster, PRODUCE_REQUEST, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

void mock_broker_up(struct mock_broker *mock, int up)
{
    if (up) rd_kafka_mock_broker_set_up(mock->cluster, -1);
    else rd_kafka_mock_broker_set_down(mock->cluster, -1);
}

void mock_broker_stop(struct mock_broker *mock)
{
    if (!mock) return;
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->host);
    free(mock);
}

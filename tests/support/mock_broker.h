// SPDX-License-Identifier: MIT
// librdkafka's mock cluster, for errors of the protocol that a real broker cannot be made to give.
#pragma once

struct mock_broker;

struct mock_broker *mock_broker_start(void);
const char *mock_broker_address(const struct mock_broker *mock);
void mock_broker_make_topic(struct mock_broker *mock, const char *topic, int partitions);
// The next produce request is answered so that an idempotent producer must give up for good.
void mock_broker_break_producer(struct mock_broker *mock);
// The broker goes away and comes back at the same address.
void mock_broker_up(struct mock_broker *mock, int up);
void mock_broker_stop(struct mock_broker *mock); // accepts NULL

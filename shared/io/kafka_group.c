// SPDX-License-Identifier: MIT
// What a consumer group has read of a topic, taken back.
#include "kafka_common.h"

#define ADMIN_TIMEOUT_MS 10000

static rd_kafka_DeleteConsumerGroupOffsets_t *offsets_of(const char *group, const char *topic, int partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, partitions - 1);
    rd_kafka_DeleteConsumerGroupOffsets_t *offsets = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    return offsets;
}

// The broker refuses for a group that reads the topic now; a group it has never heard of has nothing to take back.
static bool judge(rd_kafka_event_t *event, struct error *err)
{
    if (!event) return kafka_failed(err, "forget offsets", "no answer");
    if (rd_kafka_event_error(event)) return kafka_failed(err, "forget offsets", rd_kafka_event_error_string(event));
    size_t count = 0, partitions = 0;
    const rd_kafka_group_result_t **results =
        rd_kafka_DeleteConsumerGroupOffsets_result_groups(rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &count);
    if (count != 1) return kafka_failed(err, "forget offsets", "not one group in the answer");
    const rd_kafka_error_t *failed = rd_kafka_group_result_error(results[0]);
    rd_kafka_resp_err_t code = failed ? rd_kafka_error_code(failed) : RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(results[0]);
    partitions = list ? (size_t)list->cnt : 0;
    for (size_t i = 0; i < partitions && !code; i++) code = list->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return true;
    if (code == RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC || code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP)
        return error_set(err, &problem_conflict, "Somebody of the group reads the topic now.");
    return kafka_failed(err, "forget offsets", rd_kafka_err2str(code));
}

bool kafka_group_forget(const char *brokers, const char *group, const char *topic, int partitions, struct error *err)
{
    rd_kafka_t *client =
        kafka_client(RD_KAFKA_PRODUCER, kafka_conf(brokers, "dc-admin", &(struct kafka_setting){NULL, NULL}, err), err);
    if (!client) return false;
    rd_kafka_DeleteConsumerGroupOffsets_t *offsets = offsets_of(group, topic, partitions);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS);
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof why);
    rd_kafka_DeleteConsumerGroupOffsets(client, &offsets, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS + 1000);
    const bool ok = judge(event, err);
    if (event) rd_kafka_event_destroy(event);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(offsets);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return ok;
}

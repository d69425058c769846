// SPDX-License-Identifier: MIT
#include "kafka_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lanes_make_room(struct lanes *lanes)
{
    if (!lanes->spare) lanes->spare = calloc(1, sizeof *lanes->spare);
    if (!lanes->spare_lane) lanes->spare_lane = calloc(1, sizeof *lanes->spare_lane);
    return lanes->spare && lanes->spare_lane;
}

struct lane *lanes_find(struct lanes *lanes, const char *topic, int32_t partition)
{
    for (struct lane *lane = lanes->all; lane; lane = lane->next)
        if (lane->partition == partition && strcmp(lane->topic, topic) == 0) return lane;
    return NULL;
}

static struct lane *lane_of(struct lanes *lanes, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    struct lane *lane = lanes_find(lanes, topic, message->partition);
    if (lane) return lane;
    lane = lanes->spare_lane;
    lanes->spare_lane = NULL;
    snprintf(lane->topic, sizeof lane->topic, "%s", topic);
    lane->partition = message->partition;
    lane->next = lanes->all;
    lanes->all = lane;
    return lane;
}

struct kept *lanes_keep(struct lanes *lanes, rd_kafka_message_t *message)
{
    struct kept *kept = lanes->spare;
    lanes->spare = kept->next;
    *kept = (struct kept){.message = message, .lane = lane_of(lanes, message)};
    return kept;
}

void lanes_let_go(struct lanes *lanes, struct kept *kept)
{
    rd_kafka_message_destroy(kept->message);
    kept->next = lanes->spare;
    lanes->spare = kept;
}

static void pause_partition(struct lanes *lanes, const struct lane *lane, bool pause)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, lane->topic, lane->partition);
    if (pause) rd_kafka_pause_partitions(lanes->client, list);
    else rd_kafka_resume_partitions(lanes->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void lane_open(struct lanes *lanes, struct lane *lane)
{
    pause_partition(lanes, lane, false);
    lane->is_held = false;
}

void lane_hold(struct lanes *lanes, struct lane *lane, int64_t from_offset, int64_t due_ms)
{
    if (!lane->is_held) {
        pause_partition(lanes, lane, true);
        lane->is_held = true;
        lane->from_offset = from_offset;
    }
    if (from_offset < lane->from_offset) lane->from_offset = from_offset;
    lane->due_ms = due_ms;
}

void lanes_put_back(struct lanes *lanes, struct kept *kept)
{
    struct lane *lane = kept->lane;
    if (!lane->is_held || kept->message->offset < lane->from_offset) {
        lanes_let_go(lanes, kept);
        return;
    }
    kept->next = lane->first;
    lane->first = kept;
}

int lanes_take_due(struct lanes *lanes, int64_t now_ms, struct kept **out, int most)
{
    int count = 0;
    for (struct lane *lane = lanes->all; lane && count == 0; lane = lane->next) {
        if (!lane->is_held || lane->due_ms > now_ms) continue;
        for (; count < most && lane->first; lane->first = lane->first->next) out[count++] = lane->first;
        lane->from_offset = INT64_MAX; // nothing of this batch comes again, unless asked for anew
        if (!lane->first) lane_open(lanes, lane);
    }
    return count;
}

int64_t lanes_next_due_ms(const struct lanes *lanes)
{
    int64_t next_ms = INT64_MAX;
    for (const struct lane *lane = lanes->all; lane; lane = lane->next)
        if (lane->is_held && lane->due_ms < next_ms) next_ms = lane->due_ms;
    return next_ms;
}

void lanes_drop(struct lanes *lanes)
{
    for (struct lane *lane = lanes->all; lane; lane = lane->next) {
        for (struct kept *kept; (kept = lane->first);) {
            lane->first = kept->next;
            lanes_let_go(lanes, kept);
        }
        if (lane->is_held) lane_open(lanes, lane); // librdkafka keeps it paused even through a rebalance
    }
}

void lanes_free(struct lanes *lanes)
{
    for (struct kept *kept; (kept = lanes->spare);) {
        lanes->spare = kept->next;
        free(kept);
    }
    for (struct lane *lane; (lane = lanes->all);) {
        lanes->all = lane->next;
        free(lane);
    }
    free(lanes->spare_lane);
}

// SPDX-License-Identifier: MIT
// What a consumer has taken from librdkafka and not given back: the batch it handed out, and per partition (a lane) what must
// come again. Room for a message is made before it is asked for, so that nothing that was taken can be lost for want of
// memory. No seek is needed to have a message again (seek and pause interact badly in librdkafka 2.0.2): it waits here while
// its partition is paused. Private to kafka_consumer.c.
#pragma once

#include "kafka_common.h"

#define KAFKA_TOPIC_SIZE 250 // a name has 249 characters at most

struct lane {
    struct lane *next;
    char topic[KAFKA_TOPIC_SIZE];
    int32_t partition;
    bool is_held;                // paused; its messages come again at due_ms
    int64_t from_offset, due_ms;
    struct kept *first;          // those, in order
};

struct kept {
    struct kept *next;
    rd_kafka_message_t *message;
    struct lane *lane;
};

struct lanes {
    rd_kafka_t *client;
    struct lane *all, *spare_lane;
    struct kept *spare;
};

// Room for one more message, of whatever partition; false: there is no memory.
MUST_USE bool lanes_make_room(struct lanes *lanes);
// Takes the message over, into that room.
struct kept *lanes_keep(struct lanes *lanes, rd_kafka_message_t *message);
// Done with it: the message goes, its room is free.
void lanes_let_go(struct lanes *lanes, struct kept *kept);
// The lane that a kept message came from; NULL for any other.
struct lane *lanes_find(struct lanes *lanes, const char *topic, int32_t partition);

// From this offset on, what the batch holds of the lane comes again at due_ms; until then it is paused.
void lane_hold(struct lanes *lanes, struct lane *lane, int64_t from_offset, int64_t due_ms);
// Puts a message of the batch that is over back to its lane, before what waits there; lets go of one that is done. From the
// batch's last to its first.
void lanes_put_back(struct lanes *lanes, struct kept *kept);
// Moves up to `most` messages of one lane that is due into out, and opens the lane when none is left; how many.
int lanes_take_due(struct lanes *lanes, int64_t now_ms, struct kept **out, int most);
// When the next lane is due; INT64_MAX when none is held.
int64_t lanes_next_due_ms(const struct lanes *lanes);
// Forgets what is held and opens the lanes: whoever gets the partitions reads it again, its offsets were not stored.
void lanes_drop(struct lanes *lanes);
void lanes_free(struct lanes *lanes);

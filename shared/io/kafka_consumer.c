// SPDX-License-Identifier: MIT
// A consumer hands out batches and keeps them until the next poll; what must come again waits in its lane (kafka_lane.h).
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crypto.h"
#include "json.h"
#include "kafka_lane.h"
#include "text.h"

#define BATCH_MAX 5000
#define SUBSCRIBED_MAX 64
#define METADATA_TIMEOUT_MS 2000
#define LOOK_EVERY_MS 3000

struct kafka_consumer {
    rd_kafka_t *client;
    const char *const *topics;
    bool broadcast, from_end;
    struct kept *batch[BATCH_MAX];
    int batch_count;
    struct lanes lanes;
    bool was_due;                 // the last batch had waited in a lane
    int partitions_assigned;      // broadcast
    rd_kafka_topic_partition_list_t *at_end; // partitions read to their end at least once
    int64_t next_lookup_ms;
    char cluster[64];             // whose partitions those are
    rd_kafka_topic_t *subscribed[SUBSCRIBED_MAX]; // of a group: so that metadata tell of them
    int partitions_there;         // of those, when last looked at
    _Atomic int64_t lag, rebalances;
};

static void finish_batch(struct kafka_consumer *consumer);
static void take_new(struct kafka_consumer *consumer, int most, int timeout_ms);
static void broadcast_assign(struct kafka_consumer *consumer);
static void group_follow(struct kafka_consumer *consumer);
static bool hand_out(struct arena *arena, const rd_kafka_message_t *from, struct kafka_message *to);

static const struct kafka_setting consumer_settings[] = {
    {"enable.auto.offset.store", "false"},            // stored after the effect is committed
    {"auto.offset.reset", "earliest"},                // the default skips what came before the first join
    {"partition.assignment.strategy", "range"},       // cooperative-sticky has known faults in 2.0.2
    {"check.crcs", "true"},
    {"queued.min.messages", "10000"},
    {"topic.metadata.refresh.interval.ms", "10000"},
    {"statistics.interval.ms", "5000"},
    {NULL, NULL},
};

// --- Making one ----------------------------------------------------------------------------------

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    atomic_fetch_add(&consumer->rebalances, 1);
    while (consumer->batch_count > 0) lanes_let_go(&consumer->lanes, consumer->batch[--consumer->batch_count]); // not handed out yet
    lanes_drop(&consumer->lanes);
    rd_kafka_assign(client, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? partitions : NULL);
}

// From what we called done, else from what the group did before us, else from the beginning: a consumer that starts and gets
// nothing done is behind, too.
static json_int_t partition_lag(const json_t *partition)
{
    const char *state = json_member_text(partition, "fetch_state");
    const json_int_t stored = json_integer_value(json_object_get(partition, "consumer_lag_stored"));
    const json_int_t committed = json_integer_value(json_object_get(partition, "consumer_lag"));
    const json_int_t first = json_integer_value(json_object_get(partition, "lo_offset")), end = json_integer_value(json_object_get(partition, "hi_offset"));
    if (!state || strcmp(state, "active") != 0) return 0; // not ours
    if (stored >= 0 || committed >= 0) return stored >= 0 ? stored : committed;
    return end > 0 ? end - (first > 0 ? first : 0) : 0;
}

// The sum of our partitions' lag, from librdkafka's own statistics.
static int on_statistics(rd_kafka_t *client, char *text, size_t length, void *opaque)
{
    (void)client;
    struct kafka_consumer *consumer = opaque;
    CLEANUP(json_release) json_t *statistics = json_loadb(text, length, 0, NULL);
    int64_t lag = 0;
    const char *name;
    json_t *topic, *partition;
    json_object_foreach(json_object_get(statistics, "topics"), name, topic) {
        json_object_foreach(json_object_get(topic, "partitions"), name, partition) lag += partition_lag(partition);
    }
    atomic_store(&consumer->lag, lag);
    return 0;
}

static rd_kafka_t *client_new(struct kafka_consumer *consumer, const struct kafka_consumer_config *config, struct error *err)
{
    char session_ms[16], alone[64];
    unsigned char random[8];
    crypto_random(random, sizeof random);
    snprintf(alone, sizeof alone, "dc-broadcast-%02x%02x%02x%02x%02x%02x", random[0], random[1], random[2], random[3], random[4], random[5]);
    snprintf(session_ms, sizeof session_ms, "%d", config->session_timeout_ms > 0 ? config->session_timeout_ms : 6000);
    const struct kafka_setting own[] = {
        {"group.id", config->group ? config->group : alone}, // assign() without a group still wants a name
        {"session.timeout.ms", session_ms},
        {"enable.auto.commit", config->group ? "true" : "false"},
        {"auto.commit.interval.ms", "1000"},
        {"enable.partition.eof", config->group ? "false" : "true"}, // tells when all that was there has been read
        {"fetch.wait.max.ms", config->group ? "500" : "100"},       // until the broker says that nothing new has come: a start waits for that
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf(config->brokers, config->client_id, consumer_settings, err);
    char why[256];
    for (const struct kafka_setting *s = own; conf && s->name; s++) {
        if (rd_kafka_conf_set(conf, s->name, s->value, why, sizeof why) == RD_KAFKA_CONF_OK) continue;
        rd_kafka_conf_destroy(conf);
        return kafka_failed(err, "setting", why), NULL;
    }
    if (!conf) return NULL;
    rd_kafka_conf_set_opaque(conf, consumer);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    if (config->group) rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    return kafka_client(RD_KAFKA_CONSUMER, conf, err);
}

static void know_topics(struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < SUBSCRIBED_MAX && consumer->topics[i]; i++) consumer->subscribed[i] = rd_kafka_topic_new(consumer->client, consumer->topics[i], NULL);
}

static void forget_topics(struct kafka_consumer *consumer)
{
    for (size_t i = 0; i < SUBSCRIBED_MAX; i++) if (consumer->subscribed[i]) rd_kafka_topic_destroy(consumer->subscribed[i]);
}

struct kafka_consumer *kafka_consumer_new(const struct kafka_consumer_config *config, struct error *err)
{
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    if (!consumer) return kafka_failed(err, "consumer", "no memory"), NULL;
    consumer->topics = config->topics;
    consumer->broadcast = !config->group;
    consumer->from_end = config->from_end;
    atomic_store(&consumer->lag, -1);
    consumer->at_end = rd_kafka_topic_partition_list_new(8);
    consumer->client = consumer->lanes.client = client_new(consumer, config, err);
    if (consumer->client) {
        rd_kafka_poll_set_consumer(consumer->client);
        if (!consumer->broadcast) know_topics(consumer);
        return consumer;
    }
    rd_kafka_topic_partition_list_destroy(consumer->at_end);
    free(consumer);
    return NULL;
}

void kafka_consumer_free(struct kafka_consumer *consumer)
{
    if (!consumer) return;
    finish_batch(consumer);
    lanes_drop(&consumer->lanes);
    rd_kafka_consumer_close(consumer->client); // commits what is stored
    forget_topics(consumer);
    rd_kafka_destroy(consumer->client);
    lanes_free(&consumer->lanes);
    rd_kafka_topic_partition_list_destroy(consumer->at_end);
    free(consumer);
}

// --- Reading -------------------------------------------------------------------------------------

int kafka_consumer_poll(struct kafka_consumer *consumer, struct arena *arena, struct kafka_message *out, int most, int timeout_ms)
{
    if (most > BATCH_MAX) most = BATCH_MAX;
    finish_batch(consumer);
    if (consumer->broadcast) broadcast_assign(consumer);
    else group_follow(consumer);
    // in between the broker is heard: a member that only works off what waited would miss that the group goes on without it
    if (!consumer->was_due) consumer->batch_count = lanes_take_due(&consumer->lanes, clock_monotonic_ms(), consumer->batch, most);
    consumer->was_due = consumer->batch_count > 0;
    if (!consumer->was_due) take_new(consumer, most, timeout_ms);
    int count = 0;
    for (; count < consumer->batch_count; count++)
        if (!hand_out(arena, consumer->batch[count]->message, &out[count])) break; // the arena is full: the rest comes again
    for (int i = count; i < consumer->batch_count; i++) {
        struct kept *late = consumer->batch[i];
        lane_hold(&consumer->lanes, late->lane, late->message->offset, clock_monotonic_ms());
    }
    return count;
}

static void note_end(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    const char *topic = rd_kafka_topic_name(message->rkt);
    if (!rd_kafka_topic_partition_list_find(consumer->at_end, topic, message->partition))
        rd_kafka_topic_partition_list_add(consumer->at_end, topic, message->partition);
}

// Waits for a first message, then takes what is there already. Other events (end of partition) are dealt with here.
static void take_new(struct kafka_consumer *consumer, int most, int timeout_ms)
{
    const int64_t left_ms = lanes_next_due_ms(&consumer->lanes) - clock_monotonic_ms(); // not longer than until something is due
    if (left_ms < timeout_ms) timeout_ms = left_ms > 0 ? (int)left_ms : 0;
    while (consumer->batch_count < most && lanes_make_room(&consumer->lanes)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->client, consumer->batch_count ? 0 : timeout_ms);
        if (!message) return;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            consumer->batch[consumer->batch_count++] = lanes_keep(&consumer->lanes, message);
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) note_end(consumer, message);
        rd_kafka_message_destroy(message);
        if (!consumer->batch_count) return;
    }
}

// Headers of texts alone; librdkafka ends names and values in NUL.
static void take_headers(const rd_kafka_message_t *from, struct kafka_message *to)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; to->header_count < KAFKA_HEADERS_MAX && rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        if (value && text_is_utf8(value, size) && text_is_utf8(name, strlen(name))) to->headers[to->header_count++] = (struct kafka_header){name, value};
}

static bool hand_out(struct arena *arena, const rd_kafka_message_t *from, struct kafka_message *to)
{
    *to = (struct kafka_message){.topic = rd_kafka_topic_name(from->rkt), .partition = from->partition, .offset = from->offset,
                                 .key = arena_memdup(arena, from->key, from->key_len),
                                 .value = from->payload, .value_length = from->len};
    take_headers(from, to);
    return to->key || !from->key;
}

void kafka_consumer_done(struct kafka_consumer *consumer, const struct kafka_message *message)
{
    if (consumer->broadcast) return;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->client, message->topic, NULL);
    if (!topic) return;
    (void)rd_kafka_offset_store(topic, message->partition, message->offset); // refused where revoked: it is delivered again
    rd_kafka_topic_destroy(topic);
}

int64_t kafka_consumer_lag(struct kafka_consumer *consumer)
{
    return atomic_load(&consumer->lag);
}

int64_t kafka_consumer_rebalances(const struct kafka_consumer *consumer)
{
    return atomic_load(&((struct kafka_consumer *)(uintptr_t)consumer)->rebalances);
}

void kafka_consumer_retry_from(struct kafka_consumer *consumer, const struct kafka_message *message, int delay_ms)
{
    struct lane *lane = lanes_find(&consumer->lanes, message->topic, message->partition);
    if (lane) lane_hold(&consumer->lanes, lane, message->offset, clock_monotonic_ms() + delay_ms);
}

// The batch is over: what must come again waits in its lane, the rest goes.
static void finish_batch(struct kafka_consumer *consumer)
{
    while (consumer->batch_count > 0) lanes_put_back(&consumer->lanes, consumer->batch[--consumer->batch_count]);
}

// --- Broadcast -----------------------------------------------------------------------------------

bool kafka_consumer_caught_up(struct kafka_consumer *consumer)
{
    const bool waits = lanes_next_due_ms(&consumer->lanes) != INT64_MAX; // something comes again
    return consumer->partitions_assigned > 0 && consumer->at_end->cnt >= consumer->partitions_assigned && !waits;
}

// Adds all partitions of a topic; false while the topic or the broker is not there.
static bool add_partitions(struct kafka_consumer *consumer, const char *name, int64_t offset, rd_kafka_topic_partition_list_t *list)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->client, name, NULL);
    if (!topic) return false;
    bool ok = rd_kafka_metadata(consumer->client, 0, topic, &metadata, METADATA_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
              metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt > 0;
    for (int i = 0; ok && i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, name, metadata->topics[0].partitions[i].id)->offset = offset;
    if (metadata) rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return ok;
}

// As the latest metadata have it; asks nobody.
static void cluster_of(struct kafka_consumer *consumer, char *out, size_t size)
{
    char *id = rd_kafka_clusterid(consumer->client, 0);
    snprintf(out, size, "%s", id ? id : "");
    if (id) rd_kafka_mem_free(consumer->client, id);
}

// Partitions that are there of the topics this consumer knows; -1 where nobody answers.
static int count_partitions(struct kafka_consumer *consumer)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int count = 0;
    if (rd_kafka_metadata(consumer->client, 0, NULL, &metadata, METADATA_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) return -1;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) count += metadata->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

// The group shares out the partitions that are there when a member joins it, as this makes it do.
static bool subscribe(struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (const char *const *topic = consumer->topics; *topic; topic++) rd_kafka_topic_partition_list_add(list, *topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

// Joins the group; and anew where there are more partitions than when it was last looked, or another cluster: librdkafka 2.0.2 does so
// by itself only for topics that were there before, so that one which comes later, or comes back, would be read by nobody.
static void group_follow(struct kafka_consumer *consumer)
{
    char cluster[sizeof consumer->cluster];
    if (clock_monotonic_ms() < consumer->next_lookup_ms) return;
    const int count = count_partitions(consumer);
    consumer->next_lookup_ms = clock_monotonic_ms() + LOOK_EVERY_MS;
    if (count < 0) return;
    cluster_of(consumer, cluster, sizeof cluster);
    const bool more = count > consumer->partitions_there || strcmp(cluster, consumer->cluster) != 0;
    if (more && !subscribe(consumer)) return; // looked at again
    consumer->partitions_there = count;
    snprintf(consumer->cluster, sizeof consumer->cluster, "%s", cluster);
}

// All partitions of all topics at once, as soon as every topic is there. Anew, and from their beginning, where another cluster
// has taken the place of the first: its offsets mean other messages. Looked at once a second at most.
static void broadcast_assign(struct kafka_consumer *consumer)
{
    const bool again = consumer->partitions_assigned > 0;
    char cluster[sizeof consumer->cluster];
    if (clock_monotonic_ms() < consumer->next_lookup_ms) return;
    consumer->next_lookup_ms = clock_monotonic_ms() + 1000;
    cluster_of(consumer, cluster, sizeof cluster);
    if (again && strcmp(cluster, consumer->cluster) == 0) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    const int64_t offset = consumer->from_end && !again ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    bool complete = true;
    for (const char *const *topic = consumer->topics; *topic && complete; topic++) complete = add_partitions(consumer, *topic, offset, list);
    if (complete && rd_kafka_assign(consumer->client, list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        lanes_drop(&consumer->lanes);
        consumer->partitions_assigned = list->cnt;
        cluster_of(consumer, consumer->cluster, sizeof consumer->cluster);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

// SPDX-License-Identifier: MIT
// To whom the relay publishes: a producer that works, and a cluster that has the topics and all that its predecessor had.
#include <stdio.h>

#include "kit_sql.h"
#include "log.h"
#include "relay_private.h"

#define TOPICS_MAX 32
#define CLUSTER_CHECK_MS 10000
#define CLUSTER_TIMEOUT_MS 3000
#define AGAIN_PIECE 20000

static void drop_spent_producer(struct relay *relay);
static bool have_producer(struct relay *relay, struct error *err);
static void prepare_topics(struct relay *relay);
static bool take_up_cluster(struct relay *relay, const char *cluster, struct error *broker, struct error *err);
static bool publish_all_again(struct relay *relay, const char *cluster, struct error *err);
static bool provision_topics(struct relay *relay, struct error *err);
static void say_once(struct relay *relay, const struct error *broker);

// Who answers is asked before a producer is made: a producer that comes back by itself speaks to whoever answers, and an empty
// cluster would have what is new before what is old.
bool relay_ready(struct relay *relay, bool *ret_ready, struct error *err)
{
    struct error broker = {0};
    char *cluster = NULL;
    bool ok = true;
    drop_spent_producer(relay);
    if (clock_monotonic_ms() >= relay->cluster_due_ms &&
        kafka_cluster_id(relay->app->config.kafka_brokers, relay->arena, &cluster, CLUSTER_TIMEOUT_MS, &broker)) {
        ok = text_equal(cluster, relay->cluster) || take_up_cluster(relay, cluster, &broker, err);
        if (ok && !broker.problem) relay->cluster_due_ms = clock_monotonic_ms() + CLUSTER_CHECK_MS;
    }
    *ret_ready = ok && !broker.problem && have_producer(relay, &broker);
    if (ok) say_once(relay, &broker);
    return ok;
}

bool relay_producer_is_spent(const struct relay *relay)
{
    return kafka_producer_is_fatal(relay->producer) || kafka_producer_is_cut_off(relay->producer);
}

static void drop_spent_producer(struct relay *relay)
{
    if (relay->producer) kafka_producer_poll(relay->producer, 0); // tells of errors, too
    if (relay->producer && relay_producer_is_spent(relay)) {
        if (kafka_producer_is_fatal(relay->producer)) log_warning("relay_producer_fatal");
        kafka_producer_free(relay->producer, 0);
        relay->producer = NULL;
    }
    if (!relay->producer) relay->cluster_due_ms = 0;
}

static bool have_producer(struct relay *relay, struct error *err)
{
    if (relay->producer) return true;
    relay->producer = kafka_producer_new(relay->app->config.kafka_brokers, relay->app->service->name, relay_delivered, relay, err);
    if (!relay->producer) return false;
    prepare_topics(relay);
    atomic_fetch_add(&relay->producers_total, 1);
    metric_add(relay->producers_metric, 1);
    return true;
}

// Those that this service tells of.
static void prepare_topics(struct relay *relay)
{
    const char *names[TOPICS_MAX];
    size_t count = 0;
    for (const struct event_type *const *type = relay->app->service->events; type && *type && count < COUNT_OF(names); type++) {
        size_t known = 0;
        while (known < count && !text_equal(names[known], (*type)->topic->name)) known++;
        if (known == count) names[count++] = (*type)->topic->name;
    }
    kafka_producer_prepare(relay->producer, names, count);
}

// The first cluster since the start, or another one: empty, then, and without topics. Its name is kept once all is done, so that
// whatever interrupts this, it is begun anew.
static bool take_up_cluster(struct relay *relay, const char *cluster, struct error *broker, struct error *err)
{
    bool is_other = false;
    if (db_row(&relay->db, &SQL_relay_is_other_cluster, DB_IN(DB_TEXT(cluster)), DB_OUT(DB_GET_BOOL(&is_other)), err) != DB_FOUND) return false;
    if ((is_other || relay->cluster[0]) && !provision_topics(relay, broker)) return true;
    if (is_other && !publish_all_again(relay, cluster, err)) return false;
    snprintf(relay->cluster, sizeof relay->cluster, "%s", cluster);
    return true;
}

// In pieces that no statement timeout cuts off; all of them before the first row goes out, or order would be lost.
static bool publish_all_again(struct relay *relay, const char *cluster, struct error *err)
{
    int64_t total = 0, count = 0, last_id = 0;
    do {
        if (db_row(&relay->db, &SQL_relay_other_cluster, DB_IN(DB_TEXT(cluster), DB_INT(last_id), DB_INT(AGAIN_PIECE)),
                   DB_OUT(DB_GET_INT(&count), DB_GET_INT(&last_id)), err) != DB_FOUND) return false;
        total += count;
    } while (count > 0);
    log_warning("relay_other_cluster", LOG_TEXT("cluster", cluster), LOG_INT("published_again", total));
    return true;
}

static bool provision_topics(struct relay *relay, struct error *err)
{
    for (const struct topic *const *topic = topics_all; *topic; topic++) {
        const struct kafka_topic_spec spec = {(*topic)->name, (*topic)->partitions, (int)relay->app->config.topic_replication, (*topic)->compacted, (*topic)->retention_ms};
        if (!kafka_topic_ensure(relay->app->config.kafka_brokers, &spec, NULL, err)) return false;
    }
    return true;
}

static void say_once(struct relay *relay, const struct error *broker)
{
    const bool waits = broker->problem;
    if (waits && !relay->waits_for_broker) log_failure(LOG_LEVEL_WARNING, "relay_waits_for_broker", broker);
    if (!waits && relay->waits_for_broker) log_info("relay_found_broker");
    relay->waits_for_broker = waits;
}

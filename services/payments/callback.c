// SPDX-License-Identifier: MIT
#include "callback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daraja.h"
#include "log.h"
#include "refund.h"

static bool is_admitted(struct request *rq, const char *kind, const char **ret_id, struct error *err);
static bool store(struct request *rq, const struct spooled *callback);
static bool spool(struct request *rq, struct response *rs, const struct spooled *callback, struct error *err);
static const char *body_text(struct request *rq);
static bool accept(struct response *rs);

// Answered within 100 ms whatever the database does: a pool with a short temper first, the disk if that fails. Only where
// both fail is M-Pesa asked to come again.
bool callback_stk(struct request *rq, struct response *rs, struct error *err)
{
    struct spooled callback = {.source_address = rq->client_address, .body = body_text(rq)};
    if (!is_admitted(rq, "stk", &callback.push_id, err)) return false;
    if (!callback.body) return error_set(err, &problem_unavailable, NULL);
    if (store(rq, &callback)) {
        metric_add(payments_of(rq->app)->callbacks_stored, 1);
        rs->wake = &payments_workers[WORKER_SETTLE];
        return accept(rs);
    }
    return spool(rq, rs, &callback, err);
}

static bool spool(struct request *rq, struct response *rs, const struct spooled *callback, struct error *err)
{
    struct error trouble = {0};
    if (spool_write(payments_settings_of(rq->app)->spool_dir, callback, rq->arena, &trouble)) {
        metric_add(payments_of(rq->app)->callbacks_spooled, 1);
        return accept(rs);
    }
    log_failure(LOG_LEVEL_ERROR, "callback_not_kept", &trouble);
    return error_set(err, &problem_unavailable, NULL);
}

static bool accept(struct response *rs)
{
    response_json(rs, "{\"ResultCode\":0,\"ResultDesc\":\"Accepted\"}");
    return true;
}

// From M-Pesa's addresses, to an address that only M-Pesa was told.
static bool is_admitted(struct request *rq, const char *kind, const char **ret_id, struct error *err)
{
    const struct payments *payments = payments_of(rq->app);
    struct address source;
    const bool known = rq->client_address && address_parse(rq->client_address, &source) && networks_hold(&payments->sources, &source);
    const bool is_signed = daraja_callback_id(payments_settings_of(rq->app), kind, rq->parameters[0], rq->arena, ret_id);
    if (known && is_signed) return true;
    metric_add(payments->callbacks_refused, 1);
    log_warning("callback_refused", LOG_TEXT("source", rq->client_address), LOG_BOOL("source_known", known), LOG_BOOL("signed", is_signed));
    return error_set(err, known ? &problem_not_found : &problem_not_daraja, NULL);
}

static bool store(struct request *rq, const struct spooled *callback)
{
    struct error err = {0};
    const bool ok = db_exec_alone(payments_of(rq->app)->callback_pool, rq->arena, &SQL_callback_insert,
                                  DB_IN(DB_TEXT(callback->push_id), DB_TEXT(callback->source_address), DB_TEXT(callback->body)), NULL, &err);
    if (!ok) log_failure(LOG_LEVEL_WARNING, "callback_not_stored", &err);
    return ok;
}

// As it came; what is no text is kept as its base64.
static const char *body_text(struct request *rq)
{
    const struct http_request *http = rq->http;
    if (text_is_utf8(http->body, http->body_length)) return arena_memdup(rq->arena, http->body, http->body_length);
    const char *encoded = crypto_base64(rq->arena, http->body, http->body_length);
    return encoded ? arena_printf(rq->arena, "base64:%s", encoded) : NULL;
}

// M-Pesa's queue was too long: nobody knows yet what became of the refund.
bool callback_timeout(struct request *rq, struct response *rs, struct error *err)
{
    const char *refund_id = NULL;
    return is_admitted(rq, "timeout", &refund_id, err) &&
           db_exec_alone(rq->app->pool, rq->arena, &SQL_refund_queued_out, DB_IN(DB_TEXT(refund_id)), NULL, err) && accept(rs);
}

// Nobody can be asked about a refund, so a result that the database does not take goes to the disk, too.
bool callback_result(struct request *rq, struct response *rs, struct error *err)
{
    struct spooled result = {.source_address = rq->client_address, .body = body_text(rq)};
    if (!is_admitted(rq, "result", &result.refund_id, err)) return false;
    if (!result.body) return error_set(err, &problem_unavailable, NULL);
    if (refund_result(rq->app, rq->arena, &result, err)) return accept(rs);
    if (!error_passes(err)) return false;
    error_clear(err);
    return spool(rq, rs, &result, err);
}

// --- Reading -------------------------------------------------------------------------------------

static const char *short_text(const json_t *value, struct arena *arena)
{
    const char *text = json_string_value(value);
    if (json_is_integer(value)) return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    return text && *text && strlen(text) <= 200 ? arena_strdup(arena, text) : NULL;
}

// Shillings, as a number or, in the wild, as text, in cents; false for anything else.
static bool read_amount(const json_t *value, int64_t *ret)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    const double shillings = text ? strtod(text, &end) : json_number_value(value);
    const double cents = round(shillings * 100);
    if (text ? end == text || *end : !json_is_number(value)) return false;
    if (!(cents >= 0 && cents < 1e15)) return false;
    *ret = (int64_t)cents;
    return true;
}

// CallbackMetadata.Item: names and values in any order; a Value may be missing.
static void read_items(const json_t *items, struct arena *arena, struct stk_result *ret)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        const char *name = json_member_text(item, "Name");
        const json_t *value = json_object_get(item, "Value");
        if (text_equal(name, "MpesaReceiptNumber")) ret->receipt = short_text(value, arena);
        if (text_equal(name, "Amount")) ret->has_amount = read_amount(value, &ret->amount);
    }
}

bool stk_result_read(const char *body, size_t length, struct arena *arena, struct stk_result *ret)
{
    struct error unread = {0};
    *ret = (struct stk_result){0};
    CLEANUP(json_release) json_t *whole = json_parse(body, length, &unread);
    const json_t *callback = json_object_get(json_object_get(whole, "Body"), "stkCallback");
    ret->merchant_request_id = short_text(json_object_get(callback, "MerchantRequestID"), arena);
    ret->checkout_request_id = short_text(json_object_get(callback, "CheckoutRequestID"), arena);
    ret->code = short_text(json_object_get(callback, "ResultCode"), arena);
    ret->detail = short_text(json_object_get(callback, "ResultDesc"), arena);
    read_items(json_object_get(json_object_get(callback, "CallbackMetadata"), "Item"), arena, ret);
    return ret->checkout_request_id && ret->code;
}

// SPDX-License-Identifier: MIT
#include "daraja.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_client.h"
#include "log.h"

#define CONNECTIONS 32
#define LEASE_EXTRA_S 20 // for the database
#define ANSWER_BYTES (64 * 1024)
#define EAT_MS (3 * 3600 * 1000)
#define MAC_LENGTH 32
#define WORDS_BYTES 200
#define NO_SERVICE "M-Pesa does not take payments for us right now. Try again later."

// Daraja's errors of a request, by code and, where one code means many things, by words. The first row that fits counts.
static const struct refusal {
    const char *code, *words; // NULL: any
    enum daraja_outcome outcome;
    int64_t wait_s;
    const char *reason;
} refusals[] = {
    {"500.001.1001", "is being processed", DARAJA_LOST, 0, NULL},
    {"500.001.1001", "lock subscriber", DARAJA_REFUSED, 0, "Another M-Pesa transaction runs on this phone. Wait a minute, then buy again."},
    {"500.001.1001", "merchant does not exist", DARAJA_REFUSED, 0, NO_SERVICE},
    {"500.001.1001", "wrong credentials", DARAJA_REFUSED, 0, NO_SERVICE},
    {"500.001.1001", NULL, DARAJA_LOST, 0, NULL}, // overloaded: it may have been taken
    {"500.003.02", NULL, DARAJA_NOT_SENT, 5, NULL},   // spike arrest
    {"500.003.03", NULL, DARAJA_NOT_SENT, 30, NULL},  // quota
    {"404.001.03", NULL, DARAJA_NOT_SENT, 0, NULL},   // token
    {"400.003.01", NULL, DARAJA_NOT_SENT, 0, NULL},   // token
    {"400.002.05", NULL, DARAJA_REFUSED, 0, NO_SERVICE},
    {"404.001.01", NULL, DARAJA_REFUSED, 0, NO_SERVICE},
    {"405.001", NULL, DARAJA_REFUSED, 0, NO_SERVICE},
    {"400.002.02", NULL, DARAJA_REFUSED, 0, "M-Pesa did not take the payment's particulars. Check the phone number, or tell us."},
};

static bool post(struct app *app, const char *path, const char *body, struct arena *arena, struct http_answer *ret, struct daraja_answer *trouble);
static json_t *answer_of(const struct http_answer *http, struct arena *arena, struct daraja_answer *ret);
static void judge_error(const json_t *body, int status, struct arena *arena, struct daraja_answer *ret);
static const char *text_of(const json_t *object, const char *name, struct arena *arena);
static const char *words_of(const json_t *object, const char *name, struct arena *arena);
static void send_refund(struct app *app, const char *path, const json_t *body, struct arena *arena, struct daraja_answer *ret);

struct daraja *daraja_new(const struct payments_settings *settings, struct error *err)
{
    struct daraja *daraja = calloc(1, sizeof *daraja);
    if (!daraja) return error_set(err, &problem_unavailable, "No memory."), NULL;
    daraja->token = daraja_token_new();
    daraja->client = http_client_new(&(struct http_client_config){.base_url = settings->daraja_url, .connections = CONNECTIONS, .connect_timeout_ms = 3000,
                                                                  .answer_limit_bytes = ANSWER_BYTES}, err);
    if (daraja->client && daraja->token) return daraja;
    if (!err->problem) error_set(err, &problem_unavailable, "No memory.");
    daraja_free(daraja);
    return NULL;
}

int64_t daraja_lease_s(const struct app *app)
{
    return payments_settings_of(app)->daraja_timeout_ms / 1000 * 4 + LEASE_EXTRA_S;
}

void daraja_free(struct daraja *daraja)
{
    if (!daraja) return;
    http_client_free(daraja->client);
    daraja_token_free(daraja->token);
    free(daraja);
}

// --- STK push ------------------------------------------------------------------------------------

void daraja_timestamp(int64_t now_ms, char out[15])
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format(now_ms + EAT_MS, text, sizeof text);
    size_t used = 0;
    for (const char *at = text; *at && *at != '.' && used < 14; at++)
        if (*at >= '0' && *at <= '9') out[used++] = *at;
    out[used] = '\0';
}

const char *daraja_password(const struct payments_settings *settings, const char *timestamp, struct arena *arena)
{
    const char *plain = arena_printf(arena, "%s%s%s", settings->shortcode, settings->passkey, timestamp);
    return plain ? crypto_base64(arena, plain, strlen(plain)) : NULL;
}

const char *daraja_push_body(const struct payments_settings *settings, const struct daraja_push *push, int64_t now_ms, struct arena *arena)
{
    char timestamp[15];
    daraja_timestamp(now_ms, timestamp);
    const char *phone = push->phone_number + 1; // 254…, without the plus
    const char *party_b = settings->till[0] ? settings->till : settings->shortcode;
    const char *callback = daraja_callback_url(settings, "stk", push->push_id, arena);
    CLEANUP(json_release) json_t *body = json_pack(
        "{s:s, s:s*, s:s, s:s, s:I, s:s, s:s, s:s, s:s*, s:s*, s:s}", "BusinessShortCode", settings->shortcode, "Password",
        daraja_password(settings, timestamp, arena), "Timestamp", timestamp, "TransactionType", settings->transaction_type, "Amount",
        (json_int_t)(push->amount / 100), "PartyA", phone, "PartyB", party_b, "PhoneNumber", phone, "CallBackURL", callback, "AccountReference",
        arena_printf(arena, "%.12s", push->reference), "TransactionDesc", "Contacts");
    return body ? json_text(arena, body) : NULL;
}

void daraja_push(struct app *app, const struct daraja_push *push, struct arena *arena, struct daraja_answer *ret)
{
    struct http_answer http = {0};
    *ret = (struct daraja_answer){.outcome = DARAJA_NOT_SENT, .wait_s = 5};
    const char *body = daraja_push_body(payments_settings_of(app), push, clock_now_ms(app->clock), arena);
    if (!body || !post(app, "/mpesa/stkpush/v1/processrequest", body, arena, &http, ret)) return;
    CLEANUP(json_release) json_t *answer = answer_of(&http, arena, ret);
    if (!answer) return;
    ret->merchant_request_id = text_of(answer, "MerchantRequestID", arena);
    ret->checkout_request_id = text_of(answer, "CheckoutRequestID", arena);
    if (ret->outcome == DARAJA_DONE && (!ret->merchant_request_id || !ret->checkout_request_id)) ret->outcome = DARAJA_LOST;
}

void daraja_query(struct app *app, const char *checkout_request_id, struct arena *arena, struct daraja_query *ret)
{
    const struct payments_settings *settings = payments_settings_of(app);
    struct daraja_answer trouble = {0};
    struct http_answer http = {0};
    struct error unread = {0};
    char timestamp[15];
    daraja_timestamp(clock_now_ms(app->clock), timestamp);
    *ret = (struct daraja_query){.state = DARAJA_TROUBLE};
    CLEANUP(json_release) json_t *body = json_pack("{s:s, s:s*, s:s, s:s}", "BusinessShortCode", settings->shortcode, "Password",
                                                  daraja_password(settings, timestamp, arena), "Timestamp", timestamp, "CheckoutRequestID", checkout_request_id);
    const char *text = body ? json_text(arena, body) : NULL;
    if (!text || !post(app, "/mpesa/stkpushquery/v1/query", text, arena, &http, &trouble)) {
        ret->detail = trouble.detail;
        return;
    }
    CLEANUP(json_release) json_t *answer = json_parse(http.body, http.body_length, &unread);
    ret->code = text_of(answer, "ResultCode", arena);
    ret->detail = words_of(answer, ret->code ? "ResultDesc" : "errorMessage", arena);
    if (ret->code && text_equal(ret->code, "4999")) ret->state = DARAJA_PENDING;
    else if (ret->code && http.status == 200) ret->state = DARAJA_ANSWERED;
    else if (ret->detail && strcasestr(ret->detail, "being processed")) ret->state = DARAJA_PENDING;
    else if (ret->detail && strcasestr(ret->detail, "invalid CheckoutRequestID")) ret->state = DARAJA_NOT_KNOWN;
}

// --- Refunds -------------------------------------------------------------------------------------

void daraja_reverse(struct app *app, const struct daraja_refund *refund, struct arena *arena, struct daraja_answer *ret)
{
    const struct payments_settings *settings = payments_settings_of(app);
    const char *url = daraja_callback_url(settings, "result", refund->refund_id, arena), *late = daraja_callback_url(settings, "timeout", refund->refund_id, arena);
    CLEANUP(json_release) json_t *body = json_pack( // RecieverIdentifierType is Daraja's own spelling
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s*, s:s*, s:s}", "Initiator", settings->initiator, "SecurityCredential", settings->security_credential,
        "CommandID", "TransactionReversal", "TransactionID", refund->receipt, "Amount", (json_int_t)(refund->amount / 100), "ReceiverParty",
        settings->shortcode, "RecieverIdentifierType", "11", "ResultURL", url, "QueueTimeOutURL", late, "Remarks", "Refund");
    send_refund(app, "/mpesa/reversal/v1/request", body, arena, ret);
}

void daraja_pay(struct app *app, const struct daraja_refund *refund, struct arena *arena, struct daraja_answer *ret)
{
    const struct payments_settings *settings = payments_settings_of(app);
    const char *url = daraja_callback_url(settings, "result", refund->refund_id, arena), *late = daraja_callback_url(settings, "timeout", refund->refund_id, arena);
    const char *from = settings->b2c_shortcode[0] ? settings->b2c_shortcode : settings->shortcode;
    CLEANUP(json_release) json_t *body = json_pack( // Occassion, too
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s*, s:s*, s:s}", "OriginatorConversationID", refund->originator_conversation_id, "InitiatorName",
        settings->initiator, "SecurityCredential", settings->security_credential, "CommandID", "BusinessPayment", "Amount",
        (json_int_t)(refund->amount / 100), "PartyA", from, "PartyB", refund->phone_number + 1, "Remarks", "Refund", "QueueTimeOutURL", late, "ResultURL",
        url, "Occassion", "Refund");
    send_refund(app, "/mpesa/b2c/v3/paymentrequest", body, arena, ret);
}

static void send_refund(struct app *app, const char *path, const json_t *body, struct arena *arena, struct daraja_answer *ret)
{
    struct http_answer http = {0};
    *ret = (struct daraja_answer){.outcome = DARAJA_NOT_SENT, .wait_s = 30};
    const char *text = body ? json_text(arena, body) : NULL;
    if (!text || !post(app, path, text, arena, &http, ret)) return;
    CLEANUP(json_release) json_t *answer = answer_of(&http, arena, ret);
    ret->conversation_id = text_of(answer, "ConversationID", arena);
}

// --- One call ------------------------------------------------------------------------------------

// By the code of an error alone: whatever else an answer holds, it may have been taken.
static bool is_stale_token(const struct http_answer *http)
{
    struct error unread = {0};
    CLEANUP(json_release) json_t *body = json_parse(http->body, http->body_length, &unread);
    const char *code = json_member_text(body, "errorCode");
    return text_equal(code, "404.001.03") || text_equal(code, "400.003.01");
}

// True when an answer came. A token that M-Pesa has forgotten is replaced once: a request with it was surely not taken.
static bool post(struct app *app, const char *path, const char *body, struct arena *arena, struct http_answer *ret, struct daraja_answer *trouble)
{
    for (int attempt = 0;; attempt++) {
        struct error err = {0};
        const char *token = NULL;
        bool sent = false;
        bool answered = daraja_token_get(app, arena, &token, &err);
        if (answered) {
            const struct http_header headers[] = {{"Content-Type", "application/json"}, {"Authorization", arena_printf(arena, "Bearer %s", token)}};
            const struct http_call call = {.method = "POST", .path = path, .headers = headers, .header_count = 2, .body = body, .body_length = strlen(body),
                                           .timeout_ms = (int)payments_settings_of(app)->daraja_timeout_ms};
            answered = headers[1].value && http_client_call(payments_of(app)->daraja->client, &call, arena, ret, &sent, &err);
        }
        if (!answered) {
            trouble->outcome = sent ? DARAJA_LOST : DARAJA_NOT_SENT;
            trouble->detail = arena_strdup(arena, err.cause[0] ? err.cause : err.detail);
            return false;
        }
        if (attempt > 0 || !is_stale_token(ret)) return true;
        daraja_token_drop(app, arena, token);
    }
}

// A member that may be text or a number, as text.
static const char *text_of(const json_t *object, const char *name, struct arena *arena)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value)) return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    const char *text = json_string_value(value);
    return text && *text && strlen(text) <= WORDS_BYTES ? arena_strdup(arena, text) : NULL;
}

// A sentence; of a long one the beginning.
static const char *words_of(const json_t *object, const char *name, struct arena *arena)
{
    const char *text = json_string_value(json_object_get(object, name));
    size_t length = text ? strnlen(text, WORDS_BYTES) : 0;
    while (length && ((unsigned char)text[length] & 0xC0) == 0x80) length--; // not within a character
    return length ? arena_memdup(arena, text, length) : NULL;
}

// The answer's object; *ret says what it means. A page or anything else that is no answer leaves all open.
static json_t *answer_of(const struct http_answer *http, struct arena *arena, struct daraja_answer *ret)
{
    struct error unread = {0};
    json_t *body = json_parse(http->body, http->body_length, &unread);
    const char *code = text_of(body, "ResponseCode", arena);
    ret->reason = NULL;
    if (http->status == 200 && code) {
        ret->code = code;
        ret->detail = words_of(body, "ResponseDescription", arena);
        ret->outcome = text_equal(code, "0") ? DARAJA_DONE : DARAJA_REFUSED;
        if (ret->outcome == DARAJA_REFUSED) ret->reason = "M-Pesa refused the payment. Try again later.";
        return body;
    }
    judge_error(body, http->status, arena, ret);
    if (ret->outcome == DARAJA_REFUSED) log_warning("daraja_refused", LOG_TEXT("code", ret->code), LOG_TEXT("detail", ret->detail));
    return body;
}

static void judge_error(const json_t *body, int status, struct arena *arena, struct daraja_answer *ret)
{
    ret->code = text_of(body, "errorCode", arena);
    ret->detail = words_of(body, "errorMessage", arena);
    ret->outcome = DARAJA_LOST;
    if (!ret->code) ret->detail = arena_printf(arena, "HTTP %d without an answer of Daraja's", status);
    if (!ret->code && (status == 429 || status == 401 || status == 403)) {
        ret->outcome = DARAJA_NOT_SENT; // the door refused it
        ret->wait_s = 10;
    }
    for (size_t i = 0; ret->code && i < COUNT_OF(refusals); i++) {
        const struct refusal *row = &refusals[i];
        if (strcmp(row->code, ret->code) != 0 || (row->words && !(ret->detail && strcasestr(ret->detail, row->words)))) continue;
        ret->outcome = row->outcome;
        ret->wait_s = row->wait_s ? row->wait_s : ret->wait_s;
        ret->reason = row->reason;
        return;
    }
}

// --- Callback addresses --------------------------------------------------------------------------

static const char *mac_of(const struct payments_settings *settings, const char *kind, const char *id, struct arena *arena)
{
    char hex[SHA256_HEX_SIZE];
    const char *text = arena_printf(arena, "%s callback %s", kind, id);
    if (!text) return NULL;
    crypto_hmac_sha256_hex(settings->secret, strlen(settings->secret), text, strlen(text), hex);
    return arena_memdup(arena, hex, MAC_LENGTH);
}

const char *daraja_callback_url(const struct payments_settings *settings, const char *kind, const char *id, struct arena *arena)
{
    const char *mac = mac_of(settings, kind, id, arena);
    return mac ? arena_printf(arena, "%s/payments/%s/%s.%s", settings->callback_url, kind, id, mac) : NULL;
}

bool daraja_callback_id(const struct payments_settings *settings, const char *kind, const char *segment, struct arena *arena, const char **ret)
{
    const char *dot = strrchr(segment, '.');
    if (!dot || dot == segment || dot - segment > 64 || strlen(dot + 1) != MAC_LENGTH) return false;
    const char *id = arena_memdup(arena, segment, (size_t)(dot - segment));
    *ret = id;
    return id && crypto_equal(mac_of(settings, kind, id, arena), dot + 1);
}

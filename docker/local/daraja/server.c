// SPDX-License-Identifier: MIT
// HTTP: the routes, and what may go wrong with an answer whatever it is.
#include <string.h>

#include "call.h"
#include "log.h"
#include "simulator_private.h"

static const struct route {
    const char *method, *path;
    enum api api;
    void (*handle)(struct call *call);
} routes[] = {
    {"GET", "/oauth/v1/generate", API_TOKEN, token_answer},
    {"POST", "/mpesa/stkpush/v1/processrequest", API_PUSH, push_answer},
    {"POST", "/mpesa/stkpushquery/v1/query", API_QUERY, query_answer},
    {"POST", "/mpesa/reversal/v1/request", API_REFUND, reversal_answer},
    {"POST", "/mpesa/b2c/v3/paymentrequest", API_REFUND, payout_answer},
    {"POST", "/control", API_CONTROL, control_set},
    {"POST", "/control/reset", API_CONTROL, control_reset},
    {"GET", "/control/transactions", API_CONTROL, control_transactions},
    {"GET", "/control/refunds", API_CONTROL, control_refunds},
    {"GET", "/control/counts", API_CONTROL, control_counts},
    {"POST", "/control/callback", API_CONTROL, control_callback},
    {"POST", "/control/forge", API_CONTROL, control_forge},
};

static const struct route *route_find(struct call *call);
static void route_run(struct call *call, const struct route *route);
static struct breakage breakage_take(struct simulator *simulator, enum api api, int64_t *ret_slow_ms);
static void answer_break(struct call *call, enum broken as);

void simulator_handle(void *state, const struct http_request *request, struct http_response *response)
{
    struct call call = {.simulator = state, .request = request, .response = response, .arena = request->arena};
    if (request->refusal) {
        answer_json(&call, request->refusal->status, arena_printf(call.arena, "{\"errorMessage\":\"%s\"}", request->refusal->title));
        return;
    }
    const struct route *route = route_find(&call);
    if (route) route_run(&call, route);
}

static const struct route *route_find(struct call *call)
{
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (strcmp(routes[i].path, call->request->path) != 0) continue;
        if (strcmp(routes[i].method, call->request->method) == 0) return &routes[i];
        known = true;
    }
    if (known) answer_error(call, "405.001", "Method Not Allowed");
    else answer_error(call, "404.001.01", "Resource not found");
    return NULL;
}

static void route_run(struct call *call, const struct route *route)
{
    const bool is_post = strcmp(route->method, "POST") == 0;
    struct error unread = {0};
    int64_t slow_ms = 0;
    if (route->api != API_CONTROL && route->api != API_TOKEN && !token_holds(call)) return;
    CLEANUP(json_release) json_t *body = is_post && call->request->body_length ? json_parse(call->request->body, call->request->body_length, &unread) : NULL;
    call->body = body;
    const struct breakage broken = breakage_take(call->simulator, route->api, &slow_ms);
    if (!broken.not_taken) {
        if (!is_post || json_is_object(body) || (route->api == API_CONTROL && !call->request->body_length)) route->handle(call);
        else answer_error(call, "400.002.05", "Invalid Request Payload");
    }
    simulator_pause(call->simulator, slow_ms);
    if (broken.as != BROKEN_NOT) answer_break(call, broken.as);
}

// --- Bad days ------------------------------------------------------------------------------------

static struct breakage breakage_take(struct simulator *simulator, enum api api, int64_t *ret_slow_ms)
{
    struct breakage taken = {.as = BROKEN_NOT};
    simulator_lock(simulator);
    struct breakage *broken = &simulator->quirks.broken;
    if (broken->count > 0 && broken->on & (int)api) {
        taken = *broken;
        broken->count--;
    }
    *ret_slow_ms = api == API_CONTROL || api == API_TOKEN ? 0 : simulator->quirks.slow_ms;
    simulator_unlock(simulator);
    return taken;
}

static void answer_break(struct call *call, enum broken as)
{
    static const struct {
        int status;
        const char *type, *body; // NULL: the connection is closed
    } answers[] = {
        [BROKEN_CLOSED] = {0},
        [BROKEN_HTML] = {200, "text/html", "<html><body><h1>We will be back soon</h1></body></html>"},
        [BROKEN_ERROR] = {500, "text/plain", "Internal Server Error"},
        [BROKEN_GARBAGE] = {200, "application/json", "{\"MerchantRequestID\":\"29115-346"},
    };
    log_info("answer_lost", LOG_TEXT("path", call->request->path), LOG_INT("way", as));
    const char *body = answers[as].body;
    *call->response = (struct http_response){.status = answers[as].status, .body = body, .unanswered = !body};
    if (!body) return;
    call->response->body_length = strlen(body);
    http_response_header(call->response, "Content-Type", answers[as].type);
}

// --- Answers -------------------------------------------------------------------------------------

void answer_json(struct call *call, int status, const char *json)
{
    call->response->status = json ? status : 500;
    call->response->body = json ? json : "{}";
    call->response->body_length = strlen(call->response->body);
    http_response_header(call->response, "Content-Type", "application/json");
}

void answer_error(struct call *call, const char *code, const char *format, ...)
{
    struct text_buffer out = text_buffer(call->arena);
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    const bool has_status = (code[0] == '4' || code[0] == '5') && strspn(code, "0123456789") == 3;
    const int status = has_status ? (code[0] - '0') * 100 + (code[1] - '0') * 10 + code[2] - '0' : 500;
    const unsigned long request = (unsigned long)atomic_fetch_add(&call->simulator->requests, 1);
    text_printf(&out, "{\"requestId\":\"16813-%lu-1\",\"errorCode\":\"%s\",\"errorMessage\":", request, code);
    text_add_json(&out, message);
    text_add(&out, "}");
    log_info("refused", LOG_TEXT("path", call->request->path), LOG_TEXT("code", code), LOG_TEXT("message", message));
    answer_json(call, status, text_take(&out));
}

const char *call_text(const struct call *call, const char *name)
{
    const json_t *value = json_object_get(call->body, name);
    return json_is_integer(value) ? arena_printf(call->arena, "%lld", (long long)json_integer_value(value)) : json_string_value(value);
}

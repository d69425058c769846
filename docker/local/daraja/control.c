// SPDX-License-Identifier: MIT
// What tests ask of the simulator itself (simulator.h).
#include <string.h>

#include "call.h"
#include "callbacks.h"
#include "log.h"
#include "simulator_private.h"

static void answer_wrong(struct call *call, const char *what);
static void answer_list(struct call *call, const char *name, bool pushes);
static void add_transaction(struct text_buffer *out, const struct transaction *transaction);
static void answer_posted(struct call *call, const char *url, const char *body, size_t length);

// --- Behaviour -----------------------------------------------------------------------------------

// All members or none.
void control_set(struct call *call)
{
    struct simulator *simulator = call->simulator;
    const char *wrong = "body";
    simulator_lock(simulator);
    struct quirks_change change = {.quirks = simulator->quirks, .seed = -1};
    const bool fine = call->body && quirks_read(call->body, &change, &wrong);
    if (fine) {
        simulator->quirks = change.quirks;
        if (change.expire_token) simulator->token[0] = '\0';
        if (change.seed >= 0) simulator->random = (uint64_t)change.seed;
    }
    simulator_unlock(simulator);
    if (!fine) return answer_wrong(call, wrong);
    log_info("behaviour_set");
    answer_json(call, 200, "{}");
}

void control_reset(struct call *call)
{
    simulator_lock(call->simulator);
    call->simulator->quirks = (struct quirks){0};
    simulator_unlock(call->simulator);
    log_info("behaviour_reset");
    answer_json(call, 200, "{}");
}

static void answer_wrong(struct call *call, const char *what)
{
    struct text_buffer out = text_buffer(call->arena);
    text_add(&out, "{\"wrong\":");
    text_add_json(&out, what);
    text_add(&out, "}");
    answer_json(call, 400, text_take(&out));
}

// --- Lists ---------------------------------------------------------------------------------------

void control_transactions(struct call *call)
{
    answer_list(call, "transactions", true);
}

void control_refunds(struct call *call)
{
    answer_list(call, "refunds", false);
}

// Row by row, so that nobody waits while a long list is written.
static void answer_list(struct call *call, const char *name, bool pushes)
{
    struct simulator *simulator = call->simulator;
    struct text_buffer out = text_buffer(call->arena);
    const char *separator = "";
    text_printf(&out, "{\"%s\":[", name);
    simulator_lock(simulator);
    const uint64_t last = simulator->transactions.last;
    simulator_unlock(simulator);
    for (uint64_t number = transactions_first(last); number <= last; number++) {
        struct transaction row = {0};
        simulator_lock(simulator);
        const struct transaction *found = transaction_find(simulator, number);
        if (found) row = *found;
        simulator_unlock(simulator);
        if (!found || (row.kind == TRANSACTION_PUSH) != pushes) continue;
        text_add(&out, separator);
        add_transaction(&out, &row);
        separator = ",\n";
    }
    text_add(&out, "]}");
    answer_json(call, 200, text_take(&out));
}

static void add_member(struct text_buffer *out, const char *name, const char *value)
{
    text_printf(out, ",\"%s\":", name);
    text_add_json(out, value && *value ? value : NULL);
}

static void add_transaction(struct text_buffer *out, const struct transaction *transaction)
{
    static const char *const kinds[] = {[TRANSACTION_PUSH] = "push", [TRANSACTION_REVERSAL] = "reversal", [TRANSACTION_PAYOUT] = "payout"};
    const bool is_push = transaction->kind == TRANSACTION_PUSH, paid = transaction_paid(transaction);
    char decided_at[CLOCK_RFC3339_SIZE] = "";
    if (transaction->decided) clock_format(transaction->decided_at_ms, decided_at, sizeof decided_at);
    text_printf(out, "{\"kind\":\"%s\"", kinds[transaction->kind]);
    add_member(out, is_push ? "checkout_request_id" : "conversation_id", transaction->id);
    add_member(out, is_push ? "merchant_request_id" : "originator_conversation_id", transaction->partner_id);
    add_member(out, "phone", transaction->phone);
    add_member(out, "state", paid ? "paid" : transaction->decided ? "failed" : "pending");
    add_member(out, "result_code", transaction->code);
    add_member(out, "receipt", transaction->receipt);
    add_member(out, "reverses", transaction->reverses);
    add_member(out, "callback_url", transaction->url);
    add_member(out, "decided_at", decided_at);
    text_printf(out, ",\"amount\":%ld,\"callbacks_sent\":%ld,\"callbacks_answered\":%ld,\"reversed\":%s}", (long)transaction->amount,
                (long)transaction->callbacks_sent, (long)transaction->callbacks_answered, transaction->reversed ? "true" : "false");
}

void control_counts(struct call *call)
{
#define COUNT(member) {#member, offsetof(struct counts, member)}
    static const struct {
        const char *name;
        size_t offset;
    } members[] = {COUNT(tokens), COUNT(queries), COUNT(pushes), COUNT(pushes_refused), COUNT(paid), COUNT(not_paid), COUNT(money_paid),
                   COUNT(reversals), COUNT(payouts), COUNT(refunds_done), COUNT(refunds_failed), COUNT(money_refunded),
                   COUNT(callbacks_sent), COUNT(callbacks_answered), COUNT(callbacks_dropped), COUNT(callbacks_given_up)};
    struct text_buffer out = text_buffer(call->arena);
    simulator_lock(call->simulator);
    const struct counts counts = call->simulator->counts;
    simulator_unlock(call->simulator);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        text_printf(&out, "%s\"%s\":%ld", i ? "," : "{", members[i].name, (long)*(const int64_t *)((const char *)&counts + members[i].offset));
    const int64_t taken = counts.pushes + counts.reversals + counts.payouts;
    const int64_t pending = taken - counts.paid - counts.not_paid - counts.refunds_done - counts.refunds_failed;
    const int64_t waiting = counts.callbacks_planned - counts.callbacks_answered - counts.callbacks_given_up;
    text_printf(&out, ",\"pending\":%ld,\"callbacks_waiting\":%ld}", (long)pending, (long)waiting);
    answer_json(call, 200, text_take(&out));
}

// --- Callbacks by hand ---------------------------------------------------------------------------

// What was decided, or that it was paid where nothing is yet, except for what the caller wants otherwise.
void control_callback(struct call *call)
{
    struct simulator *simulator = call->simulator;
    const char *id = call_text(call, "checkout_request_id"), *amount = call_text(call, "amount"), *url = call_text(call, "url");
    struct transaction known = {0};
    simulator_lock(simulator);
    const struct transaction *found = id ? transaction_by_id(simulator, id) : NULL;
    if (found && found->kind == TRANSACTION_PUSH) known = *found;
    simulator_unlock(simulator);
    if (!known.number || (amount && !text_to_int64(amount, &known.amount))) return answer_wrong(call, known.number ? "amount" : "checkout_request_id");
    if (!known.receipt[0]) transaction_receipt(simulator, known.number, known.receipt);
    if (!known.decided) known.decided_at_ms = clock_now_ms(&clock_system);
    struct push_message message = push_message_of(&known);
    const struct {
        const char *name, **member, *fallback;
    } overrides[] = {{"as_checkout_request_id", &message.checkout_request_id, message.checkout_request_id},
                     {"merchant_request_id", &message.merchant_request_id, message.merchant_request_id},
                     {"result_code", &message.code, known.decided ? message.code : "0"},
                     {"result_desc", &message.words, known.decided ? message.words : "By hand."},
                     {"receipt", &message.receipt, message.receipt},
                     {"phone", &message.phone, message.phone}};
    for (size_t i = 0; i < COUNT_OF(overrides); i++) {
        const char *given = call_text(call, overrides[i].name);
        *overrides[i].member = given ? given : overrides[i].fallback;
    }
    const char *body = push_message_text(&message, call->arena);
    if (!body) return answer_json(call, 200, NULL);
    answer_posted(call, url ? url : known.url, body, strlen(body));
}

// The body is sent as it is where it is text, else as JSON.
void control_forge(struct call *call)
{
    const char *url = call_text(call, "url");
    const json_t *body = json_object_get(call->body, "body");
    if (!url || !body) return answer_wrong(call, url ? "body" : "url");
    const char *text = json_is_string(body) ? json_string_value(body) : json_text(call->arena, body);
    answer_posted(call, url, text, json_is_string(body) ? json_string_length(body) : text ? strlen(text) : 0);
}

static void answer_posted(struct call *call, const char *url, const char *body, size_t length)
{
    struct text_buffer out = text_buffer(call->arena);
    struct http_answer answer = {0};
    struct error err = {0};
    const bool heard = body && peers_post(call->simulator->peers, url, body, length, call->arena, &answer, &err);
    log_info("posted_by_hand", LOG_INT("status", heard ? answer.status : 0));
    text_printf(&out, "{\"status\":%d,\"body\":", heard ? answer.status : 0);
    text_add_json(&out, !heard ? NULL : text_is_utf8(answer.body, answer.body_length) ? answer.body : "");
    text_add(&out, ",\"error\":");
    text_add_json(&out, heard ? NULL : err.cause[0] ? err.cause : err.detail);
    text_add(&out, "}");
    answer_json(call, 200, text_take(&out));
}

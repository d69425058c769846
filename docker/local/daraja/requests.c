// SPDX-License-Identifier: MIT
// What is asked of M-Pesa. An answer says only that it was taken; how it ends is decided later (callbacks.c).
#include <stdio.h>
#include <stdlib.h>

#include "call.h"
#include "callbacks.h"
#include "log.h"
#include "simulator_private.h"

#define BUSY "500.001.1001" // Daraja's code for many things: the words tell which
#define TOO_MANY "500.003.02"

static bool is_refused(struct call *call);
static struct transaction draft_of(const struct call *call, enum transaction_kind kind, const char *phone, const char *url);
static void copy(char *out, size_t size, const char *text);
static void answer_refund(struct call *call, const struct transaction *draft);
static void decide_later(struct call *call, uint64_t number, int64_t wait_ms);

static int64_t payer_ms(const struct simulator *simulator)
{
    return simulator->quirks.payer_ms ? simulator->quirks.payer_ms : simulator->settings.callback_delay_ms;
}

// In this order: a refused push was never taken, and of two to one phone the second is not.
void push_answer(struct call *call)
{
    struct simulator *simulator = call->simulator;
    if (is_refused(call) || !push_is_fine(call)) return;
    struct transaction taken = draft_of(call, TRANSACTION_PUSH, "PhoneNumber", "CallBackURL");
    simulator_lock(simulator);
    const struct transaction *last = transaction_newest(simulator, TRANSACTION_PUSH, taken.phone);
    const bool busy = last && !last->decided;
    const struct transaction *added = busy ? NULL : transaction_add(simulator, &taken);
    const bool early = added && chance_of(simulator, CHANCE_EARLY);
    const int64_t wait_ms = payer_ms(simulator);
    if (added) taken = *added;
    simulator->counts.pushes += added != NULL;
    simulator->counts.pushes_refused += !added;
    simulator_unlock(simulator);
    if (busy) return answer_error(call, BUSY, "Unable to lock subscriber, a transaction is already in process for the current subscriber");
    if (!added) return answer_error(call, TOO_MANY, "Error Occurred: Spike Arrest Violation");
    log_info("push_taken", LOG_TEXT("id", taken.id), LOG_INT("amount", taken.amount));
    if (early) decide_early(simulator, taken.number, call->arena);
    else decide_later(call, taken.number, wait_ms);
    answer_json(call, 200, arena_printf(call->arena,
                                        "{\"MerchantRequestID\":\"%s\",\"CheckoutRequestID\":\"%s\",\"ResponseCode\":\"0\",\"ResponseDescription\":\"Success. "
                                        "Request accepted for processing\",\"CustomerMessage\":\"Success. Request accepted for processing\"}",
                                        taken.partner_id, taken.id));
}

static void decide_later(struct call *call, uint64_t number, int64_t wait_ms)
{
    struct simulator *simulator = call->simulator;
    if (!timeline_add(simulator->decisions, clock_monotonic_ms() + wait_ms, number, NULL)) decide_early(simulator, number, call->arena);
}

// As POST /control wants it.
static bool is_refused(struct call *call)
{
    struct simulator *simulator = call->simulator;
    simulator_lock(simulator);
    const struct refusal refuse = simulator->quirks.refuse;
    if (refuse.count > 0) {
        simulator->quirks.refuse.count--;
        simulator->counts.pushes_refused++;
    }
    simulator_unlock(simulator);
    if (refuse.count > 0) answer_error(call, refuse.code, "%s", refuse.message);
    return refuse.count > 0;
}

void query_answer(struct call *call)
{
    struct simulator *simulator = call->simulator;
    struct transaction known = {0};
    if (!query_is_fine(call)) return;
    simulator_lock(simulator);
    const struct transaction *found = transaction_by_id(simulator, call_text(call, "CheckoutRequestID"));
    if (found && found->kind == TRANSACTION_PUSH) known = *found;
    simulator->counts.queries++;
    simulator_unlock(simulator);
    if (!known.number) return answer_error(call, "400.002.02", "Bad Request - Invalid CheckoutRequestID");
    if (!known.decided) return answer_error(call, BUSY, "The transaction is being processed");
    answer_json(call, 200, arena_printf(call->arena,
                                        "{\"ResponseCode\":\"0\",\"ResponseDescription\":\"The service request has been accepted successsfully\","
                                        "\"MerchantRequestID\":\"%s\",\"CheckoutRequestID\":\"%s\",\"ResultCode\":\"%s\",\"ResultDesc\":\"%s\"}",
                                        known.partner_id, known.id, known.code, known.words)); // the result's code is text here
}

// --- Refunds -------------------------------------------------------------------------------------

void reversal_answer(struct call *call)
{
    if (!reversal_is_fine(call)) return;
    struct transaction draft = draft_of(call, TRANSACTION_REVERSAL, NULL, "ResultURL");
    copy(draft.reverses, sizeof draft.reverses, call_text(call, "TransactionID"));
    answer_refund(call, &draft);
}

void payout_answer(struct call *call)
{
    if (!payout_is_fine(call)) return;
    struct transaction draft = draft_of(call, TRANSACTION_PAYOUT, "PartyB", "ResultURL");
    copy(draft.partner_id, sizeof draft.partner_id, call_text(call, "OriginatorConversationID"));
    answer_refund(call, &draft);
}

// The same OriginatorConversationID is the same payout.
static void answer_refund(struct call *call, const struct transaction *draft)
{
    struct simulator *simulator = call->simulator;
    struct transaction taken = {0};
    const bool is_payout = draft->kind == TRANSACTION_PAYOUT;
    simulator_lock(simulator);
    const struct transaction *before = is_payout ? transaction_newest(simulator, TRANSACTION_PAYOUT, draft->partner_id) : NULL;
    const struct transaction *added = before ? before : transaction_add(simulator, draft);
    const int64_t wait_ms = payer_ms(simulator);
    if (added) taken = *added;
    simulator->counts.payouts += is_payout && !before && added;
    simulator->counts.reversals += !is_payout && added;
    simulator_unlock(simulator);
    if (!added) return answer_error(call, TOO_MANY, "Error Occurred: Spike Arrest Violation");
    log_info("refund_taken", LOG_TEXT("id", taken.id), LOG_INT("amount", taken.amount), LOG_BOOL("again", before != NULL));
    if (!before) decide_later(call, taken.number, wait_ms);
    struct text_buffer out = text_buffer(call->arena);
    text_add(&out, "{\"OriginatorConversationID\":");
    text_add_json(&out, taken.partner_id);
    text_printf(&out, ",\"ConversationID\":\"%s\",\"ResponseCode\":\"0\",\"ResponseDescription\":\"Accept the service request successfully.\"}", taken.id);
    answer_json(call, 200, text_take(&out));
}

// --- A draft -------------------------------------------------------------------------------------

static struct transaction draft_of(const struct call *call, enum transaction_kind kind, const char *phone, const char *url)
{
    struct transaction draft = {.kind = kind, .amount = strtol(call_text(call, "Amount"), NULL, 10)};
    copy(draft.phone, sizeof draft.phone, phone ? call_text(call, phone) : "");
    copy(draft.url, sizeof draft.url, call_text(call, url));
    return draft;
}

static void copy(char *out, size_t size, const char *text) // of a length that the rules have checked
{
    snprintf(out, size, "%s", text);
}

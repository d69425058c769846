// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "callbacks.h"
#include "simulator_private.h"
#include "text.h"

#define ITEMS 5
#define FORGED_MIN 900000000 // ids that are never given out
#define FORGED_MAX 999999999

static void add_number(struct text_buffer *out, const char *digits, bool as_text);
static void add_item(struct text_buffer *out, const struct push_message *message, uint64_t which);
static const char *push_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena);
static const char *result_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena);

const char *callback_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena)
{
    const char *text = transaction->kind == TRANSACTION_PUSH ? push_text(simulator, transaction, arena) : result_text(simulator, transaction, arena);
    if (simulator->quirks.malformed == 0 || !text) return text;
    simulator->quirks.malformed--;
    const char *const malformed[] = {arena_memdup(arena, text, strlen(text) / 2), "<html><body><h1>502 Bad Gateway</h1></body></html>", ""};
    return malformed[simulator->malformed++ % COUNT_OF(malformed)];
}

// --- Pushes --------------------------------------------------------------------------------------

struct push_message push_message_of(const struct transaction *transaction)
{
    return (struct push_message){.merchant_request_id = transaction->partner_id, .checkout_request_id = transaction->id, .code = transaction->code,
                                 .words = transaction->words, .receipt = transaction->receipt, .phone = transaction->phone,
                                 .amount = transaction->amount, .time_ms = transaction->decided_at_ms, .style = transaction->number};
}

static const char *push_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena)
{
    struct push_message message = push_message_of(transaction);
    message.texts = chance_of(simulator, CHANCE_STRING_CODES);
    if (chance_of(simulator, CHANCE_WRONG_AMOUNT)) message.amount++;
    if (chance_of(simulator, CHANCE_WRONG_CHECKOUT)) {
        const long forged = (long)random_between(simulator, FORGED_MIN, FORGED_MAX);
        message.checkout_request_id = arena_printf(arena, "ws_CO_01012026000000%ld", forged);
        message.merchant_request_id = arena_printf(arena, "29115-%ld-1", forged);
    }
    return push_message_text(&message, arena);
}

const char *push_message_text(const struct push_message *message, struct arena *arena)
{
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "{\"Body\":{\"stkCallback\":{\"MerchantRequestID\":");
    text_add_json(&out, message->merchant_request_id);
    text_add(&out, ",\"CheckoutRequestID\":");
    text_add_json(&out, message->checkout_request_id);
    text_add(&out, ",\"ResultCode\":");
    add_number(&out, message->code, message->texts);
    text_add(&out, ",\"ResultDesc\":");
    text_add_json(&out, message->words);
    if (text_equal(message->code, "0")) {
        text_add(&out, ",\"CallbackMetadata\":{\"Item\":[");
        for (uint64_t i = 0; i < ITEMS; i++) {
            text_add(&out, i ? "," : "");
            add_item(&out, message, (i + message->style) % ITEMS); // in any order
        }
        text_add(&out, "]}");
    }
    text_add(&out, "}}}");
    return text_take(&out);
}

static void add_item(struct text_buffer *out, const struct push_message *message, uint64_t which)
{
    static const char *const names[ITEMS] = {"Amount", "MpesaReceiptNumber", "Balance", "TransactionDate", "PhoneNumber"};
    const struct tm time = eat_time(message->time_ms);
    char digits[32];
    text_printf(out, "{\"Name\":\"%s\"", names[which]);
    if (which != 2) text_add(out, ",\"Value\":"); // Balance has none
    switch (which) {
    case 0:
        snprintf(digits, sizeof digits, message->style % 2 ? "%ld.00" : "%ld", (long)message->amount);
        add_number(out, digits, message->texts);
        break;
    case 1: text_add_json(out, message->receipt); break;
    case 3:
        strftime(digits, sizeof digits, "%Y%m%d%H%M%S", &time);
        add_number(out, digits, message->texts);
        break;
    case 4: add_number(out, message->phone, message->texts); break;
    default: break;
    }
    text_add(out, "}");
}

// What is not made of digits can only be text.
static void add_number(struct text_buffer *out, const char *digits, bool as_text)
{
    if (as_text || !digits[0] || digits[strspn(digits, "0123456789.")]) text_add_json(out, digits);
    else text_add(out, digits);
}

// --- Refunds -------------------------------------------------------------------------------------

static void add_parameters(struct text_buffer *out, const struct transaction *transaction)
{
    const bool is_reversal = transaction->kind == TRANSACTION_REVERSAL;
    const struct tm at = eat_time(transaction->decided_at_ms);
    char time[24];
    strftime(time, sizeof time, is_reversal ? "%Y%m%d%H%M%S" : "%d.%m.%Y %H:%M:%S", &at);
    text_add(out, ",\"ResultParameters\":{\"ResultParameter\":[");
    if (is_reversal) {
        text_printf(out, "{\"Key\":\"Amount\",\"Value\":%ld},{\"Key\":\"TransCompletedTime\",\"Value\":%s},{\"Key\":\"OriginalTransactionID\",\"Value\":",
                    (long)transaction->amount, time);
        text_add_json(out, transaction->reverses);
        text_add(out, "},{\"Key\":\"Charge\",\"Value\":0}");
    } else {
        text_printf(out, "{\"Key\":\"TransactionAmount\",\"Value\":%ld},{\"Key\":\"TransactionReceipt\",\"Value\":\"%s\"}", (long)transaction->amount,
                    transaction->receipt);
        text_printf(out, ",{\"Key\":\"B2CRecipientIsRegisteredCustomer\",\"Value\":\"Y\"},{\"Key\":\"TransactionCompletedDateTime\",\"Value\":\"%s\"}", time);
        text_printf(out, ",{\"Key\":\"ReceiverPartyPublicName\",\"Value\":\"%s - Amani Otieno\"}", transaction->phone);
    }
    text_add(out, "]}");
}

static const char *result_text(struct simulator *simulator, const struct transaction *transaction, struct arena *arena)
{
    char receipt[11];
    struct text_buffer out = text_buffer(arena);
    transaction_receipt(simulator, transaction->number, receipt); // one is there even when nothing moved
    text_add(&out, "{\"Result\":{\"ResultType\":0,\"ResultCode\":");
    add_number(&out, transaction->code, chance_of(simulator, CHANCE_STRING_CODES));
    text_add(&out, ",\"ResultDesc\":");
    text_add_json(&out, transaction->words);
    text_add(&out, ",\"OriginatorConversationID\":");
    text_add_json(&out, transaction->partner_id);
    text_printf(&out, ",\"ConversationID\":\"%s\",\"TransactionID\":\"%s\"", transaction->id, receipt);
    if (transaction_paid(transaction)) add_parameters(&out, transaction);
    text_add(&out, "}}");
    return text_take(&out);
}

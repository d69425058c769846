// SPDX-License-Identifier: MIT
#include "transactions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "simulator_private.h"
#include "text.h"

#define PLACES 65536 // also of hashes
#define NUMBER_DIGITS 9
#define RECEIPT_LENGTH 10
#define RUN_RECEIPTS_BITS 20 // a receipt is the second of the start, and a number
#define EAT_S (3 * 3600)     // East Africa Time, without summer time

#define PAID_WORDS "The service request is processed successfully."
#define CANCELLED_WORDS "Request cancelled by user."

// How a push ends, by the last digits of the payer's phone. The first row that fits counts.
static const struct outcome {
    const char *suffix, *code, *words;
    bool silent;
} push_outcomes[] = {
    {"001", "1", "The balance is insufficient for the transaction.", false},
    {"017", "17", "Rule limited.", false},
    {"032", "1032", CANCELLED_WORDS, false},
    {"037", "1037", "DS timeout user cannot be reached.", false},
    {"101", "2001", "The initiator information is invalid.", false},
    {"199", "9999", "An error occurred while sending a push request.", false},
    {"099", "0", PAID_WORDS, true},
    {"098", "1032", CANCELLED_WORDS, true},
    {"", "0", PAID_WORDS, false},
}, payout_outcomes[] = {
    {"032", "2001", "The initiator information is invalid.", false},
    {"", "0", PAID_WORDS, false},
};

static uint64_t *newest_of(struct transactions *transactions, enum transaction_kind kind, const char *key);
static const char *key_of(const struct transaction *transaction);
static void name(struct transaction *transaction);
static const struct outcome *outcome_of(const struct outcome *rows, const char *phone);
static const struct outcome *reverse(struct simulator *simulator, const struct transaction *transaction);
static struct transaction *find_receipt(struct simulator *simulator, const char *receipt);

bool transactions_start(struct transactions *transactions)
{
    transactions->places = calloc(PLACES, sizeof *transactions->places);
    transactions->newest = calloc(PLACES, sizeof *transactions->newest);
    transactions->start_s = clock_now_ms(&clock_system) / 1000;
    return transactions->places && transactions->newest;
}

void transactions_end(struct transactions *transactions)
{
    free(transactions->places);
    free(transactions->newest);
}

uint64_t transactions_first(uint64_t last)
{
    return last > PLACES ? last - PLACES + 1 : 1;
}

struct transaction *transaction_add(struct simulator *simulator, const struct transaction *draft)
{
    struct transactions *transactions = &simulator->transactions;
    const uint64_t number = transactions->last + 1;
    struct transaction *place = &transactions->places[number % PLACES];
    if (place->number && !place->decided) return NULL;
    *place = *draft;
    place->number = transactions->last = number;
    name(place);
    uint64_t *newest = newest_of(transactions, place->kind, key_of(place));
    place->older = *newest;
    *newest = number;
    return place;
}

// Ids end in the number, so that they are found without an index.
static void name(struct transaction *transaction)
{
    const unsigned long number = (unsigned long)transaction->number;
    const struct tm now = eat_time(clock_now_ms(&clock_system));
    char time[16];
    if (transaction->kind == TRANSACTION_PUSH) {
        strftime(time, sizeof time, "%d%m%Y%H%M%S", &now);
        snprintf(transaction->id, sizeof transaction->id, "ws_CO_%s%0*lu", time, NUMBER_DIGITS, number);
    } else {
        strftime(time, sizeof time, "%Y%m%d", &now);
        snprintf(transaction->id, sizeof transaction->id, "AG_%s_%020lu", time, number);
    }
    if (!transaction->partner_id[0]) snprintf(transaction->partner_id, sizeof transaction->partner_id, "29115-%lu-1", 34620560 + number);
}

struct tm eat_time(int64_t time_ms)
{
    const time_t seconds = (time_t)(time_ms / 1000) + EAT_S;
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    return parts;
}

// --- Finding -------------------------------------------------------------------------------------

struct transaction *transaction_find(struct simulator *simulator, uint64_t number)
{
    struct transaction *place = &simulator->transactions.places[number % PLACES];
    return number && place->number == number ? place : NULL;
}

struct transaction *transaction_by_id(struct simulator *simulator, const char *id)
{
    const size_t length = strlen(id);
    int64_t number = 0;
    if (length < NUMBER_DIGITS || !text_to_int64(id + length - NUMBER_DIGITS, &number) || number < 0) return NULL;
    struct transaction *found = transaction_find(simulator, (uint64_t)number);
    return found && strcmp(found->id, id) == 0 ? found : NULL;
}

struct transaction *transaction_newest(struct simulator *simulator, enum transaction_kind kind, const char *key)
{
    struct transaction *at = transaction_find(simulator, *newest_of(&simulator->transactions, kind, key));
    while (at && (at->kind != kind || strcmp(key_of(at), key) != 0)) at = transaction_find(simulator, at->older);
    return at;
}

static const char *key_of(const struct transaction *transaction)
{
    return transaction->kind == TRANSACTION_PUSH ? transaction->phone : transaction->partner_id;
}

static uint64_t *newest_of(struct transactions *transactions, enum transaction_kind kind, const char *key)
{
    return &transactions->newest[text_hash((uint64_t)kind, key) % PLACES];
}

// Ten letters and digits, as M-Pesa's.
void transaction_receipt(const struct simulator *simulator, uint64_t number, char out[11])
{
    uint64_t value = ((uint64_t)simulator->transactions.start_s << RUN_RECEIPTS_BITS) + number;
    for (int i = RECEIPT_LENGTH; i-- > 0; value /= 36) out[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[value % 36];
    out[RECEIPT_LENGTH] = '\0';
}

static struct transaction *find_receipt(struct simulator *simulator, const char *receipt)
{
    uint64_t value = 0;
    for (const char *at = receipt; *at; at++) value = value * 36 + (uint64_t)(*at <= '9' ? *at - '0' : *at - 'A' + 10);
    struct transaction *found = transaction_find(simulator, value - ((uint64_t)simulator->transactions.start_s << RUN_RECEIPTS_BITS));
    return found && strcmp(found->receipt, receipt) == 0 ? found : NULL;
}

// --- Deciding ------------------------------------------------------------------------------------

bool transaction_paid(const struct transaction *transaction)
{
    return transaction->decided && strcmp(transaction->code, "0") == 0;
}

void transaction_decide(struct simulator *simulator, struct transaction *transaction)
{
    struct counts *counts = &simulator->counts;
    const bool is_push = transaction->kind == TRANSACTION_PUSH;
    const struct outcome *outcome = is_push                                    ? outcome_of(push_outcomes, transaction->phone)
                                    : transaction->kind == TRANSACTION_PAYOUT ? outcome_of(payout_outcomes, transaction->phone)
                                                                               : reverse(simulator, transaction);
    transaction->code = outcome->code;
    transaction->words = outcome->words;
    transaction->silent = outcome->silent;
    transaction->decided = true;
    transaction->decided_at_ms = clock_now_ms(&clock_system);
    const bool moved = transaction_paid(transaction);
    if (moved) transaction_receipt(simulator, transaction->number, transaction->receipt);
    counts->paid += is_push && moved;
    counts->not_paid += is_push && !moved;
    counts->money_paid += is_push && moved ? transaction->amount : 0;
    counts->refunds_done += !is_push && moved;
    counts->refunds_failed += !is_push && !moved;
    counts->money_refunded += !is_push && moved ? transaction->amount : 0;
    log_info("decided", LOG_TEXT("id", transaction->id), LOG_TEXT("code", transaction->code), LOG_INT("amount", transaction->amount));
}

static const struct outcome *outcome_of(const struct outcome *rows, const char *phone)
{
    const size_t length = strlen(phone);
    while (rows->suffix[0] && strcmp(phone + length - strlen(rows->suffix), rows->suffix) != 0) rows++;
    return rows;
}

static const struct outcome *reverse(struct simulator *simulator, const struct transaction *transaction)
{
    static const struct outcome done = {.code = "0", .words = PAID_WORDS}, again = {.code = "R000001", .words = "The transaction has already been reversed."},
                                unknown = {.code = "R000002", .words = "The OriginalTransactionID is invalid."},
                                too_much = {.code = "1", .words = "The balance is insufficient for the transaction."};
    struct transaction *original = find_receipt(simulator, transaction->reverses);
    if (!original || original->kind != TRANSACTION_PUSH) return &unknown;
    if (original->reversed) return &again;
    if (transaction->amount > original->amount) return &too_much;
    original->reversed = true;
    return &done;
}

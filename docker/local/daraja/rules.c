// SPDX-License-Identifier: MIT
// What Daraja asks of each member, as tables. It takes numbers as text, and text as numbers.
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "crypto.h"
#include "simulator_private.h"

#define DAY_MS INT64_C(86400000)
#define AMOUNT_DIGITS 9

struct rule {
    const char *name;
    bool (*holds)(const struct rule *rule, const struct call *call, const char *value);
    size_t min, max; // length
    const char *const *choices;
    bool optional;
};

static bool is_text(const struct rule *rule, const struct call *call, const char *value);
static bool is_digits(const struct rule *rule, const struct call *call, const char *value);
static bool is_choice(const struct rule *rule, const struct call *call, const char *value);
static bool is_amount(const struct rule *rule, const struct call *call, const char *value);
static bool is_phone(const struct rule *rule, const struct call *call, const char *value);
static bool is_url(const struct rule *rule, const struct call *call, const char *value);
static bool is_our_shortcode(const struct rule *rule, const struct call *call, const char *value);
static bool is_timestamp(const struct rule *rule, const struct call *call, const char *value);
static bool is_password(const struct rule *rule, const struct call *call, const char *value);

static const char *const push_types[] = {"CustomerPayBillOnline", "CustomerBuyGoodsOnline", NULL};
static const char *const payout_commands[] = {"BusinessPayment", "SalaryPayment", "PromotionPayment", NULL};
static const char *const reversal_commands[] = {"TransactionReversal", NULL};
static const char *const shortcode_type[] = {"11", NULL};

static const struct rule push_rules[] = {
    {"BusinessShortCode", is_our_shortcode},
    {"Timestamp", is_timestamp},
    {"Password", is_password},
    {"TransactionType", is_choice, .choices = push_types},
    {"Amount", is_amount},
    {"PartyA", is_phone},
    {"PartyB", is_digits, 5, 7},
    {"PhoneNumber", is_phone},
    {"CallBackURL", is_url},
    {"AccountReference", is_text, 1, 12},
    {"TransactionDesc", is_text, 0, 13, .optional = true},
};
static const struct rule query_rules[] = {
    {"BusinessShortCode", is_our_shortcode},
    {"Timestamp", is_timestamp},
    {"Password", is_password},
    {"CheckoutRequestID", is_text, 1, 60},
};
static const struct rule reversal_rules[] = {
    {"Initiator", is_text, 1, 100},
    {"SecurityCredential", is_text, 1, 1000},
    {"CommandID", is_choice, .choices = reversal_commands},
    {"TransactionID", is_text, 1, 15},
    {"Amount", is_amount},
    {"ReceiverParty", is_digits, 5, 7},
    {"RecieverIdentifierType", is_choice, .choices = shortcode_type}, // Daraja's own spelling
    {"ResultURL", is_url},
    {"QueueTimeOutURL", is_url},
    {"Remarks", is_text, 2, 100},
};
static const struct rule payout_rules[] = {
    {"OriginatorConversationID", is_text, 1, 60},
    {"InitiatorName", is_text, 1, 100},
    {"SecurityCredential", is_text, 1, 1000},
    {"CommandID", is_choice, .choices = payout_commands},
    {"Amount", is_amount},
    {"PartyA", is_digits, 5, 7},
    {"PartyB", is_phone},
    {"Remarks", is_text, 2, 100},
    {"QueueTimeOutURL", is_url},
    {"ResultURL", is_url},
    {"Occassion", is_text, 0, 100, .optional = true}, // this one, too
};

static bool rules_hold(struct call *call, const struct rule *rules, size_t count)
{
    for (const struct rule *rule = rules; rule < rules + count; rule++) {
        const char *value = call_text(call, rule->name);
        if (value ? rule->holds(rule, call, value) : rule->optional && !json_object_get(call->body, rule->name)) continue;
        answer_error(call, "400.002.02", "Bad Request - Invalid %s", rule->name);
        return false;
    }
    return true;
}

bool push_is_fine(struct call *call)
{
    return rules_hold(call, push_rules, COUNT_OF(push_rules));
}

bool query_is_fine(struct call *call)
{
    return rules_hold(call, query_rules, COUNT_OF(query_rules));
}

bool reversal_is_fine(struct call *call)
{
    return rules_hold(call, reversal_rules, COUNT_OF(reversal_rules));
}

bool payout_is_fine(struct call *call)
{
    return rules_hold(call, payout_rules, COUNT_OF(payout_rules));
}

// --- One member ----------------------------------------------------------------------------------

static bool is_text(const struct rule *rule, const struct call *call, const char *value)
{
    (void)call;
    const size_t length = strlen(value);
    return length >= rule->min && length <= rule->max;
}

static bool has_digits(const char *value, size_t min, size_t max)
{
    const size_t digits = strspn(value, "0123456789");
    return !value[digits] && digits >= min && digits <= max;
}

static bool is_digits(const struct rule *rule, const struct call *call, const char *value)
{
    (void)call;
    return has_digits(value, rule->min, rule->max);
}

static bool is_choice(const struct rule *rule, const struct call *call, const char *value)
{
    (void)call;
    const char *const *choice = rule->choices;
    while (*choice && strcmp(*choice, value) != 0) choice++;
    return *choice != NULL;
}

static bool is_amount(const struct rule *rule, const struct call *call, const char *value)
{
    (void)rule, (void)call;
    return has_digits(value, 1, AMOUNT_DIGITS) && strtol(value, NULL, 10) >= 1;
}

static bool is_phone(const struct rule *rule, const struct call *call, const char *value)
{
    (void)rule, (void)call;
    return has_digits(value, 12, 12) && text_starts_with(value, "254") && (value[3] == '1' || value[3] == '7');
}

static bool is_url(const struct rule *rule, const struct call *call, const char *value)
{
    static const char *const refused[] = {"mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query"};
    (void)rule, (void)call;
    const char *host = text_starts_with(value, "https://") ? value + 8 : text_starts_with(value, "http://") ? value + 7 : "";
    if (!*host || *host == '/' || strlen(value) > URL_MAX) return false;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (strcasestr(value, refused[i])) return false;
    while (*value > ' ' && *value < 127) value++;
    return !*value;
}

static bool is_our_shortcode(const struct rule *rule, const struct call *call, const char *value)
{
    (void)rule;
    return strcmp(value, call->simulator->settings.shortcode) == 0;
}

// YYYYMMDDHHmmss of East Africa Time, now or nearly so.
static bool is_timestamp(const struct rule *rule, const struct call *call, const char *value)
{
    (void)rule;
    int64_t time_ms = 0;
    if (!has_digits(value, 14, 14)) return false;
    const char *text = arena_printf(call->arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s+03:00", value, value + 4, value + 6, value + 8, value + 10, value + 12);
    return text && clock_parse(text, &time_ms) && llabs(clock_now_ms(&clock_system) - time_ms) <= DAY_MS;
}

static bool is_password(const struct rule *rule, const struct call *call, const char *value)
{
    (void)rule;
    const struct simulator_settings *settings = &call->simulator->settings;
    const char *plain = arena_printf(call->arena, "%s%s%s", settings->shortcode, settings->passkey, call_text(call, "Timestamp"));
    return plain && crypto_equal(crypto_base64(call->arena, plain, strlen(plain)), value);
}

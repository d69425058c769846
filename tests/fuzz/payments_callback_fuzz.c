// SPDX-License-Identifier: MIT
// What M-Pesa, or somebody who pretends to be, calls us with. First line "address": the rest is the last segment of the address
// that was called, taken only where we signed it; "id": an id of which an address is made. Otherwise the rest is a push's
// callback: what is believed is bounded, is text, and is the same when told again.
#include "callback.h"
#include "daraja.h"
#include "fuzz.h"

static const struct payments_settings settings = {.secret = "0123456789abcdef0123456789abcdef", .callback_url = "https://example.com/api"};

static void take_address(const char *segment, struct arena *arena)
{
    const char *id = NULL;
    if (!daraja_callback_id(&settings, "stk", segment, arena, &id)) return;
    const char *url = daraja_callback_url(&settings, "stk", id, arena), *last = strrchr(url, '/');
    claim(strcmp(last + 1, segment) == 0, "'%s' is not %s", segment, url);
    claim(!daraja_callback_id(&settings, "result", segment, arena, &id), "'%s' is of another kind", segment);
}

// What we hand out is taken back.
static void take_id(const char *id, struct arena *arena)
{
    const char *url = daraja_callback_url(&settings, "stk", id, arena), *back = NULL;
    if (!*id || strlen(id) > 64 || strchr(id, '/')) return;
    claim(daraja_callback_id(&settings, "stk", strrchr(url, '/') + 1, arena, &back) && strcmp(back, id) == 0, "'%s' is lost", id);
}

static void claim_bounded(const char *text, const char *what)
{
    if (!text) return;
    claim_text(text, what);
    claim(*text && strlen(text) <= 200, "%s: '%s'", what, text);
}

// The callback as Daraja writes it.
static const char *told(const struct stk_result *result, struct arena *arena)
{
    CLEANUP(json_release) json_t *items = json_array();
    if (result->has_amount)
        json_array_append_new(items, json_pack("{s:s, s:f}", "Name", "Amount", "Value", (double)result->amount / 100));
    if (result->receipt) json_array_append_new(items, json_pack("{s:s, s:s}", "Name", "MpesaReceiptNumber", "Value", result->receipt));
    CLEANUP(json_release) json_t *whole = json_pack(
        "{s:{s:{s:s*, s:s*, s:s*, s:s*, s:{s:O}}}}", "Body", "stkCallback", "MerchantRequestID", result->merchant_request_id, "CheckoutRequestID",
        result->checkout_request_id, "ResultCode", result->code, "ResultDesc", result->detail, "CallbackMetadata", "Item", items);
    return json_text(arena, whole);
}

static void claim_same(const struct stk_result *left, const struct stk_result *right)
{
    claim(text_equal(left->merchant_request_id, right->merchant_request_id) && text_equal(left->checkout_request_id, right->checkout_request_id) &&
          text_equal(left->code, right->code) && text_equal(left->detail, right->detail) && text_equal(left->receipt, right->receipt), "%s", left->code);
    claim(left->has_amount == right->has_amount && (!left->has_amount || left->amount == right->amount), "%ld became %ld", (long)left->amount,
          (long)right->amount);
}

static void take_callback(const char *body, size_t length, struct arena *arena)
{
    struct stk_result result, again;
    const bool is_one = stk_result_read(body, length, arena, &result);
    claim(is_one == (result.checkout_request_id && result.code), "it names the push and says how it ended");
    claim_bounded(result.merchant_request_id, "MerchantRequestID");
    claim_bounded(result.checkout_request_id, "CheckoutRequestID");
    claim_bounded(result.code, "ResultCode");
    claim_bounded(result.detail, "ResultDesc");
    claim_bounded(result.receipt, "MpesaReceiptNumber");
    claim(!result.has_amount || (result.amount >= 0 && result.amount < 1000000000000000), "%ld cents", (long)result.amount);
    const char *text = told(&result, arena);
    claim(stk_result_read(text, strlen(text), arena, &again) == is_one, "%s", text);
    claim_same(&result, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const char *kind = fuzz_line(&input);
    if (strcmp(kind, "address") == 0) take_address(fuzz_rest(&input), input.arena);
    else if (strcmp(kind, "id") == 0) take_id(fuzz_rest(&input), input.arena);
    else take_callback(arena_memdup(input.arena, input.at, input.left), input.left, input.arena);
    return 0;
}

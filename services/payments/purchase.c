// SPDX-License-Identifier: MIT
#include "purchase.h"

#include "api.h"
#include "id.h"

const char *const purchase_status_choices[] = {"pending", "completed", "failed", "expired", "refunded", NULL};

static bool check_price(struct request *rq, const struct purchase_input *input, int64_t *ret_charged, struct error *err);
static bool check_phone(struct request *rq, const char *phone_number, int64_t amount, struct error *err);

bool purchase_create(struct request *rq, struct response *rs, struct error *err)
{
    const struct purchase_input *input = rq->input;
    char purchase_id[UUID_SIZE], push_id[UUID_SIZE];
    int64_t charged = 0, made = 0;
    if (!check_price(rq, input, &charged, err) || !check_phone(rq, input->phone_number, charged, err)) return false;
    id_new(rq->now_ms, purchase_id);
    id_new(rq->now_ms, push_id);
    if (db_row(&rq->db, &SQL_purchase_insert,
               DB_IN(DB_TEXT(purchase_id), DB_TEXT(rq->caller.user_id), DB_TEXT(input->package_id), DB_TEXT(push_id), DB_TEXT(input->phone_number)),
               DB_OUT(DB_GET_INT(&made)), err) == DB_FAILED)
        return false;
    if (!made) return error_set(err, &problem_no_package, NULL);
    struct text_buffer out = text_buffer(rq->arena);
    text_printf(&out, "{\"message\":\"Answer the M-Pesa prompt on your phone.\",\"purchase_id\":\"%s\",\"package_id\":", purchase_id);
    text_add_json(&out, input->package_id);
    text_printf(&out, ",\"status\":\"pending\",\"checkout_request_id\":\"%s\"}", purchase_id);
    response_json(rs, text_take(&out));
    response_header(rs, "Location", arena_printf(rq->arena, "/api/payments/purchases/%s", purchase_id));
    rs->wake = &payments_workers[WORKER_PUSH];
    return true;
}

// The price is the server's; a client that believes in another one is told before any money moves.
static bool check_price(struct request *rq, const struct purchase_input *input, int64_t *ret_charged, struct error *err)
{
    int64_t price = 0;
    enum db_found found = db_row(&rq->db, &SQL_purchase_price, DB_IN(DB_TEXT(input->package_id)), DB_OUT(DB_GET_INT(&price), DB_GET_INT(ret_charged)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return error_set(err, &problem_no_package, NULL);
    if (field_given(&purchase_input_fields, input, "amount") && input->amount != price)
        return error_violation(err, "/amount", "is not the price, which is %.2f", (double)price / 100);
    if (*ret_charged > payments_settings_of(rq->app)->amount_limit_kes * 100) return error_set(err, &problem_amount_too_high, NULL);
    return true;
}

static bool check_phone(struct request *rq, const char *phone_number, int64_t amount, struct error *err)
{
    bool is_open = false;
    if (!db_exec(&rq->db, &SQL_phone_lock, DB_IN(DB_TEXT(phone_number)), NULL, err)) return false;
    enum db_found found = db_row(&rq->db, &SQL_phone_in_use,
                                 DB_IN(DB_TEXT(phone_number), DB_INT(amount), DB_INT(payments_settings_of(rq->app)->repeat_s)), DB_OUT(DB_GET_BOOL(&is_open)), err);
    if (found != DB_FOUND) return found == DB_NONE;
    err->retry_after_s = is_open ? 60 : (int)payments_settings_of(rq->app)->repeat_s;
    return error_set(err, is_open ? &problem_phone_busy : &problem_paid_just_now, NULL);
}

bool purchase_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct purchases_query *query = rq->query;
    const struct page_list list = {.member = "purchases", .list = &SQL_purchase_list_all, .count = &SQL_purchase_count_all,
                                   .filters = DB_IN(DB_TEXT(query->status))};
    return rq->caller.is_admin ? page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err) : purchase_list_own(rq, rs, err);
}

bool purchase_list_own(struct request *rq, struct response *rs, struct error *err)
{
    const struct purchases_query *query = rq->query;
    const struct page_list list = {.member = "purchases", .list = &SQL_purchase_list, .count = &SQL_purchase_count,
                                   .filters = DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(query->status))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

bool purchase_read(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &SQL_purchase_read, DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin)),
                        &problem_no_purchase, err);
}

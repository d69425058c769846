// SPDX-License-Identifier: MIT
#include "access.h"

#include "api.h"
#include "id.h"

static bool unlock(struct request *rq, const char **ret_worker_id, const char **ret_access_id, bool *ret_new, struct error *err);

bool access_create(struct request *rq, struct response *rs, struct error *err)
{
    const char *worker_id = NULL, *access_id = NULL, *credits = NULL;
    bool is_new = false;
    if (!unlock(rq, &worker_id, &access_id, &is_new, err)) return false;
    if (!worker_id) return error_set(err, &problem_no_worker, NULL);
    if (!db_text(&rq->db, &SQL_credits_read, DB_IN(DB_TEXT(rq->caller.user_id)), &credits, NULL, err)) return false;
    struct text_buffer out = text_buffer(rq->arena);
    text_printf(&out, "{\"message\":\"%s\",\"access_id\":", is_new ? "The contact is unlocked." : "You have unlocked this contact before; no credit was used.");
    text_add_json(&out, access_id);
    text_add(&out, ",\"target_profile_id\":");
    text_add_json(&out, worker_id);
    text_add(&out, ",");
    text_add(&out, credits ? credits + 1 : "}"); // the members of CREDITS go on
    response_json(rs, text_take(&out));
    if (!is_new) rs->status = 200;
    return true;
}

// The lock first, in a statement of its own: the next one then sees what an unlock of the same moment has done.
static bool unlock(struct request *rq, const char **ret_worker_id, const char **ret_access_id, bool *ret_new, struct error *err)
{
    const struct access_input *input = rq->input;
    char access_id[UUID_SIZE];
    int64_t balance = 0;
    id_new(rq->now_ms, access_id);
    return db_row(&rq->db, &SQL_credits_lock, DB_IN(DB_TEXT(rq->caller.user_id)), DB_OUT(DB_GET_INT(&balance)), err) != DB_FAILED &&
           db_row(&rq->db, &SQL_access_unlock, DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(input->target_profile_id), DB_TEXT(access_id)),
                  DB_OUT(DB_GET_TEXT(ret_worker_id), DB_GET_TEXT(ret_access_id), DB_GET_BOOL(ret_new)), err) == DB_FOUND;
}

bool access_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct page_query *query = rq->query;
    const struct page_list list = {.member = "contact_access", .list = &SQL_access_list, .count = &SQL_access_count,
                                   .filters = DB_IN(DB_TEXT(rq->caller.user_id))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

bool credits_read(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &SQL_credits_read, DB_IN(DB_TEXT(rq->caller.user_id)), &problem_not_found, err);
}

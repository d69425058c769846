// SPDX-License-Identifier: MIT
#include "admin.h"

#include <string.h>

#include "api.h"

#define COUNT_CAP 10000 // a longer list is said to be an estimate

static const char *like_pattern(struct arena *arena, const char *text);

// GET /admin/users --------------------------------------------------------------------------------

bool admin_users(struct request *rq, struct response *rs, struct error *err)
{
    const struct users_input *query = rq->query;
    const char *active = field_given(&users_input_fields, query, "is_active") ? query->is_active ? "true" : "false" : NULL;
    const char *pattern = query->search ? like_pattern(rq->arena, query->search) : NULL;
    const struct page_list list = {.member = "users", .list = &SQL_users_list, .count = &SQL_users_count, .count_cap = COUNT_CAP,
                                   .filters = DB_IN(DB_TEXT(query->user_type), DB_TEXT(pattern), DB_TEXT(active))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

static const char *like_pattern(struct arena *arena, const char *text)
{
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "%");
    for (; *text; text++) {
        if (strchr("%_\\", *text)) text_add(&out, "\\");
        text_add_bytes(&out, text, 1);
    }
    text_add(&out, "%");
    return text_take(&out);
}

bool admin_user(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    size_t length = 0;
    if (!db_text(&rq->db, &SQL_user_admin_read, DB_IN(DB_TEXT(rq->parameters[0])), &json, &length, err)) return false;
    if (!json) return error_set(err, &problem_not_found, "There is no user %s.", rq->parameters[0]);
    response_json_length(rs, json, length);
    return true;
}

// PUT /admin/users/{id}/status, …/toggle-status ---------------------------------------------------

struct switching {
    struct request *rq;
    const char *wanted; // "true", "false"; NULL: the other state
    bool ended;
};

static bool switch_user(struct db *db, void *argument, struct error *err);

static bool set_active(struct request *rq, struct response *rs, const char *wanted, struct error *err)
{
    struct switching switching = {.rq = rq, .wanted = wanted};
    if (text_equal(rq->parameters[0], rq->caller.user_id)) return error_set(err, &problem_own_account, NULL);
    if (!auth_write(rq, switch_user, &switching, err)) return false;
    if (switching.ended) identity_revoke(rq->app->identity, rq->parameters[0], NULL, clock_now_ms(rq->app->clock));
    return admin_user(rq, rs, err);
}

static bool switch_user(struct db *db, void *argument, struct error *err)
{
    struct switching *switching = argument;
    const char *user_id = switching->rq->parameters[0], *json = NULL;
    bool active = false;
    enum db_found found = db_row(db, &SQL_user_lock, DB_IN(DB_TEXT(user_id)), DB_OUT(DB_GET_BOOL(&active)), err);
    if (found == DB_NONE) return error_set(err, &problem_not_found, "There is no user %s.", user_id);
    if (found == DB_FAILED ||
        db_row(db, &SQL_user_set_active, DB_IN(DB_TEXT(user_id), DB_TEXT(switching->wanted), DB_TEXT(switching->rq->caller.user_id)),
               DB_OUT(DB_GET_TEXT(&json), DB_GET_BOOL(&switching->ended)), err) == DB_FAILED)
        return false;
    return !switching->ended || db_exec(db, &SQL_sessions_end_all, DB_IN(DB_TEXT(user_id)), NULL, err);
}

bool admin_status(struct request *rq, struct response *rs, struct error *err)
{
    return set_active(rq, rs, ((const struct status_input *)rq->input)->is_active ? "true" : "false", err);
}

bool admin_toggle(struct request *rq, struct response *rs, struct error *err)
{
    return set_active(rq, rs, NULL, err);
}

// GET /admin/audit --------------------------------------------------------------------------------

bool admin_audit(struct request *rq, struct response *rs, struct error *err)
{
    const struct audit_input *query = rq->query;
    const struct page_list list = {.member = "entries", .list = &SQL_audit_list, .count = &SQL_audit_count, .count_cap = COUNT_CAP,
                                   .filters = DB_IN(DB_TEXT(query->actor), DB_TEXT(query->action), DB_TEXT(query->subject), DB_TEXT(query->since))};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &list, err);
}

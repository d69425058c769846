// SPDX-License-Identifier: MIT
#include "part.h"

#include <string.h>

#include "api.h"
#include "housegirl.h"
#include "id.h"

static const struct part parts[] = {
    {"/housegirls", "housegirl", "housegirls", USER_HOUSEGIRL, &worker_input_fields, &SQL_worker_insert, &SQL_worker_update, &SQL_worker_delete,
     &SQL_worker_read, NULL, NULL, worker_derive, worker_keep},
    {"/employers", "employer", "employers", USER_EMPLOYER, &employer_input_fields, &SQL_employer_insert, &SQL_employer_update, &SQL_employer_delete,
     &SQL_employer_read, &SQL_employer_list, &SQL_employer_count},
    {"/agency-profiles", "agency", "agency_profiles", USER_AGENCY, &agency_profile_input_fields, &SQL_agency_profile_insert, &SQL_agency_profile_update,
     &SQL_agency_profile_delete, &SQL_agency_profile_read, &SQL_agency_profile_list, &SQL_agency_profile_count},
};

static const struct part *part_of_path(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (text_starts_with(path, parts[i].path)) return &parts[i];
    return NULL;
}

const struct part *part_of_type(enum user_type type)
{
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].type == type) return &parts[i];
    return NULL;
}

// --- Rules ---------------------------------------------------------------------------------------

bool profile_ensure(struct request *rq, const char **ret_profile_id, struct error *err)
{
    char id[UUID_SIZE];
    id_new(rq->now_ms, id);
    if (!db_post(&rq->db, &SQL_erasures_wait, DB_NOTHING, err)) return false;
    enum db_found found = db_row(&rq->db, &SQL_profile_ensure,
                                 DB_IN(DB_TEXT(id), DB_TEXT(rq->caller.user_id), DB_TEXT(user_type_name(rq->caller.type))),
                                 DB_OUT(DB_GET_TEXT(ret_profile_id)), err);
    if (found == DB_NONE) { // made by another transaction that our snapshot does not show yet
        error_set(err, &problem_conflict, NULL);
        err->retry = true;
    }
    return found == DB_FOUND;
}

// The row's patch as JSON: what was given, and what follows from it.
static bool patch_of(struct request *rq, const struct part *part, const void *input, const char **ret, struct error *err)
{
    const char *given = field_encode(part->fields, input, rq->arena);
    *ret = given;
    if (!given || !part->derive) return true; // a failed arena is refused by the database layer
    CLEANUP(json_release) json_t *patch = json_parse(given, strlen(given), err);
    if (!patch || !part->derive(rq, input, patch, err)) return false;
    *ret = json_text(rq->arena, patch);
    return true;
}

bool part_insert(struct request *rq, const struct part *part, const char *profile_id, const void *input, const char **ret_json, struct error *err)
{
    char id[UUID_SIZE];
    const char *patch = NULL;
    id_new(rq->now_ms, id);
    return patch_of(rq, part, input, &patch, err) &&
           db_text(&rq->db, part->insert, DB_IN(DB_TEXT(id), DB_TEXT(profile_id), DB_TEXT(patch)), ret_json, NULL, err) &&
           (!part->keep || part->keep(rq, id, input, err));
}

bool part_change(struct request *rq, const struct part *part, const char *id, const void *input, const char **ret_json, struct error *err)
{
    const char *patch = NULL;
    if (!patch_of(rq, part, input, &patch, err)) return false;
    if (!db_text(&rq->db, part->update, DB_IN(DB_TEXT(id), DB_TEXT(patch)), ret_json, NULL, err)) return false;
    if (!*ret_json) return error_set(err, &problem_no_part, NULL);
    return !part->keep || part->keep(rq, id, input, err);
}

bool part_lock(struct request *rq, const char *name, const char *id, const char **ret_user_id, struct error *err)
{
    const char *profile_id = NULL;
    enum db_found found = db_row(&rq->db, &SQL_part_owner, DB_IN(DB_TEXT(id), DB_TEXT(name)),
                                 DB_OUT(DB_GET_TEXT(ret_user_id), DB_GET_TEXT(&profile_id)), err);
    return found == DB_FOUND || (found == DB_NONE && error_set(err, &problem_no_part, NULL));
}

// Everybody may know that the row is there, so a stranger is told that it is not hers.
static bool must_own(struct request *rq, const struct part *part, const char *id, struct error *err)
{
    const char *user_id = NULL;
    if (!part_lock(rq, part->name, id, &user_id, err)) return false;
    if (rq->caller.is_admin || text_equal(user_id, rq->caller.user_id)) return true;
    return error_set(err, &problem_forbidden, "This profile belongs to somebody else; you can change your own only.");
}

// --- Routes --------------------------------------------------------------------------------------

static bool answer(struct response *rs, const char *json, struct error *err)
{
    if (!json) return error_set(err, &problem_no_part, NULL);
    response_json(rs, json);
    return true;
}

bool list_by_creation(struct request *rq, struct response *rs, const char *member, const struct sql *list, const struct sql *count, struct error *err)
{
    const struct page_query *query = rq->query;
    const struct page_list page_list = {.member = member, .list = list, .count = count, .filters = DB_NOTHING,
                                        .before_first = BEFORE_NEWEST};
    return page_answer(rq, rs, query->page, query->per_page, query->cursor, &page_list, err);
}

bool part_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct part *part = part_of_path(rq->route->path);
    return list_by_creation(rq, rs, part->member, part->list, part->count, err);
}

bool part_read(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, part_of_path(rq->route->path)->read,
                        DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin)), &problem_no_part, err);
}

bool part_create(struct request *rq, struct response *rs, struct error *err)
{
    const char *profile_id = NULL, *json = NULL;
    return profile_ensure(rq, &profile_id, err) && part_insert(rq, part_of_path(rq->route->path), profile_id, rq->input, &json, err) &&
           answer(rs, json, err);
}

bool part_update(struct request *rq, struct response *rs, struct error *err)
{
    const struct part *part = part_of_path(rq->route->path);
    const char *json = NULL;
    return must_own(rq, part, rq->parameters[0], err) && part_change(rq, part, rq->parameters[0], rq->input, &json, err) &&
           answer(rs, json, err);
}

bool part_delete(struct request *rq, struct response *rs, struct error *err)
{
    const struct part *part = part_of_path(rq->route->path);
    return must_own(rq, part, rq->parameters[0], err) && db_exec(&rq->db, part->remove, DB_IN(DB_TEXT(rq->parameters[0])), NULL, err) &&
           response_message(rq, rs, "The profile is gone.");
}

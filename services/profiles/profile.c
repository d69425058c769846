// SPDX-License-Identifier: MIT
#include "profile.h"

#include "api.h"
#include "part.h"

// The part given in the body, which must be that of the profile's type.
static bool part_given(const struct profile_input *input, enum user_type type, const json_t **ret, struct error *err)
{
    const struct { enum user_type type; const char *pointer; const json_t *part; } all[] = {
        {USER_EMPLOYER, "/employer", input->employer}, {USER_HOUSEGIRL, "/housegirl", input->housegirl}, {USER_AGENCY, "/agency", input->agency}};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (!all[i].part) continue;
        if (!json_is_object(all[i].part)) return error_violation(err, all[i].pointer, "must be an object");
        if (all[i].type != type)
            return error_set(err, &problem_wrong_type, "A profile of type %s has no part '%s'.", user_type_name(type), user_type_name(all[i].type));
        *ret = all[i].part;
    }
    return true;
}

// Merges the given part into the profile: makes it where it is not there yet.
static bool merge_part(struct request *rq, const struct part *part, const char *profile_id, const json_t *given, bool must_be_new, struct error *err)
{
    void *input = arena_alloc(rq->arena, part->fields->size);
    const char *id = NULL, *json = NULL;
    if (!input) return error_set(err, &problem_unavailable, NULL);
    if (!field_decode(part->fields, given, must_be_new ? FIELD_WHOLE : FIELD_PARTIAL, input, rq->arena, err)) return false;
    enum db_found found = db_row(&rq->db, &SQL_part_of_profile, DB_IN(DB_TEXT(profile_id)), DB_OUT(DB_GET_TEXT(&id)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return part_insert(rq, part, profile_id, input, &json, err);
    if (must_be_new) return error_set(err, &problem_part_exists, NULL);
    return part_change(rq, part, id, input, &json, err);
}

// Says of each wrong field in which part it stands.
static bool refuse_within(struct request *rq, const struct part *part, struct error *err)
{
    for (struct violation *at = err->violations; at; at = at->next) {
        const char *pointer = arena_printf(rq->arena, "/%s%s", part->name, at->pointer);
        if (pointer) at->pointer = pointer;
    }
    return false;
}

static bool answer_profile(struct request *rq, struct response *rs, const char *profile_id, struct error *err)
{
    return response_row(rq, rs, &SQL_profile_read, DB_IN(DB_TEXT(profile_id), DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin)), &problem_no_part, err);
}

bool profile_list(struct request *rq, struct response *rs, struct error *err)
{
    if (rq->caller.is_admin) return list_by_creation(rq, rs, "profiles", &SQL_profile_list, &SQL_profile_count, err);
    const char *own = NULL;
    struct page page;
    const struct page_query *query = rq->query;
    if (!page_read(rq, query->page, query->per_page, query->cursor, "own", &page, err)) return false;
    if (!db_text(&rq->db, &SQL_profile_of_user, DB_IN(DB_TEXT(rq->caller.user_id)), &own, NULL, err)) return false;
    const char *rows = own && page.offset == 0 ? arena_printf(rq->arena, "[%s]", own) : "[]";
    return page_write(rq, rs, "profiles", rows, &page, own ? 1 : 0, false, NULL, "own", err);
}

bool profile_me(struct request *rq, struct response *rs, struct error *err)
{
    const char *json = NULL;
    if (!db_text(&rq->db, &SQL_profile_of_user, DB_IN(DB_TEXT(rq->caller.user_id)), &json, NULL, err)) return false;
    if (!json) return error_set(err, &problem_no_part, "It appears a moment after you registered: ask again then. If it was removed, make another at POST /api/profiles.");
    response_json(rs, json);
    return true;
}

bool profile_read(struct request *rq, struct response *rs, struct error *err)
{
    return answer_profile(rq, rs, rq->parameters[0], err);
}

bool profile_create(struct request *rq, struct response *rs, struct error *err)
{
    const struct part *part = part_of_type(rq->caller.type);
    const char *profile_id = NULL;
    const json_t *given = NULL;
    if (!part) return error_set(err, &problem_forbidden, NULL);
    if (!part_given(rq->input, rq->caller.type, &given, err) || !profile_ensure(rq, &profile_id, err)) return false;
    if (!given) return error_set(err, &problem_part_exists, "You have a base profile already; give the part '%s', or change it with PATCH.", part->name);
    return (merge_part(rq, part, profile_id, given, true, err) || refuse_within(rq, part, err)) && answer_profile(rq, rs, profile_id, err);
}

// Locks a profile the caller may change; others learn nothing of it.
static bool lock_profile(struct request *rq, const char **ret_user_id, enum user_type *ret_type, struct error *err)
{
    const char *id = NULL, *type = NULL;
    enum db_found found = db_row(&rq->db, &SQL_profile_lock, DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(rq->caller.user_id), DB_BOOL(rq->caller.is_admin)),
                                 DB_OUT(DB_GET_TEXT(&id), DB_GET_TEXT(ret_user_id), DB_GET_TEXT(&type)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) return error_set(err, &problem_no_part, NULL);
    *ret_type = user_type_parse(type);
    return true;
}

bool profile_update(struct request *rq, struct response *rs, struct error *err)
{
    const char *user_id = NULL;
    enum user_type type = USER_NONE;
    const json_t *given = NULL;
    if (!lock_profile(rq, &user_id, &type, err) || !part_given(rq->input, type, &given, err)) return false;
    const struct part *part = part_of_type(type);
    return (merge_part(rq, part, rq->parameters[0], given, false, err) || refuse_within(rq, part, err)) &&
           answer_profile(rq, rs, rq->parameters[0], err);
}

bool profile_delete(struct request *rq, struct response *rs, struct error *err)
{
    const char *user_id = NULL;
    enum user_type type = USER_NONE;
    return lock_profile(rq, &user_id, &type, err) && db_exec(&rq->db, &SQL_names_keep, DB_IN(DB_TEXT(user_id)), NULL, err) &&
           db_exec(&rq->db, &SQL_profile_delete, DB_IN(DB_TEXT(user_id)), NULL, err) && response_message(rq, rs, "The profile is gone.");
}

// SPDX-License-Identifier: MIT
#include "housegirl.h"

#include <string.h>

#include "api.h"
#include "inbox.h"
#include "part.h"

const char *const education_choices[] = {"primary", "form_2", "form_4", "certificate", "diploma", "degree", NULL};
const char *const experience_choices[] = {"no_experience", "1_year", "2_years", "3_years", "4_years", "5_plus_years", NULL};
const char *const accommodation_choices[] = {"live_in", "live_out", "both", NULL};
const char *const verification_choices[] = {"unverified", "pending", "verified", "rejected", NULL};

static bool given(const struct worker_input *input, const char *member)
{
    return field_given(&worker_input_fields, input, member);
}

// A county given wins; else the place she wants to work in, else where she is now.
static void derive_county(const struct worker_input *input, json_t *patch)
{
    if (given(input, "county") || (!given(input, "location") && !given(input, "current_location"))) return;
    const char *county = county_of_place(input->location);
    if (!county) county = county_of_place(input->current_location);
    json_object_set_new(patch, "county", county ? json_string(county) : json_null());
}

bool worker_derive(struct request *rq, const void *argument, json_t *patch, struct error *err)
{
    const struct worker_input *input = argument;
    if (input->tribe && !input->tribe_consent)
        return error_violation(err, "/tribe_consent", "must be true for the tribe to be kept");
    json_object_del(patch, "tribe");
    json_object_del(patch, "tribe_consent");
    if (given(input, "bio")) {
        const char *masked = contact_mask(rq->arena, input->bio ? input->bio : "");
        if (!masked) return error_set(err, &problem_unavailable, NULL); // never the raw one instead
        json_object_set_new(patch, "bio_public", json_string(masked));
    }
    derive_county(input, patch);
    return true;
}

bool worker_keep(struct request *rq, const char *id, const void *argument, struct error *err)
{
    const struct worker_input *input = argument;
    if (!given(input, "tribe")) return true;
    if (!input->tribe || !*input->tribe) return db_exec(&rq->db, &SQL_worker_tribe_forget, DB_IN(DB_TEXT(id)), NULL, err);
    return db_exec(&rq->db, &SQL_worker_tribe_set, DB_IN(DB_TEXT(id), DB_TEXT(input->tribe)), NULL, err);
}

#define GRANT_WAIT_MS 100     // the gateway, which asks for the wait, keeps few connections
#define GRANT_LOOK_EVERY_MS 25 // where another replica applies the event

// Prefer: wait (RFC 7240) of a caller who has just paid: her grant is on its way. Each look takes a connection only for itself.
static bool grant_awaited(struct request *rq, struct error *err)
{
    const int64_t until_ms = clock_monotonic_ms() + GRANT_WAIT_MS;
    for (bool granted = false; !granted && clock_monotonic_ms() < until_ms;) {
        const uint64_t progress = inbox_progress(rq->app->inbox);
        const enum db_found found = db_row_alone(rq->app->pool, rq->arena, &SQL_grant_read, DB_IN(DB_TEXT(rq->caller.user_id), DB_TEXT(rq->parameters[0])),
                                                 DB_OUT(DB_GET_BOOL(&granted)), err);
        if (found != DB_FOUND) return false;
        if (!granted) inbox_await(rq->app->inbox, progress, GRANT_LOOK_EVERY_MS);
    }
    return true;
}

bool housegirl_read(struct request *rq, struct response *rs, struct error *err)
{
    const char *prefer = http_request_header(rq->http, "Prefer");
    if (rq->caller.signed_in) return (!prefer || strncmp(prefer, "wait=", 5) != 0 || grant_awaited(rq, err)) && part_read(rq, rs, err);
    return response_row(rq, rs, &SQL_worker_card, DB_IN(DB_TEXT(rq->parameters[0])), &problem_no_part, err);
}

bool housegirl_verify(struct request *rq, struct response *rs, struct error *err)
{
    const struct verify_input *input = rq->input;
    const char *user_id = NULL;
    return part_lock(rq, "housegirl", rq->parameters[0], &user_id, err) &&
           response_row(rq, rs, &SQL_worker_verify,
                        DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(input->status), DB_TEXT(input->reason), DB_TEXT(rq->caller.user_id)),
                        &problem_no_part, err);
}

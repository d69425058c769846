// SPDX-License-Identifier: MIT
#include "package.h"

#include "api.h"
#include "id.h"

bool package_list(struct request *rq, struct response *rs, struct error *err)
{
    const struct packages_query *query = rq->query;
    const bool given = field_given(&packages_query_fields, query, "is_active");
    return response_row(rq, rs, &SQL_package_list, DB_IN(given ? DB_BOOL(query->is_active) : DB_BOOL(true)), &problem_no_package, err);
}

bool package_read(struct request *rq, struct response *rs, struct error *err)
{
    return response_row(rq, rs, &SQL_package_read, DB_IN(DB_TEXT(rq->parameters[0])), &problem_no_package, err);
}

// M-Pesa takes no single payment above its limit, so nothing above it is put on sale.
static bool is_payable(struct request *rq, const struct package_input *input, struct error *err)
{
    const int64_t limit_kes = payments_settings_of(rq->app)->amount_limit_kes;
    return input->price <= limit_kes * 100 || error_violation(err, "/price", "must be at most %lld: M-Pesa takes no more at once", (long long)limit_kes);
}

bool package_create(struct request *rq, struct response *rs, struct error *err)
{
    char id[UUID_SIZE];
    id_new(rq->now_ms, id);
    return is_payable(rq, rq->input, err) &&
           response_row(rq, rs, &SQL_package_insert,
                        DB_IN(DB_TEXT(id), DB_TEXT(field_encode(&package_input_fields, rq->input, rq->arena)), DB_TEXT(rq->caller.user_id)),
                        &problem_no_package, err);
}

bool package_update(struct request *rq, struct response *rs, struct error *err)
{
    return is_payable(rq, rq->input, err) &&
           response_row(rq, rs, &SQL_package_update,
                        DB_IN(DB_TEXT(rq->parameters[0]), DB_TEXT(field_encode(&package_input_fields, rq->input, rq->arena)), DB_TEXT(rq->caller.user_id)),
                        &problem_no_package, err);
}

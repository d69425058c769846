// SPDX-License-Identifier: MIT
// What happens to every request on its way in and to every answer on its way out.
#include <ctype.h>
#include <string.h>

#include "compress.h"
#include "gateway.h"
#include "headers.h"

static const char *public_path(const char *path);
static bool no_path(const char *path, struct error *err);
static bool path_is_plain(const char *path);
static bool admit(struct request *rq, struct response *rs, const struct upstream_route *route,
                  struct error *err);
static bool admit_account(struct request *rq, struct response *rs, struct error *err);
static bool take(struct request *rq, struct response *rs, enum limit_class class, const char *who,
                 struct error *err);
static bool identify(struct request *rq, const struct upstream_route *route, struct error *err);

bool gateway_before(struct request *rq, struct response *rs, struct error *err)
{
    struct gateway *gateway = gateway_of(rq);
    rq->client_address = proxies_client(gateway->proxies, rq->http, rq->arena);
    if (cors_preflight(gateway->cors, rq->http, rs)) return true;
    const char *path = public_path(rq->path);
    if (!path) return no_path(rq->path, err);
    if (!path_is_plain(path))
        return error_set(err, &problem_malformed, "The path may hold no empty, '.' or '..' segment, no ';' or '\\', and no encoded '.' or '/'.");
    rq->path = path;
    const struct upstream_route *route = upstream_route_find(rq->method, path);
    return admit(rq, rs, route, err) && identify(rq, route, err) &&
           (!rq->caller.signed_in || take(rq, rs, LIMIT_USER, rq->caller.user_id, err));
}

void gateway_after(struct request *rq, struct response *rs)
{
    const struct gateway *gateway = gateway_of(rq);
    if (rq->http && rq->http->method && gateway) {
        const char *etag = response_header_find(rs, "ETag");
        gzip_response(rq, rs);
        if (etag && text_equal(response_header_find(rs, "Content-Encoding"), "gzip")) {
            response_header_set(rs, "ETag", etag_of_gzip(rq->arena, etag));
        }
        etag_answer(rq, rs);
        cors_answer(gateway->cors, rq->http, rs);
    }
    headers_secure(rq, rs);
}

// The path inside the API, or NULL where it is none of ours.
static const char *public_path(const char *path)
{
    static const char *const bare[] = {"/health", "/health/liveness", "/health/readiness",
                                       "/.well-known/jwks.json"};
    if (text_starts_with(path, "/api/")) return path + 4;
    for (size_t i = 0; i < COUNT_OF(bare); i++) {
        if (strcmp(path, bare[i]) == 0) return path;
    }
    return NULL;
}

// Links in auth's mails lead to pages of the site. Where there is no site before the gateway, as on a developer's machine, people end here.
static bool no_path(const char *path, struct error *err)
{
    static const struct {
        const char *path, *request;
    } pages[] = {
        {"/verify-email", "POST /api/auth/verify-email with {\"token\": \"…\"}"},
        {"/reset-password", "POST /api/auth/password-reset/confirm with {\"token\": \"…\", \"new_password\": \"…\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        if (text_equal(path, pages[i].path))
            return error_set(err, &problem_not_found, "This page is the site's, and no site is here. It sends the token of the link: %s.", pages[i].request);
    return error_set(err, &problem_not_found, NULL);
}

// A path that means the same to us and to whoever is behind: no dot segments (not even encoded), no encoded slash, no empty segment,
// no backslash and no ';', which some take for a slash or for the end of a segment, no blank or control character.
static bool path_is_plain(const char *path)
{
    for (const char *at = path; *at; at++) {
        if (*at == '\\' || *at == ';' || (unsigned char)*at <= ' ') return false;
        if (*at == '%' && at[1] == '2' && strchr("EeFf", at[2]) && at[2]) return false;
        if (*at != '/') continue;
        if (at[1] == '/') return false;
        const size_t length = strcspn(at + 1, "/");
        if ((length == 1 && at[1] == '.') || (length == 2 && at[1] == '.' && at[2] == '.')) return false;
    }
    return true;
}

static bool admit(struct request *rq, struct response *rs, const struct upstream_route *route,
                  struct error *err)
{
    char network[ADDRESS_SIZE];
    address_network(rq->client_address, network);
    if (!take(rq, rs, LIMIT_DEFAULT, network, err)) return false;
    if (!route || route->rate == LIMIT_DEFAULT) return true;
    if (!take(rq, rs, route->rate, network, err)) return false;
    return !route->by_account || (int64_t)rq->http->body_length > route->body_limit_bytes || admit_account(rq, rs, err);
}

// Sign-ins are also counted by the account they aim at, wherever they come from, and in whatever spelling auth takes.
static bool admit_account(struct request *rq, struct response *rs, struct error *err)
{
    struct error ignored = {0}; // auth tells the client what is wrong with the body
    CLEANUP(json_release) json_t *body = json_parse(rq->http->body ? rq->http->body : "", rq->http->body_length, &ignored);
    char *email = text_squeeze(rq->arena, json_member_text(body, "email"));
    if (!email) return true;
    for (char *at = email; *at; at++) *at = (char)tolower((unsigned char)*at);
    return take(rq, rs, LIMIT_ACCOUNT, email, err);
}

static bool take(struct request *rq, struct response *rs, enum limit_class class, const char *who,
                 struct error *err)
{
    struct gateway *gateway = gateway_of(rq);
    const struct limit_verdict verdict = limiter_take(gateway->limiter, class, who, clock_monotonic_us());
    if (verdict.allowed) return true;
    metric_add(gateway->rate_limited[class], 1);
    const char *name = limit_class_name(class);
    response_header_set(rs, "RateLimit-Policy",
                        arena_printf(rq->arena, "\"%s\";q=%lld;w=60", name, (long long)verdict.quota));
    response_header_set(rs, "RateLimit",
                        arena_printf(rq->arena, "\"%s\";r=0;t=%lld", name, (long long)verdict.retry_after_s));
    err->retry_after_s = (int)verdict.retry_after_s;
    return error_set(err, &problem_rate_limited, NULL);
}

// Who calls, so that deactivated users are cut off here already and each user has a limit of his
// own. On our own routes (route NULL) the kit refuses bad tokens.
static bool identify(struct request *rq, const struct upstream_route *route, struct error *err)
{
    const enum bad_token bad_token = route ? route->bad_token : BAD_TOKEN_DROPPED;
    if (bad_token == BAD_TOKEN_FORWARDED) return true;
    if (identity_of_request(rq->app->identity, rq->http, rq->arena, &rq->caller, err)) return true;
    if (bad_token == BAD_TOKEN_REFUSED) return false;
    error_clear(err);
    rq->caller = (struct caller){0};
    return true;
}

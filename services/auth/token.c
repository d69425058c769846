// SPDX-License-Identifier: MIT
#include "token.h"

#include <string.h>

#include "key.h"

#define COOKIE_NAME "dc_refresh"
#define TOKEN_LENGTH 43
#define DEVICE_BYTES 200

static const char *access_token(struct request *rq, const struct session *session, struct error *err);
static const char *cookie_value(struct arena *arena, const char *header, const char *name);

bool refresh_token_new(struct arena *arena, struct refresh_token *ret, struct error *err)
{
    ret->token = crypto_token(arena);
    if (!ret->token) return error_set(err, &problem_unavailable, NULL);
    crypto_sha256_hex(ret->token, strlen(ret->token), ret->hash);
    return true;
}

bool session_open(struct request *rq, struct db *db, const char *user_id, const char *password_hash, struct session *ret,
                  struct error *err)
{
    id_new(rq->now_ms, ret->id);
    ret->user_id = user_id;
    if (!refresh_token_new(rq->arena, &ret->refresh, err)) return false;
    switch (db_row(db, &SQL_session_open,
                   DB_IN(DB_TEXT(ret->id), DB_TEXT(user_id), DB_TEXT(session_device(rq)), DB_TEXT(ret->refresh.hash),
                         DB_INT(auth_settings_of(rq->app)->refresh_token_s), DB_TEXT(password_hash)),
                   DB_OUT(DB_GET_TEXT(&ret->user_json), DB_GET_TEXT(&ret->user_type), DB_GET_BOOL(&ret->is_admin)), err)) {
    case DB_FAILED: return false;
    case DB_NONE: return error_set(err, &problem_wrong_login, NULL);
    case DB_FOUND: break;
    }
    return db_post(db, &SQL_sessions_end_surplus, DB_IN(DB_TEXT(user_id), DB_TEXT(ret->id), DB_INT(auth_settings_of(rq->app)->sessions_max)), err);
}

const char *session_device(struct request *rq)
{
    const char *agent = http_request_header(rq->http, "User-Agent");
    if (!agent || !text_is_utf8(agent, strlen(agent))) return "";
    size_t length = strnlen(agent, DEVICE_BYTES + 1);
    if (length > DEVICE_BYTES) {
        for (length = DEVICE_BYTES; length > 0 && ((unsigned char)agent[length] & 0xC0) == 0x80;) length--;
    }
    return arena_memdup(rq->arena, agent, length);
}

bool tokens_write(struct request *rq, struct response *rs, const char *message, const struct session *session,
                  struct error *err)
{
    const struct auth_settings *settings = auth_settings_of(rq->app);
    const char *token = access_token(rq, session, err);
    if (!token) return false;
    struct text_buffer out = text_buffer(rq->arena);
    text_add(&out, "{");
    if (message) {
        text_add(&out, "\"message\":");
        text_add_json(&out, message);
        text_add(&out, ",");
    }
    if (session->user_json) text_printf(&out, "\"user\":%s,", session->user_json);
    text_printf(&out, "\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%lld,\"refresh_token\":\"%s\"}", token,
                (long long)settings->access_token_s, session->refresh.token);
    response_json(rs, text_take(&out));
    response_header(rs, "Cache-Control", "no-store");
    response_header(rs, "Set-Cookie",
                    arena_printf(rq->arena, COOKIE_NAME "=%s; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                                 session->refresh.token, (long long)settings->refresh_token_s,
                                 settings->secure_cookie ? "; Secure" : ""));
    return true;
}

static const char *access_token(struct request *rq, const struct session *session, struct error *err)
{
    const struct kit_settings *config = &rq->app->config;
    char jti[UUID_SIZE];
    id_new(rq->now_ms, jti);
    const json_int_t now_s = rq->now_ms / 1000;
    CLEANUP(json_release) json_t *claims = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:s}", "iss", config->token_issuer, "aud", config->token_audience,
        "sub", session->user_id, "sid", session->id, "user_type", session->user_type, "adm", session->is_admin, "iat", now_s,
        "iat_ms", (json_int_t)rq->now_ms, "exp", now_s + auth_settings_of(rq->app)->access_token_s, "jti", jti);
    if (!claims) return error_set(err, &problem_unavailable, NULL), NULL;
    return keys_sign(rq->app, claims, rq->arena, err);
}

const char *refresh_token_of(struct request *rq, const char *from_body)
{
    const char *token = from_body;
    for (size_t i = 0; !token && i < rq->http->header_count; i++) {
        if (strcasecmp(rq->http->headers[i].name, "Cookie") == 0)
            token = cookie_value(rq->arena, rq->http->headers[i].value, COOKIE_NAME);
    }
    return token && strlen(token) == TOKEN_LENGTH ? token : NULL;
}

static const char *cookie_value(struct arena *arena, const char *header, const char *name)
{
    const size_t length = strlen(name);
    while (*header) {
        header += strspn(header, "; \t");
        const size_t pair = strcspn(header, ";");
        if (pair > length && strncmp(header, name, length) == 0 && header[length] == '=')
            return arena_memdup(arena, header + length + 1, pair - length - 1);
        header += pair;
    }
    return NULL;
}

void refresh_cookie_clear(struct request *rq, struct response *rs)
{
    response_header(rs, "Set-Cookie", auth_settings_of(rq->app)->secure_cookie
                                          ? COOKIE_NAME "=; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age=0; Secure"
                                          : COOKIE_NAME "=; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age=0");
}

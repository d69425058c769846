// SPDX-License-Identifier: MIT
#include "idempotency.h"

#include <string.h>

#include "crypto.h"
#include "kit_sql.h"
#include "response.h"

#define KEY_MAX 255
#define PURGE_MOST 5000

// What a claim is filed under.
struct claim {
    const char *owner;
    const char *route;
    const char *key;
};

struct kept {
    const char *fingerprint; // NULL: nothing is kept
    int64_t status;
    const char *content_type;
    const char *location;
    const char *body;
};

static bool claim_of(struct request *rq, const char *sent, struct claim *ret, struct error *err);
static bool key_parse(struct arena *arena, const char *sent, const char **ret);
static const char *fingerprint_of(struct request *rq);
static enum idempotency_state answer_from(const struct kept *kept, const char *fingerprint,
                                          struct response *rs, struct error *err);

enum idempotency_state idempotency_claim(struct request *rq, const char *key, struct response *rs,
                                         struct error *err)
{
    struct claim claim;
    struct kept kept = {0};
    bool claimed = false;
    if (!claim_of(rq, key, &claim, err)) return IDEMPOTENCY_REFUSED;
    const char *fingerprint = fingerprint_of(rq);
    enum db_found found =
        db_row(&rq->db, &SQL_idempotency_claim,
               DB_IN(DB_TEXT(claim.owner), DB_TEXT(claim.route), DB_TEXT(claim.key), DB_TEXT(fingerprint)),
               DB_OUT(DB_GET_BOOL(&claimed), DB_GET_TEXT(&kept.fingerprint), DB_GET_INT(&kept.status),
                      DB_GET_TEXT(&kept.content_type), DB_GET_TEXT(&kept.location), DB_GET_TEXT(&kept.body)),
               err);
    if (found != DB_FOUND) return IDEMPOTENCY_REFUSED;
    return claimed ? IDEMPOTENCY_NEW : answer_from(&kept, fingerprint, rs, err);
}

bool idempotency_keep(struct request *rq, const char *key, const struct response *rs, struct error *err)
{
    struct claim claim;
    int64_t kept = 0;
    if (!claim_of(rq, key, &claim, err)) return false;
    const char *body = rs->body ? arena_memdup(rq->arena, rs->body, rs->length) : NULL;
    if (!db_exec(&rq->db, &SQL_idempotency_keep,
                 DB_IN(DB_TEXT(claim.owner), DB_TEXT(claim.route), DB_TEXT(claim.key), DB_INT(rs->status),
                       DB_TEXT(rs->content_type), DB_TEXT(response_header_find(rs, "Location")), DB_TEXT(body)),
                 &kept, err))
        return false;
    if (kept == 1) return true;
    error_set(err, &problem_internal, NULL);
    return error_cause(err, "idempotency_keep without a claim");
}

bool idempotency_purge(struct db *db, int64_t retention_h, struct error *err)
{
    return db_exec(db, &SQL_idempotency_purge, DB_IN(DB_INT(retention_h), DB_INT(PURGE_MOST)), NULL, err);
}

static bool claim_of(struct request *rq, const char *sent, struct claim *ret, struct error *err)
{
    if (!key_parse(rq->arena, sent, &ret->key))
        return error_set(err, &problem_malformed,
                         "Idempotency-Key must be 1 to %d printable ASCII characters.", KEY_MAX);
    ret->owner = rq->caller.user_id;
    if (!ret->owner)
        ret->owner =
            arena_printf(rq->arena, "address:%s", rq->client_address ? rq->client_address : "unknown");
    ret->route = arena_printf(rq->arena, "%s %s", rq->method, rq->route->path);
    return true;
}

// Accepts a bare token and the draft's quoted string ("…" with \" and \\ inside); both name the same key.
static bool key_parse(struct arena *arena, const char *sent, const char **ret)
{
    size_t length = sent ? strnlen(sent, 2 * KEY_MAX + 3) : 0;
    bool quoted = length >= 2 && sent[0] == '"' && sent[length - 1] == '"';
    char key[KEY_MAX + 1];
    size_t used = 0;
    for (size_t i = quoted; i < length - quoted; i++) {
        bool escaped = quoted && sent[i] == '\\' && i + 1 < length - quoted && strchr("\"\\", sent[i + 1]);
        bool stray = quoted && !escaped && (sent[i] == '"' || sent[i] == '\\');
        if (escaped) i++;
        if (stray || sent[i] < 0x20 || sent[i] > 0x7e || used == KEY_MAX) return false;
        key[used++] = sent[i];
    }
    key[used] = '\0';
    *ret = arena_strdup(arena, key);
    return used > 0;
}

// Parts are set off by NUL, which none of them holds before the body. A last slash of the path is as good as none.
static const char *fingerprint_of(struct request *rq)
{
    const struct http_request *http = rq->http;
    struct text_buffer out = text_buffer(rq->arena);
    const size_t path_length = strlen(rq->path);
    const bool has_slash = path_length > 1 && rq->path[path_length - 1] == '/';
    text_add_bytes(&out, rq->method, strlen(rq->method) + 1);
    text_add_bytes(&out, rq->path, path_length - has_slash);
    text_add_bytes(&out, "", 1);
    text_add(&out, http->query ? http->query : "");
    text_add_bytes(&out, "", 1);
    text_add_bytes(&out, http->body, http->body_length);
    size_t length = out.length;
    const char *all = text_take(&out);
    char hash[SHA256_HEX_SIZE] = "";
    if (all) crypto_sha256_hex(all, length, hash);
    return arena_strdup(rq->arena, hash);
}

static enum idempotency_state answer_from(const struct kept *kept, const char *fingerprint,
                                          struct response *rs, struct error *err)
{
    if (!kept->fingerprint) {
        error_set(err, &problem_in_progress, NULL);
        err->retry_after_s = 1;
        return IDEMPOTENCY_REFUSED;
    }
    if (!text_equal(kept->fingerprint, fingerprint)) {
        error_set(err, &problem_key_reused, NULL);
        return IDEMPOTENCY_REFUSED;
    }
    if (kept->status == 0) {
        error_set(err, &problem_conflict, "The first request took effect, but its answer was not kept.");
        return IDEMPOTENCY_REFUSED;
    }
    rs->status = (int)kept->status;
    rs->content_type = kept->content_type;
    rs->body = kept->body;
    rs->length = kept->body ? strlen(kept->body) : 0;
    response_header(rs, "Location", kept->location);
    response_header(rs, "Idempotent-Replayed", "true");
    return IDEMPOTENCY_REPLAYED;
}

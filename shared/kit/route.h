// SPDX-License-Identifier: MIT
// Routes as a table. 404, 405 with Allow, HEAD and OPTIONS are derived from it, as are OpenAPI and
// the authorization matrix. The kit decodes path, query and body by their field tables, checks who
// calls, opens the database session (a transaction for anything but GET), runs the handler, commits
// and writes the answer. Handlers return; they never write to the socket.
//
//   static bool agency_read(struct request *rq, struct response *rs, struct error *err);
//   const struct route agencies_routes[] = {
//     {"GET", "/agencies/{id}", ACCESS_ANYONE, "Read one agency", .answer = &agency_fields,
//      .handler = agency_read},
//     {0}};
//
// Paths have no "/api" (the gateway takes it off) and match with and without a last slash.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"
#include "field.h"
#include "http_server.h"

struct app;
struct worker;

enum user_type { USER_NONE, USER_EMPLOYER, USER_HOUSEGIRL, USER_AGENCY };
const char *user_type_name(enum user_type type);              // "employer" …, NULL for USER_NONE
enum user_type user_type_parse(const char *name);             // USER_NONE for anything else

// Who calls, from a verified access token and nothing else.
struct caller {
    bool signed_in;
    const char *user_id;     // NULL when not signed in
    const char *session_id;
    enum user_type type;
    bool is_admin;
    const char *token;       // the raw access token, for handing on (gateway)
};

// Who may call a route at all; "own" is checked by the handler's SQL. An admin passes ACCESS_EMPLOYER,
// ACCESS_WORKER and ACCESS_AGENCY only where the route says admin_too.
enum access {
    ACCESS_ANYONE,
    ACCESS_SIGNED_IN,
    ACCESS_EMPLOYER,
    ACCESS_WORKER,
    ACCESS_AGENCY,
    ACCESS_ADMIN,
};

struct request {
    struct app *app;
    const struct route *route;
    const struct http_request *http;
    const char *method;
    const char *path;
    const char *parameters[4];     // decoded {…} segments, in order
    const void *query;             // struct of route->query, or NULL
    const void *input;             // struct of route->body (all zero where an optional body is absent), or NULL
    const json_t *body;            // the parsed body, or NULL
    struct caller caller;
    struct db db;                  // begun lazily; DB_READ for GET, DB_WRITE otherwise
    struct arena *arena;
    const char *request_id;
    const char *traceparent;
    const char *client_address;    // X-Forwarded-For's value where the gateway set it
    int64_t now_ms;
};

struct response {
    int status;                    // preset to the route's
    const char *content_type;      // preset to application/json
    const char *body;              // NULL: empty
    size_t length;
    struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    const char *file;              // streamed instead of body
    bool no_etag;
    const struct worker *wake;     // woken once the transaction is committed; or NULL
};

// Strings are borrowed; a NULL value adds nothing.
void response_header(struct response *rs, const char *name, const char *value);
// Sets the body; json may be NULL after a failed arena (the kit then answers 503).
void response_json(struct response *rs, const char *json);
void response_json_length(struct response *rs, const char *json, size_t length);
// Answers with what a statement says: the JSON in its first cell. Where there is no row: with problem `none`.
MUST_USE bool response_row(struct request *rq, struct response *rs, const struct sql *sql, struct db_values in, const struct problem *none,
                           struct error *err);
// {"message": …}
FIELDS_OUT(message, FIELD_OUT("message", FIELD_TEXT, .doc = "For people."))
bool response_message(struct request *rq, struct response *rs, const char *message);

typedef bool (*route_handler)(struct request *rq, struct response *rs, struct error *err);

struct route {
    const char *method;
    const char *path;
    enum access who;
    const char *summary;
    const struct fields *query;
    const struct fields *body;  // NULL: only the handler looks at what is sent; a body too many is no mistake worth a refusal
    const struct fields *answer;
    int status;                 // 0: 200
    int also[2];                // other statuses that come with the same answer
    route_handler handler;
    bool admin_too;             // an admin may call it as well
    bool partial;               // body is a merge: only what is given is checked
    bool body_optional;
    bool idempotent;            // honours Idempotency-Key
    bool private_answer;        // Cache-Control: no-store (always so when a token was sent)
    bool no_transaction;        // DB_READ although not a GET (slow work between statements)
    bool hidden;                // not in OpenAPI (aliases for existing clients)
    const char *rate;           // the gateway's rate class: NULL (default), "login", "reset" …
    int64_t body_limit_bytes;   // 0: the service's
};

// Where a path leads. allow holds the methods of all routes with this path.
struct route_match {
    const struct route *route;
    const char *parameters[4];
    bool path_known;
    char allow[96];
};
// HEAD matches GET. Parameters are percent-decoded into the arena and must be valid ids where the
// segment is {id} or ends with _id.
struct route_match route_find(const struct route *routes, const char *method, const char *path, struct arena *arena);

// Writes problem+json for err into rs.
void problem_write(const struct error *err, const char *request_id, struct arena *arena, struct response *rs);

// SPDX-License-Identifier: MIT
// The verb `auth admin create`: how the first administrator comes to be.
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "json.h"
#include "password.h"
#include "user.h"

#define ARENA_BYTES ((size_t)1 << 20)

struct operation {
    struct app *app;
    const char *email;
    const char *password;
    const char *user_type;
    const char *hash;
    bool changed;
};

static bool read_operation(struct operation *operation, int argc, char **argv, struct arena *arena, struct error *err);
static bool is_done(struct operation *operation, struct arena *arena, bool *ret_done, struct error *err);
static bool make_admin(struct db *db, void *argument, struct error *err);

static const char *word_after(int argc, char **argv, const char *option)
{
    for (int i = 0; i + 1 < argc; i++)
        if (strcmp(argv[i], option) == 0) return argv[i + 1];
    return NULL;
}

int operator_admin(struct app *app, int argc, char **argv)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct error err = {.arena = arena};
    struct operation operation = {.app = app, .user_type = "employer"};
    char *hash = NULL;
    bool done = false;
    bool ok = arena && read_operation(&operation, argc, argv, arena, &err) && password_allowed(operation.password, "/password", &err) &&
              is_done(&operation, arena, &done, &err);
    if (ok && !done) {
        ok = password_hash(arena, operation.password, (int)auth_settings_of(app)->bcrypt_cost, &hash, &err);
        operation.hash = hash;
        ok = ok && db_transaction(app->pool, DB_WRITE, arena, make_admin, &operation, &err);
    }
    if (ok) {
        printf("%s is %san administrator\n", operation.email, done ? "already " : "");
        return 0;
    }
    if (err.violations) fprintf(stderr, "auth admin create: the password %s\n", err.violations->message);
    else fprintf(stderr, "auth admin create: %s\n", err.detail[0] ? err.detail : "failed");
    if (err.cause[0]) fprintf(stderr, "  %s\n", err.cause);
    return 1;
}

// The password comes on standard input: as it is, or as {"email":…,"password":…}.
static bool read_operation(struct operation *operation, int argc, char **argv, struct arena *arena, struct error *err)
{
    char line[1024] = "";
    const char *type = word_after(argc, argv, "--type");
    operation->email = word_after(argc, argv, "--email");
    operation->password = word_after(argc, argv, "--password");
    if (type) operation->user_type = type;
    if (!operation->password && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        CLEANUP(json_release) json_t *object = line[0] == '{' ? json_parse(line, strlen(line), err) : NULL;
        operation->password = arena_strdup(arena, object ? json_member_text(object, "password") : line);
        if (object && !operation->email) operation->email = arena_strdup(arena, json_member_text(object, "email"));
        explicit_bzero(line, sizeof line);
    }
    if (!operation->email || !email_is_valid(operation->email)) return error_set(err, &problem_malformed, "--email needs an e-mail address.");
    if (user_type_parse(operation->user_type) == USER_NONE) return error_set(err, &problem_malformed, "--type is employer, housegirl or agency.");
    if (!operation->password || !operation->password[0]) return error_set(err, &problem_malformed, "A password is needed on standard input.");
    error_clear(err); // a password may begin with a brace
    return true;
}

static bool is_done(struct operation *operation, struct arena *arena, bool *ret_done, struct error *err)
{
    const char *id = NULL, *hash = NULL;
    bool active = false, admin = false;
    const enum db_found found = db_row_alone(operation->app->pool, arena, &SQL_admin_find, DB_IN(DB_TEXT(operation->email)),
                                             DB_OUT(DB_GET_TEXT(&id), DB_GET_TEXT(&hash), DB_GET_BOOL(&active), DB_GET_BOOL(&admin)), err);
    *ret_done = found == DB_FOUND && active && admin &&
                password_verify(operation->password, hash, (int)auth_settings_of(operation->app)->bcrypt_cost);
    return found != DB_FAILED;
}

static bool make_admin(struct db *db, void *argument, struct error *err)
{
    struct operation *operation = argument;
    const char *id = NULL;
    enum db_found found = db_row(db, &SQL_admin_find, DB_IN(DB_TEXT(operation->email)), DB_OUT(DB_GET_TEXT(&id)), err);
    if (found == DB_FAILED) return false;
    if (found == DB_NONE) {
        struct new_user user = {.email = operation->email, .first_name = "Admin", .last_name = "Operator", .user_type = operation->user_type,
                                .email_verified = true};
        id_new(clock_now_ms(operation->app->clock), user.id);
        id = arena_strdup(db->arena, user.id);
        if (!user_insert(db, &user, err)) return false;
    }
    int64_t changed = 0;
    return db_row(db, &SQL_user_make_admin, DB_IN(DB_TEXT(id), DB_TEXT(operation->hash)), DB_OUT(DB_GET_INT(&changed)), err) == DB_FOUND &&
           (found == DB_NONE || db_exec(db, &SQL_sessions_end_all, DB_IN(DB_TEXT(id)), NULL, err));
}

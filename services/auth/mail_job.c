// SPDX-License-Identifier: MIT
#include "mail_job.h"

#include <string.h>

#include "log.h"
#include "mail.h"

// The jobs of a service run one after the other, in a transaction each: a run must be short.
#define MAILS_A_RUN 50
#define RUN_MS 3000
#define ATTEMPTS_MAX 10
#define TIMEOUT_MS 10000
#define ARENA_BYTES ((size_t)256 << 10)

struct taken_mail {
    int64_t id;
    const char *kind, *recipient, *first_name;
    int64_t attempts;
    bool sendable;
    const char *code;
    char code_hash[SHA256_HEX_SIZE];
};

static const struct template {
    const char *kind;
    const char *page; // of the site; NULL: the mail has no link
    const char *subject;
    const char *text;
    const char *closing;
} templates[] = {
    {"reset", "/reset-password", "Your new password",
     "somebody, hopefully you, asked for a new password. Choose one here within ten minutes:",
     "If it was not you, do nothing: your password stays as it is."},
    {"verify", "/verify-email", "Confirm your e-mail", "welcome to Domestic Connect. Confirm that this e-mail is yours, within a day:",
     "If you did not register, do nothing."},
    {"change", "/verify-email", "Confirm your new e-mail", "open this link within a day, and this becomes the e-mail of your account:",
     "If you did not ask for it, do nothing."},
    {"password_changed", NULL, "Your password was changed", "the password of your account was changed just now.",
     "If it was not you, ask for a new one at once on the sign-in page."},
    {"email_changed", NULL, "Your e-mail was changed", "your account has another e-mail now; this one no longer counts.",
     "If it was not you, write to us at once."},
};

// *ret_more: another one may be sent at once.
static bool send_next(struct app *app, bool *ret_more, struct error *err);
static bool take(struct app *app, struct arena *arena, struct taken_mail *ret, bool *ret_found, struct error *err);
static bool put_away(struct app *app, struct arena *arena, const struct taken_mail *mail, bool sent, struct error *err);

bool mail_text_of(struct arena *arena, const char *kind, const char *first_name, const char *public_url, const char *code,
                  struct mail_text *ret)
{
    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        const struct template *template = &templates[i];
        if (!text_equal(template->kind, kind)) continue;
        const char *link = template->page ? arena_printf(arena, "%s%s?token=%s\n\n", public_url, template->page, code ? code : "") : "";
        // a stranger may have typed this name beside somebody else's address: no links in it
        const char *name = first_name && *first_name && !strpbrk(first_name, "./:@") ? first_name : "there";
        *ret = (struct mail_text){template->subject, arena_printf(arena, "Hello %s,\n\n%s\n\n%s%s\n\nDomestic Connect\n", name,
                                                                  template->text, link, template->closing)};
        return ret->text != NULL;
    }
    return false;
}

// A mail server may take its time, so a mail is taken and put away on sessions of their own; the job's keeps the lock alone.
bool mail_job(struct app *app, struct db *db, struct error *err)
{
    (void)db;
    const int64_t until_ms = clock_monotonic_ms() + RUN_MS;
    bool more = true;
    for (int i = 0; i < MAILS_A_RUN && more && clock_monotonic_ms() < until_ms && !app->stopping; i++)
        if (!send_next(app, &more, err)) return false;
    return true;
}

static bool send_next(struct app *app, bool *ret_more, struct error *err)
{
    const struct auth_settings *settings = auth_settings_of(app);
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(ARENA_BYTES);
    struct taken_mail taken = {0};
    struct mail_text text;
    if (!arena) return error_set(err, &problem_unavailable, NULL);
    if (!take(app, arena, &taken, ret_more, err)) return false;
    if (!*ret_more) return true;
    if (!taken.sendable) return put_away(app, arena, &taken, true, err);
    if (!mail_text_of(arena, taken.kind, taken.first_name, settings->public_url, taken.code, &text))
        return error_set(err, &problem_internal, NULL);
    const struct mail_config config = {.url = settings->mail_url, .from = settings->mail_from, .timeout_ms = TIMEOUT_MS,
                                       .user = settings->mail_user[0] ? settings->mail_user : NULL,
                                       .password = settings->mail_password[0] ? settings->mail_password : NULL};
    struct error trouble = {0};
    const bool sent = mail_send(&config, &(struct mail){taken.recipient, text.subject, text.text}, &trouble);
    *ret_more = sent; // a server that is away costs a run one timeout
    if (!sent) log_warning("mail_not_sent", LOG_INT("mail", taken.id), LOG_TEXT("kind", taken.kind), LOG_INT("attempts", taken.attempts));
    return put_away(app, arena, &taken, sent, err);
}

static bool take(struct app *app, struct arena *arena, struct taken_mail *ret, bool *ret_found, struct error *err)
{
    ret->code = crypto_token(arena);
    if (!ret->code) return error_set(err, &problem_unavailable, NULL);
    crypto_sha256_hex(ret->code, strlen(ret->code), ret->code_hash);
    const enum db_found found = db_row_alone(app->pool, arena, &SQL_mail_take, DB_IN(DB_TEXT(ret->code_hash)),
                                             DB_OUT(DB_GET_INT(&ret->id), DB_GET_TEXT(&ret->kind), DB_GET_TEXT(&ret->recipient),
                                                    DB_GET_TEXT(&ret->first_name), DB_GET_INT(&ret->attempts), DB_GET_BOOL(&ret->sendable)), err);
    *ret_found = found == DB_FOUND;
    return found != DB_FAILED;
}

static bool put_away(struct app *app, struct arena *arena, const struct taken_mail *mail, bool sent, struct error *err)
{
    int64_t given_up = 0;
    const bool ok = sent ? db_exec_alone(app->pool, arena, &SQL_mail_done, DB_IN(DB_INT(mail->id)), NULL, err)
                         : db_exec_alone(app->pool, arena, &SQL_mail_failed,
                                         DB_IN(DB_INT(mail->id), DB_TEXT(mail->code_hash), DB_INT(ATTEMPTS_MAX)), &given_up, err);
    if (given_up) log_error("mail_given_up", LOG_INT("mail", mail->id), LOG_TEXT("kind", mail->kind));
    return ok;
}

// SPDX-License-Identifier: MIT
// Administrators, topics and the audit log.
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "audit.h"
#include "command.h"
#include "service_names.h"

static bool ask(const char *question, bool hidden, char *out, size_t size);

int command_admin_create(const struct stack *stack, int argc, char **argv)
{
    char asked_email[256] = "", asked_password[128] = "";
    const char *email = command_option(argc, argv, "--email");
    if (!email && ask("E-mail: ", false, asked_email, sizeof asked_email)) email = asked_email;
    const char *password = command_option(argc, argv, "--password");
    if (!password && ask("Password: ", !command_flag(argc, argv, "--password-stdin"), asked_password, sizeof asked_password))
        password = asked_password;
    if (!email || !password) {
        fprintf(stderr, "dcctl: an e-mail and a password are needed: dcctl admin create --email E --password P\n");
        return 2;
    }
    // the password goes through a pipe: arguments can be read by everybody on the machine
    struct error err = {.arena = stack->arena};
    struct child child;
    if (!stack_database_answers(stack, "auth", &err) ||
        !child_start(stack, "auth", (const char *const[]){"admin", "create", "--email", email, "--password-stdin", NULL},
                     CHILD_PIPES, &child, &err))
        return command_failed(&err);
    fprintf(child.in, "%s\n", password);
    fclose(child.in);
    child.in = NULL;
    explicit_bzero(asked_password, sizeof asked_password);
    char line[512];
    while (fgets(line, sizeof line, child.out)) fputs(line, stdout);
    return child_finish(&child);
}

// Reads one line; without echo where hidden and a terminal.
static bool ask(const char *question, bool hidden, char *out, size_t size)
{
    struct termios before, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fputs(question, stderr);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        if (hidden) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    bool read = fgets(out, (int)size, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        if (hidden) fputc('\n', stderr);
    }
    out[strcspn(out, "\r\n")] = '\0';
    return read && out[0];
}

// A verb of a service with what follows it, as the service itself runs it.
static int run_verb(const struct stack *stack, const char *service, const char *const *words)
{
    struct error err = {0};
    struct child child;
    if (!child_start(stack, service, words, CHILD_NO_PIPES, &child, &err)) return command_failed(&err);
    return child_finish(&child);
}
#define VERB(...) ((const char *const[]){__VA_ARGS__, NULL})

int command_topics(const struct stack *stack, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return run_verb(stack, "auth", VERB("topics"));
}

static int ask_payments(const struct stack *stack, const char *const *words)
{
    struct error err = {.arena = stack->arena};
    return stack_database_answers(stack, "payments", &err) ? run_verb(stack, "payments", words) : command_failed(&err);
}

int command_payments_reconcile(const struct stack *stack, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return ask_payments(stack, VERB("reconcile"));
}

int command_payments_refund_settled(const struct stack *stack, int argc, char **argv)
{
    return ask_payments(stack, VERB("refund-settled", command_word(argc, argv, 0), command_word(argc, argv, 1), command_word(argc, argv, 2)));
}

static int verify_service(const struct stack *stack, const char *service)
{
    struct error err = {.arena = stack->arena};
    struct db_pool *pool = stack_database(stack, service, 1, NULL, false, &err);
    if (!pool) return command_failed(&err);
    struct db db;
    int64_t rows = 0, bad = 0;
    db_begin(&db, pool, DB_READ, stack->arena);
    bool ok = audit_verify(&db, &rows, &bad, &err);
    db_end(&db);
    db_pool_close(pool);
    if (!ok) return command_failed(&err);
    if (bad) printf("%-10s %ld rows; row %ld does not fit the chain: it, or one before it, was changed or removed\n", service, (long)rows, (long)bad);
    else printf("%-10s %ld rows, the chain holds\n", service, (long)rows);
    return bad ? 3 : 0;
}

int command_audit_verify(const struct stack *stack, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int worst = 0;
    for (int i = 0; service_names[i]; i++) {
        int result = verify_service(stack, service_names[i]);
        if (result > worst) worst = result;
    }
    return worst;
}

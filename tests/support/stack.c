// SPDX-License-Identifier: MIT
#include "stack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

// A start takes a few seconds, on a busy machine many.
#define READY_S 60

const char *const stack_services[] = {
#define X(name) #name,
#include "services.def"
#undef X
    "gateway",
    NULL,
};

static void control(const char *verb, const char *part)
{
    const char *output;
    run(&output, "supervisorctl -c %s/supervisord.conf %s %s", setting("RUN_DIR"), verb, part);
}

int part_pid(const char *part)
{
    const char *output;
    int64_t pid = 0;
    run(&output, "supervisorctl -c %s/supervisord.conf pid %s", setting("RUN_DIR"), part);
    char *line = arena_memdup(story_arena(), output, strcspn(output, "\n"));
    return text_to_int64(line, &pid) ? (int)pid : 0;
}

void part_signal(const char *part, int signal_number)
{
    int pid = part_pid(part);
    if (pid == 0 || kill(pid, signal_number) != 0) fail_msg("%s cannot be sent signal %d", part, signal_number);
}

static bool is_stopped(void *part)
{
    return part_pid(part) == 0;
}

void part_stop(const char *part)
{
    control("stop", part);
    if (!within(READY_S, is_stopped, (void *)(uintptr_t)part)) fail_msg("%s does not stop", part);
}

static bool is_service(const char *part)
{
    for (size_t i = 0; stack_services[i]; i++)
        if (strcmp(stack_services[i], part) == 0) return true;
    return false;
}

// A service says so itself; a server does when a client gets through.
static bool is_ready(void *argument)
{
    const char *part = argument, *output;
    if (is_service(part)) {
        const char *port = service_setting(part, "DC_METRICS_PORT");
        return run(&output, "curl -fsS -m 2 http://127.0.0.1:%s/health/readiness", port) == 0;
    }
    if (strcmp(part, "postgres") == 0) return run(&output, "psql -X -q -c 'SELECT 1' '%s'", setting("DATABASE_URL")) == 0;
    return run(&output, "kcat -b %s -L -m 2", setting("KAFKA_BROKERS")) == 0;
}

void part_start(const char *part)
{
    if (part_pid(part) == 0) control("start", part);
    if (!within(READY_S, is_ready, (void *)(uintptr_t)part)) fail_msg("%s does not get ready", part);
}

static bool all_ready(void *argument)
{
    (void)argument;
    const char *output;
    return run(&output, "curl -fsS -m 2 %s/api/health/readiness", setting("GATEWAY_URL")) == 0;
}

static void wake(const char *part)
{
    int pid = part_pid(part);
    if (pid == 0) control("start", part); // a part that is not of this stack (KAFKA_BROKERS given) stays away
    else kill(pid, SIGCONT);
}

int stack_restore(void **state)
{
    (void)state;
    wake("postgres");
    wake("kafka");
    for (size_t i = 0; stack_services[i]; i++) wake(stack_services[i]);
    return within(READY_S, all_ready, NULL) ? 0 : -1;
}

const char *service_setting(const char *service, const char *name)
{
    const char *file = arena_printf(story_arena(), "%s/%s.env", setting("RUN_DIR"), service), *output;
    run(&output, "sed -n 's/^%s=//p' %s", name, file);
    return !*output ? NULL : arena_memdup(story_arena(), output, strcspn(output, "\n"));
}

const char *database_url(const char *database)
{
    const char *server = setting("DATABASE_URL"), *slash = strrchr(server, '/');
    return arena_printf(story_arena(), "%.*s/%s", (int)(slash - server), server, database);
}

static struct test_database target_of(const char *database)
{
    struct test_database target = {0};
    snprintf(target.url, sizeof target.url, "%s", database_url(database));
    return target;
}

const char *database_ask(const char *database, const char *sql_format, ...)
{
    va_list arguments;
    va_start(arguments, sql_format);
    const char *sql = arena_vprintf(story_arena(), sql_format, arguments);
    va_end(arguments);
    const struct test_database target = target_of(database);
    return arena_strdup(story_arena(), test_database_run(&target, sql));
}

struct database_session *database_hold(const char *database, const char *sql)
{
    const struct test_database target = target_of(database);
    return test_database_hold(&target, sql);
}

bool database_waits(void *database)
{
    const struct test_database target = target_of(database);
    return test_database_waits(&target);
}

bool within(int seconds, bool (*holds)(void *argument), void *argument)
{
    for (int64_t until = clock_monotonic_ms() + seconds * 1000L; !holds(argument);) {
        if (clock_monotonic_ms() > until) return false;
        sleep_ms(50);
    }
    return true;
}

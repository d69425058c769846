// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "kit_sql.h"

extern char **environ;

static const char *find_run_dir(struct arena *arena);
static const char *file_setting(struct arena *arena, const char *path, const char *name);
static const char *secret_setting(struct arena *arena, const char *name);
static char **child_environment(const struct stack *stack, const char *service);

struct stack stack_find(struct arena *arena)
{
    struct stack stack = {.arena = arena};
    const char *given = getenv("RUN_DIR");
    stack.run_dir = given ? arena_strdup(arena, given) : find_run_dir(arena);
    stack.bin_dir = stack_setting(&stack, "BIN_DIR");
    if (!stack.bin_dir) { // beside this program, as in a container
        char self[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
        if (length > 0) {
            self[length] = '\0';
            char *slash = strrchr(self, '/');
            if (slash) *slash = '\0';
            stack.bin_dir = arena_strdup(arena, self);
        }
    }
    return stack;
}

// The first folder from the working directory upwards that has a .run/env.
static const char *find_run_dir(struct arena *arena)
{
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof folder)) return NULL;
    while (folder[0]) {
        const char *run_dir = arena_printf(arena, "%s/.run", folder);
        const char *file = arena_printf(arena, "%s/env", run_dir);
        if (file && access(file, R_OK) == 0) return run_dir;
        *strrchr(folder, '/') = '\0';
    }
    return NULL;
}

const char *stack_setting(const struct stack *stack, const char *name)
{
    const char *value = getenv(name);
    if (value && *value) return value;
    const char *from_file = secret_setting(stack->arena, name);
    if (from_file) return from_file;
    if (!stack->run_dir) return NULL;
    return file_setting(stack->arena, arena_printf(stack->arena, "%s/env", stack->run_dir), name);
}

const char *stack_part_setting(const struct stack *stack, const char *name, const char *part)
{
    char *whole = arena_printf(stack->arena, "%s_%s", name, part);
    for (char *at = whole; at && *at; at++) *at = (char)toupper((unsigned char)*at);
    return whole ? stack_setting(stack, whole) : NULL;
}

const char *stack_service_setting(const struct stack *stack, const char *service, const char *name)
{
    const char *value = stack->run_dir ? file_setting(stack->arena, arena_printf(stack->arena, "%s/%s.env", stack->run_dir, service), name) : NULL;
    return value ? value : stack_setting(stack, name);
}

// NAME_FILE names a file that holds the value, as with every setting of the services (containers).
static const char *secret_setting(struct arena *arena, const char *name)
{
    const char *variable = arena_printf(arena, "%s_FILE", name);
    const char *path = variable ? getenv(variable) : NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    char line[4096];
    const char *found = NULL;
    if (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        found = arena_strdup(arena, line);
    }
    if (file) fclose(file);
    return found;
}

const char *stack_require(const struct stack *stack, const char *name)
{
    const char *value = stack_setting(stack, name);
    if (!value)
        fprintf(stderr, "dcctl: %s is not known. Start the stack (make start) and call dcctl inside its clone, "
                        "or set %s in the environment.\n", name, name);
    return value;
}

static const char *file_setting(struct arena *arena, const char *path, const char *name)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) return NULL;
    char line[4096];
    const char *found = NULL;
    size_t length = strlen(name);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, name, length) == 0 && line[length] == '=') found = arena_strdup(arena, line + length + 1);
    }
    fclose(file);
    return found;
}

struct db_pool *stack_database(const struct stack *stack, const char *service, int connections, const struct sql *const *statements,
                               bool prepares_late, struct error *err)
{
    const char *url = stack_part_setting(stack, "DATABASE_URL", service);
    const struct sql *const **lists = arena_alloc(stack->arena, 3 * sizeof(const struct sql *const *)); // outlives the pool
    if (!url || !lists) {
        error_set(err, &problem_unavailable, "The database of %s is not known: start the stack, or set DATABASE_URL_… in the environment.", service);
        return NULL;
    }
    lists[0] = kit_statements;
    lists[1] = statements;
    return db_pool_open(&(struct db_pool_config){.url = url, .application_name = "dcctl", .connections = connections,
                                                 .acquire_timeout_ms = 5000, .statement_timeout_ms = 600000,
                                                 .connect_timeout_s = 5, .statements = lists, .prepares_late = prepares_late}, err);
}

bool stack_database_answers(const struct stack *stack, const char *service, struct error *err)
{
    struct db_pool *pool = stack_database(stack, service, 1, NULL, false, err);
    db_pool_close(pool);
    return pool != NULL;
}

bool child_start(const struct stack *stack, const char *service, const char *const *arguments, enum child_pipes pipes,
                 struct child *ret, struct error *err)
{
    const char *path = arena_printf(stack->arena, "%s/%s", stack->bin_dir ? stack->bin_dir : ".", service);
    const char *argv[16] = {path};
    for (int i = 0; i < 14 && arguments[i]; i++) argv[i + 1] = arguments[i];
    char **environment = child_environment(stack, service);
    if (!path || !environment) return error_set(err, &problem_unavailable, NULL);
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipes && (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0))
        return error_set(err, &problem_unavailable, "No pipe to %s: %m.", service);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (pipes) {
        posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (pipes == CHILD_PIPES_AND_ERRORS) posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    }
    char *const *spawn_argv = (char *const *)(void *)argv; // posix_spawn does not change them
    int failed = posix_spawn(&ret->pid, path, &actions, NULL, spawn_argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (pipes) {
        close(in[0]);
        close(out[1]);
    }
    if (failed)
        return error_set(err, &problem_unavailable, "%s could not be started: %s. Build it with make.", path, strerror(failed));
    ret->in = pipes ? fdopen(in[1], "w") : NULL;
    ret->out = pipes ? fdopen(out[0], "r") : NULL;
    return true;
}

// The environment with the lines of <run_dir>/<service>.env on top. The service gets its own database and secrets only.
static char **child_environment(const struct stack *stack, const char *service)
{
    size_t count = 0, capacity = 512;
    char **list = arena_alloc(stack->arena, (capacity + 1) * sizeof *list);
    const char *path = stack->run_dir ? arena_printf(stack->arena, "%s/%s.env", stack->run_dir, service) : NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    const char *url = file ? NULL : stack_part_setting(stack, "DATABASE_URL", service);
    char line[4096];
    while (list && file && count < capacity && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strchr(line, '=')) list[count++] = arena_strdup(stack->arena, line);
    }
    if (file) fclose(file);
    if (list && url) { // in a container, whose own DATABASE_URL_FILE is that of another service
        list[count++] = arena_printf(stack->arena, "DATABASE_URL=%s", url);
        list[count++] = arena_strdup(stack->arena, "DATABASE_URL_FILE=");
    }
    for (char **entry = environ; list && *entry && count < capacity; entry++) {
        bool replaced = false;
        size_t name = strcspn(*entry, "=") + 1;
        for (size_t i = 0; i < count && !replaced; i++) replaced = list[i] && strncmp(list[i], *entry, name) == 0;
        if (!replaced) list[count++] = *entry;
    }
    return list;
}

int child_finish(struct child *child)
{
    if (child->in) fclose(child->in);
    if (child->out) fclose(child->out);
    child->in = child->out = NULL;
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0) if (errno != EINTR) return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int command_failed(const struct error *err)
{
    const char *what = err->detail[0] ? err->detail : "something went wrong";
    if (strcmp(what, problem_unavailable.advice) == 0) what = "What this needs does not answer. 'dcctl doctor' looks at everything and says what to do.";
    fprintf(stderr, "dcctl: %s%s%s%s\n", what, err->cause[0] ? " (" : "", err->cause, err->cause[0] ? ")" : "");
    return 1;
}

const char *command_option(int argc, char **argv, const char *name)
{
    for (int i = 0; i + 1 < argc; i++) if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return NULL;
}

bool command_flag(int argc, char **argv, const char *name)
{
    for (int i = 0; i < argc; i++) if (strcmp(argv[i], name) == 0) return true;
    return false;
}

const char *command_word(int argc, char **argv, int which)
{
    for (int i = 0; i <= which; i++) if (i == argc || argv[i][0] == '-') return NULL;
    return argv[which];
}

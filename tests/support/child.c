// SPDX-License-Identifier: MIT
#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eventually.h"

#define ENVIRONMENT_MAX 64
#define ARGUMENTS_MAX 8

static int input_file(const char *text)
{
    const int file = memfd_create("input", 0);
    assert_true(file >= 0);
    assert_int_equal(write(file, text ? text : "", text ? strlen(text) : 0), text ? strlen(text) : 0);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    return file;
}

// NAME=value of our own environment, which the child gets as well.
static void hand_on(const char *name, char **environment, int *count)
{
    static char texts[4][1024];
    const char *value = getenv(name);
    if (!value) return;
    snprintf(texts[*count], sizeof texts[0], "%s=%s", name, value);
    environment[*count] = texts[*count];
    (*count)++;
}

static void become(const char *const *arguments, const char *const *environment, int in, int out, int errors)
{
    static char program[] = "test";
    char *argv[ARGUMENTS_MAX] = {program}, *envp[ENVIRONMENT_MAX] = {NULL};
    int count = 0;
    hand_on("ASAN_OPTIONS", envp, &count);
    hand_on("UBSAN_OPTIONS", envp, &count);
    hand_on("LSAN_OPTIONS", envp, &count);
    hand_on("TSAN_OPTIONS", envp, &count);
    for (; *environment && count < ENVIRONMENT_MAX - 1; environment++) envp[count++] = (char *)(uintptr_t)*environment;
    for (int i = 0; arguments[i] && i < ARGUMENTS_MAX - 2; i++) argv[i + 1] = (char *)(uintptr_t)arguments[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that crashes leaves nothing behind
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0)
        execve("/proc/self/exe", argv, envp);
    _exit(127);
}

struct child child_start(const char *const *arguments, const char *const *environment, const char *input)
{
    const int in = input_file(input);
    struct child child = {.out = memfd_create("output", MFD_CLOEXEC), .errors = memfd_create("errors", MFD_CLOEXEC)};
    assert_true(child.out >= 0 && child.errors >= 0);
    fflush(NULL);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) become(arguments, environment, in, child.out, child.errors);
    close(in);
    return child;
}

static const char *text_of(int file, char *out, size_t size)
{
    const ssize_t length = pread(file, out, size - 1, 0);
    assert_true(length >= 0);
    out[length] = '\0';
    return out;
}

const char *child_output(const struct child *child)
{
    static char text[1 << 20];
    return text_of(child->out, text, sizeof text);
}

const char *child_errors(const struct child *child)
{
    static char text[1 << 20];
    return text_of(child->errors, text, sizeof text);
}

void child_signal(const struct child *child, int signal)
{
    assert_true(child->pid > 0);
    assert_int_equal(kill(child->pid, signal), 0);
}

static bool has_ended(struct child *child)
{
    if (waitpid(child->pid, &child->status, WNOHANG) != child->pid) return false;
    child->pid = 0;
    return true;
}

int child_wait(struct child *child)
{
    eventually(has_ended(child));
    if (!WIFEXITED(child->status)) fail_msg("killed by signal %d:\n%s", WTERMSIG(child->status), child_errors(child));
    return WEXITSTATUS(child->status);
}

void child_end(struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, &child->status, 0);
    }
    if (child->out > 0) close(child->out);
    if (child->errors > 0) close(child->errors);
    *child = (struct child){0};
}

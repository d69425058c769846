// SPDX-License-Identifier: MIT
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "story.h"
#include "text.h"

#define WAIT_MS 60000
#define LOOK_EVERY_MS 20

void program_start(struct program *program, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = arena_vprintf(story_arena(), format, arguments);
    va_end(arguments);
    snprintf(program->path, sizeof program->path, "/tmp/program-XXXXXX");
    const int output = mkstemp(program->path), nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(line && output >= 0 && nothing >= 0);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing behind
        dup2(nothing, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(output);
    close(nothing);
}

const char *program_output(const struct program *program)
{
    struct text_buffer text = text_buffer(story_arena());
    FILE *file = fopen(program->path, "re");
    char chunk[4096];
    size_t length;
    while (file && (length = fread(chunk, 1, sizeof chunk, file)) > 0) text_add_bytes(&text, chunk, length);
    if (file) fclose(file);
    const char *all = text_take(&text);
    return all ? all : "";
}

static int count(const char *where, const char *text)
{
    int found = 0;
    for (; (where = strstr(where, text)); where += strlen(text)) found++;
    return found;
}

void program_expect(const struct program *program, const char *text, int times)
{
    for (int waited_ms = 0;; waited_ms += LOOK_EVERY_MS) {
        const char *output = program_output(program);
        const int found = count(output, text);
        if (found == times) return;
        if (found > times || waited_ms > WAIT_MS) fail_msg("'%s' stands there %d times, not %d:\n%s", text, found, times, output);
        sleep_ms(LOOK_EVERY_MS);
    }
}

int program_stop(struct program *program, int signal_number)
{
    int status = 0;
    assert_int_equal(kill(program->pid, signal_number), 0);
    while (waitpid(program->pid, &status, 0) < 0) assert_int_equal(errno, EINTR);
    unlink(program->path);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

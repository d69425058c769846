// SPDX-License-Identifier: MIT
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "route.h"

#define ARENA_BYTES ((size_t)64 << 20)

struct fuzz_input fuzz_begin(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (!arena) {
        arena = arena_new(ARENA_BYTES);
        log_start("fuzz", (enum log_level)(LOG_LEVEL_ERROR + 1)); // millions of refusals are no news
    }
    arena_reset(arena);
    return (struct fuzz_input){size ? (const char *)data : "", size, arena};
}

static const char *piece(struct fuzz_input *input, size_t length)
{
    if (length > input->left) length = input->left;
    char *text = arena_memdup(input->arena, input->at, length);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0') text[i] = ' ';
    input->at += length;
    input->left -= length;
    return text;
}

const char *fuzz_line(struct fuzz_input *input)
{
    const char *end = input->left ? memchr(input->at, '\n', input->left) : NULL;
    const char *line = piece(input, end ? (size_t)(end - input->at) : input->left);
    if (end) {
        input->at++;
        input->left--;
    }
    return line;
}

const char *fuzz_rest(struct fuzz_input *input)
{
    return piece(input, input->left);
}

void fuzz_broken(const char *holds, const char *file, int line, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%d: does not hold: %s\n  ", file, line, holds);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void claim_text(const char *text, const char *what)
{
    claim(text && text_is_utf8(text, strlen(text)), "%s is text: %s", what, text ? text : "(null)");
}

void claim_refusal(const struct error *err, struct arena *arena)
{
    struct response answer = {0};
    struct error malformed = {0};
    claim(err->problem != NULL, "a refusal says why");
    problem_write(err, "r1", arena, &answer);
    claim(answer.status >= 400 && answer.status < 500, "a client can cause no %d: %s %s", answer.status, err->problem->slug, err->cause);
    CLEANUP(json_release) json_t *body = json_parse(answer.body, answer.length, &malformed);
    claim(body != NULL, "%s: %s", malformed.detail, answer.body);
    const json_t *errors = json_object_get(body, "errors");
    claim(err->problem != &problem_invalid_fields || json_array_size(errors) > 0 || err->detail[0], "an invalid field is named");
}

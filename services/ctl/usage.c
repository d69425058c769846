// SPDX-License-Identifier: MIT
#include "usage.h"

#include <ctype.h>
#include <string.h>

#define WORDS_ANY 1000

static bool option_known(const struct command *command, const char *option, bool *ret_takes_value);
static int words_most(const struct command *command);
static void put_first(char **argv, int to, int from);
static bool refuse(const struct command *command, const char *what, const char *word, int *ret_status);

bool usage_fits(const struct command *command, int argc, char **argv, int *ret_status)
{
    int words = 0;
    bool takes_value;
    *ret_status = 0;
    if (command_flag(argc, argv, "--help") || command_flag(argc, argv, "-h")) {
        usage_print(command, 0, stdout);
        printf("\n  %s\n", command->summary);
        return false;
    }
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (words == words_most(command)) return refuse(command, "has no use for", argv[i], ret_status);
            put_first(argv, words++, i);
        } else if (!option_known(command, argv[i], &takes_value)) {
            return refuse(command, "has no option", argv[i], ret_status);
        } else if (takes_value && ++i == argc) {
            return refuse(command, "needs a value after", argv[i - 1], ret_status);
        }
    }
    return true;
}

static void put_first(char **argv, int to, int from)
{
    char *word = argv[from];
    memmove(&argv[to + 1], &argv[to], (size_t)(from - to) * sizeof *argv);
    argv[to] = word;
}

void usage_print(const struct command *command, int width, FILE *out)
{
    const int printed = fprintf(out, "dcctl %s%s%s", command->words, command->arguments[0] ? " " : "", command->arguments);
    fprintf(out, "%*s", printed < width ? width - printed : 0, "");
}

// An option that takes a value stands before the value's name, which is in capitals.
static bool option_known(const struct command *command, const char *option, bool *ret_takes_value)
{
    const size_t length = strlen(option);
    for (const char *found = command->arguments; (found = strstr(found, option)); found += length) {
        if (found[length] && !strchr(" ]", found[length])) continue;
        if (found > command->arguments && !strchr(" [", found[-1])) continue;
        *ret_takes_value = found[length] == ' ' && isupper((unsigned char)found[length + 1]);
        return true;
    }
    return false;
}

// Those of the longest way of calling it that are neither option nor value; "..." after one: as many as there are.
static int words_most(const struct command *command)
{
    int count = 0, most = 0;
    bool after_option = false;
    if (strstr(command->arguments, "...")) return WORDS_ANY;
    for (const char *at = command->arguments; *at; at += strcspn(at, " [")) {
        at += strspn(at, " [");
        count = *at == '|' ? 0 : count + (isalpha((unsigned char)*at) && !after_option);
        if (count > most) most = count;
        after_option = *at == '-';
    }
    return most;
}

static bool refuse(const struct command *command, const char *what, const char *word, int *ret_status)
{
    fprintf(stderr, "dcctl: '%s' %s '%s'. It is: ", command->words, what, word);
    usage_print(command, 0, stderr);
    fputc('\n', stderr);
    *ret_status = 2;
    return false;
}

// SPDX-License-Identifier: MIT
// dcctl: the operator's tool. One table of commands; each finds the running stack by itself.
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "log.h"
#include "usage.h"

static const struct command commands[] = {
    {"import", "FILE", "load a legacy db.json and report on every row", command_import},
    {"import resume", "", "send rows that waited for a service which is there now", command_import_resume},
    {"import report", "[--collection C]", "the report of the last import again", command_import_report},
    {"import quarantine", "[--collection C]", "the rows that are kept back, with reasons, as JSON", command_import_quarantine},
    {"admin create", "--email E [--password P | --password-stdin]", "make an administrator; asks for what is not given", command_admin_create},
    {"audit verify", "", "walk the audit logs of all services and find an edited row", command_audit_verify},
    {"topics", "", "create the Kafka topics that are missing", command_topics},
    {"events tail", "[TOPIC ...] [--from-beginning] [--exit]", "print events as they come", command_events_tail},
    {"events parked", "[--service S]", "keys whose events wait, and why", command_events_parked},
    {"events redrive", "[--service S] [--topic T] [--key K]", "apply parked events again, in order", command_events_redrive},
    {"events discard", "--service S --topic T --key K", "drop the first parked event of a key; audited", command_events_discard},
    {"events replay", "--service S --topic T", "have a stopped service apply a topic from its beginning", command_events_replay},
    {"payments reconcile", "", "have open payments asked about, and print what does not add up", command_payments_reconcile},
    {"payments refund-settled", "ID completed RECEIPT | ID failed", "settle an unknown refund as M-Pesa's statement shows it; audited", command_payments_refund_settled},
    {"doctor", "[--disk-mb N]", "look at everything; say what is wrong and what to do", command_doctor},
    {"asyncapi", "DIR", "bundle the event schemas of DIR into one AsyncAPI document", command_asyncapi},
    {"compatibility", "RELEASED PRINTED", "tell what of the printed event schemas would break consumers of the released ones", command_compatibility},
};

static int help(void)
{
    puts("dcctl: the operator's tool of Domestic Connect\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        fputs("  ", stdout);
        usage_print(&commands[i], 69, stdout);
        puts(commands[i].summary);
    }
    return 0;
}

// How many leading words of argv spell the command; 0 when they do not.
static int spells(const struct command *command, int argc, char **argv)
{
    const char *rest = command->words;
    for (int i = 0; i < argc; i++) {
        size_t length = strlen(argv[i]);
        if (strncmp(rest, argv[i], length) != 0 || (rest[length] != ' ' && rest[length] != '\0')) return 0;
        if (rest[length] == '\0') return i + 1;
        rest += length + 1;
    }
    return 0;
}

// What nobody could be told was not done. Who reads no further (head) knows that there may be more.
static int with_all_said(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (errno != EPIPE) fprintf(stderr, "dcctl: what it had to say could not be written: %m. Make room, or name another file, and ask again.\n");
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    log_start("dcctl", LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN); // that a service's program is gone is seen when it is written to
    const struct command *chosen = NULL;
    int words = 0, status = 0;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        int spelled = spells(&commands[i], argc - 1, argv + 1);
        if (spelled > words) { // the longest match: "import report" before "import"
            words = spelled;
            chosen = &commands[i];
        }
    }
    if (!chosen && argc > 1 && !command_flag(argc, argv, "--help"))
        return fprintf(stderr, "dcctl: there is no command '%s'; see dcctl --help\n", argv[1]), 2;
    if (!chosen) return with_all_said(help());
    if (!usage_fits(chosen, argc - 1 - words, argv + 1 + words, &status)) return status;
    CLEANUP(arena_cleanup) struct arena *arena = arena_new((size_t)64 << 20);
    if (!arena) return 1;
    struct stack stack = stack_find(arena);
    return with_all_said(chosen->run(&stack, argc - 1 - words, argv + 1 + words));
}

// SPDX-License-Identifier: MIT
// Sends plain-text mail: SMTP through libcurl, or, for development, one .eml file per mail in a
// folder. Addresses and subjects are checked against header injection.
#pragma once

#include <stdbool.h>

#include "arena.h"
#include "error.h"

struct mail_config {
    const char *url;       // "smtp://host:587", "smtps://…", or "file:///path/to/folder"
    const char *user;      // may be NULL
    const char *password;  // may be NULL
    const char *from;
    int timeout_ms;
};

struct mail {
    const char *to;
    const char *subject;
    const char *text;
};

// Waits until the server has taken it, or the file is there. False: a violation of /email where `to` is no address,
// problem_internal where anything else is not fit to be sent, problem_unavailable where it may be sent later; with the cause.
MUST_USE bool mail_send(const struct mail_config *config, const struct mail *mail, struct error *err);

// SPDX-License-Identifier: MIT
// libcurl's handles, released by scope; shared by the HTTP client and mail.
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "cleanup.h"

// Starts the library once per process; false: there was no memory for it, and the next call tries again.
MUST_USE bool curl_start(void);

// Adds a line. False when it is NULL or memory ran out.
bool curl_list_add(struct curl_slist **list, const char *line);

static inline void curl_list_release(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static inline void curl_handle_release(CURL **handle)
{
    curl_easy_cleanup(*handle);
}

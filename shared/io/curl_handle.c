// SPDX-License-Identifier: MIT
#include "curl_handle.h"

#include <pthread.h>

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void curl_start(void)
{
    pthread_once(&library_once, library_start);
}

bool curl_list_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = line != NULL ? curl_slist_append(*list, line) : NULL;
    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

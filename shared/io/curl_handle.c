// SPDX-License-Identifier: MIT
#include "curl_handle.h"

#include <pthread.h>

bool curl_start(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool is_started;
    pthread_mutex_lock(&lock);
    if (!is_started) is_started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    const bool started = is_started;
    pthread_mutex_unlock(&lock);
    return started;
}

bool curl_list_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = line != NULL ? curl_slist_append(*list, line) : NULL;
    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

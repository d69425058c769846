// SPDX-License-Identifier: MIT
// People who rename themselves over and over through the gateway, each on a thread of her own, whatever happens to the stack:
// each new name is an event of auth that profiles follows.
//
//   writers_start(&writers);
//   part_stop("kafka"); …
//   writers_stop(&writers);
//   writers_expect_followed(&writers, 60);   // no call failed, and profiles knows every last name
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "story.h"

#define WRITERS 6

struct writers;
struct writer {
    struct writers *all;
    struct person person;
    pthread_t thread;
    char name[24];                  // the last one she was told to have
};
struct writers {
    struct writer each[WRITERS];
    struct http_client *client;
    _Atomic bool stopping;
    _Atomic int64_t written, failed;
    char failure[512];              // the first
    bool running;
};

void writers_start(struct writers *writers);
void writers_stop(struct writers *writers); // accepts those who have stopped
void writers_expect_followed(struct writers *writers, int seconds);

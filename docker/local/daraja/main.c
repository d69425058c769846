// SPDX-License-Identifier: MIT
// daraja-simulator: settings from the environment, and a wait for the signal to end.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "simulator.h"
#include "text.h"

// NULL as fallback: must be given.
static const char *text_setting(const char *name, const char *fallback, bool *fine)
{
    const char *value = getenv(name);
    if (value && *value) return value;
    if (!fallback) {
        fprintf(stderr, "daraja-simulator: set %s\n", name);
        *fine = false;
    }
    return fallback;
}

static int number_setting(const char *name, const char *fallback, int64_t min, int64_t max, bool *fine)
{
    int64_t value = 0;
    if (text_to_int64(text_setting(name, fallback, fine), &value) && value >= min && value <= max) return (int)value;
    fprintf(stderr, "daraja-simulator: %s must be a number from %ld to %ld\n", name, (long)min, (long)max);
    *fine = false;
    return 0;
}

static bool settings_read(struct simulator_settings *ret)
{
    bool fine = true;
    *ret = (struct simulator_settings){
        .host = text_setting("DARAJA_HOST", "127.0.0.1", &fine), // whoever reaches it can make it call anybody
        .port = number_setting("DARAJA_PORT", "9080", 0, 65535, &fine),
        .consumer_key = text_setting("DARAJA_CONSUMER_KEY", NULL, &fine),
        .consumer_secret = text_setting("DARAJA_CONSUMER_SECRET", NULL, &fine),
        .shortcode = text_setting("DARAJA_SHORTCODE", "174379", &fine),
        .passkey = text_setting("DARAJA_PASSKEY", NULL, &fine),
        .callback_delay_ms = number_setting("DARAJA_CALLBACK_DELAY_MS", "300", 0, 600000, &fine),
        .senders = number_setting("DARAJA_SENDERS", "16", 1, 256, &fine),
    };
    return fine;
}

int main(void)
{
    struct simulator_settings settings;
    struct error err = {0};
    sigset_t signals;
    int received = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); // before any thread: main alone takes them
    signal(SIGPIPE, SIG_IGN);
    log_start("daraja-simulator", LOG_LEVEL_INFO);
    if (!settings_read(&settings)) return 2;
    struct simulator *simulator = simulator_start(&settings, &err);
    if (!simulator) return log_failure(LOG_LEVEL_ERROR, "not_started", &err), 1;
    log_info("started", LOG_INT("port", simulator_port(simulator)), LOG_INT("senders", settings.senders));
    sigwait(&signals, &received);
    log_info("stopping", LOG_INT("signal", received));
    simulator_stop(simulator);
    log_info("stopped");
    return 0;
}

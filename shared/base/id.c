// SPDX-License-Identifier: MIT
#include "id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void random_bytes(void *out, size_t length)
{
    while (getrandom(out, length, 0) != (ssize_t)length) continue; // under 256 bytes it is all or EINTR
}

void id_new(int64_t time_ms, char out[UUID_SIZE])
{
    unsigned char b[16];
    random_bytes(b, sizeof b);
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)((uint64_t)time_ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0F));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    snprintf(out, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
             b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool id_is_valid(const char *text)
{
    if (!text) return false;
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return length >= 1 && length <= ID_MAX && text[length] == '\0';
}

static bool lower_hex(const char *text, size_t length)
{
    bool nonzero = false;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]) && !(text[i] >= 'a' && text[i] <= 'f')) return false;
        nonzero |= text[i] != '0';
    }
    return nonzero;
}

bool traceparent_is_valid(const char *text)
{
    return text && strlen(text) == TRACEPARENT_SIZE - 1 && strncmp(text, "00-", 3) == 0 && lower_hex(text + 3, 32) &&
           text[35] == '-' && lower_hex(text + 36, 16) && text[52] == '-' && strspn(text + 53, "0123456789abcdef") == 2;
}

void traceparent_next(const char *parent, char out[TRACEPARENT_SIZE])
{
    uint64_t random[3];
    random_bytes(random, sizeof random);
    random[1] |= 1; // never all zero
    random[2] |= 1;
    char trace[33];
    if (traceparent_is_valid(parent)) snprintf(trace, sizeof trace, "%.32s", parent + 3);
    else snprintf(trace, sizeof trace, "%016lx%016lx", (unsigned long)random[0], (unsigned long)random[1]);
    snprintf(out, TRACEPARENT_SIZE, "00-%s-%016lx-01", trace, (unsigned long)random[2]);
}

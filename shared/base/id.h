// SPDX-License-Identifier: MIT
// Identifiers. New rows get a UUIDv7 (RFC 9562 §5.7: sortable by creation time); ids from the
// legacy data are kept, so an id is any text of 1 to 64 characters of [A-Za-z0-9_-].
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAX 64
#define UUID_SIZE 37

// A new UUIDv7 for time_ms, with 74 random bits from getrandom(2). Thread-safe.
void id_new(int64_t time_ms, char out[UUID_SIZE]);
bool id_is_valid(const char *text);

// W3C Trace Context: 32 and 16 lower-case hex digits, never all zero.
#define TRACEPARENT_SIZE 56
// Continues `parent` when it is well-formed (same trace id, new span id), else starts a new trace.
void traceparent_next(const char *parent, char out[TRACEPARENT_SIZE]);
bool traceparent_is_valid(const char *text);

// SPDX-License-Identifier: MIT
// The parts of HTTP that need no socket: header lookup and percent-encoding.
#include <string.h>
#include <strings.h>

#include "http_client.h"

static const char *header_find(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            return headers[i].value;
        }
    }
    return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return header_find(request->headers, request->header_count, name);
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
    return header_find(answer->headers, answer->header_count, name);
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    if (value != NULL && response->header_count < HTTP_RESPONSE_HEADERS_MAX) {
        response->headers[response->header_count++] = (struct http_header){name, value};
    }
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

char *http_decode(struct arena *arena, const char *text, size_t length, bool form)
{
    char *out = arena_alloc(arena, length + 1);
    if (out == NULL) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        char letter = text[i];
        if (letter == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return NULL;
            }
            letter = (char)(high * 16 + low);
            i += 2;
        } else if (letter == '+' && form) {
            letter = ' ';
        }
        out[count++] = letter;
    }
    return text_is_utf8(out, count) ? out : NULL;
}

char *http_encode(struct arena *arena, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *out = arena_alloc(arena, strlen(text) * 3 + 1);
    char *at = out;
    for (; out != NULL && *text != '\0'; text++) {
        unsigned char letter = (unsigned char)*text;
        if (strchr(plain, letter) != NULL) {
            *at++ = *text;
        } else {
            *at++ = '%';
            *at++ = digits[letter >> 4];
            *at++ = digits[letter & 15];
        }
    }
    return out;
}

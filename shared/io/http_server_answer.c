// SPDX-License-Identifier: MIT
// Writes an answer: head and body in one piece where they fit, otherwise in two.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_server_internal.h"

// A peer that takes less than this is held to be gone.
#define SLOWEST_BYTES_PER_MS 8

static int file_open(struct http_exchange *exchange, int64_t *ret_length);
static size_t head_format(struct http_exchange *exchange, int64_t length);
static const char *date_now(struct http_worker *worker);
static bool body_is_allowed(int status);
static void body_send(struct http_exchange *exchange, size_t head_length);
static void file_send(struct http_exchange *exchange, int file, size_t head_length);
static bool send_all(struct http_exchange *exchange, const char *bytes, size_t length);

void http_answer_write(struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;
    if (response->unanswered) {
        response->status = 500; // civetweb takes 0 as its turn to answer
        mg_disable_connection_keep_alive(exchange->connection);
        return;
    }
    int64_t length = (int64_t)response->body_length;
    int file = response->file != NULL ? file_open(exchange, &length) : -1;
    exchange->close |= response->close;
    if (response->status < 200 || response->status > 599) {
        *response = (struct http_response){.status = 500};
        length = 0;
    }
    size_t head_length = head_format(exchange, length);
    if (head_length == 0) { // more headers than a head may hold
        *response = (struct http_response){.status = 500};
        exchange->close = true;
        length = 0;
        head_length = head_format(exchange, length);
    }
    if (exchange->close) {
        mg_disable_connection_keep_alive(exchange->connection);
    }
    bool head_alone = strcmp(exchange->request.method, "HEAD") == 0 || !body_is_allowed(response->status);
    bool watched = !head_alone && length > (int64_t)sizeof(exchange->space->out);
    if (watched) {
        http_deadline_begin(exchange, SHUT_RDWR,
                            exchange->worker->server->config.body_timeout_ms + length / SLOWEST_BYTES_PER_MS);
    }
    if (head_alone || length == 0) {
        send_all(exchange, exchange->space->out, head_length);
    } else if (file >= 0) {
        file_send(exchange, file, head_length);
    } else {
        body_send(exchange, head_length);
    }
    if (watched) {
        http_deadline_end(exchange);
    }
    if (file >= 0) {
        close(file);
    }
}

// A file that cannot be read is answered as not found, in the handler's words.
static int file_open(struct http_exchange *exchange, int64_t *ret_length)
{
    struct http_server *server = exchange->worker->server;
    struct stat about;
    int file = open(exchange->response.file, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode)) {
        *ret_length = about.st_size;
        return file;
    }
    if (file >= 0) {
        close(file);
    }
    exchange->response = (struct http_response){0};
    exchange->request.refusal = &problem_not_found;
    server->handler(server->state, &exchange->request, &exchange->response);
    *ret_length = (int64_t)exchange->response.body_length;
    return -1;
}

// Adds text to the head; control characters become blanks, so that no value can end its line.
static void head_add(struct http_space *space, size_t *length, const char *text)
{
    for (; *text != '\0' && *length < sizeof(space->out); text++) {
        unsigned char letter = (unsigned char)*text;
        space->out[(*length)++] = letter < 32 || letter == 127 ? ' ' : *text;
    }
}

static void head_line(struct http_space *space, size_t *length, const char *name, const char *value)
{
    head_add(space, length, name);
    head_add(space, length, ": ");
    head_add(space, length, value);
    if (*length + 2 <= sizeof(space->out)) {
        memcpy(space->out + *length, "\r\n", 2);
    }
    *length += 2;
}

// Formats the head into space->out; 0 when it does not fit.
static size_t head_format(struct http_exchange *exchange, int64_t length)
{
    struct http_space *space = exchange->space;
    const struct http_response *response = &exchange->response;
    int written = snprintf(space->out, sizeof(space->out), "HTTP/1.1 %d %s\r\n", response->status,
                           mg_get_response_code_text(exchange->connection, response->status));
    size_t used = (size_t)written;
    head_line(space, &used, "Date", date_now(exchange->worker));
    for (size_t i = 0; i < response->header_count; i++) {
        head_line(space, &used, response->headers[i].name, response->headers[i].value);
    }
    if (body_is_allowed(response->status)) {
        char digits[24];
        snprintf(digits, sizeof(digits), "%lld", (long long)length);
        head_line(space, &used, "Content-Length", digits);
    }
    head_line(space, &used, "Connection", exchange->close ? "close" : "keep-alive");
    if (used + 2 > sizeof(space->out)) {
        return 0;
    }
    memcpy(space->out + used, "\r\n", 2);
    return used + 2;
}

static const char *date_now(struct http_worker *worker)
{
    time_t now_s = time(NULL);
    struct tm parts;
    if (now_s != worker->date_s && gmtime_r(&now_s, &parts) != NULL) {
        strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        worker->date_s = now_s;
    }
    return worker->date;
}

static bool body_is_allowed(int status)
{
    return status != 204 && status != 304;
}

static void body_send(struct http_exchange *exchange, size_t head_length)
{
    struct http_space *space = exchange->space;
    const char *body = exchange->response.body;
    size_t length = exchange->response.body_length;
    size_t room = sizeof(space->out) - head_length;
    size_t first = length < room ? length : room;
    memcpy(space->out + head_length, body, first);
    if (send_all(exchange, space->out, head_length + first) && length > first) {
        send_all(exchange, body + first, length - first);
    }
}

static void file_send(struct http_exchange *exchange, int file, size_t head_length)
{
    struct http_space *space = exchange->space;
    size_t held = head_length;
    ssize_t got = 1;
    bool sent = true;
    while (sent && got > 0) {
        got = read(file, space->out + held, sizeof(space->out) - held);
        sent = got <= 0 || send_all(exchange, space->out, held + (size_t)got);
        held = 0;
    }
    if (!sent || got < 0) {
        mg_disable_connection_keep_alive(exchange->connection); // cut short: the length no longer holds
    }
}

static bool send_all(struct http_exchange *exchange, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t piece = length < (1U << 30) ? length : 1U << 30; // mg_write takes an int
        if (mg_write(exchange->connection, bytes, piece) != (int)piece) {
            mg_disable_connection_keep_alive(exchange->connection);
            return false;
        }
        bytes += piece;
        length -= piece;
    }
    return true;
}

// SPDX-License-Identifier: MIT
#include "http_client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "curl_handle.h"

#define ANSWER_HEADERS_MAX 100
// A connection idle for longer is not used again: the peer may be closing it at this moment.
#define REUSE_MAX_S 20L

// A stack, so that the warmest connection is used first.
struct http_client {
    struct http_client_config config;
    char *base_url;
    atomic_bool stopped;
    pthread_mutex_t mutex;
    int kept;
    CURL *handles[];
};

// One call under way.
struct call {
    struct http_client *client;
    const struct http_call *asked;
    struct arena *arena;
    CURL *handle;
    struct text_buffer body;
    struct http_header *headers;
    size_t header_count;
    int sends; // how often libcurl was about to send the request
    bool too_long;
    char message[CURL_ERROR_SIZE];
};

static CURL *handle_take(struct http_client *client);
static void handle_put(struct http_client *client, CURL *handle);
static bool call_is_sane(const struct http_call *asked);
static bool call_set(struct call *call, struct curl_slist **lines);
static bool header_lines(const struct http_call *asked, struct arena *arena, struct curl_slist **lines);
static bool call_failed(const struct call *call, CURLcode code, struct error *err);
static void body_set(struct call *call);
static size_t on_header(char *bytes, size_t size, size_t count, void *argument);
static size_t on_body(char *bytes, size_t size, size_t count, void *argument);
static int on_send(void *argument, char *peer, char *own, int peer_port, int own_port);
static int on_progress(void *argument, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up);

struct http_client *http_client_new(const struct http_client_config *config, struct error *err)
{
    size_t length = strlen(config->base_url);
    if (strncmp(config->base_url, "http://", 7) != 0 && strncmp(config->base_url, "https://", 8) != 0) {
        error_set(err, &problem_internal, NULL);
        error_cause(err, "a base URL must start with http:// or https://");
        return NULL;
    }
    int handles = config->connections > 0 ? config->connections : 1;
    struct http_client *client = calloc(1, sizeof(*client) + (size_t)handles * sizeof(CURL *));
    char *base_url = strdup(config->base_url);
    if (client == NULL || base_url == NULL || !curl_start()) {
        free(client);
        free(base_url);
        error_set(err, &problem_unavailable, NULL);
        return NULL;
    }
    if (base_url[length - 1] == '/') {
        base_url[length - 1] = '\0'; // paths bring their own
    }
    client->config = *config;
    client->config.connections = handles;
    client->config.base_url = client->base_url = base_url;
    pthread_mutex_init(&client->mutex, NULL);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (int i = 0; i < client->kept; i++) {
        curl_easy_cleanup(client->handles[i]);
    }
    pthread_mutex_destroy(&client->mutex);
    free(client->base_url);
    free(client);
}

void http_client_stop(struct http_client *client)
{
    atomic_store(&client->stopped, true);
}

bool http_client_call(struct http_client *client, const struct http_call *asked, struct arena *arena,
                      struct http_answer *ret, bool *ret_sent, struct error *err)
{
    if (ret_sent != NULL) {
        *ret_sent = false;
    }
    if (!call_is_sane(asked)) {
        return error_set(err, &problem_malformed, NULL);
    }
    if (atomic_load(&client->stopped)) {
        error_set(err, &problem_upstream_unavailable, NULL);
        return error_cause(err, "%s: stopped", client->base_url);
    }
    CLEANUP(curl_list_release) struct curl_slist *lines = NULL;
    struct call call = {.client = client, .asked = asked, .arena = arena, .handle = handle_take(client)};
    call.body = text_buffer(arena);
    call.headers = arena_alloc(arena, ANSWER_HEADERS_MAX * sizeof(*call.headers));
    if (call.handle == NULL || call.headers == NULL || !call_set(&call, &lines)) {
        handle_put(client, call.handle);
        error_set(err, &problem_unavailable, NULL);
        return error_cause(err, "no memory for a request");
    }
    CURLcode code = curl_easy_perform(call.handle);
    long status = 0;
    curl_easy_getinfo(call.handle, CURLINFO_RESPONSE_CODE, &status);
    handle_put(client, call.handle);
    if (ret_sent != NULL) {
        *ret_sent = call.sends > 0;
    }
    if (code != CURLE_OK) {
        return call_failed(&call, code, err);
    }
    *ret = (struct http_answer){.status = (int)status,
                                .headers = call.headers,
                                .header_count = call.header_count,
                                .body_length = call.body.length,
                                .body = text_take(&call.body)};
    return ret->body != NULL || error_set(err, &problem_unavailable, NULL);
}

static CURL *handle_take(struct http_client *client)
{
    pthread_mutex_lock(&client->mutex);
    CURL *handle = client->kept > 0 ? client->handles[--client->kept] : NULL;
    pthread_mutex_unlock(&client->mutex);
    return handle != NULL ? handle : curl_easy_init();
}

static void handle_put(struct http_client *client, CURL *handle)
{
    if (handle == NULL) {
        return;
    }
    curl_easy_reset(handle); // the connection stays
    pthread_mutex_lock(&client->mutex);
    bool keep = client->kept < client->config.connections;
    if (keep) {
        client->handles[client->kept++] = handle;
    }
    pthread_mutex_unlock(&client->mutex);
    if (!keep) {
        curl_easy_cleanup(handle);
    }
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 127) {
            return false;
        }
    }
    return true;
}

// A path cannot reach another host, and no header can smuggle in a second one.
static bool call_is_sane(const struct http_call *asked)
{
    for (size_t i = 0; i < asked->header_count; i++) {
        const struct http_header *header = &asked->headers[i];
        if (header->name[0] == '\0' || !is_printable(header->name) || strpbrk(header->name, ":;") != NULL ||
            strpbrk(header->value, "\r\n") != NULL) {
            return false;
        }
    }
    return asked->path[0] == '/' && is_printable(asked->path) && is_printable(asked->method);
}

static bool call_set(struct call *call, struct curl_slist **lines)
{
    const struct http_client_config *config = &call->client->config;
    CURL *handle = call->handle;
    char *url = arena_printf(call->arena, "%s%s", config->base_url, call->asked->path);
    if (url == NULL || !header_lines(call->asked, call->arena, lines)) {
        return false;
    }
    if (strncmp(url, "http://", 7) == 0) {
        curl_easy_setopt(handle, CURLOPT_PROXY,
                         ""); // a peer of ours; https may need the proxy of its environment
    }
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, REUSE_MAX_S);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)config->connect_timeout_ms);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)call->asked->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, *lines);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, call->message);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    body_set(call);
    return true;
}

static void body_set(struct call *call)
{
    const struct http_call *asked = call->asked;
    if (strcmp(asked->method, "HEAD") == 0) {
        curl_easy_setopt(call->handle, CURLOPT_NOBODY, 1L);
        return;
    }
    if (asked->body != NULL || strcmp(asked->method, "POST") == 0) {
        curl_easy_setopt(call->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)asked->body_length);
        curl_easy_setopt(call->handle, CURLOPT_POSTFIELDS, asked->body != NULL ? asked->body : "");
    }
    curl_easy_setopt(call->handle, CURLOPT_CUSTOMREQUEST, asked->method);
}

static bool header_lines(const struct http_call *asked, struct arena *arena, struct curl_slist **lines)
{
    // Without these libcurl would send its own.
    static const char *const left_out[] = {"Expect", "Accept", "User-Agent", "Content-Type"};
    for (size_t i = 0; i < asked->header_count; i++) {
        const struct http_header *header = &asked->headers[i];
        // "Name;" is how libcurl is told to send a header without a value
        char *line = header->value[0] == '\0' ? arena_printf(arena, "%s;", header->name)
                                              : arena_printf(arena, "%s: %s", header->name, header->value);
        if (!curl_list_add(lines, line)) {
            return false;
        }
    }
    const struct http_request given = {.headers = asked->headers, .header_count = asked->header_count};
    for (size_t i = 0; i < COUNT_OF(left_out); i++) {
        if (http_request_header(&given, left_out[i]) == NULL &&
            !curl_list_add(lines, arena_printf(arena, "%s:", left_out[i]))) {
            return false;
        }
    }
    return true;
}

static bool call_failed(const struct call *call, CURLcode code, struct error *err)
{
    bool late = code == CURLE_OPERATION_TIMEDOUT && call->sends > 0;
    error_set(err, late ? &problem_timeout : &problem_upstream_unavailable, NULL);
    if (call->too_long) {
        return error_cause(err, "%s: answer too long", call->client->config.base_url);
    }
    return error_cause(err, "%s: %s", call->client->config.base_url,
                       call->message[0] != '\0' ? call->message : curl_easy_strerror(code));
}

// libcurl sends a request again by itself when a kept connection turns out to be closed. The peer
// may have acted on the first copy, so only what may be done twice is.
static int on_send(void *argument, char *peer, char *own, int peer_port, int own_port)
{
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    struct call *call = argument;
    bool may_send = call->sends == 0 || http_call_may_repeat(call->asked);
    call->sends += may_send;
    return may_send ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

bool http_call_may_repeat(const struct http_call *call)
{
    static const char *const safe[] = {"GET", "HEAD", "OPTIONS"};
    const struct http_request given = {.headers = call->headers, .header_count = call->header_count};
    for (size_t i = 0; i < COUNT_OF(safe); i++) {
        if (strcmp(call->method, safe[i]) == 0) {
            return true;
        }
    }
    return strcmp(call->method, "POST") == 0 && http_request_header(&given, "Idempotency-Key") != NULL;
}

// libcurl asks all the time, and once a second while it waits.
static int on_progress(void *argument, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    (void)down_all, (void)down, (void)up_all, (void)up;
    const struct call *call = argument;
    return atomic_load(&call->client->stopped);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *argument)
{
    struct call *call = argument;
    size_t length = size * count;
    if (length > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        call->header_count = 0; // what came before was a 100 Continue
        return length;
    }
    const char *colon = memchr(bytes, ':', length);
    if (colon == NULL) {
        return length; // the empty line
    }
    if (call->header_count == ANSWER_HEADERS_MAX) {
        call->too_long = true;
        return 0;
    }
    const char *end = bytes + length;
    const char *value = colon + 1;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    struct http_header *header = &call->headers[call->header_count];
    header->name = arena_memdup(call->arena, bytes, (size_t)(colon - bytes));
    header->value = arena_memdup(call->arena, value, (size_t)(end - value));
    bool kept = header->name != NULL && header->value != NULL;
    call->header_count += kept;
    return kept ? length : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *argument)
{
    struct call *call = argument;
    size_t length = size * count;
    if ((int64_t)(call->body.length + length) > call->client->config.answer_limit_bytes) {
        call->too_long = true;
        return 0;
    }
    curl_off_t expected = -1;
    if (call->body.data == NULL &&
        curl_easy_getinfo(call->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &expected) == CURLE_OK &&
        expected > 0 && expected <= call->client->config.answer_limit_bytes) {
        call->body.capacity = (size_t)expected + 2; // known: no growing
        call->body.data = arena_alloc(call->arena, call->body.capacity);
        call->body.failed = call->body.data == NULL;
    }
    text_add_bytes(&call->body, bytes, length);
    return call->body.failed ? 0 : length;
}

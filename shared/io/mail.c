// SPDX-License-Identifier: MIT
#include "mail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "curl_handle.h"
#include "field.h"
#include "id.h"

#define TEXT_BYTES_MAX (256 << 10)
#define SUBJECT_BYTES_MAX 200
#define LINE_BYTES_MAX 990 // RFC 5322 allows 998

// What is sent, while libcurl takes it piece by piece.
struct upload {
    const char *bytes;
    size_t length;
    size_t sent;
};

static bool mail_check(const struct mail_config *config, const struct mail *mail, struct error *err);
static char *message_format(const struct mail_config *config, const struct mail *mail, const char *id,
                            struct arena *arena);
static bool file_write(const char *folder, const char *id, const char *message, struct arena *arena,
                       struct error *err);
static bool smtp_send(const struct mail_config *config, const struct mail *mail, const char *message,
                      struct arena *arena, struct error *err);
static char *address_of(struct arena *arena, const char *mailbox);

bool mail_send(const struct mail_config *config, const struct mail *mail, struct error *err)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_new(8 * TEXT_BYTES_MAX);
    char id[UUID_SIZE];
    id_new(clock_now_ms(&clock_system), id);
    if (!mail_check(config, mail, err)) {
        return false;
    }
    char *message = arena != NULL ? message_format(config, mail, id, arena) : NULL;
    if (message == NULL) {
        error_set(err, &problem_unavailable, NULL);
        return error_cause(err, "no memory for a mail");
    }
    if (text_starts_with(config->url, "file://")) {
        return file_write(config->url + strlen("file://"), id, message, arena, err);
    }
    return smtp_send(config, mail, message, arena, err);
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 32 || *text == 127) {
            return true;
        }
    }
    return false;
}

// Nothing that comes from a user may end a header line or add an address.
static bool mail_check(const struct mail_config *config, const struct mail *mail, struct error *err)
{
    if (!email_is_valid(mail->to)) {
        return error_violation(err, "/email", "is not an e-mail address");
    }
    const char *wrong = NULL;
    if (has_control(mail->to) || strpbrk(mail->to, "<>,;:\" ") != NULL) {
        wrong = "address";
    } else if (has_control(mail->subject) || strlen(mail->subject) > SUBJECT_BYTES_MAX ||
               !text_is_utf8(mail->subject, strlen(mail->subject))) {
        wrong = "subject";
    } else if (has_control(config->from) || strchr(config->from, '@') == NULL) {
        wrong = "sender";
    } else if (strlen(mail->text) > TEXT_BYTES_MAX || !text_is_utf8(mail->text, strlen(mail->text))) {
        wrong = "text";
    }
    if (wrong == NULL) {
        return true;
    }
    error_set(err, &problem_internal, NULL);
    return error_cause(err, "a mail's %s is not fit to be sent", wrong);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text > 126) {
            return false;
        }
    }
    return true;
}

static void base64_add(struct text_buffer *out, const unsigned char *bytes, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned int bits = (unsigned int)bytes[i] << 16 | (left > 1 ? (unsigned int)bytes[i + 1] << 8 : 0) |
                            (left > 2 ? bytes[i + 2] : 0);
        char group[4] = {letters[bits >> 18], letters[bits >> 12 & 63],
                         left > 1 ? letters[bits >> 6 & 63] : '=', left > 2 ? letters[bits & 63] : '='};
        text_add_bytes(out, group, sizeof(group));
    }
}

// Header text: as it is, or as RFC 2047 words of at most 45 bytes each, cut between characters.
static void words_add(struct text_buffer *out, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t end = length - at > 45 ? at + 45 : length;
        while (end < length && ((unsigned char)text[end] & 0xc0) == 0x80) {
            end--;
        }
        text_add(out, at > 0 ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        base64_add(out, (const unsigned char *)text + at, end - at);
        text_add(out, "?=");
        at = end;
    }
}

static void header_text_add(struct text_buffer *out, const char *text)
{
    if (is_ascii(text)) {
        text_add(out, text);
    } else {
        words_add(out, text, strlen(text));
    }
}

// "Name <address>" or a bare address.
static void sender_add(struct text_buffer *out, const char *from)
{
    const char *bracket = strchr(from, '<');
    if (is_ascii(from) || bracket == NULL) {
        text_add(out, from);
        return;
    }
    words_add(out, from, (size_t)(bracket - from));
    text_add(out, " ");
    text_add(out, bracket);
}

// Body lines end in CRLF; true when all are short enough for a mail to carry them as they are.
static bool lines_add(struct text_buffer *out, const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\r\n");
        longest = length > longest ? length : longest;
        text_add_bytes(out, text, length);
        text_add(out, "\r\n");
        text += length;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : text[0] != '\0';
    }
    return longest <= LINE_BYTES_MAX;
}

static void base64_lines_add(struct text_buffer *out, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at += 57) { // 57 bytes are a line of 76 letters
        base64_add(out, (const unsigned char *)bytes + at, length - at < 57 ? length - at : 57);
        text_add(out, "\r\n");
    }
}

static char *message_format(const struct mail_config *config, const struct mail *mail, const char *id,
                            struct arena *arena)
{
    time_t now_s = time(NULL);
    struct tm parts;
    char date[48] = "";
    if (gmtime_r(&now_s, &parts) != NULL) {
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    }
    struct text_buffer lines = text_buffer(arena);
    bool short_lines = lines_add(&lines, mail->text);
    const char *sender = address_of(arena, config->from);
    const char *domain = sender != NULL ? strchr(sender, '@') : NULL;
    struct text_buffer out = text_buffer(arena);
    text_add(&out, "From: ");
    sender_add(&out, config->from);
    text_add(&out, "\r\nTo: ");
    text_add(&out, mail->to);
    text_add(&out, "\r\nSubject: ");
    header_text_add(&out, mail->subject);
    text_printf(&out, "\r\nDate: %s\r\nMessage-ID: <%s%s>\r\nMIME-Version: 1.0\r\n", date, id,
                domain != NULL ? domain : "@localhost");
    text_printf(&out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                !short_lines           ? "base64"
                : is_ascii(mail->text) ? "7bit"
                                       : "8bit");
    if (short_lines) {
        text_add_bytes(&out, lines.data, lines.length);
    } else {
        base64_lines_add(&out, lines.data, lines.length);
    }
    return lines.failed ? NULL : text_take(&out);
}

static bool failed(struct error *err, const char *what, const char *why)
{
    error_set(err, &problem_unavailable, "The mail could not be sent; try again in a few minutes.");
    return error_cause(err, "%s: %s", what, why);
}

// Written beside its place and renamed, so that a reader never sees half a mail.
static bool file_write(const char *folder, const char *id, const char *message, struct arena *arena,
                       struct error *err)
{
    int64_t now_ms = clock_now_ms(&clock_system);
    const char *temporary = arena_printf(arena, "%s/.%s.tmp", folder, id);
    const char *path = arena_printf(arena, "%s/%lld-%s.eml", folder, (long long)now_ms, id);
    size_t length = strlen(message);
    if (temporary == NULL || path == NULL) {
        return failed(err, "mail", "no memory");
    }
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return failed(err, folder, strerror(errno));
    }
    bool written = write(file, message, length) == (ssize_t)length;
    written = close(file) == 0 && written;
    if (!written || rename(temporary, path) != 0) {
        unlink(temporary);
        return failed(err, folder, "the mail could not be written");
    }
    return true;
}

static char *address_of(struct arena *arena, const char *mailbox)
{
    const char *bracket = strrchr(mailbox, '<');
    const char *address = bracket != NULL ? bracket + 1 : mailbox;
    return arena_memdup(arena, address, strcspn(address, ">"));
}

static size_t on_read(char *out, size_t size, size_t count, void *argument)
{
    struct upload *upload = argument;
    size_t room = size * count;
    size_t left = upload->length - upload->sent;
    size_t piece = left < room ? left : room;
    memcpy(out, upload->bytes + upload->sent, piece);
    upload->sent += piece;
    return piece;
}

static bool smtp_send(const struct mail_config *config, const struct mail *mail, const char *message,
                      struct arena *arena, struct error *err)
{
    CLEANUP(curl_list_release) struct curl_slist *to = NULL;
    CLEANUP(curl_handle_release) CURL *handle = curl_start() ? curl_easy_init() : NULL;
    struct upload upload = {.bytes = message, .length = strlen(message)};
    char *sender = address_of(arena, config->from);
    if (handle == NULL || sender == NULL || !curl_list_add(&to, arena_printf(arena, "<%s>", mail->to))) {
        return failed(err, "smtp", "no memory");
    }
    bool signs_in = config->user != NULL && config->user[0] != '\0';
    curl_easy_setopt(handle, CURLOPT_URL, config->url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)config->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_MAIL_FROM, arena_printf(arena, "<%s>", sender));
    curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(handle, CURLOPT_READDATA, &upload);
    // A password never goes over a line that can be read.
    curl_easy_setopt(handle, CURLOPT_USE_SSL, signs_in ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    if (signs_in) {
        curl_easy_setopt(handle, CURLOPT_USERNAME, config->user);
        curl_easy_setopt(handle, CURLOPT_PASSWORD, config->password != NULL ? config->password : "");
    }
    CURLcode code = curl_easy_perform(handle);
    // libcurl's own words only: the server's may quote the address.
    return code == CURLE_OK || failed(err, "smtp", curl_easy_strerror(code));
}

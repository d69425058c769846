// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listener.h"
#include "mail.h"

static char folder[] = "/tmp/mail_test.XXXXXX";

// The one mail of the folder, which is then emptied. NULL when there is none.
static char *folder_take(void)
{
    static char text[200000];
    char path[512] = "";
    int count = 0;
    DIR *list = opendir(folder);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (entry->d_name[0] != '.') {
            count++;
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        } else {
            assert_true(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0); // no .tmp left
        }
    }
    closedir(list);
    assert_true(count <= 1);
    if (count == 0) {
        return NULL;
    }
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_string_equal(path + strlen(path) - 4, ".eml");
    FILE *file = fopen(path, "re");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    return text;
}

static bool send_to_folder(const char *from, const char *to, const char *subject, const char *text,
                           struct error *err)
{
    char url[128];
    snprintf(url, sizeof(url), "file://%s", folder);
    const struct mail_config config = {.url = url, .from = from, .timeout_ms = 1000};
    return mail_send(&config, &(struct mail){to, subject, text}, err);
}

static void a_mail_becomes_a_file(void **state)
{
    (void)state;
    struct error err = {0};
    assert_true(send_to_folder("Domestic Connect <no-reply@example.org>", "jane@example.com", "Your code",
                               "Hello,\n\nyour code is 123456.\r\nBye\n", &err));
    const char *text = folder_take();
    assert_non_null(text);
    const char *start = "From: Domestic Connect <no-reply@example.org>\r\nTo: jane@example.com\r\nSubject: "
                        "Your code\r\nDate: ";
    assert_memory_equal(text, start, strlen(start));
    assert_non_null(
        strstr(text, "@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: 7bit\r\n\r\nHello,\r\n\r\nyour code is 123456.\r\nBye\r\n"));
    assert_non_null(strstr(text, "\r\nMessage-ID: <"));
    assert_non_null(strstr(text, " +0000\r\n"));
}

static void other_letters_are_encoded(void **state)
{
    (void)state;
    struct error err = {0};
    assert_true(send_to_folder("Caf\xc3\xa9 <a@example.org>", "jane@example.com", "Gr\xc3\xbc\xc3\x9f",
                               "na\xc3\xafve\n", &err));
    const char *text = folder_take();
    assert_non_null(strstr(text, "Subject: =?UTF-8?B?R3LDvMOf?=\r\n"));
    assert_non_null(strstr(text, "From: =?UTF-8?B?Q2Fmw6kg?= <a@example.org>\r\n"));
    assert_non_null(strstr(text, "Content-Transfer-Encoding: 8bit\r\n\r\nna\xc3\xafve\r\n"));
    // a long subject becomes several words, none cut within a letter
    char subject[200] = "";
    for (int i = 0; i < 60; i++) {
        strncat(subject, "\xc3\xa9", sizeof(subject) - strlen(subject) - 1);
    }
    assert_true(send_to_folder("a@example.org", "jane@example.com", subject, "x", &err));
    text = folder_take();
    // 44 bytes are 22 letters: 60 base64 digits, then the next word
    assert_non_null(
        strstr(text, "Subject: =?UTF-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6k=?=\r\n "
                     "=?UTF-8?B?w6nD"));
}

static void long_lines_are_encoded(void **state)
{
    (void)state;
    struct error err = {0};
    static char line[2000];
    memset(line, 'x', sizeof(line) - 1);
    assert_true(send_to_folder("a@example.org", "jane@example.com", "Long", line, &err));
    const char *text = folder_take();
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(strstr(text, "Content-Transfer-Encoding: base64\r\n\r\neHh4eHh4"));
    for (body += 4; *body != '\0'; body += strcspn(body, "\n") + 1) {
        assert_true(strcspn(body, "\r") <= 76);
    }
}

static void nothing_can_be_injected(void **state)
{
    (void)state;
    struct error err = {0};
    static const char *const addresses[] = {"",
                                            "jane",
                                            "jane@example.com\r\nBcc: x@y.z",
                                            "jane@example.com, x@y.z",
                                            "<jane@example.com>",
                                            "jane@example.com>",
                                            "Jane <jane@example.com>",
                                            "jane@example.com\n",
                                            "a b@example.com"};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        error_clear(&err);
        assert_false(send_to_folder("a@example.org", addresses[i], "s", "t", &err));
        assert_true(err.problem != NULL);
    }
    static const char *const subjects[] = {"a\r\nBcc: x@y.z", "a\nb", "a\x7f", "\xff"};
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        assert_false(send_to_folder("a@example.org", "jane@example.com", subjects[i], "t", &err));
        assert_ptr_equal(err.problem, &problem_internal);
    }
    assert_false(send_to_folder("a@example.org\r\nBcc: x@y.z", "jane@example.com", "s", "t", &err));
    assert_false(send_to_folder("nobody", "jane@example.com", "s", "t", &err));
    assert_false(send_to_folder("a@example.org", "jane@example.com", "s", "\xff", &err));
    assert_null(folder_take());
}

static void a_folder_that_is_not_there_is_unavailable(void **state)
{
    (void)state;
    struct error err = {0};
    const struct mail_config config = {.url = "file:///nonexistent/folder", .from = "a@example.org"};
    assert_false(mail_send(&config, &(struct mail){"jane@example.com", "s", "t"}, &err));
    assert_ptr_equal(err.problem, &problem_unavailable);
}

// A mail server of one connection. It says yes to everything but a line that starts with `refused`.
struct listener {
    int socket;
    int port;
    const char *refused;
    const char *offers; // second line of the EHLO answer, may be empty
    char heard[65536];
};

static void *listener_run(void *argument)
{
    struct listener *listener = argument;
    int peer = accept(listener->socket, NULL, NULL);
    FILE *in = fdopen(peer, "re");
    char line[2048];
    bool data = false;
    dprintf(peer, "220 test ESMTP\r\n");
    while (fgets(line, sizeof(line), in) != NULL) {
        strncat(listener->heard, line, sizeof(listener->heard) - strlen(listener->heard) - 1);
        if (data) {
            data = strcmp(line, ".\r\n") != 0;
            if (!data) {
                dprintf(peer, "250 taken\r\n");
            }
        } else if (strncmp(line, "EHLO", 4) == 0) {
            dprintf(peer, "250-test\r\n250 %s\r\n", listener->offers);
        } else if (listener->refused != NULL &&
                   strncmp(line, listener->refused, strlen(listener->refused)) == 0) {
            dprintf(peer, "550 no such jane@example.com\r\n");
        } else if (strncmp(line, "DATA", 4) == 0) {
            data = true;
            dprintf(peer, "354 go on\r\n");
        } else if (strncmp(line, "QUIT", 4) == 0) {
            dprintf(peer, "221 bye\r\n");
            break;
        } else {
            dprintf(peer, "250 ok\r\n");
        }
    }
    fclose(in);
    close(listener->socket);
    return NULL;
}

static pthread_t listen_for_mail(struct listener *listener)
{
    pthread_t thread;
    listener->socket = bound_socket(&listener->port);
    assert_int_equal(listen(listener->socket, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, listener_run, listener), 0);
    return thread;
}

static bool send_by_smtp(struct listener *listener, const char *user, const char *text, struct error *err)
{
    pthread_t thread = listen_for_mail(listener);
    char url[64];
    snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", listener->port);
    const struct mail_config config = {.url = url,
                                       .user = user,
                                       .password = "pass",
                                       .from = "DC <no-reply@example.org>",
                                       .timeout_ms = 3000};
    bool sent = mail_send(&config, &(struct mail){"jane@example.com", "Code", text}, err);
    pthread_join(thread, NULL);
    return sent;
}

static void smtp_carries_the_mail(void **state)
{
    (void)state;
    struct error err = {0};
    struct listener listener = {.offers = "8BITMIME"};
    assert_true(send_by_smtp(&listener, NULL, "first\n.\n.dot\nlast", &err));
    assert_non_null(strstr(listener.heard, "MAIL FROM:<no-reply@example.org>"));
    assert_non_null(strstr(listener.heard, "RCPT TO:<jane@example.com>\r\n"));
    assert_non_null(strstr(
        listener.heard, "\r\nFrom: DC <no-reply@example.org>\r\nTo: jane@example.com\r\nSubject: Code\r\n"));
    assert_non_null(strstr(listener.heard,
                           "\r\n\r\nfirst\r\n..\r\n..dot\r\nlast\r\n.\r\n")); // a lone dot does not end it
}

static void a_refused_mail_is_an_error_without_the_address(void **state)
{
    (void)state;
    static const char *const refused[] = {"MAIL", "RCPT", "DATA"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct error err = {0};
        struct listener listener = {.offers = "8BITMIME", .refused = refused[i]};
        assert_false(send_by_smtp(&listener, NULL, "text", &err));
        assert_ptr_equal(err.problem, &problem_unavailable);
        assert_null(strstr(err.cause, "jane"));
        assert_null(strstr(err.detail, "jane"));
    }
}

static void a_password_is_not_sent_in_clear(void **state)
{
    (void)state;
    struct error err = {0};
    struct listener listener = {.offers = "AUTH PLAIN LOGIN"};
    assert_false(send_by_smtp(&listener, "user", "text", &err));
    assert_null(strstr(listener.heard, "AUTH"));
    assert_null(strstr(listener.heard, "MAIL"));
}

static void a_server_that_is_away_is_unavailable(void **state)
{
    (void)state;
    struct error err = {0};
    const struct mail_config config = {
        .url = "smtp://127.0.0.1:1", .from = "a@example.org", .timeout_ms = 1000};
    assert_false(mail_send(&config, &(struct mail){"jane@example.com", "s", "t"}, &err));
    assert_ptr_equal(err.problem, &problem_unavailable);
    const struct mail_config wrong = {
        .url = "http://127.0.0.1:1", .from = "a@example.org", .timeout_ms = 1000};
    assert_false(mail_send(&wrong, &(struct mail){"jane@example.com", "s", "t"}, &err));
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_becomes_a_file),
        cmocka_unit_test(other_letters_are_encoded),
        cmocka_unit_test(long_lines_are_encoded),
        cmocka_unit_test(nothing_can_be_injected),
        cmocka_unit_test(a_folder_that_is_not_there_is_unavailable),
        cmocka_unit_test(smtp_carries_the_mail),
        cmocka_unit_test(a_refused_mail_is_an_error_without_the_address),
        cmocka_unit_test(a_password_is_not_sent_in_clear),
        cmocka_unit_test(a_server_that_is_away_is_unavailable),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

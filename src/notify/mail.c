/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notify/mail.h"

#include "base/buf.h"
#include "notify/common.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { subject_len_max = 150 }; /* a header's line may have 998 characters; people read fewer */

int mail_read_login(const char *path, struct mail *mail, struct error *err)
{
    int r = notify_read_lines("mail_password_file", path, mail->user, mail->password,
                              sizeof(mail->user), err);
    return r < 0                                ? r
           : mail->user[0] && mail->password[0] ? 0
                                                : error_set(err, -EINVAL,
                                                            "mail_password_file %s: its first line "
                                                            "must be a user, its second the "
                                                            "password",
                                                            path);
}

/* ---- the letter ---- */

/* The first two lines in one: "Berth, cluster lab: error: node2 is down". Headers are ASCII. */
static void write_subject(const char *text, struct buf *ret)
{
    size_t lines = 0;
    buf_text(ret, "Subject: ");
    for (size_t i = 0; text[i] && i < subject_len_max; i++) {
        bool is_end = text[i] == '\n';
        if (is_end && ++lines == 2) {
            buf_text(ret, " ...");
            break;
        }
        char c = is_end ? ' ' : text[i];
        buf_printf(ret, "%c", (unsigned char)c < ' ' || (unsigned char)c >= 0x7f ? '?' : c);
    }
    buf_text(ret, "\r\n");
}

static void write_letter(const struct mail *mail, const char *text, int64_t seconds,
                         struct buf *ret)
{
    char date[64] = "";
    struct tm parts;
    time_t when = (time_t)seconds;
    if (gmtime_r(&when, &parts)) {
        (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    }
    /* Servers that take no letter without a name of its own are many. */
    uint64_t chance = 0;
    arc4random_buf(&chance, sizeof(chance));
    const char *at = strrchr(mail->from, '@');
    buf_printf(ret, "Message-ID: <%" PRId64 ".%016" PRIx64 "@%s>\r\n", seconds, chance,
               at ? at + 1 : "localhost");
    buf_printf(ret, "Date: %s\r\nFrom: Berth <%s>\r\nTo: ", date, mail->from);
    for (size_t i = 0; i < mail->to_len; i++) {
        buf_printf(ret, "%s<%s>", i ? ",\r\n " : "", mail->to[i]);
    }
    buf_text(ret, "\r\n");
    write_subject(text, ret);
    /* RFC 3834: no one's automatic answer is wanted. */
    buf_text(ret, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n\r\n");
    for (size_t i = 0; text[i]; i++) {
        buf_add(ret, text[i] == '\n' ? "\r\n" : &text[i], text[i] == '\n' ? 2 : 1);
    }
    buf_text(ret, "\r\n");
}

struct letter {
    struct buf text;
    size_t sent;
};

static size_t give_letter(char *ret, size_t size, size_t count, void *userdata)
{
    struct letter *letter = userdata;
    size_t len = MIN(size * count, letter->text.size - letter->sent);
    memcpy(ret, letter->text.data + letter->sent, len);
    letter->sent += len;
    return len;
}

/* ---- the server ---- */

static struct curl_slist *list_addresses(const struct mail *mail)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < mail->to_len; i++) {
        struct curl_slist *more = curl_slist_append(list, mail->to[i]);
        if (!more) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = more;
    }
    return list;
}

static void set_up(CURL *easy, const struct mail *mail, const struct curl_slist *to,
                   bool is_for_all)
{
    bool is_here = notify_is_here(mail_host(mail->server));
    (void)curl_easy_setopt(easy, CURLOPT_URL, mail->server);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(easy, CURLOPT_USE_SSL,
                           is_here ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)notify_connect_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)notify_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->from);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, is_for_all ? 0L : 1L);
    if (mail->user[0]) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, mail->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, mail->password);
    }
}

static int hand_over(CURL *easy, struct letter *letter, struct error *err)
{
    char cause[CURL_ERROR_SIZE] = "";
    long status = 0;
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_letter);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, letter);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, cause);
    CURLcode code = curl_easy_perform(easy);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) {
        return 0;
    }
    if (status >= 400) {
        /* RFC 4954: a login that is missing or refused. The message is not what is wrong. */
        bool is_login = status == 530 || status == 535;
        return error_set(err, status >= 500 && !is_login ? -EBADMSG : -EIO,
                         "the mail server answered with the status %ld", status);
    }
    return error_set(err, -EIO, "the mail server cannot be reached: %s",
                     cause[0] ? cause : curl_easy_strerror(code));
}

int mail_send(const struct mail *mail, const char *text, int64_t seconds, bool is_for_all,
              struct error *err)
{
    struct letter letter = {0};
    CURL *easy = curl_easy_init();
    struct curl_slist *to = list_addresses(mail);
    write_letter(mail, text, seconds, &letter.text);
    int r = -ENOMEM;
    if (easy && to && !letter.text.failed) {
        set_up(easy, mail, to, is_for_all);
        r = hand_over(easy, &letter, err);
    } else {
        (void)error_set(err, r, "no memory for a mail");
    }
    curl_slist_free_all(to);
    curl_easy_cleanup(easy);
    buf_done(&letter.text);
    return r;
}

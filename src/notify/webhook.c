/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notify/webhook.h"

#include "base/cleanup.h"
#include "notify/common.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { header_size = webhook_text_size + 40 };

static bool is_url(const char *url)
{
    return (strncmp(url, "https://", 8) == 0 && url[8]) ||
           (strncmp(url, "http://", 7) == 0 && url[7] && notify_is_here(url + 7));
}

int webhook_read(const char *path, struct webhook *ret, struct error *err)
{
    int r = notify_read_lines("webhook_file", path, ret->url, ret->token, sizeof(ret->url), err);
    if (r < 0 && r != -EINVAL) {
        return r;
    }
    if (r < 0 || !is_url(ret->url)) {
        return error_set(err, -EINVAL,
                         "webhook_file %s: its first line must be an https URL, its second a token "
                         "or nothing",
                         path);
    }
    return 0;
}

/* Enough of it was read: the status has come. */
static size_t take_nothing(char *data, size_t size, size_t count, void *userdata)
{
    (void)data, (void)userdata;
    return size * count;
}

static struct curl_slist *make_headers(const struct webhook *webhook)
{
    char line[header_size];
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = list;
    if (list && webhook->token[0]) {
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", webhook->token);
        more = curl_slist_append(list, line);
        explicit_bzero(line, sizeof(line));
    }
    if (!more) {
        curl_slist_free_all(list);
    }
    return more;
}

static int post(CURL *easy, const struct webhook *webhook, struct curl_slist *headers,
                const char *body, size_t size, struct error *err)
{
    char cause[CURL_ERROR_SIZE] = "";
    long status = 0;
    bool is_http = strncmp(webhook->url, "http://", 7) == 0;
    (void)curl_easy_setopt(easy, CURLOPT_URL, webhook->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_http ? "http" : "https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)notify_connect_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)notify_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_nothing);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "berth");
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, cause);
    CURLcode code = curl_easy_perform(easy);
    if (code != CURLE_OK) {
        return error_set(err, -EIO, "the webhook cannot be reached: %s",
                         cause[0] ? cause : curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        return 0;
    }
    bool is_final = status >= 400 && status < 500 && status != 408 && status != 429;
    return error_set(err, is_final ? -EBADMSG : -EIO, "the webhook answered with the status %ld",
                     status);
}

int webhook_post(const struct webhook *webhook, const char *body, size_t size, struct error *err)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = make_headers(webhook);
    int r = easy && headers ? post(easy, webhook, headers, body, size, err)
                            : error_set(err, -ENOMEM, "no memory for a message");
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return r;
}

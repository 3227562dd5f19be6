/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/client.h"

#include "base/cleanup.h"
#include "cli/remote.h"
#include "cli/tame.h"
#include "loop/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum {
    /* berth-api gives the store 5 s, and a read back as much. */
    reply_limit_s = 20,
    reply_size_max = 64 * 1024 * 1024,
};

struct client {
    CURL *curl;
    const char *socket;
    struct remote remote;
};

static const char *socket_path(const struct cli *cli)
{
    const char *given = cli_option(cli, "socket");
    const char *environment = getenv("BERTH_SOCKET");
    return given ? given : environment && environment[0] ? environment : "/run/berth/api.sock";
}

struct client *client_new(const struct cli *cli, int *ret_code)
{
    struct client *client = calloc(1, sizeof(*client));
    if (client) {
        client->socket = socket_path(cli);
        *ret_code = remote_read(cli, &client->remote);
        if (*ret_code != EXIT_OK) {
            free(client);
            return NULL;
        }
        client->curl = curl_easy_init();
    }
    if (!client || !client->curl) {
        free(client);
        *ret_code = cli_fail(cli, EXIT_REFUSED, "libcurl cannot be used");
        return NULL;
    }
    return client;
}

struct client *client_free(struct client *client)
{
    if (client) {
        curl_easy_cleanup(client->curl);
        free(client);
    }
    return NULL;
}

/* ---- reading replies ---- */

const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

json_int_t number_at(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool truth_at(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

const json_t *array_at(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

/* ---- one request ---- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *userdata)
{
    struct buf *buf = userdata;
    if (buf->size + size * count > reply_size_max) {
        return 0;
    }
    buf_add(buf, bytes, size * count);
    return buf->failed ? 0 : size * count;
}

/* Percent-encodes each %s; what else stands in 'format' goes as it is. */
static void add_path(struct client *client, struct buf *url, const char *format, va_list args)
{
    for (const char *at = format; *at; at++) {
        if (at[0] != '%' || at[1] != 's') {
            buf_char(url, *at);
            continue;
        }
        char *text = curl_easy_escape(client->curl, va_arg(args, const char *), 0);
        buf_text(url, text ? text : "");
        curl_free(text);
        at++;
    }
}

static int say_remote_unreachable(struct cli *cli, CURLcode code)
{
    const char *host = ((const struct client *)cli->client)->remote.host;
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "the certificate of %s is not trusted: name its authority with --ca "
                        "FILE, or its SHA-256 with --fingerprint (berth-api's journal there has "
                        "it)",
                        host);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "%s has another certificate than --fingerprint says; nothing was sent",
                        host);
    }
    return cli_fail(cli, EXIT_UNREACHABLE, "%s did not answer (%s)", host,
                    curl_easy_strerror(code));
}

static int say_unreachable(struct cli *cli, CURLcode code)
{
    const struct client *client = cli->client;
    long os_error = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &os_error);
    if (client->remote.host) {
        return say_remote_unreachable(cli, code);
    }
    if (os_error == EACCES || os_error == EPERM) {
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "you may not open %s: be root or a member of the group berth",
                        client->socket);
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "nothing answers at %s: start it with \"systemctl start berth-api\", or "
                        "name another socket with --socket or BERTH_SOCKET",
                        client->socket);
    }
    return cli_fail(cli, EXIT_UNREACHABLE,
                    "berth-api did not answer (%s); what was asked may or may not have happened: "
                    "look with \"berth status\"",
                    curl_easy_strerror(code));
}

/* Quoted where a shell would take it apart. */
static void add_word(struct buf *ret, const char *word)
{
    bool is_plain = word[0] && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789._:/=+,@%-") == strlen(word);
    buf_printf(ret, is_plain ? " %s" : " '%s'", word);
}

void hint_text(const json_t *hint, struct buf *ret)
{
    const char *action = text_at(hint, "action"), *name;
    size_t i, noun = strcspn(action, "-");
    json_t *value;
    if (!action[0]) {
        return;
    }
    buf_printf(ret, "berth %.*s", (int)noun, action);
    if (action[noun]) {
        add_word(ret, action + noun + 1);
    }
    json_array_foreach(json_object_get(hint, "subject"), i, value) {
        add_word(ret, json_is_string(value) ? json_string_value(value) : "");
    }
    json_object_foreach(json_object_get(hint, "options"), name, value) {
        buf_printf(ret, " --%s", name);
        if (json_is_string(value)) {
            add_word(ret, json_string_value(value));
        }
    }
}

static void say_hint(struct cli *cli, const char *before, const json_t *hint)
{
    CLEANUP(buf_done) struct buf text = {0};
    hint_text(hint, &text);
    if (text.size > 0) {
        (void)fprintf(cli->err, "%s%s\n", before, buf_str(&text));
    }
}

int client_say_error(struct cli *cli, long status, const json_t *reply)
{
    const char *message = text_at(reply, "message");
    size_t i;
    json_t *reason;
    (void)cli_fail(cli, 0, "%s",
                   message[0] ? message : "berth-api gave an answer without a reason");
    json_array_foreach(json_object_get(reply, "reasons"), i, reason) {
        (void)fprintf(cli->err, "  %s: %s\n", text_at(reason, "subject"), text_at(reason, "text"));
        say_hint(cli, "    Try: ", json_object_get(reason, "hint"));
    }
    say_hint(cli, "  Try: ", json_object_get(reply, "hint"));
    switch (status) {
    case 404:
        return EXIT_NOT_FOUND;
    case 503:
    case 504:
        return EXIT_UNREACHABLE;
    default:
        return EXIT_REFUSED;
    }
}

/* The way to berth-api, and who we are if that is elsewhere. Returns 'headers' with more. */
static struct curl_slist *reach(const struct client *client, struct curl_slist *headers)
{
    if (!client->remote.host) {
        (void)curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
        return headers;
    }
    remote_apply(&client->remote, client->curl);
    return client->remote.header[0] ? curl_slist_append(headers, client->remote.header) : headers;
}

/* Where the paths begin. */
static const char *base_url(const struct client *client)
{
    return client->remote.host ? client->remote.host : "http://berth";
}

static CURLcode perform(struct cli *cli, const char *method, const char *url, const char *body,
                        struct buf *reply, long *ret_status)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    const struct client *client = cli->client;
    CURL *curl = client->curl;
    char match[48];
    (void)snprintf(match, sizeof(match), "If-Match: \"%lld\"", (long long)cli->if_revision);
    headers = cli->if_revision ? curl_slist_append(headers, match) : headers;
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_reset(curl);
    headers = reach(client, headers);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)reply_limit_s);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    }
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    return code;
}

int client_vcall(struct cli *cli, const char *method, json_t *body, json_t **ret,
                 const char *format, va_list args)
{
    CLEANUP(buf_done) struct buf url = {0}, reply = {0};
    CLEANUP(freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_error_t error;
    long status = 0;
    json_decref(body);
    *ret = NULL;
    buf_text(&url, base_url(cli->client));
    while (url.size > 0 && url.data[url.size - 1] == '/') {
        url.data[--url.size] = '\0';
    }
    add_path(cli->client, &url, format, args);
    CURLcode code = perform(cli, method, buf_str(&url), text, &reply, &status);
    if (code != CURLE_OK) {
        return say_unreachable(cli, code);
    }
    json_t *json = json_loadb(buf_str(&reply), reply.size, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        return cli_fail(cli, EXIT_UNREACHABLE, "what answers at %s is not berth-api",
                        cli->client->remote.host ? cli->client->remote.host : cli->client->socket);
    }
    if (!cli->is_json && strncmp(format, "/v1/cluster/export", 18) != 0) { /* a document, too */
        tame(json);
    }
    if (status >= 400) {
        int r = client_say_error(cli, status, json);
        json_decref(json);
        return r;
    }
    *ret = json;
    return EXIT_OK;
}

int client_call(struct cli *cli, const char *method, json_t *body, json_t **ret, const char *format,
                ...)
{
    va_list args;
    va_start(args, format);
    int r = client_vcall(cli, method, body, ret, format, args);
    va_end(args);
    return r;
}

int client_get(struct cli *cli, json_t **ret, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = client_vcall(cli, "GET", NULL, ret, format, args);
    va_end(args);
    return r;
}

int client_connect(struct cli *cli, CURL **ret, struct buf *ret_headers)
{
    const struct client *client = cli->client;
    const char *url = base_url(client);
    curl_easy_reset(client->curl);
    struct curl_slist *headers = reach(client, NULL);
    const char *host = strstr(url, "://") + 3;
    buf_printf(ret_headers, "Host: %.*s\r\n", (int)strcspn(host, "/"), host);
    for (const struct curl_slist *each = headers; each; each = each->next) {
        buf_printf(ret_headers, "%s\r\n", each->data);
    }
    curl_slist_free_all(headers);
    (void)curl_easy_setopt(client->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(client->curl, CURLOPT_CONNECT_ONLY, 1L);
    (void)curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT, (long)reply_limit_s);
    *ret = client->curl;
    CURLcode code = curl_easy_perform(client->curl);
    return code == CURLE_OK ? EXIT_OK : say_unreachable(cli, code);
}

/* ---- the stream of events ---- */

struct following {
    struct cli *cli;
    void (*event)(struct cli *cli, const json_t *event);
    struct buf line;
    char last[128]; /* id of the newest event */
    bool has_begun;
};

static void take_line(struct following *following, const char *line)
{
    json_error_t error;
    if (strncmp(line, "id: ", 4) == 0) {
        (void)snprintf(following->last, sizeof(following->last), "%s", line + 4);
    } else if (strncmp(line, "data: ", 6) == 0) {
        json_t *event = json_loads(line + 6, 0, &error);
        if (event && !following->cli->is_json) {
            tame(event);
        }
        if (event) {
            following->event(following->cli, event);
        }
        json_decref(event);
    }
}

static size_t take_stream(char *bytes, size_t size, size_t count, void *userdata)
{
    struct following *following = userdata;
    following->has_begun = true;
    for (size_t i = 0; i < size * count; i++) {
        if (bytes[i] != '\n') {
            buf_char(&following->line, bytes[i]);
            continue;
        }
        take_line(following, buf_str(&following->line));
        buf_clear(&following->line);
    }
    return size * count;
}

static CURLcode follow_once(struct following *following)
{
    CURL *curl = following->cli->client->curl;
    char last[160], url[300];
    (void)snprintf(last, sizeof(last), "Last-Event-ID: %s", following->last);
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
    headers = following->last[0] ? curl_slist_append(headers, last) : headers;
    curl_easy_reset(curl);
    (void)snprintf(url, sizeof(url), "%s/v1/events", base_url(following->cli->client));
    headers = reach(following->cli->client, headers);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    /* The API says something every 15 s: silence means that it is gone. */
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 40L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_stream);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, following);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return code;
}

int client_follow(struct cli *cli, void (*event)(struct cli *cli, const json_t *event))
{
    struct following following = {.cli = cli, .event = event};
    for (;;) {
        CURLcode code = follow_once(&following);
        if (!following.has_begun) {
            buf_done(&following.line);
            return say_unreachable(cli, code);
        }
        buf_clear(&following.line);
        (void)cli_fail(cli, 0, "the stream was cut (%s); reconnecting", curl_easy_strerror(code));
        retry_pause(1000);
    }
}

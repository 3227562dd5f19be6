/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* etcd's JSON gateway, as its administrator: what the daemons never do. */
#include "setup/internal.h"

#include "http/certificate.h"
#include "wire/etcd_json.h"
#include "loop/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

enum {
    reply_max = 4 * 1024 * 1024,
    call_limit_ms = 8000,
    connect_limit_ms = 2000,
    pause_ms = 100,
    code_unavailable = 14, /* gRPC's: try again later */
    change_limit_ms = 40 * 1000,
    change_pause_ms = 500,
};

struct setup_store {
    CURL *easy;
    struct curl_slist *headers;
    json_t *endpoints;
    size_t current;
    char ca[setup_path_size], certificate[setup_path_size], key[setup_path_size];
    const char *user;
    char *token, *password;
    double latency_ms;
};

struct setup_store *setup_store_free(struct setup_store *store)
{
    if (store) {
        curl_easy_cleanup(store->easy);
        curl_slist_free_all(store->headers);
        json_decref(store->endpoints);
        free(store->token);
        if (store->password) {
            explicit_bzero(store->password, strlen(store->password));
        }
        free(store->password);
        free(store);
    }
    return NULL;
}

int setup_store_new(const struct setup *setup, const json_t *endpoints, const char *password,
                    struct setup_store **ret, struct error *err)
{
    CLEANUP(setup_store_freep) struct setup_store *store = calloc(1, sizeof(*store));
    if (!store || !(store->easy = curl_easy_init()) ||
        !(store->endpoints = json_deep_copy(endpoints)) ||
        (password && !(store->password = strdup(password)))) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    setup_path(setup, SETUP_DIR "/ca.pem", store->ca);
    /* A witness is no client but for its own certificate, with that of its etcd. */
    bool is_witness = setup->is_witness;
    store->user = is_witness ? "berth-witness" : "root";
    setup_path(setup, is_witness ? SETUP_DIR "/etcd.pem" : SETUP_DIR "/client.pem",
               store->certificate);
    setup_path(setup, is_witness ? SETUP_DIR "/etcd-key.pem" : SETUP_DIR "/client-key.pem",
               store->key);
    *ret = TAKE(store);
    return 0;
}

static size_t take(char *bytes, size_t one, size_t size, void *userdata)
{
    struct buf *reply = userdata;
    (void)one;
    buf_add(reply, bytes, size);
    return reply->failed || reply->size > reply_max ? 0 : size;
}

static void set_headers(struct setup_store *store)
{
    CLEANUP(buf_done) struct buf line = {0};
    curl_slist_free_all(store->headers);
    store->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (store->token) {
        buf_printf(&line, "Authorization: %s", store->token);
        store->headers = curl_slist_append(store->headers, buf_str(&line));
    }
    (void)curl_easy_setopt(store->easy, CURLOPT_HTTPHEADER, store->headers);
}

static CURLcode post(struct setup_store *store, const char *path, const char *body,
                     struct buf *reply)
{
    char url[setup_url_size + 60];
    (void)snprintf(url, sizeof(url), "%s/v3/%s",
                   json_string_value(json_array_get(store->endpoints, store->current)), path);
    CURL *easy = store->easy;
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, store->ca);
    (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, store->certificate);
    (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, store->key);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call_limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    set_headers(store);
    CURLcode code = curl_easy_perform(easy);
    double seconds = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &seconds);
    store->latency_ms = seconds * 1000;
    return code;
}

/* One request; the next endpoint is tried only where the request surely did not leave. */
static int call(struct setup_store *store, const char *path, const char *body, json_t **ret,
                struct error *err)
{
    CLEANUP(buf_done) struct buf reply = {0};
    CURLcode code = CURLE_OK;
    size_t len = json_array_size(store->endpoints);
    for (size_t i = 0; i < len; i++) {
        buf_clear(&reply);
        code = post(store, path, body, &reply);
        if (code != CURLE_COULDNT_CONNECT) {
            break;
        }
        store->current = (store->current + 1) % len;
    }
    if (code != CURLE_OK) {
        return error_set(err, -EAGAIN, "the store does not answer at %s: %s",
                         json_string_value(json_array_get(store->endpoints, store->current)),
                         curl_easy_strerror(code));
    }
    CLEANUP(setup_json_done) json_t *json = json_loads(buf_str(&reply), 0, NULL);
    long status = 0;
    (void)curl_easy_getinfo(store->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        const char *text = json_string_value(json_object_get(json, "error"));
        text = text ? text : json_string_value(json_object_get(json, "message"));
        bool is_for_now = json_integer_value(json_object_get(json, "code")) == code_unavailable;
        return error_set(err, is_for_now ? -EAGAIN : -EPERM, "the store refused %s: %s", path,
                         text ? text : "no reason");
    }
    if (ret) {
        *ret = json ? TAKE(json) : json_object();
    }
    return 0;
}

static int log_in(struct setup_store *store, struct error *err)
{
    CLEANUP(setup_json_done)
    json_t *body = json_pack("{s:s, s:s}", "name", store->user, "password", store->password);
    CLEANUP(freep) char *text = json_dumps(body, JSON_COMPACT);
    CLEANUP(setup_json_done) json_t *reply = NULL;
    if (!text) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = call(store, "auth/authenticate", text, &reply, err);
    explicit_bzero(text, strlen(text));
    const char *token = json_string_value(json_object_get(reply, "token"));
    if (r == 0) {
        free(store->token);
        store->token = token ? strdup(token) : NULL;
    }
    return r;
}

int setup_store_call(struct setup_store *store, const char *path, json_t *body, json_t **ret,
                     struct error *err)
{
    CLEANUP(setup_json_done) json_t *taken = body;
    CLEANUP(freep) char *text = json_dumps(taken, JSON_COMPACT);
    if (!text) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    /* A token lasts some minutes, and only at the member that gave it: one for each call is
     * simplest, and there are few. */
    int r = store->password ? log_in(store, err) : 0;
    return r < 0 ? r : call(store, path, text, ret, err);
}

double setup_store_latency_ms(const struct setup_store *store)
{
    return store->latency_ms;
}

/* Of a connection that was made for the last call: one that stood before has none. */
int setup_store_certificate(const struct setup_store *store, struct certificate_facts *ret,
                            struct error *err)
{
    static const char field[] = "Cert:";
    struct curl_certinfo *info = NULL;
    (void)curl_easy_getinfo(store->easy, CURLINFO_CERTINFO, &info);
    const struct curl_slist *each = info && info->num_of_certs > 0 ? info->certinfo[0] : NULL;
    while (each && strncmp(each->data, field, strlen(field)) != 0) {
        each = each->next;
    }
    return each ? certificate_check(each->data + strlen(field), NULL, ret, err)
                : error_set(err, -ENOENT, "the member showed no certificate");
}

/* etcd refuses a change of its members for some seconds after one of them connected. */
int setup_store_change(struct setup_store *store, const char *path, json_t *body, json_t **ret,
                       struct error *err)
{
    CLEANUP(setup_json_done) json_t *taken = body;
    struct retry retry = retry_begin(change_limit_ms, change_pause_ms);
    int r;
    do {
        r = setup_store_call(store, path, json_incref(taken), ret, err);
    } while (r == -EAGAIN && retry_wait(&retry));
    return r;
}

int setup_store_members(struct setup_store *store, json_t **ret, struct error *err)
{
    return setup_store_call(store, "cluster/member/list", json_object(), ret, err);
}

int setup_store_turn_to_leader(struct setup_store *store, struct error *err)
{
    CLEANUP(setup_json_done) json_t *status = NULL;
    CLEANUP(setup_json_done) json_t *list = NULL;
    size_t i;
    json_t *member;
    int r = setup_store_call(store, "maintenance/status", json_object(), &status, err);
    r = r < 0 ? r : setup_store_members(store, &list, err);
    json_array_foreach(json_object_get(list, "members"), i, member) {
        json_t *url = json_array_get(json_object_get(member, "clientURLs"), 0);
        if (r == 0 && url &&
            json_equal(json_object_get(member, "ID"), json_object_get(status, "leader"))) {
            (void)json_array_insert(store->endpoints, 0, url);
            store->current = 0;
            return 0;
        }
    }
    return r < 0 ? r : error_set(err, -EAGAIN, "the store has no leader now");
}

json_t *setup_encode(const char *text, size_t size)
{
    CLEANUP(buf_done) struct buf encoded = {0};
    wire_base64(text, size, &encoded);
    return encoded.failed ? NULL : json_string(buf_str(&encoded));
}

char *setup_decode(const json_t *text)
{
    const char *encoded = json_string_value(text);
    char *bytes = NULL;
    size_t size;
    return encoded && wire_base64_read(encoded, strlen(encoded), &bytes, &size) == 0 ? bytes : NULL;
}

static json_t *base64(const char *text)
{
    return setup_encode(text, strlen(text));
}

int setup_store_has(struct setup_store *store, const char *key, bool *ret, struct error *err)
{
    char text[setup_path_size];
    CLEANUP(setup_json_done) json_t *reply = NULL;
    (void)snprintf(text, sizeof(text), "/berth/%s", key);
    int r =
        setup_store_call(store, "kv/range", json_pack("{s:o}", "key", base64(text)), &reply, err);
    *ret = json_array_size(json_object_get(reply, "kvs")) > 0;
    return r;
}

int setup_store_wait(struct setup_store *store, msec_t limit_ms, struct error *err)
{
    struct retry retry = retry_begin(limit_ms, pause_ms);
    bool is_there;
    int r;
    do {
        r = setup_store_has(store, "format", &is_there, err);
    } while (r < 0 && retry_wait(&retry));
    return r;
}

/* ---- users and roles ---- */

struct right {
    const char *role;
    const char *kind;
    const char *prefix, *end; /* the first key behind the prefix; "": the key alone */
};

/* docs/SECURITY.md: berth-api orders, berthd proves. */
static const struct right rights[] = {
    {"berthd", "READ", "/berth/", "/berth0"},
    {"berthd", "READWRITE", "/berth/seen/", "/berth/seen0"},
    {"berthd", "READWRITE", "/berth/beat/", "/berth/beat0"},
    {"berthd", "READWRITE", "/berth/order/", "/berth/order0"},
    {"berthd", "READWRITE", "/berth/log/", "/berth/log0"},
    {"berthd", "READWRITE", "/berth/format", ""}, /* this key alone */
    {"berth-api", "READ", "/berth/", "/berth0"},
    {"berth-api", "READWRITE", "/berth/want/", "/berth/want0"},
    {"berth-api", "READWRITE", "/berth/log/", "/berth/log0"},
    {"berth-witness", "READ", "/berth-certificates/", "/berth-certificates0"},
};

static int add_user(struct setup_store *store, const char *name, const char *password,
                    struct error *err)
{
    int r =
        strcmp(name, "root") == 0
            ? 0
            : setup_store_call(store, "auth/role/add", json_pack("{s:s}", "name", name), NULL, err);
    r = r < 0 ? r
              : setup_store_call(store, "auth/user/add",
                                 json_pack("{s:s, s:s}", "name", name, "password", password), NULL,
                                 err);
    for (size_t i = 0; i < ARRAY_LEN(rights) && r == 0; i++) {
        if (strcmp(rights[i].role, name) == 0) {
            r = setup_store_call(store, "auth/role/grant",
                                 json_pack("{s:s, s:{s:s, s:o, s:o}}", "name", name, "perm",
                                           "permType", rights[i].kind, "key",
                                           base64(rights[i].prefix), "range_end",
                                           base64(rights[i].end)),
                                 NULL, err);
        }
    }
    return r < 0 ? r
                 : setup_store_call(store, "auth/user/grant",
                                    json_pack("{s:s, s:s}", "user", name, "role", name), NULL, err);
}

int setup_store_secure(struct setup_store *store, const json_t *passwords, struct error *err)
{
    const char *name;
    json_t *password;
    int r = setup_store_call(store, "auth/role/add", json_pack("{s:s}", "name", "root"), NULL, err);
    json_object_foreach((json_t *)(uintptr_t)passwords, name, password) {
        r = r < 0 ? r : add_user(store, name, json_string_value(password), err);
    }
    return r < 0 ? r : setup_store_call(store, "auth/enable", json_object(), NULL, err);
}

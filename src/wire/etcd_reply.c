/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies of etcd's JSON gateway. */
#include "wire/etcd_json.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static int malformed(struct error *err, const char *what)
{
    return error_set(err, -EBADMSG, "not a reply of etcd: %s", what);
}

/* Replies may hold a whole page of the store, so their size is the transport's to limit; but etcd's
 * own are never nested deeper than this. */
enum { reply_depth_max = 16, run_size_min = 48 };

/* A reply: its tree, and the text that the tree leaves out. */
struct reply {
    json_t *json;
    const char *text;
    size_t size;
};

static void reply_done(struct reply *reply)
{
    json_decref(reply->json);
}

/* The end of the string that begins behind a quote at 'text': its closing quote, or 'end'. */
static const char *string_end(const char *text, const char *end)
{
    while (text < end && *text != '"') {
        text += *text == '\\' && text + 1 < end ? 2 : 1;
    }
    return text;
}

/*
 * Nearly all of a page is base64, which jansson would read byte by byte as if it could be anything.
 * So what it is given has "@FROM:SIZE" in the place of every long string of base64, which has no
 * '@'.
 */
static void shorten(const char *text, size_t size, struct buf *ret)
{
    const char *end = text + size, *copied = text, *at = text;
    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *from = at + 1;
        size_t run = wire_base64_span(from, (size_t)(end - from));
        if (run >= run_size_min && from + run < end && from[run] == '"') {
            buf_add(ret, copied, (size_t)(from - copied));
            buf_printf(ret, "@%zu:%zu", (size_t)(from - text), run);
            copied = from + run;
        }
        at = string_end(from, end);
        at += at < end;
    }
    buf_add(ret, copied, (size_t)(end - copied));
}

static bool is_too_deep(const char *text, size_t size)
{
    size_t depth = 0;
    const char *end = text + size;
    for (const char *at = text; at < end; at++) {
        if (*at == '"') {
            at = string_end(at + 1, end);
        } else if (*at == '{' || *at == '[') {
            if (++depth > reply_depth_max) {
                return true;
            }
        } else if ((*at == '}' || *at == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* 'has_values': it may hold keys and values, which get_bytes() finds. */
static int parse(const void *bytes, size_t size, bool has_values, struct reply *ret,
                 struct error *err)
{
    json_error_t fault;
    CLEANUP(buf_done) struct buf text = {0};
    if (has_values) {
        shorten(bytes, size, &text);
    } else {
        buf_add(&text, bytes, size);
    }
    if (text.failed) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (is_too_deep(buf_str(&text), text.size)) {
        return malformed(err, "nested too deep");
    }
    json_t *json = json_loadb(buf_str(&text), text.size, 0, &fault);
    if (!json && json_error_code(&fault) == json_error_out_of_memory) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (!json) {
        return malformed(err, fault.text);
    }
    *ret = (struct reply){json, bytes, size};
    return json_is_object(json) ? 0 : malformed(err, "not an object");
}

/* A 64-bit number: a string, or a number where the gateway thinks it fits; left out: 0. */
static bool get_number(const json_t *object, const char *name, int64_t *ret)
{
    const json_t *value = json_object_get(object, name);
    *ret = 0;
    if (!value) {
        return true;
    }
    if (json_is_integer(value)) {
        *ret = json_integer_value(value);
        return *ret >= 0;
    }
    return json_is_string(value) && parse_i64(json_string_value(value), 0, INT64_MAX, ret);
}

static bool get_bool(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static bool get_revision(const json_t *object, revision_t *ret)
{
    return get_number(json_object_get(object, "header"), "revision", ret) && *ret > 0;
}

/* Out of the header: 64 bits without a sign, as a string. */
static uint64_t get_id(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(json_object_get(object, "header"), name);
    uint64_t id;
    return json_is_string(value) && parse_u64(json_string_value(value), UINT64_MAX, &id) ? id : 0;
}

/* Of the etcd cluster that answered. */
static uint64_t get_cluster(const json_t *object)
{
    return get_id(object, "cluster_id");
}

/* Where a string of base64 is: itself, or in the text that stands in for it. */
static bool find_base64(const struct reply *reply, const json_t *value, const char **ret,
                        size_t *ret_size)
{
    unsigned long long from, size;
    int used = 0;
    const char *text = json_string_value(value);
    *ret = text;
    *ret_size = json_string_length(value);
    if (!text || text[0] != '@') {
        return text != NULL;
    }
    /* Anyone who sent an '@' of his own may name any part of the reply, but none outside. */
    if (sscanf(text, "@%19llu:%19llu%n", &from, &size, &used) != 2 || text[used] != '\0' ||
        from > reply->size || size > reply->size - from) {
        return false;
    }
    *ret = reply->text + from;
    *ret_size = size;
    return true;
}

/* Base64 as a new block; left out: "". */
static int get_bytes(const struct reply *reply, const json_t *object, const char *name, char **ret,
                     size_t *ret_size)
{
    const json_t *value = json_object_get(object, name);
    const char *text = "";
    size_t size = 0;
    if (value && !find_base64(reply, value, &text, &size)) {
        return -EBADMSG;
    }
    return wire_base64_read(text, size, ret, ret_size);
}

static void kv_done(struct wire_kv *kv)
{
    free(kv->key);
    free(kv->value);
}

void wire_kvs_done(wire_kvs_t *kvs)
{
    VEC_EACH(kvs, kv) {
        kv_done(kv);
    }
    VEC_DONE(kvs);
}

static int read_kv(const struct reply *reply, const json_t *json, bool is_deleted, wire_kvs_t *kvs,
                   struct error *err)
{
    struct wire_kv *kv = VEC_ADD(kvs);
    if (!kv) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = get_bytes(reply, json, "key", &kv->key, &kv->key_size);
    if (r == 0 && !is_deleted) {
        r = get_bytes(reply, json, "value", &kv->value, &kv->value_size);
    }
    if (r == 0 && (!get_number(json, "mod_revision", &kv->revision) || kv->revision == 0 ||
                   !get_number(json, "version", &kv->version))) {
        r = -EBADMSG;
    }
    return r == -ENOMEM ? error_set(err, r, "out of memory") : r < 0 ? malformed(err, "a key") : 0;
}

void wire_range_reply_done(struct wire_range_reply *reply)
{
    wire_kvs_done(&reply->kvs);
}

int wire_range_reply_read(const void *bytes, size_t size, struct wire_range_reply *ret,
                          struct error *err)
{
    CLEANUP(reply_done) struct reply source = {0};
    CLEANUP(wire_range_reply_done) struct wire_range_reply reply = {0};
    size_t index;
    const json_t *kv;
    int r = parse(bytes, size, true, &source, err);
    if (r < 0) {
        return r;
    }
    const json_t *json = source.json;
    if (!get_revision(json, &reply.revision) || !get_number(json, "count", &reply.count)) {
        return malformed(err, "no revision");
    }
    reply.cluster = get_cluster(json);
    reply.has_more = get_bool(json, "more");
    const json_t *kvs = json_object_get(json, "kvs");
    if (!VEC_RESERVE(&reply.kvs, json_array_size(kvs))) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    json_array_foreach(kvs, index, kv) {
        r = read_kv(&source, kv, false, &reply.kvs, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = reply;
    reply = (struct wire_range_reply){0};
    return 0;
}

int wire_transaction_reply_read(const void *bytes, size_t size, struct wire_transaction_reply *ret,
                                struct error *err)
{
    CLEANUP(reply_done) struct reply source = {0};
    revision_t revision;
    int r = parse(bytes, size, false, &source, err);
    if (r < 0) {
        return r;
    }
    if (!get_revision(source.json, &revision)) {
        return malformed(err, "no revision");
    }
    *ret = (struct wire_transaction_reply){get_cluster(source.json), revision,
                                           get_bool(source.json, "succeeded")};
    return 0;
}

int wire_status_reply_read(const void *bytes, size_t size, struct wire_status_reply *ret,
                           struct error *err)
{
    CLEANUP(reply_done) struct reply source = {0};
    int r = parse(bytes, size, false, &source, err);
    if (r < 0) {
        return r;
    }
    const char *version = json_string_value(json_object_get(source.json, "version"));
    struct wire_status_reply reply = {.cluster = get_cluster(source.json),
                                      .member = get_id(source.json, "member_id")};
    if (reply.cluster == 0 ||
        !copy_text(reply.version, sizeof(reply.version), version ? version : "")) {
        return malformed(err, "no cluster, or no version");
    }
    *ret = reply;
    return 0;
}

/* ---- watch ---- */

static int read_event(const struct reply *source, const json_t *event, wire_kvs_t *events,
                      struct error *err)
{
    /* A put is type 0, so it is left out. */
    const char *type = json_string_value(json_object_get(event, "type"));
    bool is_deleted = type && strcmp(type, "DELETE") == 0;
    if (type && !is_deleted && strcmp(type, "PUT") != 0) {
        return malformed(err, "an event of unknown type");
    }
    return read_kv(source, json_object_get(event, "kv"), is_deleted, events, err);
}

static int read_result(const struct reply *source, const json_t *result,
                       struct wire_watch_reply *reply, struct error *err)
{
    size_t index;
    const json_t *event;
    const char *reason = json_string_value(json_object_get(result, "cancel_reason"));
    reply->cluster = get_cluster(result);
    reply->is_created = get_bool(result, "created");
    reply->is_canceled = get_bool(result, "canceled");
    (void)snprintf(reply->reason, sizeof(reply->reason), "%s", reason ? reason : "");
    if (!get_number(json_object_get(result, "header"), "revision", &reply->revision) ||
        !get_number(result, "compact_revision", &reply->compact_revision)) {
        return malformed(err, "a bad revision");
    }
    json_array_foreach(json_object_get(result, "events"), index, event) {
        int r = read_event(source, event, &reply->events, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void wire_watch_reply_done(struct wire_watch_reply *reply)
{
    wire_kvs_done(&reply->events);
}

static bool error_of(const json_t *json, int *ret_code, char *ret, size_t ret_size)
{
    const json_t *error = json_object_get(json, "error");
    const json_t *owner = json_is_object(error) ? error : json;
    const json_t *code = json_object_get(owner, "grpc_code");
    const char *text = json_string_value(json_object_get(owner, "message"));
    code = code ? code : json_object_get(owner, "code");
    text = text ? text : json_string_value(error);
    if (!text && !json_is_integer(code)) {
        return false;
    }
    json_int_t number = json_integer_value(code);
    *ret_code = number >= 0 && number <= 1000 ? (int)number : 2;
    (void)snprintf(ret, ret_size, "%s", text ? text : "");
    return true;
}

int wire_watch_reply_read(const void *bytes, size_t size, struct wire_watch_reply *ret,
                          struct error *err)
{
    CLEANUP(reply_done) struct reply source = {0};
    CLEANUP(wire_watch_reply_done) struct wire_watch_reply reply = {0};
    int code;
    int r = parse(bytes, size, true, &source, err);
    if (r < 0) {
        return r;
    }
    const json_t *result = json_object_get(source.json, "result");
    if (json_is_object(result)) {
        r = read_result(&source, result, &reply, err);
        if (r < 0) {
            return r;
        }
    } else if (error_of(source.json, &code, reply.reason, sizeof(reply.reason))) {
        reply.is_canceled = true;
    } else {
        return malformed(err, "neither result nor error");
    }
    *ret = reply;
    reply = (struct wire_watch_reply){0};
    return 0;
}

/* ---- authentication, errors ---- */

int wire_authenticate_reply_read(const void *bytes, size_t size, char *ret, size_t ret_size,
                                 struct error *err)
{
    CLEANUP(reply_done) struct reply source = {0};
    int r = parse(bytes, size, false, &source, err);
    if (r < 0) {
        return r;
    }
    const char *token = json_string_value(json_object_get(source.json, "token"));
    /* It becomes a line of an HTTP header. */
    if (!token || !token[0] || strpbrk(token, "\r\n") || !copy_text(ret, ret_size, token)) {
        return malformed(err, "no token");
    }
    return 0;
}

bool wire_error_reply_read(const void *bytes, size_t size, int *ret_code, char *ret,
                           size_t ret_size)
{
    CLEANUP(reply_done) struct reply source = {0};
    return parse(bytes, size, false, &source, NULL) == 0 &&
           error_of(source.json, ret_code, ret, ret_size);
}

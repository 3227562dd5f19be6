/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store as one JSON document, independent of etcd's version and files:
 *
 *     {"kind": "berth-backup", "format": 1, "cluster": ID, "keys": {"want/vms/v1": TEXT, ...}}
 *
 * Two kinds of keys are left out. Heartbeats: an old one would be believed. Without any, each host
 * on which VMs run finds that the store does not know it, and leaves its VMs alone until an
 * administrator decides. And events, of which there are many.
 *
 * A restored store is disarmed, for the same reason: a VM may run where the copy does not say so,
 * and must not be started a second time.
 */
#include "setup/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PREFIX "/berth/"
#define KIND   "berth-backup"

enum {
    backup_format = 1,
    page_len = 100,
    file_mode = 0600, /* hashes of passwords, parameters of fence agents */
};

static bool is_left_out(const char *key)
{
    return strncmp(key, "beat/", 5) == 0 || strncmp(key, "log/", 4) == 0;
}

/* ---- out of the store ---- */

struct page {
    char *from;      /* the first key of it, the whole one */
    size_t from_len; /* with the byte that comes after the last key of the page before */
    json_t *revision;
    bool has_more;
};

static int take_page(const json_t *reply, struct page *page, json_t *keys, struct error *err)
{
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(reply, "kvs"), i, pair) {
        CLEANUP(freep) char *key = setup_decode(json_object_get(pair, "key"));
        CLEANUP(freep) char *value = setup_decode(json_object_get(pair, "value"));
        if (!key || strncmp(key, PREFIX, strlen(PREFIX)) != 0) {
            return error_set(err, -EBADMSG, "the store's answer cannot be understood");
        }
        const char *name = key + strlen(PREFIX);
        if (!is_left_out(name) && json_object_set_new(keys, name, json_string(value ?: "")) < 0) {
            return error_set(err, -EBADMSG, "the record %s is no text", name);
        }
        free(page->from);
        page->from_len = strlen(key) + 1; /* with its end: the next possible key */
        page->from = TAKE(key);
    }
    page->has_more = json_is_true(json_object_get(reply, "more"));
    return 0;
}

static int read_keys(struct setup_store *store, json_t *keys, struct error *err)
{
    struct page page = {.from = strdup(PREFIX), .from_len = strlen(PREFIX), .has_more = true};
    int r = page.from ? 0 : error_set(err, -ENOMEM, "out of memory");
    while (r == 0 && page.has_more) {
        CLEANUP(setup_json_done) json_t *reply = NULL;
        json_t *body = json_pack("{s:o, s:o, s:i}", "key", setup_encode(page.from, page.from_len),
                                 "range_end", setup_encode("/berth0", 7), "limit", page_len);
        if (page.revision) { /* all pages of one moment */
            (void)json_object_set(body, "revision", page.revision);
        }
        r = setup_store_call(store, "kv/range", body, &reply, err);
        if (r == 0 && !page.revision) {
            page.revision =
                json_incref(json_object_get(json_object_get(reply, "header"), "revision"));
        }
        r = r < 0 ? r : take_page(reply, &page, keys, err);
    }
    free(page.from);
    json_decref(page.revision);
    return r;
}

/* The id of the cluster in its record "format". */
static json_t *cluster_of(const json_t *keys)
{
    const char *text = json_string_value(json_object_get(keys, "format"));
    CLEANUP(setup_json_done) json_t *record = text ? json_loads(text, 0, NULL) : NULL;
    return json_incref(json_object_get(record, "cluster"));
}

/* Whole or not at all, for its owner alone. */
static int write_backup(const char *path, const char *text, struct error *err)
{
    char fresh[setup_path_size];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)unlink(fresh);
    CLEANUP(closep) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
    size_t size = strlen(text), done = 0;
    ssize_t r = fd < 0 ? -1 : 0;
    while (r >= 0 && done < size) {
        r = write(fd, text + done, size - done);
        done += r > 0 ? (size_t)r : 0;
    }
    if (r < 0 || fsync(fd) < 0 || rename(fresh, path) < 0) {
        int why = errno;
        (void)unlink(fresh);
        return error_set(err, -why, "cannot write %s: %s", path, strerror(why));
    }
    return 0;
}

int setup_backup(struct setup *setup, const char *path, size_t *ret_len, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_json_done) json_t *keys = json_object();
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    int r = setup_state_load(setup, &state, err);
    r = r < 0 ? r : setup_state_store(setup, state, &store, err);
    r = r < 0 ? r : read_keys(store, keys, err);
    if (r < 0) {
        return r;
    }
    json_t *cluster = cluster_of(keys);
    if (!cluster) {
        return error_set(err, -ENOENT, "the store holds no cluster yet: wait until berthd is up");
    }
    CLEANUP(setup_json_done)
    json_t *backup = json_pack("{s:s, s:i, s:o, s:O}", "kind", KIND, "format", backup_format,
                               "cluster", cluster, "keys", keys);
    CLEANUP(freep) char *text = backup ? json_dumps(backup, JSON_INDENT(1)) : NULL;
    *ret_len = json_object_size(keys);
    return text ? write_backup(path, text, err) : error_set(err, -ENOMEM, "out of memory");
}

/* ---- into a new one ---- */

/* An administrator's disarming, as 'berth cluster disarm' would write it. */
static int disarm(json_t *keys, struct error *err)
{
    const char *text = json_string_value(json_object_get(keys, "want/cluster"));
    CLEANUP(setup_json_done)
    json_t *record = text ? json_loads(text, 0, NULL) : json_pack("{s:i}", "schema", 1);
    json_int_t order = json_integer_value(json_object_get(record, "disarm_order"));
    if (json_object_set_new(record, "disarmed", json_true()) < 0 ||
        json_object_set_new(record, "disarm_order", json_integer(order + 1)) < 0) {
        return error_set(err, -EBADMSG, "the settings of the cluster in the backup are damaged");
    }
    (void)json_object_del(record, "disarm_ms"); /* until someone arms it */
    CLEANUP(freep) char *fresh = json_dumps(record, JSON_COMPACT);
    return fresh && json_object_set_new(keys, "want/cluster", json_string(fresh)) == 0
               ? 0
               : error_set(err, -ENOMEM, "out of memory");
}

int setup_backup_read(const char *path, json_t **ret_keys, struct error *err)
{
    json_error_t why;
    CLEANUP(setup_json_done) json_t *backup = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    const char *kind = json_string_value(json_object_get(backup, "kind"));
    json_t *keys = json_object_get(backup, "keys"), *value;
    const char *key;
    if (!backup) {
        return error_set(err, -EBADMSG, "%s: %s", path, why.text);
    }
    if (!kind || strcmp(kind, KIND) != 0 || !json_is_object(keys)) {
        return error_set(err, -EBADMSG,
                         "%s is no backup of a cluster: name a file that \"berth cluster backup\" "
                         "wrote (\"berth cluster import\" reads an export)",
                         path);
    }
    if (json_integer_value(json_object_get(backup, "format")) != backup_format) {
        return error_set(err, -EPROTO, "%s was written by another version of Berth", path);
    }
    json_object_foreach(keys, key, value) {
        if (!json_is_string(value) || !key[0] || key[0] == '/' || is_left_out(key)) {
            return error_set(err, -EBADMSG, "%s: the record \"%.60s\" does not belong there", path,
                             key);
        }
    }
    int r = disarm(keys, err);
    *ret_keys = r == 0 ? json_incref(keys) : NULL;
    return r;
}

int setup_store_fill(struct setup_store *store, const json_t *keys, struct error *err)
{
    const char *key;
    json_t *value;
    int r = 0;
    json_object_foreach((json_t *)(uintptr_t)keys, key, value) {
        CLEANUP(buf_done) struct buf full = {0};
        const char *text = json_string_value(value);
        buf_printf(&full, PREFIX "%s", key);
        r = r < 0 ? r
                  : setup_store_call(store, "kv/put",
                                     json_pack("{s:o, s:o}", "key",
                                               setup_encode(buf_str(&full), full.size), "value",
                                               setup_encode(text, strlen(text))),
                                     NULL, err);
    }
    return r;
}

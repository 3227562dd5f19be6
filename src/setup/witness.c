/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificate of a witness, which does not hold the authority's key. The host that lets it in
 * puts the certificate into the store, and any host that refreshes puts a new one there in time,
 * for the same key. The witness takes it from there with a password that reads this and nothing
 * else:
 *
 *     /berth-certificates/NODE    {"address", "certificate", "ca"}
 *
 * Certificates are no secrets, and only etcd's root can write there.
 */
#include "setup/internal.h"

#include "http/certificate.h"

#include <errno.h>
#include <stdio.h>

#define PREFIX "/berth-certificates/"

static json_t *encode_text(const char *text)
{
    return setup_encode(text, strlen(text));
}

static const char *text_of(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name)) ?: "";
}

/* 'revision' of etcd, as its text: only if the record is as it was then, else -EALREADY; NULL: in
 * any case. */
static int put(struct setup_store *store, const char *node, const json_t *record,
               const char *revision, struct error *err)
{
    char key[sizeof(PREFIX) + name_size];
    CLEANUP(freep) char *value = json_dumps(record, JSON_COMPACT);
    CLEANUP(setup_json_done) json_t *reply = NULL;
    (void)snprintf(key, sizeof(key), PREFIX "%s", node);
    if (!value) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    json_t *compare = revision ? json_pack("[{s:o, s:s, s:s}]", "key", encode_text(key), "target",
                                           "MOD", "mod_revision", revision)
                               : json_array();
    int r = setup_store_call(store, "kv/txn",
                             json_pack("{s:o, s:[{s:{s:o, s:o}}]}", "compare", compare, "success",
                                       "request_put", "key", encode_text(key), "value",
                                       encode_text(value)),
                             &reply, err);
    return r < 0 ? r
           : json_is_true(json_object_get(reply, "succeeded"))
               ? 0
               : error_set(err, -EALREADY, "another host wrote it");
}

int setup_witness_admit(struct setup_store *store, const char *node, const char *address,
                        const char *certificate, const char *ca, struct error *err)
{
    CLEANUP(setup_json_done)
    json_t *record =
        json_pack("{s:s, s:s, s:s}", "address", address, "certificate", certificate, "ca", ca);
    return record ? put(store, node, record, NULL, err) : error_set(err, -ENOMEM, "out of memory");
}

int setup_witness_forget(struct setup_store *store, const char *node, struct error *err)
{
    char key[sizeof(PREFIX) + name_size];
    (void)snprintf(key, sizeof(key), PREFIX "%s", node);
    return setup_store_call(store, "kv/deleterange", json_pack("{s:o}", "key", encode_text(key)),
                            NULL, err);
}

/* ---- on a host ---- */

/* Hosts renew the authority's certificate each for itself, so theirs differ: one that is good
 * stays, or they would replace each other's for ever. */
static void renew_authority(const json_t *authority, json_t *record, bool *ret_changed)
{
    struct certificate_facts have = {0}, ours = {0};
    struct error ignored;
    json_t *ca = json_object_get(authority, "ca");
    bool is_due =
        certificate_check(text_of(record, "ca"), NULL, &have, &ignored) < 0 || setup_is_due(&have);
    *ret_changed = is_due && certificate_check(json_string_value(ca), NULL, &ours, &ignored) == 0 &&
                   ours.until_ms > have.until_ms;
    if (*ret_changed) {
        (void)json_object_set(record, "ca", ca);
    }
}

/* A new certificate into 'record' if it is time, and the authority's. */
static int renew(const json_t *authority, const char *node, json_t *record, bool *ret_changed,
                 struct error *err)
{
    const char *certificate = text_of(record, "certificate");
    struct certificate_facts facts;
    renew_authority(authority, record, ret_changed);
    int r = certificate_check(certificate, NULL, &facts, err);
    if (r < 0 || !setup_is_due(&facts)) {
        return r;
    }
    CLEANUP(setup_json_done) json_t *fresh = NULL;
    const struct setup_subject subject = {
        .node = node, .address = text_of(record, "address"), .own_certificate = certificate};
    r = setup_make_certificate(authority, &subject, &fresh, err);
    (void)json_object_set(record, "certificate", json_object_get(fresh, "certificate"));
    *ret_changed = true;
    return r;
}

/* No one looks at a witness: what it still shows long after the next one is there is told. */
static void look_at(const struct setup *setup, const char *node, const char *address)
{
    enum { late_days = 60 };
    char url[setup_url_size];
    CLEANUP(setup_json_done)
    json_t *endpoints = json_pack("[s]", setup_url(address, setup_client_port, url));
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    struct certificate_facts facts;
    struct error ignored; /* that it does not answer is told elsewhere */
    int r = setup_store_new(setup, endpoints, NULL, &store, &ignored);
    r = r < 0 ? r : setup_store_call(store, "maintenance/status", json_object(), NULL, &ignored);
    r = r < 0 ? r : setup_store_certificate(store, &facts, &ignored);
    if (r == 0 && facts.days_left < late_days) {
        setup_say(setup,
                  "the witness %s still shows a certificate that ends on %s: is "
                  "berth-refresh.timer running there?",
                  node, facts.until);
    }
}

static int renew_pair(const struct setup *setup, struct setup_store *store, const json_t *authority,
                      const json_t *pair, struct error *err)
{
    CLEANUP(freep) char *key = setup_decode(json_object_get(pair, "key"));
    CLEANUP(freep) char *value = setup_decode(json_object_get(pair, "value"));
    CLEANUP(setup_json_done) json_t *record = value ? json_loads(value, 0, NULL) : NULL;
    bool is_changed;
    if (!key || strncmp(key, PREFIX, strlen(PREFIX)) != 0 || !json_is_object(record)) {
        return error_set(err, -EBADMSG, "what the store has of the witness %s cannot be understood",
                         key && strlen(key) > strlen(PREFIX) ? key + strlen(PREFIX) : "");
    }
    const char *node = key + strlen(PREFIX);
    int r = renew(authority, node, record, &is_changed, err);
    if (r == 0 && is_changed) {
        r = put(store, node, record, text_of(pair, "mod_revision"), err);
        if (r == 0) {
            setup_say(setup, "put a new certificate into the store for the witness %s", node);
        }
        r = r == -EALREADY ? 0 : r;
    }
    look_at(setup, node, text_of(record, "address"));
    return r < 0 ? error_wrap(err, "renewing the certificate of the witness %s", node) : 0;
}

void setup_witness_renew(const struct setup *setup, struct setup_store *store)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    CLEANUP(setup_json_done) json_t *reply = NULL;
    struct error why;
    size_t i;
    json_t *pair;
    int r = setup_read_authority(setup, &authority, &why);
    r = r < 0 ? r
              : setup_store_call(store, "kv/range",
                                 json_pack("{s:o, s:o}", "key", encode_text(PREFIX), "range_end",
                                           encode_text("/berth-certificates0")),
                                 &reply, &why);
    if (r < 0) {
        setup_say(setup, "the certificates of witnesses are not renewed now: %s", why.text);
    }
    json_array_foreach(json_object_get(reply, "kvs"), i, pair) {
        if (renew_pair(setup, store, authority, pair, &why) < 0) {
            setup_say(setup, "%s", why.text);
        }
    }
}

/* ---- on the witness ---- */

static int take_file(const struct setup *setup, const char *file, const char *text, const char *key,
                     struct error *err)
{
    struct certificate_facts facts;
    CLEANUP(freep) char *have = NULL;
    int r = setup_read(setup, file, &have, err);
    if (r < 0 || strcmp(have, text) == 0) {
        return r;
    }
    r = certificate_check(text, key, &facts, err);
    r = r < 0 ? r : setup_write(setup, file, text, NULL, true, err);
    if (r == 0) {
        setup_say(setup, "renewed the certificate %s", file);
    }
    return r;
}

static int take_files(const struct setup *setup, const json_t *record, struct error *err)
{
    CLEANUP(freep) char *key = NULL;
    int r = setup_read(setup, SETUP_DIR "/etcd-key.pem", &key, err);
    r = r < 0 ? r : take_file(setup, SETUP_DIR "/ca.pem", text_of(record, "ca"), NULL, err);
    r = r < 0 ? r
              : take_file(setup, SETUP_DIR "/etcd.pem", text_of(record, "certificate"), key, err);
    if (key) {
        explicit_bzero(key, strlen(key));
    }
    return r;
}

static int read_record(const struct setup *setup, struct setup_store *store, json_t **ret,
                       struct error *err)
{
    char key[sizeof(PREFIX) + name_size];
    CLEANUP(setup_json_done) json_t *reply = NULL;
    (void)snprintf(key, sizeof(key), PREFIX "%s", setup->node);
    int r = setup_store_call(store, "kv/range", json_pack("{s:o}", "key", encode_text(key)), &reply,
                             err);
    if (r < 0) {
        return r;
    }
    CLEANUP(freep)
    char *text =
        setup_decode(json_object_get(json_array_get(json_object_get(reply, "kvs"), 0), "value"));
    *ret = text ? json_loads(text, 0, NULL) : NULL;
    return json_is_object(*ret)
               ? 0
               : error_set(err, -ENOENT,
                           "the store has no certificate for %s: take this witness out and let it "
                           "join again",
                           setup->node);
}

int setup_witness_refresh(const struct setup *setup, const json_t *state, struct error *err)
{
    CLEANUP(freep) char *password = NULL;
    CLEANUP(setup_json_done) json_t *record = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    int r = setup_read(setup, SETUP_DIR "/berth-witness.password", &password, err);
    if (r == -ENOENT) {
        return 0; /* let in by an earlier version: its certificate is valid as the authority's */
    }
    r = r < 0 ? r
              : setup_store_new(setup, json_object_get(state, "endpoints"), password, &store, err);
    r = r < 0 ? r : read_record(setup, store, &record, err);
    r = r < 0 ? r : take_files(setup, record, err);
    if (password) {
        explicit_bzero(password, strlen(password));
    }
    return r;
}

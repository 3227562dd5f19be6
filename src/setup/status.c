/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include "http/certificate.h"

#include <errno.h>
#include <stdio.h>

static json_t *pack_certificate(const struct setup *setup, const char *path, const char *key_path)
{
    CLEANUP(freep) char *certificate = NULL;
    CLEANUP(freep) char *key = NULL;
    struct certificate_facts facts;
    struct error err;
    if (setup_read(setup, path, &certificate, &err) == -ENOENT) {
        return NULL;
    }
    if (err.code < 0 && !certificate) {
        return json_pack("{s:s, s:s}", "file", path, "error", err.text);
    }
    if (setup_read(setup, key_path, &key, &err) < 0 ||
        certificate_check(certificate, key, &facts, &err) < 0) {
        return json_pack("{s:s, s:s}", "file", path, "error", err.text);
    }
    return json_pack("{s:s, s:s, s:i, s:b}", "file", path, "until", facts.until, "days_left",
                     facts.days_left, "is_valid_now", facts.is_valid_now);
}

static json_t *pack_certificates(const struct setup *setup)
{
    static const char *const names[] = {"ca", "etcd", "client"};
    static const struct move_pki *const moves[] = {&move_pki_libvirt, &move_pki_qemu};
    char path[setup_path_size], key_path[setup_path_size];
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), SETUP_DIR "/%s.pem", names[i]);
        (void)snprintf(key_path, sizeof(key_path), SETUP_DIR "/%s-key.pem", names[i]);
        (void)json_array_append_new(list, pack_certificate(setup, path, key_path));
    }
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (setup_moves_is_ours(setup, moves[i])) {
            (void)json_array_append_new(
                list, pack_certificate(setup, moves[i]->certificates[0], moves[i]->keys[0]));
        }
    }
    return list;
}

/* What the member at 'url' says of itself, into 'member'. */
static void ask(const struct setup *setup, const char *url, const json_t *id, json_t *member)
{
    CLEANUP(setup_json_done) json_t *endpoints = json_pack("[s]", url);
    CLEANUP(setup_json_done) json_t *reply = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    struct error err;
    int r = setup_store_new(setup, endpoints, NULL, &store, &err);
    r = r < 0 ? r : setup_store_call(store, "maintenance/status", json_object(), &reply, &err);
    if (r < 0) {
        (void)json_object_set_new(member, "error", json_string(err.text));
        return;
    }
    const char *size = json_string_value(json_object_get(reply, "dbSize"));
    struct certificate_facts facts;
    if (setup_store_certificate(store, &facts, &err) == 0) {
        (void)json_object_set_new(member, "certificate_days_left", json_integer(facts.days_left));
    }
    (void)json_object_set(member, "version", json_object_get(reply, "version"));
    (void)json_object_set_new(member, "size_bytes",
                              json_integer(size ? strtoll(size, NULL, 10) : 0));
    (void)json_object_set_new(member, "latency_ms", json_real(setup_store_latency_ms(store)));
    (void)json_object_set_new(member, "is_leader",
                              json_boolean(json_equal(json_object_get(reply, "leader"), id)));
}

static json_t *pack_members(const struct setup *setup, const json_t *members)
{
    size_t i;
    json_t *each;
    json_t *list = json_array();
    json_array_foreach((json_t *)(uintptr_t)members, i, each) {
        const char *name = json_string_value(json_object_get(each, "name"));
        const char *url = json_string_value(json_array_get(json_object_get(each, "clientURLs"), 0));
        json_t *member = json_pack("{s:s, s:s, s:b}", "name", name && name[0] ? name : "?", "url",
                                   url ? url : "", "is_learner",
                                   json_is_true(json_object_get(each, "isLearner")));
        if (url) {
            ask(setup, url, json_object_get(each, "ID"), member);
        } else {
            (void)json_object_set_new(member, "error", json_string("it never started"));
        }
        (void)json_array_append_new(list, member);
    }
    return list;
}

int setup_status(struct setup *setup, json_t **ret, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_json_done) json_t *list = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    struct error why;
    int r = setup_state_load(setup, &state, err);
    if (r < 0) {
        return r;
    }
    *ret = json_pack("{s:s, s:s, s:n, s:o}", "node", setup->node, "address", setup->address,
                     "members", "certificates", pack_certificates(setup));
    if (!*ret) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    r = setup_state_store(setup, state, &store, &why);
    r = r < 0 ? r : setup_store_members(store, &list, &why);
    if (r < 0) {
        (void)json_object_set_new(*ret, "error", json_string(why.text));
    } else {
        (void)json_object_set_new(*ret, "members",
                                  pack_members(setup, json_object_get(list, "members")));
    }
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include <errno.h>
#include <stdio.h>

enum { store_limit_ms = 30 * 1000 };

/* {"ca", "ca_key", "etcd", "client", "passwords"} of a new cluster. */
static int make_bundle(const struct setup *setup, json_t **ret, struct error *err)
{
    CLEANUP(setup_json_done) json_t *bundle = NULL;
    CLEANUP(setup_json_done) json_t *etcd = NULL;
    CLEANUP(setup_json_done) json_t *client = NULL;
    const struct setup_subject subject = {.node = setup->node, .address = setup->address};
    int r = setup_make_authority(SETUP_AUTHORITY, NULL, &bundle, err);
    r = r < 0 ? r : setup_make_certificate(bundle, &subject, &etcd, err);
    r = r < 0 ? r : setup_make_certificate(bundle, &subject, &client, err);
    if (r < 0) {
        return r;
    }
    (void)json_object_set(bundle, "etcd", etcd);
    (void)json_object_set(bundle, "client", client);
    (void)json_object_set_new(bundle, "passwords", setup_make_passwords());
    *ret = TAKE(bundle);
    return 0;
}

/* 'keys': what it holds; NULL: nothing. */
static int make_store(const struct setup *setup, const json_t *endpoints, const json_t *passwords,
                      const json_t *keys, struct error *err)
{
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    char peer[setup_url_size], initial[name_size + setup_url_size];
    (void)snprintf(initial, sizeof(initial), "%s=%s", setup->node,
                   setup_url(setup->address, setup_peer_port, peer));
    int r = setup_write_etcd(setup, initial, true, err);
    r = r < 0 ? r : setup_start_etcd(setup, err);
    r = r < 0 ? r : setup_store_new(setup, endpoints, NULL, &store, err);
    r = r < 0 ? r : setup_store_wait(store, store_limit_ms, err);
    if (r < 0) {
        return r;
    }
    if (keys) {
        setup_say(setup, "restoring %zu records", json_object_size(keys));
        r = setup_store_fill(store, keys, err);
    }
    setup_say(setup, "making users and roles of the store");
    return r < 0 ? r : setup_store_secure(store, passwords, err);
}

static int build(const struct setup *setup, const json_t *keys, struct error *err)
{
    CLEANUP(setup_json_done) json_t *bundle = NULL;
    char url[setup_url_size];
    bool is_changed;
    CLEANUP(setup_json_done)
    json_t *endpoints = json_pack("[s]", setup_url(setup->address, setup_client_port, url));
    CLEANUP(setup_json_done) json_t *state = json_pack("{s:O}", "endpoints", endpoints);
    setup_say(setup, "making the certificates of the cluster");
    int r = make_bundle(setup, &bundle, err);
    r = r < 0 ? r : setup_write_secrets(setup, bundle, err);
    r = r < 0 ? r : make_store(setup, endpoints, json_object_get(bundle, "passwords"), keys, err);
    r = r < 0 ? r : setup_write_conf(setup, endpoints, true, &is_changed, err);
    r = r < 0 ? r : setup_start_daemons(setup, state, err);
    if (r == 0) {
        setup_moves(setup, true);
    }
    return r < 0 ? r : setup_state_save(setup, true, endpoints, err);
}

static int begin(struct setup *setup, const json_t *keys, struct error *err)
{
    int r = setup_prepare(setup, err);
    r = r < 0 ? r : setup_begin(setup, err);
    if (r < 0) {
        return r;
    }
    r = build(setup, keys, err);
    r = r < 0 ? r : setup_commit(setup, err);
    if (r < 0) {
        setup_say(setup, "undoing what was begun");
        setup_undo(setup);
    }
    return r;
}

int setup_init(struct setup *setup, struct error *err)
{
    return begin(setup, NULL, err);
}

int setup_restore(struct setup *setup, const char *path, struct error *err)
{
    CLEANUP(setup_json_done) json_t *keys = NULL;
    int r = setup_backup_read(path, &keys, err);
    setup->keeps_vms = true; /* also if it fails: this host goes on to know whose VMs it runs */
    return r < 0 ? r : begin(setup, keys, err);
}

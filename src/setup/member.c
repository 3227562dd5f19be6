/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The members of the store: a host becomes one without a vote first, and votes once its etcd has
 * everything. Until then its failure costs the store nothing. */
#include "setup/internal.h"

#include "base/parse.h"
#include "loop/retry.h"

#include <errno.h>
#include <stdio.h>

enum {
    promote_limit_ms = 60 * 1000,
    promote_pause_ms = 300,
};

size_t setup_voters(const json_t *members, bool *ret_has_learner)
{
    size_t i, voters = 0;
    json_t *member;
    *ret_has_learner = false;
    json_array_foreach((json_t *)(uintptr_t)members, i, member) {
        bool is_learner = json_is_true(json_object_get(member, "isLearner"));
        voters += !is_learner;
        *ret_has_learner |= is_learner;
    }
    return voters;
}

int setup_member_add(struct setup_store *store, const char *node, const char *address, char *ret_id,
                     struct buf *ret_initial, struct error *err)
{
    CLEANUP(setup_json_done) json_t *reply = NULL;
    char peer[setup_url_size];
    setup_url(address, setup_peer_port, peer);
    int r = setup_store_change(store, "cluster/member/add",
                               json_pack("{s:[s], s:b}", "peerURLs", peer, "isLearner", 1), &reply,
                               err);
    const char *id = json_string_value(json_object_get(json_object_get(reply, "member"), "ID"));
    if (r == 0 && (!id || !copy_text(ret_id, setup_member_size, id))) {
        r = error_set(err, -EBADMSG, "the store's answer has no member");
    }
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(reply, "members"), i, member) {
        const char *name = json_string_value(json_object_get(member, "name"));
        buf_printf(ret_initial, "%s%s=%s", i > 0 ? "," : "", name && name[0] ? name : node,
                   json_string_value(json_array_get(json_object_get(member, "peerURLs"), 0)));
    }
    return r;
}

int setup_member_remove(struct setup_store *store, const char *id, struct error *err)
{
    return setup_store_change(store, "cluster/member/remove", json_pack("{s:s}", "ID", id), NULL,
                              err);
}

/* A member that is not the leader would pass the request on without saying who asks, which the
 * leader refuses (etcd 3.4, "user name is empty"). */
int setup_member_promote(struct setup_store *store, const char *id, struct error *err)
{
    struct retry retry = retry_begin(promote_limit_ms, promote_pause_ms);
    int r;
    do {
        r = setup_store_turn_to_leader(store, err);
        r = r < 0 ? r
                  : setup_store_call(store, "cluster/member/promote", json_pack("{s:s}", "ID", id),
                                     NULL, err);
    } while (r < 0 && retry_wait(&retry));
    return r;
}

/* ---- a vacant place ---- */

static int write_certificate(const struct setup *setup, struct error *err)
{
    const struct setup_subject subject = {.node = setup->node, .address = setup->address};
    CLEANUP(setup_json_done) json_t *authority = NULL;
    json_t *pair = NULL;
    int r = setup_read_authority(setup, &authority, err);
    r = r < 0 ? r : setup_make_certificate(authority, &subject, &pair, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(setup_json_done) json_t *bundle = json_pack("{s:o}", "etcd", pair);
    return setup_write_secrets(setup, bundle, err);
}

/* Several hosts may see that a place is vacant. etcd has one learner at a time, so they come one
 * after the other; the one that was added last looks again. */
static int is_still_vacant(struct setup_store *store, struct error *err)
{
    CLEANUP(setup_json_done) json_t *list = NULL;
    bool has_learner;
    int r = setup_store_members(store, &list, err);
    return r < 0 ? r
           : setup_voters(json_object_get(list, "members"), &has_learner) < setup_members_max
               ? 0
               : error_set(err, -EBUSY, "another host took the place");
}

static void give_back(const struct setup *setup, struct setup_store *store, const char *id)
{
    char full[setup_path_size];
    struct error ignored;
    (void)setup_member_remove(store, id, &ignored);
    (void)setup_systemctl(setup, "disable", "berth-etcd.service", NULL);
    setup_remove_tree(setup, SETUP_DATA);
    (void)unlink(setup_path(setup, SETUP_DIR "/etcd.env", full));
    (void)unlink(setup_path(setup, SETUP_DIR "/etcd.pem", full));
    (void)unlink(setup_path(setup, SETUP_DIR "/etcd-key.pem", full));
}

int setup_take_place(const struct setup *setup, struct setup_store *store, struct error *err)
{
    CLEANUP(buf_done) struct buf initial = {0};
    char id[setup_member_size] = "";
    setup_say(setup, "the store has a vacant place: this host becomes a member");
    setup_remove_tree(setup, SETUP_DATA);
    int r = setup_member_add(store, setup->node, setup->address, id, &initial, err);
    if (r < 0) {
        return r; /* another host is at it, or the store cannot now: the next time */
    }
    r = is_still_vacant(store, err);
    r = r < 0 ? r : write_certificate(setup, err);
    r = r < 0 ? r : setup_write_etcd(setup, buf_str(&initial), false, err);
    r = r < 0 ? r : setup_start_etcd(setup, err);
    r = r < 0 ? r : setup_member_promote(store, id, err);
    if (r < 0) {
        give_back(setup, store, id);
    }
    return r;
}

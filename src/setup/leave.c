/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of the cluster again, and what changes in it while this host is there. */
#include "setup/internal.h"

#include <errno.h>
#include <stdio.h>

static bool has_url(const json_t *member, const char *url)
{
    return strcmp(url, json_string_value(json_array_get(json_object_get(member, "clientURLs"), 0))
                           ?: "") == 0;
}

/* The client URLs of all members that vote, our own first. */
static json_t *list_endpoints(const struct setup *setup, const json_t *members)
{
    char own[setup_url_size];
    size_t i;
    json_t *member;
    json_t *endpoints = json_array();
    setup_url(setup->address, setup_client_port, own);
    json_array_foreach((json_t *)(uintptr_t)members, i, member) {
        json_t *url = json_array_get(json_object_get(member, "clientURLs"), 0);
        if (!url || json_is_true(json_object_get(member, "isLearner"))) {
            continue;
        }
        if (has_url(member, own)) {
            (void)json_array_insert(endpoints, 0, url);
        } else {
            (void)json_array_append(endpoints, url);
        }
    }
    return endpoints;
}

/* A host that is no member becomes one if a member has left. 'list' is what the store has now. */
static int fill_vacancy(const struct setup *setup, struct setup_store *store, bool *is_member,
                        json_t **list, struct error *err)
{
    bool has_learner;
    struct error why;
    if (*is_member ||
        setup_voters(json_object_get(*list, "members"), &has_learner) >= setup_members_max ||
        has_learner) {
        return 0;
    }
    if (setup_take_place(setup, store, &why) < 0) {
        setup_say(setup, "it does not become one now: %s", why.text);
        return 0; /* nothing depends on it; the next refresh tries again */
    }
    *is_member = true;
    json_decref(*list);
    *list = NULL;
    return setup_store_members(store, list, err);
}

int setup_refresh(struct setup *setup, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_json_done) json_t *list = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    bool is_changed = false;
    int r = setup_state_load(setup, &state, err);
    r = r < 0 ? r : setup_renew(setup, err); /* first: without it the store may refuse us */
    if (r < 0 || setup->is_witness) {
        return r < 0 ? r : setup_witness_refresh(setup, state, err);
    }
    setup_moves(setup, false);
    bool is_member = json_is_true(json_object_get(state, "is_member"));
    r = setup_state_store(setup, state, &store, err);
    if (r == 0) {
        setup_witness_renew(setup, store);
    }
    r = r < 0 ? r : setup_store_members(store, &list, err);
    r = r < 0 ? r : fill_vacancy(setup, store, &is_member, &list, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(setup_json_done)
    json_t *endpoints = list_endpoints(setup, json_object_get(list, "members"));
    r = setup_state_save(setup, is_member, endpoints, err);
    r = r < 0 ? r : setup_write_conf(setup, endpoints, false, &is_changed, err);
    if (r == 0 && is_changed) {
        setup_say(setup, "%s: restarting berthd and berth-api; VMs keep running",
                  json_equal(endpoints, json_object_get(state, "endpoints"))
                      ? "the lines of " SETUP_CONF " that lead to the store were restored"
                      : "the store has other members now");
        r = setup_systemctl(setup, "restart", "berthd.service", err);
        r = r < 0 ? r : setup_systemctl(setup, "restart", "berth-api.service", err);
    }
    return r;
}

/* Takes the member at 'url', or called 'node' (one of them is NULL), out of the store. The last one
 * stays, and ends with its host. -ENOENT: there is none. */
static int give_up_member(struct setup_store *store, const char *url, const char *node,
                          struct error *err)
{
    CLEANUP(setup_json_done) json_t *list = NULL;
    size_t i;
    json_t *member;
    int r = setup_store_members(store, &list, err);
    const json_t *members = json_object_get(list, "members");
    if (r < 0) {
        return r;
    }
    json_array_foreach((json_t *)(uintptr_t)members, i, member) {
        const char *name = json_string_value(json_object_get(member, "name"));
        if (url ? !has_url(member, url) : !name || strcmp(name, node) != 0) {
            continue;
        }
        return json_array_size(members) == 1
                   ? 0
                   : setup_store_change(store, "cluster/member/remove",
                                        json_pack("{s:O}", "ID", json_object_get(member, "ID")),
                                        NULL, err);
    }
    return error_set(err, -ENOENT, "the store has no such member; see \"berth cluster status\"");
}

int setup_name(struct setup *setup, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    return setup_state_load(setup, &state, err);
}

int setup_remove_member(struct setup *setup, const char *node, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    int r = setup_state_load(setup, &state, err);
    if (r == 0 && strcmp(node, setup->node) == 0) {
        r = error_set(err, -EINVAL, "this is %s: run \"berth cluster leave\"", node);
    }
    r = r < 0 ? r : setup_state_store(setup, state, &store, err);
    r = r < 0 ? r : give_up_member(store, NULL, node, err);
    r = r < 0 ? r : setup_witness_forget(store, node, err);
    return r < 0 ? r : setup_refresh(setup, err);
}

int setup_leave(struct setup *setup, struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    char own[setup_url_size];
    int r = setup_state_load(setup, &state, err);
    if (r < 0) {
        return r;
    }
    if (setup->is_witness) {
        setup_undo(setup);
        return 0;
    }
    setup_url(setup->address, setup_client_port, own);
    r = setup_state_store(setup, state, &store, err);
    if (r == 0) {
        setup_say(setup, "stopping berthd and berth-api");
        (void)setup_systemctl(setup, "stop", "berth-api.service", NULL);
        r = setup_systemctl(setup, "stop", "berthd.service", err);
    }
    if (r == 0 && json_is_true(json_object_get(state, "is_member"))) {
        setup_say(setup, "taking this host's member out of the store");
        r = give_up_member(store, own, NULL, err);
        r = r == -ENOENT ? 0 : r; /* another host did it already */
    }
    if (r < 0) { /* as it was before */
        (void)setup_systemctl(setup, "start", "berthd.service", NULL);
        (void)setup_systemctl(setup, "start", "berth-api.service", NULL);
        return r;
    }
    setup_undo(setup);
    return 0;
}

int setup_forget(struct setup *setup, struct error *err)
{
    char from[setup_path_size], kept[setup_path_size];
    CLEANUP(setup_json_done) json_t *state = NULL;
    int r = setup_state_load(setup, &state, err);
    if (r < 0) {
        return r;
    }
    /* Perhaps the last copy there is. One of an earlier time goes. */
    (void)setup_systemctl(setup, "stop", "berth-etcd.service", NULL);
    setup_remove_tree(setup, SETUP_LOST);
    if (rename(setup_path(setup, SETUP_DATA, from), setup_path(setup, SETUP_LOST, kept)) == 0) {
        setup_say(setup, "the data of this host's member are kept in %s", kept);
    }
    setup->keeps_vms = true;
    setup_undo(setup);
    return 0;
}

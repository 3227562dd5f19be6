/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both sides say to each other, one line of JSON each:
 *
 *     joining                               sponsor
 *     {format, node, address, is_witness,
 *      time}                           ->
 *                                      <-   {bundle} or {error}; the sponsor has added a learner
 *     (writes it, starts its etcd)
 *     {state: started}                 ->   promotes the learner
 *                                      <-   {state: member} or {error}
 *     (starts berthd and berth-api)
 *     {state: done} or {state: failed} ->   failed, or no word: removes the member
 *                                      <-   {state: removed}
 *
 * A host joins as a learner, which has no vote: until its etcd has everything, its failure costs
 * the store nothing. Only the sponsor changes the list of members.
 */
#include "setup/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum {
    bundle_limit_ms = 60 * 1000,
    promote_limit_ms = 120 * 1000,
    token_port_max = 65535,
};

/* ADDRESS:PORT/SECRET, [ADDRESS]:PORT/SECRET */
static int split_token(const char *token, char address[setup_address_size], unsigned *ret_port,
                       const char **ret_secret, struct error *err)
{
    char copy[setup_token_size];
    uint64_t port;
    char *slash = copy_text(copy, sizeof(copy), token) ? strchr(copy, '/') : NULL;
    if (slash) {
        *slash = '\0';
    }
    char *colon = slash ? strrchr(copy, ':') : NULL;
    if (!colon || !parse_u64(colon + 1, token_port_max, &port) || strlen(slash + 1) < 32) {
        return error_set(err, -EINVAL,
                         "\"%.40s\" is no token: copy the whole line that \"berth cluster token\" "
                         "shows",
                         token);
    }
    *colon = '\0';
    char *bare = copy[0] == '[' ? copy + 1 : copy;
    bare[strcspn(bare, "]")] = '\0';
    if (!copy_text(address, setup_address_size, bare)) {
        return error_set(err, -EINVAL, "the token's address is too long");
    }
    *ret_port = (unsigned)port;
    *ret_secret = token + (slash - copy) + 1;
    return 0;
}

/* The sponsor's next word; what it refuses is our error. */
static int hear(struct channel *channel, msec_t limit_ms, json_t **ret, struct error *err)
{
    int r = channel_receive(channel, limit_ms, ret, err);
    const char *refusal = r == 0 ? json_string_value(json_object_get(*ret, "error")) : NULL;
    return refusal ? error_set(err, -EPERM, "%s", refusal) : r;
}

static int say_state(struct channel *channel, const char *state, struct error *err)
{
    return channel_send(channel, json_pack("{s:s}", "state", state), err);
}

/* Our own member first, if there is one. */
static json_t *order_endpoints(const struct setup *setup, const json_t *others, bool is_member)
{
    char url[setup_url_size];
    json_t *endpoints = json_array();
    if (is_member) {
        (void)json_array_append_new(endpoints,
                                    json_string(setup_url(setup->address, setup_client_port, url)));
    }
    (void)json_array_extend(endpoints, (json_t *)(uintptr_t)others);
    return endpoints;
}

static int become_member(const struct setup *setup, struct channel *channel, const json_t *bundle,
                         struct error *err)
{
    CLEANUP(setup_json_done) json_t *reply = NULL;
    const char *initial = json_string_value(json_object_get(bundle, "initial_cluster"));
    if (!initial) {
        return 0; /* the store has members enough */
    }
    int r = setup_write_etcd(setup, initial, false, err);
    r = r < 0 ? r : setup_start_etcd(setup, err);
    r = r < 0 ? r : say_state(channel, "started", err);
    if (r == 0) {
        setup_say(setup, "waiting until this host's store has all data");
        r = hear(channel, promote_limit_ms, &reply, err);
    }
    return r;
}

static int build(const struct setup *setup, struct channel *channel, const json_t *bundle,
                 struct error *err)
{
    bool is_member = json_object_get(bundle, "initial_cluster") != NULL, is_changed;
    CLEANUP(setup_json_done)
    json_t *endpoints = order_endpoints(setup, json_object_get(bundle, "endpoints"), is_member);
    CLEANUP(setup_json_done) json_t *state = json_pack("{s:O}", "endpoints", endpoints);
    int r = setup_write_secrets(setup, bundle, err);
    r = r < 0 ? r : become_member(setup, channel, bundle, err);
    if (r == 0 && setup->is_witness) {
        r = setup_systemctl(setup, "enable", "berth-refresh.timer", err);
    } else if (r == 0) {
        r = setup_write_conf(setup, endpoints, true, &is_changed, err);
        r = r < 0 ? r : setup_start_daemons(setup, state, err);
        if (r == 0) {
            setup_moves(setup, true);
        }
    }
    return r < 0 ? r : setup_state_save(setup, is_member, endpoints, err);
}

static int talk(const struct setup *setup, struct channel *channel, struct error *err)
{
    CLEANUP(setup_json_done) json_t *bundle = NULL;
    CLEANUP(setup_json_done) json_t *reply = NULL;
    struct error ignored;
    int r = channel_send(channel,
                         json_pack("{s:i, s:s, s:s, s:b, s:I}", "format", 1, "node", setup->node,
                                   "address", setup->address, "is_witness", setup->is_witness,
                                   "time", (json_int_t)time(NULL)),
                         err);
    r = r < 0 ? r : hear(channel, bundle_limit_ms, &bundle, err);
    r = r < 0 ? r : build(setup, channel, bundle, err);
    r = r < 0 ? r : setup_commit(setup, err);
    if (r == 0) {
        (void)say_state(channel, "done", &ignored);
        return 0;
    }
    /* Our etcd must be there until the others have let it go. */
    if (say_state(channel, "failed", &ignored) == 0) {
        (void)channel_receive(channel, bundle_limit_ms, &reply, &ignored);
    }
    return r;
}

int setup_join(struct setup *setup, const char *token, struct error *err)
{
    CLEANUP(channel_freep) struct channel *channel = NULL;
    char address[setup_address_size];
    const char *secret = NULL;
    unsigned port = 0;
    int r = split_token(token, address, &port, &secret, err);
    r = r < 0 ? r : setup_prepare(setup, err);
    if (r < 0) {
        return r;
    }
    setup_say(setup, "asking %s to let this host in", address);
    r = setup_channel_connect(address, port, secret, &channel, err);
    r = r < 0 ? r : setup_begin(setup, err);
    if (r < 0) {
        return r;
    }
    r = talk(setup, channel, err);
    if (r < 0) {
        setup_say(setup, "undoing what was begun");
        setup_undo(setup);
    }
    return r;
}

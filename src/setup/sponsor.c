/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host that lets another one in; see join.c for what they say. It runs only while an
 * administrator waits for a host: at other times no door is open. */
#include "setup/internal.h"

#include "base/parse.h"
#include "model/name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

enum {
    secret_bytes = 20,
    hello_limit_ms = 10 * 1000,
    started_limit_ms = 60 * 1000,
    done_limit_ms = 120 * 1000,
    clock_off_max_s = 5,
};

/* One host that wants to join. */
struct guest {
    struct channel *channel;
    struct setup_store *store;
    const struct setup *setup; /* ours */
    char node[name_size], address[setup_address_size];
    bool is_witness;
    char member[setup_member_size]; /* its id in the store; "": not added */
};

static int read_hello(struct guest *guest, struct error *err)
{
    CLEANUP(setup_json_done) json_t *hello = NULL;
    const char *node, *address;
    int format, is_witness;
    json_int_t when;
    unsigned char bytes[sizeof(struct in6_addr)];
    int r = channel_receive(guest->channel, hello_limit_ms, &hello, err);
    if (r < 0) {
        return r;
    }
    if (json_unpack(hello, "{s:i, s:s, s:s, s:b, s:I}", "format", &format, "node", &node, "address",
                    &address, "is_witness", &is_witness, "time", &when) < 0 ||
        !copy_text(guest->address, sizeof(guest->address), address) ||
        (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)) {
        return error_set(err, -EBADMSG, "the request cannot be understood");
    }
    if (format != 1) {
        return error_set(err, -EPROTO, "install the same version of Berth on both hosts");
    }
    r = name_check("node", node, err);
    if (r < 0) {
        return r;
    }
    (void)copy_text(guest->node, sizeof(guest->node), node);
    guest->is_witness = is_witness != 0;
    json_int_t off = when - (json_int_t)time(NULL);
    return off > clock_off_max_s || off < -clock_off_max_s
               ? error_set(
                     err, -EINVAL,
                     "the clocks of the hosts differ by %lld s: synchronize them, for example "
                     "with systemd-timesyncd",
                     (long long)(off < 0 ? -off : off))
               : 0;
}

/* Voting members; refuses a name that is taken, and drops a learner that an attempt left. */
static int look_at_members(struct guest *guest, const json_t *members, size_t *ret_voters,
                           struct error *err)
{
    size_t i;
    json_t *member;
    char key[name_size + 16];
    bool is_there = false;
    *ret_voters = 0;
    json_array_foreach((json_t *)(uintptr_t)members, i, member) {
        const char *name = json_string_value(json_object_get(member, "name"));
        if (json_is_true(json_object_get(member, "isLearner"))) {
            setup_say(guest->setup, "removing a member that never became one");
            (void)setup_store_change(guest->store, "cluster/member/remove",
                                     json_pack("{s:O}", "ID", json_object_get(member, "ID")), NULL,
                                     NULL);
            continue;
        }
        ++*ret_voters;
        if (name && strcmp(name, guest->node) == 0) {
            return error_set(err, -EEXIST,
                             "the store has a member %s already: take that host out first with "
                             "\"berth cluster leave\", or join with another --node",
                             guest->node);
        }
    }
    /* In a restored store no node has a heartbeat, until it joins again. */
    (void)snprintf(key, sizeof(key), "beat/%s", guest->node);
    int r = setup_store_has(guest->store, key, &is_there, err);
    return r < 0 || !is_there ? r
                              : error_set(err, -EEXIST,
                                          "the cluster has a node %s already: remove it with "
                                          "\"berth node rm %s\", or join with another --node",
                                          guest->node, guest->node);
}

static void remove_member(struct guest *guest)
{
    struct error err;
    if (guest->member[0] && setup_member_remove(guest->store, guest->member, &err) < 0) {
        setup_say(guest->setup, "the member of %s could not be removed: %s", guest->node, err.text);
    }
    if (guest->is_witness) {
        (void)setup_witness_forget(guest->store, guest->node, &err);
    }
    guest->member[0] = '\0';
}

/* The password of etcd's user 'name' into 'passwords'. */
static int add_password(const struct setup *setup, const char *name, json_t *passwords,
                        struct error *err)
{
    CLEANUP(freep) char *password = NULL;
    char path[setup_path_size];
    (void)snprintf(path, sizeof(path), SETUP_DIR "/%s.password", name);
    int r = setup_read(setup, path, &password, err);
    if (r == 0) {
        (void)json_object_set_new(passwords, name, json_string(password));
        explicit_bzero(password, strlen(password));
    }
    return r;
}

/* What its etcd needs. The certificate of a witness is renewed through the store. */
static int add_member(struct guest *guest, const json_t *authority, json_t *bundle,
                      struct error *err)
{
    json_t *pair, *passwords = json_object_get(bundle, "passwords");
    struct setup_subject subject = {.node = guest->node, .address = guest->address};
    if (guest->is_witness) {
        int r = add_password(guest->setup, "berth-witness", passwords, err);
        if (r < 0 && r != -ENOENT) {
            return r;
        }
        subject.is_lasting = r == -ENOENT; /* the cluster is older than that user */
    }
    int r = setup_make_certificate(authority, &subject, &pair, err);
    if (r < 0) {
        return r;
    }
    (void)json_object_set_new(bundle, "etcd", pair);
    return guest->is_witness && !subject.is_lasting
               ? setup_witness_admit(guest->store, guest->node, guest->address,
                                     json_string_value(json_object_get(pair, "certificate")),
                                     json_string_value(json_object_get(authority, "ca")), err)
               : 0;
}

/* What berthd and berth-api need, and the means to let others in. */
static int add_host(const struct guest *guest, const json_t *authority, json_t *bundle,
                    struct error *err)
{
    static const char *const users[] = {"root", "berthd", "berth-api", "berth-witness"};
    const struct setup_subject subject = {.node = guest->node, .address = guest->address};
    json_t *pair, *passwords = json_object_get(bundle, "passwords");
    (void)json_object_set(bundle, "ca_key", json_object_get(authority, "ca_key"));
    int r = setup_make_certificate(authority, &subject, &pair, err);
    (void)(r == 0 && json_object_set_new(bundle, "client", pair));
    for (size_t i = 0; i < ARRAY_LEN(users) && r == 0; i++) {
        r = add_password(guest->setup, users[i], passwords, err);
        if (r == -ENOENT && strcmp(users[i], "berth-witness") == 0) {
            r = 0; /* as above */
        }
    }
    return r;
}

static int make_bundle(struct guest *guest, json_t *endpoints, bool is_member, json_t **ret,
                       struct error *err)
{
    CLEANUP(setup_json_done) json_t *authority = NULL;
    int r = setup_read_authority(guest->setup, &authority, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(setup_json_done)
    json_t *bundle = json_pack("{s:O, s:O, s:{}}", "ca", json_object_get(authority, "ca"),
                               "endpoints", endpoints, "passwords");
    r = is_member ? add_member(guest, authority, bundle, err) : 0;
    r = r < 0 || guest->is_witness ? r : add_host(guest, authority, bundle, err);
    *ret = TAKE(bundle);
    return r;
}

static int let_vote(struct guest *guest, struct error *err)
{
    CLEANUP(setup_json_done) json_t *message = NULL;
    int r = channel_receive(guest->channel, started_limit_ms, &message, err);
    const char *state = json_string_value(json_object_get(message, "state"));
    if (r == 0 && (!state || strcmp(state, "started") != 0)) {
        r = error_set(err, -ECANCELED, "%s could not start its store", guest->node);
    }
    r = r < 0 ? r : setup_member_promote(guest->store, guest->member, err);
    return r < 0 ? r : channel_send(guest->channel, json_pack("{s:s}", "state", "member"), err);
}

static int prepare(struct guest *guest, json_t *state, bool *ret_is_member, json_t **ret,
                   struct error *err)
{
    CLEANUP(setup_json_done) json_t *list = NULL;
    CLEANUP(buf_done) struct buf initial = {0};
    size_t voters;
    int r = read_hello(guest, err);
    r = r < 0 ? r : setup_store_members(guest->store, &list, err);
    r = r < 0 ? r : look_at_members(guest, json_object_get(list, "members"), &voters, err);
    if (r < 0) {
        return r;
    }
    *ret_is_member = voters < setup_members_max;
    if (guest->is_witness && !*ret_is_member) {
        return error_set(err, -EINVAL, "the store has %zu members: it needs no witness", voters);
    }
    setup_say(guest->setup, "%s (%s) joins%s", guest->node, guest->address,
              guest->is_witness ? " as a witness"
              : *ret_is_member  ? ", and holds the store, too"
                                : "");
    r = *ret_is_member ? setup_member_add(guest->store, guest->node, guest->address, guest->member,
                                          &initial, err)
                       : 0;
    r = r < 0 ? r
              : make_bundle(guest, json_object_get(state, "endpoints"), *ret_is_member, ret, err);
    if (r == 0 && *ret_is_member) {
        (void)json_object_set_new(*ret, "initial_cluster", json_string(buf_str(&initial)));
    }
    return r;
}

static int serve(struct guest *guest, json_t *state, struct error *err)
{
    json_t *bundle = NULL;
    CLEANUP(setup_json_done) json_t *end = NULL;
    struct error ignored;
    bool is_member = false;
    int r = prepare(guest, state, &is_member, &bundle, err);
    if (r == 0) {
        r = channel_send(guest->channel, TAKE(bundle), err);
        r = r < 0 || !is_member ? r : let_vote(guest, err);
        r = r < 0 ? r : channel_receive(guest->channel, done_limit_ms, &end, err);
        const char *word = json_string_value(json_object_get(end, "state"));
        if (r == 0 && (!word || strcmp(word, "done") != 0)) {
            r = error_set(err, -ECANCELED, "%s could not join; it says why", guest->node);
        }
    }
    json_decref(bundle);
    if (r < 0) {
        remove_member(guest);
        (void)channel_send(guest->channel, json_pack("{s:s}", "error", err->text), &ignored);
    }
    return r;
}

int setup_sponsor(struct setup *setup, msec_t limit_ms,
                  void (*tell)(void *userdata, const char *token), struct error *err)
{
    CLEANUP(setup_json_done) json_t *state = NULL;
    CLEANUP(setup_store_freep) struct setup_store *store = NULL;
    CLEANUP(channel_freep) struct channel *channel = NULL;
    CLEANUP(closep) int fd = -1;
    char secret[2 * secret_bytes + 1], token[setup_token_size];
    int r = setup_state_load(setup, &state, err);
    r = r < 0 ? r : setup_state_store(setup, state, &store, err);
    r = r < 0 ? r : setup_store_wait(store, 0, err);
    r = r < 0 ? r : setup_channel_listen(setup->address, setup_join_port, &fd, err);
    if (r < 0) {
        return r;
    }
    setup_random_hex(secret, secret_bytes);
    (void)snprintf(token, sizeof(token), strchr(setup->address, ':') ? "[%s]:%d/%s" : "%s:%d/%s",
                   setup->address, setup_join_port, secret);
    tell(setup->userdata, token);
    r = setup_channel_accept(setup, fd, secret, limit_ms, &channel, err);
    explicit_bzero(secret, sizeof(secret));
    explicit_bzero(token, sizeof(token));
    closep(&fd);
    fd = -1; /* the token is used, whatever comes of it */
    if (r < 0) {
        return r;
    }
    struct guest guest = {.channel = channel, .store = store, .setup = setup};
    r = serve(&guest, state, err);
    if (r == 0) {
        setup_say(setup, "%s is in the cluster", guest.node);
        r = setup_refresh(setup, err);
    }
    return r;
}

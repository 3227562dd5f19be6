/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/keyring.h"

#include "base/buf.h"
#include "base/parse.h"
#include "model/fence_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    grants_per_write = 32, /* of hosts: a transaction of etcd has 128 operations at most */
    key_mode = 0600,
};

/* ---- the file ---- */

/* systemd makes the folder of the unit; where berthd is started by other means, it does. */
static void make_folder(const char *path)
{
    char folder[512];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len > 0 && len < sizeof(folder)) {
        memcpy(folder, path, len);
        folder[len] = '\0';
        (void)mkdir(folder, 0700); /* if it fails, so does what follows */
    }
}

static int write_key(const char *path, const struct seal_pair *pair)
{
    char fresh[512];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        return -ENAMETOOLONG;
    }
    make_folder(path);
    (void)unlink(fresh);
    CLEANUP(closep) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, key_mode);
    if (fd < 0 || write(fd, pair->private_key, seal_bytes) != seal_bytes || fsync(fd) < 0 ||
        link(fresh, path) < 0) { /* not rename(): one that came to be meanwhile stays */
        int r = errno ? -errno : -EIO;
        (void)unlink(fresh);
        return r;
    }
    (void)unlink(fresh);
    return 0;
}

static int read_key(int fd, struct seal_pair *ret)
{
    unsigned char bytes[seal_bytes + 1];
    struct stat stat;
    if (fstat(fd, &stat) < 0) {
        return -errno;
    }
    if (!S_ISREG(stat.st_mode) || stat.st_uid != geteuid() || (stat.st_mode & 077) != 0) {
        return -EPERM;
    }
    ssize_t got = read(fd, bytes, sizeof(bytes));
    int r = got == seal_bytes ? seal_pair_of(bytes, ret) : got < 0 ? -errno : -EBADMSG;
    explicit_bzero(bytes, sizeof(bytes));
    return r;
}

int keyring_load(const char *path, struct seal_pair *ret, struct error *err)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd >= 0 ? read_key(fd, ret) : -errno;
    if (r == -ENOENT) {
        r = seal_pair_make(ret);
        r = r < 0 ? r : write_key(path, ret);
    }
    if (r < 0) {
        seal_pair_done(ret);
    }
    return r == 0 ? 0
                  : error_set(err, r, "%s: %s", path,
                              r == -EPERM     ? "others than root can read it or own it"
                              : r == -EBADMSG ? "it is no key: remove it, and it is made again"
                                              : strerror(-r));
}

/* ---- who has what ---- */

static const struct record *key_of(const struct world *world, const char *node)
{
    return world_find(world, RECORD_NODE_KEY, node);
}

/* The public key that 'node' tells; "": none. */
static const char *told_by(const struct world *world, const char *node)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, node);
    return inventory ? inventory->inventory->seal_key : "";
}

size_t keyring_open(const struct keyring *ring, struct seal_pair ret[keyring_pairs_max])
{
    const struct record *own = key_of(ring->world, ring->node);
    if (!own ||
        seal_grant_open(ring->host, own->node_key->grant, own->node_key->public_key, &ret[0]) < 0) {
        return 0;
    }
    bool has_old = own->node_key->old_public_key[0] != '\0' &&
                   seal_grant_open(ring->host, own->node_key->old_grant,
                                   own->node_key->old_public_key, &ret[1]) == 0;
    return has_old ? 2 : 1;
}

/* Whether it is this host that writes: the coordinator, or who stands in for it. */
static bool is_writer(const struct keyring *ring, const struct record *leader)
{
    const char *coordinator = leader->leader->node;
    if (strcmp(coordinator, ring->node) == 0) {
        return true;
    }
    const struct record *its = key_of(ring->world, coordinator);
    if (its && world_key_is_held(ring->world, its)) {
        return false;
    }
    WORLD_EACH(ring->world, RECORD_NODE_KEY, each) {
        if (world_key_is_held(ring->world, *each)) {
            return strcmp((*each)->key.name, ring->node) == 0;
        }
    }
    return false;
}

/* Whether any secret is sealed to that key. */
static bool is_used(const struct world *world, const char *public_key)
{
    WORLD_EACH(world, RECORD_NODE_SPEC, each) {
        const struct node_spec *spec = (*each)->node_spec;
        char key[seal_public_size];
        for (uint32_t i = 0; i < node_spec_fence_levels(spec); i++) {
            const char *box = node_spec_fence_level(spec, i).box;
            if (box && fence_box_read(box, key) && strcmp(key, public_key) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- what is to be written ---- */

/* The cluster's keys as they are to be. */
struct ring_state {
    uint64_t number;
    struct seal_pair pairs[keyring_pairs_max];
    size_t len;
};

static void state_done(struct ring_state *state)
{
    for (size_t i = 0; i < ARRAY_LEN(state->pairs); i++) {
        seal_pair_done(&state->pairs[i]);
    }
}

/* False: this host knows no key, and another one might. */
static bool choose_state(const struct keyring *ring, struct ring_state *ret)
{
    const struct record *own = key_of(ring->world, ring->node);
    const struct record *current = world_fence_key(ring->world);
    uint64_t wanted = world_settings(ring->world)->fence_key;
    ret->len = keyring_open(ring, ret->pairs);
    if (ret->len == 0) {
        if (current || seal_pair_make(&ret->pairs[0]) < 0) {
            return false;
        }
        ret->number = 1;
        WORLD_EACH(ring->world, RECORD_NODE_KEY, each) { /* that no host can open any more */
            ret->number = MAX(ret->number, (*each)->node_key->number + 1);
        }
        ret->number = MAX(ret->number, wanted);
        ret->len = 1;
        return true;
    }
    ret->number = own->node_key->number;
    if (current && current->node_key->number > ret->number) {
        return false; /* another one has made a newer one, and grants it */
    }
    bool is_old_used = ret->len > 1 && is_used(ring->world, own->node_key->old_public_key);
    /* Not while the one before still opens something: two are kept at a time. */
    if (wanted > ret->number && !is_old_used) {
        seal_pair_done(&ret->pairs[1]);
        ret->pairs[1] = ret->pairs[0];
        ret->number = wanted;
        ret->len = seal_pair_make(&ret->pairs[0]) < 0 ? 0 : 2;
    } else if (!is_old_used) {
        ret->len = 1;
    }
    return ret->len > 0;
}

/* Whether 'key' already grants just that to the host of 'host_key'. */
static bool is_granted(const struct record *key, const char *host_key,
                       const struct ring_state *state)
{
    char text[seal_public_size], old[seal_public_size] = "";
    seal_public_text(&state->pairs[0], text);
    if (state->len > 1) {
        seal_public_text(&state->pairs[1], old);
    }
    return key && strcmp(key->node_key->host_key, host_key) == 0 &&
           strcmp(key->node_key->public_key, text) == 0 &&
           strcmp(key->node_key->old_public_key, old) == 0 &&
           key->node_key->number == state->number;
}

/* False: its public key is none. */
static bool grant_to(const struct keyring *ring, const char *node, const char *host_key,
                     const struct ring_state *state, struct txn *txn)
{
    CLEANUP(record_unrefp) struct record *next = record_new(RECORD_NODE_KEY, node, NULL);
    if (!next) {
        txn->failed = true;
        return false;
    }
    struct node_key *key = next->node_key;
    key->number = state->number;
    seal_public_text(&state->pairs[0], key->public_key);
    if (!copy_text(key->host_key, sizeof(key->host_key), host_key) ||
        seal_grant(&state->pairs[0], host_key, key->grant) < 0) {
        return false;
    }
    if (state->len > 1) {
        seal_public_text(&state->pairs[1], key->old_public_key);
        if (seal_grant(&state->pairs[1], host_key, key->old_grant) < 0) {
            return false;
        }
    }
    txn_guard(txn, &next->key, world_revision(ring->world, &next->key));
    txn_put(txn, TAKE(next));
    return true;
}

bool keyring_plan(const struct keyring *ring, struct txn *txn)
{
    const struct record *leader = world_find(ring->world, RECORD_LEADER, "");
    CLEANUP(state_done) struct ring_state state = {0};
    char own_key[seal_public_size];
    size_t count = 0;
    seal_public_text(ring->host, own_key);
    /* What it told in its inventory must be in the store before others can judge by it. */
    if (!leader || !is_writer(ring, leader) ||
        strcmp(told_by(ring->world, ring->node), own_key) != 0 || !choose_state(ring, &state)) {
        return false;
    }
    /* A new key is first its maker's alone: only when that stands is it given to others. */
    if (!is_granted(key_of(ring->world, ring->node), own_key, &state)) {
        count += grant_to(ring, ring->node, own_key, &state, txn);
    } else {
        WORLD_EACH(ring->world, RECORD_NODE_INVENTORY, each) {
            const char *node = (*each)->key.name, *told = (*each)->inventory->seal_key;
            if (count < grants_per_write && told[0] && !world_is_removed(ring->world, node) &&
                !is_granted(key_of(ring->world, node), told, &state)) {
                count += grant_to(ring, node, told, &state, txn);
            }
        }
    }
    if (count > 0) {
        txn_guard(txn, &leader->key, leader->revision);
    }
    return count > 0 || txn->failed;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The secrets of fence agents in berthd: the key of this host, the cluster's keys that are granted
 * to it and by it, and opening what is sealed at the moment when an agent is run. */
#include "run/daemon_internal.h"

#include "model/fence_rule.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { grant_limit_ms = 5000 };

void daemon_open_keyring(struct daemon *d)
{
    struct error err;
    d->has_host_key = keyring_load(d->config->host_key_file, &d->host_key, &err) == 0;
    d->has_key_news = true;
    if (!d->has_host_key) {
        journal_line(LOG_ERR, "berthd: no sealed secret can be opened here: %s", err.text);
    }
}

void daemon_tell_key(const struct daemon *d, struct node_inventory *inventory)
{
    if (d->has_host_key) {
        seal_public_text(&d->host_key, inventory->seal_key);
        return;
    }
    (void)node_checks_add(
        &inventory->checks, "secrets", false,
        "this host has no key, so it cannot open the secrets of fence agents: see "
        "\"journalctl -u berthd\" for what is wrong with %s",
        d->config->host_key_file);
}

void daemon_saw_key_news(struct daemon *d, enum record_kind kind)
{
    d->has_key_news |= kind == RECORD_CLUSTER || kind == RECORD_LEADER ||
                       kind == RECORD_NODE_SPEC || kind == RECORD_NODE_INVENTORY ||
                       kind == RECORD_NODE_KEY;
}

/* What it wrote comes back as news. Else it is looked at again with the next change. */
static void granted(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                    const struct error *error)
{
    struct daemon *d = userdata;
    (void)id;
    (void)revision;
    assert(d->is_granting);
    d->is_granting = false;
    d->has_key_news = true;
    if (outcome == TXN_IMPOSSIBLE && error) {
        journal_line(LOG_WARNING, "berthd: keys of hosts are not written: %s", error->text);
    }
}

/* A host that is contradicted, or that the store does not know, has nothing to give. */
void daemon_grant_keys(struct daemon *d)
{
    const struct keyring ring = {core_world(d->core), d->config->node, &d->host_key};
    if (!d->has_host_key || !d->has_key_news || d->is_granting ||
        core_contradiction(d->core) != CAUSE_NONE) {
        return;
    }
    struct txn txn = {0};
    d->has_key_news = false;
    if (keyring_plan(&ring, &txn)) {
        if (txn.failed) {
            abort(); /* as the core does when memory runs out */
        }
        d->is_granting = true;
        store_txn(d->store, &txn, grant_limit_ms, 0, granted, d);
    }
    txn_done(&txn);
}

int daemon_open_level(void *daemon, const char *node, const struct fence_level *level,
                      fence_parameters_t *ret, struct error *err)
{
    const struct daemon *d = daemon;
    const struct keyring ring = {core_world(d->core), d->config->node, &d->host_key};
    const struct seal_subject subject = {node, level->agent, level->parameters,
                                         level->parameter_len};
    struct seal_pair pairs[keyring_pairs_max];
    bool is_sealed = level->box[0] != '\0';
    for (size_t i = 0; i < subject.len; i++) {
        is_sealed |= strcmp(subject.parameters[i].value, FENCE_SEALED) == 0;
    }
    if (!is_sealed) { /* none of it is secret, or it is from before secrets were sealed */
        if (!VEC_RESERVE(ret, subject.len)) {
            abort();
        }
        ret->len = subject.len;
        if (subject.len > 0) {
            memcpy(ret->items, subject.parameters, subject.len * sizeof(*ret->items));
        }
        return 0;
    }
    size_t len = d->has_host_key ? keyring_open(&ring, pairs) : 0;
    int r = seal_open(&subject, level->box, pairs, len, ret, err);
    for (size_t i = 0; i < len; i++) {
        seal_pair_done(&pairs[i]);
    }
    return r;
}

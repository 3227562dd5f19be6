/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each kind of write must demand (docs/SAFETY.md). Several of these guards back each other up,
 * so that leaving one out harms no one until another fails too: the truth alone would not show it.
 */
#include "test/sim/internal.h"

static bool demands(const struct txn *txn, enum record_kind kind, const char *name,
                    const char *second)
{
    struct record_key key = {.kind = kind};
    SET_TEXT(key.name, "%s", name);
    SET_TEXT(key.second, "%s", second);
    return txn_demands(txn, &key);
}

static void must_demand(struct sim *sim, const struct host *host, const struct txn *txn,
                        const struct record_key *written, enum record_kind kind)
{
    bool is_single = kind == RECORD_LEADER || kind == RECORD_CLUSTER || kind == RECORD_DISARM;
    if (!demands(txn, kind, is_single ? "" : written->name,
                 kind == RECORD_CLAIM ? written->second : "")) {
        violation(sim, "%s writes %s %s without demanding %s", host->config->name,
                  record_kind_name(written->kind), written->name, record_kind_name(kind));
    }
}

/* A new incarnation says that nothing of the ones before runs. Not of what other hosts began and
 * someone migrated here before this boot joined: that is no incarnation's of this host. */
static void must_be_empty(struct sim *sim, const struct host *host, const struct record *alive)
{
    VEC_EACH(&host->instances, each) {
        bool is_visitor = host->joined_incarnation == 0 && strcmp((*each)->origin, host->name) != 0;
        if ((*each)->phase != INSTANCE_ASKED && !is_visitor &&
            (*each)->incarnation < alive->alive->incarnation) {
            violation(sim, "%s begins anew while %s of before runs there", host->config->name,
                      (*each)->vm);
        }
    }
}

static bool is_handed_over(const struct sim *sim, const char *vm)
{
    const struct record *old = world_find(&sim->store.world, RECORD_VM_PLACEMENT, vm);
    return old && old->placement->handover != HANDOVER_NONE;
}

static void must_demand_fence(struct sim *sim, const struct host *host, const struct txn *txn,
                              const char *node)
{
    if (!demands(txn, RECORD_NODE_FENCE, node, "")) {
        violation(sim, "%s writes without demanding that it was not declared off",
                  host->config->name);
    }
}

/* Silence proves nothing to a host that has not listened for all that time. */
static void must_have_watched(struct sim *sim, const struct host *host, const struct record *fence)
{
    const struct cluster_settings *settings = world_settings(&sim->store.world);
    const struct process *process = host->process;
    msec_t watched_ms = host_now(sim, host) - process->beats_ms;
    msec_t least_ms = fence->fence->proof == PROOF_WATCHDOG ? settings->takeover_ms
                      : fence->fence->proof == PROOF_POWER  ? settings->leader_silence_ms
                                                            : 0;
    if (!process->has_beats) {
        violation(sim, "%s declares %s off without watching heartbeats", host->config->name,
                  fence->key.name);
    } else if (watched_ms < least_ms) {
        violation(sim, "%s declares %s off by %s, and has watched for %lld ms only",
                  host->config->name, fence->key.name, proof_name(fence->fence->proof),
                  (long long)watched_ms);
    }
}

void check_sending(struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        /* The word that a node is removed is not about its silence. */
        bool is_about_silence = write->key.kind == RECORD_NODE_FENCE && write->value &&
                                write->value->fence->proof != PROOF_MANUAL;
        if (is_about_silence) {
            must_have_watched(sim, host, write->value);
        }
    }
}

void check_protocol(struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        const struct record_key *key = &write->key;
        switch (key->kind) {
        case RECORD_NODE_ALIVE:
            must_demand(sim, host, txn, key, RECORD_NODE_ALIVE);
            must_demand(sim, host, txn, key, RECORD_NODE_FENCE);
            if (write->value) {
                must_be_empty(sim, host, write->value);
            } else { /* a node that was removed */
                must_demand(sim, host, txn, key, RECORD_LEADER);
                must_demand(sim, host, txn, key, RECORD_NODE_SPEC);
            }
            break;
        case RECORD_NODE_FENCE:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_NODE_ALIVE);
            must_demand(sim, host, txn, key, RECORD_NODE_FENCE);
            must_demand(sim, host, txn, key, RECORD_CLUSTER);
            break;
        case RECORD_NODE_KEY: /* the core only deletes those of a node that was removed */
        case RECORD_PULSE:
        case RECORD_BEAT_SUMMARY:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_PULSE);
            break;
        case RECORD_DISARM:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_DISARM);
            break;
        case RECORD_NODE_STANDING:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_NODE_STANDING);
            break;
        case RECORD_VM_PLACEMENT:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_VM_SPEC);
            must_demand(sim, host, txn, key, RECORD_VM_PLACEMENT);
            must_demand(sim, host, txn, key, RECORD_VM_STATUS);
            if (is_handed_over(sim, key->name)) {
                must_demand(sim, host, txn, key, RECORD_VM_INCOMING);
            }
            break;
        case RECORD_VM_INCOMING:
            if (write->value) {
                must_demand(sim, host, txn, key, RECORD_VM_PLACEMENT);
                must_demand(sim, host, txn, key, RECORD_VM_INCOMING);
                must_demand_fence(sim, host, txn, write->value->incoming->node);
            }
            break;
        case RECORD_VM_STATUS:
            must_demand(sim, host, txn, key, RECORD_VM_PLACEMENT);
            must_demand(sim, host, txn, key, RECORD_VM_STATUS);
            break;
        case RECORD_CLAIM:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            must_demand(sim, host, txn, key, RECORD_CLAIM);
            break;
        case RECORD_LEADER:
            must_demand(sim, host, txn, key, RECORD_LEADER);
            break;
        case RECORD_FORMAT:
            must_demand(sim, host, txn, key, RECORD_FORMAT);
            break;
        case RECORD_NODE_INVENTORY:
            must_demand(sim, host, txn, key, RECORD_NODE_INVENTORY);
            break;
        case RECORD_CLUSTER:
        case RECORD_NODE_SPEC:
        case RECORD_POOL:
        case RECORD_VM_SPEC:
        case RECORD_EVENT:
        case RECORD_ACCESS:
        case RECORD_FENCE_TEST:
        case RECORD_NODE_USE:
            break;
        }
    }
}

/* Refused once, one looks again; anyone who is refused all the time asks too often. A coordinator
 * that sees late may try each of many VMs a few times. */
void check_refused(struct sim *sim, struct host *host)
{
    const size_t each = 5, least = 100;
    size_t most = MAX(least, each * (sim->scenario->vms.len + sim->scenario->hosts.len));
    if (sim->now_ms - host->refused_ms >= 1000) {
        host->refused_ms = sim->now_ms;
        host->refused = 0;
    }
    if (++host->refused > most) {
        violation(sim, "%s was refused %zu times within a second", host->config->name, most);
    }
}

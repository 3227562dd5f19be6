/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which member of etcd each of etcd_endpoints is: for status and validation, and an event when one
 * of them is another cluster's. It looks like a healthy store, and counts as down.
 */
#include "run/daemon_internal.h"

#include "base/parse.h"
#include "wire/key.h"

#include <inttypes.h>
#include <stdio.h>

static void note_foreign(struct daemon *d, const struct etcd_endpoint_state *state)
{
    struct note note = {.code = NOTE_ENDPOINT_FOREIGN};
    (void)copy_text(note.subject, sizeof(note.subject), d->config->node);
    (void)facts_set(&note.facts, NULL, NULL, state->endpoint);
    (void)snprintf(note.facts.who, sizeof(note.facts.who), "%" PRIx64, state->cluster);
    event_log_note(d->log, &note);
}

void daemon_saw_endpoints(void *userdata)
{
    struct daemon *d = userdata;
    struct etcd_endpoint_state state;
    bool is_foreign;
    for (size_t i = 0; store_endpoint_state(d->store, i, &state, &is_foreign); i++) {
        uint64_t told = d->foreign_endpoints[i];
        d->foreign_endpoints[i] = is_foreign ? state.cluster : 0;
        if (is_foreign && told != state.cluster) {
            note_foreign(d, &state);
        }
    }
    host_refresh(d->host); /* daemon_tell_endpoints() */
}

static void endpoint_tell(struct node_inventory *inventory, const struct etcd_endpoint_state *state,
                          bool is_foreign, uint64_t ours)
{
    node_checks_t *checks = &inventory->checks;
    if (is_foreign) {
        (void)node_checks_add(checks, "endpoint", false,
                              "%s is a member of the etcd cluster %" PRIx64
                              ", not of the store's (%" PRIx64
                              "), and counts as down: correct etcd_endpoints, or join it to the "
                              "store's cluster",
                              state->endpoint, state->cluster, ours);
        return;
    }
    struct node_check *check =
        state->answers
            ? node_checks_add(checks, "endpoint", true, "%s: member %" PRIx64 ", etcd %s",
                              state->endpoint, state->member, state->version)
            : node_checks_add(checks, "endpoint", false,
                              "%s does not answer: is etcd running there?", state->endpoint);
    if (check) {
        check->is_advice = !check->is_ok; /* the others do */
    }
}

void daemon_tell_endpoints(const struct daemon *d, struct node_inventory *inventory)
{
    struct etcd_endpoint_state state;
    bool is_foreign;
    for (size_t i = 0; store_endpoint_state(d->store, i, &state, &is_foreign); i++) {
        if (state.is_known) {
            endpoint_tell(inventory, &state, is_foreign, store_cluster(d->store));
        }
    }
}

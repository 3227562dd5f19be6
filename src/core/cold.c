/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/cold.h"

#include "core/beats.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/self.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cold {
    bool has_led;    /* ever, in the life of this process */
    bool is_start;   /* the term that is being taken is the first since all hosts were down */
    msec_t until_ms; /* so long nothing is placed unless all hosts are back; 0: it is */
};

bool cold_init(struct core *core)
{
    core->cold = calloc(1, sizeof(*core->cold));
    return core->cold != NULL;
}

/*
 * Whether no one coordinated since all hosts went down: whose term it was, was never heard by us,
 * neither its heartbeat nor its pulse. A host that goes on has heard it, unless it came up just
 * then. A berthd that begins again in the same incarnation, or had the lead before, found
 * everything as it was.
 */
static bool is_start(const struct core *core, const struct record *leader)
{
    if (!leader || core->cold->has_led || MUTANT(COLD_IS_WARM)) {
        return false;
    }
    if (strcmp(leader->leader->node, core->config.node) == 0) {
        return leader->leader->incarnation < self_incarnation(core);
    }
    const struct peer *peer = peer_find(core, leader->leader->node);
    return (!peer || !peer->has_beat) && !beats_heard_term(core, leader->leader->term);
}

void cold_look(struct core *core, const struct record *leader)
{
    core->cold->is_start = is_start(core, leader);
}

/* Heard by us, not only known from the store, and with its GPUs bound; or it takes no VMs anyway.
 */
static bool is_back(const struct core *core, const char *node)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    const struct peer *peer = peer_find(core, node);
    bool is_heard = strcmp(node, core->config.node) == 0 || (peer && peer->has_beat);
    return (spec && spec->node_spec->mode != NODE_ACTIVE) ||
           (is_heard && peer_is_up(core, node) && world_has_hypervisor(&core->world, node) &&
            world_has_gpus_ready(&core->world, node, NULL));
}

/* Those that are not, into 'ret', as many as it takes; whether there are any. */
static bool find_missing(const struct core *core, char *ret, size_t size)
{
    size_t len = 0;
    WORLD_EACH(&core->world, RECORD_NODE_INVENTORY, each) {
        const char *name = (*each)->key.name;
        if (!is_back(core, name) && len + strlen(name) + 3 < size) {
            len += (size_t)snprintf(ret + len, size - len, "%s%s", len > 0 ? ", " : "", name);
        }
    }
    return len > 0;
}

bool cold_must_wait(struct core *core)
{
    struct cold *cold = core->cold;
    char missing[reason_size];
    if (cold->until_ms == 0 || core->now_ms >= cold->until_ms ||
        !find_missing(core, missing, sizeof(missing))) {
        cold->until_ms = 0; /* for good: a host that is lost from now on is lost like any other */
    }
    return cold->until_ms != 0;
}

msec_t cold_until_ms(const struct core *core)
{
    return core->cold->until_ms;
}

void cold_begin(struct core *core)
{
    struct cold *cold = core->cold;
    msec_t wait_ms = world_settings(&core->world)->cold_start_ms;
    char missing[reason_size];
    assert(wait_ms >= 0);
    cold->until_ms = cold->is_start ? core->now_ms + wait_ms : 0;
    cold->has_led = true;
    if (cold_must_wait(core) && find_missing(core, missing, sizeof(missing))) {
        facts_set(core_note(core, NOTE_COLD_START, "cluster"), NULL, NULL, missing)->ms = wait_ms;
    }
}

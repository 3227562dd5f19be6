/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/why_not.h"

#include "model/aperture.h"
#include "model/live.h"
#include "plan/card.h"
#include "plan/demand.h"
#include "plan/width.h"

#include <stdio.h>
#include <string.h>

/* The model says that it is paused: not by an administrator? Else '*why' stays. */
static void say_paused(const struct plan_cluster *c, const char *node, struct cause *why)
{
    const char *detail;
    if (world_is_quarantined(c->world, node)) {
        /* Without how long: reasons that change with time would be written again and again. */
        *why = cause_make(CAUSE_NODE_QUARANTINED, NULL, NULL, NULL);
    } else if (!world_has_space(c->world, node, &detail)) {
        *why = cause_make(CAUSE_NODE_NO_SPACE, NULL, NULL, detail);
    } else if (!world_has_gpus_ready(c->world, node, &detail)) {
        *why = cause_make(CAUSE_NODE_GPUS_UNREADY, NULL, NULL, detail);
    }
}

/* Not a possible owner: for want of a label, or of address bits? Else '*why' stays. */
static void say_not_owner(const struct plan_cluster *c, const char *vm, const char *node,
                          struct cause *why)
{
    const struct record *spec = world_find(c->world, RECORD_VM_SPEC, vm);
    const struct node_label *missing;
    struct aperture_need need;
    struct cause lacks;
    if (!spec || !vm_spec_may_run_on(spec->vm_spec, node)) {
        return;
    }
    if (!world_has_labels(c->world, node, spec->vm_spec->labels.items, spec->vm_spec->labels.len,
                          &missing)) {
        *why = (struct cause){.code = CAUSE_NO_LABEL};
        (void)snprintf(why->facts.label, sizeof(why->facts.label), "%s=%s", missing->key,
                       missing->value);
    } else if (!width_has_page_size(c, spec->vm_spec, node)) {
        *why = cause_make(CAUSE_PAGE_SIZE, NULL, NULL, NULL);
        why->facts.count = c->huge_default_kib;
    } else if (!demand_is_met(c, spec->vm_spec, node, &lacks)) {
        *why = lacks;
    } else if (!aperture_fits(c->world, spec->vm_spec, node, &need)) {
        *why = aperture_cause(&need);
    }
}

/* What is wrong with the first bad card of the pool on 'node'; without one, '*why' stays. */
static void say_card(const struct plan_cluster *c, const char *node, struct cause *why)
{
    const struct record *record = world_find(c->world, RECORD_POOL, why->facts.pool);
    if (!record) {
        return;
    }
    VEC_EACH(&record->pool->members, member) {
        struct cause card = {0};
        if (strcmp(member->node, node) == 0 && card_is_refused(c, record->pool, member, &card)) {
            memcpy(card.facts.pool, why->facts.pool, sizeof(card.facts.pool));
            card.facts.need = why->facts.need;
            card.facts.have = why->facts.have;
            card.facts.total = why->facts.total;
            *why = card;
            return;
        }
    }
}

/* It fits, but its room there is kept for another: only its placement says that. */
static void say_kept(const struct plan_cluster *c, const char *vm, const char *node,
                     struct cause *why)
{
    const struct record *record = c->options.placement(c->options.context, vm);
    if (!record || record->placement->phase != PLACEMENT_NONE) {
        return;
    }
    VEC_EACH(&record->placement->reasons, reason) {
        if (reason->cause.code == CAUSE_ROOM_KEPT && strcmp(reason->node, node) == 0) {
            *why = reason->cause;
        }
    }
}

/* Whether what the pool has is no GPU: a pool takes one model, unless it is mixed. */
static bool is_pool_of_others(const struct plan_cluster *c, const char *pool)
{
    const struct record *record = pool[0] ? world_find(c->world, RECORD_POOL, pool) : NULL;
    bool is_other = record && record->pool->members.len > 0;
    if (is_other) {
        VEC_EACH(&record->pool->members, member) {
            is_other &= world_is_other(c->world, member->node, member->slot.address);
        }
    }
    return is_other;
}

/* It is kept out: because it would have to stop for it? Else '*why' stays. */
static void say_stop(const struct plan_cluster *c, const struct plan_request *request, uint32_t vm,
                     uint32_t node, struct cause *why)
{
    for (uint32_t i = 0; request && i < request->avoid_len; i++) {
        const struct plan_avoid *avoid = &request->avoid[i];
        if (avoid->vm == vm && avoid->node == node && avoid->would_stop) {
            struct cause live = live_why_not(c->world, c->vms.items[vm], c->nodes.items[node]);
            *why = live.code != CAUSE_NONE ? live : *why;
        }
    }
}

struct cause plan_cluster_why(const struct plan_cluster *c, const struct plan_request *request,
                              enum plan_wait wait, uint32_t vm, uint32_t node)
{
    const char *name = c->nodes.items[node];
    struct plan_reason reason = plan_explain(c->model, request, vm, node);
    if (reason.code == PLAN_FITS && wait == PLAN_WAIT_RESERVE) {
        reason.code = PLAN_BREAKS_RESERVE;
        reason.need = request->reserve;
    }
    if (reason.code == PLAN_NO_LABEL) {
        reason.code = PLAN_NOT_OWNER; /* there is only that one: nowhere_label() */
        reason.other = PLAN_NONE;
    }
    struct cause why = plan_reason_cause(c->model, &reason);
    if (reason.code == PLAN_FITS) {
        say_kept(c, c->vms.items[vm], name, &why);
    } else if (reason.code == PLAN_NOT_OWNER) {
        say_not_owner(c, c->vms.items[vm], name, &why);
    } else if (reason.code == PLAN_NODE_PAUSED) {
        say_paused(c, name, &why);
    } else if (reason.code == PLAN_NODE_DOWN) {
        /* The model says that it is down, but not why. */
        (void)plan_cluster_is_down(c, name, &why);
    } else if (reason.code == PLAN_GPUS_QUARANTINED) {
        say_card(c, name, &why);
    } else if (reason.code == PLAN_AVOIDED) {
        say_stop(c, request, vm, node, &why);
    }
    why.facts.is_other = is_pool_of_others(c, why.facts.pool);
    return why;
}

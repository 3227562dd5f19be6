/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/elsewhere.h"

#include "core/mutant.h"
#include "core/peer.h"

#include <assert.h>
#include <string.h>

bool elsewhere_is(const struct core *core, const struct view *view)
{
    const char *node;
    const struct vm_status *status = view->status ? view->status->status : NULL;
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    bool is_of_now = status && p && p->phase != PLACEMENT_NONE && status->epoch == p->epoch;
    bool has_left = is_of_now && (strcmp(status->node, p->node) != 0 ||
                                  (status->state == VM_STATE_AWAY && !MUTANT(AWAY_IS_GONE)));
    return has_left ||
           (world_sighting(&core->world, view->name, &node) && !MUTANT(SIGHTING_UNHEEDED));
}

/*
 * Whether it may be adopted where it is seen. Not with a device: its host's devices cannot have
 * come along. And not while its host still has it: a migration by hand that is under way has a QEMU
 * at each end, and the first one has its room, and is the one that runs, until it has left. What is
 * asked too early is done then.
 */
static bool can_adopt(const struct core *core, const struct view *view,
                      const struct vm_sighting *sighting, const char *node)
{
    const struct vm_placement *p = view->placement->placement;
    const char *keeper = world_keeper(&core->world, view->name, p->epoch);
    bool has_left = !keeper || strcmp(keeper, node) == 0 || MUTANT(ADOPTED_EARLY);
    return sighting->epoch == p->epoch && p->gpus.len == 0 && peer_is_up(core, node) && has_left;
}

/* Its place is where it runs, in the same epoch: it is the same instance. */
static void adopt(struct core *core, const struct view *view, const char *node)
{
    /* The administrator's word stands for the order that no one gave; that it runs there, and in
     * which epoch, its host says. */
    assert(view->spec && view->placement && peer_is_up(core, node));
    struct record *next = change_draft(view);
    struct vm_placement *to = next->placement;
    assert(to->gpus.len == 0); /* what has a device of its host cannot have left it */
    change_clear_place(to);
    to->phase = PLACEMENT_START;
    memcpy(to->node, node, sizeof(to->node));
    to->cpus = view->spec->vm_spec->cpus;
    to->memory_mib = view->spec->vm_spec->memory_mib;
    to->huge_page_kib = view->spec->vm_spec->huge_page_kib;
    to->definition = view->spec->vm_spec->definition;
    to->elsewhere_order = view->spec->vm_spec->elsewhere_order;
    to->cause = cause_make(CAUSE_ADOPTED, NULL, NULL, NULL);
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_ADOPTED, NULL), node, NULL, NULL);
}

/* No host shows it, and an administrator says that it is gone: the one end of an instance that is
 * believed without a proof of ours, as no other can be had (docs/SAFETY.md). */
static void give_up(struct core *core, const struct view *view)
{
    const char *node;
    assert(view->spec && !world_sighting(&core->world, view->name, &node));
    struct record *next = change_draft(view);
    change_clear_place(next->placement);
    next->placement->elsewhere_order = view->spec->vm_spec->elsewhere_order;
    next->placement->cause = cause_make(CAUSE_CONFIRMED_GONE, NULL, NULL, NULL);
    (void)change_note(change_commit(core, view, next), NOTE_VM_CONFIRMED_GONE, NULL);
}

void elsewhere_decide(struct core *core, const struct view *view)
{
    const char *node;
    const struct vm_sighting *sighting = world_sighting(&core->world, view->name, &node);
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    if (!p || view->spec->vm_spec->elsewhere_order <= p->elsewhere_order) {
        return;
    }
    bool is_adopted = view->spec->vm_spec->elsewhere == VM_ELSEWHERE_ADOPT;
    if (is_adopted && sighting && can_adopt(core, view, sighting, node)) {
        adopt(core, view, node);
    } else if (!is_adopted && !sighting && p->phase != PLACEMENT_NONE) {
        give_up(core, view);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/fabric.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"

#include "model/fabric.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(fabric_state, FABRIC_STATE_LIST)

/* A reading of the hardware that began before a set was switched may come after it. */
enum { retry_ms = 10000, settle_ms = 5000 };

/* Who has a GPU here. */
struct holder {
    char vm[name_size]; /* "": no one */
    uint64_t epoch;
};

/* What was switched lately: it counts for more than a reading of about that time. */
struct turned {
    char set[fabric_id_size];
    bool is_on;
    msec_t until_ms;
};

struct fabric {
    struct record *found;       /* the inventory as the host last told it; NULL: not yet */
    VEC(struct holder) waiting; /* placements that were not let begin yet */
    VEC(struct turned) turned;
    uint64_t id; /* order under way; 0: none */
    char set[fabric_id_size];
    bool is_on;
    bool has_failed; /* that order */
    char text[reason_size];
    msec_t retry_ms;
};

bool fabric_init(struct core *core)
{
    core->fabric = calloc(1, sizeof(*core->fabric));
    return core->fabric != NULL;
}

void fabric_done(struct core *core)
{
    if (core->fabric) {
        record_unref(core->fabric->found);
        VEC_DONE(&core->fabric->waiting);
        VEC_DONE(&core->fabric->turned);
    }
    free(core->fabric);
}

/* ---- what is ---- */

static const struct node_inventory *inventory_of(const struct core *core)
{
    const struct record *record =
        core->fabric->found ? core->fabric->found : self_inventory_record(core);
    return record ? record->inventory : NULL;
}

static bool is_active(const struct core *core, const struct fabric_set *set)
{
    VEC_EACH(&core->fabric->turned, turned) {
        if (strcmp(turned->set, set->id) == 0 && core->now_ms < turned->until_ms) {
            return turned->is_on;
        }
    }
    return set->is_active;
}

/* ---- whose it is ---- */

/* False: no one can tell. */
static bool find_holder(const struct core *core, struct pci_address gpu, struct holder *ret)
{
    const struct gpu_slot slot = {.address = gpu};
    struct record_key key = world_claim_key(core->config.node, &slot);
    const struct record *claim = world_find_key(&core->world, &key);
    *ret = (struct holder){.epoch = claim ? claim->claim->epoch : 0};
    (void)snprintf(ret->vm, sizeof(ret->vm), "%s", claim ? claim->claim->vm : "");
    return world_is_readable(&core->world, &key);
}

static bool same_holder(const struct holder *a, const struct holder *b)
{
    return a->epoch == b->epoch && strcmp(a->vm, b->vm) == 0;
}

/* Whether one placement has all of it. */
static bool is_of_one(const struct core *core, const struct fabric_set *set)
{
    struct holder first, each;
    bool is_one = find_holder(core, set->gpus[0], &first) && first.vm[0] != '\0';
    for (uint32_t i = 1; is_one && i < set->gpu_len; i++) {
        is_one = find_holder(core, set->gpus[i], &each) && same_holder(&first, &each);
    }
    return is_one;
}

static bool is_part_of(const struct fabric_set *small, const struct fabric_set *large)
{
    return small->gpu_len < large->gpu_len && fabric_set_has(large, small->gpus[0]);
}

static bool is_wanted(const struct core *core, const struct node_inventory *inventory,
                      const struct fabric_set *set)
{
    if (!is_of_one(core, set)) {
        return false;
    }
    VEC_EACH(&inventory->fabric_sets, other) {
        if (is_part_of(set, other) && is_of_one(core, other)) {
            return false;
        }
    }
    return true;
}

static bool is_waiting(const struct core *core, const struct holder *holder)
{
    VEC_EACH(&core->fabric->waiting, each) {
        if (same_holder(each, holder)) {
            return true;
        }
    }
    return false;
}

/* A VM that was not let begin has no use of it, and what was there before is gone: it has the
 * claim. */
static bool may_be_off(const struct core *core, const struct fabric_set *set)
{
    for (uint32_t i = 0; i < set->gpu_len; i++) {
        struct holder holder;
        bool is_known = find_holder(core, set->gpus[i], &holder);
        bool is_free = holder.vm[0] != '\0'
                           ? is_waiting(core, &holder)
                           : !world_card_is_claimed(&core->world, core->config.node,
                                                    set->gpus[i]); /* in parts */
        if (!is_known || !is_free) {
            return MUTANT(FABRIC_CUT);
        }
    }
    return true;
}

static const struct fabric_set *find_obstacle(const struct core *core,
                                              const struct node_inventory *inventory,
                                              const struct fabric_set *set)
{
    VEC_EACH(&inventory->fabric_sets, other) {
        if (other != set && is_active(core, other) && fabric_sets_overlap(set, other)) {
            return other;
        }
    }
    return NULL;
}

/* ---- before a start ---- */

static void set_waiting(struct core *core, const char *vm, uint64_t epoch, bool is_on)
{
    struct holder holder = {.epoch = epoch};
    (void)snprintf(holder.vm, sizeof(holder.vm), "%s", vm);
    for (size_t i = core->fabric->waiting.len; i-- > 0;) {
        if (strcmp(core->fabric->waiting.items[i].vm, vm) == 0) {
            VEC_REMOVE(&core->fabric->waiting, i);
        }
    }
    struct holder *place = is_on ? VEC_ADD(&core->fabric->waiting) : NULL;
    if (is_on && !place) {
        core_out_of_memory();
    }
    if (place) {
        *place = holder;
    }
}

static bool placement_has(const struct vm_placement *placement, const struct fabric_set *set)
{
    for (uint32_t i = 0; i < set->gpu_len; i++) {
        bool is_there = false;
        VEC_EACH(&placement->gpus, hold) {
            is_there |= hold->slot.partition[0] == '\0' &&
                        pci_address_compare(hold->slot.address, set->gpus[i]) == 0;
        }
        if (!is_there) {
            return false;
        }
    }
    return true;
}

/* Whether what it waits for could not be done when that was tried last. */
static bool has_failed(const struct core *core, const struct node_inventory *inventory,
                       const struct fabric_set *set)
{
    const struct fabric *fabric = core->fabric;
    const struct fabric_set *tried = fabric_find(inventory, fabric->set);
    return fabric->has_failed && tried && fabric_sets_overlap(tried, set);
}

/* Whether an order is under way that changes it: one to deactivate it, say, from before it was
 * claimed. */
static bool is_being_turned(const struct core *core, const struct node_inventory *inventory,
                            const struct fabric_set *set)
{
    const struct fabric_set *turned =
        core->fabric->id != 0 ? fabric_find(inventory, core->fabric->set) : NULL;
    return turned && fabric_sets_overlap(turned, set);
}

static uint32_t count_ruled(const struct node_inventory *inventory,
                            const struct vm_placement *placement)
{
    uint32_t count = 0;
    VEC_EACH(&placement->gpus, hold) {
        count += hold->slot.partition[0] == '\0' && fabric_rules(inventory, hold->slot.address);
    }
    return count;
}

static enum fabric_state prepare(struct core *core, const struct node_inventory *inventory,
                                 const struct vm_placement *placement, struct cause *ret_why)
{
    struct fabric *fabric = core->fabric;
    enum fabric_state state = FABRIC_READY;
    if (inventory->fabric_sets.len == 0 && count_ruled(inventory, placement) > 1) {
        *ret_why = cause_make(CAUSE_FABRIC_NOT_READY, NULL, NULL, NULL);
        return FABRIC_FAILED;
    }
    VEC_EACH(&inventory->fabric_sets, set) {
        if (!placement_has(placement, set) || !is_wanted(core, inventory, set)) {
            continue;
        }
        if (is_active(core, set) && !is_being_turned(core, inventory, set)) {
            continue;
        }
        if (has_failed(core, inventory, set)) {
            *ret_why = cause_make(CAUSE_FABRIC_NOT_READY, NULL, NULL, fabric->text);
            fabric->has_failed = false; /* if it is asked for again, it is tried again */
            fabric->retry_ms = core->now_ms;
            return FABRIC_FAILED;
        }
        state = FABRIC_NOT_YET;
    }
    return state;
}

enum fabric_state fabric_prepare(struct core *core, const char *vm,
                                 const struct vm_placement *placement, struct cause *ret_why)
{
    const struct node_inventory *inventory = inventory_of(core);
    if (!inventory || !inventory->has_fabric || placement->gpus.len == 0) {
        return FABRIC_READY;
    }
    if (!core->fabric->found) {
        return FABRIC_NOT_YET;
    }
    enum fabric_state state = prepare(core, inventory, placement, ret_why);
    set_waiting(core, vm, placement->epoch, state == FABRIC_NOT_YET);
    return MUTANT(FABRIC_UNASKED) ? FABRIC_READY : state;
}

/* ---- orders to the host ---- */

static void turn(struct core *core, const struct fabric_set *set, bool is_on)
{
    struct fabric *fabric = core->fabric;
    assert(fabric->id == 0);
    assert(is_on || may_be_off(core, set));
    struct core_action *action = core_act(core, ACTION_FABRIC);
    (void)snprintf(action->name, sizeof(action->name), "%s", set->id);
    action->count = is_on;
    fabric->id = action->id;
    memcpy(fabric->set, set->id, sizeof(fabric->set));
    fabric->is_on = is_on;
}

/* Those that are in the way of none come last: they wait for the retry of one that is. */
static bool turn_next(struct core *core, const struct node_inventory *inventory)
{
    VEC_EACH(&inventory->fabric_sets, set) {
        bool has_it = is_active(core, set), wants_it = is_wanted(core, inventory, set);
        if (has_it && !wants_it && may_be_off(core, set) && !MUTANT(FABRIC_KEPT)) {
            turn(core, set, false);
            return true;
        }
        if (!has_it && wants_it && !find_obstacle(core, inventory, set)) {
            turn(core, set, true);
            return true;
        }
    }
    return false;
}

void fabric_step(struct core *core)
{
    struct fabric *fabric = core->fabric;
    if (fabric->id != 0 || !fabric->found || !fabric->found->inventory->has_fabric) {
        return;
    }
    if (fabric->has_failed && core->now_ms < fabric->retry_ms) {
        core_wake(core, fabric->retry_ms);
        return;
    }
    (void)turn_next(core, fabric->found->inventory);
}

/* ---- what came of them ---- */

static void remember_turned(struct core *core)
{
    struct fabric *fabric = core->fabric;
    for (size_t i = fabric->turned.len; i-- > 0;) {
        const struct turned *turned = &fabric->turned.items[i];
        if (turned->until_ms <= core->now_ms || strcmp(turned->set, fabric->set) == 0) {
            VEC_REMOVE(&fabric->turned, i);
        }
    }
    struct turned *place = VEC_ADD(&fabric->turned);
    if (!place) {
        core_out_of_memory();
    }
    *place = (struct turned){.is_on = fabric->is_on, .until_ms = core->now_ms + settle_ms};
    memcpy(place->set, fabric->set, sizeof(place->set));
    core_wake(core, place->until_ms);
}

static void turned(struct core *core, const struct core_event *event)
{
    struct fabric *fabric = core->fabric;
    const char *why = event->text ? event->text : "";
    fabric->id = 0;
    if (event->result == CORE_DONE) {
        remember_turned(core);
        fabric->has_failed = false;
        (void)facts_set(
            core_note(core, fabric->is_on ? NOTE_FABRIC_ON : NOTE_FABRIC_OFF, core->config.node),
            NULL, fabric->set, NULL);
        return;
    }
    bool is_news = !fabric->has_failed || strcmp(fabric->text, why) != 0;
    fabric->has_failed = true;
    fabric->retry_ms = core->now_ms + retry_ms;
    (void)snprintf(fabric->text, sizeof(fabric->text), "%s", why);
    if (is_news) {
        (void)facts_set(core_note(core,
                                  fabric->is_on ? NOTE_FABRIC_ON_FAILED : NOTE_FABRIC_OFF_FAILED,
                                  core->config.node),
                        NULL, fabric->set, why);
    }
}

void fabric_event(struct core *core, const struct core_event *event)
{
    struct fabric *fabric = core->fabric;
    if (event->kind == CORE_INVENTORY) {
        record_unref(fabric->found);
        fabric->found = record_ref(event->record);
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == fabric->id) {
        turned(core, event);
    }
}

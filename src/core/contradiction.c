/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watchdog goes on ticking while the store contradicts us. It is petted in one case: this
 * process was acknowledged, and a majority says that our heartbeat is not in the store at all. Then
 * no one can prove us off: a fence record is guarded by the heartbeat that was timed, and anyone
 * who finds our heartbeat there later times it from then on. So a read that shows its absence
 * bounds the takeover just as an acknowledgement does, and the same times follow it
 * (docs/SAFETY.md). Each other contradiction counts as a store that cannot be reached.
 */
#include "core/contradiction.h"

#include "core/beats.h"
#include "core/founding.h"
#include "core/heartbeat.h"
#include "core/local_vm.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"
#include "core/visitor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { remind_ms = 60000, resolve_ms = 30000 };

enum resolve { RESOLVE_NOT, RESOLVE_ADOPT, RESOLVE_CLEAR };

struct contradiction {
    enum cause_code why;
    revision_t seen_revision; /* what the store had when it last said that all was told */
    bool has_gone_back;       /* a snapshot showed less than that */
    enum resolve resolve;     /* an administrator's decision, ... */
    msec_t resolve_until_ms;  /* ... not for a contradiction of another day */
    msec_t tell_ms;           /* when to tell it again */
    uint64_t look_id;         /* the store is asked whether our heartbeat is there; 0: it is not */
    msec_t look_ms;           /* when it was last asked */
};

bool contradiction_init(struct core *core)
{
    core->contradiction = calloc(1, sizeof(*core->contradiction));
    return core->contradiction != NULL;
}

enum cause_code contradiction_why(const struct core *core)
{
    return core->contradiction->why;
}

/* The incarnation that this boot has, or had before this berthd; 0: it has not joined yet. */
static uint64_t joined(const struct core *core)
{
    uint64_t incarnation = self_incarnation(core);
    return incarnation != 0 ? incarnation : core->config.joined_incarnation;
}

static bool is_fenced(const struct core *core)
{
    return self_fenced_incarnation(core) >= joined(core);
}

/* Nothing says that this boot has joined, neither here nor in the store. */
static bool is_unknown(const struct core *core)
{
    const struct record *alive = self_alive_record(core);
    return joined(core) == 0 && !(alive && self_is_this_boot(core, alive));
}

static enum cause_code find_contradiction(const struct core *core)
{
    const struct record *alive = self_alive_record(core);
    revision_t known = heartbeat_revision(core);
    if (!core->world.is_complete || MUTANT(STORE_BELIEVED)) {
        return CAUSE_NONE;
    }
    if (founding_refusal(core) != CAUSE_NONE) {
        return founding_refusal(core);
    }
    if (founding_is_other(core)) {
        return CAUSE_STORE_OF_OTHERS;
    }
    if (is_unknown(core) && local_vms_have_strangers(core) && !MUTANT(STRANGERS_UNHEEDED)) {
        return CAUSE_STORE_STRANGERS;
    }
    if (joined(core) == 0 || is_fenced(core)) {
        return CAUSE_NONE; /* that we were fenced is an order of the cluster that we joined */
    }
    if (core->contradiction->has_gone_back) {
        return CAUSE_STORE_WENT_BACK;
    }
    if (self_state(core) == MEMBERSHIP_JOINING) {
        return !alive                                     ? CAUSE_STORE_NO_HEARTBEAT
               : alive->alive->incarnation < joined(core) ? CAUSE_STORE_OLD_INCARNATION
                                                          : CAUSE_NONE;
    }
    /* The picture may be older than our last heartbeat: right after joining it often is. A store
     * that will never come that far has gone back. */
    if (known == 0 || beats_told_revision(core) < known) {
        return CAUSE_NONE;
    }
    if (!alive) {
        return CAUSE_STORE_LOST_HEARTBEAT;
    }
    return alive->revision < known ? CAUSE_STORE_OLD_HEARTBEAT : CAUSE_NONE;
}

bool contradiction_is_there(struct core *core)
{
    struct contradiction *c = core->contradiction;
    enum cause_code why = find_contradiction(core);
    if (why != CAUSE_NONE) {
        c->why = why;
        c->tell_ms = core->now_ms;
        c->look_id = 0;
        c->look_ms = core->now_ms - world_settings(&core->world)->heartbeat_ms;
    }
    return why != CAUSE_NONE;
}

static void contradiction_remind(struct core *core)
{
    struct contradiction *c = core->contradiction;
    size_t count = 0;
    uint64_t epoch;
    if (core->now_ms < c->tell_ms) {
        core_wake(core, c->tell_ms);
        return;
    }
    while (local_vm_instance(core, count, &epoch)) {
        count++;
    }
    c->tell_ms = core->now_ms + remind_ms;
    core_wake(core, c->tell_ms);
    enum note_code code =
        founding_refusal(core) != CAUSE_NONE ? NOTE_STORE_REFUSED : NOTE_STORE_CONTRADICTS;
    const struct cause why = {.code = c->why};
    core_note_because(core, code, self_name(core), &why, NULL)->count = count;
}

/* ---- the watchdog ---- */

/* What stands in for a heartbeat. It asks the store itself, by a transaction that writes nothing
 * and demands that our key is not there: our picture may be late. */
static void look(struct core *core)
{
    struct contradiction *c = core->contradiction;
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    if (!heartbeat_has_ack(core) || self_alive_record(core) || MUTANT(ABSENCE_IGNORED)) {
        return;
    }
    if (core->now_ms < c->look_ms + heartbeat_ms) {
        core_wake(core, c->look_ms + heartbeat_ms);
        return;
    }
    struct record_key key = {.kind = RECORD_NODE_ALIVE};
    memcpy(key.name, self_name(core), sizeof(key.name));
    struct core_action *action = core_act(core, ACTION_TXN);
    action->limit_ms = heartbeat_ms;
    if (!MUTANT(ABSENCE_SEEN_LATE)) {
        txn_guard(&action->txn, &key, 0);
    }
    if (action->txn.failed) {
        core_out_of_memory();
    }
    c->look_id = action->id; /* an answer to an earlier one would come too late to count */
    c->look_ms = core->now_ms;
    core_wake(core, c->look_ms + heartbeat_ms);
}

static void looked(struct core *core, enum txn_outcome outcome)
{
    struct contradiction *c = core->contradiction;
    c->look_id = 0;
    if (outcome == TXN_COMMITTED && self_state(core) == MEMBERSHIP_CONTRADICTED &&
        heartbeat_has_ack(core) && !self_alive_record(core)) {
        heartbeat_count_absence(core, c->look_ms);
    }
}

/* ---- the ways out ---- */

/* Whether the store has ordered instance 'vm' of 'epoch' here, and does not take it for ended. */
static const struct vm_status *ordered(const struct core *core, const char *vm, uint64_t epoch)
{
    const struct record *placement = world_find(&core->world, RECORD_VM_PLACEMENT, vm);
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, vm);
    bool is_ordered = placement && status && placement->placement->phase != PLACEMENT_NONE &&
                      strcmp(placement->placement->node, self_name(core)) == 0 &&
                      placement->placement->epoch == epoch && status->status->epoch == epoch &&
                      status->status->state != VM_STATE_STOPPED &&
                      status->status->state != VM_STATE_FAILED;
    return is_ordered ? status->status : NULL;
}

/* The one incarnation in which the store says that all that exists here was begun, and in which it
 * counts as running still; 0: there is none, because of '*ret_vm'. */
static uint64_t ordered_incarnation(const struct core *core, const char **ret_vm)
{
    const struct record *alive = self_alive_record(core);
    uint64_t incarnation = 0, epoch;
    for (size_t i = 0; (*ret_vm = local_vm_instance(core, i, &epoch)) != NULL; i++) {
        const struct vm_status *status = ordered(core, *ret_vm, epoch);
        if (!status || (incarnation != 0 && status->incarnation != incarnation) ||
            status->incarnation <= self_fenced_incarnation(core) ||
            (alive && alive->alive->incarnation > status->incarnation)) {
            return 0;
        }
        incarnation = status->incarnation;
    }
    return incarnation;
}

static bool adopt(struct core *core)
{
    const char *vm, *cluster = founding_cluster(core);
    uint64_t incarnation = ordered_incarnation(core, &vm);
    if (founding_is_other(core)) {
        (void)facts_set(core_note(core, NOTE_ADOPTION_OF_OTHERS, self_name(core)), NULL, cluster,
                        NULL);
        return false;
    }
    if (incarnation == 0 || !cluster) {
        (void)facts_set(core_note(core, NOTE_ADOPTION_REFUSED, self_name(core)), NULL, vm, NULL);
        return false;
    }
    self_take_cluster(core, cluster);
    self_take_incarnation(core, incarnation);
    heartbeat_take_over(core);
    core->contradiction->has_gone_back = false;
    core_note(core, NOTE_NODE_ADOPTED, self_name(core))->count = incarnation;
    return true;
}

/*
 * Whether someone migrated it here from a host of this store before this boot joined. The boot of
 * the host that its marker names tells that apart from a host that was renamed and has forgotten
 * who it is: that one was last heard in our own boot. With a device it cannot have come. What the
 * store orders here would be taken for gone when we begin again, and what the store does not know
 * may belong to another one: both are for an administrator.
 */
static bool has_come(const struct core *core, const struct local_vm *vm)
{
    const struct record *from = world_find(&core->world, RECORD_NODE_ALIVE, vm->origin);
    const struct record *record = world_find(&core->world, RECORD_VM_PLACEMENT, vm->name);
    struct vm_sighting what = local_vm_sighting(vm);
    assert(beats_are_watched(core)); /* else it would not say when that host was last heard */
    if (strcmp(vm->origin, self_name(core)) == 0 || !from || self_is_this_boot(core, from) ||
        !record || record->placement->epoch < vm->epoch) {
        return false;
    }
    bool is_over = record->placement->epoch > vm->epoch;
    return (is_over || record->placement->gpus.len == 0) && !visitor_is_ordered(core, &what);
}

/* Whether all that exists here has come so. The others must hear of it before they prove the host
 * gone that it came from, so no administrator is waited for. */
static bool are_visitors(const struct core *core)
{
    VEC_EACH(&core->agent->vms, vm) {
        if (vm->exists && !has_come(core, vm)) {
            return false;
        }
    }
    return founding_cluster(core) != NULL;
}

static enum contradiction_end clear(struct core *core, enum cause_code code)
{
    core->contradiction->has_gone_back = false;
    const struct cause why = {.code = code};
    (void)core_note_because(core, NOTE_NODE_CLEARED, self_name(core), &why, NULL);
    return CONTRADICTION_CLEAR;
}

void contradiction_event(struct core *core, const struct core_event *event)
{
    struct contradiction *c = core->contradiction;
    if (event->kind == CORE_TXN_DONE && event->id != 0 && event->id == c->look_id) {
        looked(core, event->outcome);
    } else if (event->kind == CORE_STORE_SYNCED || event->kind == CORE_STORE_PROGRESS) {
        c->has_gone_back |= event->kind == CORE_STORE_SYNCED && self_is_member(core) &&
                            event->revision < c->seen_revision;
        c->seen_revision = event->revision;
    } else if (event->kind == CORE_RESOLVE) {
        c->resolve = event->is_up ? RESOLVE_ADOPT : RESOLVE_CLEAR;
        c->resolve_until_ms = core->now_ms + resolve_ms;
    }
}

enum contradiction_end contradiction_step(struct core *core)
{
    struct contradiction *c = core->contradiction;
    uint64_t epoch;
    assert(self_state(core) == MEMBERSHIP_CONTRADICTED);
    if (!core->world.is_complete || !local_vms_are_listed(core)) {
        return CONTRADICTION_STAYS;
    }
    if (founding_refusal(core) != CAUSE_NONE) {
        contradiction_remind(core);
        return CONTRADICTION_STAYS; /* neither word of an administrator changes that */
    }
    enum resolve resolve = core->now_ms <= c->resolve_until_ms ? c->resolve : RESOLVE_NOT;
    c->resolve = RESOLVE_NOT;
    if (joined(core) != 0 && is_fenced(core) && !founding_is_other(core)) {
        return clear(core, CAUSE_CLEAR_FENCED);
    }
    if (!local_vm_instance(core, 0, &epoch)) {
        return clear(core, CAUSE_CLEAR_EMPTY);
    }
    if (resolve == RESOLVE_CLEAR) {
        return clear(core, CAUSE_CLEAR_ORDERED);
    }
    if (resolve == RESOLVE_ADOPT && adopt(core)) {
        return CONTRADICTION_ADOPT;
    }
    if (find_contradiction(core) == CAUSE_STORE_STRANGERS && !MUTANT(VISITORS_UNTOLD)) {
        if (!beats_are_watched(core)) {
            return CONTRADICTION_STAYS; /* they were asked for (candidate.c), and wake us */
        }
        if (are_visitors(core)) {
            return CONTRADICTION_VISIT;
        }
    }
    contradiction_remind(core);
    look(core);
    return CONTRADICTION_STAYS;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hand-over of a running VM between two libvirts, as src/virt orders it of QEMU:
 *
 *   begin   the target's QEMU exists, if its berthd lets it in; it waits for what comes
 *   full    the source's guest is paused, and the target has all of it; it does not run
 *   finish  the source's libvirt hears that, and ends the source. If it does not hear it (the link
 *           broke, or it died), the source runs on, and what the target has is out of date
 *   close   it takes leave of the target's libvirt, and answers. If that has gone meanwhile, it
 *           takes as long as it takes to notice: so berthd sees the source end long before it hears
 *           that the migration was done
 *
 * If the source's libvirt dies between the two, the source may stay paused, until berthd has it
 * run.
 *
 * Nothing but its berthd's order makes the target run. A source or target that ends at any point
 * ends the migration: before 'full' the target goes, after it it waits to be told.
 */
#include "test/sim/internal.h"

enum { connect_ms = 50, continue_ms = 20, notice_ms = 1000, keepalive_ms = 27500 };

struct journey {
    struct host *from;
    uint64_t source, target; /* numbers of instances; target 0: none yet */
    char vm[name_size];
    uint64_t epoch, incarnation; /* of the target */
    uint64_t answer_id;          /* 0: was answered */
    uint64_t life;
    msec_t still_ms; /* since when the source's guest has been paused */
    msec_t pause_ms; /* how long it was, in the end */
};

static struct instance *find_number(const struct host *host, uint64_t number)
{
    VEC_EACH(&host->instances, each) {
        if ((*each)->number == number) {
            return *each;
        }
    }
    return NULL;
}

static void go_on_later(struct sim *sim, msec_t delay_ms, happen_fn *run, struct host *to,
                        const struct journey *journey)
{
    struct happening *happening = later(sim, delay_ms, run, to);
    happening->data = NEW(struct journey);
    *(struct journey *)happening->data = *journey;
    happening->drop = free;
}

static void answer(struct sim *sim, const struct journey *journey, enum core_result result,
                   const char *text)
{
    if (journey->from->life == journey->life) {
        process_answer(sim, journey->from, 0, journey->answer_id, result, text);
    }
}

static bool can_talk(const struct host *a, const struct host *b)
{
    return a->has_power && b->has_power && !a->is_in_cut && !a->is_out_cut && !b->is_in_cut &&
           !b->is_out_cut;
}

/* ---- the target's berthd lets it in ---- */

static struct expected *find_expected(struct host *host, const char *vm)
{
    VEC_EACH(&host->expected, each) {
        if (strcmp(each->vm, vm) == 0) {
            return each;
        }
    }
    return NULL;
}

void migrate_forget(struct host *host, const char *vm, uint64_t epoch)
{
    struct expected *expected = find_expected(host, vm);
    if (expected && expected->epoch == epoch) {
        VEC_REMOVE(&host->expected, (size_t)(expected - host->expected.items));
    }
}

static void do_expect(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct expected *expected = find_expected(host, action->name);
    if (!expected) {
        expected = ADD_TO(&host->expected);
    }
    *expected = (struct expected){.epoch = action->epoch, .incarnation = action->incarnation};
    SET_TEXT(expected->vm, "%s", action->name);
    process_answer(sim, host, 1, action->id, CORE_DONE, NULL);
}

static bool lets_in(struct host *to, const struct journey *journey)
{
    const struct expected *expected = find_expected(to, journey->vm);
    return to->libvirt == LIBVIRT_UP && !to->is_door_closed && expected &&
           expected->epoch == journey->epoch && expected->incarnation == journey->incarnation &&
           !hypervisor_find(to, journey->vm);
}

/* ---- the three steps ---- */

/* Its libvirt ends what did not get all, when it notices. */
static void end_target(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    struct instance *target = find_number(happening->host, journey->target);
    if (target && happening->host->libvirt != LIBVIRT_UP) {
        go_on_later(sim, notice_ms, end_target, happening->host, journey);
    } else if (target) {
        hypervisor_end(sim, happening->host, target, "its migration failed");
    }
}

/* The guest runs on where it was. */
static void fail(struct sim *sim, struct host *to, const struct journey *journey, const char *why)
{
    struct instance *source = find_number(journey->from, journey->source);
    struct instance *target = find_number(to, journey->target);
    if (source) {
        source->is_leaving = source->is_called_off = false;
    }
    if (target && target->has_arrived) {
        target->is_stale = source != NULL;
    } else if (target) {
        go_on_later(sim, rng_between(&sim->rng, 0, notice_ms), end_target, to, journey);
    }
    answer(sim, journey, CORE_FAILED, why);
}

static bool is_broken(const struct host *to, const struct journey *journey)
{
    const struct instance *source = find_number(journey->from, journey->source);
    const struct instance *target = find_number(to, journey->target);
    return !source || source->is_undone || !target || target->is_undone ||
           !can_talk(journey->from, to);
}

static void closed(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    if (journey->from->life == journey->life) {
        struct letter letter = {.event = {.kind = CORE_ACTION_DONE,
                                          .id = journey->answer_id,
                                          .result = CORE_DONE,
                                          .span_ms = journey->pause_ms}};
        process_tell(sim, journey->from, 0, &letter);
    }
}

static void take_leave(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    bool is_late = !can_talk(journey->from, happening->host) ||
                   faults_take(sim, OP_LATE_MIGRATION, journey->vm, "", NULL);
    go_on_later(sim, is_late ? keepalive_ms : 0, closed, happening->host, journey);
}

static void finish(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    struct host *from = journey->from, *to = happening->host;
    struct instance *source = find_number(from, journey->source);
    if (from->libvirt == LIBVIRT_HANGS && source) {
        go_on_later(sim, notice_ms, finish, to, journey); /* paused so long */
        return;
    }
    if (source && faults_take(sim, OP_STRAND_MIGRATION, journey->vm, "", NULL)) {
        source->is_stranded = true;
        outage_down(sim, source->vm);
        hypervisor_tell(sim, from, source);
        fail(sim, to, journey, "libvirt died");
        return;
    }
    if (!source || is_broken(to, journey) || from->libvirt != LIBVIRT_UP ||
        to->libvirt != LIBVIRT_UP || faults_take(sim, OP_CUT_MIGRATION, journey->vm, "", NULL)) {
        fail(sim, to, journey, "the connection to the other host broke");
        return;
    }
    outage_down(sim, source->vm);
    hypervisor_leave(sim, from, source, "it was migrated away");
    instance_free(source);
    struct journey over = *journey;
    over.pause_ms = sim->now_ms - journey->still_ms;
    go_on_later(sim, rng_between(&sim->rng, 0, 50), take_leave, to, &over);
}

/* Whether it was called off in time: once the target has all of the guest, no one can. */
static bool is_called_off(const struct journey *journey)
{
    const struct instance *source = find_number(journey->from, journey->source);
    return source && source->is_called_off;
}

/* Once, on its way: half of it is left. */
static void tell_progress(struct sim *sim, const struct journey *journey,
                          const struct instance *source)
{
    struct letter letter = {.event = {.kind = CORE_VM_MOVING, .epoch = source->epoch}};
    SET_TEXT(letter.name, "%s", journey->vm);
    letter.progress = (struct move_progress){.total_mib = source->memory_mib,
                                             .left_mib = source->memory_mib / 2,
                                             .rate_mib_s = 100,
                                             .pause_ms = 50};
    if (journey->from->life == journey->life) {
        process_tell(sim, journey->from, 0, &letter);
    }
}

static void full(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    struct host *from = journey->from, *to = happening->host;
    struct instance *target = find_number(to, journey->target);
    if (!target || is_broken(to, journey) || is_called_off(journey) ||
        from->libvirt == LIBVIRT_DOWN || to->libvirt == LIBVIRT_DOWN ||
        faults_take(sim, OP_FAIL_MIGRATION, journey->vm, "", NULL)) {
        fail(sim, to, journey, "the connection to the other host was lost");
        return;
    }
    struct journey stopped = *journey;
    stopped.still_ms = sim->now_ms;
    target->has_arrived = true;
    hypervisor_tell(sim, to, target);
    go_on_later(sim, rng_between(&sim->rng, 5, 100), finish, to, &stopped);
}

/* The guest changes its memory faster than the network takes it. */
static void hang(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    if (is_broken(happening->host, journey) || is_called_off(journey)) {
        full(sim, happening);
    } else {
        go_on_later(sim, notice_ms, hang, happening->host, journey);
    }
}

static struct instance *copy_of(struct sim *sim, const struct host *to,
                                const struct instance *source, const struct journey *journey)
{
    struct instance *copy = NEW(struct instance);
    copy->number = ++sim->last_number;
    SET_TEXT(copy->vm, "%s", source->vm);
    copy->epoch = journey->epoch;
    copy->incarnation = journey->incarnation;
    SET_TEXT(copy->origin, "%s", to->name);
    SET_TEXT(copy->cluster, "%s", source->cluster);
    copy->cpus = source->cpus;
    copy->memory_mib = source->memory_mib;
    copy->has_huge_pages = source->has_huge_pages;
    copy->phase = INSTANCE_BOOTING;
    copy->is_incoming = true;
    return copy;
}

static void begin(struct sim *sim, const struct happening *happening)
{
    struct journey journey = *(const struct journey *)happening->data;
    struct host *to = happening->host;
    struct instance *source = find_number(journey.from, journey.source);
    if (!source || source->is_undone || is_called_off(&journey) || !can_talk(journey.from, to) ||
        !lets_in(to, &journey)) {
        fail(sim, to, &journey, "the other host does not let it in");
        return;
    }
    struct instance *copy = copy_of(sim, to, source, &journey);
    *ADD_TO(&to->instances) = copy;
    journey.target = copy->number;
    check_copy(sim, to, copy);
    check_room(sim, to, copy);
    hypervisor_tell(sim, to, copy);
    tell_progress(sim, &journey, source);
    bool hangs = faults_take(sim, OP_HANG_MIGRATION, journey.vm, "", NULL);
    go_on_later(sim, hangs ? notice_ms : rng_between(&sim->rng, 200, 4000), hangs ? hang : full, to,
                &journey);
}

/* ---- orders ---- */

static void expires(struct sim *sim, const struct happening *happening)
{
    const struct journey *journey = happening->data;
    if (find_number(journey->from, journey->source)) {
        answer(sim, journey, CORE_UNKNOWN, "libvirt did not answer");
    }
}

static void do_migrate(struct sim *sim, struct host *from, const struct core_action *action)
{
    struct instance *source = hypervisor_find(from, action->name);
    struct host *to = host_find(sim, action->target);
    if (!source || source->epoch != action->epoch || source->phase != INSTANCE_UP ||
        source->is_leaving || source->is_incoming || from->libvirt != LIBVIRT_UP || !to) {
        process_answer(sim, from, 1, action->id, CORE_FAILED, "it cannot be migrated");
        return;
    }
    struct journey journey = {.from = from,
                              .source = source->number,
                              .epoch = action->to_epoch,
                              .incarnation = action->to_incarnation,
                              .answer_id = action->id,
                              .life = from->life};
    SET_TEXT(journey.vm, "%s", action->name);
    source->is_leaving = true;
    source->is_called_off = false;
    go_on_later(sim, connect_ms + sim_delay(sim), begin, to, &journey);
    go_on_later(sim, host_until(sim, from, host_now(sim, from) + action->limit_ms), expires, to,
                &journey);
}

/* Its libvirt answers no one: the migration does, if it ends. */
static void do_abort(struct host *host, const struct core_action *action)
{
    struct instance *source = hypervisor_find(host, action->name);
    if (source && source->epoch == action->epoch && source->is_leaving &&
        host->libvirt == LIBVIRT_UP) {
        source->is_called_off = true;
    }
}

static void run_on(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    const struct journey *journey = happening->data;
    struct instance *instance = find_number(host, journey->target);
    if (instance && instance->is_stranded && !instance->is_undone) {
        instance->is_stranded = false;
        outage_up(sim, host, instance->vm);
        hypervisor_tell(sim, host, instance);
        answer(sim, journey, CORE_DONE, NULL);
        return;
    }
    if (!instance || !instance->has_arrived || instance->is_undone) {
        answer(sim, journey, CORE_FAILED, "it ended");
        return;
    }
    instance->has_arrived = false;
    check_copy_runs(sim, host, instance);
    hypervisor_go_on(sim, host, instance);
    answer(sim, journey, CORE_DONE, NULL);
}

static void do_continue(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct instance *instance = hypervisor_find(host, action->name);
    if (!instance || instance->epoch != action->epoch ||
        (!instance->has_arrived && !instance->is_stranded) || host->is_door_closed ||
        host->libvirt != LIBVIRT_UP) {
        process_answer(sim, host, 1, action->id, CORE_FAILED, "nothing of it has arrived");
        return;
    }
    struct journey journey = {
        .from = host, .target = instance->number, .answer_id = action->id, .life = host->life};
    go_on_later(sim, continue_ms + sim_delay(sim), run_on, host, &journey);
}

void migrate_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_VM_EXPECT) {
        do_expect(sim, host, action);
    } else if (action->kind == ACTION_VM_MIGRATE) {
        do_migrate(sim, host, action);
    } else if (action->kind == ACTION_VM_ABORT) {
        do_abort(host, action);
    } else {
        do_continue(sim, host, action);
    }
}

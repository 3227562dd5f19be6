/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What exists: the union of what libvirt has (has_domain) and what the kernel has (processes).
 *
 * Gone is: no process any more and libvirt does not have it; or no process any more and libvirt
 * is not there, does not notice within the grace, or was not asked to (kill). While libvirt hangs,
 * nothing is gone that we have not killed: its QEMU may have ended because it was migrated away,
 * and only libvirt can tell. What never had a process (drivers without QEMU) is gone when libvirt
 * does not have it and a scan found none.
 */
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

struct instance *virt_instance_find(struct virt *virt, const char *vm, uint64_t epoch)
{
    struct instance *instance = virt->instances;
    while (instance && (instance->marker.epoch != epoch || strcmp(instance->marker.vm, vm) != 0)) {
        instance = instance->next;
    }
    return instance;
}

struct instance *virt_instance_need(struct virt *virt, const struct domain_marker *marker)
{
    struct instance *instance = virt_instance_find(virt, marker->vm, marker->epoch);
    if (instance) {
        return instance;
    }
    instance = must(calloc(1, sizeof(*instance)));
    instance->virt = virt;
    instance->marker = *marker;
    instance->state = VM_STATE_STARTING;
    instance->ended_ms = instance->over_ms = MSEC_NEVER;
    instance->next = virt->instances;
    virt->instances = instance;
    return instance;
}

/* Something of it is there (again). */
static void revive(struct instance *instance)
{
    instance->ended_ms = instance->over_ms = MSEC_NEVER;
    if (instance->is_gone) {
        instance->is_gone = instance->is_away = false; /* migrated back, say */
        instance->reason[0] = '\0';
        instance->is_told = false;
    }
}

/* ---- what libvirt says ---- */

static void learn_presence(struct virt *virt, uint64_t number, const struct fact *fact)
{
    struct instance *instance = virt_instance_need(virt, &fact->marker);
    if (number <= instance->known) {
        return;
    }
    instance->known = number;
    if (!instance->has_domain) {
        instance->has_domain = true;
        instance->scan_needed = virt_scan_need(virt); /* its process is to be held */
    }
    bool waits = fact->pause != PAUSED_NOT && fact->pause != PAUSED_HALTED &&
                 virt_order_has(virt, &fact->marker);
    instance->state = waits ? VM_STATE_STARTING : fact->state;
    instance->has_arrived = waits && fact->pause == PAUSED_WHOLE;
    instance->is_stranded = !waits && fact->pause == PAUSED_LEAVING;
    instance->is_halted = fact->pause == PAUSED_HALTED;
}

static bool is_among(const struct instance *instance, const struct fact *facts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (facts[i].marker.epoch == instance->marker.epoch &&
            strcmp(facts[i].marker.vm, instance->marker.vm) == 0) {
            return true;
        }
    }
    return false;
}

/* A start under way may not have been there yet when libvirt was asked. */
static void learn_absence(struct instance *instance, uint64_t number)
{
    struct virt *virt = instance->virt;
    const struct flight *flight =
        virt_flight_find(virt, instance->marker.vm, instance->marker.epoch);
    if (number <= instance->known || (flight && flight->state == FLIGHT_ON)) {
        return;
    }
    instance->known = number;
    if (instance->has_domain) {
        instance->has_domain = false;
        instance->scan_needed = virt_scan_need(virt);
    }
}

void virt_instance_learn(struct virt *virt, uint64_t number, const char *vm,
                         const struct fact *facts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        learn_presence(virt, number, &facts[i]);
    }
    for (struct instance *each = virt->instances; each; each = each->next) {
        if ((!vm || strcmp(vm, each->marker.vm) == 0) && !is_among(each, facts, len)) {
            learn_absence(each, number);
        }
    }
    virt_settle_later(virt);
}

void virt_instance_note_reason(struct virt *virt, const char *vm, const char *text, bool is_away)
{
    for (struct instance *each = virt->instances; each; each = each->next) {
        if (strcmp(each->marker.vm, vm) == 0 && !each->reason[0]) {
            (void)copy_text(each->reason, sizeof(each->reason), text);
            each->is_away = is_away;
        }
    }
}

/* ---- what the kernel says ---- */

void virt_instance_has_process(struct instance *instance)
{
    struct virt *virt = instance->virt;
    instance->had_process = true;
    revive(instance);
    /* Found before libvirt was ever heard: an earlier daemon started it, and it runs. */
    if (!instance->has_domain && virt->scanned == 0) {
        instance->state =
            virt_order_has(virt, &instance->marker) ? VM_STATE_STARTING : VM_STATE_RUNNING;
    }
    const struct flight *flight =
        virt_flight_find(virt, instance->marker.vm, instance->marker.epoch);
    if (instance->is_doomed || virt->is_closed || (flight && flight->is_doomed)) {
        virt_instance_doom(instance);
    }
}

void virt_instance_doom(struct instance *instance)
{
    instance->is_doomed = true;
    instance->is_asked = true;
    VEC_EACH(&instance->processes, each) {
        virt_held_kill(*each);
    }
    virt_settle_later(instance->virt);
}

bool virt_instance_exists(const struct instance *instance)
{
    if (instance->processes.len > 0) {
        return true;
    }
    if (instance->had_process || instance->is_gone) {
        return false;
    }
    return instance->has_domain || instance->virt->scanned < instance->scan_needed;
}

/* ---- settling ---- */

/* Whether it is no more; if not yet sure, wakes when it will be. */
static bool has_ended(struct instance *instance, msec_t now_ms)
{
    if (virt_instance_exists(instance)) {
        return false;
    }
    bool is_sure = !instance->has_domain || instance->is_doomed || !instance->virt->conn;
    /* That libvirt hangs is noticed late. So what ended is not gone before libvirt has answered a
     * question that was asked after the end, however long that takes. */
    bool has_answered = instance->virt->answered_ms >= instance->ended_ms;
    if (!is_sure && (instance->virt->is_hanging || !has_answered)) {
        return false;
    }
    if (!is_sure && now_ms < instance->ended_ms + grace_ms) {
        virt_wake_at(instance->virt, instance->ended_ms + grace_ms);
        return false;
    }
    return true;
}

static bool awaits_reason(struct instance *instance, msec_t now_ms)
{
    if (instance->reason[0] || instance->is_doomed || !virt_link_is_up(instance->virt) ||
        now_ms >= instance->over_ms + reason_wait_ms) {
        return false;
    }
    virt_wake_at(instance->virt, instance->over_ms + reason_wait_ms);
    return true;
}

static void tell_gone(struct instance *instance)
{
    struct virt *virt = instance->virt;
    const char *reason = instance->reason[0]   ? instance->reason
                         : instance->is_doomed ? "it was killed"
                                               : "its QEMU process ended";
    instance->is_gone = true;
    virt_settle_later(virt);
    virt_request_saw_gone(virt, instance->marker.vm, instance->marker.epoch);
    if (instance->is_told) {
        virt->observer->gone(virt->userdata, instance->marker.vm, instance->marker.epoch, reason,
                             instance->is_away && !instance->is_doomed ? VIRT_END_AWAY
                             : instance->is_asked                      ? VIRT_END_ASKED
                                                                       : VIRT_END_ITSELF);
    }
}

/* While its start is under way, a mere process is not worth telling: it may yet fail. */
static void tell_state(struct instance *instance)
{
    struct virt *virt = instance->virt;
    bool is_known = instance->has_domain ||
                    !virt_flight_find(virt, instance->marker.vm, instance->marker.epoch);
    if (!is_known || (instance->is_told && instance->told_state == instance->state &&
                      instance->told_arrived == instance->has_arrived &&
                      instance->told_stranded == instance->is_stranded &&
                      instance->told_halted == instance->is_halted)) {
        return;
    }
    instance->is_told = true;
    instance->told_state = instance->state;
    instance->told_arrived = instance->has_arrived;
    instance->told_stranded = instance->is_stranded;
    instance->told_halted = instance->is_halted;
    virt->observer->instance(virt->userdata, &(struct virt_instance){
                                                 .vm = instance->marker.vm,
                                                 .epoch = instance->marker.epoch,
                                                 .incarnation = instance->marker.incarnation,
                                                 .node = instance->marker.node,
                                                 .state = instance->state,
                                                 .has_arrived = instance->has_arrived,
                                                 .is_stranded = instance->is_stranded,
                                                 .is_halted = instance->is_halted,
                                             });
}

/* The next epoch cannot start while libvirt has this one's domain. */
static void await_forgotten(struct instance *instance, msec_t now_ms)
{
    if (!instance->has_domain || !virt_link_is_up(instance->virt)) {
        return;
    }
    if (now_ms >= instance->probe_ms) {
        instance->probe_ms = now_ms + retry_ms;
        (void)virt_link_probe(instance->virt, instance->marker.vm);
    }
    virt_wake_at(instance->virt, instance->probe_ms);
}

/* It was told while it was not known whose VMs are ours, and is of another cluster. */
static void disown(struct instance *instance)
{
    struct virt *virt = instance->virt;
    if (instance->is_told && !instance->is_gone) {
        virt->observer->gone(virt->userdata, instance->marker.vm, instance->marker.epoch,
                             "it is of another cluster", VIRT_END_ITSELF);
    }
    instance->is_gone = true;
    instance->has_domain = instance->is_told = false;
}

static void settle_one(struct instance *instance, msec_t now_ms)
{
    if (!domain_marker_is_of(&instance->marker, instance->virt->cluster)) {
        disown(instance);
        return;
    }
    if (instance->is_gone) {
        await_forgotten(instance, now_ms);
        return;
    }
    if (instance->virt->is_closed && !instance->is_doomed) {
        virt_instance_doom(instance);
    }
    if (!has_ended(instance, now_ms)) {
        tell_state(instance);
        return;
    }
    instance->over_ms = MIN(instance->over_ms, now_ms);
    if (!instance->is_told || !awaits_reason(instance, now_ms)) {
        tell_gone(instance);
    }
}

static void instance_free(struct instance *instance)
{
    virt_held_forget(instance);
    free(instance);
}

void virt_instances_settle(struct virt *virt, msec_t now_ms)
{
    for (struct instance **place = &virt->instances; *place;) {
        struct instance *instance = *place;
        settle_one(instance, now_ms);
        if (instance->is_gone && !instance->has_domain &&
            !virt_flight_find(virt, instance->marker.vm, instance->marker.epoch)) {
            *place = instance->next;
            instance_free(instance);
        } else {
            place = &instance->next;
        }
    }
}

void virt_instances_done(struct virt *virt)
{
    while (virt->instances) {
        struct instance *instance = virt->instances;
        virt->instances = instance->next;
        instance_free(instance);
    }
}

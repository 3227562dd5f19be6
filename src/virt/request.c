/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was asked of us and is not answered yet: looked at again with every change. */
#include "loop/clock.h"
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct request *virt_request_new(struct virt *virt, enum request_kind kind, uint64_t id,
                                 const char *vm, uint64_t epoch, virt_done_fn *done, void *userdata)
{
    struct request *request = must(calloc(1, sizeof(*request)));
    *request = (struct request){
        .serial = ++virt->serial,
        .kind = kind,
        .id = id,
        .epoch = epoch,
        .done = done,
        .userdata = userdata,
        .limit_ms = MSEC_NEVER,
    };
    bool fits = copy_text(request->vm, sizeof(request->vm), vm);
    assert(fits);
    struct request **last = &virt->requests;
    while (*last) {
        last = &(*last)->next;
    }
    *last = request;
    virt_settle_later(virt);
    return request;
}

void virt_request_limit(struct request *request, msec_t limit_ms)
{
    request->span_ms = limit_ms;
    request->limit_ms = limit_ms == MSEC_NEVER ? MSEC_NEVER : clock_monotonic_ms() + limit_ms;
}

static void request_free(struct request *request)
{
    free((char *)(uintptr_t)request->domain.xml);
    free((char *)(uintptr_t)request->domain.uuid);
    free((void *)(uintptr_t)request->domain.devices);
    free(request->address);
    free(request);
}

static bool is_about(const struct request *request, const char *vm, uint64_t epoch)
{
    return !request->is_over && request->epoch == epoch && strcmp(request->vm, vm) == 0;
}

struct request *virt_request_of_start(struct virt *virt, const char *vm, uint64_t epoch)
{
    struct request *request = virt->requests;
    while (request && !(request->kind == REQUEST_START && is_about(request, vm, epoch))) {
        request = request->next;
    }
    return request;
}

void virt_request_saw_gone(struct virt *virt, const char *vm, uint64_t epoch)
{
    for (struct request *each = virt->requests; each; each = each->next) {
        each->is_gone = each->is_gone || is_about(each, vm, epoch);
    }
}

void virt_request_probed(struct virt *virt, const char *vm, uint64_t number)
{
    for (struct request *each = virt->requests; each; each = each->next) {
        if (!vm || strcmp(vm, each->vm) == 0) {
            each->probed = MAX(each->probed, number);
        }
    }
}

void virt_request_finish(struct virt *virt, struct request *request, enum virt_outcome outcome,
                         const struct error *err, const struct gpu_slot *culprit)
{
    struct virt_result result = {.id = request->id, .outcome = outcome};
    if (outcome == VIRT_DONE && request->still_since_ms > 0) {
        result.still_ms = virt_now(virt) - request->still_since_ms;
    }
    if (err) {
        result.error = *err;
    }
    if (culprit) {
        result.has_culprit = true;
        result.culprit = *culprit;
    }
    request->is_over = true;
    virt_settle_later(virt);
    request->done(request->userdata, &result);
}

static void finish_with(struct virt *virt, struct request *request, enum virt_outcome outcome,
                        int code, const char *text)
{
    struct error err;
    (void)error_set(&err, code, "%s", text);
    virt_request_finish(virt, request, outcome, &err, NULL);
}

/* ---- start ---- */

/* What is of another epoch; the one that still exists, if any does. */
static struct instance *other_epoch(struct virt *virt, const struct request *request)
{
    struct instance *other = NULL;
    for (struct instance *each = virt->instances; each; each = each->next) {
        if (strcmp(each->marker.vm, request->vm) == 0 && each->marker.epoch != request->epoch &&
            (!other || virt_instance_exists(each))) {
            other = each;
        }
    }
    return other;
}

static void give_to_libvirt(struct virt *virt, struct request *request)
{
    CLEANUP(buf_done) struct buf xml = {0};
    struct error err;
    /* The template, not what Berth adds to it: its own devices and arguments are no one's choice.
     */
    if (domain_policy_check(request->domain.xml, &virt->policy, &err) < 0 ||
        domain_xml_compose(&request->domain, &xml, &err) < 0) {
        virt_request_finish(virt, request, VIRT_FAILED, &err, NULL);
        return;
    }
    virt_flight_begin(virt, &request->domain, must(buf_take(&xml)));
}

/* This epoch is there without a flight of ours: an earlier daemon's start, or it was and ended. */
static void settle_known(struct virt *virt, struct request *request,
                         const struct instance *instance)
{
    if (instance->is_gone) {
        finish_with(virt, request, VIRT_FAILED, -ESTALE, "this start of it has run and ended here");
    } else if (instance->is_told && instance->state == VM_STATE_RUNNING) {
        virt_request_finish(virt, request, VIRT_DONE, NULL, NULL);
    }
}

static void refuse_other(struct virt *virt, struct request *request, const struct instance *other)
{
    struct error err;
    (void)error_set(&err, -EEXIST, "an earlier start of it (epoch %" PRIu64 ") still runs here",
                    other->marker.epoch);
    virt_request_finish(virt, request, VIRT_FAILED, &err, NULL);
}

/* Waits for libvirt to forget an ended one, for the connection, for the list of what runs. */
static void settle_start(struct virt *virt, struct request *request)
{
    const struct instance *instance = virt_instance_find(virt, request->vm, request->epoch);
    const struct instance *other = other_epoch(virt, request);
    if (virt_flight_find(virt, request->vm, request->epoch)) {
        return;
    }
    if (virt->is_closed) {
        finish_with(virt, request, VIRT_FAILED, -ECANCELED,
                    "this host has ended all its VMs and starts none now");
    } else if (instance) {
        settle_known(virt, request, instance);
    } else if (other && virt_instance_exists(other)) {
        refuse_other(virt, request, other);
    } else if (!other && !virt_flight_find(virt, request->vm, 0) && virt_link_is_up(virt) &&
               !virt->is_list_untold) {
        give_to_libvirt(virt, request);
    }
}

static void start_is_late(struct virt *virt, struct request *request)
{
    struct flight *flight = virt_flight_find(virt, request->vm, request->epoch);
    if (flight) {
        flight->is_given_up = true;
        finish_with(virt, request, VIRT_UNKNOWN, -ETIMEDOUT,
                    "libvirt has not answered within the limit of the start");
    } else {
        finish_with(virt, request, VIRT_FAILED, -ETIMEDOUT,
                    "libvirt could not be reached within the limit of the start; it was not begun");
    }
}

/* ---- stop ---- */

static void on_end_called(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    for (struct request *each = virt->requests; each; each = each->next) {
        if (each->serial == call->number) {
            each->is_calling = false;
            each->err = call->r < 0 ? call->err : each->err;
        }
    }
    /* An event tells when it has ended; one more look does no harm if none does. */
    (void)virt_link_probe(virt, call->vm);
    virt_settle_later(virt);
}

static void call_end(struct virt *virt, enum call_kind kind, const char *vm, uint64_t epoch,
                     uint64_t serial)
{
    struct call *call = virt_call_new(kind, virt->conn, virt->cluster, vm, epoch);
    call->number = serial;
    call->task.arrive = on_end_called;
    workers_submit(virt->calls, &call->task);
}

static void call_when_due(struct virt *virt, struct request *request, msec_t now_ms)
{
    if (request->is_calling || !virt_link_is_up(virt)) {
        return;
    }
    if (now_ms >= request->next_call_ms) {
        request->is_calling = true;
        request->next_call_ms = now_ms + (request->is_forced ? retry_ms : press_ms);
        call_end(virt, request->is_forced ? CALL_DESTROY : CALL_SHUTDOWN, request->vm,
                 request->epoch, request->serial);
        return;
    }
    virt_wake_at(virt, request->next_call_ms);
}

/* Neither seen nor under way: is it certain? */
static bool is_surely_absent(struct virt *virt, struct request *request)
{
    if (request->probe_needed == 0 && virt_link_is_up(virt)) {
        request->probe_needed = virt_link_probe(virt, request->vm);
        request->scan_needed = virt_scan_need(virt);
    }
    return request->probe_needed != 0 && request->probed >= request->probe_needed &&
           virt->scanned >= request->scan_needed;
}

/* A QEMU that libvirt has lost, and cannot end. */
static bool is_unknown_to_libvirt(const struct instance *instance)
{
    const struct virt *virt = instance->virt;
    return instance->processes.len > 0 && !instance->has_domain && !instance->is_doomed &&
           virt_link_is_up(virt) && !virt->is_list_untold;
}

static void settle_stop(struct virt *virt, struct request *request, msec_t now_ms)
{
    struct instance *instance = virt_instance_find(virt, request->vm, request->epoch);
    struct flight *flight = virt_flight_find(virt, request->vm, request->epoch);
    if (request->action == OFFLINE_SAVE) {
        finish_with(virt, request, VIRT_FAILED, -EOPNOTSUPP, "a VM with GPUs cannot be saved");
        return;
    }
    if (flight && request->is_forced) {
        flight->is_doomed = true;
    }
    if (instance && !instance->is_gone) {
        instance->is_asked = true;
        if (request->is_forced && !flight && is_unknown_to_libvirt(instance)) {
            virt_instance_doom(instance);
        }
        call_when_due(virt, request, now_ms);
    } else if (!flight && (request->is_gone || instance || is_surely_absent(virt, request))) {
        virt_request_finish(virt, request, VIRT_DONE, NULL, NULL);
    }
}

static void give_up_shutdown(struct virt *virt, struct request *request)
{
    struct instance *instance = virt_instance_find(virt, request->vm, request->epoch);
    struct error err;
    if (!instance) {
        finish_with(virt, request, VIRT_UNKNOWN, -ETIMEDOUT,
                    "it is not known whether it runs: libvirt has not answered");
        return;
    }
    instance->is_asked = instance->is_doomed;
    (void)error_set(&err, -ETIMEDOUT, "the guest did not shut down within %" PRId64 " s%s%s",
                    request->span_ms / 1000, request->err.text[0] ? "; " : "", request->err.text);
    virt_request_finish(virt, request, VIRT_FAILED, &err, NULL);
}

/* At the limit a turn-off turns to the kernel, a shutdown to turn-off or to its caller. */
static void stop_is_late(struct virt *virt, struct request *request, msec_t now_ms)
{
    struct instance *instance = virt_instance_find(virt, request->vm, request->epoch);
    if (!request->is_forced && request->action == OFFLINE_SHUTDOWN) {
        give_up_shutdown(virt, request);
    } else if (!request->is_forced) {
        request->is_forced = true;
        request->limit_ms = now_ms + press_ms;
        request->next_call_ms = now_ms;
        request->is_calling = false;
        virt_settle_later(virt);
    } else if (now_ms < request->limit_ms + stop_overtime_ms) {
        if (instance && !instance->is_doomed) {
            virt_instance_doom(instance);
        }
        virt_wake_at(virt, request->limit_ms + stop_overtime_ms);
    } else {
        finish_with(virt, request, VIRT_UNKNOWN, -ETIMEDOUT,
                    request->err.text[0] ? request->err.text
                                         : "neither libvirt nor the kernel has ended it");
    }
}

/* ---- kill ---- */

static bool is_meant(const struct virt *virt, const struct request *request,
                     const struct domain_marker *marker)
{
    if (!domain_marker_is_of(marker, virt->cluster)) {
        return false; /* it was told before it was known whose VMs are ours */
    }
    return request->kind == REQUEST_KILL_ALL ||
           (marker->epoch == request->epoch && strcmp(marker->vm, request->vm) == 0);
}

/* What has no process (a driver without QEMU) only libvirt can end. */
static void destroy_bodiless(struct virt *virt, struct instance *instance, msec_t now_ms)
{
    if (instance->had_process || virt->scanned < instance->scan_needed || !virt_link_is_up(virt)) {
        return;
    }
    if (now_ms >= instance->destroy_ms) {
        instance->destroy_ms = now_ms + retry_ms;
        call_end(virt, CALL_DESTROY, instance->marker.vm, instance->marker.epoch, 0);
    }
    virt_wake_at(virt, instance->destroy_ms);
}

/* True while anything that is meant exists or is being started. */
static bool kill_meant(struct virt *virt, const struct request *request, msec_t now_ms)
{
    bool is_busy = false;
    for (struct flight *each = virt->flights; each; each = each->next) {
        if (is_meant(virt, request, &each->marker)) {
            if (!each->is_doomed) {
                each->is_doomed = true;
                virt_settle_later(virt);
            }
            is_busy = true;
        }
    }
    for (struct instance *each = virt->instances; each; each = each->next) {
        if (is_meant(virt, request, &each->marker) && virt_instance_exists(each)) {
            if (!each->is_doomed) {
                virt_instance_doom(each);
            }
            destroy_bodiless(virt, each, now_ms);
            is_busy = true;
        }
    }
    return is_busy;
}

/* Over when a scan that began after the last of them was gone finds nothing. */
static void settle_kill(struct virt *virt, struct request *request, msec_t now_ms)
{
    if (kill_meant(virt, request, now_ms)) {
        request->scan_needed = 0;
        return;
    }
    if (request->scan_needed == 0) {
        request->scan_needed = virt_scan_need(virt);
    }
    if (virt->scanned >= request->scan_needed) {
        virt_request_finish(virt, request, VIRT_DONE, NULL, NULL);
    }
}

/* ---- settling ---- */

static void settle_one(struct virt *virt, struct request *request, msec_t now_ms)
{
    switch (request->kind) {
    case REQUEST_START:
        settle_start(virt, request);
        break;
    case REQUEST_STOP:
        settle_stop(virt, request, now_ms);
        break;
    case REQUEST_KILL:
    case REQUEST_KILL_ALL:
        settle_kill(virt, request, now_ms);
        break;
    case REQUEST_EXPECT:
    case REQUEST_MIGRATE:
    case REQUEST_CONTINUE:
        virt_move_settle(virt, request, now_ms);
        break;
    }
    if (request->is_over) {
        return;
    }
    if (now_ms < request->limit_ms) {
        virt_wake_at(virt, request->limit_ms);
    } else if (request->kind == REQUEST_START) {
        start_is_late(virt, request);
    } else {
        stop_is_late(virt, request, now_ms);
    }
}

void virt_requests_settle(struct virt *virt, msec_t now_ms)
{
    for (struct request *each = virt->requests; each; each = each->next) {
        if (!each->is_over) {
            settle_one(virt, each, now_ms);
        }
    }
    for (struct request **place = &virt->requests; *place;) {
        struct request *request = *place;
        if (request->is_over) {
            *place = request->next;
            request_free(request);
        } else {
            place = &request->next;
        }
    }
}

void virt_requests_done(struct virt *virt)
{
    while (virt->requests) {
        struct request *request = virt->requests;
        virt->requests = request->next;
        request_free(request);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A start that libvirt was given, until it is known what became of it:
 *
 *            created                                (killed meanwhile: failed, once it is gone)
 *   ON ---------------> UP -----------------------> done
 *    |   refused
 *    +---------------> FAILED --- no process -----> failed
 *    |   the name is not free yet                   (after forget_ms, or killed: failed)
 *    +<--------------> BLOCKED
 *    |   connection broke
 *    +---------------> LOST ----- listed again ----> done or failed
 *
 * BLOCKED: libvirt reports a domain as off before it takes it off its list, and refuses another of
 * that name until then. Nothing of the new one exists. libvirt's next word about that name, which
 * it says when the old one is off the list, leads back to ON.
 *
 * ON may last as long as libvirt hangs; no one may say meanwhile that the VM does not run.
 */
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct flight *virt_flight_find(struct virt *virt, const char *vm, uint64_t epoch)
{
    struct flight *flight = virt->flights;
    while (flight &&
           (strcmp(flight->marker.vm, vm) != 0 || (epoch != 0 && flight->marker.epoch != epoch))) {
        flight = flight->next;
    }
    return flight;
}

/* ---- create ---- */

static void came_up(struct virt *virt, struct flight *flight)
{
    struct instance *instance = virt_instance_need(virt, &flight->marker);
    flight->state = FLIGHT_UP;
    instance->known = ++virt->counter;
    instance->has_domain = true;
    instance->state = VM_STATE_RUNNING;
    instance->scan_needed = virt_scan_need(virt);
    /* It may have ended meanwhile, and the event that told so may have been taken for nothing. */
    (void)virt_link_probe(virt, flight->marker.vm);
}

static void is_blocked(struct virt *virt, struct flight *flight, struct call *call)
{
    msec_t now_ms = virt_now(virt);
    flight->state = FLIGHT_BLOCKED;
    flight->err = call->err;
    flight->xml = TAKE(call->xml);
    flight->files = TAKE(call->files);
    flight->blocked_ms = MIN(flight->blocked_ms, now_ms);
    flight->retry_ms = now_ms + retry_ms;
}

static void did_not(struct virt *virt, struct flight *flight, const struct call *call)
{
    flight->err = call->err;
    flight->known = virt->counter;
    flight->lost_ms = virt_now(virt);
    flight->state = call->is_lost ? FLIGHT_LOST : FLIGHT_FAILED;
    flight->scan_needed = call->is_lost ? 0 : virt_scan_need(virt);
    (void)virt_link_probe(virt, flight->marker.vm); /* what was asked before it ended counts not */
}

static void on_created(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    struct call *call = (struct call *)task;
    struct flight *flight = virt_flight_find(virt, call->vm, call->epoch);
    assert(flight && flight->state == FLIGHT_ON);
    if (call->r == 0) {
        came_up(virt, flight);
    } else if (call->is_name_taken) {
        is_blocked(virt, flight, call);
    } else {
        did_not(virt, flight, call);
    }
    virt_settle_later(virt);
}

/* Gives libvirt what the flight holds. */
static void take_off(struct virt *virt, struct flight *flight)
{
    assert(flight->xml && virt->conn);
    struct call *call = virt_call_new(CALL_CREATE, virt->conn, virt->cluster, flight->marker.vm,
                                      flight->marker.epoch);
    call->xml = TAKE(flight->xml);
    call->files = TAKE(flight->files);
    call->task.arrive = on_created;
    flight->state = FLIGHT_ON;
    workers_submit(virt->calls, &call->task);
}

void virt_flight_begin(struct virt *virt, const struct domain_compose *domain, char *xml)
{
    struct flight *flight = must(calloc(1, sizeof(*flight)));
    flight->marker = domain->marker;
    flight->blocked_ms = MSEC_NEVER;
    flight->devices = must(calloc(domain->device_len + 1, sizeof(*flight->devices)));
    for (size_t i = 0; i < domain->device_len; i++) {
        flight->devices[i] = domain->devices[i];
    }
    flight->device_len = domain->device_len;
    flight->next = virt->flights;
    virt->flights = flight;
    flight->xml = xml;
    flight->files = virt_files_new(domain->xml, &virt->policy);
    take_off(virt, flight);
}

void virt_flight_heard(struct virt *virt, const char *vm)
{
    struct flight *flight = virt_flight_find(virt, vm, 0);
    if (flight && flight->state == FLIGHT_BLOCKED) {
        flight->retry_ms = virt_now(virt);
        virt_settle_later(virt);
    }
}

/* ---- whose fault? ---- */

/* Whether 'text' holds 'address', not as a part of a longer word. */
static bool names(const char *text, struct pci_address address)
{
    char word[pci_address_size];
    (void)pci_address_format(address, word);
    for (const char *at = text; (at = strstr(at, word)); at++) {
        char before = at == text ? ' ' : at[-1], after = at[strlen(word)];
        if (!strchr("0123456789abcdef", before) && !(after >= '0' && after <= '9')) {
            return true;
        }
    }
    return false;
}

static bool is_culprit(const char *text, const struct domain_device *device)
{
    if (names(text, device->slot.address) ||
        (device->slot.partition[0] && strstr(text, device->slot.partition))) {
        return true;
    }
    for (size_t i = 0; i < device->companion_len; i++) {
        if (names(text, device->companions[i])) {
            return true;
        }
    }
    return false;
}

const struct gpu_slot *virt_culprit(const char *text, const struct domain_device *devices,
                                    size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_culprit(text, &devices[i])) {
            return &devices[i].slot;
        }
    }
    return NULL;
}

/* ---- settling ---- */

static bool is_doomed(const struct virt *virt, const struct flight *flight)
{
    return flight->is_doomed || virt->is_closed;
}

/* The request was told 'unknown', and the observer nothing yet: now it is known. */
static void tell_late(struct virt *virt, const struct flight *flight)
{
    const struct instance *instance =
        virt_instance_find(virt, flight->marker.vm, flight->marker.epoch);
    if (!instance || !instance->is_told) {
        virt->observer->gone(virt->userdata, flight->marker.vm, flight->marker.epoch,
                             flight->err.text,
                             is_doomed(virt, flight) ? VIRT_END_ASKED : VIRT_END_ITSELF);
    }
}

static void answer(struct virt *virt, struct flight *flight, bool is_up)
{
    struct request *request = virt_request_of_start(virt, flight->marker.vm, flight->marker.epoch);
    if (!is_up && is_doomed(virt, flight)) {
        (void)error_set(&flight->err, -ECANCELED, "it was killed before it was up");
    }
    const struct gpu_slot *culprit =
        is_up || is_doomed(virt, flight)
            ? NULL
            : virt_culprit(flight->err.text, flight->devices, flight->device_len);
    if (request) {
        virt_request_finish(virt, request, is_up ? VIRT_DONE : VIRT_FAILED,
                            is_up ? NULL : &flight->err, culprit);
    } else if (!is_up && flight->is_given_up) {
        tell_late(virt, flight);
    }
}

/* Kills what there is of it; true when nothing is. */
static bool is_undone(struct virt *virt, const struct flight *flight)
{
    struct instance *instance = virt_instance_find(virt, flight->marker.vm, flight->marker.epoch);
    if (!instance || !virt_instance_exists(instance)) {
        return true;
    }
    if (!instance->is_doomed) {
        virt_instance_doom(instance);
    }
    return false;
}

static void look_for_process(struct virt *virt, struct flight *flight, msec_t now_ms)
{
    if (now_ms >= flight->scan_at_ms) {
        (void)virt_scan_need(virt);
        flight->scan_at_ms = now_ms + scan_pause_ms;
    }
    virt_wake_at(virt, flight->scan_at_ms);
}

/* True when it is known what became of it; 'ret_is_up' says what. */
static bool settle_lost(struct virt *virt, struct flight *flight, msec_t now_ms, bool *ret_is_up)
{
    if (now_ms < flight->lost_ms + lost_start_ms) {
        virt_wake_at(virt, flight->lost_ms + lost_start_ms);
        return false;
    }
    if (flight->scan_needed == 0) {
        flight->scan_needed = virt_scan_need(virt);
    }
    if (virt->scanned < flight->scan_needed ||
        (!is_doomed(virt, flight) && virt->listed <= flight->known)) {
        return false;
    }
    const struct instance *instance =
        virt_instance_find(virt, flight->marker.vm, flight->marker.epoch);
    *ret_is_up = !is_doomed(virt, flight) && instance && instance->has_domain &&
                 virt_instance_exists(instance);
    return *ret_is_up || is_undone(virt, flight);
}

/* True when it is given up. Nothing of it exists. */
static bool settle_blocked(struct virt *virt, struct flight *flight, msec_t now_ms)
{
    if (is_doomed(virt, flight) || now_ms >= flight->blocked_ms + forget_ms) {
        return true;
    }
    if (now_ms < flight->retry_ms) {
        virt_wake_at(virt, flight->retry_ms);
    } else if (virt_link_is_up(virt)) {
        take_off(virt, flight);
    } else {
        virt_wake_at(virt, flight->blocked_ms + forget_ms);
    }
    return false;
}

static bool settle_one(struct virt *virt, struct flight *flight, msec_t now_ms, bool *ret_is_up)
{
    *ret_is_up = false;
    switch (flight->state) {
    case FLIGHT_ON:
        if (is_doomed(virt, flight)) {
            look_for_process(virt, flight, now_ms);
        }
        return false;
    case FLIGHT_UP:
        *ret_is_up = !is_doomed(virt, flight);
        return *ret_is_up || is_undone(virt, flight);
    case FLIGHT_BLOCKED:
        return settle_blocked(virt, flight, now_ms);
    case FLIGHT_LOST:
        return settle_lost(virt, flight, now_ms, ret_is_up);
    case FLIGHT_FAILED:
        return virt->scanned >= flight->scan_needed && is_undone(virt, flight);
    }
    return false;
}

static void flight_free(struct flight *flight)
{
    free(flight->devices);
    free(flight->xml);
    virt_files_free(flight->files);
    free(flight);
}

void virt_flights_settle(struct virt *virt, msec_t now_ms)
{
    for (struct flight **place = &virt->flights; *place;) {
        struct flight *flight = *place;
        bool is_up;
        if (settle_one(virt, flight, now_ms, &is_up)) {
            answer(virt, flight, is_up);
            *place = flight->next;
            flight_free(flight);
            virt_settle_later(virt);
        } else {
            place = &flight->next;
        }
    }
}

void virt_flights_done(struct virt *virt)
{
    while (virt->flights) {
        struct flight *flight = virt->flights;
        virt->flights = flight->next;
        flight_free(flight);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/virt.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/memory.h"
#include "virt/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { workers_default = 8, workers_max = 64, guest_workers = 2 };

ENUM_DEFINE(virt_outcome, VIRT_OUTCOME_LIST)
ENUM_DEFINE(virt_end, VIRT_END_LIST)

msec_t virt_now(struct virt *virt)
{
    return loop_now_ms(virt->event);
}

void virt_settle_later(struct virt *virt)
{
    int r = sd_event_source_set_enabled(virt->settle_source, SD_EVENT_ONESHOT);
    assert(r >= 0);
}

void virt_wake_at(struct virt *virt, msec_t when_ms)
{
    virt->wake_ms = MIN(virt->wake_ms, when_ms);
}

/* ---- the loop's side ---- */

/* What exists first, then what was asked: so the end of a VM is told before that of its stop. */
static int settle(sd_event_source *source, void *userdata)
{
    (void)source;
    struct virt *virt = userdata;
    msec_t now_ms = virt_now(virt);
    virt->wake_ms = MSEC_NEVER;
    virt_instances_settle(virt, now_ms);
    virt_link_settle(virt, now_ms);
    virt_flights_settle(virt, now_ms);
    virt_requests_settle(virt, now_ms);
    virt_scan_settle(virt, now_ms);
    loop_timer_at(&virt->timer, virt->wake_ms);
    return 0;
}

static void virt_timer_fired(void *userdata)
{
    virt_settle_later(userdata);
}

/* ---- making and unmaking ---- */

static int make_sources(struct virt *virt)
{
    int r = mailbox_new(virt->event, virt, &virt->box);
    if (r < 0) {
        return r;
    }
    r = sd_event_add_defer(virt->event, &virt->settle_source, settle, virt);
    if (r < 0) {
        return r;
    }
    return loop_timer_init(&virt->timer, virt->event, CLOCK_MONOTONIC, virt_timer_fired, virt);
}

static int make_workers(struct virt *virt, unsigned workers)
{
    int r = workers_new(virt->box, workers, &virt->calls);
    if (r < 0) {
        return r;
    }
    r = workers_new(virt->box, 1, &virt->link_pool);
    if (r < 0) {
        return r;
    }
    r = workers_new(virt->box, guest_workers, &virt->guests);
    if (r < 0) {
        return r;
    }
    r = workers_new(virt->box, migrations_max, &virt->moves);
    if (r < 0) {
        return r;
    }
    return workers_new(virt->box, 1, &virt->proc_pool);
}

static int set_up(struct virt *virt, const struct virt_config *config)
{
    virt->uri = strdup(config->uri ? config->uri : "qemu:///system");
    virt->proc = strdup(config->proc ? config->proc : "/proc");
    virt->notes = strdup(config->notes ? config->notes : "");
    virt->orders = strdup(config->orders ? config->orders : "");
    if (!virt->uri || !virt->proc || !virt->notes || !virt->orders) {
        return -ENOMEM;
    }
    int r = make_sources(virt);
    if (r < 0) {
        return r;
    }
    unsigned workers = config->workers ? config->workers : workers_default;
    return make_workers(virt, MIN(workers, (unsigned)workers_max));
}

int virt_new(sd_event *event, const struct virt_config *config,
             const struct virt_observer *observer, void *userdata, struct virt **ret,
             struct error *err)
{
    int r = virt_call_init(err);
    if (r < 0) {
        return r;
    }
    CLEANUP(virt_freep) struct virt *virt = calloc(1, sizeof(*virt));
    if (!virt) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    virt->event = sd_event_ref(event);
    virt->observer = observer;
    virt->userdata = userdata;
    virt->policy =
        config->policy ? *config->policy : (struct domain_policy){.kind = DOMAIN_POLICY_TRUSTED};
    bool fits =
        copy_text(virt->cluster, sizeof(virt->cluster), config->cluster ? config->cluster : "");
    assert(fits);
    virt->subscription = -1;
    virt->retry_pause_ms = reconnect_first_ms;
    virt->ping_since_ms = MSEC_NEVER;
    r = set_up(virt, config);
    if (r < 0) {
        return error_set(err, r, "making room for libvirt: %s", strerror(-r));
    }
    (void)virt_scan_need(virt);
    *ret = TAKE(virt);
    return 0;
}

struct virt *virt_free(struct virt *virt)
{
    if (!virt) {
        return NULL;
    }
    sd_event_source_disable_unref(virt->settle_source);
    loop_timer_done(&virt->timer);
    mailbox_close(virt->box);
    virt->calls = workers_free(virt->calls, false);
    virt->moves = workers_free(virt->moves, false);
    virt->guests = workers_free(virt->guests, false);
    virt->proc_pool = workers_free(virt->proc_pool, false);
    virt_link_drop(virt);
    virt->link_pool = workers_free(virt->link_pool, true);
    virt->box = mailbox_unref(virt->box);
    virt_requests_done(virt);
    virt_flights_done(virt);
    virt_instances_done(virt);
    virt_processes_done(&virt->foreign);
    sd_event_unref(virt->event);
    free(virt->uri);
    free(virt->proc);
    free(virt->notes);
    free(virt->orders);
    free(virt);
    return NULL;
}

void virt_set_cluster(struct virt *virt, const char *cluster)
{
    bool has_changed = strcmp(virt->cluster, cluster) != 0;
    bool fits = copy_text(virt->cluster, sizeof(virt->cluster), cluster);
    assert(fits);
    if (has_changed) {
        (void)virt_scan_need(virt); /* what was ours may be so no more, or be so now */
        virt->list_at_ms = virt->list_at_ms == MSEC_NEVER ? MSEC_NEVER : 0;
    }
}

const char *virt_cpu_model(const struct virt *virt)
{
    return virt->cpu_model;
}

size_t virt_foreign_len(const struct virt *virt)
{
    return virt->foreign.len;
}

/* ---- requests ---- */

static char *copy_of(const char *text)
{
    return must(strdup(text ? text : ""));
}

static struct domain_compose copy_domain(const struct domain_compose *domain)
{
    struct domain_compose copy = *domain;
    struct domain_device *devices = must(calloc(domain->device_len + 1, sizeof(*devices)));
    for (size_t i = 0; i < domain->device_len; i++) {
        devices[i] = domain->devices[i];
    }
    copy.devices = devices;
    copy.xml = copy_of(domain->xml);
    copy.uuid = copy_of(domain->uuid);
    return copy;
}

void virt_start(struct virt *virt, uint64_t id, const struct domain_compose *domain,
                msec_t limit_ms, virt_done_fn *done, void *userdata)
{
    struct request *request = virt_request_new(virt, REQUEST_START, id, domain->marker.vm,
                                               domain->marker.epoch, done, userdata);
    request->domain = copy_domain(domain);
    virt_request_limit(request, limit_ms);
}

void virt_stop(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch,
               enum offline_action action, msec_t limit_ms, virt_done_fn *done, void *userdata)
{
    struct request *request = virt_request_new(virt, REQUEST_STOP, id, vm, epoch, done, userdata);
    request->action = action;
    request->is_forced = action == OFFLINE_TURN_OFF;
    virt_order_drop(virt, vm, epoch);
    virt_request_limit(request, limit_ms);
}

void virt_kill(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch, virt_done_fn *done,
               void *userdata)
{
    virt_order_drop(virt, vm, epoch);
    (void)virt_request_new(virt, REQUEST_KILL, id, vm, epoch, done, userdata);
    (void)virt_scan_need(virt);
}

/* The signals go out at once, not only when the loop comes round. */
void virt_kill_all(struct virt *virt, uint64_t id, virt_done_fn *done, void *userdata)
{
    virt->is_closed = true;
    virt_order_drop_all(virt);
    for (struct instance *each = virt->instances; each; each = each->next) {
        if (domain_marker_is_of(&each->marker, virt->cluster)) {
            virt_instance_doom(each);
        }
    }
    (void)virt_request_new(virt, REQUEST_KILL_ALL, id, "", 0, done, userdata);
    (void)virt_scan_need(virt);
}

void virt_reopen(struct virt *virt)
{
    virt->is_closed = false;
    virt_settle_later(virt);
}

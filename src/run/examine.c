/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine.h"

#include "run/examine_disks.h"
#include "run/examine_space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

enum {
    looks_until_anew = 20,      /* then it is looked at again without any */
    fence_limit_ms = 10 * 1000, /* power controllers take few at a time */
    writes_open_max = 64,
    slow_write_ms = 200,     /* a fifth of a heartbeat */
    too_slow_write_ms = 900, /* the heartbeat has 1 s */
    clock_far_ms = 2000,
    host_checks_left = 1, /* the core's own, the hypervisor's */
};

const struct examine_config examine_config_default = {
    .first_look_ms = 10 * 1000, /* the store has told everything, heartbeats flow */
    .look_ms = 15 * 1000,
    .tell_ms = 1000,
    .space_least_bytes = 4 << 20, /* a VM's NVRAM, half a MiB, is the biggest of it */
};

struct write {
    uint64_t id;
    msec_t begun_ms;
};

struct examine {
    sd_event *event;
    sd_event_source *timer;
    struct examine_config config;
    struct examine_callbacks callbacks;
    void *userdata;
    uint32_t looks;                  /* since it was looked at in full */
    revision_t seen_nodes, seen_vms; /* mark_of() what was looked at */
    struct write writes[writes_open_max];
    uint32_t write_len;
    uint32_t ended_len;
    msec_t slowest_ms, sum_ms;
    struct disk_job *disks;  /* NULL: none yet */
    struct space_job *space; /* likewise; begun anew at each look */
    msec_t rest_ms;          /* until the next look */
    struct fence_run *fencing;
    char fenced_node[name_size];
    struct node_check fence_check; /* name "": there is nobody to ask about */
    node_checks_t found, told;
};

static struct node_check *add(node_checks_t *checks, const char *name, bool is_ok, bool is_advice,
                              const char *format, ...) PRINTF_LIKE(5, 6);

static struct node_check *add(node_checks_t *checks, const char *name, bool is_ok, bool is_advice,
                              const char *format, ...)
{
    struct node_check *check = VEC_ADD(checks);
    if (!check) {
        return NULL;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(check->detail, sizeof(check->detail), format, args);
    va_end(args);
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    check->is_ok = is_ok;
    check->is_advice = !is_ok && is_advice;
    return check;
}

/* 1, 2, 5, 10, 20, 50 ... not below 'value'. */
static unsigned long long rounded(msec_t value)
{
    unsigned long long step = 1;
    for (unsigned i = 0; (msec_t)step < value; i++) {
        step = i % 3 == 1 ? step / 2 * 5 : step * 2;
    }
    return step;
}

/* ---- the clock: as whoever keeps it has told the kernel ---- */

static void examine_clock(node_checks_t *checks)
{
    struct timex state = {0};
    int r = adjtimex(&state);
    msec_t off_ms = state.maxerror / 1000;
    if (r < 0 || r == TIME_ERROR || (state.status & STA_UNSYNC)) {
        (void)add(checks, "clock", false, true,
                  "nothing keeps this host's clock right: install and start chrony or "
                  "systemd-timesyncd (times in events and certificates depend on it)");
    } else if (off_ms > clock_far_ms) {
        (void)add(checks, "clock", false, true,
                  "its clock may be off by %llu s: does its time server answer? (chronyc tracking, "
                  "timedatectl)",
                  rounded(off_ms / 1000));
    } else {
        (void)add(checks, "clock", true, false, "kept by a time server, off by less than 2 s");
    }
}

/* ---- the store ---- */

void examine_write_begun(struct examine *examine, uint64_t id, msec_t now_ms)
{
    if (examine && examine->write_len < writes_open_max) {
        examine->writes[examine->write_len++] = (struct write){id, now_ms};
    }
}

void examine_write_ended(struct examine *examine, uint64_t id, msec_t now_ms)
{
    for (uint32_t i = 0; examine && i < examine->write_len; i++) {
        if (examine->writes[i].id == id) {
            msec_t span_ms = now_ms - examine->writes[i].begun_ms;
            examine->slowest_ms = MAX(examine->slowest_ms, span_ms);
            examine->sum_ms += span_ms;
            examine->ended_len++;
            examine->writes[i] = examine->writes[--examine->write_len];
            return;
        }
    }
}

static void examine_store(struct examine *examine, node_checks_t *checks)
{
    msec_t slowest_ms = examine->slowest_ms;
    if (examine->ended_len > 0) {
        bool is_ok = slowest_ms <= slow_write_ms;
        (void)add(checks, "store", is_ok, slowest_ms <= too_slow_write_ms,
                  "a write to the store takes %llu ms, the slowest %llu ms or less%s",
                  rounded(examine->sum_ms / examine->ended_len), rounded(slowest_ms),
                  is_ok ? "" : ": give etcd a quicker disk and a quiet network");
    }
    if (examine->config.etcd_endpoint_len < 2) {
        (void)add(checks, "store", false, true,
                  "this host knows one member of etcd only: name all of them in etcd_endpoints, or "
                  "nothing can be decided when that one is lost");
    }
    examine->ended_len = 0;
    examine->slowest_ms = examine->sum_ms = 0;
}

/* ---- the next host's fence device: each one's is tried from another host ---- */

static bool has_power_fencing(const struct record *spec)
{
    return spec->node_spec->fencing == FENCING_POWER && spec->node_spec->fence_agent[0] != '\0';
}

/* The one behind ourselves in the order of names, around. */
static const struct record *next_fenced(const struct world *world, const char *self)
{
    const struct record *first = NULL;
    WORLD_EACH(world, RECORD_NODE_SPEC, each) {
        int order = strcmp((*each)->key.name, self);
        if (order == 0 || !has_power_fencing(*each)) {
            continue;
        }
        if (order > 0) {
            return *each;
        }
        first = first ? first : *each;
    }
    return first;
}

static void fence_answered(void *userdata, const struct fence_result *result)
{
    struct examine *examine = userdata;
    struct node_check *check = &examine->fence_check;
    examine->fencing = NULL;
    *check = (struct node_check){0};
    (void)snprintf(check->name, sizeof(check->name), "fencing");
    (void)snprintf(check->subject, sizeof(check->subject), "%s", examine->fenced_node);
    check->is_ok = result->outcome == FENCE_DONE && result->power == FENCE_POWER_ON;
    if (check->is_ok) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "the fence agent of %s answers, and says that it is on",
                       examine->fenced_node);
    } else {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "the fence agent of %s, asked from here: %s; see berth node set",
                       examine->fenced_node, result->text);
    }
}

static void try_fencing(struct examine *examine, const struct world *world)
{
    const struct record *spec = next_fenced(world, examine->config.node);
    struct error err = {0};
    if (examine->fencing) {
        return;
    }
    if (!spec) {
        examine->fence_check = (struct node_check){0};
        return;
    }
    const struct fence_request request = {
        .action = FENCE_STATUS,
        .directory = examine->config.fence_directory,
        .agent = spec->node_spec->fence_agent,
        .parameters = spec->node_spec->fence_parameters.items,
        .parameter_len = spec->node_spec->fence_parameters.len,
        .limit_ms = fence_limit_ms,
    };
    (void)snprintf(examine->fenced_node, sizeof(examine->fenced_node), "%s", spec->key.name);
    if (fence_start(examine->event, &request, fence_answered, examine, &examine->fencing, &err) <
        0) {
        const struct fence_result result = {.outcome = FENCE_FAILED, .text = err.text};
        fence_answered(examine, &result);
    }
}

/* ---- the disks of the VMs that may run here ---- */

static void begin_disks(struct examine *examine, const struct world *world)
{
    if (examine->disks && !disk_job_is_done(examine->disks)) {
        return; /* it hangs, and will say so */
    }
    examine->disks = disk_job_free(examine->disks);
    struct disk_job *job = disk_job_new();
    bool is_whole = job != NULL;
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        is_whole = is_whole && (!vm_spec_may_run_on((*each)->vm_spec, examine->config.node) ||
                                disk_job_add(job, *each));
    }
    if (is_whole && disk_job_start(job) == 0) {
        examine->disks = job;
    } else {
        (void)disk_job_free(job);
    }
}

/* ---- together ---- */

static bool is_same(const node_checks_t *a, const node_checks_t *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->items, b->items, a->len * sizeof(a->items[0])) == 0);
}

static void tell_if_new(struct examine *examine)
{
    node_checks_t now = {0};
    VEC_EACH(&examine->found, check) {
        struct node_check *place = VEC_ADD(&now);
        if (place) {
            *place = *check;
        }
    }
    if (examine->disks) {
        disk_job_tell(examine->disks, &now);
    }
    struct node_check *space = examine->space ? VEC_ADD(&now) : NULL;
    if (space) {
        space_job_tell(examine->space, space);
    }
    struct node_check *place = examine->fence_check.name[0] ? VEC_ADD(&now) : NULL;
    if (place) {
        *place = examine->fence_check;
    }
    if (is_same(&now, &examine->told)) {
        VEC_DONE(&now);
        return;
    }
    VEC_DONE(&examine->told);
    examine->told.items = now.items;
    examine->told.len = now.len;
    examine->told.capacity = now.capacity;
    examine->callbacks.changed(examine->userdata);
}

/* Differs when an administrator has written one of these, or taken one away. */
static revision_t mark_of(const struct world *world, enum record_kind kind)
{
    revision_t revision = 0;
    WORLD_EACH(world, kind, each) {
        revision = MAX(revision, (*each)->revision);
    }
    return revision + (revision_t)world->records[kind].len;
}

static void begin_space(struct examine *examine)
{
    if (examine->space && !space_job_is_done(examine->space)) {
        return;
    }
    examine->space = space_job_free(examine->space);
    examine->space = space_job_start(examine->config.space_least_bytes);
}

/* Now and then everything, else what is new; and always whether there is room. */
static void look(struct examine *examine)
{
    begin_space(examine);
    const struct world *world = examine->callbacks.world(examine->userdata);
    revision_t nodes = mark_of(world, RECORD_NODE_SPEC), vms = mark_of(world, RECORD_VM_SPEC);
    bool is_due = examine->looks++ % looks_until_anew == 0;
    if (is_due) {
        VEC_DONE(&examine->found);
        examine_clock(&examine->found);
        examine_store(examine, &examine->found);
    }
    if (is_due || nodes != examine->seen_nodes) {
        examine->seen_nodes = nodes;
        try_fencing(examine, world);
    }
    if (is_due || vms != examine->seen_vms) {
        examine->seen_vms = vms;
        begin_disks(examine, world);
    }
}

/* No thread is at work. */
static bool is_settled(const struct examine *examine)
{
    return (!examine->disks || disk_job_is_done(examine->disks)) &&
           (!examine->space || space_job_is_done(examine->space));
}

/* What was found is told soon; that nothing was, for something hangs, before the next look. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct examine *examine = userdata;
    (void)usec;
    bool is_due = examine->rest_ms <= 0;
    if (is_due || is_settled(examine)) {
        tell_if_new(examine);
    }
    if (is_due) {
        look(examine);
        examine->rest_ms = examine->config.look_ms;
    }
    examine->rest_ms -= examine->config.tell_ms;
    (void)sd_event_source_set_time_relative(source, (uint64_t)examine->config.tell_ms * 1000);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int examine_new(sd_event *event, const struct examine_config *config,
                const struct examine_callbacks *callbacks, void *userdata, struct examine **ret,
                struct error *err)
{
    struct examine *examine = calloc(1, sizeof(*examine));
    if (!examine) {
        return error_set(err, -ENOMEM, "no memory");
    }
    examine->event = sd_event_ref(event);
    examine->config = *config;
    examine->callbacks = *callbacks;
    examine->userdata = userdata;
    int r =
        sd_event_add_time_relative(event, &examine->timer, CLOCK_MONOTONIC,
                                   (uint64_t)config->first_look_ms * 1000, 0, on_timer, examine);
    if (r >= 0) {
        /* Never before a heartbeat. */
        r = sd_event_source_set_priority(examine->timer, SD_EVENT_PRIORITY_IDLE);
    }
    if (r < 0) {
        (void)examine_free(examine);
        return error_set(err, r, "cannot set up the loop: %s", strerror(-r));
    }
    *ret = examine;
    return 0;
}

struct examine *examine_free(struct examine *examine)
{
    if (!examine) {
        return NULL;
    }
    examine->fencing = fence_cancel(examine->fencing);
    examine->disks = disk_job_free(examine->disks);
    examine->space = space_job_free(examine->space);
    (void)sd_event_source_disable_unref(examine->timer);
    (void)sd_event_unref(examine->event);
    VEC_DONE(&examine->found);
    VEC_DONE(&examine->told);
    free(examine);
    return NULL;
}

bool examine_add(const struct examine *examine, struct node_inventory *inventory)
{
    if (!examine) {
        return true;
    }
    VEC_EACH(&examine->told, check) {
        if (inventory->checks.len + host_checks_left >= checks_max) {
            break;
        }
        struct node_check *place = VEC_ADD(&inventory->checks);
        if (!place) {
            return false;
        }
        *place = *check;
    }
    return true;
}

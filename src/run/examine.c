/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: each check is a small machine of its own, and all share when they are told. */
#include "run/examine.h"

#include "loop/memory.h"
#include "loop/timer.h"
#include "run/examine_certificate.h"
#include "run/examine_disks.h"
#include "run/examine_moves.h"
#include "run/examine_space.h"
#include "run/fence_tests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

enum {
    looks_until_fresh = 20, /* then it is looked at again without any */
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

struct open_write {
    uint64_t id;
    msec_t begun_ms;
};

struct examine {
    sd_event *event;
    struct loop_timer timer;
    struct examine_config config;
    struct examine_callbacks callbacks;
    void *userdata;
    uint32_t looks;                  /* since it was looked at in full */
    revision_t seen_nodes, seen_vms; /* mark_of() what was looked at */
    struct open_write writes[writes_open_max];
    uint32_t write_len;
    uint32_t ended_len;
    msec_t slowest_ms, sum_ms;
    struct mailbox *box;
    struct workers *workers; /* a thread for the disks of VMs and one for our own */
    bool is_looking_at_disks, is_looking_at_space;
    uint32_t disk_vm_len;          /* of how many VMs the disks are looked at */
    node_checks_t disk_checks;     /* what was found; empty: nothing yet */
    struct node_check space_check; /* the same; name "": nothing yet */
    struct certificate_watch certificate;
    struct moves_watch moves;
    msec_t rest_ms;                /* until the next look */
    struct fence_asking fencing;   /* of the next host */
    bool has_fence_failure;        /* a level of it did not answer as it should */
    struct node_check fence_check; /* name "": there is no one to ask about */
    node_checks_t found, told;
    struct fence_tests tests; /* those that an administrator wants */
};

/* It is no more than advice, if it is not ok. */
static void advise(struct node_check *check, bool is_advice)
{
    if (check) {
        check->is_advice = !check->is_ok && is_advice;
    }
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

/* ---- the clock: as the program that keeps it has told the kernel ---- */

static void examine_clock(node_checks_t *checks)
{
    struct timex state = {0};
    int r = adjtimex(&state);
    msec_t off_ms = state.maxerror / 1000;
    if (r < 0 || r == TIME_ERROR || (state.status & STA_UNSYNC)) {
        advise(node_checks_add(checks, "clock", false,
                               "nothing keeps this host's clock right: install and start chrony or "
                               "systemd-timesyncd (times in events and certificates depend on it)"),
               true);
    } else if (off_ms > clock_far_ms) {
        advise(node_checks_add(checks, "clock", false,
                               "its clock may be off by %llu s: does its time server answer? "
                               "(chronyc tracking, timedatectl)",
                               rounded(off_ms / 1000)),
               true);
    } else {
        (void)node_checks_add(checks, "clock", true, "kept by a time server, off by less than 2 s");
    }
}

/* ---- the store ---- */

void examine_write_begun(struct examine *examine, uint64_t id, msec_t now_ms)
{
    if (examine && examine->write_len < writes_open_max) {
        examine->writes[examine->write_len++] = (struct open_write){id, now_ms};
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
        advise(node_checks_add(checks, "store", is_ok,
                               "a write to the store takes %llu ms, the slowest %llu ms or less%s",
                               rounded(examine->sum_ms / examine->ended_len), rounded(slowest_ms),
                               is_ok ? "" : ": give etcd a quicker disk and a quiet network"),
               slowest_ms <= too_slow_write_ms);
    }
    if (examine->config.etcd_endpoint_len < 2) {
        advise(node_checks_add(checks, "store", false,
                               "this host knows one member of etcd only: name all of them in "
                               "etcd_endpoints, or nothing can be decided when that one is lost"),
               true);
    }
    if (examine->config.is_store_open) {
        (void)node_checks_add(checks, "store", false,
                              "the store is not protected: etcd_endpoints has plain http, so "
                              "anyone who reaches etcd commands every host; use https with client "
                              "certificates");
    }
    examine->ended_len = 0;
    examine->slowest_ms = examine->sum_ms = 0;
}

/* ---- the watchdog ---- */

/* Read from sysfs: nothing is opened, and so nothing is petted. */
static void examine_watchdog(const struct watchdog_config *config, node_checks_t *checks)
{
    struct watchdog_state state;
    if (config && watchdog_inspect(config, &state, NULL) == 0 && state.is_nowayout) {
        advise(node_checks_add(checks, "nowayout", false,
                               "its watchdog (%s) cannot be stopped once it is armed, so stopping "
                               "berthd resets this host: load its driver with nowayout=0",
                               state.identity),
               true);
    }
}

/* ---- the next host's fence device: each one's is tried from another host ---- */

static bool has_power_fencing(const struct record *spec)
{
    return spec->node_spec->fencing == FENCING_POWER && spec->node_spec->fence_agent[0] != '\0';
}

/* The one behind ourselves in the order of names, around. */
static struct record *next_fenced(const struct world *world, const char *self)
{
    struct record *first = NULL;
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

/* What the agent of this level says. Of several the first that is not well is told. */
static void tell_fencing(void *userdata, const struct record *fenced, uint32_t at,
                         const struct fence_result *result)
{
    struct examine *examine = userdata;
    struct node_check *check = &examine->fence_check;
    const struct node_spec *spec = fenced->node_spec;
    bool is_ok = result->outcome == FENCE_DONE && result->power == FENCE_POWER_ON;
    bool is_last = at + 1 >= node_spec_fence_levels(spec);
    char level[48] = "";
    if (examine->has_fence_failure || (is_ok && !is_last)) {
        return;
    }
    if (node_spec_fence_levels(spec) > 1 && !is_ok) {
        (void)snprintf(level, sizeof(level), " at level %u", at + 1);
    }
    examine->has_fence_failure = !is_ok;
    *check = (struct node_check){.is_ok = is_ok};
    (void)snprintf(check->name, sizeof(check->name), "fencing");
    (void)snprintf(check->subject, sizeof(check->subject), "%s", fenced->key.name);
    if (is_ok) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "%s fence agent of %s answers, and says that it is on",
                       node_spec_fence_levels(spec) > 1 ? "every" : "the", fenced->key.name);
        return;
    }
    (void)snprintf(check->detail, sizeof(check->detail),
                   "the fence agent of %s%s, asked from here: %s; see berth node set",
                   fenced->key.name, level, result->text);
}

static void fencing_ended(void *userdata, const struct record *spec)
{
    (void)userdata;
    (void)spec; /* each level has been told */
}

/* All levels of the next host's fencing, one after the other. */
static void try_fencing(struct examine *examine, const struct world *world)
{
    struct record *spec = next_fenced(world, examine->config.node);
    if (fence_asking_is_busy(&examine->fencing)) {
        return;
    }
    if (!spec) {
        examine->fence_check = (struct node_check){0};
        return;
    }
    examine->has_fence_failure = false;
    fence_asking_begin(&examine->fencing, spec);
}

/* ---- the disks of the VMs that may run here ---- */

static void disks_looked_at(void *userdata, struct task *look)
{
    struct examine *examine = userdata;
    examine->is_looking_at_disks = false;
    VEC_DONE(&examine->disk_checks);
    disk_look_tell(look, &examine->disk_checks);
}

static void begin_disks(struct examine *examine, const struct world *world)
{
    if (examine->is_looking_at_disks) {
        return; /* it hangs, and will say so */
    }
    struct disk_look *look = disk_look_new(disks_looked_at);
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        if (vm_spec_may_run_on((*each)->vm_spec, examine->config.node)) {
            disk_look_add(look, *each);
        }
    }
    examine->is_looking_at_disks = true;
    examine->disk_vm_len = disk_look_vm_len(look);
    disk_look_submit(look, examine->workers);
}

/* ---- together ---- */

/* Whether there is any news. All are copied into zeroed memory, the bytes between fields, too. */
static bool is_same(const node_checks_t *a, const node_checks_t *b)
{
    return a->len == b->len &&
           (a->len == 0 || memcmp(a->items, b->items, a->len * sizeof(a->items[0])) == 0);
}

static void add_copy(node_checks_t *checks, const struct node_check *check)
{
    *must(VEC_ADD(checks)) = *check;
}

static void tell_if_new(struct examine *examine)
{
    node_checks_t now = {0};
    VEC_EACH(&examine->found, check) {
        add_copy(&now, check);
    }
    if (examine->is_looking_at_disks) {
        disk_look_hangs(examine->disk_vm_len, must(VEC_ADD(&now)));
    } else {
        VEC_EACH(&examine->disk_checks, check) {
            add_copy(&now, check);
        }
    }
    if (examine->is_looking_at_space) {
        space_look_tell(NULL, must(VEC_ADD(&now)));
    } else if (examine->space_check.name[0]) {
        add_copy(&now, &examine->space_check);
    }
    if (examine->certificate.check.name[0]) {
        add_copy(&now, &examine->certificate.check);
    }
    if (examine->moves.check.name[0]) {
        add_copy(&now, &examine->moves.check);
    }
    if (examine->fence_check.name[0]) {
        add_copy(&now, &examine->fence_check);
    }
    if (is_same(&now, &examine->told)) {
        VEC_DONE(&now);
        return;
    }
    VEC_DONE(&examine->told);
    examine->told = now;
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

static void space_looked_at(void *userdata, struct task *look)
{
    struct examine *examine = userdata;
    examine->is_looking_at_space = false;
    space_look_tell(look, &examine->space_check);
}

static void begin_space(struct examine *examine)
{
    if (!examine->is_looking_at_space) {
        examine->is_looking_at_space = true;
        workers_submit(examine->workers,
                       space_look_new(examine->config.space_least_bytes, space_looked_at));
    }
}

/* Now and then everything, else what is new; and always whether there is room. */
static void look_around(struct examine *examine)
{
    begin_space(examine);
    const struct world *world = examine->callbacks.world(examine->userdata);
    revision_t nodes = mark_of(world, RECORD_NODE_SPEC), vms = mark_of(world, RECORD_VM_SPEC);
    bool is_due = examine->looks++ % looks_until_fresh == 0;
    if (is_due) {
        VEC_DONE(&examine->found);
        examine_clock(&examine->found);
        examine_store(examine, &examine->found);
        examine_watchdog(examine->config.watchdog, &examine->found);
        certificate_watch_look(&examine->certificate, examine->workers);
        moves_watch_look(&examine->moves, examine->workers);
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
    return !examine->is_looking_at_disks && !examine->is_looking_at_space &&
           !examine->certificate.is_looking && !examine->moves.is_looking;
}

/* What was found is told soon; that nothing was, for something hangs, before the next look. */
static void look_is_due(void *userdata)
{
    struct examine *examine = userdata;
    bool is_due = examine->rest_ms <= 0;
    if (fence_tests_look(&examine->tests, examine->callbacks.world(examine->userdata),
                         examine->config.node)) {
        examine->callbacks.changed(examine->userdata);
    }
    if (is_due || is_settled(examine)) {
        tell_if_new(examine);
    }
    if (is_due) {
        look_around(examine);
        examine->rest_ms = examine->config.look_ms;
    }
    examine->rest_ms -= examine->config.tell_ms;
    loop_timer_after(&examine->timer, examine->config.tell_ms);
}

static int set_up(struct examine *examine)
{
    int r = mailbox_new(examine->event, examine, &examine->box);
    if (r < 0) {
        return r;
    }
    r = workers_new(examine->box, 2, &examine->workers);
    if (r < 0) {
        return r;
    }
    r = loop_timer_init(&examine->timer, examine->event, CLOCK_MONOTONIC, look_is_due, examine);
    if (r < 0) {
        return r;
    }
    loop_timer_after(&examine->timer, examine->config.first_look_ms);
    return loop_timer_be_idle(&examine->timer); /* never before a heartbeat */
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
    examine->certificate = (struct certificate_watch){config->certificate, config->key};
    examine->moves = (struct moves_watch){config->migration_address, config->root};
    examine->callbacks = *callbacks;
    examine->userdata = userdata;
    examine->tests.asking = examine->fencing = (struct fence_asking){
        .event = event,
        .directory = config->fence_directory,
        .open_level = callbacks->open_level,
        .open_userdata = userdata,
        .answered = tell_fencing,
        .ended = fencing_ended,
        .userdata = examine,
    };
    fence_tests_init(&examine->tests);
    int r = set_up(examine);
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
    fence_asking_done(&examine->fencing);
    fence_tests_done(&examine->tests);
    mailbox_close(examine->box);
    examine->workers = workers_free(examine->workers, false);
    examine->box = mailbox_unref(examine->box);
    loop_timer_done(&examine->timer);
    (void)sd_event_unref(examine->event);
    VEC_DONE(&examine->found);
    VEC_DONE(&examine->told);
    VEC_DONE(&examine->disk_checks);
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
    VEC_EACH(&examine->tests.results, result) {
        struct fence_test_result *place =
            inventory->fence_tests.len < fence_tests_max ? VEC_ADD(&inventory->fence_tests) : NULL;
        if (!place) {
            return inventory->fence_tests.len >= fence_tests_max;
        }
        *place = *result;
    }
    return true;
}

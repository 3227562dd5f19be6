/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of this host is used: measured every half minute and written as one small record, which
 * only berth-api and the candidates watch. For people; the core does not read it.
 */
#include "run/daemon_internal.h"

#include "base/parse.h"
#include "loop/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { measure_ms = 30 * 1000, write_limit_ms = 3000 };

static uint32_t milli(uint64_t now_ms, uint64_t before_ms, msec_t span_ms)
{
    return now_ms > before_ms && span_ms > 0
               ? (uint32_t)((now_ms - before_ms) * 1000 / (uint64_t)span_ms)
               : 0;
}

static uint64_t vm_before_ms(const struct daemon_use *last, const struct virt_use *vm)
{
    VEC_EACH(&last->vms, each) {
        if (each->epoch == vm->epoch && strcmp(each->vm, vm->vm) == 0) {
            return each->cpu_ms;
        }
    }
    return 0;
}

static void written(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                    const struct error *error)
{
    /* The next one comes soon. */
    (void)userdata, (void)id, (void)outcome, (void)revision, (void)error;
}

/* Into the store of this cluster only, whose format it demands. */
static void write_use(struct daemon *d, struct record *record)
{
    const struct record *format = world_find(core_world(d->core), RECORD_FORMAT, "");
    struct txn txn = {0};
    if (!format || core_incarnation(d->core) == 0) {
        record_unref(record);
        return;
    }
    txn_guard(&txn, &format->key, format->revision);
    txn_put(&txn, record);
    if (txn.failed) {
        abort(); /* as the core does when memory runs out */
    }
    store_txn(d->store, &txn, write_limit_ms, 0, written, d);
    txn_done(&txn);
}

/* Since the last time; the first time there is nothing to compare with. */
void daemon_measured(void *userdata, const struct virt_use *vms, size_t len)
{
    struct daemon *d = userdata;
    struct daemon_use *last = &d->use;
    msec_t now_ms = clock_boottime_ms(), span_ms = now_ms - last->at_ms;
    struct host_load load;
    struct record *record = record_new(RECORD_NODE_USE, d->config->node, NULL);
    if (!record) {
        abort();
    }
    struct node_use *use = record->use;
    host_load(d->host, &load);
    use->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    use->cpu_milli = milli(load.busy_ms, last->busy_ms, span_ms);
    use->memory_total_mib = load.memory_mib;
    use->memory_mib = load.memory_mib - MIN(load.memory_mib, load.available_mib);
    for (size_t i = 0; i < len; i++) {
        uint64_t before_ms = vm_before_ms(last, &vms[i]);
        struct vm_use *vm = before_ms > 0 ? VEC_ADD(&use->vms) : NULL;
        if (vm) {
            *vm = (struct vm_use){.cpu_milli = milli(vms[i].cpu_ms, before_ms, span_ms),
                                  .memory_mib = vms[i].memory_mib};
            (void)copy_text(vm->vm, sizeof(vm->vm), vms[i].vm);
        }
    }
    bool is_first = last->at_ms == 0;
    last->at_ms = now_ms;
    last->busy_ms = load.busy_ms;
    VEC_DONE(&last->vms);
    if (!VEC_RESERVE(&last->vms, len)) {
        abort();
    }
    if (len > 0) {
        memcpy(last->vms.items, vms, len * sizeof(*vms));
    }
    last->vms.len = len;
    if (is_first) {
        record_unref(record);
    } else {
        write_use(d, record);
    }
}

static void measure(void *userdata)
{
    struct daemon *d = userdata;
    virt_measure(d->virt);
    loop_timer_after(&d->use.timer, measure_ms);
}

int daemon_watch_use(struct daemon *d)
{
    int r = loop_timer_init(&d->use.timer, d->event, CLOCK_MONOTONIC, measure, d);
    if (r >= 0) {
        loop_timer_after(&d->use.timer, 1000);
    }
    return r;
}

void daemon_leave_use(struct daemon *d)
{
    loop_timer_done(&d->use.timer);
    VEC_DONE(&d->use.vms);
}

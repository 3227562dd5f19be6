/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/use.h"

#include "api/handlers.h"
#include "api/show.h"
#include "base/parse.h"
#include "wire/out.h"

#include <string.h>

enum { hour_ms = 3600 * 1000, sweep_ms = 60 * 1000 };

static void tracks_done(use_tracks_t *tracks)
{
    VEC_EACH(tracks, track) {
        VEC_DONE(&track->samples);
    }
    VEC_DONE(tracks);
}

void use_history_done(struct use_history *history)
{
    tracks_done(&history->nodes);
    tracks_done(&history->vms);
}

/* ---- what is told ---- */

static void drop_old(struct use_track *track, msec_t now_ms)
{
    size_t old = 0;
    while (old < track->samples.len && (track->samples.items[old].at_ms < now_ms - hour_ms ||
                                        track->samples.len - old > use_samples_max)) {
        old++;
    }
    if (old > 0) {
        memmove(track->samples.items, track->samples.items + old,
                (track->samples.len - old) * sizeof(track->samples.items[0]));
        track->samples.len -= old;
    }
}

static bool add_sample(struct use_track *track, msec_t now_ms, uint32_t cpu_milli,
                       uint64_t memory_mib)
{
    struct use_sample *sample = VEC_ADD(&track->samples);
    if (!sample) {
        return false;
    }
    *sample =
        (struct use_sample){now_ms, cpu_milli, (uint32_t)MIN(memory_mib, (uint64_t)UINT32_MAX)};
    drop_old(track, now_ms);
    return true;
}

static struct use_track *find(const use_tracks_t *tracks, const char *name, size_t *ret_place)
{
    *ret_place = VEC_BISECT(tracks, each, strcmp(each->name, name) < 0);
    bool is_there = *ret_place < tracks->len && strcmp(tracks->items[*ret_place].name, name) == 0;
    return is_there ? &tracks->items[*ret_place] : NULL;
}

static bool add(use_tracks_t *tracks, const char *name, msec_t now_ms, uint32_t cpu_milli,
                uint64_t memory_mib)
{
    size_t place;
    struct use_track *track = find(tracks, name, &place);
    if (!track) {
        track = VEC_INSERT(tracks, place);
        if (!track) {
            return false;
        }
        (void)copy_text(track->name, sizeof(track->name), name);
    }
    return add_sample(track, now_ms, cpu_milli, memory_mib);
}

/* Of VMs that are no more, and hosts that tell nothing any more, nothing stays. */
static void forget_old(use_tracks_t *tracks, msec_t now_ms)
{
    size_t kept = 0;
    VEC_EACH(tracks, each) {
        drop_old(each, now_ms);
        if (each->samples.len > 0) {
            tracks->items[kept++] = *each;
        } else {
            VEC_DONE(&each->samples);
        }
    }
    tracks->len = kept;
}

bool use_history_add(struct use_history *history, const struct record *record, msec_t now_ms)
{
    if (record->key.kind != RECORD_NODE_USE) {
        return true;
    }
    const struct node_use *use = record->use;
    bool is_kept = add(&history->nodes, record->key.name, now_ms, use->cpu_milli, use->memory_mib);
    VEC_EACH(&use->vms, vm) {
        is_kept &= add(&history->vms, vm->vm, now_ms, vm->cpu_milli, vm->memory_mib);
    }
    if (now_ms >= history->swept_ms + sweep_ms) { /* a thousand hosts tell, of thousands of VMs */
        forget_old(&history->nodes, now_ms);
        forget_old(&history->vms, now_ms);
        history->swept_ms = now_ms;
    }
    return is_kept;
}

const struct use_track *use_history_node(const struct use_history *history, const char *name)
{
    size_t place;
    return find(&history->nodes, name, &place);
}

const struct use_track *use_history_vm(const struct use_history *history, const char *name)
{
    size_t place;
    return find(&history->vms, name, &place);
}

/* ---- what is asked ---- */

/* 'cpus' and 'memory_mib': of how much. */
static void send(struct api_call *call, const struct use_track *track, uint32_t cpus,
                 uint64_t memory_mib)
{
    CLEANUP(buf_done) struct buf out = {0};
    const struct use_sample *last =
        track && track->samples.len > 0 ? &track->samples.items[track->samples.len - 1] : NULL;
    bool is_now = last && call->view->now_ms - last->at_ms < use_stale_ms;
    out_open(&out, '{');
    out_number(&out, "cpus", cpus);
    out_number(&out, "memory_total_mib", (int64_t)memory_mib);
    if (is_now) {
        out_number(&out, "cpu_milli", last->cpu_milli);
        out_number(&out, "memory_mib", last->memory_mib);
    }
    out_key(&out, "samples");
    out_open(&out, '[');
    for (size_t i = 0; track && i < track->samples.len; i++) {
        const struct use_sample *each = &track->samples.items[i];
        if (each->at_ms < call->view->now_ms - hour_ms) {
            continue;
        }
        out_open(&out, '{');
        out_number(&out, "age_ms", call->view->now_ms - each->at_ms);
        out_number(&out, "cpu_milli", each->cpu_milli);
        out_number(&out, "memory_mib", each->memory_mib);
        out_close(&out, '}');
    }
    out_close(&out, ']');
    call_send_members(call, &out, 0);
}

void handle_node_use(struct api_call *call)
{
    struct node_facts node;
    if (!call_node(call, call->args[0], &node)) {
        return;
    }
    const struct record *told = world_find(call->world, RECORD_NODE_USE, node.name);
    const struct node_inventory *inventory = node.inventory;
    send(call, call->view->use ? use_history_node(call->view->use, node.name) : NULL,
         told        ? told->use->cpus
         : inventory ? inventory->cpus
                     : 0,
         told        ? told->use->memory_total_mib
         : inventory ? inventory->memory_mib
                     : 0);
}

void handle_vm_use(struct api_call *call)
{
    struct vm_facts vm;
    if (call_vm(call, call->args[0], &vm)) {
        send(call, call->view->use ? use_history_vm(call->view->use, vm.name) : NULL, vm.spec->cpus,
             vm.spec->memory_mib);
    }
}

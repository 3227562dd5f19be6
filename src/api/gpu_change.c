/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the host to Berth and back: dismount, mount, partition, release from quarantine. */
#include "api/gpu_change.h"

#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/spec.h"
#include "model/division.h"
#include "model/words.h"

#include <stdio.h>
#include <string.h>

/* ---- what they share ---- */

bool gpu_change_begin(struct gpu_change *change, struct api_call *call)
{
    if (!call_gpu(call, &change->node, &change->gpu) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, change->node.name))) {
        return false;
    }
    (void)gpu_slot_format(&change->gpu.slot, change->name);
    return true;
}

bool gpu_change_of_card(struct gpu_change *change, struct api_call *call)
{
    char card[pci_address_size];
    if (!change->gpu.device.partition) {
        return true;
    }
    (void)pci_address_format(change->gpu.slot.address, card);
    call_tell(call, "card", card, NULL);
    call_refuse(call, 409, "partition",
                "%s of %s is a part of the card %s, which goes as a whole: say %s", change->name,
                change->node.name, card, card);
    return false;
}

bool gpu_change_is_free(struct gpu_change *change, struct api_call *call)
{
    const char *node = change->node.name, *pool = change->gpu.pool;
    const char *vm = card_holder_of(call->world, node, change->gpu.slot.address);
    if (pool) {
        char place[2 * name_size];
        (void)snprintf(place, sizeof(place), "%s/%s", node, change->name);
        call_advise(call, hint_make("pool-remove", pool, place, NULL));
        call_tell(call, "pool", pool, NULL);
        call_refuse(call, 409, "in-pool", "%s of %s is in GPU pool %s: take it out first",
                    change->name, node, pool);
    } else if (vm) {
        call_advise(call, hint_make("vm-stop", vm, NULL));
        call_tell(call, "vm", vm, NULL);
        call_refuse(call, 409, "in-use", "%s of %s is held by VM %s: stop it first", change->name,
                    node, vm);
    }
    return !pool && !vm;
}

static void dismount_forget(struct node_spec *spec, struct pci_address address)
{
    for (size_t i = spec->dismounted.len; i-- > 0;) {
        if (pci_address_compare(spec->dismounted.items[i].address, address) == 0) {
            VEC_REMOVE(&spec->dismounted, i);
        }
    }
}

void gpu_change_put(struct gpu_change *change, struct api_call *call, const struct dismount *entry)
{
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, change->node.name);
    if (next) {
        dismount_forget(next->node_spec, change->gpu.slot.address);
    }
    struct dismount *place = next && entry ? VEC_ADD(&next->node_spec->dismounted) : NULL;
    if (place) {
        *place = *entry;
        place->address = change->gpu.slot.address;
        (void)gpu_identity(change->gpu.gpu, place->identity);
    } else if (entry) {
        record_unref(TAKE(next));
    }
    call_put(call, TAKE(next));
}

bool gpu_change_is_same_card(const struct gpu_change *change)
{
    char identity[gpu_identity_size];
    const struct dismount *have = change->gpu.dismount;
    return have && strcmp(have->identity, gpu_identity(change->gpu.gpu, identity)) == 0;
}

/* ---- dismount ---- */

/* Whether the survey lets it go to a VM, once it is dismounted. */
static bool is_takable(struct api_call *call, const struct gpu_change *change, bool is_forced)
{
    const struct gpu *gpu = change->gpu.gpu;
    bool is_unwise = gpu_verdict_is_unwise(gpu->verdict);
    if (gpu->verdict == GPU_HOST_DRIVER || gpu_verdict_may_be_assigned(gpu->verdict, is_forced)) {
        return true;
    }
    if (is_unwise) {
        call_advise(call,
                    hint_with(hint_make("gpu-dismount", change->node.name, change->name, NULL),
                              "force", NULL));
    }
    call_refuse(call, 409, gpu_verdict_name(gpu->verdict), "%s %s cannot be dismounted: %s",
                change->node.name, change->name,
                gpu->verdict_detail[0] ? gpu->verdict_detail : gpu_verdict_name(gpu->verdict));
    return false;
}

/* One that is divided, or is to be, must be whole again first. */
static bool is_whole(struct api_call *call, const struct gpu_change *change)
{
    const struct dismount *have = change->gpu.dismount;
    if (!have || have->partitions == 0) {
        return true;
    }
    call_advise(call, hint_make("gpu-partition", change->node.name, change->name, "0", NULL));
    call_tell_number(call, "partitions", division_len(have));
    call_refuse(call, 409, "partitioned", "%s of %s is in %u partitions: make it whole first",
                change->name, change->node.name, division_len(have));
    return false;
}

/* "0000:04:00.1 0000:04:00.3"; "": it is alone. */
static const char *what_goes_along(const struct gpu *gpu, char *ret, size_t size)
{
    char name[pci_address_size];
    size_t used = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < gpu->companion_len && used < size; i++) {
        int len = snprintf(ret + used, size - used, "%s%s", i ? " " : "",
                           pci_address_format(gpu->companions[i], name));
        used += (size_t)MAX(len, 0);
    }
    return ret;
}

void handle_gpu_dismount(struct api_call *call)
{
    struct gpu_change change;
    struct force_request asked = {0};
    char title[2 * gpu_text_size + 16];
    if (!request_read(call, &request_force, &asked) || !gpu_change_begin(&change, call) ||
        !gpu_change_of_card(&change, call) || !is_whole(call, &change) ||
        !is_takable(call, &change, asked.is_forced)) {
        return;
    }
    if (gpu_change_is_same_card(&change) && (change.gpu.dismount->is_forced || !asked.is_forced)) {
        call_unchanged(call, change.node.name, "%s of %s is %s already", change.name,
                       change.node.name,
                       gpu_is_dismounted(change.gpu.gpu) ? "dismounted" : "being dismounted");
        return;
    }
    gpu_change_put(&change, call, &(struct dismount){.is_forced = asked.is_forced});
    char along[companions_max * (pci_address_size + 1) + 16];
    struct note note = call_note(NOTE_GPU_DISMOUNT_ASKED, change.node.name);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), change.name);
    (void)copy_text(note.facts.label, sizeof(note.facts.label),
                    gpu_title(change.gpu.gpu, title, sizeof(title)));
    (void)facts_set(&note.facts, NULL, NULL, what_goes_along(change.gpu.gpu, along, sizeof(along)));
    call_commit(call, &note);
}

/* ---- mount ---- */

void handle_gpu_mount(struct api_call *call)
{
    struct gpu_change change;
    if (!request_is_empty(call) || !gpu_change_begin(&change, call) ||
        !gpu_change_of_card(&change, call) || !gpu_change_is_free(&change, call)) {
        return;
    }
    if (!change.gpu.dismount) {
        call_unchanged(call, change.node.name, "%s of %s is %s", change.name, change.node.name,
                       gpu_is_dismounted(change.gpu.gpu) ? "being mounted already"
                                                         : "the host's already");
        return;
    }
    gpu_change_put(&change, call, NULL);
    struct note note = call_note(NOTE_GPU_MOUNT_ASKED, change.node.name);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), change.name);
    call_commit(call, &note);
}

/* ---- release ---- */

void handle_gpu_release(struct api_call *call)
{
    struct gpu_change change;
    char card[pci_address_size];
    if (!request_is_empty(call) || !gpu_change_begin(&change, call)) {
        return;
    }
    const struct gpu_device *device = &change.gpu.device;
    const char *node = change.node.name;
    char words[words_max];
    (void)pci_address_format(change.gpu.slot.address, card);
    if (device->partition && device->card->health == GPU_QUARANTINED) {
        call_advise(call, hint_make("gpu-release", node, card, NULL));
        call_tell(call, "card", card, NULL);
        call_refuse(call, 409, "card-quarantined",
                    "the whole card %s of %s is in quarantine (%s): release the card", card, node,
                    words_cause(&device->card->health_cause, words));
        return;
    }
    if (device->health != GPU_QUARANTINED) {
        call_unchanged(call, node, "%s of %s is not in quarantine", change.name, node);
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node);
    struct gpu_release *place = next ? VEC_ADD(&next->node_spec->released) : NULL;
    if (place) {
        place->slot = change.gpu.slot;
    } else {
        record_unref(TAKE(next));
    }
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_GPU_RELEASE_ASKED, node);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), change.name);
    note.cause = *device->health_cause;
    call_commit(call, &note);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many partitions a card is divided into (SR-IOV). */
#include "api/commit.h"
#include "api/gpu_change.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"

#include <stdio.h>
#include <string.h>

/* Whether the vendor's driver makes its partitions, out of virtual functions that it keeps. */
static bool has_vendor_types(const struct api_call *call, const struct gpu_change *change)
{
    const struct record *inventory =
        world_find(call->world, RECORD_NODE_INVENTORY, change->node.name);
    const struct gpu *gpu = change->gpu.gpu;
    bool has_types = gpu->sriov_total > 0 && gpu->mdev_type_len > 0;
    VEC_EACH(&inventory->inventory->partitions, each) {
        has_types |= each->backend == GPU_BACKEND_VENDOR &&
                     pci_address_compare(each->slot.address, gpu->address) == 0;
    }
    return has_types;
}

/* Whether the card can be divided so; false: it is answered. */
static bool can_be(struct api_call *call, const struct gpu_change *change, uint32_t count)
{
    const struct gpu *gpu = change->gpu.gpu;
    const char *node = change->node.name;
    uint32_t most = MIN(gpu->sriov_total, (uint32_t)partitions_per_card_max);
    if (gpu->sriov_total == 0 && gpu->mdev_type_len > 0) {
        call_refuse(call, 409, "no-sriov",
                    "%s of %s is divided into mediated devices by its host (mdevctl), not into "
                    "virtual functions; those that are there can join a pool of the type "
                    "GpuPartition",
                    change->name, node);
    } else if (has_vendor_types(call, change)) {
        call_refuse(
            call, 409, "vendor-partitions",
            "the virtual functions of %s of %s stay with their vendor's driver, which gives "
            "them their types: to divide it here would destroy its vGPUs; those that have "
            "a type can join a pool of the type GpuPartition",
            change->name, node);
    } else if (gpu->sriov_total == 0) {
        call_refuse(call, 409, "no-sriov",
                    "%s of %s cannot be divided: it has no SR-IOV, or its firmware keeps that off",
                    change->name, node);
    } else if (count > most) {
        call_tell(call, "field", "count", NULL);
        call_tell_number(call, "max", most);
        call_refuse(call, 409, "bad-count", "%s of %s takes 0 to %u partitions, not %u",
                    change->name, node, most, count);
    } else if (gpu->verdict == GPU_OFF_BUS || gpu->verdict == GPU_NO_IOMMU) {
        call_refuse(call, 409, gpu_verdict_name(gpu->verdict), "%s of %s cannot be divided: %s",
                    change->name, node,
                    gpu->verdict_detail[0] ? gpu->verdict_detail : gpu_verdict_name(gpu->verdict));
    } else {
        return true;
    }
    return false;
}

static uint32_t wanted(const struct dismount *entry)
{
    return entry ? entry->partitions : 0;
}

/* Cards of this model elsewhere that are not divided in the same way: a pool takes equal ones. */
static json_t *find_others(const struct api_call *call, const struct gpu_change *change,
                           uint32_t count)
{
    json_t *warnings = json_array();
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        VEC_EACH(&(*each)->inventory->gpus, gpu) {
            char subject[name_size + pci_address_size + 1], address[pci_address_size];
            uint32_t theirs = wanted(world_dismount(call->world, node, gpu->address));
            if (gpu == change->gpu.gpu || theirs == count ||
                !gpu_same_model(gpu, change->gpu.gpu, NULL, 0)) {
                continue;
            }
            (void)pci_address_format(gpu->address, address);
            (void)snprintf(subject, sizeof(subject), "%s/%s", node, address);
            if (theirs == 0) {
                reason_add(warnings, subject, "is of the same model and not divided");
            } else {
                reason_add(warnings, subject, "is of the same model and in %u partitions", theirs);
            }
        }
    }
    return warnings;
}

static void make_whole(struct api_call *call, struct gpu_change *change)
{
    const char *node = change->node.name;
    uint32_t have = change->gpu.gpu->sriov_enabled;
    if (wanted(change->gpu.dismount) > 0) {
        gpu_change_put(change, call, NULL);
        struct note note = call_note(NOTE_GPU_WHOLE_ASKED, node);
        (void)copy_text(note.facts.device, sizeof(note.facts.device), change->name);
        call_commit(call, &note);
    } else if (have > 0) {
        char count[16];
        (void)snprintf(count, sizeof(count), "%u", have);
        call_advise(call, hint_make("gpu-partition", node, change->name, count, NULL));
        call_tell_number(call, "partitions", have);
        call_refuse(call, 409, "not-ours",
                    "the %u partitions of %s of %s were not made by Berth: take them over by "
                    "dividing the card into %u, then make it whole",
                    have, change->name, node, have);
    } else {
        call_unchanged(call, node, "%s of %s is not divided", change->name, node);
    }
}

static void divide(struct api_call *call, struct gpu_change *change, uint32_t count)
{
    const char *node = change->node.name;
    json_t *warnings = find_others(call, change, count);
    bool is_alone = json_array_size(warnings) == 0;
    gpu_change_put(
        change, call,
        &(struct dismount){.partitions = count,
                           .is_forced = change->gpu.dismount && change->gpu.dismount->is_forced});
    struct note note =
        call_note(is_alone ? NOTE_GPU_SPLIT_ASKED : NOTE_GPU_SPLIT_UNLIKE_ASKED, node);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), change->name);
    note.facts.count = count;
    call_commit_with(call, 200, json_pack("{s:o}", "warnings", warnings), &note);
}

void handle_gpu_partition(struct api_call *call)
{
    struct gpu_change change;
    struct partition_request asked = {0};
    if (!request_read(call, &request_partition, &asked) || !gpu_change_begin(&change, call) ||
        !gpu_change_of_card(&change, call) || !can_be(call, &change, asked.count)) {
        return;
    }
    if (asked.count > 0 && wanted(change.gpu.dismount) == asked.count &&
        gpu_change_is_same_card(&change)) {
        call_unchanged(call, change.node.name, "%s of %s is in %u partitions already, or will be",
                       change.name, change.node.name, asked.count);
        return;
    }
    if (!gpu_change_is_free(&change, call)) {
        return;
    }
    if (asked.count == 0) {
        make_whole(call, &change);
    } else {
        divide(call, &change, asked.count);
    }
}

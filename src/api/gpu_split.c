/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many partitions a card is divided into: virtual functions (SR-IOV), or vGPUs of a profile. */
#include "api/commit.h"
#include "api/gpu_change.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "model/division.h"

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

/* "nvidia-1121 (NVIDIA H200X-1-18C), nvidia-1132 (...)" */
static const char *list_profiles(const struct gpu *gpu, struct buf *ret)
{
    for (uint32_t i = 0; i < gpu->mdev_type_len; i++) {
        const struct gpu_mdev_type *type = &gpu->mdev_types[i];
        buf_printf(ret, "%s%s (%s)", i ? ", " : "", type->id, type->name);
    }
    return buf_str(ret);
}

/* Those of the profile that there are already make room for themselves. */
static uint32_t most_of(const struct api_call *call, const struct gpu_change *change,
                        const struct gpu_mdev_type *type)
{
    const struct record *inventory =
        world_find(call->world, RECORD_NODE_INVENTORY, change->node.name);
    uint32_t most = type->available;
    VEC_EACH(&inventory->inventory->partitions, each) {
        most += pci_address_compare(each->slot.address, change->gpu.gpu->address) == 0 &&
                strcmp(each->type, type->id) == 0;
    }
    return MIN(most, (uint32_t)partitions_per_card_max);
}

/* Whether the card has room for so many vGPUs of one profile, whose id replaces its name; false: it
 * is answered. Whether all fit at a time is tried on the host. */
static bool has_room(struct api_call *call, const struct gpu_change *change, uint32_t count,
                     char *profile)
{
    const struct gpu *gpu = change->gpu.gpu;
    const char *node = change->node.name;
    const struct gpu_mdev_type *type = division_profile(gpu, profile);
    CLEANUP(buf_done) struct buf profiles = {0};
    if (!type) {
        call_tell(call, "field", "profile", NULL);
        call_refuse(call, 409, "no-profile", "%s of %s has no vGPU profile \"%s\"; it has %s",
                    change->name, node, profile, list_profiles(gpu, &profiles));
        return false;
    }
    if (count > most_of(call, change, type)) {
        call_tell(call, "field", "count", NULL);
        call_tell_number(call, "max", most_of(call, change, type));
        call_refuse(call, 409, "bad-count", "%s of %s has room for %u partitions of %s, not %u",
                    change->name, node, most_of(call, change, type), type->id, count);
        return false;
    }
    (void)copy_text(profile, gpu_profile_size, type->id);
    return true;
}

/* A berth-api that does not know of several sizes writes a host's cards without them. */
static const char *find_older(const struct api_call *call)
{
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        if (!(*each)->inventory->takes_sizes) {
            return (*each)->key.name;
        }
    }
    return NULL;
}

/* The profiles behind the first; each once. */
static bool has_room_for_more(struct api_call *call, const struct gpu_change *change,
                              struct dismount *asked)
{
    const char *older = asked->more_len > 0 ? find_older(call) : NULL;
    if (older) {
        call_tell(call, "node", older, NULL);
        call_refuse(call, 409, "older-host",
                    "%s has an older Berth, which does not know of cards with vGPUs of several "
                    "profiles: upgrade it first",
                    older);
        return false;
    }
    for (uint32_t i = 0; i < asked->more_len; i++) {
        struct vgpu_share *share = &asked->more[i];
        struct dismount before = *asked;
        before.more_len = i;
        if (!has_room(call, change, share->count, share->profile)) {
            return false;
        }
        if (division_has(&before, share->profile)) {
            request_refuse(call, "more", "names the profile %s twice", share->profile);
            return false;
        }
    }
    if (division_len(asked) > partitions_per_card_max) {
        call_tell_number(call, "max", partitions_per_card_max);
        call_refuse(call, 409, "bad-count", "a card takes %d partitions at most, not %u",
                    partitions_per_card_max, division_len(asked));
        return false;
    }
    return true;
}

/* Whether the card can be divided into vGPUs; false: it is answered. */
static bool can_be_profile(struct api_call *call, const struct gpu_change *change,
                           struct dismount *asked)
{
    const struct gpu *gpu = change->gpu.gpu;
    const char *node = change->node.name;
    if (asked->partitions == 0) {
        call_tell(call, "field", "profile", NULL);
        call_refuse(call, 400, "bad-field", "a card that is to be whole has no profile");
    } else if (gpu->verdict == GPU_OFF_BUS || gpu->verdict == GPU_NO_IOMMU) {
        call_refuse(call, 409, gpu_verdict_name(gpu->verdict), "%s of %s cannot be divided: %s",
                    change->name, node, gpu->verdict_detail);
    } else if (gpu->mdev_type_len == 0) {
        call_refuse(call, 409, "no-profile",
                    "%s of %s offers no vGPU profiles: install its vendor's vGPU manager on the "
                    "host, and enable its virtual functions",
                    change->name, node);
    } else {
        return has_room(call, change, asked->partitions, asked->profile) &&
               has_room_for_more(call, change, asked);
    }
    return false;
}

/* Its partitions have types, so one is to be named. */
static void ask_for_profile(struct api_call *call, const struct gpu_change *change,
                            const char *code, uint32_t count)
{
    CLEANUP(buf_done) struct buf profiles = {0};
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", count);
    call_advise(call,
                hint_with(hint_make("gpu-partition", change->node.name, change->name, number, NULL),
                          "profile", "PROFILE"));
    call_refuse(call, 409, code, "the partitions of %s of %s are vGPUs: name a profile. It has %s",
                change->name, change->node.name, list_profiles(change->gpu.gpu, &profiles));
}

/* Whether the card can be divided so; false: it is answered. */
static bool can_be(struct api_call *call, const struct gpu_change *change, uint32_t count)
{
    const struct gpu *gpu = change->gpu.gpu;
    const char *node = change->node.name;
    uint32_t most = MIN(gpu->sriov_total, (uint32_t)partitions_per_card_max);
    bool is_ours = change->gpu.dismount && change->gpu.dismount->profile[0] != '\0';
    if (count == 0 && is_ours) {
        return true;
    }
    if (count > 0 && gpu->mdev_type_len > 0) {
        ask_for_profile(call, change, gpu->sriov_total > 0 ? "vendor-partitions" : "no-sriov",
                        count);
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
    return entry ? division_len(entry) : 0;
}

/* Cards of this model elsewhere that are not divided in the same way: a pool takes equal ones. */
static json_t *find_others(const struct api_call *call, const struct gpu_change *change,
                           const struct dismount *asked)
{
    json_t *warnings = json_array();
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        VEC_EACH(&(*each)->inventory->gpus, gpu) {
            char subject[name_size + pci_address_size + 1], address[pci_address_size];
            char types[160];
            const struct dismount *entry = world_dismount(call->world, node, gpu->address);
            uint32_t theirs = wanted(entry);
            bool is_alike = entry ? division_equal(entry, asked) : division_len(asked) == 0;
            if (gpu == change->gpu.gpu || is_alike ||
                !gpu_same_model(gpu, change->gpu.gpu, NULL, 0)) {
                continue;
            }
            (void)pci_address_format(gpu->address, address);
            (void)snprintf(subject, sizeof(subject), "%s/%s", node, address);
            if (theirs == 0) {
                reason_add(warnings, subject, "is of the same model and not divided");
            } else {
                reason_add(warnings, subject, "is of the same model and in %u partitions%s%s",
                           theirs, entry->profile[0] ? " of " : "",
                           division_types(entry, types, sizeof(types)));
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

static void divide(struct api_call *call, struct gpu_change *change, struct dismount *asked)
{
    const char *node = change->node.name;
    json_t *warnings = find_others(call, change, asked);
    bool is_alone = json_array_size(warnings) == 0;
    asked->is_forced = change->gpu.dismount && change->gpu.dismount->is_forced;
    gpu_change_put(change, call, asked);
    struct note note =
        call_note(is_alone ? NOTE_GPU_SPLIT_ASKED : NOTE_GPU_SPLIT_UNLIKE_ASKED, node);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), change->name);
    (void)division_types(asked, note.facts.label, sizeof(note.facts.label));
    note.facts.count = division_len(asked);
    call_commit_with(call, 200, json_pack("{s:o}", "warnings", warnings), &note);
}

/* What the request asks for. */
static bool read_request(struct api_call *call, struct dismount *ret)
{
    struct partition_request asked = {0};
    if (!request_read(call, &request_partition, &asked)) {
        return false;
    }
    *ret = (struct dismount){.partitions = asked.count, .more_len = asked.more_len};
    (void)copy_text(ret->profile, sizeof(ret->profile), asked.profile);
    memcpy(ret->more, asked.more, sizeof(ret->more));
    if (ret->more_len > 0 && ret->profile[0] == '\0') {
        request_refuse(call, "more", "goes with a profile");
        return false;
    }
    return true;
}

void handle_gpu_partition(struct api_call *call)
{
    struct gpu_change change;
    struct dismount asked;
    if (!read_request(call, &asked) || !gpu_change_begin(&change, call) ||
        !gpu_change_of_card(&change, call) ||
        !(asked.profile[0] != '\0' ? can_be_profile(call, &change, &asked)
                                   : can_be(call, &change, asked.partitions))) {
        return;
    }
    if (asked.partitions > 0 && change.gpu.dismount &&
        division_equal(change.gpu.dismount, &asked) && gpu_change_is_same_card(&change)) {
        call_unchanged(call, change.node.name, "%s of %s is in %u partitions already, or will be",
                       change.name, change.node.name, division_len(&asked));
        return;
    }
    if (!gpu_change_is_free(&change, call)) {
        return;
    }
    if (asked.partitions == 0) {
        make_whole(call, &change);
    } else {
        divide(call, &change, &asked);
    }
}

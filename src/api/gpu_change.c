/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the host to Berth and back: dismount, mount, release from quarantine. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/show.h"
#include "api/spec.h"

#include <stdio.h>
#include <string.h>

/* The VEC types of 'dismounted' and 'released' differ by name only. */
static void forget(struct node_spec *spec, struct pci_address address, bool is_released)
{
    struct dismount *items = is_released ? spec->released.items : spec->dismounted.items;
    size_t len = is_released ? spec->released.len : spec->dismounted.len;
    for (size_t i = 0; i < len; i++) {
        if (pci_address_compare(items[i].address, address) != 0) {
            continue;
        }
        if (is_released) {
            VEC_REMOVE(&spec->released, i);
        } else {
            VEC_REMOVE(&spec->dismounted, i);
        }
        return;
    }
}

static bool note(struct node_spec *spec, const struct gpu *gpu, bool is_released, bool is_forced)
{
    forget(spec, gpu->address, is_released);
    struct dismount *place = is_released ? VEC_ADD(&spec->released) : VEC_ADD(&spec->dismounted);
    if (place) {
        place->address = gpu->address;
        place->is_forced = is_forced;
        (void)gpu_identity(gpu, place->identity);
    }
    return place != NULL;
}

/* Whether the survey lets it go to a VM; with 'is_forced' also what is merely unwise. */
static bool is_takable(struct api_call *call, const char *node, const struct gpu *gpu,
                       bool is_forced)
{
    char address[pci_address_size];
    bool is_unwise = gpu->verdict == GPU_IN_USE || gpu->verdict == GPU_NO_RESET;
    if (gpu->verdict == GPU_ASSIGNABLE || gpu->verdict == GPU_HOST_DRIVER ||
        (is_unwise && is_forced)) {
        return true;
    }
    call_refuse(call, 409, gpu_verdict_name(gpu->verdict), "%s %s cannot be dismounted: %s%s", node,
                pci_address_format(gpu->address, address),
                gpu->verdict_detail[0] ? gpu->verdict_detail : gpu_verdict_name(gpu->verdict),
                is_unwise ? " (--force does it all the same)" : "");
    return false;
}

void handle_gpu_dismount(struct api_call *call)
{
    struct node_facts node;
    struct gpu_facts facts;
    bool is_forced = false;
    char address[pci_address_size], identity[gpu_identity_size], title[2 * gpu_text_size + 16];
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    (void)body_bool(&body, "force", &is_forced);
    if (!body_end(&body, call) || !call_gpu(call, &node, &facts) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name)) ||
        !is_takable(call, node.name, facts.gpu, is_forced)) {
        return;
    }
    (void)pci_address_format(facts.gpu->address, address);
    const struct dismount *have = dismount_of(node.spec, facts.gpu->address);
    if (have && strcmp(have->identity, gpu_identity(facts.gpu, identity)) == 0 &&
        (have->is_forced || !is_forced)) {
        call_unchanged(call, node.name, "%s of %s is %s already", address, node.name,
                       gpu_is_dismounted(facts.gpu) ? "dismounted" : "being dismounted");
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node.name);
    if (next && !note(next->node_spec, facts.gpu, false, is_forced)) {
        record_unref(TAKE(next));
    }
    call_put(call, TAKE(next));
    call_commit(call, "gpu-dismount", node.name, "%s of %s (%s) is to be dismounted from the host",
                address, node.name, gpu_title(facts.gpu, title, sizeof(title)));
}

void handle_gpu_mount(struct api_call *call)
{
    struct node_facts node;
    struct gpu_facts facts;
    char address[pci_address_size];
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    if (!body_end(&body, call) || !call_gpu(call, &node, &facts) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name))) {
        return;
    }
    (void)pci_address_format(facts.gpu->address, address);
    if (facts.pool) {
        call_refuse(call, 409, "in-pool",
                    "%s of %s is in GPU pool %s: take it out first (berth pool remove %s %s/%s)",
                    address, node.name, facts.pool, facts.pool, node.name, address);
        return;
    }
    if (facts.vm) {
        call_refuse(call, 409, "in-use", "%s of %s is held by VM %s: stop it first", address,
                    node.name, facts.vm);
        return;
    }
    if (!facts.is_dismount_wanted) {
        call_unchanged(call, node.name, "%s of %s is %s", address, node.name,
                       gpu_is_dismounted(facts.gpu) ? "being mounted already"
                                                    : "the host's already");
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node.name);
    if (next) {
        forget(next->node_spec, facts.gpu->address, false);
    }
    call_put(call, TAKE(next));
    call_commit(call, "gpu-mount", node.name, "%s of %s is to be given back to the host", address,
                node.name);
}

void handle_gpu_release(struct api_call *call)
{
    struct node_facts node;
    struct gpu_facts facts;
    char address[pci_address_size];
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    if (!body_end(&body, call) || !call_gpu(call, &node, &facts) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name))) {
        return;
    }
    (void)pci_address_format(facts.gpu->address, address);
    if (facts.gpu->health != GPU_QUARANTINED) {
        call_unchanged(call, node.name, "%s of %s is not in quarantine", address, node.name);
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node.name);
    if (next && !note(next->node_spec, facts.gpu, true, false)) {
        record_unref(TAKE(next));
    }
    call_put(call, TAKE(next));
    call_commit(call, "gpu-release", node.name, "%s of %s is released from quarantine (%s)",
                address, node.name, facts.gpu->health_reason);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI functions that are no GPUs, and are listed, dismounted and pooled like them. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/hint.h"
#include "api/requests.h"
#include "api/json.h"
#include "api/show.h"
#include "api/spec.h"

#include <stdio.h>
#include <string.h>

static json_t *device_json(const struct api_call *call, const char *node,
                           struct pci_address address)
{
    char text[pci_address_size], title[2 * gpu_text_size + 16];
    struct gpu_facts facts;
    const struct gpu_slot slot = {.address = address};
    bool is_shown = gpu_facts(call->view, node, &slot, &facts);
    json_t *json =
        json_pack("{s:s, s:b}", "address", pci_address_format(address, text), "shown", is_shown);
    if (is_shown) {
        (void)json_object_set_new(json, "name",
                                  text_json(gpu_title(facts.gpu, title, sizeof(title))));
        (void)json_object_set_new(json, "state", json_string(gpu_state_name(facts.state)));
        (void)json_object_set_new(json, "verdict_detail", text_json(facts.gpu->verdict_detail));
    }
    return json;
}

void handle_devices_get(struct api_call *call)
{
    struct node_facts node;
    if (!call_node(call, call->args[0], &node)) {
        return;
    }
    json_t *list = json_array();
    const struct record *spec = world_find(call->world, RECORD_NODE_SPEC, node.name);
    if (spec) {
        VEC_EACH(&spec->node_spec->watched, address) {
            (void)json_array_append_new(list, device_json(call, node.name, *address));
        }
    }
    call_send_list(call, in_order(list, "address"));
}

/* The function that the path names, as text, too. False: it is answered. */
static bool read_device(struct api_call *call, struct node_facts *node, struct gpu_slot *ret,
                        char *ret_text)
{
    if (!request_is_empty(call) || !call_node(call, call->args[0], node) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node->name))) {
        return false;
    }
    (void)gpu_slot_parse(call->args[1], ret); /* checked with the path */
    (void)pci_address_format(ret->address, ret_text);
    if (ret->partition[0] != '\0') {
        call_tell(call, "card", ret_text, NULL);
        call_refuse(call, 409, "partition", "%s of %s is a part of the device %s: say %s",
                    call->args[1], node->name, ret_text, ret_text);
        return false;
    }
    return true;
}

static size_t find_watched(const struct node_spec *spec, struct pci_address address)
{
    size_t i = 0;
    while (i < spec->watched.len && pci_address_compare(spec->watched.items[i], address) != 0) {
        i++;
    }
    return i;
}

static void commit(struct api_call *call, struct record *next, enum note_code code,
                   const char *text)
{
    struct note note = call_note(code, next->key.name);
    (void)snprintf(note.facts.device, sizeof(note.facts.device), "%s", text);
    call_put(call, next);
    call_commit(call, &note);
}

void handle_device_watch(struct api_call *call)
{
    char text[pci_address_size];
    struct node_facts node;
    struct gpu_slot slot;
    if (!read_device(call, &node, &slot, text)) {
        return;
    }
    if (world_gpu(call->world, node.name, slot.address)) {
        call_unchanged(call, node.name, "%s of %s is listed already", text, node.name);
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node.name);
    if (!next) {
        call_send(call, NULL, 0);
        return;
    }
    if (find_watched(next->node_spec, slot.address) < next->node_spec->watched.len) {
        call_unchanged(call, node.name, "%s of %s is to be listed already, but %s does not show it",
                       text, node.name, node.name);
        return;
    }
    if (next->node_spec->watched.len == watched_max) {
        call_tell_number(call, "max", watched_max);
        call_refuse(call, 409, "too-many", "a host lists %d devices at most that are no GPUs",
                    watched_max);
        return;
    }
    struct pci_address *place = VEC_ADD(&next->node_spec->watched);
    if (place) {
        *place = slot.address;
    }
    commit(call, TAKE(next), NOTE_DEVICE_WATCHED, text);
}

/* Whether nothing is to be done with it first. False: it is answered. */
static bool is_free(struct api_call *call, const char *node, const struct gpu_slot *slot,
                    const char *text)
{
    struct gpu_facts facts;
    (void)gpu_facts(call->view, node, slot, &facts);
    const char *vm = card_holder_of(call->world, node, slot->address);
    if (facts.pool) {
        char place[2 * name_size];
        (void)snprintf(place, sizeof(place), "%s/%s", node, text);
        call_advise(call, hint_make("pool-remove", facts.pool, place, NULL));
        call_tell(call, "pool", facts.pool, NULL);
        call_refuse(call, 409, "in-pool", "%s of %s is in pool %s: take it out first", text, node,
                    facts.pool);
    } else if (vm) {
        call_advise(call, hint_make("vm-stop", vm, NULL));
        call_tell(call, "vm", vm, NULL);
        call_refuse(call, 409, "in-use", "%s of %s is held by VM %s: stop it first", text, node,
                    vm);
    } else if (facts.dismount) {
        call_advise(call, hint_make("gpu-mount", node, text, NULL));
        call_refuse(call, 409, "dismounted", "%s of %s is dismounted: give it back first", text,
                    node);
    }
    return !facts.pool && !vm && !facts.dismount;
}

void handle_device_unwatch(struct api_call *call)
{
    char text[pci_address_size];
    struct node_facts node;
    struct gpu_slot slot;
    if (!read_device(call, &node, &slot, text)) {
        return;
    }
    CLEANUP(record_unrefp) struct record *next = node_spec_draft(call, node.name);
    if (!next) {
        call_send(call, NULL, 0);
        return;
    }
    size_t at = find_watched(next->node_spec, slot.address);
    if (at == next->node_spec->watched.len) {
        call_unchanged(call, node.name,
                       "%s of %s is not listed by an order: it is a GPU, or devices in berth.conf "
                       "of %s names it",
                       text, node.name, node.name);
        return;
    }
    if (is_free(call, node.name, &slot, text)) {
        VEC_REMOVE(&next->node_spec->watched, at);
        commit(call, TAKE(next), NOTE_DEVICE_UNWATCHED, text);
    }
}

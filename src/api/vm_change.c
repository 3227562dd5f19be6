/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs come, change and go. Their needs and orders: vm_order.c. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/patch.h"
#include "api/show.h"
#include "api/vm_need.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_xml.h"

#include <stdio.h>
#include <string.h>

/* What may be set at any time, by add and by set. */
static const char *const policy_fields[] = {
    "offline_action",  "offline_timeout_ms",
    "priority",        "preferred_owners",
    "possible_owners", "together",
    "apart",           "affinity_enforced",
    "apart_enforced",  "restart",
    "mmio_mib",        "labels",
};

/* ---- what must hold of a spec ---- */

static bool are_nodes_known(struct api_call *call, const struct vm_name *items, size_t len)
{
    struct node_facts node;
    for (size_t i = 0; i < len; i++) {
        if (!node_facts(call->view, items[i].name, &node)) {
            refuse_unknown_node(call, items[i].name);
            return false;
        }
    }
    return true;
}

static bool are_vms_known(struct api_call *call, const char *self, const struct vm_name *items,
                          size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(items[i].name, self) == 0) {
            call_refuse(call, 400, "bad-affinity", "%s cannot be related to itself", self);
            return false;
        }
        if (!world_find(call->world, RECORD_VM_SPEC, items[i].name)) {
            refuse_unknown_vm(call, items[i].name);
            return false;
        }
    }
    return true;
}

static bool is_spec_sound(struct api_call *call, const char *name, const struct vm_spec *spec)
{
    enum { timeout_max_ms = 24 * 3600 * 1000, priority_max = 1000000 };
    if (spec->offline_action == OFFLINE_SAVE && spec->need_len > 0) {
        call_refuse(call, 409, "cannot-save",
                    "the offline action save is not possible while GPUs are assigned: the state "
                    "of a GPU cannot be saved; take force-shutdown, shutdown or turn-off");
        return false;
    }
    if (spec->offline_timeout_ms < 1000 || spec->offline_timeout_ms > timeout_max_ms) {
        call_refuse(call, 400, "bad-request", "$.offline_timeout_ms: must lie between 1000 and %d",
                    timeout_max_ms);
        return false;
    }
    if (spec->priority > priority_max) {
        call_refuse(call, 400, "bad-request", "$.priority: must be at most %d", priority_max);
        return false;
    }
    return are_nodes_known(call, spec->preferred_owners.items, spec->preferred_owners.len) &&
           are_nodes_known(call, spec->possible_owners.items, spec->possible_owners.len) &&
           are_vms_known(call, name, spec->together.items, spec->together.len) &&
           are_vms_known(call, name, spec->apart.items, spec->apart.len);
}

/* ---- add ---- */

static void make_uuid(const uint8_t random[16], char *ret, size_t size)
{
    uint8_t b[16];
    memcpy(b, random, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(ret, size,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}

static bool is_name_free(struct api_call *call, const char *name, const char *uuid)
{
    if (world_find(call->world, RECORD_VM_SPEC, name)) {
        call_refuse(call, 409, "exists",
                    "there is a VM \"%s\" already; give this one another name with --name", name);
        return false;
    }
    if (world_find(call->world, RECORD_VM_PLACEMENT, name)) {
        call_refuse(call, 409, "busy",
                    "an earlier VM \"%s\" is still being removed; try again in a moment", name);
        return false;
    }
    if (call->world->records[RECORD_VM_SPEC].len >= vms_max) {
        call_refuse(call, 409, "too-many", "a cluster takes %d VMs at most", vms_max);
        return false;
    }
    WORLD_EACH(call->world, RECORD_VM_SPEC, each) {
        if (uuid[0] && strcasecmp((*each)->vm_spec->uuid, uuid) == 0) {
            call_refuse(call, 409, "exists",
                        "VM %s has the same uuid %s: remove the <uuid> from the XML, or give "
                        "another",
                        (*each)->key.name, uuid);
            return false;
        }
    }
    return true;
}

/* The new record out of the XML; NULL: it is answered. */
static struct record *spec_of_xml(struct api_call *call, const char *xml, const char *name)
{
    struct domain_info info;
    struct error err;
    int r = domain_xml_inspect(xml, &info, &err);
    if (r < 0) {
        call_refuse(call, 400, "bad-xml", "this is no domain XML that Berth can start: %s",
                    err.text);
        return NULL;
    }
    if (name_check("VM", name ? name : info.name, &err) < 0) {
        call_refuse(call, 400, "bad-name", "%s", err.text);
        return NULL;
    }
    if (!is_name_free(call, name ? name : info.name, info.uuid)) {
        return NULL;
    }
    CLEANUP(record_unrefp)
    struct record *record = record_new(RECORD_VM_SPEC, name ? name : info.name, NULL);
    if (!record || !(record->vm_spec->xml = strdup(xml))) {
        call_send(call, NULL, 0);
        return NULL;
    }
    struct vm_spec *spec = record->vm_spec;
    spec->cpus = info.cpus;
    spec->memory_mib = info.memory_mib;
    (void)copy_text(spec->uuid, sizeof(spec->uuid), info.uuid);
    if (!spec->uuid[0]) {
        make_uuid(call->view->random, spec->uuid, sizeof(spec->uuid));
    }
    return TAKE(record);
}

/* What is left of the body when the fields of add are taken out. */
static json_t *policy_of(const json_t *root)
{
    json_t *policy = json_copy((json_t *)(uintptr_t)root);
    (void)json_object_del(policy, "xml");
    (void)json_object_del(policy, "name");
    (void)json_object_del(policy, "needs");
    return policy;
}

static void add(struct api_call *call, struct record *draft, const struct vm_needs *needs)
{
    struct vm_spec *spec = draft->vm_spec;
    for (uint32_t i = 0; i < needs->len; i++) {
        if (!vm_need_add(call, draft, needs->items[i].pool, needs->items[i].count)) {
            record_unref(draft);
            return;
        }
    }
    if (!is_spec_sound(call, draft->key.name, spec)) {
        record_unref(draft);
        return;
    }
    struct record_key key = draft->key;
    uint32_t cpus = spec->cpus;
    unsigned long long memory = spec->memory_mib;
    call_guard_name(call, RECORD_VM_PLACEMENT, key.name);
    call_put(call, draft);
    call_commit_with(call, 201, json_pack("{s:s}", "name", key.name), "vm-added", key.name,
                     "VM %s was added (%u CPU%s, %llu MiB); it is stopped", key.name, cpus,
                     cpus == 1 ? "" : "s", memory);
}

void handle_vm_add(struct api_call *call)
{
    struct vm_needs needs;
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    body_need(&body, "xml");
    const char *xml = body_text(&body, "xml", domain_xml_size_max + 1);
    const char *name = body_name(&body, "name", "VM");
    vm_needs_read(&needs, &body);
    for (size_t i = 0; i < ARRAY_LEN(policy_fields); i++) {
        body_know(&body, policy_fields[i]);
    }
    if (!body_end(&body, call)) {
        return;
    }
    struct record *draft = spec_of_xml(call, xml, name);
    if (!draft) {
        return;
    }
    json_t *policy = policy_of(body.root);
    if (patch_apply(call, draft, policy, policy_fields, ARRAY_LEN(policy_fields))) {
        add(call, draft, &needs);
    } else {
        record_unref(draft);
    }
    json_decref(policy);
}

/* ---- set ---- */

void handle_vm_patch(struct api_call *call)
{
    struct vm_facts vm;
    CLEANUP(body_done) struct body body;
    CLEANUP(buf_done) struct buf what = {0};
    body_init(&body, call);
    if (body.fault.code != 0) {
        (void)body_end(&body, call);
        return;
    }
    if (!call_vm(call, call->args[0], &vm) || !call_matches(call, vm.record)) {
        return;
    }
    CLEANUP(record_unrefp) struct record *next = record_copy(vm.record);
    if (!next || !patch_apply(call, next, body.root, policy_fields, ARRAY_LEN(policy_fields)) ||
        !is_spec_sound(call, vm.name, next->vm_spec)) {
        return;
    }
    patch_tell(vm.record, next, body.root, &what);
    call_put(call, TAKE(next));
    call_commit(call, "vm-set", vm.name, "VM %s: changed %s", vm.name,
                what.size ? buf_str(&what) : "nothing");
}

/* ---- remove ---- */

void handle_vm_delete(struct api_call *call)
{
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm) || !call_matches(call, vm.record)) {
        return;
    }
    if (vm_is_placed(&vm) || vm.spec->desired == VM_STARTED) {
        call_refuse(call, 409, "not-stopped",
                    "VM %s is %s: stop it first (berth vm stop %s), then remove it", vm.name,
                    vm_view_name(vm.state), vm.name);
        return;
    }
    call_guard_name(call, RECORD_VM_PLACEMENT, vm.name);
    call_delete(call, &vm.record->key);
    call_commit(call, "vm-removed", vm.name,
                "VM %s was removed from the cluster; its disks are untouched", vm.name);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs come, change and go. Their needs and orders: vm_order.c. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/patch.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/vm_add.h"
#include "api/vm_after.h"
#include "api/vm_need.h"
#include "api/vm_xml.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_xml.h"
#include "wire/record.h"

#include <stdio.h>
#include <string.h>

/* ---- what must hold of a spec ---- */

static bool are_nodes_known(struct api_call *call, const char *field, const struct vm_name *items,
                            size_t len)
{
    struct node_facts node;
    for (size_t i = 0; i < len; i++) {
        if (!node_facts(call->view, items[i].name, &node)) {
            call_tell(call, "field", field, NULL);
            refuse_unknown_node(call, items[i].name);
            return false;
        }
    }
    return true;
}

static bool are_vms_known(struct api_call *call, const char *field, const char *self,
                          const struct vm_name *items, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(items[i].name, self) == 0) {
            call_tell(call, "field", field, "name", self, NULL);
            call_refuse(call, 400, "bad-affinity", "%s cannot be related to itself", self);
            return false;
        }
        if (!world_find(call->world, RECORD_VM_SPEC, items[i].name)) {
            call_tell(call, "field", field, NULL);
            refuse_unknown_vm(call, items[i].name);
            return false;
        }
    }
    return true;
}

static bool is_spec_sound(struct api_call *call, const char *name, const struct vm_spec *spec)
{
    enum { timeout_max_ms = 24 * 3600 * 1000, priority_max = 1000000 };
    enum { guest_silence_min_ms = 30 * 1000 }; /* it is asked every 10 s */
    if (spec->offline_action == OFFLINE_SAVE && spec->need_len > 0) {
        call_tell(call, "field", "offline_action", NULL);
        call_refuse(call, 409, "cannot-save",
                    "the offline action save is not possible while GPUs are assigned: the state "
                    "of a GPU cannot be saved; take force-shutdown, shutdown or turn-off");
        return false;
    }
    if (spec->offline_timeout_ms < 1000 || spec->offline_timeout_ms > timeout_max_ms) {
        request_refuse(call, "offline_timeout_ms", "must be a whole number from 1000 to %d",
                       timeout_max_ms);
        return false;
    }
    if (spec->guest_silence_ms < guest_silence_min_ms || spec->guest_silence_ms > timeout_max_ms) {
        request_refuse(call, "guest_silence_ms", "must be a whole number from %d to %d",
                       guest_silence_min_ms, timeout_max_ms);
        return false;
    }
    if (spec->priority > priority_max) {
        request_refuse(call, "priority", "must be a whole number from 0 to %d", priority_max);
        return false;
    }
    return are_nodes_known(call, "preferred_owners", spec->preferred_owners.items,
                           spec->preferred_owners.len) &&
           are_nodes_known(call, "possible_owners", spec->possible_owners.items,
                           spec->possible_owners.len) &&
           are_vms_known(call, "together", name, spec->together.items, spec->together.len) &&
           are_vms_known(call, "apart", name, spec->apart.items, spec->apart.len) &&
           are_vms_known(call, "start_after", name, spec->start_after.items,
                         spec->start_after.len) &&
           is_start_order_sound(call, name, spec);
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
        call_tell(call, "field", "name", "name", name, NULL);
        call_refuse(call, 409, "exists", "there is a VM \"%s\" already; give this one another name",
                    name);
        return false;
    }
    if (world_find(call->world, RECORD_VM_PLACEMENT, name)) {
        call_tell(call, "field", "name", "name", name, NULL);
        call_refuse(call, 409, "busy",
                    "an earlier VM \"%s\" is still being removed; try again in a moment", name);
        return false;
    }
    if (call->world->records[RECORD_VM_SPEC].len >= vms_max) {
        call_tell_number(call, "max", vms_max);
        call_refuse(call, 409, "too-many", "a cluster takes %d VMs at most", vms_max);
        return false;
    }
    const char *twin = vm_of_uuid(call->world, uuid);
    if (twin) {
        call_tell(call, "field", "uuid", "vm", twin, "uuid", uuid, NULL);
        call_refuse(call, 409, "exists",
                    "VM %s has the same uuid %s: remove the <uuid> from the XML, or give another",
                    twin, uuid);
        return false;
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
        call_tell(call, "field", "xml", NULL);
        call_refuse(call, 400, "bad-xml", "this is no domain XML that Berth can start: %s",
                    err.text);
        return NULL;
    }
    if (name_check("VM", name ? name : info.name, &err) < 0) {
        call_tell(call, "field", name ? "name" : "xml", NULL);
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
    domain_info_into(&info, spec);
    (void)copy_text(spec->title, sizeof(spec->title), info.title);
    (void)copy_text(spec->uuid, sizeof(spec->uuid), info.uuid);
    if (!spec->uuid[0]) {
        make_uuid(call->view->random, spec->uuid, sizeof(spec->uuid));
    }
    return TAKE(record);
}

/* Takes over 'draft' and 'extra', which goes into the answer. */
static void vm_put_new(struct api_call *call, struct record *draft,
                       const struct vm_add_request *asked, json_t *extra)
{
    struct vm_spec *spec = draft->vm_spec;
    for (uint32_t i = 0; i < asked->need_len; i++) {
        if (!vm_need_add(call, draft, asked->needs[i].pool, asked->needs[i].count)) {
            record_unref(draft);
            json_decref(extra);
            return;
        }
    }
    if (!is_spec_sound(call, draft->key.name, spec)) {
        record_unref(draft);
        json_decref(extra);
        return;
    }
    struct record_key key = draft->key;
    uint32_t cpus = spec->cpus;
    unsigned long long memory = spec->memory_mib;
    json_t *warnings = vm_warnings(call->world, key.name, spec);
    call_guard_name(call, RECORD_VM_PLACEMENT, key.name);
    call_put(call, draft);
    struct note note =
        call_note(asked->is_privileged ? NOTE_VM_ADDED_PRIVILEGED : NOTE_VM_ADDED, key.name);
    note.facts.count = cpus;
    note.facts.total = memory;
    json_t *told = json_pack("{s:s, s:o}", "name", key.name, "warnings", warnings);
    (void)json_object_update(told, extra);
    json_decref(extra);
    call_commit_with(call, 201, told, &note);
}

/* The members of 'json' that the table of the request itself has go into the one, the others, its
 * policy, into the other. False: out of memory. */
static bool split(const json_t *json, json_t **ret_own, json_t **ret_policy)
{
    *ret_policy = json_copy((json_t *)(uintptr_t)json);
    *ret_own = json_object();
    for (size_t i = 0; i < request_vm_add.len; i++) {
        const char *name = request_vm_add.fields[i].name;
        json_t *value = json_object_get(json, name);
        if (value && json_object_set(*ret_own, name, value) == 0) {
            (void)json_object_del(*ret_policy, name);
        }
    }
    return *ret_own && *ret_policy;
}

static bool is_policy(const char *name)
{
    const char *field;
    for (size_t i = 0; (field = wire_policy_field(RECORD_VM_SPEC, i)); i++) {
        if (strcmp(field, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether all of 'policy' is that; else it is answered with all that a VM is added with. */
static bool check_policy(struct api_call *call, const json_t *policy)
{
    CLEANUP(buf_done) struct buf known = {0};
    const char *name, *field;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)policy, name, unused) {
        if (is_policy(name)) {
            continue;
        }
        for (size_t i = 0; i < request_vm_add.len; i++) {
            buf_printf(&known, "%s, ", request_vm_add.fields[i].name);
        }
        for (size_t i = 0; (field = wire_policy_field(RECORD_VM_SPEC, i)); i++) {
            buf_printf(&known, "%s%s", i ? ", " : "", field);
        }
        request_refuse(call, name, "there is no such field; there are: %s", buf_str(&known));
        return false;
    }
    return true;
}

void vm_add(struct api_call *call, const struct vm_add_request *asked, json_t *extra)
{
    struct record *draft = spec_of_xml(call, asked->xml, asked->name[0] ? asked->name : NULL);
    if (draft && vm_may_have(call, asked->xml, asked->is_privileged)) {
        vm_put_new(call, draft, asked, extra);
        return;
    }
    record_unref(draft);
    json_decref(extra);
}

static void add_of(struct api_call *call, const json_t *own, const json_t *policy,
                   struct vm_add_request *asked)
{
    uint64_t given;
    if (!check_policy(call, policy) ||
        !request_read_json(call, &request_vm_add, own, asked, &given)) {
        return;
    }
    struct record *draft = spec_of_xml(call, asked->xml, asked->name[0] ? asked->name : NULL);
    if (draft && !vm_may_have(call, asked->xml, asked->is_privileged)) {
        record_unref(draft);
        return;
    }
    draft = draft ? patch_apply(call, NULL, draft, policy, NULL) : NULL;
    if (draft) {
        vm_put_new(call, draft, asked, NULL);
    }
}

void handle_vm_add(struct api_call *call)
{
    struct vm_add_request asked = {0};
    json_t *json = request_json(call), *own = NULL, *policy = NULL;
    if (json && split(json, &own, &policy)) {
        add_of(call, own, policy, &asked);
    } else if (json) {
        call_send(call, NULL, 0);
    }
    shape_done(&request_vm_add, &asked);
    json_decref(own);
    json_decref(policy);
    json_decref(json);
}

/* ---- set ---- */

void handle_vm_patch(struct api_call *call)
{
    struct vm_facts vm;
    CLEANUP(buf_done) struct buf what = {0};
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    CLEANUP(record_unrefp)
    struct record *next = patch_read(call, vm.record, record_copy(vm.record), &what);
    if (!next || !is_spec_sound(call, vm.name, next->vm_spec)) {
        return;
    }
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_VM_SET, vm.name);
    (void)facts_set(&note.facts, NULL, NULL, buf_str(&what));
    call_commit(call, &note);
}

/* ---- remove ---- */

void handle_vm_delete(struct api_call *call)
{
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm) || !call_matches(call, vm.record)) {
        return;
    }
    if (vm.state == VM_VIEW_AWAY) {
        call_advise(call, hint_of_away(call->world, vm.name));
        call_tell(call, "state", vm_view_name(vm.state), NULL);
        call_refuse(call, 409, "is-away",
                    "VM %s left its host without an order from Berth: adopt it where it runs, or "
                    "confirm that it runs nowhere. Then stop and remove it",
                    vm.name);
        return;
    }
    if (vm_is_placed(&vm) || vm.spec->desired == VM_STARTED) {
        call_advise(call, hint_make("vm-stop", vm.name, NULL));
        call_tell(call, "state", vm_view_name(vm.state), NULL);
        call_refuse(call, 409, "not-stopped", "VM %s is %s: stop it first, then remove it", vm.name,
                    vm_view_name(vm.state));
        return;
    }
    call_guard_name(call, RECORD_VM_PLACEMENT, vm.name);
    call_delete(call, &vm.record->key);
    const struct note note = call_note(NOTE_VM_REMOVAL_ASKED, vm.name);
    call_commit(call, &note);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/vm_need.h"

#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "base/parse.h"
#include "model/name.h"

#include <stdio.h>
#include <string.h>

/* The need of 'pool', or where it belongs; they are sorted by pool. */
static uint32_t place_of(const struct vm_spec *spec, const char *pool, bool *ret_is_there)
{
    uint32_t at = 0;
    while (at < spec->need_len && strcmp(spec->needs[at].pool, pool) < 0) {
        at++;
    }
    *ret_is_there = at < spec->need_len && strcmp(spec->needs[at].pool, pool) == 0;
    return at;
}

bool vm_need_add(struct api_call *call, struct record *draft, const char *pool_name, uint32_t count)
{
    struct vm_spec *spec = draft->vm_spec;
    bool is_there;
    uint32_t at = place_of(spec, pool_name, &is_there);
    const struct record *pool = call_pool(call, pool_name);
    if (!pool) {
        return false;
    }
    if (vm_spec_gpu_count(spec) + count > gpus_per_vm_max) {
        call_tell_number(call, "max", gpus_per_vm_max);
        call_refuse(call, 409, "too-many", "a VM takes %d GPUs at most; %s has %u already",
                    gpus_per_vm_max, draft->key.name, vm_spec_gpu_count(spec));
        return false;
    }
    if (!is_there && spec->need_len == needs_per_vm_max) {
        call_tell_number(call, "max", needs_per_vm_max);
        call_refuse(call, 409, "too-many", "a VM takes GPUs of %d pools at most", needs_per_vm_max);
        return false;
    }
    if (!is_there) {
        memmove(&spec->needs[at + 1], &spec->needs[at],
                (spec->need_len - at) * sizeof(spec->needs[0]));
        spec->needs[at] = (struct vm_need){0};
        (void)copy_text(spec->needs[at].pool, sizeof(spec->needs[at].pool), pool_name);
        spec->need_len++;
    }
    spec->needs[at].count += count;
    call_touch(call, pool);
    return true;
}

/* ---- assign, unassign ---- */

/* "GPUs", "partition": what the pool 'name' holds, as far as it is there. */
static const char *unit_of(const struct api_call *call, const char *name, size_t count)
{
    const struct record *pool = world_find(call->world, RECORD_POOL, name);
    return pool_unit(pool ? pool->pool->type : POOL_PCI_EXPRESS, count);
}

/* The VM whose devices may change now; its placement is guarded. */
static bool call_idle_vm(struct api_call *call, struct vm_facts *vm)
{
    if (!call_vm(call, call->args[0], vm) || !call_matches(call, vm->record)) {
        return false;
    }
    if (vm_is_placed(vm)) {
        call_advise(call, hint_make("vm-stop", vm->name, NULL));
        call_tell(call, "vm", vm->name, "state", vm_view_name(vm->state), "node", vm->node, NULL);
        call_refuse(call, 409, "not-stopped",
                    "VM %s is %s on %s: its GPUs can change only while it does not run; stop it "
                    "first",
                    vm->name, vm_view_name(vm->state), vm->node);
        return false;
    }
    call_guard_name(call, RECORD_VM_PLACEMENT, vm->name);
    return true;
}

/* A warning if no host has as many GPUs of 'pool' as the VM needs of it: it would wait forever.
 * NULL: some host has. */
static json_t *warn_of_need(const struct api_call *call, const struct vm_spec *spec,
                            const char *pool_name)
{
    const struct record *pool = world_find(call->world, RECORD_POOL, pool_name);
    bool is_there;
    uint32_t at = place_of(spec, pool_name, &is_there), most = 0, on_node = 0;
    for (size_t i = 0; pool && i < pool->pool->members.len; i++) { /* sorted by node */
        const struct pool_member *members = pool->pool->members.items;
        bool is_same = i > 0 && strcmp(members[i].node, members[i - 1].node) == 0;
        on_node = is_same ? on_node + 1 : 1;
        most = MAX(most, on_node);
    }
    if (!is_there || spec->needs[at].count <= most) {
        return NULL;
    }
    json_t *warnings = json_array();
    reason_add(warnings, pool_name,
               "no host has %u of its %s, the most on one host is %u: the VM "
               "will wait",
               spec->needs[at].count, unit_of(call, pool_name, 2), most);
    return json_pack("{s:o}", "warnings", warnings);
}

void handle_vm_assign(struct api_call *call)
{
    struct vm_facts vm;
    struct assign_request wanted = {0};
    if (!request_read(call, &request_assign, &wanted) || !call_idle_vm(call, &vm)) {
        return;
    }
    if (vm.spec->offline_action == OFFLINE_SAVE) {
        call_advise(call, hint_with(hint_make("vm-set", vm.name, NULL), "offline-action",
                                    "force-shutdown"));
        call_tell(call, "field", "offline_action", NULL);
        call_refuse(call, 409, "cannot-save",
                    "VM %s has the offline action save, which is not possible with GPUs: change "
                    "that first",
                    vm.name);
        return;
    }
    uint32_t count = wanted.count ? wanted.count : 1;
    CLEANUP(record_unrefp) struct record *next = record_copy(vm.record);
    if (!next || !vm_need_add(call, next, wanted.pool, count)) {
        return;
    }
    uint32_t total = vm_spec_gpu_count(next->vm_spec);
    json_t *warnings = warn_of_need(call, next->vm_spec, wanted.pool);
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_VM_ASSIGNED, vm.name);
    (void)facts_set(&note.facts, NULL, unit_of(call, wanted.pool, count), NULL);
    (void)copy_text(note.facts.pool, sizeof(note.facts.pool), wanted.pool);
    note.facts.count = count;
    note.facts.total = total;
    call_commit_with(call, 200, warnings, &note);
}

void handle_vm_unassign(struct api_call *call)
{
    struct vm_facts vm;
    struct assign_request wanted = {0};
    bool is_there;
    if (!request_read(call, &request_assign, &wanted) || !call_idle_vm(call, &vm)) {
        return;
    }
    uint32_t at = place_of(vm.spec, wanted.pool, &is_there);
    uint32_t have = is_there ? vm.spec->needs[at].count : 0;
    uint32_t count = wanted.count ? wanted.count : have;
    if (count > have || have == 0) {
        call_tell(call, "pool", wanted.pool, NULL);
        call_tell_number(call, "have", have);
        call_refuse(call, 409, "not-assigned", "VM %s is assigned %u %s of pool %s", vm.name, have,
                    unit_of(call, wanted.pool, have), wanted.pool);
        return;
    }
    CLEANUP(record_unrefp) struct record *next = record_copy(vm.record);
    bool is_stopped = false;
    if (next) {
        struct vm_spec *spec = next->vm_spec;
        spec->needs[at].count -= count;
        if (spec->needs[at].count == 0) {
            memmove(&spec->needs[at], &spec->needs[at + 1],
                    (spec->need_len - at - 1) * sizeof(spec->needs[0]));
            spec->need_len--;
        }
        /* It waits for GPUs. Without them it would start at once, which no one has asked for. */
        is_stopped = spec->need_len == 0 && spec->desired == VM_STARTED;
        spec->desired = is_stopped ? VM_STOPPED : spec->desired;
    }
    call_put(call, TAKE(next));
    struct note note =
        call_note(is_stopped ? NOTE_VM_UNASSIGNED_STOPPED : NOTE_VM_UNASSIGNED, vm.name);
    (void)facts_set(&note.facts, NULL, unit_of(call, wanted.pool, count), NULL);
    (void)copy_text(note.facts.pool, sizeof(note.facts.pool), wanted.pool);
    note.facts.count = count;
    note.facts.have = have - count;
    call_commit(call, &note);
}

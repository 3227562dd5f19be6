/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator says of a VM that left its host past Berth. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"

#include <assert.h>
#include <string.h>

static bool read_vm(struct api_call *call, struct vm_facts *ret)
{
    return request_is_empty(call) && call_vm(call, call->args[0], ret) &&
           call_matches(call, ret->record);
}

static void put_word(struct api_call *call, const struct vm_facts *vm, enum vm_elsewhere word)
{
    struct record *next = record_copy(vm->record);
    const char *node;
    bool is_seen = world_sighting(call->world, vm->name, &node) != NULL;
    /* Gone is believed without any proof of Berth's own: never of what a host sees. */
    assert(is_seen == (word == VM_ELSEWHERE_ADOPT));
    if (next) {
        next->vm_spec->elsewhere = word;
        next->vm_spec->elsewhere_order++;
    }
    call_put(call, next);
}

void handle_vm_adopt(struct api_call *call)
{
    struct vm_facts vm;
    const char *node;
    if (!read_vm(call, &vm)) {
        return;
    }
    const struct vm_sighting *sighting = world_sighting(call->world, vm.name, &node);
    if (sighting && vm.placement && sighting->epoch < vm.placement->epoch) {
        call_tell(call, "node", node, NULL);
        call_refuse(call, 409, "older-copy",
                    "VM %s runs on %s as it was before its host was proven off and it was ordered "
                    "to start again. Shut it down there with virsh; it starts again then",
                    vm.name, node);
        return;
    }
    if (!sighting || !vm.placement || sighting->epoch != vm.placement->epoch) {
        call_refuse(call, 409, "not-elsewhere",
                    "VM %s does not run on a host where it was not ordered", vm.name);
        return;
    }
    const char *keeper = world_keeper(call->world, vm.name, sighting->epoch);
    if (keeper && strcmp(keeper, node) != 0) {
        call_tell(call, "node", keeper, NULL);
        call_refuse(call, 409, "not-left", "VM %s has not left %s yet. Adopt it when it has",
                    vm.name, keeper);
        return;
    }
    if (vm.placement->gpus.len > 0 || vm.spec->need_len > 0) {
        call_advise(call, hint_make("vm-confirm-gone", vm.name, NULL));
        call_tell(call, "node", node, NULL);
        call_refuse(call, 409, "has-gpus",
                    "VM %s needs GPUs, and it is not known which it uses on %s. Stop it there, "
                    "then confirm that it is gone",
                    vm.name, node);
        return;
    }
    put_word(call, &vm, VM_ELSEWHERE_ADOPT);
    struct note note = call_note(NOTE_VM_ADOPT_ASKED, vm.name);
    (void)facts_set(&note.facts, node, NULL, NULL);
    call_commit(call, &note);
}

/* It is neither where it was ordered nor reported ended. */
static bool has_left(const struct api_call *call, const struct vm_facts *vm)
{
    const struct record *status = world_find(call->world, RECORD_VM_STATUS, vm->name);
    return status && vm->placement && vm->placement->phase != PLACEMENT_NONE &&
           status->status->epoch == vm->placement->epoch &&
           (status->status->state == VM_STATE_AWAY ||
            strcmp(status->status->node, vm->placement->node) != 0);
}

void handle_vm_confirm_gone(struct api_call *call)
{
    struct vm_facts vm;
    const char *node;
    if (!read_vm(call, &vm)) {
        return;
    }
    if (world_sighting(call->world, vm.name, &node)) {
        call_advise(call, hint_make("vm-adopt", vm.name, NULL));
        call_tell(call, "node", node, NULL);
        call_refuse(call, 409, "is-seen", "VM %s runs on %s. Stop it there first, or adopt it",
                    vm.name, node);
        return;
    }
    if (!has_left(call, &vm)) {
        call_refuse(call, 409, "not-elsewhere", "VM %s was neither migrated away nor saved by hand",
                    vm.name);
        return;
    }
    put_word(call, &vm, VM_ELSEWHERE_GONE);
    const struct note note = call_note(NOTE_VM_GONE_CONFIRMED, vm.name);
    call_commit(call, &note);
}

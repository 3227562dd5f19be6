/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the agent of this node acts on one of its VMs, and tells the others what became of it. */
#pragma once

#include "core/local_vm.h"

/* Begins 'op' on 'epoch' of 'vm' by an action of 'kind', to be filled in; lent until the next. */
struct core_action *vm_act_begin(struct core *core, struct local_vm *vm, enum vm_op op,
                                 enum core_action_kind kind, uint64_t epoch);

/* Whether 'status' (NULL: none) is what this node said of 'epoch' in this incarnation. */
bool vm_act_is_ours(const struct core *core, const struct vm_status *status, uint64_t epoch);

/* Writes what is so of 'placement's epoch, guarded by it and by the status before. 'why' may be
 * NULL. */
void vm_act_tell(struct core *core, struct local_vm *vm, const struct record *placement,
                 enum vm_state state, const struct cause *why);

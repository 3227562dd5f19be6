/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node agent's part about copies of running VMs that come to this node (handover.h). Before
 * anything is let in, the record of the copy says so, guarded by the placement that orders it. So
 * one who changed the placement first is sure that nothing of the copy exists; and it says 'gone'
 * only when no process of it exists and none is let in any more.
 */
#pragma once

#include "core/local_vm.h"

/* Whether the copy of 'vm', whose placement may be NULL, is all that is to be tended here. */
bool incoming_tend(struct core *core, struct local_vm *vm, const struct record *placement);

/* What has arrived as 'epoch' has its place here now, and begins to run. */
void incoming_go_on(struct core *core, struct local_vm *vm, uint64_t epoch);

/* The answers to what it began. */
void incoming_went_on(struct local_vm *vm, const struct core_event *event);
void incoming_expected(struct local_vm *vm, const struct core_event *event);
void incoming_let_go(struct core *core, struct local_vm *vm, const struct core_event *event);

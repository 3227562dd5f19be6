/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node agent's part about VMs of this node that are handed over to another one (handover.h):
 * migrates them once that node is ready, and reports what became of it.
 */
#pragma once

#include "core/local_vm.h"

/* 'vm' exists here as 'placement', which is a hand-over, has it; 'status' is ours. False: it is to
 * stop like any other VM, whatever becomes of the copy. */
bool outgoing_tend(struct core *core, struct local_vm *vm, const struct record *placement,
                   const struct vm_status *status);

/* Has a migration that is under way ended if what it is for was withdrawn. At any time: it writes
 * nothing. 'placement' may be NULL. */
void outgoing_end(struct core *core, struct local_vm *vm, const struct record *placement);

/* Tells now and then how far it is. Both records may be NULL. */
void outgoing_watch(struct core *core, struct local_vm *vm, const struct record *placement,
                    const struct record *status);

/* The migration was answered. */
void outgoing_done(struct core *core, struct local_vm *vm, const struct core_event *event);

/* A migration that broke off left 'vm' paused here, where its place is: it runs on. Seen of a
 * libvirt that dies at the very end: it cannot tell then whether the other host runs the guest. */
void outgoing_wake(struct core *core, struct local_vm *vm, const struct record *placement);
void outgoing_woken(struct core *core, struct local_vm *vm, const struct core_event *event);

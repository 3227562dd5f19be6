/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done about a guest that stands still (guest.h): it is told, and where the policy of its
 * VM says so it is turned off. So the VM has failed by itself: its QEMU is gone before that is
 * reported, and restart.c does the rest, within the limits of its restart policy.
 */
#pragma once

#include "core/local_vm.h"

/* Of 'vm', which is up here and told to run by 'placement', with 'status'. */
void standstill_tend(struct core *core, struct local_vm *vm, const struct record *placement,
                     const struct vm_status *status);

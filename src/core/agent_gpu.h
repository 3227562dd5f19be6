/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node agent's GPUs, by level: the inventory in the store is what the host shows, with our
 * verdict of health; what the spec lists as dismounted is bound to vfio-pci, whole or in
 * partitions, also after a reboot; what it lists no more is given back.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool agent_gpu_init(struct core *core);
void agent_gpu_done(struct core *core);
void agent_gpu_event(struct core *core, const struct core_event *event);
void agent_gpu_step(struct core *core);
/* Before an incarnation begins: whether its inventory is in the store. */
bool agent_gpu_tell(struct core *core);
void agent_gpu_quarantine(struct core *core, const struct gpu_slot *slot, const struct cause *why);

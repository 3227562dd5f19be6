/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This host is being shut down in order. Heartbeats say so, and what is to become of its VMs; the
 * coordinator moves or stops them. Whatever is still there at the time limit, or when berthd is
 * told to end, is ended here: all instances, and then a new incarnation begins, which is the proof
 * that none is left. So the others never wait for a host that went down in order.
 *
 *     STAYS -- told, or ordered --> GOING -- nothing is left, and the store knows --> READY
 *       ^                             |                                                |
 *       `------ order withdrawn ------+------------------------------------------------'
 *
 * Told: by who shuts the host down. Ordered: by an administrator, in the node's spec, for this very
 * incarnation; then it is berthd that has the host shut down when it is ready. So an order is
 * carried out under any coordinator, and not again after the reboot.
 *
 * A berthd that is only restarted or upgraded is not told: its host stays.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool shutdown_init(struct core *core);
void shutdown_event(struct core *core, const struct core_event *event);
void shutdown_step(struct core *core);

/* Whether a member must end all that still exists here, now. */
bool shutdown_must_end(const struct core *core);
/* How many VMs the shutdown still waits for, at least 1 until the store knows that there is none;
 * 0: the host may go down, or is not going to. */
uint32_t shutdown_waits(const struct core *core);

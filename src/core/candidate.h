/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether this host is a candidate: one of the few that watch the heartbeats of all hosts, so that
 * each of them can take over as coordinator. All others watch their own.
 *
 *     the coordinator's pulse moves     it names the candidates
 *     it stands still                   the first hosts by name, twice as many with each further
 *                                       leader_silence_ms, until one of them coordinates
 *
 * A host that comes to watch has no proof against anyone before it has watched for as long as every
 * proof demands: peer.c times each host from the moment at which this process saw its heartbeat.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool candidate_init(struct core *core);
/* Asks for the heartbeats that this host is to watch. */
void candidate_step(struct core *core);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Long work that someone ordered: a start, stop or move of a VM, the drain, shutdown
 * or reboot of a node. An operation
 * is the order's audit event, and nothing else is kept of it: how it stands is derived from the
 * records and from what was told since.
 */
#pragma once

#include "api/call.h"

#define OPERATION_KIND_LIST(X)                                                                     \
    X(OPERATION_START, "start")                                                                    \
    X(OPERATION_STOP, "stop")                                                                      \
    X(OPERATION_MOVE, "move")                                                                      \
    X(OPERATION_DRAIN, "drain")                                                                    \
    X(OPERATION_SHUTDOWN, "shutdown")                                                              \
    X(OPERATION_REBOOT, "reboot")
ENUM_DECLARE(operation_kind, OPERATION_KIND_LIST)

#define OPERATION_STATE_LIST(X)                                                                    \
    X(OPERATION_RUNNING, "running")                                                                \
    X(OPERATION_WAITING, "waiting") /* it goes on by itself when one of the reasons is gone */     \
    X(OPERATION_DONE, "done")                                                                      \
    X(OPERATION_FAILED, "failed")                                                                  \
    X(OPERATION_SUPERSEDED, "superseded") /* by a later order */
ENUM_DECLARE(operation_state, OPERATION_STATE_LIST)

/* {"id", "href"} for the answer to an order whose event has this key; NULL: 'code' orders no long
 * work. */
json_t *operation_link(const char *code, const struct record_key *event);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When is an instance of a VM proven gone? This is the only place that says so; what it answers is
 * true as of the revisions of the records it read, so anyone who acts on it guards them (placement
 * and status; a fence record and a new incarnation never go back).
 */
#pragma once

#include "model/world.h"

#define GONE_LIST(X)                                                                               \
    X(GONE_NOT, "may run")                                                                         \
    X(GONE_NOT_BEGUN, "never begun") /* guard the status' revision */                              \
    X(GONE_REPORTED, "reported stopped")                                                           \
    X(GONE_FENCED, "host fenced")                                                                  \
    X(GONE_HOST_REJOINED, "host rejoined")
ENUM_DECLARE(gone, GONE_LIST)
enum gone proof_instance_gone(const struct world *world, const char *vm,
                              const struct vm_placement *placement);
/* The same of the copy, 'epoch_last', that is to take over from it on 'next_node'; guard the record
 * of the copy. */
enum gone proof_copy_gone(const struct world *world, const char *vm,
                          const struct vm_placement *placement);

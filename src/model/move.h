/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two hosts of a live move say of it. */
#pragma once

#include "base/types.h"
#include "model/limits.h"

/* How far it is: what the hypervisor of the source says. */
struct move_progress {
    uint64_t total_mib; /* memory of the guest; 0: not known, nor is the rest */
    uint64_t left_mib;  /* of it still to be copied, what it changed meanwhile included */
    uint64_t rate_mib_s;
    msec_t pause_ms; /* so long it will stand still at the end, as is expected now */
};

#define INCOMING_LIST(X)                                                                           \
    X(INCOMING_BEGUN, "begun")     /* a copy may exist from now on; it does not run */             \
    X(INCOMING_READY, "ready")     /* and its host lets it in */                                   \
    X(INCOMING_ARRIVED, "arrived") /* it has all of the guest */                                   \
    X(INCOMING_GONE, "gone")       /* there is none, and there never will be of this epoch */
ENUM_DECLARE(incoming, INCOMING_LIST)

/* What the host to which a running VM is handed over says of the copy that it gets. */
struct vm_incoming {
    uint64_t epoch;       /* of the copy */
    uint64_t incarnation; /* of 'node', in which it was begun */
    char node[name_size];
    enum incoming state;
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can we lose a host? Yes, if its VMs have room elsewhere and its death can be proven: no VM is
 * started again on belief. What was found out about room is kept for as long as it holds; proof is
 * looked at each time, because heartbeats say what there is of it.
 */
#pragma once

#include "api/call.h"

#define SURVIVAL_VERDICT_LIST(X)                                                                   \
    X(SURVIVAL_YES, "yes")                                                                         \
    X(SURVIVAL_NO_VMS, "no-vms")     /* there is nothing to lose */                                \
    X(SURVIVAL_ONE_HOST, "one-host") /* there is nowhere else */                                   \
    X(SURVIVAL_NO_PROOF, "no-proof") /* nothing proves the death of some */                        \
    X(SURVIVAL_NO_ROOM, "no-room")   /* VMs would be left out */                                   \
    X(SURVIVAL_DISARMED, "disarmed") /* nothing restarts by itself now */
ENUM_DECLARE(survival_verdict, SURVIVAL_VERDICT_LIST)

enum { survival_unproven_max = 16 };

struct survival {
    enum survival_verdict verdict; /* about the loss of one host */
    uint32_t losses;    /* so many hosts can be lost at once, looked for up to the reserve */
    bool is_exact;      /* false: not every set of hosts was tried */
    uint32_t left_out;  /* so many VMs have no GPU if the weakest are lost; 0: none is known */
    char vm[name_size]; /* one of them; "": none */
    char weakest[8][name_size];
    uint32_t weakest_len;
    /* Hosts with VMs that have no watchdog armed, nor an agent that turns them off: as many as
     * there is room for. */
    char unproven[survival_unproven_max][name_size];
    uint32_t unproven_len;
};

/* The answers to the last picture of the cluster that was asked about; begins zeroed. */
struct survival_memo {
    bool is_found; /* 'survival' is one of them */
    uint64_t key;  /* of that picture (cluster_model_key()) */
    struct survival survival;
    json_t *hosts; /* what becomes of the VMs of each; NULL: was not asked */
};

void survival_memo_done(struct survival_memo *memo);

/* Out of call->view->survival_memo if that holds it still, and into it. False without memory. */
bool survival_find(const struct api_call *call, struct survival *ret);

/* {"losses", "left_out", "weakest": [...], "vm", ...}; NULL without memory. */
json_t *survival_json(const struct api_call *call);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can we lose a host? What was found out is kept for as long as it holds. */
#pragma once

#include "api/call.h"

struct survival {
    uint32_t losses;    /* so many hosts can be lost at once, looked for up to the reserve */
    bool is_exact;      /* false: not every set of hosts was tried */
    uint32_t left_out;  /* so many VMs have no GPU if the weakest are lost; 0: none is known */
    char vm[name_size]; /* one of them; "": none */
    char weakest[8][name_size];
    uint32_t weakest_len;
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

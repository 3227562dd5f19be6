/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes of one GPU have in common: each is a write of its node's spec. */
#pragma once

#include "api/call.h"
#include "api/facts.h"

struct gpu_change {
    struct node_facts node;
    struct gpu_facts gpu;
    char name[name_size]; /* as gpu_slot_format() writes it */
};

/* Finds the GPU of the path, looks at If-Match. False: it is answered. */
bool gpu_change_begin(struct gpu_change *change, struct api_call *call);

/* It is a card, not a part of one; false: it is answered. */
bool gpu_change_of_card(struct gpu_change *change, struct api_call *call);

/* Neither it nor a part of it is in a pool or held by a VM; false: it is answered. */
bool gpu_change_is_free(struct gpu_change *change, struct api_call *call);

/* Whether the card is the one that the node's spec speaks of, if it does. */
bool gpu_change_is_same_card(const struct gpu_change *change);

/* Writes the node's spec with 'entry' (address and identity are filled in) for the card; NULL: the
 * card is to be the host's again. */
void gpu_change_put(struct gpu_change *change, struct api_call *call, const struct dismount *entry);

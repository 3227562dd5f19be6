/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the validation share; no other file includes it. */
#pragma once

#include "api/call.h"
#include "api/facts.h"

#define FINDING_LIST(X)                                                                            \
    X(FINDING_OK, "ok")                                                                            \
    X(FINDING_WARNING, "warning") /* works, but not as it should */                                \
    X(FINDING_FAILED, "failed")   /* some VM cannot run, or not fail over, because of it */
ENUM_DECLARE(finding, FINDING_LIST)

struct validation {
    const struct api_call *call;
    json_t *groups;
    json_t *checks; /* of the group that is being made; in 'groups' */
    json_int_t counts[finding_count];
};

/* What follows belongs to this group. */
void validation_group(struct validation *v, const char *name, const char *about);

/* One finding about 'subject' (a node, GPU, pool or VM; "" the cluster). */
void validation_add(struct validation *v, enum finding finding, const char *subject,
                    const char *check, const char *format, ...) PRINTF_LIKE(5, 6);

/* validate_memory.c: whether 'node' could end its VMs in the time that it has. */
void validate_memory(struct validation *v, const struct node_facts *node);

/* node_secret.c: whether the secrets of its fence agents are sealed, and to which key. */
void validate_secrets(struct validation *v, const struct node_facts *node);

/* validate_vms.c: GPUs, pools, VMs, reserve. */
void validate_gpus(struct validation *v);
void validate_pools(struct validation *v);
void validate_vms(struct validation *v);
void validate_reserve(struct validation *v);

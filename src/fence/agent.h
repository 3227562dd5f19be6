/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Power fencing by the programs of the fence-agents project (fence_ipmilan, ...). They read
 * "key=value" lines from standard input and answer by exit code; protocol: the FenceAgentAPI.md of
 * ClusterLabs/fence-agents. Parameters go by standard input only, so that no secret stands on a
 * command line, and secrets are taken out of what is reported.
 *
 * Everything happens on the event loop; nothing blocks; no thread.
 */
#pragma once

#include "model/record.h"

#include <systemd/sd-event.h>

#define FENCE_ACTION_LIST(X)                                                                       \
    X(FENCE_OFF, "off") /* off, and then status until it says off */                               \
    X(FENCE_ON, "on")   /* on, and then status until it says on */                                 \
    X(FENCE_STATUS, "status")                                                                      \
    X(FENCE_MONITOR, "monitor")   /* does the device answer? */                                    \
    X(FENCE_METADATA, "metadata") /* the agent's description, XML in 'output' */
ENUM_DECLARE(fence_action, FENCE_ACTION_LIST)

#define FENCE_POWER_LIST(X)                                                                        \
    X(FENCE_POWER_UNKNOWN, "unknown") X(FENCE_POWER_ON, "on") X(FENCE_POWER_OFF, "off")
ENUM_DECLARE(fence_power, FENCE_POWER_LIST)

#define FENCE_OUTCOME_LIST(X)                                                                      \
    X(FENCE_DONE, "done")       /* off: it was turned off and its status says off: proof */        \
    X(FENCE_FAILED, "failed")   /* the agent could not, or its status contradicts it */            \
    X(FENCE_UNKNOWN, "unknown") /* killed at the time limit: it may have acted */
ENUM_DECLARE(fence_outcome, FENCE_OUTCOME_LIST)

struct fence_request {
    enum fence_action action;
    const char *directory;                    /* of the agents; NULL: /usr/sbin */
    const char *agent;                        /* "fence_ipmilan" */
    const struct fence_parameter *parameters; /* ip, username, password, plug, ... */
    size_t parameter_len;
    msec_t limit_ms; /* of the whole request */
};

struct fence_result {
    enum fence_outcome outcome;
    enum fence_power power; /* what the last status said */
    const char *text;       /* one sentence for people, without secrets */
    const char *output;     /* metadata: standard output; else "" */
};

/* 'result' is lent for the call. The run is over and freed afterwards. */
typedef void fence_done_fn(void *userdata, const struct fence_result *result);

struct fence_run;

/* 0, or -EINVAL with a sentence: no fence_[a-z0-9_]+, a key or value that cannot be passed, or no
 * such program (-ENOENT). Runs nothing. */
int fence_check(const struct fence_request *request, struct error *err);

/*
 * Begins; 'request' is copied. done() comes exactly once, from the loop, unless fence_cancel() is
 * called before. Errors of fence_check(), or what the system says; then there is no done().
 */
int fence_start(sd_event *event, const struct fence_request *request, fence_done_fn *done,
                void *userdata, struct fence_run **ret, struct error *err);

/* Kills the agent and forgets the run: whether it acted is unknown. Not from done(). Returns NULL;
 * accepts NULL. */
struct fence_run *fence_cancel(struct fence_run *run);
CLEANUP_POINTER(struct fence_run, fence_cancel)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What if: a question about a cluster, answered by the planner on a picture made for it. The API
 * and 'berth plan --state' ask here, so that they cannot answer differently. Pure.
 */
#pragma once

#include "plan/cluster.h"

#define PLAN_ASK_LIST(X)                                                                           \
    X(PLAN_ASK_WAITING, "waiting") /* where would the VMs go that should run and do not? */        \
    X(PLAN_ASK_FAIL, "fail")       /* 'names' are nodes: what restarts where? */                   \
    X(PLAN_ASK_DRAIN, "drain")     /* 'names' are nodes: what moves where? */                      \
    X(PLAN_ASK_START, "start")     /* 'names' are VMs */
ENUM_DECLARE(plan_ask, PLAN_ASK_LIST)

struct plan_question {
    enum plan_ask ask;
    const char *const *names;
    size_t len;
    enum migration migration; /* drain: how it is ordered */
};

struct plan_outcome {
    struct plan_question question;
    struct plan_cluster cluster; /* with the plan carried out in its model */
    struct plan_request request; /* what was asked of the planner, on 'vms' */
    VEC(uint32_t) vms;
    VEC(struct plan_avoid) avoid;
    struct plan plan;
};

/* How 'vm', which the plan gives a place on host 'to', goes there: LIVE, or RESTART with what is in
 * the way of that in '*ret_why'. DEFAULT: it is not moved, as it has no place now, or lost it. */
enum migration plan_outcome_way(const struct plan_outcome *outcome, const char *vm, const char *to,
                                struct cause *ret_why);

/* The first of the names that is no node (no VM) of 'world', lent; NULL: all are. */
const char *plan_question_unknown(const struct world *world, const struct plan_question *question);

/* Answers a question whose names are all known. 'world', 'options' and the names must stay until
 * plan_outcome_done(), which is due in either case; 'options->vms' is not looked at. 0 or
 * -ENOMEM. */
int plan_question_answer(const struct world *world, const struct plan_cluster_options *options,
                         const struct plan_question *question, struct plan_outcome *ret);
void plan_outcome_done(struct plan_outcome *outcome);

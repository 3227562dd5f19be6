/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state file as the planner's model: no cluster needed. */
#pragma once

#include "plan/plan.h"
#include "wire/state.h"

struct plan_file {
    struct state state;
    struct plan_model *model;   /* nodes and VMs have the same indices as in 'state' */
    VEC(struct vm_name) labels; /* "key=value" that VMs require */
};

/* Reads the document in 'text'. 0; -EBADMSG with the place of the fault, -ENOMEM. In any case
 * '*ret' is the caller's (plan_file_done()). */
int plan_file_init(struct plan_file *ret, const char *text, size_t size, struct error *err);
void plan_file_done(struct plan_file *file);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would happen: the planner asked on the present world. */
#pragma once

#include "api/call.h"
#include "api/facts.h"
#include "plan/question.h"

/* Answers what becomes of the VMs of nodes if they are drained, or fail. */
void whatif_send(struct api_call *call, const struct plan_question *question);

/* If no node would take 'vm' if it were started now: the reasons of some of them, as an array of
 * {"subject", "code", "parameters", "text"}. NULL: one would. */
json_t *whatif_start_waits(const struct api_call *call, const char *vm);

/* Every node's reason for or against 'vm', as an array of {"subject", "text", "fits"}. */
json_t *whatif_explain(const struct api_call *call, const struct vm_facts *vm);

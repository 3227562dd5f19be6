/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How wide the physical addresses of guests can be on the nodes, and whether that matters to a VM.
 */
#pragma once

#include "plan/picture.h"

/* Notes what bounds the addresses of guests, and the size of huge pages. */
void width_find(struct plan_cluster *c);

/* Whether addresses of guests may be too narrow for 'spec' on some node: nearly never, so that this
 * spares a look at each node. */
bool width_is_tight(const struct plan_cluster *c, const struct vm_spec *spec);

/* A VM that names no size gets that of its host: the planner counts one size for all, so nodes with
 * another are none for it. */
bool width_has_page_size(const struct plan_cluster *c, const struct vm_spec *spec,
                         const char *node);

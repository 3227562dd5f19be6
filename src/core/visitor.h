/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs of this cluster that exist on this node without being ordered here, and that are not ours to
 * end: someone migrated or restored them here, past Berth. The node's inventory tells the others
 * of them, so that no one starts them a second time. Nothing else is done about them.
 */
#pragma once

#include "core/ground.h"

/* False without memory. */
bool visitors_init(struct core *core);
void visitors_done(struct core *core);

/* Whether the store orders 'what', which exists here, to run here. */
bool visitor_is_ordered(const struct core *core, const struct vm_sighting *what);

/* Whether 'what', which exists here unordered, is a visitor; else it is for us to end. */
bool visitor_is_one(const struct core *core, const struct vm_sighting *what);

/* That 'what' is one, or is none any more. */
void visitor_tell(struct core *core, const struct vm_sighting *what, bool is_one);

/* All that exist have been told. */
void visitors_are_known(struct core *core);

/* Whether the inventory in the store shows others; asked once. */
bool visitors_have_changed(struct core *core);

/* Adds them to 'inventory'. Before they are known, those that a berthd before us saw. */
void visitors_write(struct core *core, struct node_inventory *inventory);

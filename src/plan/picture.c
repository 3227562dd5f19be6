/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *item)
{
    return strcmp(name, *(const char *const *)item);
}

static uint32_t find_name(const char *const *names, size_t len, const char *name)
{
    const char *const *found =
        len > 0 ? bsearch(name, names, len, sizeof(*names), compare_name) : NULL;
    return found ? (uint32_t)(found - names) : PLAN_NONE;
}

uint32_t plan_cluster_find_node(const struct plan_cluster *c, const char *name)
{
    return find_name(c->nodes.items, c->nodes.len, name);
}

uint32_t plan_cluster_find_vm(const struct plan_cluster *c, const char *name)
{
    return find_name(c->vms.items, c->vms.len, name);
}

struct gpu_hold plan_cluster_hold(const struct plan_cluster *c, uint32_t gpu)
{
    const struct plan_device *device = &c->devices.items[gpu];
    struct gpu_hold hold = {.slot = device->slot};
    (void)snprintf(hold.pool, sizeof(hold.pool), "%s", c->pools.items[device->pool]);
    return hold;
}

bool plan_cluster_is_down(const struct plan_cluster *c, const char *node, struct cause *ret_why)
{
    if (!c->options.is_up(c->options.context, node, ret_why)) {
        return true;
    }
    if (!world_has_hypervisor(c->world, node)) {
        *ret_why = cause_make(CAUSE_NODE_NO_HYPERVISOR, NULL, NULL, NULL);
        return true;
    }
    return false;
}

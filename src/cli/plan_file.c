/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "out of memory");
}

/* ---- what a file need not say ---- */

/* A host whose inventory says nothing of its hypervisor has one that answers; an export lists those
 * that have not as down. */
static bool add_hypervisor(struct node_inventory *inventory)
{
    VEC_EACH(&inventory->checks, check) {
        if (strcmp(check->name, CHECK_HYPERVISOR) == 0) {
            check->is_ok = true;
            return true;
        }
    }
    struct node_check *check = VEC_ADD(&inventory->checks);
    if (check) {
        *check = (struct node_check){.name = CHECK_HYPERVISOR, .is_ok = true};
    }
    return check != NULL;
}

/* Every host with an inventory is alive, in the incarnation in which it wrote that; an export lists
 * those that are not as down. */
static int add_alive(struct world *world, struct error *err)
{
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        struct node_inventory *inventory = (*each)->inventory; /* only we can see it yet */
        CLEANUP(record_unrefp)
        struct record *alive = record_new(RECORD_NODE_ALIVE, (*each)->key.name, NULL);
        if (!alive || !add_hypervisor(inventory)) {
            return no_memory(err);
        }
        alive->alive->incarnation = inventory->incarnation;
        if (!world_put(world, alive)) {
            return no_memory(err);
        }
    }
    return 0;
}

/* A member whose card the file does not identify is whichever card is there. */
static void identify_members(struct world *world)
{
    WORLD_EACH(world, RECORD_POOL, each) {
        VEC_EACH(&(*each)->pool->members, member) {
            const struct gpu *gpu = world_gpu(world, member->node, member->slot.address);
            if (gpu && !member->identity[0]) {
                (void)gpu_identity(gpu, member->identity);
            }
        }
    }
}

/* In a store these hold, as the API sees to it. */
static int check_needs(const char *vm, const struct vm_spec *spec, struct error *err)
{
    for (uint32_t i = 0; i < spec->need_len; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(spec->needs[i].pool, spec->needs[k].pool) == 0) {
                return error_set(err, -EBADMSG,
                                 "configuration.vms.%s.needs: pool %s is there twice", vm,
                                 spec->needs[i].pool);
            }
        }
    }
    return vm_spec_gpu_count(spec) <= gpus_per_vm_max
               ? 0
               : error_set(err, -EBADMSG, "configuration.vms.%s.needs: %d GPUs are the most", vm,
                           gpus_per_vm_max);
}

static int check_vms(const struct world *world, struct error *err)
{
    int r = 0;
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        r = r < 0 ? r : check_needs((*each)->key.name, (*each)->vm_spec, err);
    }
    return r;
}

static int read_export(const json_t *file, struct export *ret, struct error *err)
{
    json_t *now = NULL;
    if (json_integer_value(json_object_get(file, "schema")) != 1) {
        return export_read(file, ret, err);
    }
    int r = export_from_schema1(file, &now, err);
    r = r < 0 ? r : export_read(now, ret, err);
    ret->is_doubtful = json_object_get(file, "configuration") != NULL;
    json_decref(now);
    return r;
}

int plan_file_read(struct export *ret, const char *text, size_t size, struct error *err)
{
    json_t *file = NULL;
    *ret = (struct export){0};
    int r = export_parse(text, size, &file, err);
    r = r < 0 ? r : read_export(file, ret, err);
    json_decref(file);
    r = r < 0 ? r : check_vms(&ret->world, err);
    r = r < 0 ? r : add_alive(&ret->world, err);
    if (r == 0) {
        identify_members(&ret->world);
    }
    return r;
}

/* ---- for the planner ---- */

static bool is_up(const void *context, const char *node, struct cause *ret_why)
{
    const struct export *file = context;
    VEC_EACH(&file->down, down) {
        if (strcmp(down->node, node) == 0) {
            *ret_why = down->why;
            return false;
        }
    }
    return true;
}

static const struct record *placement_of(const void *context, const char *vm)
{
    const struct export *file = context;
    return world_find(&file->world, RECORD_VM_PLACEMENT, vm);
}

struct plan_cluster_options plan_file_options(const struct export *file)
{
    return (struct plan_cluster_options){
        .context = file, .is_up = is_up, .placement = placement_of};
}

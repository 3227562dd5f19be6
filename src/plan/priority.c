/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/priority.h"

#include <string.h>

/* The entry of 'vm', or where it would be. */
static size_t find_entry(const inherited_priorities_t *list, const char *vm, bool *ret_is_there)
{
    size_t low = 0, high = list->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->items[middle].vm, vm) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_is_there = low < list->len && strcmp(list->items[low].vm, vm) == 0;
    return low;
}

uint32_t priority_of(const inherited_priorities_t *inherited, const struct record *vm)
{
    bool is_there;
    size_t at = find_entry(inherited, vm->key.name, &is_there);
    uint32_t own = vm->vm_spec->priority;
    return is_there ? MAX(own, inherited->items[at].priority) : own;
}

/* False without memory. */
static bool raise_to(inherited_priorities_t *list, const char *vm, uint32_t priority,
                     bool *ret_has_changed)
{
    bool is_there;
    size_t at = find_entry(list, vm, &is_there);
    if (!is_there) {
        if (!VEC_ADD(list)) {
            return false;
        }
        memmove(list->items + at + 1, list->items + at,
                (list->len - 1 - at) * sizeof(*list->items));
        list->items[at] = (struct inherited_priority){vm, 0};
    }
    if (priority > list->items[at].priority) {
        list->items[at].priority = priority;
        *ret_has_changed = true;
    }
    return true;
}

/* One pass over all VMs carries priorities one VM further. It ends, even with a circle (which is
 * refused when it is written): priorities only rise, and none above the highest that there is. */
bool priority_inherit(const struct world *world, inherited_priorities_t *ret)
{
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        WORLD_EACH(world, RECORD_VM_SPEC, each) {
            const struct vm_spec *spec = (*each)->vm_spec;
            for (size_t i = 0; spec->desired == VM_STARTED && i < spec->start_after.len; i++) {
                if (!raise_to(ret, spec->start_after.items[i].name, priority_of(ret, *each),
                              &has_changed)) {
                    return false;
                }
            }
        }
    }
    return true;
}

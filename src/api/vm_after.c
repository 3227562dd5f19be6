/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/vm_after.h"

#include "api/facts.h"

#include <string.h>

/* Each is guarded, and a transaction takes so many guards. */
enum { chain_max = 100 };

static bool add_all(names_t *chain, const struct vm_spec *spec)
{
    VEC_EACH(&spec->start_after, other) {
        bool is_known = false;
        VEC_EACH(chain, known) {
            is_known |= strcmp(*known, other->name) == 0;
        }
        const char **place = is_known ? NULL : VEC_ADD(chain);
        if (!is_known && !place) {
            return false;
        }
        if (place) {
            *place = other->name;
        }
    }
    return true;
}

static bool is_sound(struct api_call *call, const char *vm, const struct vm_spec *spec,
                     names_t *chain)
{
    bool is_whole = add_all(chain, spec);
    for (size_t i = 0; is_whole && i < chain->len; i++) {
        const char *name = chain->items[i];
        const struct record *other = world_find(call->world, RECORD_VM_SPEC, name);
        if (strcmp(name, vm) == 0) {
            call_refuse(call, 409, "start-order-circle",
                        "VM %s would start after itself: a VM that it starts after starts after it",
                        vm);
            return false;
        }
        if (chain->len > chain_max) {
            call_refuse(call, 409, "start-order-too-long",
                        "VM %s would start after more than %d VMs, counting those that they start "
                        "after",
                        vm, chain_max);
            return false;
        }
        call_guard_name(call, RECORD_VM_SPEC, name);
        is_whole = !other || add_all(chain, other->vm_spec);
    }
    if (!is_whole) {
        call_send(call, NULL, 0);
    }
    return is_whole;
}

bool is_start_order_sound(struct api_call *call, const char *vm, const struct vm_spec *spec)
{
    names_t chain = {0};
    bool result = is_sound(call, vm, spec, &chain);
    VEC_DONE(&chain);
    return result;
}

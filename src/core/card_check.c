/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/card_check.h"

#include "core/mutant.h"
#include "core/self.h"

#include <assert.h>
#include <string.h>

/* How many fatal errors it had when we last wrote that, in this life of the host; -1: it was not
 * written yet. What was counted before is no news, and a release vouches for the card. */
static int64_t told_errors(const struct core *core, struct pci_address address)
{
    const struct record *told = self_inventory_record(core);
    if (told && told->inventory->incarnation == self_incarnation(core)) {
        VEC_EACH(&told->inventory->gpus, gpu) {
            if (pci_address_compare(gpu->address, address) == 0) {
                return (int64_t)gpu->errors_fatal;
            }
        }
    }
    return -1;
}

static bool has_new_errors(const struct core *core, const struct gpu *gpu)
{
    int64_t told = told_errors(core, gpu->address);
    return told >= 0 && (int64_t)gpu->errors_fatal > told && !MUTANT(FATAL_UNHEEDED);
}

bool card_check(const struct core *core, const struct dismount *entry, const struct gpu *gpu,
                struct cause *ret_why)
{
    char identity[gpu_identity_size];
    assert(pci_address_compare(entry->address, gpu->address) == 0); /* a slot, and what is in it */
    if (MUTANT(CARD_UNCHECKED)) {
        return false;
    }
    if (gpu->verdict == GPU_OFF_BUS) {
        *ret_why = (struct cause){.code = CAUSE_GPU_LEFT_BUS};
        return true;
    }
    if (has_new_errors(core, gpu)) {
        *ret_why = (struct cause){.code = CAUSE_GPU_FATAL_ERROR};
        ret_why->facts.count = gpu->errors_fatal;
        return true;
    }
    if (strcmp(gpu_identity(gpu, identity), entry->identity) != 0) {
        *ret_why = cause_make(CAUSE_GPU_OTHER_CARD, NULL, NULL, identity);
        return true;
    }
    return false;
}

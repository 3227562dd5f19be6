/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/width.h"

#include "model/aperture.h"

void width_find(struct plan_cluster *c)
{
    WORLD_EACH(c->world, RECORD_NODE_INVENTORY, each) {
        const struct node_inventory *inventory = (*each)->inventory;
        uint32_t bits = inventory->address_bits;
        c->huge_default_kib =
            c->huge_default_kib ? c->huge_default_kib : inventory->huge_default_kib;
        if (bits > 0 && (c->least_bits == 0 || bits < c->least_bits)) {
            c->least_bits = bits;
        }
        VEC_EACH(&inventory->gpus, gpu) {
            c->largest_mmio = MAX(c->largest_mmio, gpu_mmio_size(gpu));
        }
        VEC_EACH(&inventory->partitions, partition) {
            c->largest_mmio = MAX(c->largest_mmio, partition->mmio_size);
        }
    }
}

bool width_is_tight(const struct plan_cluster *c, const struct vm_spec *spec)
{
    uint64_t sizes[gpus_per_vm_max];
    uint32_t len = MIN(vm_spec_gpu_count(spec), (uint32_t)gpus_per_vm_max);
    for (uint32_t i = 0; i < len; i++) {
        sizes[i] = c->largest_mmio;
    }
    uint64_t aperture = c->least_bits > 0 ? aperture_mib(sizes, len) : 0;
    aperture = aperture ? MAX(aperture, MAX(spec->mmio_mib, spec->own_mmio_mib)) : 0;
    return aperture > 0 && aperture_address_bits(MAX(spec->memory_mib, spec->memory_max_mib),
                                                 aperture) > c->least_bits;
}

bool width_has_page_size(const struct plan_cluster *c, const struct vm_spec *spec, const char *node)
{
    const struct record *record = world_find(c->world, RECORD_NODE_INVENTORY, node);
    return spec->huge_page_kib != huge_page_default || !record ||
           record->inventory->huge_default_kib == c->huge_default_kib;
}

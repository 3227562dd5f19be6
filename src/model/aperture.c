/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/aperture.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond what any CPU addresses; keeps sums of nonsense from wrapping. */
static const uint64_t size_most = UINT64_C(1) << 54;
static const uint64_t others_mib = 1024; /* for the VM's other devices and ports */
static const uint64_t low_mib = 4096;    /* below it there is no 64-bit aperture */
/* On AMD's processors the last 12 GiB below 1 TiB are HyperTransport's: QEMU puts the RAM of a
 * guest that would reach there above 1 TiB. */
static const uint64_t hypertransport_mib = 1012 * 1024;
static const uint64_t tebibyte_mib = 1024 * 1024;

static uint64_t power_of_two_below(uint64_t size)
{
    return size ? UINT64_C(1) << (63 - __builtin_clzll(size)) : 0;
}

static uint64_t align_up(uint64_t at, uint64_t alignment)
{
    return (at + alignment - 1) / alignment * alignment;
}

static int compare_falling(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/*
 * Firmware sorts bridges by alignment and gives each card a window that begins at a multiple of the
 * card's largest region. The regions are powers of two, so the largest is the highest bit of the
 * sum. What lies between the end of one window and the next is lost; behind the last one it is not.
 */
uint64_t aperture_mib(uint64_t *sizes, size_t len)
{
    uint64_t end = 0, aperture = aperture_least_mib;
    if (len > 0) {
        qsort(sizes, len, sizeof(*sizes), compare_falling);
    }
    for (size_t i = 0; i < len && sizes[i] > 0; i++) {
        uint64_t size = MIN(sizes[i], size_most);
        end = align_up(end, power_of_two_below(size)) + size;
    }
    if (end == 0) {
        return 0;
    }
    uint64_t need = align_up(end, 1 << 20) / (1 << 20) + others_mib;
    while (aperture < need) {
        aperture *= 2;
    }
    return aperture;
}

/* Firmware aligns the aperture to its own size. */
static uint64_t aperture_end(uint64_t memory_end, uint64_t aperture)
{
    uint64_t alignment = power_of_two_below(aperture);
    alignment = alignment < aperture ? alignment * 2 : alignment;
    return align_up(memory_end, alignment) + aperture;
}

uint32_t aperture_address_bits(uint64_t memory_mib, uint64_t aperture)
{
    uint64_t memory = MIN(memory_mib, size_most >> 20);
    uint64_t hole = MIN(aperture, size_most >> 20);
    assert(hole > 0);
    uint64_t end = aperture_end(low_mib + memory, hole);
    if (end > hypertransport_mib) {
        end = aperture_end(tebibyte_mib + memory, hole);
    }
    return 20 + (uint32_t)(64 - __builtin_clzll(end - 1));
}

/* The largest device of 'pool' on 'node'; 0: none is there, or none tells. */
static uint64_t largest_device(const struct world *world, const char *pool, const char *node)
{
    uint64_t largest = 0;
    struct gpu_device device;
    const struct record *record = world_find(world, RECORD_POOL, pool);
    for (size_t i = 0; record && i < record->pool->members.len; i++) {
        const struct pool_member *member = &record->pool->members.items[i];
        if (strcmp(member->node, node) == 0 && world_device(world, node, &member->slot, &device)) {
            largest = MAX(largest, device.mmio_size);
        }
    }
    return largest;
}

bool aperture_fits(const struct world *world, const struct vm_spec *spec, const char *node,
                   struct aperture_need *ret)
{
    uint64_t sizes[gpus_per_vm_max];
    size_t len = 0;
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    *ret = (struct aperture_need){
        .memory_mib = MAX(spec->memory_mib, spec->memory_max_mib),
        .host_bits = record ? record->inventory->address_bits : 0,
    };
    if (ret->host_bits == 0) {
        return true;
    }
    for (uint32_t i = 0; i < spec->need_len; i++) {
        uint64_t largest = largest_device(world, spec->needs[i].pool, node);
        for (uint32_t n = 0; n < spec->needs[i].count && len < gpus_per_vm_max; n++) {
            sizes[len++] = largest;
        }
    }
    uint64_t computed = aperture_mib(sizes, len);
    if (computed == 0) {
        return true;
    }
    ret->aperture_mib = spec->mmio_mib ? spec->mmio_mib : MAX(computed, spec->own_mmio_mib);
    ret->bits = aperture_address_bits(ret->memory_mib, ret->aperture_mib);
    return ret->bits <= ret->host_bits;
}

const char *aperture_text(const struct aperture_need *need, char *ret, size_t size)
{
    (void)snprintf(ret, size,
                   "needs guest addresses of %u bits (%llu GiB for GPU memory above %llu GiB of "
                   "RAM), CPU and IOMMU have %u",
                   need->bits, (unsigned long long)(need->aperture_mib >> 10),
                   (unsigned long long)((need->memory_mib + 1023) >> 10), need->host_bits);
    return ret;
}

struct cause aperture_cause(const struct aperture_need *need)
{
    struct cause why = cause_make(CAUSE_ADDRESS_BITS, NULL, NULL, NULL);
    why.facts.need = need->bits;
    why.facts.have = need->host_bits;
    why.facts.total = need->aperture_mib >> 10;
    why.facts.count = (need->memory_mib + 1023) >> 10;
    return why;
}

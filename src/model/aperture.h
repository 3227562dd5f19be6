/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest physical addresses. A guest's firmware places the memory of GPUs above its RAM, in the
 * 64-bit aperture. How big that must be, how many address bits RAM and aperture need together, and
 * whether a host has so many.
 *
 * Sources: QEMU's hw/i386/pc.c (pc_memory_init, pc_max_used_gpa), EDK II's PlatformInitLib
 * (PlatformDynamicMmioWindow) and PciHostBridgeDxe, SeaBIOS' fw/pciinit.c.
 */
#pragma once

#include "model/world.h"

enum {
    /* What QEMU's q35 and OVMF give where nothing is said: never less. */
    aperture_least_mib = 32 * 1024,
    /* The width that QEMU gives a guest where nothing is said. */
    address_bits_usual = 40,
};

/* The 64-bit aperture, in MiB, for devices of 'sizes' bytes (gpu_mmio_size() of each), which are
 * sorted; 0 if all are 0. A power of two. */
uint64_t aperture_mib(uint64_t *sizes, size_t len);

/* How wide the addresses of a guest must be that has so much memory (the most that can be plugged)
 * below its aperture. */
uint32_t aperture_address_bits(uint64_t memory_mib, uint64_t aperture_mib);

/* What a VM would need on one host. */
struct aperture_need {
    uint64_t memory_mib;   /* that the VM can have at most */
    uint64_t aperture_mib; /* for its GPUs */
    uint32_t bits;         /* for both */
    uint32_t host_bits;    /* what the host has; 0: not known */
};

/* Whether the GPUs that 'spec' asks for fit into addresses that 'node' can give a guest. Of a pool
 * the largest devices of 'node' count. A host that does not tell its width takes everything. */
bool aperture_fits(const struct world *world, const struct vm_spec *spec, const char *node,
                   struct aperture_need *ret);

/* "needs 42-bit guest addresses (...), has 39" into 'ret'; returns 'ret'. */
const char *aperture_text(const struct aperture_need *need, char *ret, size_t size);

/* The same as a reason not to take a VM. */
struct cause aperture_cause(const struct aperture_need *need);

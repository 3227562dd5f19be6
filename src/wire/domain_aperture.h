/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 64-bit aperture and the memory that a domain asks for itself. Inside of src/wire only. */
#pragma once

#include "wire/domain_tree.h"

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"
#define OVMF_APERTURE  "opt/ovmf/X-PciMmio64Mb"

/* The 64-bit aperture that 'domain' asks for itself, by pcihole64 or OVMF's argument, the larger of
 * them; 0: neither. */
uint64_t aperture_own_mib(const xmlNode *domain);

/* Memory up to which 'domain' can be plugged, with the gaps of the slots; 0: no more than it has.
 */
uint64_t aperture_memory_max_mib(const xmlNode *domain);

/* The parts of a domain that hold the aperture; NULL: it has none. */
xmlNode *aperture_controller(const xmlNode *devices);  /* that of the root bus */
xmlNode *aperture_command_line(const xmlNode *domain); /* QEMU's arguments */
xmlNode *aperture_argument(const xmlNode *domain);     /* the one for OVMF ... */
uint64_t aperture_argument_mib(const xmlNode *arg);    /* ... and its value */

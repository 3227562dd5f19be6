/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI buses that a template gives to the NUMA nodes of its guest. Inside of src/wire only. */
#pragma once

#include "wire/domain_tree.h"

/* The index of the PCIe expander bus for the guest's node whose memory comes from 'host_node'; the
 * guest's node of the same number where the template binds no memory. -1: there is none. */
int expander_find(const xmlNode *domain, const xmlNode *devices, int host_node);

/* A slot of that bus that nothing takes; -1: there is none. */
int expander_slot(const xmlNode *devices, int bus);

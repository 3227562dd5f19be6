/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI buses that a template gives to the NUMA nodes of its guest. Inside of src/wire only. */
#pragma once

#include "wire/domain_tree.h"

/* Whether a set of numbers as libvirt writes it ("0-3,8,^2") has 'number'. Of what says otherwise,
 * the last counts. */
bool number_set_has(const char *text, int number);

/* The one node of the host from which that node of the guest has its memory, as the template says
 * of this one or of all; the one of the same number where it says nothing. -1: none, or several. */
int expander_host_node(const xmlNode *domain, int guest_cell);

/* The index of the PCIe expander bus for the guest's node whose memory comes from 'host_node'; the
 * guest's node of the same number where the template binds no memory. -1: there is none. */
int expander_find(const xmlNode *domain, const xmlNode *devices, int host_node);

/* The number from which on no PCI bus is described in the template, nor used by a device of it. */
uint32_t expander_next_bus(const xmlNode *domain);

/* A slot of that bus that nothing takes; -1: there is none. */
int expander_slot(const xmlNode *devices, int bus);

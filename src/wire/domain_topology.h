/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that is built like its host: a NUMA node of the guest for each of the host's on which its
 * cards are, with memory from there (as far as that node has it), processors that run there, and a
 * PCI bus for the cards there (pcie-expander-bus). Inside of src/wire only.
 */
#pragma once

#include "wire/domain_xml.h"

#include <libxml/tree.h>

/*
 * Writes what 'compose' has of the host's nodes into 'domain'. What the template says of NUMA
 * nodes, binding, pinning or expander buses stays, and is completed by the rest; its node N is
 * taken for the host's node N, unless it binds its memory elsewhere. A template that binds memory
 * and has no nodes is left as it is. So is all, where no card is on a node that is known.
 * 'has_expanders': the machine can have such buses. -EINVAL: no PCI bus numbers are left; -ENOMEM.
 */
int topology_write(xmlNode *domain, xmlNode *devices, const struct domain_compose *compose,
                   bool has_expanders, struct error *err);

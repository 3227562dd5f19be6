/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's physical addresses in a domain: what a start with GPUs writes of the 64-bit aperture
 * and the width. Inside of src/wire only.
 */
#pragma once

#include "wire/domain_tree.h"
#include "wire/domain_xml.h"

enum address_bus {
    ADDRESS_BUS_Q35,
    ADDRESS_BUS_I440FX,
    ADDRESS_BUS_VIRT, /* QEMU's own machine for ARM: has no pcihole64 and an aperture of one size */
    ADDRESS_BUS_OTHER, /* has no pcihole64 */
};

/* Writes aperture and width for the devices of 'compose'; without devices nothing. -ENOMEM; -ERANGE
 * as domain_xml_compose(). */
int address_write(xmlNode *domain, xmlNode *devices, enum address_bus bus,
                  const struct domain_compose *compose, const struct domain_info *info,
                  struct error *err);

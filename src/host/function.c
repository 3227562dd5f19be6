/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which PCI functions are looked at. */
#include "host/internal.h"

enum { class_display = 0x03, class_accelerator = 0x12 };

#define DEVICE "/sys/bus/pci/devices/%s/"

static bool is_listed(const struct host_config *config, struct pci_address address)
{
    for (uint32_t i = 0; i < config->device_len; i++) {
        if (pci_address_compare(config->devices[i], address) == 0) {
            return true;
        }
    }
    return false;
}

bool card_parent(const struct host_config *config, struct pci_address address,
                 struct pci_address *ret)
{
    char name[pci_address_size], parent[64];
    return host_link_name(config, parent, sizeof(parent), DEVICE "physfn",
                          pci_address_format(address, name)) &&
           pci_address_parse(parent, ret);
}

bool card_is_wanted(const struct host_config *config, struct pci_address address)
{
    char name[pci_address_size];
    (void)card_parent(config, address, &address);
    uint32_t base_class =
        (uint32_t)host_read_number(config, 0, DEVICE "class", pci_address_format(address, name)) >>
        16;
    return base_class == class_display || base_class == class_accelerator ||
           is_listed(config, address);
}

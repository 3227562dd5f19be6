/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes along with a card: the other functions of its slot, of its IOMMU group, and of the rest
 * of a card that spans several slots.
 *
 * A GPU's slot goes as a whole, even if each of its functions has a group of its own: a bus reset
 * reaches all of them, and VFIO does it only for a VM that has them all. A card may also carry a
 * PCIe switch, with the GPU behind one port and its sound behind another (Intel Arc, AMD Navi).
 */
#include "host/internal.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

enum {
    class_bridge = 0x06,
    subclass_other = 0x80,   /* "other bridge": NVSwitches, which are functions as any other */
    header_type_at = 0x0e,   /* in the configuration space */
    header_type_bridge = 1,  /* PCI-to-PCI; bit 7 says something else */
    path_addresses_max = 32, /* bridges above a function */
    subclass_pci_bridge = 4,
};

#define DEVICE "/sys/bus/pci/devices/%s/"

static uint32_t class_of(const struct host_config *config, struct pci_address address)
{
    char name[pci_address_size];
    return (uint32_t)host_read_number(config, 0, DEVICE "class", pci_address_format(address, name));
}

/* VFIO looks at the header: type 1 is a bridge. Where the configuration cannot be read, and for
 * host and ISA bridges, which have an ordinary header and no driver, the class tells. */
bool companions_is_bridge(const struct host_config *config, struct pci_address address)
{
    unsigned char header = 0;
    uint32_t class_code = class_of(config, address);
    if (class_code >> 16 != class_bridge) {
        return false;
    }
    return (host_read_config(config, address, header_type_at, &header, 1) &&
            (header & 0x7f) == header_type_bridge) ||
           (class_code >> 8 & 0xff) != subclass_other;
}

static bool is_same_slot(struct pci_address a, struct pci_address b)
{
    return a.domain == b.domain && a.bus == b.bus && a.slot == b.slot;
}

static bool has(const struct gpu *gpu, struct pci_address address)
{
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        if (pci_address_compare(gpu->companions[i], address) == 0) {
            return true;
        }
    }
    return false;
}

/* In order, each once. False: there are too many. */
static bool companion_add(struct gpu *gpu, struct pci_address address)
{
    uint32_t at = gpu->companion_len;
    if (has(gpu, address)) {
        return true;
    }
    if (at == companions_max) {
        return false;
    }
    for (; at > 0 && pci_address_compare(address, gpu->companions[at - 1]) < 0; at--) {
        gpu->companions[at] = gpu->companions[at - 1];
    }
    gpu->companions[at] = address;
    gpu->companion_len++;
    return true;
}

static void add_stranger(struct card *card, struct pci_address address)
{
    if (card->facts.stranger_len++ == 0) {
        card->facts.stranger = address;
    }
}

/* Whether 'address' has a place of its own among what VMs can get, so that it goes with no other.
 */
static bool is_own(const struct host_config *config, struct pci_address address)
{
    struct pci_address parent;
    return card_parent(config, address, &parent) || card_is_wanted(config, address);
}

static void add_slot(const struct host_config *config, struct card *card)
{
    char name[pci_address_size];
    struct pci_address other = card->gpu.address;
    for (other.function = 0; other.function < 8; other.function++) {
        if (other.function != card->gpu.address.function &&
            host_exists(config, DEVICE "vendor", pci_address_format(other, name)) &&
            !is_own(config, other) && !companions_is_bridge(config, other) &&
            !companion_add(&card->gpu, other)) {
            add_stranger(card, other);
        }
    }
}

/* "../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0/...": the functions of it, the root port
 * first. How many. */
static size_t read_path(const struct host_config *config, struct pci_address address,
                        struct pci_address *ret)
{
    char name[pci_address_size], link[512], *rest = link, *part;
    size_t len = 0;
    if (!host_link(config, link, sizeof(link), "/sys/bus/pci/devices/%s",
                   pci_address_format(address, name))) {
        return 0;
    }
    while ((part = strsep(&rest, "/")) && len < path_addresses_max) {
        len += pci_address_parse(part, &ret[len]);
    }
    return len;
}

/* The first switch above the card that its own maker built: it is on the card. Root ports are the
 * machine's, also those of the same maker. */
static bool find_own_switch(const struct host_config *config, const struct gpu *gpu,
                            struct pci_address *ret)
{
    char name[pci_address_size];
    struct pci_address path[path_addresses_max];
    size_t len = read_path(config, gpu->address, path);
    for (size_t i = 1; i + 2 < len; i++) {
        if ((class_of(config, path[i]) >> 8) == (class_bridge << 8 | subclass_pci_bridge) &&
            host_read_number(config, 0, DEVICE "vendor", pci_address_format(path[i], name)) ==
                gpu->vendor) {
            *ret = path[i];
            return true;
        }
    }
    return false;
}

/* What else sits behind the switch of the card; nothing if that holds more than one GPU. */
static void add_behind_switch(const struct host_config *config, struct card *card)
{
    char name[pci_address_size], part[pci_address_size + 2], link[512];
    struct pci_address top, address;
    struct card with = *card;
    if (!find_own_switch(config, &card->gpu, &top)) {
        return;
    }
    (void)snprintf(part, sizeof(part), "/%s/", pci_address_format(top, name));
    host_entries_t all = host_list(config, "/sys/bus/pci/devices");
    bool is_one = true;
    VEC_EACH(&all, each) {
        if (!pci_address_parse(each->name, &address) ||
            pci_address_compare(address, card->gpu.address) == 0 ||
            !host_link(config, link, sizeof(link), "/sys/bus/pci/devices/%s", each->name) ||
            !strstr(link, part) || companions_is_bridge(config, address)) {
            continue;
        }
        is_one &= !is_own(config, address) && companion_add(&with.gpu, address);
    }
    VEC_DONE(&all);
    if (is_one) {
        *card = with;
    }
}

/* Whether an administrator wants the group of 'address' given whole, with that card as its head. */
static bool is_head(const struct host_config *config, struct pci_address address)
{
    for (uint32_t i = 0; i < config->whole_group_len; i++) {
        if (pci_address_compare(config->whole_groups[i], address) == 0) {
            return true;
        }
    }
    return false;
}

/* Members of the group that are of another card spoil it, unless the group is given whole; so does
 * any other in that of a virtual function, which goes alone. Bridges do not count: VFIO does not
 * want them, and no one can assign them. */
static void add_group(const struct host_config *config, struct card *card)
{
    struct pci_address member;
    bool is_given_whole = is_head(config, card->gpu.address);
    host_entries_t members =
        host_list(config, "/sys/kernel/iommu_groups/%d/devices", card->gpu.iommu_group);
    VEC_EACH(&members, each) {
        if (!pci_address_parse(each->name, &member) ||
            pci_address_compare(member, card->gpu.address) == 0 ||
            companions_is_bridge(config, member) || has(&card->gpu, member)) {
            continue;
        }
        bool is_along = is_same_slot(card->gpu.address, member) || is_given_whole;
        if (card->facts.is_virtual_function || !is_along || !companion_add(&card->gpu, member)) {
            add_stranger(card, member);
            card->facts.is_with_head |= is_head(config, member);
            card->facts.card_strangers += card_is_wanted(config, member);
        }
    }
    VEC_DONE(&members);
}

static void read_group(const struct host_config *config, struct card *card)
{
    char name[pci_address_size], text[64];
    uint64_t number;
    card->gpu.iommu_group = -1;
    if (!host_link_name(config, text, sizeof(text), DEVICE "iommu_group",
                        pci_address_format(card->gpu.address, name)) ||
        !parse_u64(text, INT32_MAX, &number)) {
        return;
    }
    card->gpu.iommu_group = (int32_t)number;
    card->facts.is_group_unsafe =
        host_read(config, text, sizeof(text), "/sys/kernel/iommu_groups/%u/name",
                  (unsigned)number) == 0 &&
        strcmp(text, "vfio-noiommu") == 0;
}

void companions_read(const struct host_config *config, struct card *card)
{
    read_group(config, card);
    if (gpu_is_display(&card->gpu) && !card->facts.is_virtual_function) {
        add_slot(config, card);
        add_behind_switch(config, card);
    }
    if (card->gpu.iommu_group >= 0) {
        add_group(config, card);
    }
}

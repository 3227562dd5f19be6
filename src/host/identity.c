/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/inventory.h"

#include <stdio.h>
#include <string.h>

ENUM_DEFINE(host_card, HOST_CARD_LIST)

static bool is_identity_of(const struct gpu *gpu, const char *identity)
{
    char text[gpu_identity_size];
    return strcmp(gpu_identity(gpu, text), identity) == 0;
}

static const struct gpu *gpu_find(const struct node_inventory *inventory,
                                  struct pci_address address)
{
    VEC_EACH(&inventory->gpus, each) {
        if (pci_address_compare(each->address, address) == 0) {
            return each;
        }
    }
    return NULL;
}

/* "vendor:device vendor:device serial": has it the third part? */
static bool has_serial(const char *identity)
{
    const char *space = strchr(identity, ' ');
    return space && strchr(space + 1, ' ');
}

/* The only card of that identity, or NULL. Without a serial number it may be the twin of the one
 * that was meant; and makers have been seen to give all of a model the same number. */
static const struct gpu *find_only(const struct node_inventory *inventory, const char *identity)
{
    const struct gpu *only = NULL;
    if (!has_serial(identity)) {
        return NULL;
    }
    VEC_EACH(&inventory->gpus, each) {
        if (is_identity_of(each, identity)) {
            if (only) {
                return NULL;
            }
            only = each;
        }
    }
    return only;
}

enum host_card host_card_check(const struct node_inventory *inventory, const struct dismount *entry,
                               struct pci_address *ret_now, char *sentence, size_t size)
{
    char was[pci_address_size], now[pci_address_size], ids[gpu_identity_size];
    const struct gpu *here = gpu_find(inventory, entry->address);
    pci_address_format(entry->address, was);
    if (here && (entry->identity[0] == '\0' || is_identity_of(here, entry->identity))) {
        *ret_now = here->address;
        sentence[0] = '\0';
        return HOST_CARD_SAME;
    }
    const struct gpu *moved = find_only(inventory, entry->identity);
    if (moved) {
        *ret_now = moved->address;
        (void)snprintf(sentence, size, "the card [%s] that was dismounted at %s is at %s now",
                       entry->identity, was, pci_address_format(moved->address, now));
        return HOST_CARD_MOVED;
    }
    if (here) {
        (void)snprintf(sentence, size, "at %s there was the card [%s]; now it is [%s]", was,
                       entry->identity, gpu_identity(here, ids));
        return HOST_CARD_CHANGED;
    }
    (void)snprintf(sentence, size, "the card [%s] that was dismounted at %s is gone",
                   entry->identity, was);
    return HOST_CARD_GONE;
}

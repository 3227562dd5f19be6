/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/stubborn.h"

#include "core/memory.h"

#include <assert.h>

void stubborn_done(struct stubborn *stubborn)
{
    VEC_DONE(&stubborn->cards);
}

size_t stubborn_place(const struct stubborn *stubborn, struct pci_address address)
{
    size_t place = 0;
    VEC_EACH(&stubborn->cards, card) {
        place++;
        if (pci_address_compare(*card, address) == 0) {
            return place;
        }
    }
    return 0;
}

void stubborn_remove(struct stubborn *stubborn, struct pci_address address)
{
    size_t place = stubborn_place(stubborn, address);
    if (place > 0) {
        VEC_REMOVE(&stubborn->cards, place - 1);
    }
}

void stubborn_add(struct stubborn *stubborn, struct pci_address address)
{
    stubborn_remove(stubborn, address);
    struct pci_address *card = VEC_ADD(&stubborn->cards);
    if (!card) {
        core_out_of_memory();
    }
    *card = address;
    assert(stubborn_place(stubborn, address) == stubborn->cards.len); /* all others come first */
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cards that could not be bound: each is tried again, after all others. */
#pragma once

#include "base/vec.h"
#include "model/record.h"

struct stubborn {
    VEC(struct pci_address) cards; /* the one to be tried next first */
};

void stubborn_done(struct stubborn *stubborn);
/* Where it stands, from 1; 0: it is none of them. */
size_t stubborn_place(const struct stubborn *stubborn, struct pci_address address);
/* It could not be bound (again). */
void stubborn_add(struct stubborn *stubborn, struct pci_address address);
/* It could. */
void stubborn_remove(struct stubborn *stubborn, struct pci_address address);

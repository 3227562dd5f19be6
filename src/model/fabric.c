/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/fabric.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool fabric_set_has(const struct fabric_set *set, struct pci_address gpu)
{
    for (uint32_t i = 0; i < set->gpu_len; i++) {
        if (pci_address_compare(set->gpus[i], gpu) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t count_common(const struct fabric_set *a, const struct fabric_set *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->gpu_len; i++) {
        count += fabric_set_has(b, a->gpus[i]);
    }
    return count;
}

bool fabric_sets_overlap(const struct fabric_set *a, const struct fabric_set *b)
{
    return count_common(a, b) > 0;
}

static int compare_sets(const void *a, const void *b)
{
    const struct fabric_set *x = a, *y = b;
    if (x->gpu_len != y->gpu_len) {
        return x->gpu_len > y->gpu_len ? -1 : 1;
    }
    for (uint32_t i = 0; i < x->gpu_len; i++) {
        int order = pci_address_compare(x->gpus[i], y->gpus[i]);
        if (order != 0) {
            return order;
        }
    }
    return strcmp(x->id, y->id);
}

/* Larger ones are there already, and what stands before 'place' is kept. */
static bool is_nested(const struct node_inventory *inventory, size_t place)
{
    const struct fabric_set *set = &inventory->fabric_sets.items[place];
    for (size_t i = 0; i < place; i++) {
        const struct fabric_set *other = &inventory->fabric_sets.items[i];
        uint32_t common = count_common(set, other);
        if (common > 0 && (common < set->gpu_len || other->gpu_len == set->gpu_len)) {
            return false;
        }
    }
    return true;
}

/* Whether the sets of 'size' make up the whole of every larger one. */
static bool is_size_whole(const struct node_inventory *inventory, uint32_t size)
{
    VEC_EACH(&inventory->fabric_sets, large) {
        uint32_t covered = 0;
        VEC_EACH(&inventory->fabric_sets, small) {
            covered += small->gpu_len == size ? count_common(small, large) : 0;
        }
        if (large->gpu_len > size && covered != large->gpu_len) {
            return false;
        }
    }
    return true;
}

static uint32_t drop_size(struct node_inventory *inventory, uint32_t size)
{
    uint32_t count = 0;
    for (size_t i = inventory->fabric_sets.len; i-- > 0;) {
        if (inventory->fabric_sets.items[i].gpu_len == size) {
            VEC_REMOVE(&inventory->fabric_sets, i);
            count++;
        }
    }
    return count;
}

uint32_t fabric_keep_regular(struct node_inventory *inventory)
{
    uint32_t dropped = 0;
    if (inventory->fabric_sets.len > 1) {
        qsort(inventory->fabric_sets.items, inventory->fabric_sets.len,
              sizeof(*inventory->fabric_sets.items), compare_sets);
    }
    for (size_t i = 0; i < inventory->fabric_sets.len;) {
        if (is_nested(inventory, i)) {
            i++;
        } else {
            VEC_REMOVE(&inventory->fabric_sets, i);
            dropped++;
        }
    }
    for (uint32_t size = gpus_per_vm_max; size > 1; size--) {
        dropped += is_size_whole(inventory, size) ? 0 : drop_size(inventory, size);
    }
    return dropped;
}

bool fabric_rules(const struct node_inventory *inventory, struct pci_address gpu)
{
    VEC_EACH(&inventory->fabric_sets, set) {
        if (fabric_set_has(set, gpu)) {
            return true;
        }
    }
    return inventory->has_fabric && inventory->fabric_sets.len == 0;
}

const struct fabric_set *fabric_find(const struct node_inventory *inventory, const char *id)
{
    VEC_EACH(&inventory->fabric_sets, set) {
        if (strcmp(set->id, id) == 0) {
            return set;
        }
    }
    return NULL;
}

bool fabric_id_is_valid(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len >= fabric_id_size || text[0] == '-' || text[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i])) {
            return false;
        }
    }
    return true;
}

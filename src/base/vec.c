/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/vec.h"

#include <assert.h>
#include <string.h>

bool vec_grow(void **items, size_t *capacity, size_t len, size_t item_size)
{
    if (len <= *capacity) {
        return true;
    }
    size_t want = MAX(len, MAX(*capacity * 2, (size_t)8));
    void *grown = reallocarray(*items, want, item_size);
    if (!grown) {
        return false;
    }
    *items = grown;
    *capacity = want;
    return true;
}

void *vec_insert(void **items, size_t *len, size_t *capacity, size_t index, size_t item_size)
{
    assert(index <= *len);
    if (!vec_grow(items, capacity, *len + 1, item_size)) {
        return NULL;
    }
    char *place = (char *)*items + index * item_size;
    memmove(place + item_size, place, (*len - index) * item_size);
    memset(place, 0, item_size);
    (*len)++;
    return place;
}

void vec_remove(void *items, size_t *len, size_t index, size_t item_size)
{
    assert(index < *len);
    char *place = (char *)items + index * item_size;
    memmove(place, place + item_size, (*len - index - 1) * item_size);
    (*len)--;
}

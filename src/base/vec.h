/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing array of plain structs:
 *
 *     VEC(struct gpu) gpus = {0};
 *     struct gpu *gpu = VEC_ADD(&gpus);          zeroed; NULL if memory ran out
 *     VEC_EACH(&gpus, each) { ... each->... }
 *     VEC_DONE(&gpus);
 *
 * Elements move when the array grows: keep indices, not pointers, across VEC_ADD.
 */
#pragma once

#include "base/types.h"

#include <stdlib.h>

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t len;                                                                                \
        size_t capacity;                                                                           \
    }

/* Makes room for 'len' elements of 'item_size' bytes; false, nothing changed, without memory. */
bool vec_grow(void **items, size_t *capacity, size_t len, size_t item_size);

/* A zeroed place opened at 'index' (<= len); later elements move up. NULL without memory. */
void *vec_insert(void **items, size_t *len, size_t *capacity, size_t index, size_t item_size);

/* Takes out the element at 'index'; later elements move down. */
void vec_remove(void *items, size_t *len, size_t index, size_t item_size);

#define VEC_RESERVE(vec, want)                                                                     \
    vec_grow((void **)&(vec)->items, &(vec)->capacity, (want), sizeof(*(vec)->items))
#define VEC_INSERT(vec, index)                                                                     \
    ((__typeof__((vec)->items))vec_insert((void **)&(vec)->items, &(vec)->len, &(vec)->capacity,   \
                                          (index), sizeof(*(vec)->items)))
#define VEC_ADD(vec)           VEC_INSERT(vec, (vec)->len)
#define VEC_REMOVE(vec, index) vec_remove((vec)->items, &(vec)->len, (index), sizeof(*(vec)->items))
#define VEC_EACH(vec, each)                                                                        \
    for (__typeof__(&*(vec)->items) each = (vec)->items; each && each < (vec)->items + (vec)->len; \
         each++)
/* In a sorted array, the index of the first element for which the condition 'is_before', which says
 * something of 'each', does not hold; 'len' if there is none. */
#define VEC_BISECT(vec, each, is_before)                                                           \
    ({                                                                                             \
        size_t low_ = 0, high_ = (vec)->len;                                                       \
        while (low_ < high_) {                                                                     \
            size_t middle_ = low_ + (high_ - low_) / 2;                                            \
            __typeof__(&*(vec)->items) each = (vec)->items + middle_;                              \
            if (is_before) {                                                                       \
                low_ = middle_ + 1;                                                                \
            } else {                                                                               \
                high_ = middle_;                                                                   \
            }                                                                                      \
        }                                                                                          \
        low_;                                                                                      \
    })
#define VEC_DONE(vec)                                                                              \
    do {                                                                                           \
        free((vec)->items);                                                                        \
        (vec)->items = NULL;                                                                       \
        (vec)->len = (vec)->capacity = 0;                                                          \
    } while (0)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cleanup attributes and hand-over of ownership.
 *
 *     CLEANUP(buf_done) struct buf text = {0};    calls buf_done(&text) when the scope is left
 *     CLEANUP(freep) char *name = strdup(other);  calls freep(&name)
 *     *ret_name = TAKE(name);                     hands over: name is NULL afterwards
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) *take_place_ = &(pointer);                                             \
        __typeof__(pointer) take_value_ = *take_place_;                                            \
        *take_place_ = NULL;                                                                       \
        take_value_;                                                                               \
    })

/* Makes 'x_freep', for CLEANUP on a pointer, out of 'x_free', which takes the pointer. */
#define CLEANUP_POINTER(type, free_function)                                                       \
    static inline void free_function##p(type **place)                                              \
    {                                                                                              \
        free_function(*place);                                                                     \
    }

static inline void freep(void *place)
{
    free(*(void **)place);
}

/* Closes the descriptor in 'fd' if it is one (>= 0). */
static inline void closep(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

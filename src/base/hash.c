/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/hash.h"

#include <string.h>

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (; size > 0;) {
        uint64_t piece = 0;
        size_t some = MIN(size, sizeof(piece));
        memcpy(&piece, at, some);
        hash = (hash ^ piece) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
        at += some;
        size -= some;
    }
    return hash;
}

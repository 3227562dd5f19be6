/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte says whose frames these are, and in which pieces they come. */
#include "test/fuzz/fuzz.h"

#include "wire/websocket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Reads in pieces of 'step'; what was read of it to 'to'. False: it is no WebSocket. */
static bool read_in_pieces(const uint8_t *bytes, size_t size, bool is_server, size_t step,
                           uint8_t *to, size_t *ret_size)
{
    struct websocket websocket = {.is_server = is_server};
    *ret_size = 0;
    for (size_t at = 0; at < size;) {
        size_t got, used, left = size - at;
        enum websocket_opcode control;
        if (websocket_read(&websocket, bytes + at, left < step ? left : step, to + *ret_size, &got,
                           &used, &control, NULL) < 0) {
            return false;
        }
        assert(used > 0 && used <= left && got <= used);
        *ret_size += got;
        at += used;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t *whole = malloc(size), *parts = malloc(size);
    size_t whole_size, part_size;
    assert(whole && parts);
    bool is_server = bytes[0] & 1;
    bool is_right = read_in_pieces(bytes + 1, size - 1, is_server, size, whole, &whole_size);
    /* In which pieces it comes makes no difference. */
    assert(read_in_pieces(bytes + 1, size - 1, is_server, (bytes[0] >> 1) + 1U, parts,
                          &part_size) == is_right);
    assert(!is_right || (whole_size == part_size && memcmp(whole, parts, whole_size) == 0));
    free(whole);
    free(parts);
    return 0;
}

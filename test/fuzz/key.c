/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/fuzz/fuzz.h"

#include "wire/key.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct record_key key;
    char text[wire_key_size];
    if (wire_key_parse("/berth/", bytes, size, &key, NULL) < 0) {
        return 0;
    }
    /* One record, one key. */
    int r = wire_key_format("/berth/", &key, text, NULL);
    assert(r == 0 && strlen(text) == size && memcmp(text, bytes, size) == 0);
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte is the kind of the record ('a' is the first one), the rest its document. */
#include "test/fuzz/fuzz.h"

#include "wire/record.h"

#include <assert.h>
#include <string.h>

/* What was read is written, read again, and is the same. */
static void check_again(const struct record *record)
{
    struct buf first = {0}, second = {0};
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *again = NULL;
    int r = wire_record_encode(record, &first, &err);
    assert(r == 0);
    r = wire_record_decode(&record->key, first.data, first.size, &again, &err);
    assert(r == 0);
    r = wire_record_encode(again, &second, &err);
    assert(r == 0 && first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error err = {0};
    CLEANUP(record_unrefp) struct record *record = NULL;
    if (size == 0 || bytes[0] < 'a' || bytes[0] >= 'a' + record_kind_count) {
        return 0;
    }
    const struct record_key key = {.kind = (enum record_kind)(bytes[0] - 'a'), .name = "x"};
    int r = wire_record_decode(&key, bytes + 1, size - 1, &record, &err);
    assert(r == 0 ? record != NULL : err.text[0] != '\0');
    if (record) {
        check_again(record);
    }
    return 0;
}

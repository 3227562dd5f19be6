/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte says which reply the rest is. */
#include "test/fuzz/fuzz.h"

#include "wire/etcd_json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check_kvs(const wire_kvs_t *kvs)
{
    for (size_t i = 0; i < kvs->len; i++) {
        const struct wire_kv *kv = &kvs->items[i];
        assert(kv->revision > 0 && kv->key[kv->key_size] == '\0');
        assert(!kv->value || kv->value[kv->value_size] == '\0');
    }
}

static void try_base64(const char *text, size_t size)
{
    char *bytes;
    size_t bytes_size;
    struct buf again = {0};
    if (wire_base64_read(text, size, &bytes, &bytes_size) < 0) {
        return;
    }
    wire_base64(bytes, bytes_size, &again);
    assert(again.size == size);
    buf_done(&again);
    free(bytes);
}

static void try_range(const void *bytes, size_t size)
{
    struct wire_range_reply reply;
    if (wire_range_reply_read(bytes, size, &reply, NULL) == 0) {
        assert(reply.revision > 0);
        check_kvs(&reply.kvs);
        wire_range_reply_done(&reply);
    }
}

static void try_watch(const void *bytes, size_t size)
{
    struct wire_watch_reply reply;
    if (wire_watch_reply_read(bytes, size, &reply, NULL) == 0) {
        check_kvs(&reply.events);
        wire_watch_reply_done(&reply);
    }
}

static void try_transaction(const void *bytes, size_t size)
{
    struct wire_transaction_reply reply;
    if (wire_transaction_reply_read(bytes, size, &reply, NULL) == 0) {
        assert(reply.revision > 0);
    }
}

static void try_rest(const void *bytes, size_t size)
{
    char text[100];
    int code;
    (void)wire_error_reply_read(bytes, size, &code, text, sizeof(text));
    if (wire_authenticate_reply_read(bytes, size, text, sizeof(text), NULL) == 0) {
        assert(strlen(text) < sizeof(text) && !strchr(text, '\n'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (bytes[0]) {
    case 'r':
        try_range(bytes + 1, size - 1);
        break;
    case 'w':
        try_watch(bytes + 1, size - 1);
        break;
    case 't':
        try_transaction(bytes + 1, size - 1);
        break;
    case 'b':
        try_base64((const char *)bytes + 1, size - 1);
        break;
    default:
        try_rest(bytes, size);
        break;
    }
    return 0;
}

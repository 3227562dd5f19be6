/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to etcd's JSON gateway. All that needs quoting is base64, so this is plain text. */
#include "wire/etcd_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* "name":"base64" */
static void add_bytes(struct buf *json, const char *name, struct wire_bytes bytes)
{
    buf_printf(json, "\"%s\":\"", name);
    wire_base64(bytes.data, bytes.size, json);
    buf_char(json, '"');
}

void wire_range_request(const struct wire_range *range, struct buf *json)
{
    buf_char(json, '{');
    add_bytes(json, "key", range->key);
    if (range->end.size > 0) {
        buf_char(json, ',');
        add_bytes(json, "range_end", range->end);
    }
    if (range->revision > 0) {
        buf_printf(json, ",\"revision\":\"%" PRId64 "\"", range->revision);
    }
    if (range->limit > 0) {
        buf_printf(json, ",\"limit\":\"%" PRId64 "\"", range->limit);
    }
    if (range->revision_min > 0) {
        buf_printf(json, ",\"min_mod_revision\":\"%" PRId64 "\"", range->revision_min);
    }
    buf_text(json, range->is_serializable ? ",\"serializable\":true" : "");
    buf_text(json, range->is_keys_only ? ",\"keys_only\":true" : "");
    buf_text(json, range->is_count_only ? ",\"count_only\":true" : "");
    buf_char(json, '}');
}

static void add_compare(const struct wire_compare *compare, struct buf *json)
{
    buf_char(json, '{');
    add_bytes(json, "key", compare->key);
    /* A key that does not exist has mod revision 0. */
    buf_printf(json, ",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"%" PRId64 "\"}",
               compare->revision);
}

static void add_operation(const struct wire_operation *operation, struct buf *json)
{
    buf_text(json, operation->is_delete ? "{\"request_delete_range\":{" : "{\"request_put\":{");
    add_bytes(json, "key", operation->key);
    if (!operation->is_delete) {
        buf_char(json, ',');
        add_bytes(json, "value", operation->value);
    }
    buf_text(json, "}}");
}

void wire_transaction_request(const struct wire_transaction *transaction, struct buf *json)
{
    buf_text(json, "{\"compare\":[");
    for (size_t i = 0; i < transaction->compare_len; i++) {
        buf_text(json, i > 0 ? "," : "");
        add_compare(&transaction->compares[i], json);
    }
    buf_text(json, "],\"success\":[");
    for (size_t i = 0; i < transaction->operation_len; i++) {
        buf_text(json, i > 0 ? "," : "");
        add_operation(&transaction->operations[i], json);
    }
    /* What only demands must read as well: without an operation that may not be answered from an
     * old copy, etcd evaluates the demands on the copy of the member that is asked
     * (isTxnSerializable() in its server/v3_server.go). */
    if (transaction->operation_len == 0 && transaction->compare_len > 0) {
        const struct wire_range range = {.key = transaction->compares[0].key,
                                         .is_count_only = true};
        buf_text(json, "{\"request_range\":");
        wire_range_request(&range, json);
        buf_char(json, '}');
    }
    buf_text(json, "]}");
}

void wire_watch_request(struct wire_bytes key, struct wire_bytes end, revision_t start,
                        struct buf *json)
{
    buf_text(json, "{\"create_request\":{");
    add_bytes(json, "key", key);
    if (end.size > 0) {
        buf_char(json, ',');
        add_bytes(json, "range_end", end);
    }
    buf_printf(json, ",\"start_revision\":\"%" PRId64 "\",\"progress_notify\":true}}", start);
}

void wire_compact_request(revision_t revision, struct buf *json)
{
    buf_printf(json, "{\"revision\":\"%" PRId64 "\",\"physical\":true}", revision);
}

bool wire_authenticate_request(const char *name, const char *password, struct buf *json)
{
    json_t *tree = json_pack("{s:s,s:s}", "name", name, "password", password);
    char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
    json_decref(tree);
    if (!text) {
        return false;
    }
    buf_text(json, text);
    free(text);
    return true;
}

void wire_prefix_end(struct wire_bytes prefix, struct buf *end)
{
    const unsigned char *bytes = prefix.data;
    size_t size = prefix.size;
    /* The last byte that can grow grows; without one, etcd's word for "to the end" is a NUL. */
    while (size > 0 && bytes[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        buf_char(end, '\0');
        return;
    }
    buf_add(end, bytes, size - 1);
    buf_char(end, (char)(bytes[size - 1] + 1));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/key.h"

#include "base/parse.h"
#include "model/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int wire_prefix_check(const char *prefix, struct error *err)
{
    size_t size = strlen(prefix);
    if (size < 2 || size >= wire_prefix_size || prefix[0] != '/' || prefix[size - 1] != '/') {
        return error_set(err, -EINVAL,
                         "the prefix \"%.80s\" of the store's keys must begin and end with '/' and "
                         "have 2 to %d characters",
                         prefix, wire_prefix_size - 1);
    }
    return 0;
}

static bool is_slot(const char *text)
{
    struct gpu_slot slot;
    char again[name_size];
    /* One device, one key: only the form that we write. */
    return gpu_slot_parse(text, &slot) && strcmp(gpu_slot_format(&slot, again), text) == 0 &&
           !strchr(text, '/');
}

/* Whether the names of 'key' are what the pattern of its kind wants. */
static int check_names(const struct record_key *key, struct error *err)
{
    const char *pattern = record_kind_name(key->kind);
    bool has_name = strchr(pattern, '%') != NULL, has_second = strchr(pattern, '+') != NULL;
    if (has_name) {
        int r = name_check("record", key->name, err);
        if (r < 0) {
            return r;
        }
    }
    if (has_second && !is_slot(key->second)) {
        return error_set(err, -EINVAL, "\"%s\" is no device of a claim", key->second);
    }
    if ((!has_name && key->name[0]) || (!has_second && key->second[0])) {
        return error_set(err, -EINVAL, "%s takes no name", pattern);
    }
    return 0;
}

int wire_key_format(const char *prefix, const struct record_key *key, char *ret, struct error *err)
{
    ret[0] = '\0';
    int r = check_names(key, err);
    if (r < 0) {
        return r;
    }
    size_t used = (size_t)snprintf(ret, wire_key_size, "%s", prefix);
    for (const char *at = record_kind_name(key->kind); *at && used < wire_key_size; at++) {
        const char *text = *at == '%' ? key->name : *at == '+' ? key->second : NULL;
        int size = text ? snprintf(ret + used, wire_key_size - used, "%s", text)
                        : snprintf(ret + used, wire_key_size - used, "%c", *at);
        used += (size_t)size;
    }
    if (used >= wire_key_size) {
        ret[0] = '\0';
        return error_set(err, -EINVAL, "the key is too long");
    }
    return 0;
}

/* One part of a key up to '/' or its end into 'ret'; the place behind it. NULL if too long. */
static const char *take_part(const char *at, char *ret)
{
    size_t len = strcspn(at, "/");
    if (len >= name_size) {
        return NULL;
    }
    memcpy(ret, at, len);
    ret[len] = '\0';
    return at + len;
}

/* Whether 'text' has the form of 'pattern'; its names into 'ret'. */
static bool match(const char *pattern, const char *text, struct record_key *ret, bool *ret_too_long)
{
    for (; *pattern; pattern++) {
        if (*pattern == '%' || *pattern == '+') {
            const char *behind = take_part(text, *pattern == '%' ? ret->name : ret->second);
            if (!behind) {
                *ret_too_long = true;
                behind = text + strcspn(text, "/");
            }
            text = behind;
        } else if (*text++ != *pattern) {
            return false;
        }
    }
    return *text == '\0';
}

int wire_key_parse(const char *prefix, const void *bytes, size_t size, struct record_key *ret,
                   struct error *err)
{
    char text[wire_key_size];
    size_t skip = strlen(prefix);
    if (size < skip || memcmp(bytes, prefix, skip) != 0) {
        return error_set(err, -ENOENT, "the key is not below %s", prefix);
    }
    if (size >= sizeof(text) || memchr(bytes, '\0', size)) {
        return error_set(err, -ENOENT, "no record has such a key");
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
    for (unsigned kind = 0; kind < record_kind_count; kind++) {
        struct record_key key = {.kind = (enum record_kind)kind};
        bool is_too_long = false;
        if (!match(record_kind_name(key.kind), text + skip, &key, &is_too_long)) {
            continue;
        }
        if (is_too_long) {
            return error_set(err, -EINVAL, "a name in the key is too long");
        }
        int r = check_names(&key, err);
        if (r < 0) {
            return r;
        }
        *ret = key;
        return 0;
    }
    return error_set(err, -ENOENT, "no record has such a key");
}

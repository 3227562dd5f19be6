/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/yaml.h"

#include "base/cleanup.h"
#include "base/types.h"

#include <stdlib.h>
#include <string.h>

/* A key that needs no quotes; what YAML 1.1 takes for a truth does. */
static bool is_plain(const char *key)
{
    static const char *const truths[] = {"y",   "n",    "yes",   "no",  "on",
                                         "off", "true", "false", "null"};
    for (size_t i = 0; i < ARRAY_LEN(truths); i++) {
        if (strcmp(key, truths[i]) == 0) {
            return false;
        }
    }
    return key[0] != '\0' && key[strspn(key, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

/* Scalars and empty collections are the same in both languages. */
static bool print_flow(const json_t *json, FILE *out)
{
    CLEANUP(freep) char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    return text && fprintf(out, "%s\n", text) > 0;
}

static bool is_block(const json_t *json)
{
    return json_object_size(json) > 0 || json_array_size(json) > 0;
}

static bool print_key(const char *key, FILE *out)
{
    if (is_plain(key)) {
        return fprintf(out, "%s:", key) > 0;
    }
    json_t *quoted = json_string(key);
    CLEANUP(freep) char *text = quoted ? json_dumps(quoted, JSON_ENCODE_ANY) : NULL;
    json_decref(quoted);
    return text && fprintf(out, "%s:", text) > 0;
}

/* One that is not empty. The cursor stands at column 'indent' of its first line. */
static bool print_block(const json_t *json, int indent, FILE *out)
{
    size_t i;
    const char *key;
    json_t *each, *mutable = (json_t *)(uintptr_t)json; /* jansson's loops want it so */
    bool is_first = true, is_done = true;
    json_array_foreach(mutable, i, each) {
        (void)fprintf(out, "%*s- ", is_first ? 0 : indent, "");
        is_done &= is_block(each) ? print_block(each, indent + 2, out) : print_flow(each, out);
        is_first = false;
    }
    json_object_foreach(mutable, key, each) {
        (void)fprintf(out, "%*s", is_first ? 0 : indent, "");
        is_done &= print_key(key, out);
        is_first = false;
        if (is_block(each)) {
            (void)fprintf(out, "\n%*s", indent + 2, "");
            is_done &= print_block(each, indent + 2, out);
        } else {
            is_done &= fputc(' ', out) != EOF && print_flow(each, out);
        }
    }
    return is_done;
}

bool yaml_print(const json_t *json, FILE *out)
{
    return is_block(json) ? print_block(json, 0, out) : print_flow(json, out);
}

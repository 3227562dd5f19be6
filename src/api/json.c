/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/json.h"

#include "base/cleanup.h"
#include "base/natural.h"
#include "wire/out.h"

#include <stdlib.h>

json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json) {
        return json;
    }
    CLEANUP(buf_done) struct buf clean = {0};
    out_clean(&clean, text, SIZE_MAX);
    return clean.failed ? NULL : json_string(buf_str(&clean));
}

struct sortable {
    json_t *item;
    const char *key;
    size_t index;
};

static int compare_sortables(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    int order = natural_compare(x->key, y->key);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

json_t *in_order(json_t *list, const char *field)
{
    size_t len = json_array_size(list);
    struct sortable *all = len > 1 ? calloc(len, sizeof(*all)) : NULL;
    if (!all) {
        return list; /* in the order of the store: better than no list */
    }
    for (size_t i = 0; i < len; i++) {
        json_t *item = json_incref(json_array_get(list, i));
        const char *key = json_string_value(json_object_get(item, field));
        all[i] = (struct sortable){.item = item, .key = key ? key : "", .index = i};
    }
    qsort(all, len, sizeof(*all), compare_sortables);
    for (size_t i = 0; i < len; i++) {
        (void)json_array_set_new(list, i, all[i].item);
    }
    free(all);
    return list;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/import_secret.h"

#include "cli/client.h"
#include "model/fence_rule.h"

#include <assert.h>
#include <string.h>

/* Where the parts of a level are in a node's spec. */
static const struct place {
    const char *level; /* NULL: at the top */
    const char *parameters, *box;
} places[] = {
    {NULL, "fence_parameters", "fence_box"},
    {"fence_level_2", "parameters", "box"},
    {"fence_level_3", "parameters", "box"},
};
static_assert(ARRAY_LEN(places) == fence_levels_max, "all levels");

static json_t *level_of(const json_t *spec, const struct place *place)
{
    return place->level ? json_object_get(spec, place->level) : (json_t *)(uintptr_t)spec;
}

static void drop_places(json_t *parameters)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(parameters, next, key, value) {
        const char *text = json_string_value(value);
        if (text && fence_parameter_is_sealed(key, text)) {
            (void)json_object_del(parameters, key);
        }
    }
}

int node_secrets_drop_foreign(struct cli *cli, json_t *spec, const json_t *have, bool *ret_dropped)
{
    json_t *key = NULL;
    int r = EXIT_OK;
    *ret_dropped = false;
    for (size_t i = 0; r == EXIT_OK && i < ARRAY_LEN(places); i++) {
        char sealed_to[seal_public_size];
        json_t *level = level_of(spec, &places[i]);
        json_t *box = json_object_get(level, places[i].box);
        const char *text = json_string_value(box);
        if (!text || !text[0] ||
            json_equal(box, json_object_get(level_of(have, &places[i]), places[i].box))) {
            continue;
        }
        r = key ? EXIT_OK : client_get(cli, &key, "/v1/fence-key");
        if (r == EXIT_OK && (!fence_box_read(text, sealed_to) ||
                             strcmp(sealed_to, text_at(key, "public_key")) != 0)) {
            drop_places(json_object_get(level, places[i].parameters));
            (void)json_object_del(level, places[i].box);
            *ret_dropped = true;
        }
    }
    json_decref(key);
    return r;
}

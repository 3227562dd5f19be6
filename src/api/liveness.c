/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/liveness.h"

#include "base/parse.h"

#include <string.h>

ENUM_DEFINE(pulse, PULSE_LIST)

void liveness_done(struct liveness *liveness)
{
    VEC_DONE(&liveness->nodes);
}

/* Where 'node' stands, or would. */
static size_t place_of(const struct liveness *liveness, const char *node, bool *ret_is_there)
{
    size_t place = 0;
    while (place < liveness->nodes.len && strcmp(liveness->nodes.items[place].node, node) < 0) {
        place++;
    }
    *ret_is_there =
        place < liveness->nodes.len && strcmp(liveness->nodes.items[place].node, node) == 0;
    return place;
}

bool liveness_observe(struct liveness *liveness, const struct record *alive, msec_t now_ms)
{
    bool is_there;
    size_t place = place_of(liveness, alive->key.name, &is_there);
    struct heard *heard =
        is_there ? &liveness->nodes.items[place] : VEC_INSERT(&liveness->nodes, place);
    if (!heard) {
        return false;
    }
    if (!is_there) {
        (void)copy_text(heard->node, sizeof(heard->node), alive->key.name);
        heard->first_ms = now_ms;
        heard->advanced_ms = MSEC_NEVER;
    } else if (heard->incarnation != alive->alive->incarnation ||
               heard->counter != alive->alive->counter) {
        heard->advanced_ms = now_ms;
    }
    heard->incarnation = alive->alive->incarnation;
    heard->counter = alive->alive->counter;
    return true;
}

const struct heard *liveness_find(const struct liveness *liveness, const char *node)
{
    bool is_there;
    size_t place = place_of(liveness, node, &is_there);
    return is_there ? &liveness->nodes.items[place] : NULL;
}

enum pulse liveness_pulse(const struct liveness *liveness, const char *node, msec_t heartbeat_ms,
                          msec_t now_ms, msec_t *ret_silent_ms)
{
    const struct heard *heard = liveness_find(liveness, node);
    *ret_silent_ms = 0;
    if (!heard) {
        return PULSE_NONE;
    }
    bool has_advanced = heard->advanced_ms != MSEC_NEVER;
    msec_t quiet_ms = now_ms - (has_advanced ? heard->advanced_ms : heard->first_ms);
    if (quiet_ms > 3 * heartbeat_ms) {
        *ret_silent_ms = quiet_ms;
        return PULSE_SILENT;
    }
    return has_advanced ? PULSE_ALIVE : PULSE_UNKNOWN;
}

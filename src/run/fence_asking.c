/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/fence_asking.h"

#include <assert.h>

enum { limit_ms = 10 * 1000 }; /* power controllers take few at a time */

static void ask_level(struct fence_asking *asking);

bool fence_asking_is_busy(const struct fence_asking *asking)
{
    return asking->spec != NULL;
}

static void ask_or_end(struct fence_asking *asking)
{
    if (asking->level < node_spec_fence_levels(asking->spec->node_spec)) {
        ask_level(asking);
        return;
    }
    CLEANUP(record_unrefp) struct record *spec = TAKE(asking->spec);
    asking->ended(asking->userdata, spec);
}

static void level_answered(void *userdata, const struct fence_result *result)
{
    struct fence_asking *asking = userdata;
    assert(fence_asking_is_busy(asking)); /* the answer is about that host, at that level */
    asking->run = NULL;
    asking->answered(asking->userdata, asking->spec, asking->level, result);
    asking->level++;
    ask_or_end(asking);
}

static void ask_level(struct fence_asking *asking)
{
    const struct fence_level level = node_spec_fence_level(asking->spec->node_spec, asking->level);
    struct fence_request request = {
        .action = FENCE_STATUS,
        .directory = asking->directory,
        .agent = level.agent,
        .parameters = level.parameters,
        .parameter_len = level.parameter_len,
        .limit_ms = limit_ms,
    };
    CLEANUP(seal_parameters_done) fence_parameters_t opened = {0};
    struct error err = {0};
    int r = 0;
    if (asking->open_level) {
        r = asking->open_level(asking->open_userdata, asking->spec->key.name, &level, &opened,
                               &err);
        request.parameters = opened.items;
        request.parameter_len = opened.len;
    }
    r = r < 0 ? r
              : fence_start(asking->event, &request, level_answered, asking, &asking->run, &err);
    if (r < 0) {
        const struct fence_result result = {.outcome = FENCE_FAILED, .text = err.text};
        level_answered(asking, &result);
    }
}

void fence_asking_begin(struct fence_asking *asking, struct record *spec)
{
    assert(!fence_asking_is_busy(asking) && spec->key.kind == RECORD_NODE_SPEC);
    asking->spec = record_ref(spec);
    asking->level = 0;
    ask_or_end(asking);
}

void fence_asking_done(struct fence_asking *asking)
{
    asking->run = fence_cancel(asking->run);
    record_unref(TAKE(asking->spec));
}

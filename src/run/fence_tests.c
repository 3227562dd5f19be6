/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/fence_tests.h"

#include "base/parse.h"
#include "loop/memory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum fence_test_state state_of(const struct fence_result *result)
{
    if (result->outcome != FENCE_DONE) {
        return FENCE_TEST_FAILED;
    }
    return result->power == FENCE_POWER_ON    ? FENCE_TEST_ON
           : result->power == FENCE_POWER_OFF ? FENCE_TEST_OFF
                                              : FENCE_TEST_FAILED;
}

static void level_answered(void *userdata, const struct record *spec, uint32_t level,
                           const struct fence_result *result)
{
    struct fence_tests *tests = userdata;
    assert(level < ARRAY_LEN(tests->now.levels) && strcmp(spec->key.name, tests->now.node) == 0);
    struct fence_answer *answer = &tests->now.levels[level];
    (void)copy_text(answer->agent, sizeof(answer->agent),
                    node_spec_fence_level(spec->node_spec, level).agent);
    answer->state = state_of(result);
    (void)snprintf(answer->text, sizeof(answer->text), "%s", result->text);
    tests->now.level_len = level + 1;
}

/* Of 'node'; NULL. */
static struct fence_test_result *result_of(struct fence_tests *tests, const char *node)
{
    VEC_EACH(&tests->results, each) {
        if (strcmp(each->node, node) == 0) {
            return each;
        }
    }
    return NULL;
}

static void node_ended(void *userdata, const struct record *spec)
{
    struct fence_tests *tests = userdata;
    struct fence_test_result *place = result_of(tests, spec->key.name);
    if (!place) { /* one that is not wanted any more goes with the next look */
        place = must(VEC_ADD(&tests->results));
    }
    *place = tests->now;
    tests->has_news = true;
}

void fence_tests_init(struct fence_tests *tests)
{
    tests->asking.answered = level_answered;
    tests->asking.ended = node_ended;
    tests->asking.userdata = tests;
}

void fence_tests_done(struct fence_tests *tests)
{
    fence_asking_done(&tests->asking);
    VEC_DONE(&tests->results);
}

static bool is_ours(const struct fence_tests *tests, const struct record *order, const char *self)
{
    return order->revision > tests->begun && strcmp(order->fence_test->by, self) == 0;
}

/* Below it are the orders that are not among the newest fence_tests_max. */
static revision_t least_wanted(const struct fence_tests *tests, const struct world *world,
                               const char *self)
{
    revision_t newest[fence_tests_max] = {0};
    size_t least = 0;
    WORLD_EACH(world, RECORD_FENCE_TEST, each) {
        if (!is_ours(tests, *each, self) || (*each)->revision < newest[least]) {
            continue;
        }
        newest[least] = (*each)->revision;
        for (size_t i = 0; i < fence_tests_max; i++) {
            least = newest[i] < newest[least] ? i : least;
        }
    }
    return newest[least];
}

static void forget_withdrawn(struct fence_tests *tests, const struct world *world, const char *self,
                             revision_t least)
{
    size_t kept = 0;
    VEC_EACH(&tests->results, each) {
        const struct record *order = world_find(world, RECORD_FENCE_TEST, each->node);
        if (order && is_ours(tests, order, self) && order->revision >= least) {
            tests->results.items[kept++] = *each;
        }
    }
    tests->has_news |= kept < tests->results.len;
    tests->results.len = kept;
}

static void begin_next(struct fence_tests *tests, const struct world *world, const char *self,
                       revision_t least)
{
    WORLD_EACH(world, RECORD_FENCE_TEST, each) {
        const char *node = (*each)->key.name;
        const struct fence_test_result *have = result_of(tests, node);
        struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
        if (fence_asking_is_busy(&tests->asking)) {
            return;
        }
        if (!spec || !is_ours(tests, *each, self) || (*each)->revision < least ||
            (have && have->asked == (*each)->revision)) {
            continue;
        }
        tests->now = (struct fence_test_result){.asked = (*each)->revision, .spec = spec->revision};
        (void)copy_text(tests->now.node, sizeof(tests->now.node), node);
        fence_asking_begin(&tests->asking, spec);
    }
}

bool fence_tests_look(struct fence_tests *tests, const struct world *world, const char *self)
{
    tests->begun = tests->begun > 0 ? tests->begun : world->revision;
    revision_t least = least_wanted(tests, world, self);
    forget_withdrawn(tests, world, self, least);
    begin_next(tests, world, self, least);
    bool has_news = tests->has_news;
    tests->has_news = false;
    return has_news;
}

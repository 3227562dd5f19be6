/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An administrator has the fence agents of a node tried: another host asks each for the node's
 * status (run/fence_tests.c) and shows the answers in its inventory. Nothing is turned off.
 */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "base/parse.h"

#include <string.h>

static bool is_up(const struct api_call *call, const char *name)
{
    struct node_facts node;
    return node_facts(call->view, name, &node) && node.pulse == PULSE_ALIVE &&
           !node.alive->has_left;
}

/* Who asks the agents of 'node': the coordinator, which would turn it off, else another host. That
 * one itself only if there is no other: what it reaches, others may not. NULL: none is up. */
static const char *choose_tester(const struct api_call *call, const char *node)
{
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    const char *first = leader ? leader->leader->node : "", *found = NULL;
    names_t names = {0};
    if (strcmp(first, node) != 0 && is_up(call, first)) {
        return first;
    }
    (void)node_names(call->world, &names);
    VEC_EACH(&names, name) {
        if (!found && strcmp(*name, node) != 0 && is_up(call, *name)) {
            found = *name; /* lent from the world, as all of them */
        }
    }
    VEC_DONE(&names);
    return found ? found : is_up(call, node) ? node : NULL;
}

/* NULL: it is answered. */
static const char *tester_for(struct api_call *call, const char *node, const char *wanted)
{
    struct node_facts tester;
    if (!wanted[0]) {
        const char *found = choose_tester(call, node);
        if (!found) {
            call_refuse(call, 409, "no-host", "no host is up that could ask the fence agents of %s",
                        node);
        }
        return found;
    }
    if (!call_node(call, wanted, &tester)) {
        return NULL;
    }
    if (!is_up(call, wanted)) {
        call_tell(call, "field", "from", NULL);
        call_refuse(call, 409, "not-up", "%s is %s, so it cannot ask the fence agents of %s",
                    wanted, node_state_name(tester.state), node);
        return NULL;
    }
    return tester.name;
}

void handle_fence_test(struct api_call *call)
{
    struct node_facts node;
    struct fence_test_request asked = {0};
    if (!request_read(call, &request_fence_test, &asked) ||
        !call_node(call, call->args[0], &node) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name))) {
        return;
    }
    if (node_spec_fence_levels(node.spec) == 0) {
        call_advise(call, hint_make("node-set", node.name, NULL));
        call_refuse(call, 409, "no-fence-agent", "%s has no fence agent to test", node.name);
        return;
    }
    const char *by = tester_for(call, node.name, asked.from);
    if (!by) {
        return;
    }
    struct record *next = record_new(RECORD_FENCE_TEST, node.name, NULL);
    if (next) {
        (void)copy_text(next->fence_test->by, sizeof(next->fence_test->by), by);
        next->fence_test->incarnation = node.alive ? node.alive->incarnation : 0;
    }
    call_put(call, next);
    struct note note = call_note(NOTE_FENCE_TEST_ASKED, node.name);
    (void)facts_set(&note.facts, NULL, by, NULL);
    call_commit(call, &note);
}

/* ---- what came of it ---- */

static const struct fence_test_result *result_of(const struct api_call *call,
                                                 const struct record *order)
{
    const struct record *tester =
        world_find(call->world, RECORD_NODE_INVENTORY, order->fence_test->by);
    for (size_t i = 0; tester && i < tester->inventory->fence_tests.len; i++) {
        const struct fence_test_result *each = &tester->inventory->fence_tests.items[i];
        if (strcmp(each->node, order->key.name) == 0 && each->asked == order->revision) {
            return each;
        }
    }
    return NULL;
}

/* An agent that said "off" of a host that is heard looks at another machine: it would turn that one
 * off, and this host's VMs would start a second time. If the host began again since, it may have
 * been off. */
static json_t *answer_json(const struct node_facts *node, const struct fence_test *test,
                           const struct fence_answer *answer)
{
    CLEANUP(buf_done) struct buf text = {0};
    bool is_wrong = answer->state == FENCE_TEST_OFF && node->pulse == PULSE_ALIVE && node->alive &&
                    node->alive->incarnation == test->incarnation;
    buf_printf(&text, "%s", answer->text);
    if (is_wrong) {
        buf_printf(&text, ", but %s is on: it looks at another machine", node->name);
    }
    return json_pack("{s:o, s:s, s:b, s:o}", "agent", text_json(answer->agent), "state",
                     fence_test_state_name(answer->state), "works",
                     answer->state != FENCE_TEST_FAILED && !is_wrong, "text",
                     text_json(buf_str(&text)));
}

json_t *fence_test_json(const struct api_call *call, const struct node_facts *node)
{
    const struct record *order = world_find(call->world, RECORD_FENCE_TEST, node->name);
    if (!order) {
        return NULL;
    }
    const struct fence_test_result *result = result_of(call, order);
    json_t *levels = json_array();
    for (uint32_t i = 0; result && i < result->level_len; i++) {
        (void)json_array_append_new(levels,
                                    answer_json(node, order->fence_test, &result->levels[i]));
    }
    return json_pack("{s:s, s:I, s:b, s:b, s:o}", "by", order->fence_test->by, "order",
                     (json_int_t)order->revision, "done", result != NULL, "outdated",
                     result && result->spec != node->revision, "levels", levels);
}

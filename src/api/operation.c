/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/operation.h"

#include "api/because.h"
#include "api/handlers.h"
#include "api/show.h"
#include "model/words.h"

#include <stdio.h>
#include <string.h>

enum { listed_max = 100 };

ENUM_DEFINE(operation_kind, OPERATION_KIND_LIST)
ENUM_DEFINE(operation_state, OPERATION_STATE_LIST)

/* How it stands. */
struct standing {
    enum operation_state state;
    struct cause why;
    json_t *reasons;
};

/* By the code of the event that ordered it. False: none. */
static bool kind_of(const char *code, enum operation_kind *ret)
{
    static const char *const codes[operation_kind_count] = {
        [OPERATION_START] = "vm-start-asked",         [OPERATION_STOP] = "vm-stop-asked",
        [OPERATION_MOVE] = "vm-move-asked",           [OPERATION_DRAIN] = "node-drain",
        [OPERATION_SHUTDOWN] = "node-shutdown-asked", [OPERATION_REBOOT] = "node-reboot-asked",
    };
    for (size_t i = 0; i < operation_kind_count; i++) {
        if (strcmp(codes[i], code) == 0) {
            *ret = (enum operation_kind)i;
            return true;
        }
    }
    return false;
}

static void href_of(const char *id, char *ret, size_t size)
{
    (void)snprintf(ret, size, "/v1/operations/%s", id);
}

json_t *operation_link(const char *code, const struct record_key *event)
{
    enum operation_kind kind;
    char href[2 * name_size];
    if (!kind_of(code, &kind)) {
        return NULL;
    }
    href_of(event->name, href, sizeof(href));
    return json_pack("{s:s, s:s}", "id", event->name, "href", href);
}

/* ---- what was told since ---- */

/* Where 'event' stands among the events. */
static size_t index_of(const struct world *world, const struct record *event)
{
    return VEC_BISECT(&world->records[RECORD_EVENT], each,
                      record_key_compare(&(*each)->key, &event->key) < 0);
}

/* The first event about the same subject since then with one of these codes (NULL ends them). */
static const struct record *told_since(const struct world *world, const struct record *order,
                                       const char *const *codes)
{
    for (size_t i = index_of(world, order) + 1; i < world->records[RECORD_EVENT].len; i++) {
        const struct record *each = world->records[RECORD_EVENT].items[i];
        if (strcmp(each->event->subject, order->event->subject) != 0) {
            continue;
        }
        for (const char *const *code = codes; *code; code++) {
            if (strcmp(each->event->code, *code) == 0) {
                return each;
            }
        }
    }
    return NULL;
}

/* ---- how it stands ---- */

static void set(struct standing *ret, enum operation_state state, const struct cause *why)
{
    ret->state = state;
    ret->why = *why;
}

static void start_standing(const struct vm_facts *vm, struct standing *ret)
{
    switch (vm->state) {
    case VM_VIEW_RUNNING:
        set(ret, OPERATION_DONE, &vm->why);
        return;
    case VM_VIEW_FAILED:
        set(ret, OPERATION_FAILED, &vm->why);
        return;
    case VM_VIEW_WAITING:
    case VM_VIEW_AWAY: /* until someone says what became of it */
        set(ret, OPERATION_WAITING, &vm->why);
        return;
    case VM_VIEW_STARTING:
    case VM_VIEW_STOPPING:
    case VM_VIEW_STOPPED:
    case VM_VIEW_UNKNOWN:
        set(ret, OPERATION_RUNNING, &vm->why);
        return;
    }
}

static void stop_standing(const struct vm_facts *vm, struct standing *ret)
{
    bool is_refused = vm->status && vm->placement && vm->status->is_stop_refused &&
                      vm->status->epoch == vm->placement->epoch;
    set(ret,
        !vm_is_placed(vm)                    ? OPERATION_DONE
        : is_refused || vm_is_unkillable(vm) ? OPERATION_FAILED
        : vm->state == VM_VIEW_AWAY          ? OPERATION_WAITING
                                             : OPERATION_RUNNING,
        &vm->why);
}

static void move_standing(const struct vm_facts *vm, struct standing *ret)
{
    bool is_seen = vm->placement && vm->placement->move_order >= vm->spec->move_order;
    if (is_seen && vm->state == VM_VIEW_RUNNING) {
        set(ret, vm->placement->reasons.len > 0 ? OPERATION_FAILED : OPERATION_DONE, &vm->why);
    } else if (is_seen) {
        start_standing(vm, ret);
    } else {
        set(ret, OPERATION_RUNNING, &vm->why);
    }
}

static void vm_standing(const struct api_view *view, enum operation_kind kind, const char *name,
                        struct standing *ret)
{
    struct vm_facts vm;
    if (!vm_facts(view, name, &vm)) {
        const struct cause removed = {.code = CAUSE_VM_WAS_REMOVED};
        set(ret, kind == OPERATION_STOP ? OPERATION_DONE : OPERATION_SUPERSEDED, &removed);
        return;
    }
    if (kind == OPERATION_START) {
        start_standing(&vm, ret);
    } else if (kind == OPERATION_STOP) {
        stop_standing(&vm, ret);
    } else {
        move_standing(&vm, ret);
    }
    if (vm.placement && ret->state != OPERATION_DONE) {
        VEC_EACH(&vm.placement->reasons, reason) {
            (void)json_array_append_new(ret->reasons, because_reason(reason->node, &reason->cause));
        }
    }
}

/* A VM that could not leave says why in its placement, and what cannot be ended in its status. */
static void add_stuck(const struct api_view *view, const char *node, struct standing *ret)
{
    struct vm_facts vm;
    WORLD_EACH(view->world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *placement = (*each)->placement;
        const struct record *spec = world_find(view->world, RECORD_VM_SPEC, (*each)->key.name);
        bool is_stuck = placement->cause.code == CAUSE_DRAIN_NO_HOST ||
                        placement->cause.code == CAUSE_LIVE_FAILED;
        if (placement->phase == PLACEMENT_NONE || strcmp(placement->node, node) != 0) {
            continue;
        }
        if (vm_facts(view, (*each)->key.name, &vm) && vm_is_unkillable(&vm)) {
            (void)json_array_append_new(ret->reasons, because_reason(vm.name, &vm.why));
        }
        if (placement->phase != PLACEMENT_START) {
            continue;
        }
        const struct cause unmanaged = {.code = CAUSE_VM_UNMANAGED};
        bool is_unmanaged = spec && spec->vm_spec->is_unmanaged;
        if (is_unmanaged || is_stuck) {
            (void)json_array_append_new(
                ret->reasons,
                because_reason((*each)->key.name, is_unmanaged ? &unmanaged : &placement->cause));
        }
    }
}

static void drain_standing(const struct api_view *view, const char *name, struct standing *ret)
{
    struct node_facts node;
    if (!node_facts(view, name, &node) || node.spec->mode != NODE_DRAIN) {
        set(ret, OPERATION_SUPERSEDED, &(struct cause){0});
        return;
    }
    uint32_t vm_count;
    node_vm_counts(view->world, &node.name, 1, &vm_count);
    add_stuck(view, name, ret);
    set(ret,
        vm_count == 0                               ? OPERATION_DONE
        : json_array_size(ret->reasons) == vm_count ? OPERATION_WAITING
                                                    : OPERATION_RUNNING,
        &node.why);
}

/* What an event said. */
static struct cause said(const struct record *event)
{
    char words[words_max];
    return cause_make(CAUSE_SAID, NULL, NULL, words_event(event->event, words));
}

/* The order names an incarnation: a reboot is over when the host lives in a later one. */
static void power_standing(const struct api_view *view, enum operation_kind kind, const char *name,
                           struct standing *ret)
{
    struct node_facts node;
    enum node_power power = kind == OPERATION_REBOOT ? NODE_POWER_REBOOT : NODE_POWER_SHUTDOWN;
    bool is_there = node_facts(view, name, &node);
    if (is_there && !node.alive && node.state == NODE_STATE_UNKNOWN) {
        set(ret, OPERATION_RUNNING, &node.why); /* no coordinator says how it is */
        return;
    }
    if (!is_there || !node.alive || node.spec->power != power) {
        set(ret, OPERATION_SUPERSEDED, &(struct cause){0});
        return;
    }
    bool is_back = node.alive->incarnation > node.spec->power_incarnation &&
                   !node.alive->is_going_down && node.pulse == PULSE_ALIVE;
    bool is_down = node.state == NODE_STATE_SHUT_DOWN || node.state == NODE_STATE_FENCED;
    bool is_done = is_back || (kind == OPERATION_SHUTDOWN && is_down);
    set(ret, is_done ? OPERATION_DONE : OPERATION_RUNNING, &node.why);
}

/* What was told since then may say that it is over, whatever has happened after that. */
static bool is_over(const struct api_view *view, enum operation_kind kind,
                    const struct record *order, struct standing *ret)
{
    static const char *const done[operation_kind_count][3] = {
        [OPERATION_START] = {"vm-running"},
        [OPERATION_STOP] = {"vm-stopped", "vm-removed"},
    };
    static const char *const other_orders[operation_kind_count][6] = {
        [OPERATION_START] = {"vm-start-asked", "vm-stop-asked", "vm-removed"},
        [OPERATION_STOP] = {"vm-start-asked"},
        [OPERATION_MOVE] = {"vm-start-asked", "vm-stop-asked", "vm-move-asked",
                            "vm-move-cancel-asked", "vm-removed"},
        [OPERATION_DRAIN] = {"node-drain", "node-paused", "node-resumed"},
        [OPERATION_SHUTDOWN] = {"node-shutdown-asked", "node-reboot-asked", "node-resumed"},
        [OPERATION_REBOOT] = {"node-shutdown-asked", "node-reboot-asked", "node-resumed"},
    };
    const struct record *end = told_since(view->world, order, done[kind]);
    const struct record *other = told_since(view->world, order, other_orders[kind]);
    if (end && (!other || record_key_compare(&end->key, &other->key) < 0)) {
        *ret = (struct standing){OPERATION_DONE, said(end), ret->reasons};
    } else if (other) {
        *ret = (struct standing){OPERATION_SUPERSEDED, said(other), ret->reasons};
    }
    return end || other;
}

static json_t *operation_json(const struct api_view *view, enum operation_kind kind,
                              const struct record *order)
{
    char href[2 * name_size], words[words_max];
    struct standing standing = {.reasons = json_array()};
    const struct event_record *event = order->event;
    if (!is_over(view, kind, order, &standing)) {
        if (kind == OPERATION_DRAIN) {
            drain_standing(view, event->subject, &standing);
        } else if (kind == OPERATION_SHUTDOWN || kind == OPERATION_REBOOT) {
            power_standing(view, kind, event->subject, &standing);
        } else {
            vm_standing(view, kind, event->subject, &standing);
        }
    }
    href_of(order->key.name, href, sizeof(href));
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "id", order->key.name, "href",
                  href, "kind", operation_kind_name(kind), "state",
                  operation_state_name(standing.state), "subject", text_json(event->subject),
                  "actor", text_json(event->actor), "time_ms", (json_int_t)event_wall_ms(order),
                  "text", text_json(words_event(event, words)), "reasons", standing.reasons);
    because_put(json, "detail", &standing.why);
    return json;
}

/* ---- routes ---- */

void handle_operations_get(struct api_call *call)
{
    json_t *list = json_array();
    const char *state = call_param(call, "state");
    struct record *const *items = call->world->records[RECORD_EVENT].items;
    for (size_t i = call->world->records[RECORD_EVENT].len;
         i-- > 0 && json_array_size(list) < listed_max;) {
        enum operation_kind kind;
        if (!kind_of(items[i]->event->code, &kind)) {
            continue;
        }
        json_t *json = operation_json(call->view, kind, items[i]);
        const char *is = json_string_value(json_object_get(json, "state"));
        if (!state || (is && strcmp(is, state) == 0)) {
            (void)json_array_append(list, json);
        }
        json_decref(json);
    }
    call_send_list(call, list);
}

void handle_operation_get(struct api_call *call)
{
    enum operation_kind kind;
    const struct record *order = world_find(call->world, RECORD_EVENT, call->args[0]);
    if (!order || !kind_of(order->event->code, &kind)) {
        call_refuse(call, 404, "no-such-operation",
                    "there is no operation \"%s\" (any more: orders are kept as long as events "
                    "are); GET /v1/operations lists them",
                    call->args[0]);
        return;
    }
    call_send_dated(call, operation_json(call->view, kind, order), order->revision);
}

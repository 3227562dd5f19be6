/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start, stop, move: what an administrator orders; the coordinator carries it out. */
#include "api/because.h"
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/whatif.h"
#include "base/parse.h"
#include "model/live.h"
#include "model/words.h"
#include "wire/domain_xml.h"

#include <string.h>

/* What Berth only watches it neither starts, stops nor moves. False: it is answered. */
static bool is_managed(struct api_call *call, const struct vm_facts *vm)
{
    if (vm->spec->is_unmanaged) {
        call_advise(call, hint_with(hint_make("vm-set", vm->name, NULL), "unmanaged", "no"));
        call_refuse(call, 409, "unmanaged",
                    "VM %s is unmanaged: Berth does not start, stop or move it", vm->name);
    }
    return !vm->spec->is_unmanaged;
}

/* ---- start ---- */

static bool may_start(struct api_call *call, const struct vm_facts *vm)
{
    const struct vm_spec *spec = vm->spec;
    if (spec->offline_action == OFFLINE_SAVE) {
        call_advise(call, hint_with(hint_make("vm-set", vm->name, NULL), "offline-action",
                                    "force-shutdown"));
        call_tell(call, "field", "offline_action", NULL);
        call_refuse(call, 409, "cannot-save",
                    "VM %s has the offline action save, which is not possible: what is saved could "
                    "not go on elsewhere. Choose another first",
                    vm->name);
        return false;
    }
    for (uint32_t i = 0; i < spec->need_len; i++) {
        if (!call_pool(call, spec->needs[i].pool)) {
            return false;
        }
    }
    return true;
}

static bool is_started_already(const struct vm_facts *vm)
{
    return vm->spec->desired == VM_STARTED && vm->state != VM_VIEW_FAILED;
}

/* The start is ordered all the same: the VM starts as soon as a host can take it. */
static json_t *waits_json(const char *vm, json_t *reasons)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "VM %s is to be started, but no host can run it right now: it waits", vm);
    return json_pack("{s:o, s:o}", "message", text_json(buf_str(&text)), "warnings", reasons);
}

void handle_vm_start(struct api_call *call)
{
    struct vm_facts vm;
    if (!request_is_empty(call) || !call_vm(call, call->args[0], &vm) ||
        !call_matches(call, vm.record) || !is_managed(call, &vm) || !may_start(call, &vm)) {
        return;
    }
    if (is_started_already(&vm)) {
        call_unchanged(call, vm.name, "VM %s is to run already: it is %s", vm.name,
                       vm_view_name(vm.state));
        return;
    }
    struct record *next = record_copy(vm.record);
    if (next) {
        next->vm_spec->desired = VM_STARTED;
        next->vm_spec->is_stop_forced = false;
        next->vm_spec->start_order++;
    }
    json_t *reasons = whatif_start_waits(call, vm.name);
    call_put(call, next);
    const struct note note = call_note(NOTE_VM_START_ASKED, vm.name);
    call_commit_with(call, 200, reasons ? waits_json(vm.name, reasons) : NULL, &note);
}

/* ---- stop ---- */

/* No order reaches a VM that left its host past Berth. The stop is ordered all the same: it is
 * carried out once someone has said what became of the VM, so that it does not start again then. */
static json_t *away_json(const struct api_call *call, const struct vm_facts *vm)
{
    CLEANUP(buf_done) struct buf text = {0};
    json_t *reasons = json_pack("[o]", because_reason(vm->name, &vm->why));
    hint_put(reasons, hint_of_away(call->world, vm->name));
    buf_printf(&text,
               "VM %s left its host without an order from Berth. It stops as soon as you adopt it "
               "where it runs, or confirm that it runs nowhere",
               vm->name);
    return json_pack("{s:o, s:o}", "message", text_json(buf_str(&text)), "warnings", reasons);
}

void handle_vm_stop(struct api_call *call)
{
    struct vm_facts vm;
    struct force_request asked = {0};
    if (!request_read(call, &request_force, &asked) || !call_vm(call, call->args[0], &vm) ||
        !call_matches(call, vm.record) || !is_managed(call, &vm)) {
        return;
    }
    bool is_away = vm.state == VM_VIEW_AWAY;
    if (vm.spec->desired == VM_STOPPED && !is_away &&
        (!asked.is_forced || vm.spec->is_stop_forced || !vm_is_placed(&vm))) {
        call_unchanged(call, vm.name, "VM %s is to be stopped already: it is %s", vm.name,
                       vm_view_name(vm.state));
        return;
    }
    struct record *next = record_copy(vm.record);
    if (next) {
        next->vm_spec->desired = VM_STOPPED;
        next->vm_spec->is_stop_forced =
            asked.is_forced || (vm.spec->desired == VM_STOPPED && vm.spec->is_stop_forced);
    }
    call_put(call, next);
    const struct note note =
        call_note(asked.is_forced ? NOTE_VM_OFF_ASKED : NOTE_VM_STOP_ASKED, vm.name);
    call_commit_with(call, 200, is_away ? away_json(call, &vm) : NULL, &note);
}

/* ---- move ---- */

static bool may_receive(struct api_call *call, const struct vm_facts *vm, const char *to)
{
    struct node_facts node;
    if (!call_node(call, to, &node)) {
        return false;
    }
    if (strcmp(to, vm->node) == 0) {
        call_tell(call, "field", "node", NULL);
        call_refuse(call, 409, "there-already", "VM %s is on %s already", vm->name, to);
        return false;
    }
    if (node.state != NODE_STATE_UP) {
        char words[words_max];
        bool has_more = node.why.code != CAUSE_NONE;
        call_tell(call, "field", "node", "node", to, "state", node_state_name(node.state), NULL);
        call_refuse(call, 409, "node-not-up", "%s takes no VMs: it is %s%s%s", to,
                    node_state_name(node.state), has_more ? ", " : "",
                    words_cause(&node.why, words));
        return false;
    }
    return true;
}

/* Why each host does not take it as it runs, as reasons; NULL: one does. */
static json_t *why_nowhere(const struct api_call *call, const struct vm_facts *vm)
{
    json_t *reasons = json_array();
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        struct cause why = live_why_not(call->world, vm->name, node);
        if (strcmp(node, vm->node) == 0) {
            continue;
        }
        if (why.code == CAUSE_NONE) {
            json_decref(reasons);
            return NULL;
        }
        (void)json_array_append_new(reasons, because_reason(node, &why));
    }
    return reasons;
}

/* What of its own XML stays on its host: libvirt would not migrate it. */
static void note_bound(void *userdata, enum domain_bound kind, const char *what)
{
    struct buf *first = userdata;
    char text[reason_size];
    bool goes_along = kind == DOMAIN_BOUND_TPM || kind == DOMAIN_BOUND_NVRAM;
    bool may_be_shared = kind == DOMAIN_BOUND_VOLUME || kind == DOMAIN_BOUND_SECRET;
    if (first->size == 0 && !may_be_shared && !goes_along) {
        buf_text(first, domain_bound_text(kind, what, text, sizeof(text)));
    }
}

static void refuse_live(struct api_call *call, const struct vm_facts *vm, const char *to,
                        const char *why, json_t *reasons)
{
    call_advise(call, hint_with(hint_make("vm-move", vm->name, to, NULL), "restart", NULL));
    call_tell(call, "field", "migration", NULL);
    call_refuse_because(call, 409, "cannot-move-live", reasons,
                        "VM %s cannot move live%s%s: %s. It moves if it may be restarted", vm->name,
                        to ? " to " : "", to ? to : "", why);
}

/* One that may not stop, and would have to, is told so before anything begins. */
static bool may_move_live(struct api_call *call, const struct vm_facts *vm, const char *to)
{
    char words[words_max];
    struct error err;
    CLEANUP(buf_done) struct buf bound = {0};
    struct cause why = live_why_not(call->world, vm->name, to);
    if (why.code != CAUSE_NONE) {
        refuse_live(call, vm, to, words_cause(&why, words), json_array());
        return false;
    }
    if (domain_xml_bound(vm->spec->xml, note_bound, &bound, &err) == 0 && bound.size > 0) {
        refuse_live(call, vm, to, buf_str(&bound), json_array());
        return false;
    }
    json_t *reasons = to ? NULL : why_nowhere(call, vm);
    if (reasons) {
        refuse_live(call, vm, to, "no host takes it in while it runs", reasons);
    }
    return !reasons;
}

void handle_vm_move(struct api_call *call)
{
    struct vm_facts vm;
    struct move_request asked = {0};
    if (!request_read(call, &request_move, &asked) || !call_vm(call, call->args[0], &vm) ||
        !call_matches(call, vm.record) || !is_managed(call, &vm)) {
        return;
    }
    bool moves_live = vm.placement && vm.placement->handover == HANDOVER_ORDERED;
    if (vm.state != VM_VIEW_RUNNING && !moves_live) {
        call_tell(call, "state", vm_view_name(vm.state), NULL);
        call_refuse(call, 409, "not-running",
                    "VM %s is %s: only a running VM is moved; a stopped one finds its place when "
                    "it is started",
                    vm.name, vm_view_name(vm.state));
        return;
    }
    const char *to = asked.node[0] ? asked.node : NULL;
    if (to && !may_receive(call, &vm, to)) {
        return;
    }
    if (live_way(vm.spec, asked.migration) == MIGRATION_LIVE && !may_move_live(call, &vm, to)) {
        return;
    }
    struct record *next = record_copy(vm.record);
    if (next) {
        next->vm_spec->move_order++;
        next->vm_spec->move_by = asked.migration;
        next->vm_spec->move_limit_ms = asked.limit_ms;
        (void)copy_text(next->vm_spec->move_to, sizeof(next->vm_spec->move_to), to ? to : "*");
    }
    call_put(call, next);
    struct note note = call_note(to ? NOTE_VM_MOVE_ASKED : NOTE_VM_MOVE_AWAY_ASKED, vm.name);
    (void)facts_set(&note.facts, vm.node, to, NULL);
    call_commit(call, &note);
}

/* ---- not to move ---- */

/* False: it is answered. */
static bool may_cancel(struct api_call *call, const struct vm_facts *vm)
{
    const struct vm_placement *p = vm->placement;
    bool is_waiting = p && vm->spec->move_order > p->move_order;
    bool is_moving = p && p->phase == PLACEMENT_STOP && p->next_node[0] != '\0';
    if (is_waiting) {
        return true;
    }
    if (!is_moving) {
        call_unchanged(call, vm->name, "VM %s does not move: it is %s", vm->name,
                       vm_view_name(vm->state));
        return false;
    }
    if (p->cause.code != CAUSE_MOVE_ORDERED) {
        char words[words_max];
        bool is_drain = p->cause.code == CAUSE_DRAIN || p->cause.code == CAUSE_HOST_SHUTDOWN;
        call_advise(call, is_drain ? hint_make("node-resume", p->node, NULL) : NULL);
        call_refuse(call, 409, "not-asked-for",
                    "VM %s does not move because someone asked for it: %s", vm->name,
                    words_cause(&p->cause, words));
        return false;
    }
    if (p->handover == HANDOVER_NONE) {
        call_refuse(call, 409, "too-late",
                    "VM %s has been told to stop, so that it can start on %s: that cannot be taken "
                    "back. Move it again when it runs there",
                    vm->name, p->next_node);
        return false;
    }
    return true;
}

void handle_vm_cancel_move(struct api_call *call)
{
    struct vm_facts vm;
    if (!request_is_empty(call) || !call_vm(call, call->args[0], &vm) ||
        !call_matches(call, vm.record) || !is_managed(call, &vm) || !may_cancel(call, &vm)) {
        return;
    }
    struct record *next = record_copy(vm.record);
    if (next) {
        next->vm_spec->move_order++;
        next->vm_spec->move_to[0] = '\0';
        next->vm_spec->move_by = MIGRATION_DEFAULT;
        next->vm_spec->move_limit_ms = 0;
    }
    call_put(call, next);
    struct note note = call_note(NOTE_VM_MOVE_CANCEL_ASKED, vm.name);
    (void)facts_set(&note.facts, vm.node, NULL, NULL);
    call_commit(call, &note);
}

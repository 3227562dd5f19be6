/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster at one look, for people and for monitoring. */
#include "api/handlers.h"
#include "api/out.h"
#include "api/show.h"
#include "api/whatif.h"

#include <string.h>

enum {
    /* Whether a host can be lost is planned anew with each look; above this it is asked for. */
    survival_vms_max = 1000,
    troubled_shown_max = 50,
};

void handle_health(struct api_call *call)
{
    bool is_ok = call->world->is_complete && call->view->stale_since_ms == MSEC_NEVER;
    call_send_dated(call,
                    json_pack("{s:b, s:s}", "ok", is_ok, "store",
                              is_ok                      ? "answers"
                              : call->world->is_complete ? "silent"
                                                         : "not reached yet"),
                    0);
    call->answer->status = is_ok ? 200 : 503;
}

/* ---- status ---- */

static json_t *nodes_status(const struct api_call *call)
{
    names_t names = {0};
    json_t *list = json_array();
    (void)node_names(call->world, &names);
    VEC_EACH(&names, name) {
        struct node_facts node;
        if (node_facts(call->view, *name, &node)) {
            (void)json_array_append_new(list, node_json(call, &node, false));
        }
    }
    VEC_DONE(&names);
    return list;
}

static json_t *pools_status(const struct api_call *call)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_POOL, each) {
        (void)json_array_append_new(list, pool_json(call, *each, false));
    }
    return list;
}

/* How many VMs are in each state, and those that people should look at. */
static void write_vms(struct buf *out, const struct api_call *call)
{
    CLEANUP(buf_done) struct buf troubled = {0};
    int64_t counts[vm_view_count] = {0}, shown = 0;
    struct vm_facts vm;
    out_open(&troubled, '[');
    for (struct vm_walk walk = {0}; vm_walk_next(call->view, &walk, &vm);) {
        counts[vm.state]++;
        bool is_trouble = vm.state == VM_VIEW_WAITING || vm.state == VM_VIEW_FAILED ||
                          vm.state == VM_VIEW_UNKNOWN;
        if (is_trouble && shown++ < troubled_shown_max) {
            vm_write(&troubled, &vm);
        }
    }
    out_close(&troubled, ']');
    out_key(out, "vms");
    out_open(out, '{');
    for (size_t i = 0; i < vm_view_count; i++) {
        out_number(out, vm_view_name((enum vm_view)i), counts[i]);
    }
    out_close(out, '}');
    out_key(out, "attention");
    buf_add(out, buf_str(&troubled), troubled.size);
    out->failed |= troubled.failed;
}

void handle_status(struct api_call *call)
{
    CLEANUP(buf_done) struct buf out = {0};
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    out_open(&out, '{');
    out_text(&out, "name", world_settings(call->world)->name);
    out_text(&out, "coordinator", leader ? leader->leader->node : "");
    out_number(&out, "term", leader ? (int64_t)leader->leader->term : 0);
    out_tree(&out, "nodes", nodes_status(call));
    out_tree(&out, "pools", pools_status(call));
    write_vms(&out, call);
    out_number(&out, "revision", call->world->revision);
    if (call->world->records[RECORD_VM_SPEC].len <= survival_vms_max ||
        call_param(call, "survival")) {
        out_tree(&out, "survival", whatif_survival(call));
    }
    call_send_members(call, &out, 0);
}

/* ---- metrics: Prometheus' text format 0.0.4 ---- */

static void node_metrics(const struct api_call *call, struct buf *text)
{
    names_t names = {0};
    (void)node_names(call->world, &names);
    buf_text(text, "# HELP berth_node_up Whether the node's heartbeat arrives.\n"
                   "# TYPE berth_node_up gauge\n");
    VEC_EACH(&names, name) {
        struct node_facts node;
        if (node_facts(call->view, *name, &node)) {
            buf_printf(text, "berth_node_up{node=\"%s\"} %d\n", *name, node.pulse == PULSE_ALIVE);
        }
    }
    VEC_DONE(&names);
}

static void pool_metrics(const struct api_call *call, struct buf *text)
{
    buf_text(text, "# HELP berth_pool_gpus GPUs of the pool by state.\n"
                   "# TYPE berth_pool_gpus gauge\n");
    WORLD_EACH(call->world, RECORD_POOL, each) {
        struct pool_counts n;
        const char *name = (*each)->key.name;
        pool_counts(call->view, *each, &n);
        buf_printf(text, "berth_pool_gpus{pool=\"%s\",state=\"used\"} %u\n", name, n.used);
        buf_printf(text, "berth_pool_gpus{pool=\"%s\",state=\"free\"} %u\n", name, n.free);
        buf_printf(text, "berth_pool_gpus{pool=\"%s\",state=\"away\"} %u\n", name, n.away);
        buf_printf(text, "berth_pool_gpus{pool=\"%s\",state=\"quarantined\"} %u\n", name,
                   n.quarantined);
    }
}

static void vm_metrics(const struct api_call *call, struct buf *text)
{
    uint32_t counts[vm_view_count] = {0};
    struct vm_facts vm;
    for (struct vm_walk walk = {0}; vm_walk_next(call->view, &walk, &vm);) {
        counts[vm.state]++;
    }
    buf_text(text, "# HELP berth_vms VMs by state.\n# TYPE berth_vms gauge\n");
    for (size_t i = 0; i < vm_view_count; i++) {
        buf_printf(text, "berth_vms{state=\"%s\"} %u\n", vm_view_name((enum vm_view)i), counts[i]);
    }
}

void handle_metrics(struct api_call *call)
{
    struct buf *text = &call->answer->body;
    call->answer->status = 200;
    call->answer->content_type = "text/plain; version=0.0.4";
    node_metrics(call, text);
    pool_metrics(call, text);
    vm_metrics(call, text);
    buf_printf(text,
               "# HELP berth_store_stale Whether the store is silent.\n"
               "# TYPE berth_store_stale gauge\nberth_store_stale %d\n"
               "# HELP berth_store_revision The store's revision that is shown.\n"
               "# TYPE berth_store_revision counter\nberth_store_revision %lld\n",
               call->view->stale_since_ms != MSEC_NEVER, (long long)call->world->revision);
}

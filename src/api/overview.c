/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster at one look. */
#include "api/handlers.h"
#include "api/problem.h"
#include "api/show.h"
#include "api/survival.h"
#include "wire/out.h"

#include <string.h>

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

/* How many VMs are in each state. */
static void write_vms(struct buf *out, const struct api_call *call)
{
    int64_t counts[vm_view_count] = {0};
    struct vm_facts vm;
    vm_rows_t rows = {0};
    out->failed |= !vm_rows(call->world, &rows);
    VEC_EACH(&rows, row) {
        vm_row_facts(call->view, row, &vm);
        counts[vm.state]++;
    }
    VEC_DONE(&rows);
    out_key(out, "vms");
    out_open(out, '{');
    for (size_t i = 0; i < vm_view_count; i++) {
        out_number(out, vm_view_name((enum vm_view)i), counts[i]);
    }
    out_close(out, '}');
}

static void write_problems(struct buf *out, const struct api_call *call)
{
    CLEANUP(troubles_done) struct troubles troubles;
    out->failed |= !troubles_find(call, &troubles);
    problems_write(out, &troubles, "problems", troubles_status_max);
}

void handle_status(struct api_call *call)
{
    CLEANUP(buf_done) struct buf out = {0};
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    msec_t left_ms;
    bool is_disarmed = world_is_disarmed(call->world, &left_ms);
    out_open(&out, '{');
    const struct record *format = world_find(call->world, RECORD_FORMAT, "");
    out_text(&out, "name", world_settings(call->world)->name);
    out_text(&out, "id", format ? format->format->cluster : "");
    out_text(&out, "coordinator", leader ? leader->leader->node : "");
    out_number(&out, "term", leader ? (int64_t)leader->leader->term : 0);
    out_bool(&out, "disarmed", is_disarmed);
    out_number(&out, "disarm_left_ms", is_disarmed ? left_ms : 0);
    out_tree(&out, "nodes", nodes_json(call));
    out_tree(&out, "pools", pools_json(call));
    write_vms(&out, call);
    write_problems(&out, call);
    out_number(&out, "revision", call->world->revision);
    out_tree(&out, "survival", survival_json(call));
    call_send_members(call, &out, 0);
}

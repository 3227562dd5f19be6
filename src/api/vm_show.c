/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/because.h"
#include "api/handlers.h"
#include "api/list.h"
#include "api/show.h"
#include "wire/domain_xml.h"
#include "wire/out.h"
#include "wire/record.h"

#include <string.h>

static void write_needs(struct buf *out, const struct vm_spec *spec)
{
    out_key(out, "needs");
    out_open(out, '[');
    for (uint32_t i = 0; i < spec->need_len; i++) {
        out_open(out, '{');
        out_text(out, "pool", spec->needs[i].pool);
        out_number(out, "count", spec->needs[i].count);
        out_close(out, '}');
    }
    out_close(out, ']');
}

static void write_holds(struct buf *out, const struct vm_facts *vm)
{
    char slot[name_size];
    out_key(out, "gpus");
    out_open(out, '[');
    for (size_t i = 0; vm_is_placed(vm) && i < vm->placement->gpus.len; i++) {
        const struct gpu_hold *hold = &vm->placement->gpus.items[i];
        out_open(out, '{');
        out_text(out, "pool", hold->pool);
        out_text(out, "address", gpu_slot_format(&hold->slot, slot));
        out_close(out, '}');
    }
    out_close(out, ']');
}

void vm_write_members(struct buf *out, const struct vm_facts *vm)
{
    const struct vm_spec *spec = vm->spec;
    const struct vm_placement *placement = vm->placement;
    out_text(out, "name", vm->name);
    if (spec->title[0]) {
        out_text(out, "title", spec->title);
    }
    out_text(out, "state", vm_view_name(vm->state));
    if (vm->failed_gpu) {
        out_bool(out, "degraded", true);
    }
    because_write(out, "detail", &vm->why);
    out_text(out, "desired", vm_desired_name(spec->desired));
    out_text(out, "node", vm->node);
    write_holds(out, vm);
    write_needs(out, spec);
    out_number(out, "priority", spec->priority);
    out_bool(out, "unmanaged", spec->is_unmanaged);
    out_text(out, "offline_action", offline_action_name(spec->offline_action));
    out_number(out, "cpus", spec->cpus);
    out_number(out, "memory_mib", (int64_t)spec->memory_mib);
    if (vm_is_placed(vm) && placement->definition != spec->definition) {
        out_bool(out, "pending", true);
    }
    because_write_reasons(out, placement);
    out_number(out, "epoch", placement ? (int64_t)placement->epoch : 0);
    out_number(out, "start_order", (int64_t)spec->start_order);
    out_number(out, "seen_start_order", placement ? (int64_t)placement->start_order : 0);
    out_number(out, "move_order", (int64_t)spec->move_order);
    out_number(out, "seen_move_order", placement ? (int64_t)placement->move_order : 0);
    out_number(out, "revision", vm->record->revision);
}

void vm_write(struct buf *out, const struct vm_facts *vm)
{
    out_open(out, '{');
    vm_write_members(out, vm);
    out_close(out, '}');
}

static void write_record(struct buf *out, const char *key, const struct record *record,
                         const char *without)
{
    if (!record) {
        out_null(out, key);
        return;
    }
    struct error err;
    out_key(out, key);
    if (wire_record_write(out, record, without, &err) < 0) {
        out->failed = true;
    }
}

/* XML that cannot be read holds no one knows what: not shown. */
void xml_for(const struct api_call *call, const char *xml, struct buf *ret)
{
    struct error err;
    if (call->request->actor.role >= ROLE_ADMINISTRATOR) {
        buf_text(ret, xml);
    } else if (domain_xml_redact(xml, ret, &err) < 0) {
        buf_clear(ret);
    }
}

static void write_whole(struct buf *out, const struct api_call *call, const struct vm_facts *vm)
{
    CLEANUP(buf_done) struct buf xml = {0};
    xml_for(call, vm->spec->xml, &xml);
    out_text(out, "xml", buf_str(&xml));
    write_record(out, "spec", vm->record, "xml");
    write_record(out, "placement", world_find(call->world, RECORD_VM_PLACEMENT, vm->name), NULL);
    write_record(out, "status", world_find(call->world, RECORD_VM_STATUS, vm->name), NULL);
}

static bool is_wanted(const struct api_call *call, const struct vm_facts *vm)
{
    const char *node = call_param(call, "node"), *state = call_param(call, "state");
    return (!node || strcmp(vm->node, node) == 0) &&
           (!state || strcmp(vm_view_name(vm->state), state) == 0);
}

void handle_vms_get(struct api_call *call)
{
    struct list list;
    struct vm_facts vm;
    vm_rows_t rows = {0};
    if (!list_begin(&list, call, "Vm")) {
        return;
    }
    list.out.failed |= !vm_rows(call->world, &rows);
    VEC_EACH(&rows, row) {
        vm_row_facts(call->view, row, &vm);
        if (is_wanted(call, &vm) && list_takes(&list, vm.name)) {
            vm_write(list_item(&list), &vm);
            list_item_end(&list);
        }
    }
    VEC_DONE(&rows);
    list_send(&list);
}

void handle_vm_get(struct api_call *call)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    out_open(&out, '{');
    vm_write_members(&out, &vm);
    write_whole(&out, call, &vm);
    call_send_members(call, &out, vm.record->revision);
}

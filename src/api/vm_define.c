/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM is made of: its domain XML, CPUs and memory. In effect at its next start. */
#include "api/handlers.h"

#include "api/commit.h"
#include "api/facts.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/vm_xml.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "wire/domain_xml.h"

#include <stdlib.h>
#include <string.h>

/* While it starts or moves, its host may be reading it, and room was promised for what it is. */
static bool is_settled(struct api_call *call, const struct vm_facts *vm)
{
    const struct vm_placement *placement = vm->placement;
    bool runs = vm->state == VM_VIEW_RUNNING && placement && placement->phase == PLACEMENT_START &&
                !placement->next_node[0];
    if (runs || !vm_is_placed(vm)) {
        return true;
    }
    call_tell(call, "state", vm_view_name(vm->state), NULL);
    call_refuse(call, 409, "busy",
                "VM %s is %s: it can be changed while it runs or is stopped; try again in a moment",
                vm->name, vm_view_name(vm->state));
    return false;
}

/* The XML that is asked for; NULL: it is answered. */
static char *wanted_xml(struct api_call *call, const struct vm_spec *spec,
                        const struct vm_define_request *asked)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct error err;
    const char *xml = asked->xml ? asked->xml : spec->xml;
    int r = domain_xml_resize(xml, asked->cpus, asked->memory_mib, &text, &err);
    if (r < 0) {
        call_tell(call, "field", asked->xml ? "xml" : asked->cpus ? "cpus" : "memory_mib", NULL);
        call_refuse(call, 400, "bad-xml", "this is no domain XML that Berth can start: %s",
                    err.text);
        return NULL;
    }
    char *wanted = asked->cpus || asked->memory_mib ? buf_take(&text) : strdup(xml);
    if (!wanted) {
        call_send(call, NULL, 0);
    }
    return wanted;
}

static void define(struct api_call *call, const struct vm_facts *vm, struct record *next,
                   const struct vm_define_request *asked)
{
    struct domain_info info;
    struct error err;
    struct vm_spec *spec = next->vm_spec;
    /* Another size asks nothing of the host that the template did not ask before. */
    if (asked->xml && !vm_may_have(call, asked->xml, asked->is_privileged)) {
        return;
    }
    char *xml = wanted_xml(call, spec, asked);
    if (!xml) {
        return;
    }
    free(spec->xml);
    spec->xml = xml;
    if (domain_xml_inspect(xml, &info, &err) < 0) {
        call_tell(call, "field", "xml", NULL);
        call_refuse(call, 400, "bad-xml", "this is no domain XML that Berth can start: %s",
                    err.text);
        return;
    }
    domain_info_into(&info, spec);
    spec->definition++;
    struct note note =
        call_note(asked->xml && asked->is_privileged ? NOTE_VM_DEFINED_PRIVILEGED : NOTE_VM_DEFINED,
                  vm->name);
    note.facts.count = spec->cpus;
    note.facts.total = spec->memory_mib;
    json_t *warnings = vm_warnings(call->world, vm->name, spec);
    /* What was judged is what is stored. */
    call_guard_name(call, RECORD_VM_PLACEMENT, vm->name);
    call_put(call, record_ref(next));
    call_commit_with(call, 200, json_pack("{s:o}", "warnings", warnings), &note);
}

void handle_vm_define(struct api_call *call)
{
    struct vm_facts vm;
    struct vm_define_request asked = {0};
    uint64_t given;
    if (!call_vm(call, call->args[0], &vm) || !call_matches(call, vm.record)) {
        return;
    }
    if (request_read_given(call, &request_vm_define, &asked, &given) && is_settled(call, &vm)) {
        CLEANUP(record_unrefp) struct record *next = record_copy(vm.record);
        if (given == 0) {
            request_refuse(call, "xml", "give xml, cpus or memory_mib");
        } else if (next) {
            define(call, &vm, next, &asked);
        } else {
            call_send(call, NULL, 0);
        }
    }
    shape_done(&request_vm_define, &asked);
}

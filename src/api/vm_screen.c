/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host shows by berth-screen: a VM's screen and its serial console, and which VMs its
 * libvirt has besides. Who may open them, and where they are. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/show.h"
#include "base/parse.h"

#include <string.h>

/* Its QEMU is there, or may be. */
static bool has_screen(const struct vm_facts *vm)
{
    return vm->status &&
           (vm->status->state == VM_STATE_STARTING || vm->status->state == VM_STATE_RUNNING ||
            vm->status->state == VM_STATE_STOPPING);
}

/* Ends the request: 'kind' (static) of 'vm' ("": of 'node') is opened, which 'note' tells. */
static void open_socket(struct api_call *call, const char *kind, const char *vm, const char *node,
                        struct note note)
{
    const struct record *seen = world_find(call->world, RECORD_NODE_INVENTORY, node);
    if (!seen || !seen->inventory->screen_address[0]) {
        call_tell(call, "node", node, NULL);
        call_refuse(call, 409, "no-screens",
                    "%s shows no screens: set screen_address in its berth.conf, enable "
                    "berth-screen.socket there, and restart berthd",
                    node);
        return;
    }
    if (!call->request->wants_socket) {
        call_refuse(call, 426, "websocket-needed",
                    "this is a WebSocket, and the request does not ask for one");
        return;
    }
    (void)facts_set(&note.facts, node, NULL, NULL);
    call_commit(call, &note);
    struct api_answer *answer = call->answer;
    answer->socket_kind = answer->has_txn ? kind : NULL;
    (void)copy_text(answer->vm, sizeof(answer->vm), vm);
    (void)copy_text(answer->screen_address, sizeof(answer->screen_address),
                    seen->inventory->screen_address);
}

static void open_vm(struct api_call *call, const char *kind, enum note_code code)
{
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    if (!has_screen(&vm)) {
        call_tell(call, "state", vm_view_name(vm.state), NULL);
        call_refuse(call, 409, "not-running", "VM %s does not run: it is %s", vm.name,
                    vm_view_name(vm.state));
        return;
    }
    open_socket(call, kind, vm.name, vm.status->node, call_note(code, vm.name));
}

void handle_vm_screen(struct api_call *call)
{
    open_vm(call, "screen", NOTE_VM_SCREEN_OPENED);
}

void handle_vm_console(struct api_call *call)
{
    open_vm(call, "console", NOTE_VM_CONSOLE_OPENED);
}

void handle_node_domains(struct api_call *call)
{
    struct node_facts node;
    if (call_node(call, call->args[0], &node)) {
        open_socket(call, "domains", "", node.name, call_note(NOTE_DOMAINS_READ, node.name));
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's screen and its serial console: who may open them, and where they are. */
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

/* Where its host shows screens, or it is answered. */
static const char *screen_address(struct api_call *call, const struct vm_facts *vm)
{
    if (!has_screen(vm)) {
        call_tell(call, "state", vm_view_name(vm->state), NULL);
        call_refuse(call, 409, "not-running", "VM %s does not run: it is %s", vm->name,
                    vm_view_name(vm->state));
        return NULL;
    }
    const struct record *seen = world_find(call->world, RECORD_NODE_INVENTORY, vm->status->node);
    if (!seen || !seen->inventory->screen_address[0]) {
        call_tell(call, "node", vm->status->node, NULL);
        call_refuse(call, 409, "no-screens",
                    "%s shows no screens: set screen_address in its berth.conf, enable "
                    "berth-screen.socket there, and restart berthd",
                    vm->status->node);
        return NULL;
    }
    return seen->inventory->screen_address;
}

static void open_socket(struct api_call *call, bool is_console)
{
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    const char *address = screen_address(call, &vm);
    if (!address) {
        return;
    }
    if (!call->request->wants_socket) {
        call_refuse(call, 426, "websocket-needed",
                    "this is a WebSocket, and the request does not ask for one");
        return;
    }
    struct note note =
        call_note(is_console ? NOTE_VM_CONSOLE_OPENED : NOTE_VM_SCREEN_OPENED, vm.name);
    (void)facts_set(&note.facts, vm.status->node, NULL, NULL);
    call_commit(call, &note);
    call->answer->is_socket = call->answer->has_txn;
    call->answer->is_console = is_console;
    (void)copy_text(call->answer->vm, sizeof(call->answer->vm), vm.name);
    (void)copy_text(call->answer->screen_address, sizeof(call->answer->screen_address), address);
}

void handle_vm_screen(struct api_call *call)
{
    open_socket(call, false);
}

void handle_vm_console(struct api_call *call)
{
    open_socket(call, true);
}

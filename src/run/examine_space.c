/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_space.h"

#include "loop/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum { least_files = 64 };

struct space_look {
    struct task task;
    uint64_t least_bytes;
    const char *full; /* static: there; NULL: nowhere */
};

/* Root may use what is reserved for it, and it is root's libvirt that writes. */
static bool is_full(const char *directory, uint64_t least_bytes)
{
    struct statvfs state;
    if (statvfs(directory, &state) < 0 || state.f_blocks == 0) {
        return false; /* not there: another libvirt, another place; or without an end */
    }
    return (uint64_t)state.f_bfree * state.f_frsize < least_bytes ||
           (state.f_files > 0 && state.f_ffree < least_files);
}

static void space_look_run(struct task *task)
{
    /* Keys and NVRAM of a VM; its log; sockets. */
    static const char *const directories[] = {"/var/lib/libvirt/qemu", "/var/log/libvirt", "/run"};
    struct space_look *look = (struct space_look *)task;
    for (size_t i = 0; i < ARRAY_LEN(directories) && !look->full; i++) {
        look->full = is_full(directories[i], look->least_bytes) ? directories[i] : NULL;
    }
}

static void space_look_release(struct task *task)
{
    free(task);
}

struct task *space_look_new(uint64_t least_bytes, void (*arrive)(void *userdata, struct task *look))
{
    struct space_look *look = must(calloc(1, sizeof(*look)));
    look->task =
        (struct task){.run = space_look_run, .arrive = arrive, .release = space_look_release};
    look->least_bytes = least_bytes;
    return &look->task;
}

void space_look_tell(const struct task *task, struct node_check *ret)
{
    const struct space_look *look = (const struct space_look *)task;
    *ret = (struct node_check){0};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", CHECK_SPACE);
    if (!look) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its own disk does not answer; see the kernel's log");
    } else if (look->full) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its disk is full at %s: make room, then VMs start there again", look->full);
    } else {
        ret->is_ok = true;
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its disk has room for what the start of a VM writes");
    }
}

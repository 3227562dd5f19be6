/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_disks.h"

#include "base/parse.h"
#include "loop/memory.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { told_max = 6 };

/* Of file systems that <linux/magic.h> does not have. */
#define XFS_MAGIC      0x58465342UL
#define ZFS_MAGIC      0x2fc12fc1UL
#define BCACHEFS_MAGIC 0xca451a4eUL

struct disk_vm {
    char name[name_size];
    char *xml;
};

struct disk_look {
    struct task task;
    VEC(struct disk_vm) vms;
    node_checks_t bad;
    const char *vm; /* that is looked at */
    uint32_t disk_len, missing_len, local_len;
};

/* ---- the thread ---- */

static void disk_say(struct disk_look *look, bool is_advice, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void disk_say(struct disk_look *look, bool is_advice, const char *format, ...)
{
    struct node_check *check = look->bad.len < told_max ? VEC_ADD(&look->bad) : NULL;
    if (!check) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(check->detail, sizeof(check->detail), format, args);
    va_end(args);
    (void)snprintf(check->name, sizeof(check->name), "disks");
    check->is_advice = is_advice;
}

/* The name of a file system that no other host can see; NULL: it may be shared. */
static const char *local_file_system(const char *path)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } local[] = {
        {EXT4_SUPER_MAGIC, "ext4"},           {XFS_MAGIC, "xfs"},
        {BTRFS_SUPER_MAGIC, "btrfs"},         {TMPFS_MAGIC, "tmpfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {SQUASHFS_MAGIC, "squashfs"},
        {F2FS_SUPER_MAGIC, "f2fs"},           {ZFS_MAGIC, "zfs"},
        {BCACHEFS_MAGIC, "bcachefs"},         {MSDOS_SUPER_MAGIC, "vfat"},
    };
    struct statfs system;
    if (statfs(path, &system) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        if ((unsigned long)system.f_type == local[i].magic) {
            return local[i].name;
        }
    }
    return NULL;
}

static void look_at(void *userdata, const struct domain_file *file)
{
    struct disk_look *look = userdata;
    struct stat state;
    look->disk_len++;
    if (stat(file->path, &state) < 0) {
        look->missing_len++;
        disk_say(look, false,
                 "%s: %s: %s; let this host see the same storage, or set the VM's owners", look->vm,
                 file->path, strerror(errno));
        return;
    }
    const char *system =
        file->is_folder || S_ISREG(state.st_mode) ? local_file_system(file->path) : NULL;
    if (system && !file->is_read_only) {
        look->local_len++;
        disk_say(look, true,
                 "%s: %s%s%s is on a file system of this host alone (%s): put it on shared storage",
                 look->vm, file->what ? file->what : "", file->what ? " in " : "", file->path,
                 system);
    }
}

static void disk_look_run(struct task *task)
{
    struct disk_look *look = (struct disk_look *)task;
    VEC_EACH(&look->vms, vm) {
        look->vm = vm->name;
        (void)domain_xml_files(vm->xml, look_at, look, NULL);
    }
}

static void disk_look_release(struct task *task)
{
    struct disk_look *look = (struct disk_look *)task;
    VEC_EACH(&look->vms, vm) {
        free(vm->xml);
    }
    VEC_DONE(&look->vms);
    VEC_DONE(&look->bad);
    free(look);
}

/* ---- before ---- */

struct disk_look *disk_look_new(void (*arrive)(void *userdata, struct task *look))
{
    struct disk_look *look = must(calloc(1, sizeof(*look)));
    look->task =
        (struct task){.run = disk_look_run, .arrive = arrive, .release = disk_look_release};
    return look;
}

void disk_look_add(struct disk_look *look, const struct record *spec)
{
    struct disk_vm *vm = must(VEC_ADD(&look->vms));
    (void)copy_text(vm->name, sizeof(vm->name), spec->key.name);
    vm->xml = must(strdup(spec->vm_spec->xml));
}

uint32_t disk_look_vm_len(const struct disk_look *look)
{
    return (uint32_t)look->vms.len;
}

void disk_look_submit(struct disk_look *look, struct workers *workers)
{
    workers_submit(workers, &look->task);
}

/* ---- afterwards ---- */

void disk_look_hangs(uint32_t vm_len, struct node_check *ret)
{
    (void)snprintf(ret->name, sizeof(ret->name), "disks");
    ret->vm_len = vm_len;
    (void)snprintf(ret->detail, sizeof(ret->detail),
                   "looking at the VMs' disks hangs: their storage does not answer; see mount and "
                   "the kernel's log");
}

void disk_look_tell(const struct task *task, node_checks_t *ret)
{
    const struct disk_look *look = (const struct disk_look *)task;
    struct node_check *check = must(VEC_ADD(ret));
    (void)snprintf(check->name, sizeof(check->name), "disks");
    check->vm_len = (uint32_t)look->vms.len;
    check->is_ok = look->bad.len == 0;
    check->is_advice = !check->is_ok && look->missing_len == 0;
    if (check->is_ok) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "all %u files and disks of the %zu VMs that may run here are there",
                       look->disk_len, look->vms.len);
        return;
    }
    (void)snprintf(check->detail, sizeof(check->detail),
                   "of %u files and disks of the %zu VMs that may run here: missing %u, on a file "
                   "system of this host alone %u",
                   look->disk_len, look->vms.len, look->missing_len, look->local_len);
    VEC_EACH(&look->bad, bad) {
        *must(VEC_ADD(ret)) = *bad;
    }
}

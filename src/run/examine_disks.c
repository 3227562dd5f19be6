/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_disks.h"

#include "wire/domain_xml.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { told_max = 6, xfs_magic = 0x58465342 };

struct disk_job {
    VEC(struct record *) specs; /* of the loop's; the thread reads what nobody changes */
    /* The thread's, until 'is_done'. */
    node_checks_t bad;
    const char *vm;
    uint32_t disk_len, missing_len, local_len;
    int is_done;
    bool has_begun;
};

struct disk_job *disk_job_new(void)
{
    return calloc(1, sizeof(struct disk_job));
}

bool disk_job_add(struct disk_job *job, struct record *spec)
{
    struct record **place = VEC_ADD(&job->specs);
    if (place) {
        *place = record_ref(spec);
    }
    return place != NULL;
}

bool disk_job_is_done(const struct disk_job *job)
{
    return __atomic_load_n(&job->is_done, __ATOMIC_ACQUIRE) != 0;
}

/* ---- the thread ---- */

static void say(struct disk_job *job, bool is_advice, const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct disk_job *job, bool is_advice, const char *format, ...)
{
    struct node_check *check = job->bad.len < told_max ? VEC_ADD(&job->bad) : NULL;
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
        {EXT4_SUPER_MAGIC, "ext4"},           {xfs_magic, "xfs"},
        {BTRFS_SUPER_MAGIC, "btrfs"},         {TMPFS_MAGIC, "tmpfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {SQUASHFS_MAGIC, "squashfs"},
        {F2FS_SUPER_MAGIC, "f2fs"},
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
    struct disk_job *job = userdata;
    struct stat state;
    job->disk_len++;
    if (stat(file->path, &state) < 0) {
        job->missing_len++;
        say(job, false, "%s: %s: %s; let this host see the same storage, or set the VM's owners",
            job->vm, file->path, strerror(errno));
        return;
    }
    const char *system = S_ISREG(state.st_mode) ? local_file_system(file->path) : NULL;
    if (system && !file->is_read_only) {
        job->local_len++;
        say(job, true,
            "%s: %s is on a file system of this host alone (%s): put it on shared storage", job->vm,
            file->path, system);
    }
}

static void *work(void *argument)
{
    struct disk_job *job = argument;
    VEC_EACH(&job->specs, spec) {
        job->vm = (*spec)->key.name;
        (void)domain_xml_files((*spec)->vm_spec->xml, look_at, job, NULL);
    }
    __atomic_store_n(&job->is_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Signals are the loop's: none shall come to this thread, so it inherits a full mask. */
int examine_thread(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -failed;
}

int disk_job_start(struct disk_job *job)
{
    int r = examine_thread(work, job);
    job->has_begun = r == 0;
    return r;
}

/* ---- afterwards ---- */

void disk_job_tell(const struct disk_job *job, node_checks_t *ret)
{
    struct node_check *check = VEC_ADD(ret);
    if (!check) {
        return;
    }
    (void)snprintf(check->name, sizeof(check->name), "disks");
    check->vm_len = (uint32_t)job->specs.len;
    if (!disk_job_is_done(job)) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "looking at the VMs' disks hangs: their storage does not answer; see mount "
                       "and the kernel's log");
        return;
    }
    check->is_ok = job->bad.len == 0;
    check->is_advice = !check->is_ok && job->missing_len == 0;
    if (check->is_ok) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       "all %u files and disks of the %zu VMs that may run here are there",
                       job->disk_len, job->specs.len);
        return;
    }
    (void)snprintf(check->detail, sizeof(check->detail),
                   "of %u files and disks of the %zu VMs that may run here: missing %u, on a file "
                   "system of this host alone %u",
                   job->disk_len, job->specs.len, job->missing_len, job->local_len);
    VEC_EACH(&job->bad, bad) {
        struct node_check *place = VEC_ADD(ret);
        if (place) {
            *place = *bad;
        }
    }
}

struct disk_job *disk_job_free(struct disk_job *job)
{
    if (!job || (job->has_begun && !disk_job_is_done(job))) {
        return NULL;
    }
    VEC_EACH(&job->specs, spec) {
        record_unref(*spec);
    }
    VEC_DONE(&job->specs);
    VEC_DONE(&job->bad);
    free(job);
    return NULL;
}

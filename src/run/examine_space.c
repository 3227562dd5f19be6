/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/examine_space.h"

#include "run/examine_disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum { least_files = 64 };

struct space_job {
    uint64_t least_bytes;
    const char *full; /* static: there; NULL: nowhere */
    int is_done;
    bool has_begun;
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

static void *work(void *argument)
{
    /* Keys and NVRAM of a VM; its log; sockets. */
    static const char *const directories[] = {"/var/lib/libvirt/qemu", "/var/log/libvirt", "/run"};
    struct space_job *job = argument;
    for (size_t i = 0; i < ARRAY_LEN(directories) && !job->full; i++) {
        job->full = is_full(directories[i], job->least_bytes) ? directories[i] : NULL;
    }
    __atomic_store_n(&job->is_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

struct space_job *space_job_start(uint64_t least_bytes)
{
    struct space_job *job = calloc(1, sizeof(*job));
    if (!job) {
        return NULL;
    }
    job->least_bytes = least_bytes;
    job->has_begun = examine_thread(work, job) == 0;
    return job->has_begun ? job : space_job_free(job);
}

bool space_job_is_done(const struct space_job *job)
{
    return __atomic_load_n(&job->is_done, __ATOMIC_ACQUIRE) != 0;
}

void space_job_tell(const struct space_job *job, struct node_check *ret)
{
    *ret = (struct node_check){0};
    (void)snprintf(ret->name, sizeof(ret->name), "%s", CHECK_SPACE);
    if (!space_job_is_done(job)) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its own disk does not answer; see the kernel's log");
    } else if (job->full) {
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its disk is full at %s: make room, then VMs start there again", job->full);
    } else {
        ret->is_ok = true;
        (void)snprintf(ret->detail, sizeof(ret->detail),
                       "its disk has room for what the start of a VM writes");
    }
}

struct space_job *space_job_free(struct space_job *job)
{
    if (job && (!job->has_begun || space_job_is_done(job))) {
        free(job);
    }
    return NULL;
}

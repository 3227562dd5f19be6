/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread for each piece of work: one that hangs in the kernel holds up nobody else. The job
 * belongs to its thread and to the loop together; whoever comes last frees it.
 */
#include "host/binding.h"
#include "host/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

struct job *job_new(enum job_kind kind, const struct host_config *config)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job) {
        job->kind = kind;
        job->config = *config;
        job->references = 1;
        job->wake_fd = -1;
    }
    return job;
}

void job_unref(struct job *job)
{
    if (!job || __atomic_sub_fetch(&job->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    host_inventory_done(&job->inventory);
    closep(&job->wake_fd);
    free(job);
}

bool job_is_done(const struct job *job)
{
    return __atomic_load_n(&job->is_done, __ATOMIC_ACQUIRE) != 0;
}

static void *work(void *argument)
{
    struct job *job = argument;
    switch (job->kind) {
    case JOB_READ:
        job->result =
            inventory_read(&job->config, job->busy, job->busy_len, &job->inventory, &job->err);
        break;
    case JOB_DISMOUNT:
        job->result = host_gpu_dismount(&job->config, job->address, job->force, &job->err);
        break;
    case JOB_MOUNT:
        job->result = host_gpu_mount(&job->config, job->address, &job->err);
        break;
    case JOB_SPLIT:
        job->result = host_gpu_split(&job->config, job->address, job->count, &job->err);
        break;
    }
    const uint64_t one = 1;
    __atomic_store_n(&job->is_done, 1, __ATOMIC_RELEASE);
    /* The counter cannot overflow, and nothing else can go wrong with an eventfd. */
    ssize_t ignored = write(job->wake_fd, &one, sizeof(one));
    (void)ignored;
    job_unref(job);
    return NULL;
}

/* Signals are the loop's: none shall come to this thread, so it inherits a full mask. */
int job_start(struct job *job, int wake_fd)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    job->wake_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 3);
    if (job->wake_fd < 0) {
        return -errno;
    }
    sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    job->references++;
    int failed = pthread_create(&thread, &attributes, work, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (failed != 0) {
        job->references--;
    }
    return -failed;
}

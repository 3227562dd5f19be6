/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/job.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

/* First in, first out. */
struct queue {
    struct job *first;
    struct job **last;
};

static void queue_put(struct queue *queue, struct job *job)
{
    job->next = NULL;
    if (!queue->first) {
        queue->last = &queue->first;
    }
    *queue->last = job;
    queue->last = &job->next;
}

static struct job *queue_get(struct queue *queue)
{
    struct job *job = queue->first;
    if (job) {
        queue->first = job->next;
    }
    return job;
}

static void release_all(struct job *job)
{
    while (job) {
        struct job *next = job->next;
        job->release(job);
        job = next;
    }
}

/* ---- mailbox ---- */

struct mailbox {
    pthread_mutex_t lock;
    struct queue queue;
    unsigned references;
    bool is_closed;
    int fd;
};

struct mailbox *virt_mailbox_new(void)
{
    struct mailbox *box = calloc(1, sizeof(*box));
    if (!box) {
        return NULL;
    }
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->fd < 0) {
        free(box);
        return NULL;
    }
    pthread_mutex_init(&box->lock, NULL);
    box->references = 1;
    return box;
}

struct mailbox *virt_mailbox_ref(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->references++;
    pthread_mutex_unlock(&box->lock);
    return box;
}

void virt_mailbox_unref(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    bool is_last = --box->references == 0;
    pthread_mutex_unlock(&box->lock);
    if (is_last) {
        release_all(box->queue.first);
        close(box->fd);
        pthread_mutex_destroy(&box->lock);
        free(box);
    }
}

int virt_mailbox_fd(const struct mailbox *box)
{
    return box->fd;
}

void virt_mailbox_post(struct mailbox *box, struct job *job)
{
    pthread_mutex_lock(&box->lock);
    bool is_closed = box->is_closed;
    if (!is_closed) {
        queue_put(&box->queue, job);
        (void)eventfd_write(box->fd, 1);
    }
    pthread_mutex_unlock(&box->lock);
    if (is_closed) {
        job->release(job);
    }
}

struct job *virt_mailbox_take(struct mailbox *box)
{
    eventfd_t count;
    pthread_mutex_lock(&box->lock);
    struct job *jobs = box->queue.first;
    box->queue.first = NULL;
    (void)eventfd_read(box->fd, &count);
    pthread_mutex_unlock(&box->lock);
    return jobs;
}

void virt_mailbox_close(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->is_closed = true;
    pthread_mutex_unlock(&box->lock);
    release_all(virt_mailbox_take(box));
}

/* ---- pool ---- */

enum { pool_threads_max = 64, join_limit_s = 1 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue queue;
    struct mailbox *box;
    bool is_ending;
    unsigned references; /* the owner's and one a thread */
    pthread_t threads[pool_threads_max];
    unsigned thread_len;
};

static void pool_unref(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_last = --pool->references == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last) {
        virt_mailbox_unref(pool->box);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

/* Waits for a job; NULL: the pool ends. */
static struct job *next_job(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->queue.first && !pool->is_ending) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    struct job *job = queue_get(&pool->queue);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *userdata)
{
    struct pool *pool = userdata;
    for (struct job *job; (job = next_job(pool));) {
        job->run(job);
        virt_mailbox_post(pool->box, job);
    }
    pool_unref(pool);
    return NULL;
}

/* Signals are for the loop thread. */
static int start_threads(struct pool *pool, unsigned threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = 0;
    while (r == 0 && pool->thread_len < threads) {
        pool->references++;
        r = pthread_create(&pool->threads[pool->thread_len], NULL, work, pool);
        if (r == 0) {
            pool->thread_len++;
        } else {
            pool->references--;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

struct pool *virt_pool_new(struct mailbox *box, unsigned threads)
{
    assert(threads > 0 && threads <= pool_threads_max);
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool) {
        return NULL;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->box = virt_mailbox_ref(box);
    pool->references = 1;
    pthread_mutex_lock(&pool->lock); /* the count of references is theirs, too */
    int r = start_threads(pool, threads);
    pthread_mutex_unlock(&pool->lock);
    if (r != 0) {
        virt_pool_free(pool, false);
        errno = r;
        return NULL;
    }
    return pool;
}

void virt_pool_submit(struct pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    queue_put(&pool->queue, job);
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

void virt_pool_free(struct pool *pool, bool is_drained)
{
    if (!pool) {
        return;
    }
    struct job *left = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    if (!is_drained) {
        left = pool->queue.first;
        pool->queue.first = NULL;
    }
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    release_all(left);
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += join_limit_s;
    for (unsigned i = 0; i < pool->thread_len; i++) {
        if (pthread_clockjoin_np(pool->threads[i], NULL, CLOCK_MONOTONIC, &limit) != 0) {
            pthread_detach(pool->threads[i]);
        }
    }
    pool_unref(pool);
}

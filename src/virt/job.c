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

struct worker {
    struct pool *pool;
    pthread_t thread;
    bool has_ended; /* it has nothing left to wait for */
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue queue;
    struct mailbox *box;
    bool is_ending;
    unsigned references; /* the owner's and one a thread */
    struct worker workers[pool_threads_max];
    unsigned worker_len;
    unsigned live_len;
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
    struct worker *worker = userdata;
    struct pool *pool = worker->pool;
    for (struct job *job; (job = next_job(pool));) {
        job->run(job);
        virt_mailbox_post(pool->box, job);
    }
    pthread_mutex_lock(&pool->lock);
    worker->has_ended = true;
    pool->live_len--;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
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
    while (r == 0 && pool->worker_len < threads) {
        struct worker *worker = &pool->workers[pool->worker_len];
        worker->pool = pool;
        r = pthread_create(&worker->thread, NULL, work, worker);
        if (r == 0) {
            pool->worker_len++;
            pool->live_len++;
            pool->references++;
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
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->box = virt_mailbox_ref(box);
    pool->references = 1;
    pthread_mutex_lock(&pool->lock); /* the counts are theirs, too */
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

/* With the lock held. */
static void await_end(struct pool *pool)
{
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += join_limit_s;
    while (pool->live_len > 0 &&
           pthread_cond_timedwait(&pool->wake, &pool->lock, &limit) != ETIMEDOUT) {
    }
}

/* Waits for no thread that may hang. */
static void let_threads_go(struct pool *pool)
{
    for (unsigned i = 0; i < pool->worker_len; i++) {
        pthread_mutex_lock(&pool->lock);
        bool has_ended = pool->workers[i].has_ended;
        pthread_mutex_unlock(&pool->lock);
        if (has_ended) {
            pthread_join(pool->workers[i].thread, NULL);
        } else {
            pthread_detach(pool->workers[i].thread);
        }
    }
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
    await_end(pool);
    pthread_mutex_unlock(&pool->lock);
    release_all(left);
    let_threads_go(pool);
    pool_unref(pool);
}

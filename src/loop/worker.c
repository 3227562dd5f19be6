/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

/* First in, first out. */
struct task_queue {
    struct task *first;
    struct task **last;
};

static void queue_put(struct task_queue *queue, struct task *task)
{
    task->next = NULL;
    if (!queue->first) {
        queue->last = &queue->first;
    }
    *queue->last = task;
    queue->last = &task->next;
}

static struct task *queue_get(struct task_queue *queue)
{
    struct task *task = queue->first;
    if (task) {
        queue->first = task->next;
    }
    return task;
}

/* All of them, oldest first; the queue is empty afterwards. */
static struct task *queue_take(struct task_queue *queue)
{
    struct task *tasks = queue->first;
    queue->first = NULL;
    return tasks;
}

static void release_all(struct task *task)
{
    while (task) {
        struct task *next = task->next;
        task->release(task);
        task = next;
    }
}

/* ---- mailbox ---- */

struct mailbox {
    pthread_mutex_t lock;
    struct task_queue queue;
    unsigned references;
    bool is_closed;
    int fd; /* readable while there is something */
    /* The loop's. */
    sd_event_source *source;
    void *userdata;
};

static struct task *mailbox_take(struct mailbox *box)
{
    eventfd_t count;
    pthread_mutex_lock(&box->lock);
    struct task *tasks = queue_take(&box->queue);
    (void)eventfd_read(box->fd, &count);
    pthread_mutex_unlock(&box->lock);
    return tasks;
}

static int on_mail(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct mailbox *box = userdata;
    (void)source, (void)fd, (void)events;
    for (struct task *task = mailbox_take(box), *next; task; task = next) {
        next = task->next;
        task->arrive(box->userdata, task);
        task->release(task);
    }
    return 0;
}

int mailbox_new(sd_event *event, void *userdata, struct mailbox **ret)
{
    struct mailbox *box = calloc(1, sizeof(*box));
    if (!box) {
        return -ENOMEM;
    }
    box->userdata = userdata;
    box->references = 1;
    pthread_mutex_init(&box->lock, NULL);
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = box->fd < 0 ? -errno : 0;
    if (r == 0) {
        r = sd_event_add_io(event, &box->source, box->fd, EPOLLIN, on_mail, box);
    }
    if (r < 0) {
        (void)mailbox_unref(box);
        return r;
    }
    *ret = box;
    return 0;
}

struct mailbox *mailbox_ref(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    assert(box->references > 0);
    box->references++;
    pthread_mutex_unlock(&box->lock);
    return box;
}

struct mailbox *mailbox_unref(struct mailbox *box)
{
    if (!box) {
        return NULL;
    }
    pthread_mutex_lock(&box->lock);
    bool is_last = --box->references == 0;
    pthread_mutex_unlock(&box->lock);
    if (is_last) {
        box->source = sd_event_source_disable_unref(box->source);
        release_all(box->queue.first);
        closep(&box->fd);
        pthread_mutex_destroy(&box->lock);
        free(box);
    }
    return NULL;
}

void mailbox_post(struct mailbox *box, struct task *task)
{
    pthread_mutex_lock(&box->lock);
    bool is_closed = box->is_closed;
    if (!is_closed) {
        queue_put(&box->queue, task);
        (void)eventfd_write(box->fd, 1);
    }
    pthread_mutex_unlock(&box->lock);
    if (is_closed) {
        task->release(task);
    }
}

void mailbox_close(struct mailbox *box)
{
    if (!box) {
        return;
    }
    pthread_mutex_lock(&box->lock);
    box->is_closed = true;
    pthread_mutex_unlock(&box->lock);
    /* Here, for the last reference may be a thread's, and the source is the loop's. */
    box->source = sd_event_source_disable_unref(box->source);
    release_all(mailbox_take(box));
}

/* ---- workers ---- */

enum { threads_max = 64, join_limit_s = 1 };

struct worker {
    struct workers *workers;
    pthread_t thread;
    bool has_ended; /* it has nothing left to wait for */
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct task_queue queue;
    struct mailbox *box;
    bool is_ending;
    unsigned references; /* the owner's and one a thread */
    struct worker list[threads_max];
    unsigned len;
    unsigned live_len;
};

static void workers_unref(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    bool is_last = --workers->references == 0;
    pthread_mutex_unlock(&workers->lock);
    if (is_last) {
        (void)mailbox_unref(workers->box);
        pthread_cond_destroy(&workers->wake);
        pthread_mutex_destroy(&workers->lock);
        free(workers);
    }
}

/* Waits for a task; NULL: the end. */
static struct task *next_task(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (!workers->queue.first && !workers->is_ending) {
        pthread_cond_wait(&workers->wake, &workers->lock);
    }
    struct task *task = queue_get(&workers->queue);
    pthread_mutex_unlock(&workers->lock);
    return task;
}

static void *worker_main(void *userdata)
{
    struct worker *worker = userdata;
    struct workers *workers = worker->workers;
    for (struct task *task; (task = next_task(workers));) {
        task->run(task);
        mailbox_post(workers->box, task);
    }
    pthread_mutex_lock(&workers->lock);
    worker->has_ended = true;
    workers->live_len--;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
    workers_unref(workers);
    return NULL;
}

/* Signals are the loop's: none may come to these threads, so they inherit a full mask. */
static int start_threads(struct workers *workers, unsigned threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = 0;
    while (r == 0 && workers->len < threads) {
        struct worker *worker = &workers->list[workers->len];
        worker->workers = workers;
        r = -pthread_create(&worker->thread, NULL, worker_main, worker);
        if (r == 0) {
            workers->len++;
            workers->live_len++;
            workers->references++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int workers_new(struct mailbox *box, unsigned threads, struct workers **ret)
{
    assert(threads > 0 && threads <= threads_max);
    struct workers *workers = calloc(1, sizeof(*workers));
    if (!workers) {
        return -ENOMEM;
    }
    pthread_mutex_init(&workers->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    workers->box = mailbox_ref(box);
    workers->references = 1;
    pthread_mutex_lock(&workers->lock); /* the counts are theirs, too */
    int r = start_threads(workers, threads);
    pthread_mutex_unlock(&workers->lock);
    if (r < 0) {
        (void)workers_free(workers, false);
        return r;
    }
    *ret = workers;
    return 0;
}

void workers_submit(struct workers *workers, struct task *task)
{
    pthread_mutex_lock(&workers->lock);
    queue_put(&workers->queue, task);
    pthread_cond_signal(&workers->wake);
    pthread_mutex_unlock(&workers->lock);
}

/* With the lock held. */
static void await_end(struct workers *workers)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += join_limit_s;
    while (workers->live_len > 0 &&
           pthread_cond_timedwait(&workers->wake, &workers->lock, &limit) != ETIMEDOUT) {
    }
}

/* Waits for no thread that may hang. */
static void let_threads_go(struct workers *workers)
{
    for (unsigned i = 0; i < workers->len; i++) {
        pthread_mutex_lock(&workers->lock);
        bool has_ended = workers->list[i].has_ended;
        pthread_mutex_unlock(&workers->lock);
        if (has_ended) {
            pthread_join(workers->list[i].thread, NULL);
        } else {
            pthread_detach(workers->list[i].thread);
        }
    }
}

struct workers *workers_free(struct workers *workers, bool is_drained)
{
    if (!workers) {
        return NULL;
    }
    pthread_mutex_lock(&workers->lock);
    workers->is_ending = true;
    struct task *left = is_drained ? NULL : queue_take(&workers->queue);
    pthread_cond_broadcast(&workers->wake);
    await_end(workers);
    pthread_mutex_unlock(&workers->lock);
    release_all(left);
    let_threads_go(workers);
    workers_unref(workers);
    return NULL;
}

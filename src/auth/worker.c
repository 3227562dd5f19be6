/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/worker.h"

#include "base/parse.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

struct job {
    uint64_t id;
    bool is_check;
    bool is_right;
    char secret[auth_password_size];
    char hash[access_hash_size];
};

struct auth_worker {
    auth_done_fn done;
    void *userdata;
    sd_event_source *source;
    int wake_fd; /* readable: there are results */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    /* Under 'lock'. */
    struct job queue[auth_queue_max], results[auth_queue_max];
    size_t queue_len, result_len;
    size_t open_len; /* of all that were taken and not yet told: results always have room */
    bool must_end;
    /* The thread's own. */
    struct crypt_data crypt;
    char nobody[access_hash_size]; /* a hash that nothing has */
};

/* ---- the thread ---- */

static void make_hash(struct auth_worker *worker, const char *secret, char *ret)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *made = NULL;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt))) {
        made = crypt_r(secret, salt, &worker->crypt);
    }
    if (!made || made[0] == '*' || !copy_text(ret, access_hash_size, made)) {
        ret[0] = '\0';
    }
}

static void run_job(struct auth_worker *worker, struct job *job)
{
    if (job->is_check) {
        const char *hash = job->hash[0] ? job->hash : worker->nobody;
        const char *made = crypt_r(job->secret, hash, &worker->crypt);
        job->is_right = made && made[0] != '*' && job->hash[0] && strlen(made) == strlen(hash) &&
                        gnutls_memcmp(made, hash, strlen(hash)) == 0;
    } else {
        make_hash(worker, job->secret, job->hash);
    }
    explicit_bzero(job->secret, sizeof(job->secret));
    explicit_bzero(&worker->crypt, sizeof(worker->crypt));
}

static void *work(void *argument)
{
    struct auth_worker *worker = argument;
    struct job job;
    make_hash(worker, "nobody", worker->nobody);
    pthread_mutex_lock(&worker->lock);
    while (!worker->must_end) {
        if (worker->queue_len == 0) {
            pthread_cond_wait(&worker->has_work, &worker->lock);
            continue;
        }
        job = worker->queue[0];
        worker->queue_len--;
        memmove(worker->queue, worker->queue + 1, worker->queue_len * sizeof(job));
        explicit_bzero(&worker->queue[worker->queue_len], sizeof(job)); /* its secret, too */
        pthread_mutex_unlock(&worker->lock);
        run_job(worker, &job);
        pthread_mutex_lock(&worker->lock);
        worker->results[worker->result_len++] = job;
        (void)eventfd_write(worker->wake_fd, 1);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* ---- the loop ---- */

static int on_results(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct auth_worker *worker = userdata;
    struct job results[auth_queue_max];
    eventfd_t count;
    (void)source, (void)events;
    pthread_mutex_lock(&worker->lock);
    size_t len = worker->result_len;
    memcpy(results, worker->results, len * sizeof(results[0]));
    worker->result_len = 0;
    worker->open_len -= len;
    (void)eventfd_read(fd, &count);
    pthread_mutex_unlock(&worker->lock);
    for (size_t i = 0; i < len; i++) {
        worker->done(worker->userdata, results[i].id, results[i].is_right,
                     results[i].is_check ? "" : results[i].hash);
    }
    return 0;
}

static bool submit(struct auth_worker *worker, const struct job *job)
{
    pthread_mutex_lock(&worker->lock);
    bool has_room = worker->open_len < auth_queue_max;
    if (has_room) {
        worker->open_len++;
        worker->queue[worker->queue_len++] = *job;
        pthread_cond_signal(&worker->has_work);
    }
    pthread_mutex_unlock(&worker->lock);
    return has_room;
}

bool auth_worker_check(struct auth_worker *worker, uint64_t id, const char *secret,
                       const char *hash)
{
    struct job job = {.id = id, .is_check = true};
    /* A secret or a hash that is too long belongs to no one. */
    bool fits = copy_text(job.secret, sizeof(job.secret), secret);
    if (fits && hash) {
        (void)copy_text(job.hash, sizeof(job.hash), hash);
    }
    bool is_taken = submit(worker, &job);
    explicit_bzero(&job, sizeof(job));
    return is_taken;
}

bool auth_worker_hash(struct auth_worker *worker, uint64_t id, const char *secret)
{
    struct job job = {.id = id};
    bool is_taken = copy_text(job.secret, sizeof(job.secret), secret) && submit(worker, &job);
    explicit_bzero(&job, sizeof(job));
    return is_taken;
}

/* Signals are the loop's: none may come to this thread, so it inherits a full mask. */
static int start(struct auth_worker *worker)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -failed;
}

int auth_worker_new(sd_event *event, auth_done_fn done, void *userdata, struct auth_worker **ret,
                    struct error *err)
{
    struct auth_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    worker->done = done;
    worker->userdata = userdata;
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = worker->wake_fd < 0 ? -errno
                                : sd_event_add_io(event, &worker->source, worker->wake_fd, EPOLLIN,
                                                  on_results, worker);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->has_work, NULL);
    r = r < 0 ? r : start(worker);
    if (r < 0) {
        sd_event_source_disable_unref(worker->source);
        closep(&worker->wake_fd);
        free(worker);
        return error_set(err, r, "starting the thread that checks passwords: %s", strerror(-r));
    }
    *ret = worker;
    return 0;
}

void auth_worker_free(struct auth_worker *worker)
{
    if (!worker) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->must_end = true;
    pthread_cond_signal(&worker->has_work);
    pthread_mutex_unlock(&worker->lock);
    (void)pthread_join(worker->thread, NULL);
    sd_event_source_disable_unref(worker->source);
    pthread_cond_destroy(&worker->has_work);
    pthread_mutex_destroy(&worker->lock);
    closep(&worker->wake_fd);
    explicit_bzero(worker, sizeof(*worker));
    free(worker);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/worker.h"

#include "base/parse.h"
#include "loop/worker.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>

/* What libxcrypt wants of memory is in it, so that a thread that is left behind has its own. */
struct hash_task {
    struct task task;
    uint64_t id;
    bool is_check;
    bool is_right;
    char secret[auth_password_size];
    char hash[access_hash_size];
    struct crypt_data crypt;
};

struct auth_worker {
    auth_done_fn done;
    void *userdata;
    struct mailbox *box;
    struct workers *workers; /* one thread */
    size_t open_len;         /* taken and not yet told */
};

/* ---- the thread ---- */

static void make_hash(struct hash_task *job)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *made = NULL;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt))) {
        made = crypt_r(job->secret, salt, &job->crypt);
    }
    if (!made || made[0] == '*' || !copy_text(job->hash, sizeof(job->hash), made)) {
        job->hash[0] = '\0';
    }
}

static void check_hash(struct hash_task *job)
{
    const char *made = crypt_r(job->secret, job->hash, &job->crypt);
    job->is_right = made && made[0] != '*' && strlen(made) == strlen(job->hash) &&
                    gnutls_memcmp(made, job->hash, strlen(job->hash)) == 0;
}

static void hash_run(struct task *task)
{
    struct hash_task *job = (struct hash_task *)task;
    if (job->is_check && job->hash[0]) {
        check_hash(job);
    } else {
        make_hash(job); /* a check without a hash: the answer is no, and takes as long */
    }
    explicit_bzero(job->secret, sizeof(job->secret));
    explicit_bzero(&job->crypt, sizeof(job->crypt));
}

static void hash_release(struct task *task)
{
    struct hash_task *job = (struct hash_task *)task;
    explicit_bzero(job->secret, sizeof(job->secret));
    explicit_bzero(job->hash, sizeof(job->hash));
    free(job);
}

/* ---- the loop ---- */

static void hash_arrive(void *userdata, struct task *task)
{
    struct auth_worker *worker = userdata;
    const struct hash_task *job = (const struct hash_task *)task;
    worker->open_len--;
    worker->done(worker->userdata, job->id, job->is_right, job->is_check ? "" : job->hash);
}

/* NULL: the queue is full, or no memory. */
static struct hash_task *hash_task_new(const struct auth_worker *worker, uint64_t id)
{
    struct hash_task *job = worker->open_len < auth_queue_max ? calloc(1, sizeof(*job)) : NULL;
    if (job) {
        job->task = (struct task){.run = hash_run, .arrive = hash_arrive, .release = hash_release};
        job->id = id;
    }
    return job;
}

static bool submit_hash(struct auth_worker *worker, struct hash_task *job)
{
    worker->open_len++;
    workers_submit(worker->workers, &job->task);
    return true;
}

bool auth_worker_check(struct auth_worker *worker, uint64_t id, const char *secret,
                       const char *hash)
{
    struct hash_task *job = hash_task_new(worker, id);
    if (!job) {
        return false;
    }
    job->is_check = true;
    /* A secret or a hash that is too long belongs to no one. */
    bool fits = copy_text(job->secret, sizeof(job->secret), secret);
    if (fits && hash) {
        (void)copy_text(job->hash, sizeof(job->hash), hash);
    }
    return submit_hash(worker, job);
}

bool auth_worker_hash(struct auth_worker *worker, uint64_t id, const char *secret)
{
    struct hash_task *job = hash_task_new(worker, id);
    if (!job) {
        return false;
    }
    if (!copy_text(job->secret, sizeof(job->secret), secret)) {
        hash_release(&job->task);
        return false;
    }
    return submit_hash(worker, job);
}

int auth_worker_new(sd_event *event, auth_done_fn done, void *userdata, struct auth_worker **ret,
                    struct error *err)
{
    CLEANUP(auth_worker_freep) struct auth_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    worker->done = done;
    worker->userdata = userdata;
    int r = mailbox_new(event, worker, &worker->box);
    if (r < 0) {
        return error_set(err, r, "setting up the mailbox of the password checks: %s", strerror(-r));
    }
    r = workers_new(worker->box, 1, &worker->workers);
    if (r < 0) {
        return error_set(err, r, "starting the thread that checks passwords: %s", strerror(-r));
    }
    *ret = TAKE(worker);
    return 0;
}

struct auth_worker *auth_worker_free(struct auth_worker *worker)
{
    if (!worker) {
        return NULL;
    }
    mailbox_close(worker->box);
    worker->workers = workers_free(worker->workers, false);
    worker->box = mailbox_unref(worker->box);
    free(worker);
    return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hashes of passwords and tokens (libxcrypt, yescrypt), which take time and memory on purpose: on
 * one thread of their own, so that the loop goes on serving and no crowd of guesses takes more than
 * one processor. What is asked waits in a queue with an end.
 *
 * All functions and the callback: the loop's thread.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "model/record.h"

#include <systemd/sd-event.h>

struct auth_worker;

enum { auth_queue_max = 32, auth_password_size = 256 };

/* 'hash' is the new one, or "" where that failed; 'is_right' the answer to a check. */
typedef void (*auth_done_fn)(void *userdata, uint64_t id, bool is_right, const char *hash);

int auth_worker_new(sd_event *event, auth_done_fn done, void *userdata, struct auth_worker **ret,
                    struct error *err);

/* Forgets what is under way. Returns NULL; accepts NULL. */
struct auth_worker *auth_worker_free(struct auth_worker *worker);
CLEANUP_POINTER(struct auth_worker, auth_worker_free)

/* Is it the secret of 'hash'? With a NULL hash the answer is no, in the same time. False: the queue
 * is full or memory is out; 'done' does not come. */
bool auth_worker_check(struct auth_worker *worker, uint64_t id, const char *secret,
                       const char *hash);

/* Makes a hash with a salt of its own. */
bool auth_worker_hash(struct auth_worker *worker, uint64_t id, const char *secret);

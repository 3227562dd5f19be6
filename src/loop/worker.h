/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work that may block goes to a pool of threads as a task; what it found comes back to the loop's
 * thread through a mailbox. These are the only two places where threads of ours meet.
 */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"

#include <systemd/sd-event.h>

/*
 * First member of what travels. It belongs to its holder: the caller, then the workers,
 * then the mailbox, then the loop's thread, which calls 'arrive' and then 'release'.
 *
 * A task that never reaches the loop (the workers or the mailbox were closed first) is released
 * without 'arrive', and perhaps on another thread: 'release' must not touch what belongs to the
 * loop.
 */
struct task {
    struct task *next;
    void (*run)(struct task *task);                    /* on a thread of the pool; may block */
    void (*arrive)(void *userdata, struct task *task); /* on the loop's thread */
    void (*release)(struct task *task);                /* on any thread: frees it */
};

/* From any thread to the loop. Counted by references: a thread that hangs keeps it. */
struct mailbox;

/* 'arrive' of what comes gets 'userdata'. -errno. One reference. */
int mailbox_new(sd_event *event, void *userdata, struct mailbox **ret);
struct mailbox *mailbox_ref(struct mailbox *box);
struct mailbox *mailbox_unref(struct mailbox *box); /* returns NULL; accepts NULL */

/* Any thread. Releases 'task' at once if the mailbox is closed. */
void mailbox_post(struct mailbox *box, struct task *task);

/* The loop's thread, not from 'arrive'. Nothing arrives any more; what is there is released.
 * NULL is accepted. */
void mailbox_close(struct mailbox *box);

struct workers;

/* 'threads' threads (1 to 64) that post into 'box', which is referenced. They block all signals:
 * those are for the loop's thread. -errno. */
int workers_new(struct mailbox *box, unsigned threads, struct workers **ret);

/* Queues 'task'. The loop's thread. */
void workers_submit(struct workers *workers, struct task *task);

/* Releases what has not begun (if 'is_drained', only after it was run) and ends the threads. Waits
 * a second at most; a thread that hangs is left behind. Returns NULL; accepts NULL. */
struct workers *workers_free(struct workers *workers, bool is_drained);

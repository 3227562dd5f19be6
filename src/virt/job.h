/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work that may block goes to a pool of threads as a job; what it found comes back to the loop
 * thread through a mailbox. The only two places where threads meet. Inside of src/virt only.
 */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"

struct virt;

/* First member of what travels. Belongs to whoever has it in hand: the caller, then the pool, then
 * the mailbox, then the loop thread, which calls 'arrive' and then 'release'. */
struct job {
    struct job *next;
    void (*run)(struct job *job);                       /* on a thread of the pool; may block */
    void (*arrive)(struct virt *virt, struct job *job); /* on the loop thread */
    void (*release)(struct job *job);                   /* on any thread: frees it */
};

/* From any thread to the loop. Counted by references: a thread that hangs keeps it. */
struct mailbox;

struct mailbox *virt_mailbox_new(void); /* NULL: errno says why */
struct mailbox *virt_mailbox_ref(struct mailbox *box);
void virt_mailbox_unref(struct mailbox *box);

int virt_mailbox_fd(const struct mailbox *box); /* readable while there is something; lent */

/* Any thread. Releases 'job' at once if the mailbox is closed. */
void virt_mailbox_post(struct mailbox *box, struct job *job);

/* All jobs so far, oldest first, linked by 'next'; NULL: none. Loop thread. */
struct job *virt_mailbox_take(struct mailbox *box);

/* Takes nothing more from now on; what is in it is released. */
void virt_mailbox_close(struct mailbox *box);

struct pool;

/* 'threads' threads that post into 'box'. NULL: errno says why. */
struct pool *virt_pool_new(struct mailbox *box, unsigned threads);

/* Queues 'job'. */
void virt_pool_submit(struct pool *pool, struct job *job);

/* Releases what has not begun, if 'is_drained' only after it was run, and ends the threads. Waits
 * a second at most; a thread that hangs is left behind. NULL is accepted. */
void virt_pool_free(struct pool *pool, bool is_drained);

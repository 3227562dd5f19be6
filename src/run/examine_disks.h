/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Are the disks of VMs here? On a thread of its own: storage that hangs holds up nobody. */
#pragma once

#include "base/vec.h"
#include "model/record.h"

struct disk_job;
typedef VEC(struct node_check) node_checks_t;

/* NULL without memory or thread. */
struct disk_job *disk_job_new(void);

/* Adds a VM; before disk_job_start(). Takes a reference of 'spec' until disk_job_free(). False
 * without memory. */
bool disk_job_add(struct disk_job *job, struct record *spec);

/* Begins; -errno without a thread. */
int disk_job_start(struct disk_job *job);
bool disk_job_is_done(const struct disk_job *job);

/* Adds what was found, when it is done; while it is not, that the storage hangs. */
void disk_job_tell(const struct disk_job *job, node_checks_t *ret);

/* The loop's thread, as everything here. A job that hangs is left behind with what it holds.
 * Returns NULL; accepts NULL. */
struct disk_job *disk_job_free(struct disk_job *job);

/* Runs 'run' on a thread of its own that nobody waits for; -errno. */
int examine_thread(void *(*run)(void *), void *argument);

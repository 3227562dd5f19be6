/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has this host's own disk room for what libvirt writes when it starts a VM? On a thread of its
 * own: a disk that hangs holds up nobody. The check's words change only when there is news.
 */
#pragma once

#include "model/record.h"

struct space_job;

/* Begins to look where libvirt writes: full with fewer than 'least_bytes' free. NULL without memory
 * or thread. */
struct space_job *space_job_start(uint64_t least_bytes);
bool space_job_is_done(const struct space_job *job);

/* The check CHECK_SPACE. Of a job that is not done: that the disk hangs. */
void space_job_tell(const struct space_job *job, struct node_check *ret);

/* A job that hangs is left behind with what it holds. Returns NULL; accepts NULL. */
struct space_job *space_job_free(struct space_job *job);

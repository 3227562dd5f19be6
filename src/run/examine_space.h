/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Has this host's own disk room for what libvirt writes when it starts a VM? On a worker's thread:
 * a disk that hangs holds up no one. The check's words change only when there is news.
 */
#pragma once

#include "loop/worker.h"
#include "model/record.h"

/* A task that looks where libvirt writes: full with fewer than 'least_bytes' free. 'arrive' as in
 * struct task. */
struct task *space_look_new(uint64_t least_bytes,
                            void (*arrive)(void *userdata, struct task *look));

/* The check CHECK_SPACE of a look that has arrived; NULL: of one that has not, so the disk hangs.
 */
void space_look_tell(const struct task *look, struct node_check *ret);

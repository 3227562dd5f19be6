/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the store accepts this host: the time of the certificate in berth.conf. On a worker's
 * thread: a disk that hangs holds up no one. The check's words change with the days that are left.
 */
#pragma once

#include "base/error.h"
#include "loop/worker.h"
#include "model/record.h"

#define CHECK_CERTIFICATE "certificate"

/* Start with {0} and the paths, which are lent. */
struct certificate_watch {
    const char *certificate, *key; /* NULL, "": there is none */
    bool is_looking;
    struct node_check check; /* what was found last; name "": nothing yet */
};

/* The text of a file, the caller's (free()), cut if it is absurdly long. Blocks. */
int certificate_read(const char *path, char **ret, struct error *err);

/* Looks again, unless that is being done. The check is there once 'is_looking' is false; 'watch'
 * must live until the mailbox of 'workers' is closed. */
void certificate_watch_look(struct certificate_watch *watch, struct workers *workers);

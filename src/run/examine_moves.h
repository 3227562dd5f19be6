/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether running VMs can come to this host by its migration_address, as far as certificates go:
 * those that libvirt and QEMU use by themselves. Where a URI or qemu.conf names others, they are an
 * administrator's, and not looked at. On a worker's thread. It is advice: without them VMs move by
 * a stop. A failure is that libvirt trusts the authority of the store, wherever VMs come.
 */
#pragma once

#include "loop/worker.h"
#include "model/record.h"

#define CHECK_MOVES "move-certificates"

/* Start with {0} and the texts, which are lent. */
struct moves_watch {
    const char *address; /* migration_address; NULL, "": none come here */
    const char *root;    /* the files are below it; NULL, "": this host's own */
    bool is_looking;
    struct node_check check; /* what was found last; name "": nothing yet, or nothing to look at */
};

/* As certificate_watch_look(). */
void moves_watch_look(struct moves_watch *watch, struct workers *workers);

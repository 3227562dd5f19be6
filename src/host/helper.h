/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child process in which everything happens that may block in the kernel: writes that bind,
 * unbind or partition a card, and reads that wait for a driver's lock. A thread that blocks there
 * cannot be killed, so a berthd with such a thread could neither end nor be restarted; a child is
 * left behind.
 *
 * The child is a program of its own, berth-host, since berthd loads some sixty libraries, which
 * takes a slow host a second; or the same program again. Either is opened when the host is opened,
 * so both sides are always of one version. The child holds a lock on its card for as long as it
 * exists, even if that is for ever: by that lock a later berthd knows that an operation of an
 * earlier one still hangs.
 */
#pragma once

#include "host/inventory.h"

/* A program that uses host.h without a 'helper' calls host_helper_main() first thing if this is its
 * only argument. */
#define HOST_HELPER_ARGUMENT "--host-helper"

/* Does what standard input orders and says on standard output what came of it. Returns the
 * program's exit code. 'kernel' as in struct host_config. */
int host_helper_main(struct host_kernel kernel);

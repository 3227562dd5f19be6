/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of its own, so that the simulator can take its place: there, one berthd of many dies. */
#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>

void core_out_of_memory(void)
{
    (void)fputs("berth: out of memory; ending, VMs go on and are adopted at restart\n", stderr);
    abort();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The codes that a script can rely on. */
enum {
    EXIT_OK = 0,
    EXIT_REFUSED = 1,     /* the answer is no, or it failed */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_NOT_FOUND = 3,   /* no such node, GPU, pool or VM */
    EXIT_UNREACHABLE = 4, /* berth-api or the store does not answer */
    EXIT_TIMEOUT = 5,     /* it was ordered, and did not come to pass in time */
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one way to run another program: a child process on the event loop. It leads a process group
 * of its own, so that what it starts can be killed with it. It inherits no file beside the standard
 * three: libraries open some without O_CLOEXEC. Nothing here blocks; a child that the kernel does
 * not let go of blocks no one.
 *
 * All functions and the callback: the loop's thread.
 */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"

#include <systemd/sd-event.h>

enum {
    child_input_max = 60 * 1024, /* fits into a pipe that no one has read from yet */
};

struct child_order {
    const char *program; /* absolute path; NULL: what is open as ... */
    int program_fd;
    char *const *arguments; /* with the program's name first; ends with NULL */
    const char *const
        *extra;        /* environment beside PATH and LC_ALL=C; ends with NULL; may be NULL */
    const void *input; /* the whole standard input */
    size_t input_size;
    bool has_socket; /* standard input is 'socket' instead, which stays the caller's */
    int socket;
    size_t output_max; /* what exceeds it, of each output, is read and thrown away */
    msec_t limit_ms;   /* MSEC_NEVER: none */
};

enum child_end {
    CHILD_EXITED, /* 'status' is its exit code */
    CHILD_KILLED, /* 'status' is the signal */
    CHILD_LATE,   /* the limit passed, and it still runs */
};

/* Lent until the child is freed, as what it points to. */
struct child_result {
    enum child_end end;
    int status;
    /* Each with a NUL behind it. */
    const char *output, *errors;
    size_t output_size, errors_size;
    bool is_cut; /* some of either was thrown away, or memory ran out */
};

struct child;

/*
 * Called when the child has ended. With CHILD_LATE it is called at the limit: free the child, which
 * kills it, or wait on; then the callback comes a second time, when it ends. May free the child.
 */
typedef void child_done_fn(void *userdata, const struct child_result *result);

/* Starts it. Everything in 'order' is copied. -E2BIG: the input is too long; -ENOMEM; or why the
 * program cannot be run. */
int child_start(sd_event *event, const struct child_order *order, child_done_fn *done,
                void *userdata, struct child **ret);

pid_t child_pid(const struct child *child);

/* Kills the child's group if it has not ended, and buries it later, whenever the kernel lets go of
 * it. No callback comes afterwards. Returns NULL; accepts NULL. */
struct child *child_free(struct child *child);
CLEANUP_POINTER(struct child, child_free)

/* The same, but lets it go on by itself. */
struct child *child_leave(struct child *child);

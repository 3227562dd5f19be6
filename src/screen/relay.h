/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes in both directions between two ends, on libvirt's event loop: whatever one end does not
 * take, the other is not read for. */
#pragma once

#include "base/error.h"
#include "base/types.h"

#include <sys/types.h>

enum { relay_buffer_size = 32 * 1024 };

/* One end. Nothing here may block. */
struct relay_end {
    /* Up to 'size' bytes; 0: the end of them; -EAGAIN: nothing now; another error: it is broken. */
    ssize_t (*read)(void *userdata, void *to, size_t size);
    /* How many were taken, -EAGAIN or an error. */
    ssize_t (*write)(void *userdata, const void *bytes, size_t size);
    /* From now on relay_move() must be called when it can be read or written. */
    void (*want)(void *userdata, bool is_read, bool is_write);
    void *userdata;
};

struct relay_buffer {
    uint8_t bytes[relay_buffer_size];
    size_t from, to;
    bool has_ended; /* nothing follows */
};

/* Lent for as long as it runs. Start with the ends. */
struct relay {
    struct relay_end ends[2];
    struct relay_buffer buffers[2]; /* what came from the end of the same place */
    bool has_ended;
    int error; /* why, if it did not simply end */
};

/* Moves what can be moved. */
void relay_move(struct relay *relay);

/* Returns when one end has ended, and what it sent last has been taken: 0, or why it broke. */
int relay_run(struct relay *relay);

/* ---- an end that is a descriptor ---- */

/* Wakes its relay. */
struct relay_fd {
    int fd, watch;
    struct relay *relay;
};

/* 'fd' is lent and does not block. -EIO. */
int relay_fd_begin(struct relay_fd *end, int fd, struct relay *relay, struct error *err);
void relay_fd_end(struct relay_fd *end);

/* The functions of an end whose userdata is a 'struct relay_fd'. */
ssize_t relay_fd_read(void *userdata, void *to, size_t size);
ssize_t relay_fd_write(void *userdata, const void *bytes, size_t size);
void relay_fd_want(void *userdata, bool is_read, bool is_write);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "screen/relay.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include <unistd.h>

static void relay_end(struct relay *relay, int error)
{
    relay->has_ended = true;
    relay->error = relay->error ? relay->error : error;
}

static bool fill(struct relay *relay, const struct relay_end *end, struct relay_buffer *buffer)
{
    if (buffer->from < buffer->to || buffer->has_ended) {
        return false;
    }
    ssize_t got = end->read(end->userdata, buffer->bytes, sizeof(buffer->bytes));
    if (got < 0 && got != -EAGAIN) {
        relay_end(relay, (int)got);
    }
    buffer->has_ended = got == 0;
    buffer->from = 0;
    buffer->to = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool drain(struct relay *relay, const struct relay_end *end, struct relay_buffer *buffer)
{
    if (buffer->from == buffer->to) {
        return false;
    }
    ssize_t put =
        end->write(end->userdata, buffer->bytes + buffer->from, buffer->to - buffer->from);
    if (put < 0 && put != -EAGAIN) {
        relay_end(relay, (int)put);
    }
    buffer->from += put > 0 ? (size_t)put : 0;
    return put > 0;
}

void relay_move(struct relay *relay)
{
    bool has_moved = true;
    while (has_moved && !relay->has_ended) {
        has_moved = false;
        for (size_t i = 0; i < 2 && !relay->has_ended; i++) {
            has_moved |= fill(relay, &relay->ends[i], &relay->buffers[i]);
            has_moved |= drain(relay, &relay->ends[1 - i], &relay->buffers[i]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const struct relay_buffer *in = &relay->buffers[i], *out = &relay->buffers[1 - i];
        relay->ends[i].want(relay->ends[i].userdata, in->from == in->to && !in->has_ended,
                            out->from < out->to);
        if (in->has_ended && in->from == in->to) {
            relay_end(relay, 0); /* a screen without one of its directions is none */
        }
    }
}

int relay_run(struct relay *relay)
{
    relay_move(relay);
    while (!relay->has_ended) {
        if (virEventRunDefaultImpl() < 0) {
            return -EIO;
        }
    }
    return relay->error;
}

/* ---- an end that is a descriptor ---- */

static void on_fd(int watch, int fd, int events, void *userdata)
{
    struct relay_fd *end = userdata;
    (void)watch, (void)fd, (void)events;
    relay_move(end->relay);
}

int relay_fd_begin(struct relay_fd *end, int fd, struct relay *relay, struct error *err)
{
    end->fd = fd;
    end->relay = relay;
    end->watch = virEventAddHandle(fd, 0, on_fd, end, NULL);
    return end->watch >= 0 ? 0 : error_set(err, -EIO, "cannot wait for a connection");
}

void relay_fd_end(struct relay_fd *end)
{
    (void)virEventRemoveHandle(end->watch);
}

static ssize_t result_of(ssize_t r)
{
    return r >= 0 ? r : errno == EINTR || errno == EAGAIN ? -EAGAIN : -errno;
}

ssize_t relay_fd_read(void *userdata, void *to, size_t size)
{
    const struct relay_fd *end = userdata;
    return result_of(read(end->fd, to, size));
}

ssize_t relay_fd_write(void *userdata, const void *bytes, size_t size)
{
    const struct relay_fd *end = userdata;
    return result_of(write(end->fd, bytes, size));
}

void relay_fd_want(void *userdata, bool is_read, bool is_write)
{
    const struct relay_fd *end = userdata;
    virEventUpdateHandle(end->watch, (is_read ? VIR_EVENT_HANDLE_READABLE : 0) |
                                         (is_write ? VIR_EVENT_HANDLE_WRITABLE : 0));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both sides do. */
#include "screen/internal.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
    idle_s = 30, /* then the other host is asked whether it is still there */
    idle_pause_s = 10,
    idle_tries = 3,
};

int screen_loop_begin(struct error *err)
{
    return virInitialize() == 0 && virEventRegisterDefaultImpl() == 0
               ? 0
               : error_set(err, -EIO, "libvirt does not start");
}

static ssize_t channel_end_read(void *userdata, void *to, size_t size)
{
    const struct screen_channel_end *end = userdata;
    return channel_read(end->channel, to, size);
}

static ssize_t channel_end_write(void *userdata, const void *bytes, size_t size)
{
    const struct screen_channel_end *end = userdata;
    return channel_write(end->channel, bytes, size);
}

static void channel_end_want(void *userdata, bool is_read, bool is_write)
{
    struct screen_channel_end *end = userdata;
    relay_fd_want(&end->fd, is_read, is_write);
}

/* A host that lost its power says nothing: the session ends within a minute or so. */
static void watch_peer(int fd)
{
    const int on = 1, idle = idle_s, pause = idle_pause_s, tries = idle_tries;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof(pause));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int screen_channel_begin(struct screen_channel_end *end, struct channel *channel,
                         struct relay *relay, struct relay_end *ret, struct error *err)
{
    int fd = channel_begin_bytes(channel);
    watch_peer(fd);
    end->channel = channel;
    *ret = (struct relay_end){channel_end_read, channel_end_write, channel_end_want, end};
    return relay_fd_begin(&end->fd, fd, relay, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl's sockets on the loop. What the loop watches is a copy of each, for two reasons. curl 7.88
 * closes a socket that did not get connected before it says so (lib/cf-socket.c,
 * cf_socket_close()), so the number that it then wants no longer watched may be another socket's
 * already. And epoll watches an open file, not a number: as long as a child process has the file
 * open, too, epoll reports it for a source that was freed, and sd-event aborts. A copy is taken out
 * of epoll before it is closed, always. For the same reason no child inherits a socket of curl's.
 */
#include "etcd/internal.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct watched_socket {
    struct watched_socket *next;
    struct etcd *etcd;
    int fd; /* curl's */
    int copy;
    sd_event_source *source;
};

static struct watched_socket *socket_free(struct watched_socket *watched)
{
    if (watched) {
        sd_event_source_disable_unref(watched->source);
        closep(&watched->copy);
        free(watched);
    }
    return NULL;
}
CLEANUP_POINTER(struct watched_socket, socket_free)

static struct watched_socket **socket_find(struct etcd *etcd, int fd)
{
    struct watched_socket **place = &etcd->sockets;
    while (*place && (*place)->fd != fd) {
        place = &(*place)->next;
    }
    return place;
}

static void socket_forget(struct etcd *etcd, int fd)
{
    struct watched_socket **place = socket_find(etcd, fd);
    struct watched_socket *watched = *place;
    if (watched) {
        *place = watched->next;
        (void)socket_free(watched);
    }
}

static int on_socket(sd_event_source *source, int copy, uint32_t revents, void *userdata)
{
    const struct watched_socket *watched = userdata;
    (void)source, (void)copy;
    int events = ((revents & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
                 ((revents & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
                 ((revents & EPOLLERR) ? CURL_CSELECT_ERR : 0);
    transport_act(watched->etcd, watched->fd, events); /* may free it */
    return 0;
}

static int socket_watch(struct etcd *etcd, int fd, uint32_t events)
{
    CLEANUP(socket_freep) struct watched_socket *watched = calloc(1, sizeof(*watched));
    if (!watched) {
        return -1;
    }
    watched->etcd = etcd;
    watched->fd = fd;
    watched->copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (watched->copy < 0 || sd_event_add_io(etcd->event, &watched->source, watched->copy, events,
                                             on_socket, watched) < 0) {
        return -1;
    }
    (void)sd_event_source_set_description(watched->source, "etcd-socket");
    watched->next = etcd->sockets;
    etcd->sockets = TAKE(watched);
    return 0;
}

int socket_want(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
    struct etcd *etcd = userdata;
    (void)easy, (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        socket_forget(etcd, fd);
        return 0;
    }
    uint32_t events = ((what & CURL_POLL_IN) ? (uint32_t)EPOLLIN : 0U) |
                      ((what & CURL_POLL_OUT) ? (uint32_t)EPOLLOUT : 0U);
    struct watched_socket *watched = *socket_find(etcd, fd);
    if (watched) {
        return sd_event_source_set_io_events(watched->source, events) < 0 ? -1 : 0;
    }
    return socket_watch(etcd, fd, events);
}

curl_socket_t socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0) {
        socket_forget(userdata, fd); /* one of the same number, closed without a word */
    }
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

void sockets_done(struct etcd *etcd)
{
    while (etcd->sockets) {
        socket_forget(etcd, etcd->sockets->fd);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two hosts that have the same token find each other. */
#include "setup/internal.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { port_pause_ms = 100 };

int setup_channel_listen(const char *address, unsigned port, int *ret_fd, struct error *err)
{
    struct addrinfo *info;
    int r = channel_resolve(address, port, true, &info, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(closep) int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    bool is_open = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                   bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, 16) == 0;
    freeaddrinfo(info);
    if (!is_open) {
        return error_set(err, -errno, "cannot listen at %s port %u: %s", address, port,
                         strerror(errno));
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int setup_channel_accept(const struct setup *setup, int fd, const char *secret, msec_t limit_ms,
                         struct channel **ret, struct error *err)
{
    for (msec_t end_ms = clock_monotonic_ms() + limit_ms, left_ms;
         (left_ms = end_ms - clock_monotonic_ms()) > 0;) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof(from);
        char name[setup_address_size] = "?";
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, (int)MIN(left_ms, 60 * 1000)) <= 0) {
            continue;
        }
        int peer = accept4(fd, (void *)&from, &size, SOCK_CLOEXEC);
        if (peer < 0) {
            continue;
        }
        (void)getnameinfo((void *)&from, size, name, sizeof(name), NULL, 0, NI_NUMERICHOST);
        if (channel_greet(peer, secret, true, ret, NULL) == 0) {
            setup_say(setup, "%s has the token", name);
            return 0;
        }
        setup_say(setup, "%s was refused: it does not have the token", name);
    }
    return error_set(err, -ETIME, "the token has expired: no host joined");
}

int setup_wait_port(const char *address, unsigned port, msec_t limit_ms, struct error *err)
{
    struct retry retry = retry_begin(limit_ms, port_pause_ms);
    int r;
    do {
        CLEANUP(closep) int fd = -1;
        r = channel_reach(address, port, &fd, err);
    } while (r < 0 && retry_wait(&retry));
    return r;
}

int setup_channel_connect(const char *address, unsigned port, const char *secret,
                          struct channel **ret, struct error *err)
{
    int fd = -1;
    struct error inner;
    int r = channel_reach(address, port, &fd, err);
    if (r < 0) {
        return error_set(err, r,
                         "cannot reach %s port %u (%s). Is \"berth cluster token\" still running "
                         "there, and does the firewall let this host in? A token works once",
                         address, port, strerror(-r));
    }
    r = channel_greet(fd, secret, false, ret, &inner);
    return r == 0
               ? 0
               : error_set(err, -EACCES,
                           "%s does not accept this token (%s). Copy it again, or make a new one "
                           "there with \"berth cluster token\"",
                           address, inner.text);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/live/proxy.h"

#include "test/test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct proxy_pair {
    struct proxy *proxy;
    struct proxy_pair *next;
    int client, server;
    sd_event_source *client_source, *server_source;
};

static void pair_close(struct proxy_pair *pair)
{
    struct proxy_pair **place = &pair->proxy->pairs;
    while (*place != pair) {
        place = &(*place)->next;
    }
    *place = pair->next;
    sd_event_source_disable_unref(pair->client_source);
    sd_event_source_disable_unref(pair->server_source);
    (void)close(pair->client);
    (void)close(pair->server);
    free(pair);
}

static int on_bytes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct proxy_pair *pair = userdata;
    enum proxy_mode mode = pair->proxy->mode;
    char bytes[65536];
    (void)revents;
    if (mode == PROXY_SILENT) {
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    ssize_t size = read(fd, bytes, sizeof(bytes));
    bool is_lost = fd == pair->server && mode == PROXY_EAT_REPLY;
    int to = fd == pair->server ? pair->client : pair->server;
    /* Blocking: what tests send is small. */
    if (size <= 0 || is_lost || send(to, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
        pair_close(pair);
    }
    return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct proxy *proxy = userdata;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)proxy->target_port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)source;
    (void)revents;
    struct proxy_pair *pair = calloc(1, sizeof(*pair));
    REQUIRE(pair);
    pair->proxy = proxy;
    pair->client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    pair->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(pair->client >= 0 && pair->server >= 0);
    pair->next = proxy->pairs;
    proxy->pairs = pair;
    proxy->accepted++;
    if (connect(pair->server, (struct sockaddr *)&address, sizeof(address)) < 0) {
        pair_close(pair);
        return 0;
    }
    REQUIRE(sd_event_add_io(proxy->event, &pair->client_source, pair->client, EPOLLIN, on_bytes,
                            pair) >= 0);
    REQUIRE(sd_event_add_io(proxy->event, &pair->server_source, pair->server, EPOLLIN, on_bytes,
                            pair) >= 0);
    return 0;
}

void proxy_start(struct proxy *proxy, sd_event *event, int target_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    *proxy = (struct proxy){.event = event, .target_port = target_port};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 16) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    REQUIRE(sd_event_add_io(event, &proxy->listener, fd, EPOLLIN, on_client, proxy) >= 0);
    (void)sd_event_source_set_io_fd_own(proxy->listener, true);
    proxy->port = ntohs(address.sin_port);
    (void)snprintf(proxy->url, sizeof(proxy->url), "http://127.0.0.1:%d", proxy->port);
}

void proxy_cut(struct proxy *proxy)
{
    while (proxy->pairs) {
        pair_close(proxy->pairs);
    }
}

void proxy_stop(struct proxy *proxy)
{
    proxy_cut(proxy);
    sd_event_source_disable_unref(proxy->listener);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/internal.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
    sweep_us = 1000 * 1000, /* looked at so often: a limit is met that much late at most */
};

struct http_connection {
    struct http_connection *next, *previous;
    int fd;
    bool is_known;             /* vouched for */
    bool is_cut;               /* its end is under way */
    unsigned char whole[16];   /* IPv4 mapped; 0: a Unix socket */
    unsigned char address[16]; /* the same; IPv6 without its last 64 bits */
    uint64_t until_us;         /* UINT64_MAX: it owes nothing */
};

static uint64_t moment(const struct http_patience *patience, unsigned limit_s)
{
    uint64_t now_us = 0;
    (void)sd_event_now(patience->event, CLOCK_MONOTONIC, &now_us);
    return limit_s > 0 ? now_us + (uint64_t)limit_s * 1000000 : UINT64_MAX;
}

static void cut(struct http_connection *connection)
{
    connection->until_us = UINT64_MAX;
    connection->is_cut = true;
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/* libmicrohttpd sees the end of the connection and does the rest. */
static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct http_patience *patience = userdata;
    for (struct http_connection *each = patience->first; each; each = each->next) {
        if (each->until_us <= usec) {
            cut(each);
        }
    }
    (void)sd_event_source_set_time_relative(source, sweep_us);
    return sd_event_source_set_enabled(source, patience->first ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int patience_start(struct http_patience *patience, sd_event *event)
{
    patience->event = event;
    return sd_event_add_time_relative(event, &patience->timer, CLOCK_MONOTONIC, sweep_us, 0,
                                      on_sweep, patience);
}

void patience_done(struct http_patience *patience)
{
    sd_event_source_disable_unref(patience->timer);
    patience->timer = NULL;
}

static struct http_connection *connection_find(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void read_address(struct MHD_Connection *connection, unsigned char ret_whole[16],
                         unsigned char ret[16])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info ? info->client_addr : NULL;
    memset(ret, 0, 16);
    memset(ret_whole, 0, 16);
    if (from && from->sa_family == AF_INET6) {
        const struct in6_addr *address =
            &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        memcpy(ret_whole, address->s6_addr, 16);
        memcpy(ret, address->s6_addr, IN6_IS_ADDR_V4MAPPED(address) ? 16 : 8);
    } else if (from && from->sa_family == AF_INET) {
        ret[10] = ret[11] = 0xff;
        memcpy(ret + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
        memcpy(ret_whole, ret, 16);
    }
}

/* Cuts off the oldest stranger, of 'address' or (NULL) of any, if there are more than 'max'
 * connections of that kind. The list begins with the newest. */
static void make_room(struct http_patience *patience, const unsigned char *address, unsigned max)
{
    struct http_connection *oldest = NULL;
    unsigned len = 0;
    for (struct http_connection *each = patience->first; each; each = each->next) {
        if (!each->is_cut && (!address || memcmp(each->address, address, 16) == 0)) {
            len++;
            oldest = each->is_known ? oldest : each;
        }
    }
    if (max > 0 && len > max && oldest) {
        cut(oldest);
    }
}

void patience_add(struct http_patience *patience, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *made = info ? calloc(1, sizeof(*made)) : NULL;
    *context = made;
    if (!made) {
        return; /* without memory: libmicrohttpd's own time-out is left */
    }
    made->fd = info->connect_fd;
    read_address(connection, made->whole, made->address);
    made->until_us = moment(patience, patience->header_limit_s > 0 ? patience->header_limit_s
                                                                   : patience->request_limit_s);
    made->next = patience->first;
    if (patience->first) {
        patience->first->previous = made;
    }
    patience->first = made;
    if (!network_holds(patience->proxies, patience->proxy_len, made->whole)) {
        make_room(patience, made->address, patience->per_address_max);
    }
    make_room(patience, NULL, patience->strangers_max);
    int enabled;
    if (sd_event_source_get_enabled(patience->timer, &enabled) == 0) {
        (void)sd_event_source_set_time_relative(patience->timer, sweep_us);
        (void)sd_event_source_set_enabled(patience->timer, SD_EVENT_ONESHOT);
    }
}

void patience_remove(struct http_patience *patience, void **context)
{
    struct http_connection *gone = *context;
    if (!gone) {
        return;
    }
    if (gone->next) {
        gone->next->previous = gone->previous;
    }
    *(gone->previous ? &gone->previous->next : &patience->first) = gone->next;
    free(gone);
    *context = NULL;
}

void patience_begin(struct http_patience *patience, struct MHD_Connection *connection,
                    enum patience_for what)
{
    struct http_connection *found = connection_find(connection);
    if (found) {
        bool is_header = what == PATIENCE_HEADER && patience->header_limit_s > 0;
        found->until_us = moment(patience, is_header                 ? patience->header_limit_s
                                           : what == PATIENCE_ANSWER ? patience->answer_limit_s
                                                                     : patience->request_limit_s);
    }
}

void patience_vouch(struct MHD_Connection *connection)
{
    struct http_connection *found = connection_find(connection);
    if (found) {
        found->is_known = true;
    }
}

void patience_end(struct http_patience *patience, struct MHD_Connection *connection)
{
    struct http_connection *found = connection_find(connection);
    (void)patience;
    if (found) {
        found->until_us = UINT64_MAX;
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that have no end: what is sent is kept until the client takes it, and its connection
 * sleeps while there is nothing. */
#include "http/internal.h"

#include <assert.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    /* What a slow reader may be behind. */
    backlog_max = 1024 * 1024,
    block_size = 16 * 1024,
};

/* libmicrohttpd wants more of a stream. Nothing there: the connection sleeps until there is. */
static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t size_max)
{
    struct http_exchange *exchange = cls;
    size_t size = MIN(exchange->out.size - exchange->out_sent, size_max);
    (void)position;
    if (exchange->has_left) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (size == 0) {
        if (exchange->has_ended || exchange->out.failed) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        exchange_suspend(exchange);
        return 0;
    }
    memcpy(to, exchange->out.data + exchange->out_sent, size);
    exchange->out_sent += size;
    if (exchange->out_sent == exchange->out.size) {
        exchange->out_sent = 0;
        buf_clear(&exchange->out);
    }
    return (ssize_t)size;
}

static int on_left(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct http_exchange *exchange = userdata;
    (void)fd, (void)events;
    exchange->has_left = true;
    exchange_resume(exchange);
    return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* libmicrohttpd does not look at a suspended connection: that the client of a quiet stream has gone
 * would show only with the next bytes for it, and until then it counts as one that follows. */
static void watch_leaving(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info) {
        (void)sd_event_add_io(sd_event_source_get_event(exchange->server->kick), &exchange->leaving,
                              info->connect_fd, EPOLLRDHUP, on_left, exchange);
    }
}

void http_stream_begin(struct http_exchange *exchange, const char *content_type)
{
    exchange->is_stream = true;
    watch_leaving(exchange);
    exchange_answer(exchange, MHD_HTTP_OK,
                    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block_size, read_stream,
                                                      exchange, NULL),
                    content_type, NULL);
}

bool http_stream_send(struct http_exchange *exchange, const void *bytes, size_t size)
{
    assert(exchange->is_stream);
    if (exchange->out.size - exchange->out_sent + size > backlog_max) {
        exchange->has_ended = true;
    } else {
        buf_add(&exchange->out, bytes, size);
    }
    exchange_resume(exchange);
    return !exchange->has_ended && !exchange->out.failed;
}

void http_stream_end(struct http_exchange *exchange)
{
    assert(exchange->is_stream);
    exchange->has_ended = true;
    exchange_resume(exchange);
}

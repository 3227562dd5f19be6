/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-api's side: a WebSocket at one end, the VM's host at the other. */
#include "screen/internal.h"

#include "base/buf.h"
#include "base/parse.h"
#include "wire/websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    open_limit_ms = 15000, /* of the other host: libvirt may be busy */
    close_limit_ms = 2000,
    backlog_max = 64 * 1024, /* of answers to pings that no one reads */
    ping_ms = 30 * 1000,
    silent_max = 3, /* pings without an answer: the browser is gone */
};

struct web_end {
    struct relay_fd fd;
    struct websocket in;
    struct buf out; /* from 'out_sent' on not yet taken */
    size_t out_sent;
    unsigned silent;
    bool is_over; /* nothing more is read: 'over' is why, 0: it closed */
    int over;
};

/* ---- what goes to the browser ---- */

static int flush(struct web_end *end)
{
    while (end->out_sent < end->out.size) {
        ssize_t put =
            relay_fd_write(&end->fd, end->out.data + end->out_sent, end->out.size - end->out_sent);
        if (put < 0) {
            return (int)put;
        }
        end->out_sent += (size_t)put;
    }
    end->out_sent = 0;
    buf_clear(&end->out);
    return end->out.failed ? -ENOMEM : 0;
}

static void add_frame(struct web_end *end, enum websocket_opcode opcode, const void *payload,
                      size_t size)
{
    uint8_t header[websocket_header_max];
    buf_add(&end->out, header, websocket_header(opcode, size, NULL, header));
    buf_add(&end->out, payload, size);
}

static ssize_t web_write(void *userdata, const void *bytes, size_t size)
{
    struct web_end *end = userdata;
    int r = flush(end);
    if (r < 0) {
        return r;
    }
    add_frame(end, WEBSOCKET_BINARY, bytes, size);
    r = flush(end);
    return r < 0 && r != -EAGAIN ? r : (ssize_t)size;
}

static void web_want(void *userdata, bool is_read, bool is_write)
{
    struct web_end *end = userdata;
    /* The relay writes only while it has bytes; what waits here may be the last for long. */
    int r = flush(end);
    relay_fd_want(&end->fd, is_read, is_write || r == -EAGAIN);
}

/* ---- what comes from it ---- */

/* 0: it closes. */
static int answer_control(struct web_end *end, enum websocket_opcode opcode)
{
    if (opcode == WEBSOCKET_PING && end->out.size < backlog_max) {
        add_frame(end, WEBSOCKET_PONG, end->in.control, end->in.control_size);
        int r = flush(end);
        return r < 0 && r != -EAGAIN ? r : 1;
    }
    return opcode != WEBSOCKET_CLOSE;
}

/* What came before the end counts, also if it came at once with it. */
static ssize_t web_read(void *userdata, void *to, size_t size)
{
    struct web_end *end = userdata;
    uint8_t raw[8192];
    size_t total = 0;
    while (total == 0 && !end->is_over) {
        ssize_t got = relay_fd_read(&end->fd, raw, MIN(size, sizeof(raw)));
        if (got <= 0) {
            return got;
        }
        end->silent = 0;
        for (size_t at = 0; at < (size_t)got && !end->is_over;) {
            size_t put = 0, used = 0;
            enum websocket_opcode control;
            int r = websocket_read(&end->in, raw + at, (size_t)got - at, (uint8_t *)to + total,
                                   &put, &used, &control, NULL);
            end->over = r < 0 ? r : control ? answer_control(end, control) : 1;
            end->is_over = end->over <= 0;
            total += put;
            at += used;
        }
    }
    return total > 0 ? (ssize_t)total : end->over;
}

static void on_ping(int timer, void *userdata)
{
    struct web_end *end = userdata;
    (void)timer;
    if (end->silent++ == silent_max) {
        end->fd.relay->has_ended = true;
        return;
    }
    add_frame(end, WEBSOCKET_PING, NULL, 0);
    (void)flush(end);
    relay_move(end->fd.relay);
}

/* The last it hears. */
static void web_close(struct web_end *end, unsigned status, const char *reason)
{
    uint8_t payload[websocket_control_max];
    struct pollfd wait = {.fd = end->fd.fd, .events = POLLOUT};
    add_frame(end, WEBSOCKET_CLOSE, payload, websocket_close_make(status, reason, payload));
    while (flush(end) == -EAGAIN && poll(&wait, 1, close_limit_ms) > 0) {
    }
    buf_done(&end->out);
}

/* ---- one session ---- */

/* "node1", "10.0.0.1:8645", "[fd00::1]:8645" */
static int parse_address(const char *text, char *ret_host, size_t size, unsigned *ret_port,
                         struct error *err)
{
    bool has_bracket = text[0] == '[';
    size_t len = strcspn(text + has_bracket, has_bracket ? "]" : ":");
    const char *rest = text + has_bracket + len;
    int64_t port = screen_port;
    rest += has_bracket && *rest == ']';
    if (len == 0 || len >= size || (*rest == ':' ? !parse_i64(rest + 1, 1, 65535, &port) : *rest)) {
        return error_set(err, -EINVAL, "screen_address \"%s\" is no address", text);
    }
    (void)snprintf(ret_host, size, "%.*s", (int)len, text + has_bracket);
    *ret_port = (unsigned)port;
    return 0;
}

static int connect_host(const struct screen_view *view, struct channel **ret, struct error *err)
{
    char host[256];
    unsigned port = screen_port;
    int fd = -1;
    int r = parse_address(view->address, host, sizeof(host), &port, err);
    if (r < 0) {
        return r;
    }
    if (channel_reach(host, port, &fd, err) < 0) {
        return error_wrap(err, "berth-screen on the VM's host does not answer (%s)", view->address);
    }
    if (channel_greet(fd, view->secret, false, ret, err) < 0) {
        return error_wrap(err, "the VM's host does not trust this one");
    }
    return 0;
}

static int ask_host(struct channel *channel, const struct screen_view *view, struct error *err)
{
    CLEANUP(screen_json_done) json_t *answer = NULL;
    int r = channel_send(
        channel,
        json_pack("{s:s, s:s, s:s}", "kind", view->kind, "vm", view->vm, "actor", view->actor),
        err);
    r = r < 0 ? r : channel_receive(channel, open_limit_ms, &answer, err);
    const char *refused = json_string_value(json_object_get(answer, "error"));
    return r < 0 ? r : refused ? error_set(err, -ENOENT, "%s", refused) : 0;
}

static int view_until_end(struct web_end *web, struct channel *channel, struct relay *relay,
                          struct error *err)
{
    struct screen_channel_end host;
    relay->ends[0] = (struct relay_end){web_read, web_write, web_want, web};
    int r = screen_loop_begin(err);
    r = r < 0 ? r : relay_fd_begin(&web->fd, web->fd.fd, relay, err);
    r = r < 0 ? r : screen_channel_begin(&host, channel, relay, &relay->ends[1], err);
    if (r < 0) {
        return r;
    }
    if (virEventAddTimeout(ping_ms, on_ping, web, NULL) < 0) {
        return error_set(err, -EIO, "cannot wait for a time");
    }
    r = relay_run(relay);
    return r == -EBADMSG ? error_set(err, r, "this is no WebSocket")
           : r < 0       ? error_set(err, r, "the connection to the VM's host was lost")
                         : 0;
}

int screen_view(const struct screen_view *view)
{
    CLEANUP(channel_freep) struct channel *channel = NULL;
    CLEANUP(freep) struct relay *relay = calloc(1, sizeof(*relay));
    struct web_end web = {.in.is_server = true, .fd.fd = view->fd};
    struct error err = {0};
    (void)fcntl(view->fd, F_SETFL, fcntl(view->fd, F_GETFL) | O_NONBLOCK);
    int r = relay ? 0 : error_set(&err, -ENOMEM, "out of memory");
    r = r < 0 ? r : connect_host(view, &channel, &err);
    r = r < 0 ? r : ask_host(channel, view, &err);
    r = r < 0 ? r : view_until_end(&web, channel, relay, &err);
    unsigned status = r == 0          ? WEBSOCKET_STATUS_NORMAL
                      : r == -EBADMSG ? WEBSOCKET_STATUS_PROTOCOL
                                      : WEBSOCKET_STATUS_FAILED;
    web_close(&web, status, r < 0 ? err.text : "");
    (void)close(view->fd);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stranger sends to the HTTP server, in this process and over a Unix socket. Whatever it is,
 * a handler sees only whole requests that no other server would read differently, and the server
 * serves the next client. */
#include "test/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "http/http.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { body_size_max = 512, turns_max = 200 };

struct stage {
    sd_event *event;
    struct http_server *server;
    struct sockaddr_un address;
    socklen_t address_size;
    unsigned requests;
};

static void on_request(void *userdata, struct http_exchange *exchange,
                       const struct http_request *request)
{
    static const struct http_answer answer = {
        .status = 200, .content_type = "text/plain", .body = "ok", .body_size = 2};
    struct stage *stage = userdata;
    stage->requests++;
    assert(request->method && request->target && strlen(request->address) < http_address_size);
    assert(request->is_too_large ? !request->body : request->body_size <= body_size_max);
    for (size_t i = 0; i < request->body_size && request->body; i++) {
        (void)((const volatile char *)request->body)[i]; /* all of it is there */
    }
    http_reply(exchange, &answer);
}

static void on_closed(void *userdata, struct http_exchange *exchange)
{
    (void)userdata, (void)exchange;
}

static void begin(struct stage *stage)
{
    static const struct http_handler handler = {.request = on_request, .closed = on_closed};
    struct http_config config = {
        .body_size_max = body_size_max, .connections_max = 8, .timeout_s = 5};
    struct error err;
    stage->address.sun_family = AF_UNIX;
    stage->address_size = sizeof(stage->address);
    config.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int r = bind(config.listen_fd, (void *)&stage->address, sizeof(sa_family_t)); /* a free name */
    assert(r == 0 && listen(config.listen_fd, 8) == 0);
    r = getsockname(config.listen_fd, (void *)&stage->address, &stage->address_size);
    assert(r == 0 && sd_event_new(&stage->event) == 0);
    r = http_new(stage->event, &config, &handler, stage, &stage->server, &err);
    assert(r == 0);
}

static void serve(struct stage *stage)
{
    for (unsigned turns = 0; turns < turns_max && sd_event_run(stage->event, 0) > 0; turns++) {
    }
}

/* Sends it and ends; the beginning of the answer. */
static size_t send_all(struct stage *stage, const void *bytes, size_t size, char *ret,
                       size_t ret_size)
{
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(fd, (void *)&stage->address, stage->address_size);
    assert(r == 0);
    (void)send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    serve(stage);
    ssize_t got = recv(fd, ret, ret_size, MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char good[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static struct stage stage;
    char answer[256];
    if (!stage.server) {
        begin(&stage);
    }
    size_t len = send_all(&stage, bytes, size, answer, sizeof(answer));
    assert(len == 0 || (len >= 9 && memcmp(answer, "HTTP/1.", 7) == 0));
    serve(&stage);
    unsigned before = stage.requests;
    len = send_all(&stage, good, sizeof(good) - 1, answer, sizeof(answer));
    assert(stage.requests == before + 1 && len > 12 && memcmp(answer + 9, "200", 3) == 0);
    serve(&stage);
    return 0;
}

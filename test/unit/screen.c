/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-api's side of a screen in a process of its own, as it runs; the test is both its ends. */
#include "http/channel.h"
#include "screen/screen.h"
#include "test/test.h"
#include "wire/websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    patience_ms = 20 * 1000,
    quiet_ms = 200,
    pings = 5000, /* more than sockets hold of their answers */
};

static const char secret[] = "0123456789abcdef";

struct session {
    int web;
    pid_t pid;
    struct channel *host;
    struct websocket in;
};

static int listen_here(char *ret_address, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (void *)&at, len) == 0 && listen(fd, 1) == 0 &&
            getsockname(fd, (void *)&at, &len) == 0);
    (void)snprintf(ret_address, size, "127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void begin(struct session *session)
{
    char address[40];
    int pair[2];
    struct error err = {0};
    json_t *asked = NULL;
    (void)signal(SIGPIPE, SIG_IGN); /* as berth-screen */
    int listener = listen_here(address, sizeof(address));
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    *session = (struct session){.web = pair[0], .pid = fork()};
    REQUIRE(session->pid >= 0);
    if (session->pid == 0) {
        const struct screen_view view = {.fd = pair[1],
                                         .address = address,
                                         .secret = secret,
                                         .kind = "console",
                                         .vm = "t",
                                         .actor = "someone"};
        (void)close(pair[0]);
        _exit(screen_view(&view));
    }
    (void)close(pair[1]);
    int fd = accept(listener, NULL, NULL);
    (void)close(listener);
    REQUIRE(fd >= 0 && channel_greet(fd, secret, true, &session->host, &err) == 0);
    REQUIRE(channel_receive(session->host, patience_ms, &asked, &err) == 0);
    CHECK_STR(json_string_value(json_object_get(asked, "vm")), "t");
    json_decref(asked);
    REQUIRE(channel_send(session->host, json_pack("{s:b}", "open", 1), &err) == 0);
}

/* Its exit code. */
static int end(struct session *session)
{
    int status = -1;
    session->host = channel_free(session->host);
    (void)close(session->web);
    CHECK(waitpid(session->pid, &status, 0) == session->pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static size_t add_frame(uint8_t *to, enum websocket_opcode opcode, const void *payload, size_t size)
{
    static const uint8_t mask[websocket_mask_size] = {1, 2, 3, 4};
    size_t header = websocket_header(opcode, size, mask, to);
    memcpy(to + header, payload, size);
    websocket_mask(to + header, size, mask);
    return header + size;
}

static void send_frame(const struct session *session, enum websocket_opcode opcode,
                       const void *payload, size_t size)
{
    uint8_t frame[websocket_header_max + websocket_control_max];
    size_t len = add_frame(frame, opcode, payload, size);
    REQUIRE(write(session->web, frame, len) == (ssize_t)len);
}

/* Reads up to the next control frame of that opcode with that payload (NULL: any); false: nothing
 * comes any more. */
static bool read_until(struct session *session, enum websocket_opcode opcode, const char *payload,
                       int limit_ms)
{
    struct pollfd wait = {.fd = session->web, .events = POLLIN};
    uint8_t byte, to[1];
    size_t size, used;
    enum websocket_opcode control;
    while (poll(&wait, 1, limit_ms) > 0 && read(session->web, &byte, 1) == 1) {
        REQUIRE(websocket_read(&session->in, &byte, 1, to, &size, &used, &control, NULL) == 0);
        if (control == opcode &&
            (!payload || (session->in.control_size == strlen(payload) &&
                          memcmp(session->in.control, payload, strlen(payload)) == 0))) {
            return true;
        }
    }
    return false;
}

static unsigned read_close(struct session *session, char reason[static websocket_control_max])
{
    unsigned status = 0;
    REQUIRE(read_until(session, WEBSOCKET_CLOSE, NULL, patience_ms));
    websocket_close_read(&session->in, &status, reason);
    return status;
}

TEST(what_a_browser_did_not_take_goes_on_when_it_reads_again)
{
    struct session session;
    char full[websocket_control_max] = {0};
    bool is_answered = false;
    begin(&session);
    for (size_t i = 0; i < pings; i++) {
        send_frame(&session, WEBSOCKET_PING, full, sizeof(full));
    }
    for (int waited = 0; !is_answered && waited < patience_ms / 4; waited += quiet_ms) {
        send_frame(&session, WEBSOCKET_PING, "end", 3);
        is_answered = read_until(&session, WEBSOCKET_PONG, "end", quiet_ms);
    }
    CHECK(is_answered);
    CHECK_INT(end(&session), EXIT_SUCCESS);
}

TEST(bytes_right_before_a_close_reach_the_host)
{
    struct session session;
    uint8_t both[2 * websocket_header_max + 20];
    char got[20] = {0}, reason[websocket_control_max];
    size_t size = 0;
    ssize_t r = -EAGAIN;
    begin(&session);
    size_t len = add_frame(both, WEBSOCKET_BINARY, "poweroff", 8);
    len += add_frame(both + len, WEBSOCKET_CLOSE, "\x03\xe8", 2);
    REQUIRE(write(session.web, both, len) == (ssize_t)len);
    struct pollfd wait = {.fd = channel_begin_bytes(session.host), .events = POLLIN};
    while (r != 0 && size < sizeof(got) - 1 && poll(&wait, 1, patience_ms) > 0) {
        r = channel_read(session.host, got + size, sizeof(got) - 1 - size);
        REQUIRE(r >= 0 || r == -EAGAIN);
        size += r > 0 ? (size_t)r : 0;
    }
    CHECK_STR(got, "poweroff");
    CHECK_INT(read_close(&session, reason), WEBSOCKET_STATUS_NORMAL);
    CHECK_INT(end(&session), EXIT_SUCCESS);
}

TEST(a_host_that_is_lost_is_no_normal_end)
{
    struct session session;
    char reason[websocket_control_max];
    begin(&session);
    (void)shutdown(channel_begin_bytes(session.host), SHUT_RDWR);
    CHECK_INT(read_close(&session, reason), WEBSOCKET_STATUS_FAILED);
    CHECK_STR(reason, "the connection to the VM's host was lost");
    CHECK_INT(end(&session), EXIT_FAILURE);
    begin(&session);
    session.host = channel_free(session.host); /* it says that it ends */
    CHECK_INT(read_close(&session, reason), WEBSOCKET_STATUS_NORMAL);
    CHECK_INT(end(&session), EXIT_SUCCESS);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The serial console of a VM in this terminal: a WebSocket of berth-api. */
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/show.h"
#include "wire/websocket.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

enum {
    key_leave = 0x1D, /* Ctrl-], as virsh and telnet have it */
    answer_max = 64 * 1024,
    answer_limit_ms = 20 * 1000,
};

/* Any will do: berth-api proves with it that it understood, and a cache could not. */
#define KEY "YmVydGggdm0gY29uc29sZQ=="

struct console {
    struct cli *cli;
    CURL *curl;
    int fd;
    struct websocket in;
    bool has_input; /* more may come from the keyboard */
    bool has_ended;
    unsigned status; /* of the other end's close; 0: none yet */
    char reason[websocket_control_max];
};

/* ---- the connection ---- */

static bool wait_for(const struct console *console, short events, int limit_ms)
{
    struct pollfd wait = {.fd = console->fd, .events = events};
    int r;
    do {
        r = poll(&wait, 1, limit_ms);
    } while (r < 0 && errno == EINTR);
    return r > 0;
}

static bool send_all(const struct console *console, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(console->curl, at, size, &sent);
        if (code == CURLE_AGAIN) {
            if (!wait_for(console, POLLOUT, answer_limit_ms)) {
                return false;
            }
        } else if (code != CURLE_OK) {
            return false;
        }
        at += sent;
        size -= sent;
    }
    return true;
}

/* 0: nothing now; -EPIPE: its end. */
static ssize_t receive(const struct console *console, void *to, size_t size)
{
    size_t got = 0;
    CURLcode code = curl_easy_recv(console->curl, to, size, &got);
    return code == CURLE_AGAIN ? 0 : code != CURLE_OK || got == 0 ? -EPIPE : (ssize_t)got;
}

static bool send_frame(const struct console *console, enum websocket_opcode opcode,
                       const void *payload, size_t size)
{
    CLEANUP(buf_done) struct buf frame = {0};
    uint8_t mask[websocket_mask_size], header[websocket_header_max];
    if (getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask)) {
        abort(); /* so few bytes never fail (getrandom(2)) */
    }
    size_t header_size = websocket_header(opcode, size, mask, header);
    buf_add(&frame, header, header_size);
    buf_add(&frame, payload, size);
    if (frame.failed) {
        return false;
    }
    websocket_mask((uint8_t *)frame.data + header_size, size, mask);
    return send_all(console, frame.data, frame.size);
}

/* ---- the handshake ---- */

/* Byte by byte: what comes behind it are frames. */
static bool read_header(const struct console *console, struct buf *ret)
{
    char byte;
    while (ret->size < answer_max &&
           (ret->size < 4 || strcmp(ret->data + ret->size - 4, "\r\n\r\n") != 0)) {
        ssize_t got = receive(console, &byte, 1);
        if (got < 0 || (got == 0 && !wait_for(console, POLLIN, answer_limit_ms))) {
            return false;
        }
        if (got > 0) {
            buf_add(ret, &byte, 1);
        }
    }
    return !ret->failed && ret->size < answer_max;
}

/* berth-api said no, and why. */
static int refuse(const struct console *console, long status, const char *header)
{
    CLEANUP(buf_done) struct buf body = {0};
    const char *at = strcasestr(header, "\r\nContent-Length:");
    size_t size = at ? strtoul(at + 17, NULL, 10) : 0;
    char part[1024];
    json_error_t error;
    while (body.size < size && size < answer_max) {
        ssize_t got = receive(console, part, sizeof(part));
        if (got < 0 || (got == 0 && !wait_for(console, POLLIN, answer_limit_ms))) {
            break;
        }
        buf_add(&body, part, (size_t)got);
    }
    json_t *json = json_loadb(buf_str(&body), body.size, 0, &error);
    int r = client_say_error(console->cli, status, json);
    json_decref(json);
    return r;
}

static int open_console(struct console *console, const char *vm)
{
    CLEANUP(buf_done) struct buf headers = {0}, request = {0}, answer = {0};
    curl_socket_t fd = CURL_SOCKET_BAD;
    int r = client_connect(console->cli, &console->curl, &headers);
    if (r != EXIT_OK) {
        return r;
    }
    (void)curl_easy_getinfo(console->curl, CURLINFO_ACTIVESOCKET, &fd);
    console->fd = fd;
    char *name = curl_easy_escape(console->curl, vm, 0);
    buf_printf(&request,
               "GET /v1/vms/%s/console HTTP/1.1\r\n%sConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
               name ? name : "", buf_str(&headers));
    curl_free(name);
    if (!send_all(console, buf_str(&request), request.size) || !read_header(console, &answer) ||
        strncmp(answer.data, "HTTP/1.1 ", 9) != 0) {
        return cli_fail(console->cli, EXIT_UNREACHABLE, "berth-api did not answer");
    }
    long status = strtol(answer.data + 9, NULL, 10);
    return status == 101 ? EXIT_OK : refuse(console, status, answer.data);
}

/* ---- the console ---- */

static void write_out(const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(STDOUT_FILENO, bytes, size);
        if (put < 0 && errno != EINTR) {
            return;
        }
        bytes += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
}

static void take_control(struct console *console, enum websocket_opcode control)
{
    if (control == WEBSOCKET_PING) {
        console->has_ended |=
            !send_frame(console, WEBSOCKET_PONG, console->in.control, console->in.control_size);
    } else if (control == WEBSOCKET_CLOSE) {
        websocket_close_read(&console->in, &console->status, console->reason);
        console->has_ended = true;
    }
}

static void take_bytes(struct console *console)
{
    uint8_t raw[4096], bytes[sizeof(raw)];
    ssize_t got = 0;
    while (!console->has_ended && (got = receive(console, raw, sizeof(raw))) > 0) {
        for (size_t at = 0; at < (size_t)got && !console->has_ended;) {
            size_t size, used;
            enum websocket_opcode control;
            if (websocket_read(&console->in, raw + at, (size_t)got - at, bytes, &size, &used,
                               &control, NULL) < 0) {
                console->has_ended = true;
                break;
            }
            write_out(bytes, size);
            at += used;
            take_control(console, control);
        }
    }
    console->has_ended |= got < 0;
}

static void take_keys(struct console *console)
{
    uint8_t keys[1024];
    ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));
    if (got <= 0) {
        console->has_input = got < 0 && errno == EINTR;
        return;
    }
    const uint8_t *leave = memchr(keys, key_leave, (size_t)got);
    size_t size = leave ? (size_t)(leave - keys) : (size_t)got;
    console->has_ended |= size > 0 && !send_frame(console, WEBSOCKET_BINARY, keys, size);
    if (leave) {
        uint8_t payload[websocket_control_max];
        (void)send_frame(console, WEBSOCKET_CLOSE, payload,
                         websocket_close_make(WEBSOCKET_STATUS_NORMAL, "", payload));
        console->status = WEBSOCKET_STATUS_NORMAL;
        console->has_ended = true;
    }
}

static void keep_open(struct console *console)
{
    take_bytes(console); /* TLS may have read more than the handshake */
    while (!console->has_ended) {
        struct pollfd wait[] = {{.fd = console->fd, .events = POLLIN},
                                {.fd = console->has_input ? STDIN_FILENO : -1, .events = POLLIN}};
        if (poll(wait, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (wait[0].revents) {
            take_bytes(console);
        }
        if (!console->has_ended && wait[1].revents) {
            take_keys(console);
        }
    }
}

int run_vm_console(struct cli *cli)
{
    struct console console = {.cli = cli, .has_input = true};
    struct termios before, raw;
    int r = open_console(&console, cli->args.items[0]);
    if (r != EXIT_OK) {
        return r;
    }
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        (void)fprintf(cli->err, "Console of %s. Ctrl-] leaves it.\n", cli->args.items[0]);
        raw = before;
        cfmakeraw(&raw);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw); /* what was typed already is for the VM */
    }
    keep_open(&console);
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        (void)fputc('\n', cli->err);
    }
    if (console.status == WEBSOCKET_STATUS_NORMAL) {
        return EXIT_OK;
    }
    for (char *at = console.reason; *at; at++) {
        *at = iscntrl((unsigned char)*at) ? '?' : *at;
    }
    return cli_fail(cli, EXIT_REFUSED, "%s",
                    console.reason[0] ? console.reason : "the console was closed");
}

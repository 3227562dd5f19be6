/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS 1.3 between two hosts that share a secret and nothing else (RFC 8446, 4.2.11, with
 * Diffie-Hellman): it proves each to the other, so that there is no certificate to check, and
 * who records it learns nothing, even if the token becomes known later. One JSON text a line.
 */
#include "setup/internal.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define USER     "berth"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"

enum {
    message_max = 256 * 1024,
    handshake_limit_ms = 5000,
    connect_limit_ms = 5000,
    port_pause_ms = 100,
};

struct setup_channel {
    int fd;
    char *secret;
    gnutls_session_t session;
    gnutls_psk_server_credentials_t server;
    gnutls_psk_client_credentials_t client;
};

struct setup_channel *setup_channel_free(struct setup_channel *channel)
{
    if (!channel) {
        return NULL;
    }
    if (channel->session) {
        (void)gnutls_bye(channel->session, GNUTLS_SHUT_WR);
        gnutls_deinit(channel->session);
    }
    if (channel->server) {
        gnutls_psk_free_server_credentials(channel->server);
    }
    if (channel->client) {
        gnutls_psk_free_client_credentials(channel->client);
    }
    closep(&channel->fd);
    if (channel->secret) {
        explicit_bzero(channel->secret, strlen(channel->secret));
    }
    free(channel->secret);
    free(channel);
    return NULL;
}

/* gnutls frees the key. */
static int give_key(gnutls_session_t session, const char *user, gnutls_datum_t *key)
{
    const struct setup_channel *channel = gnutls_session_get_ptr(session);
    size_t size = strlen(channel->secret);
    if (strcmp(user, USER) != 0 || !(key->data = gnutls_malloc(size))) {
        return -1;
    }
    memcpy(key->data, channel->secret, size);
    key->size = (unsigned)size;
    return 0;
}

static int set_credentials(struct setup_channel *channel, bool is_server)
{
    const gnutls_datum_t key = {(void *)channel->secret, (unsigned)strlen(channel->secret)};
    int r;
    if (is_server) {
        r = gnutls_psk_allocate_server_credentials(&channel->server);
        if (r == 0) {
            gnutls_psk_set_server_credentials_function(channel->server, give_key);
            r = gnutls_credentials_set(channel->session, GNUTLS_CRD_PSK, channel->server);
        }
        return r;
    }
    r = gnutls_psk_allocate_client_credentials(&channel->client);
    r = r < 0 ? r
              : gnutls_psk_set_client_credentials(channel->client, USER, &key, GNUTLS_PSK_KEY_RAW);
    return r < 0 ? r : gnutls_credentials_set(channel->session, GNUTLS_CRD_PSK, channel->client);
}

/* Takes 'fd' over. 0, or gnutls's error. */
static int greet(int fd, const char *secret, bool is_server, struct setup_channel **ret)
{
    CLEANUP(setup_channel_freep) struct setup_channel *channel = calloc(1, sizeof(*channel));
    if (!channel || !(channel->secret = strdup(secret))) {
        (void)close(fd);
        if (channel) {
            channel->fd = -1;
        }
        return GNUTLS_E_MEMORY_ERROR;
    }
    channel->fd = fd;
    int r = gnutls_init(&channel->session, is_server ? GNUTLS_SERVER : GNUTLS_CLIENT);
    r = r < 0 ? r : gnutls_priority_set_direct(channel->session, PRIORITY, NULL);
    r = r < 0 ? r : set_credentials(channel, is_server);
    if (r < 0) {
        return r;
    }
    gnutls_session_set_ptr(channel->session, channel);
    gnutls_transport_set_int(channel->session, fd);
    gnutls_handshake_set_timeout(channel->session, handshake_limit_ms);
    do {
        r = gnutls_handshake(channel->session);
    } while (r < 0 && !gnutls_error_is_fatal(r));
    if (r == 0) {
        *ret = TAKE(channel);
    }
    return r;
}

static int resolve(const char *address, unsigned port, bool is_passive, struct addrinfo **ret,
                   struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = is_passive ? AI_PASSIVE | AI_NUMERICHOST : 0};
    char service[12];
    (void)snprintf(service, sizeof(service), "%u", port);
    int r = getaddrinfo(address, service, &hints, ret);
    return r == 0 ? 0 : error_set(err, -EINVAL, "%s: %s", address, gai_strerror(r));
}

int setup_channel_listen(const char *address, unsigned port, int *ret_fd, struct error *err)
{
    struct addrinfo *info;
    int r = resolve(address, port, true, &info, err);
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
                         struct setup_channel **ret, struct error *err)
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
        if (greet(peer, secret, true, ret) == 0) {
            setup_say(setup, "%s has the token", name);
            return 0;
        }
        setup_say(setup, "%s was refused: it does not have the token", name);
    }
    return error_set(err, -ETIME, "the token has expired: no host joined");
}

static int connect_to(const char *address, unsigned port, int *ret_fd, struct error *err)
{
    struct addrinfo *info;
    int r = resolve(address, port, false, &info, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(closep) int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int fault = 0;
    socklen_t size = sizeof(fault);
    bool is_begun =
        fd >= 0 && (connect(fd, info->ai_addr, info->ai_addrlen) == 0 || errno == EINPROGRESS);
    freeaddrinfo(info);
    if (!is_begun) {
        fault = errno;
    } else if (poll(&wait, 1, connect_limit_ms) != 1) {
        fault = ETIMEDOUT;
    } else {
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &size);
    }
    if (fault != 0) {
        return error_set(err, -fault, "%s", strerror(fault));
    }
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int setup_wait_port(const char *address, unsigned port, msec_t limit_ms, struct error *err)
{
    struct retry retry = retry_begin(limit_ms, port_pause_ms);
    int r;
    do {
        CLEANUP(closep) int fd = -1;
        r = connect_to(address, port, &fd, err);
    } while (r < 0 && retry_wait(&retry));
    return r;
}

int setup_channel_connect(const char *address, unsigned port, const char *secret,
                          struct setup_channel **ret, struct error *err)
{
    int fd = -1;
    int r = connect_to(address, port, &fd, err);
    if (r < 0) {
        return error_set(err, r,
                         "cannot reach %s port %u (%s). Is \"berth cluster token\" still running "
                         "there, and does the firewall let this host in? A token works once",
                         address, port, strerror(-r));
    }
    r = greet(fd, secret, false, ret);
    return r == 0
               ? 0
               : error_set(err, -EACCES,
                           "%s does not accept this token (%s). Copy it again, or make a new one "
                           "there with \"berth cluster token\"",
                           address, gnutls_strerror(r));
}

int setup_channel_send(struct setup_channel *channel, json_t *message, struct error *err)
{
    CLEANUP(setup_json_done) json_t *taken = message;
    CLEANUP(freep) char *text = taken ? json_dumps(taken, JSON_COMPACT) : NULL;
    if (!text) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    size_t size = strlen(text), sent = 0;
    text[size] = '\n'; /* in the place of its NUL */
    while (sent < size + 1) {
        ssize_t r = gnutls_record_send(channel->session, text + sent, size + 1 - sent);
        if (r < 0 && gnutls_error_is_fatal((int)r)) {
            explicit_bzero(text, size);
            return error_set(err, -EPIPE, "the other host is gone: %s", gnutls_strerror((int)r));
        }
        sent += r > 0 ? (size_t)r : 0;
    }
    explicit_bzero(text, size);
    return 0;
}

int setup_channel_receive(struct setup_channel *channel, msec_t limit_ms, json_t **ret,
                          struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    gnutls_record_set_timeout(channel->session, (unsigned)limit_ms);
    while (text.size == 0 || text.data[text.size - 1] != '\n') {
        char chunk[4096];
        ssize_t got = gnutls_record_recv(channel->session, chunk, sizeof(chunk));
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN) {
            continue;
        }
        if (got <= 0) {
            return error_set(err, -EPIPE, "the other host %s",
                             got == GNUTLS_E_TIMEDOUT ? "does not answer" : "ended the connection");
        }
        buf_add(&text, chunk, (size_t)got);
        explicit_bzero(chunk, sizeof(chunk));
        if (text.failed || text.size > message_max) {
            return error_set(err, -EMSGSIZE, "the other host says too much");
        }
    }
    *ret = json_loads(buf_str(&text), 0, NULL);
    explicit_bzero(text.data, text.size);
    return json_is_object(*ret) ? 0 : error_set(err, -EBADMSG, "the other host talks nonsense");
}

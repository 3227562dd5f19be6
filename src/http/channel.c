/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/channel.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static inline void json_donep(json_t **json)
{
    json_decref(*json);
}

#define USER     "berth"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"

enum {
    message_max = 256 * 1024,
    handshake_limit_ms = 5000,
    connect_limit_ms = 5000,
};

struct channel {
    int fd;
    char *secret;
    gnutls_session_t session;
    gnutls_psk_server_credentials_t server;
    gnutls_psk_client_credentials_t client;
};

struct channel *channel_free(struct channel *channel)
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
    const struct channel *channel = gnutls_session_get_ptr(session);
    size_t size = strlen(channel->secret);
    if (strcmp(user, USER) != 0 || !(key->data = gnutls_malloc(size))) {
        return -1;
    }
    memcpy(key->data, channel->secret, size);
    key->size = (unsigned)size;
    return 0;
}

static int set_credentials(struct channel *channel, bool is_server)
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
static int shake_hands(int fd, const char *secret, bool is_server, struct channel **ret)
{
    CLEANUP(channel_freep) struct channel *channel = calloc(1, sizeof(*channel));
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

int channel_greet(int fd, const char *secret, bool is_server, struct channel **ret,
                  struct error *err)
{
    int r = shake_hands(fd, secret, is_server, ret);
    return r == 0 ? 0 : error_set(err, -EACCES, "%s", gnutls_strerror(r));
}

int channel_resolve(const char *address, unsigned port, bool is_passive, struct addrinfo **ret,
                    struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = is_passive ? AI_PASSIVE | AI_NUMERICHOST : 0};
    char service[12];
    (void)snprintf(service, sizeof(service), "%u", port);
    int r = getaddrinfo(address, service, &hints, ret);
    return r == 0 ? 0 : error_set(err, -EINVAL, "%s: %s", address, gai_strerror(r));
}

int channel_reach(const char *address, unsigned port, int *ret_fd, struct error *err)
{
    struct addrinfo *info;
    int r = channel_resolve(address, port, false, &info, err);
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

int channel_send(struct channel *channel, json_t *message, struct error *err)
{
    CLEANUP(json_donep) json_t *taken = message;
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

int channel_receive(struct channel *channel, msec_t limit_ms, json_t **ret, struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    gnutls_record_set_timeout(channel->session, (unsigned)limit_ms);
    while (text.size == 0 || text.data[text.size - 1] != '\n') {
        char byte; /* one by one: what comes behind the line is no part of it */
        ssize_t got = gnutls_record_recv(channel->session, &byte, sizeof(byte));
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN) {
            continue;
        }
        if (got <= 0) {
            return error_set(err, -EPIPE, "the other host %s",
                             got == GNUTLS_E_TIMEDOUT ? "does not answer" : "ended the connection");
        }
        buf_char(&text, byte);
        if (text.failed || text.size > message_max) {
            return error_set(err, -EMSGSIZE, "the other host says too much");
        }
    }
    *ret = json_loads(buf_str(&text), 0, NULL);
    explicit_bzero(text.data, text.size);
    return json_is_object(*ret) ? 0 : error_set(err, -EBADMSG, "the other host talks nonsense");
}

int channel_begin_bytes(struct channel *channel)
{
    (void)fcntl(channel->fd, F_SETFL, fcntl(channel->fd, F_GETFL) | O_NONBLOCK);
    gnutls_record_set_timeout(channel->session, 0);
    return channel->fd;
}

static ssize_t result_of(ssize_t r)
{
    return r >= 0 ? r : gnutls_error_is_fatal((int)r) ? -EPIPE : -EAGAIN;
}

ssize_t channel_read(struct channel *channel, void *to, size_t size)
{
    return result_of(gnutls_record_recv(channel->session, to, size));
}

ssize_t channel_write(struct channel *channel, const void *bytes, size_t size)
{
    return result_of(gnutls_record_send(channel->session, bytes, size));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A WebSocket from its handshake (RFC 6455, 4.2) to its end. Its frames: wire/websocket.h. */
#include "http/internal.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <strings.h>

/* What the standard adds to the client's key. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
    key_len = 24, /* 16 bytes as base64 */
    digest_size = 20,
    accept_size = 29, /* 20 bytes as base64 */
};

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

/* "keep-alive, Upgrade" */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list) {
        list += strspn(list, ", \t");
        size_t size = strcspn(list, ", \t");
        if (size == len && strncasecmp(list, word, len) == 0) {
            return true;
        }
        list += size;
    }
    return false;
}

/* What proves to the client that its WebSocket was understood, into 'ret'. False: it asks for none.
 */
static bool make_accept(struct MHD_Connection *connection, char ret[static accept_size])
{
    const char *key = header_of(connection, "Sec-WebSocket-Key");
    char text[key_len + sizeof(KEY_SUFFIX)];
    uint8_t digest[digest_size];
    gnutls_datum_t base64 = {0};
    if (!has_word(header_of(connection, "Upgrade"), "websocket") ||
        !has_word(header_of(connection, "Connection"), "Upgrade") ||
        strcmp(header_of(connection, "Sec-WebSocket-Version"), "13") != 0 ||
        strlen(key) != key_len) {
        return false;
    }
    memcpy(text, key, key_len);
    memcpy(text + key_len, KEY_SUFFIX, sizeof(KEY_SUFFIX));
    const gnutls_datum_t bytes = {digest, digest_size};
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), digest) < 0 ||
        gnutls_base64_encode2(&bytes, &base64) < 0) {
        return false;
    }
    bool has_size = base64.size == accept_size - 1;
    if (has_size) {
        memcpy(ret, base64.data, accept_size - 1);
        ret[accept_size - 1] = '\0';
    }
    gnutls_free(base64.data);
    return has_size;
}

/* The answer is out. A client waits for it before it sends more, so 'extra' is there only if it
 * breaks the protocol. */
static void on_upgraded(void *cls, struct MHD_Connection *connection, void *context,
                        const char *extra, size_t extra_size, MHD_socket fd,
                        struct MHD_UpgradeResponseHandle *handle)
{
    struct http_exchange *exchange = cls;
    struct http_server *server = exchange->server;
    struct http_socket *socket = malloc(sizeof(*socket));
    (void)connection, (void)context, (void)extra;
    if (!socket || extra_size > 0 || server->is_closing || !server->handler.opened) {
        free(socket);
        (void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
        return;
    }
    *socket = (struct http_socket){.server = server, .exchange = exchange, .handle = handle};
    exchange->socket = socket;
    server->handler.opened(server->userdata, exchange, socket, fd);
}

void http_begin_websocket(struct http_exchange *exchange)
{
    char accept[accept_size];
    struct MHD_Response *response = make_accept(exchange->connection, accept)
                                        ? MHD_create_response_for_upgrade(on_upgraded, exchange)
                                        : NULL;
    assert(exchange->phase == PHASE_HANDLED);
    exchange->is_websocket = true;
    exchange->phase = PHASE_ANSWERED;
    exchange->status = MHD_HTTP_SWITCHING_PROTOCOLS;
    exchange->response = response;
    if (response) {
        (void)MHD_add_response_header(response, "Upgrade", "websocket");
        (void)MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    }
    exchange_resume(exchange);
}

void http_socket_close(struct http_socket *socket)
{
    socket->exchange->socket = NULL;
    (void)MHD_upgrade_action(socket->handle, MHD_UPGRADE_ACTION_CLOSE);
    (void)sd_event_source_set_enabled(socket->server->kick, SD_EVENT_ONESHOT);
    free(socket);
}

bool http_wants_websocket(struct http_exchange *exchange)
{
    char accept[accept_size];
    return make_accept(exchange->connection, accept);
}

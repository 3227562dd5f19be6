/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake of a WebSocket (RFC 6455, 4.2). Its frames: wire/websocket.h. */
#include "http/internal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <strings.h>

/* What the standard adds to the client's key. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
    key_len = 24, /* 16 bytes as base64 */
    digest_size = 20,
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

bool http_websocket_accept(struct MHD_Connection *connection, char ret[static http_accept_size])
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
    bool has_size = base64.size == http_accept_size - 1;
    if (has_size) {
        memcpy(ret, base64.data, http_accept_size - 1);
        ret[http_accept_size - 1] = '\0';
    }
    gnutls_free(base64.data);
    return has_size;
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
    char accept[http_accept_size];
    return http_websocket_accept(exchange->connection, accept);
}

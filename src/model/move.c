/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/move.h"

#include <stdio.h>
#include <string.h>

enum { words_max = 3 };

#define LIBVIRT "/etc/pki/libvirt/"
#define QEMU    "/etc/pki/qemu/"

const struct move_pki move_pki_libvirt = {
    .authority = "Berth authority of moves",
    .ca = "/etc/pki/CA/cacert.pem",
    .certificates = {LIBVIRT "servercert.pem", LIBVIRT "clientcert.pem"},
    .keys = {LIBVIRT "private/serverkey.pem", LIBVIRT "private/clientkey.pem"},
};

const struct move_pki move_pki_qemu = {
    .authority = "Berth authority of memory",
    .ca = QEMU "ca-cert.pem",
    .certificates = {QEMU "server-cert.pem", QEMU "client-cert.pem"},
    .keys = {QEMU "server-key.pem", QEMU "client-key.pem"},
};

/* How many words there are; those beyond 'words_max' are counted only. */
static size_t split(const char *text, char words[words_max][move_address_size])
{
    size_t len = 0;
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        size_t size = strcspn(text, " \t");
        if (len < words_max) {
            (void)snprintf(words[len], move_address_size, "%.*s", (int)size, text);
        }
        len++;
        text += size;
    }
    return len;
}

/* libvirt refuses to migrate to what it can see to be the same host. */
static bool is_libvirt(const char *uri)
{
    const char *rest = strstr(uri, "://");
    return rest && strncmp(uri, "qemu", 4) == 0 && rest[3] != '/' &&
           strncmp(rest + 3, "localhost", 9) != 0;
}

bool move_address_parse(const char *text, struct move_address *ret)
{
    char words[words_max][move_address_size] = {0};
    size_t len = strlen(text) < move_address_size ? split(text, words) : 0;
    *ret = (struct move_address){0};
    if (len == 0 || len > words_max) {
        return false;
    }
    ret->is_plain = len > 1 && strcmp(words[len - 1], "unencrypted") == 0;
    len -= ret->is_plain;
    bool is_uri = strstr(words[0], "://") != NULL;
    if (!is_uri) { /* with TLS, and no other word */
        int size = snprintf(ret->libvirt, sizeof(ret->libvirt), "qemu+tls://%s/system", words[0]);
        return len == 1 && !ret->is_plain && !strpbrk(words[0], "/?#@") &&
               size < (int)sizeof(ret->libvirt);
    }
    memcpy(ret->libvirt, words[0], sizeof(ret->libvirt));
    memcpy(ret->memory, words[1], len == 2 ? sizeof(ret->memory) : 0);
    bool is_tcp = strncmp(words[0], "qemu+tcp:", 9) == 0;
    return is_libvirt(ret->libvirt) && len <= 2 && (len == 1 || strstr(ret->memory, "://")) &&
           (!is_tcp || ret->is_plain) && (!ret->is_plain || is_tcp || len == 2);
}

bool move_uri_host(const char *uri, char *ret)
{
    const char *host = strstr(uri, "://");
    host = host ? host + 3 : "";
    size_t authority = strcspn(host, "/?#");
    const char *at = memchr(host, '@', authority);
    if (at) {
        authority -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    bool is_bracketed = host[0] == '[';
    host += is_bracketed;
    authority -= is_bracketed;
    size_t size = MIN(strcspn(host, is_bracketed ? "]" : ":"), authority);
    (void)snprintf(ret, move_address_size, "%.*s", (int)size, host);
    return ret[0] != '\0' && size < move_address_size;
}

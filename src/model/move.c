/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/move.h"

#include <stdio.h>
#include <string.h>

enum { words_max = 3 };

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

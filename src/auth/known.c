/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/known.h"

#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { text_size = 512 };

bool auth_known_init(struct auth_known *known)
{
    *known = (struct auth_known){0};
    return gnutls_rnd(GNUTLS_RND_KEY, known->key, sizeof(known->key)) == 0;
}

static bool mac(const struct auth_known *known, const char *name, uint64_t stamp,
                const char *secret, unsigned char *ret)
{
    char text[text_size];
    /* No name has a space in it. */
    int size = snprintf(text, sizeof(text), "%s %" PRIu64 " %s", name, stamp, secret);
    bool is_good = size > 0 && (size_t)size < sizeof(text) &&
                   gnutls_hmac_fast(GNUTLS_MAC_SHA256, known->key, sizeof(known->key), text,
                                    (size_t)size, ret) == 0;
    explicit_bzero(text, sizeof(text));
    return is_good;
}

static bool known_has(const struct auth_known *known, const unsigned char *wanted)
{
    for (size_t i = 0; i < known->len; i++) {
        if (gnutls_memcmp(known->macs[i], wanted, auth_mac_size) == 0) {
            return true;
        }
    }
    return false;
}

bool auth_known_has(const struct auth_known *known, const char *name, uint64_t stamp,
                    const char *secret)
{
    unsigned char wanted[auth_mac_size];
    return mac(known, name, stamp, secret, wanted) && known_has(known, wanted);
}

void auth_known_add(struct auth_known *known, const char *name, uint64_t stamp, const char *secret)
{
    unsigned char made[auth_mac_size];
    if (!mac(known, name, stamp, secret, made) || known_has(known, made)) {
        return;
    }
    memcpy(known->macs[known->next], made, auth_mac_size);
    known->next = (known->next + 1) % auth_known_max;
    known->len = MIN(known->len + 1, (size_t)auth_known_max);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets that were right lately, so that not each request pays for a hash that is slow on purpose.
 * Kept is a keyed hash (HMAC-SHA256, the key is this process's own) over name, stamp of the
 * record and secret: another stamp is another entry, so what was changed is not known any more.
 */
#pragma once

#include "model/limits.h"
#include "base/types.h"

enum { auth_known_max = 256, auth_mac_size = 32 };

struct auth_known {
    unsigned char key[auth_mac_size];
    unsigned char macs[auth_known_max][auth_mac_size];
    size_t len, next; /* the oldest is replaced */
};

/* False: no randomness, which does not happen. */
bool auth_known_init(struct auth_known *known);
bool auth_known_has(const struct auth_known *known, const char *name, uint64_t stamp,
                    const char *secret);
void auth_known_add(struct auth_known *known, const char *name, uint64_t stamp, const char *secret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "screen/screen.h"

#include "base/hex.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

/* A secret of its own: the password itself never leaves the host, not even as a key. */
#define PURPOSE "berth screen 1"

enum { secret_bytes = 32 };

static_assert((int)screen_secret_size == 2 * (int)secret_bytes + 1, "as hexadecimal digits");

int screen_secret(const char *password, char ret[static screen_secret_size], struct error *err)
{
    uint8_t bytes[secret_bytes];
    int r = gnutls_hmac_fast(GNUTLS_MAC_SHA256, password, strlen(password), PURPOSE,
                             sizeof(PURPOSE) - 1, bytes);
    if (r < 0) {
        return error_set(err, -EIO, "no secret can be made: %s", gnutls_strerror(r));
    }
    hex_write(bytes, sizeof(bytes), ret);
    explicit_bzero(bytes, sizeof(bytes));
    return 0;
}

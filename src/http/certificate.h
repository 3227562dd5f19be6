/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates of an HTTPS server, as PEM text. Writes and reads no file. */
#pragma once

#include "base/error.h"
#include "base/vec.h"

enum { certificate_fingerprint_size = 96 }; /* "AB:CD:...": 32 bytes */

/* Makes a key and a certificate that it signs itself, for ten years, for these names and numeric
 * addresses; the first is its subject. Both texts are the caller's (free()). -EIO. */
int certificate_make(const char *const *names, size_t len, char **ret_certificate, char **ret_key,
                     struct error *err);

/* Whether both can be read and belong together; the SHA-256 of the (first) certificate, as
 * browsers and openssl x509 -fingerprint show it, into 'ret'. -EINVAL with what is wrong. */
int certificate_check(const char *certificate, const char *key,
                      char ret[static certificate_fingerprint_size], struct error *err);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates of an HTTPS server, as PEM text. Writes and reads no file. */
#pragma once

#include "base/error.h"
#include "base/vec.h"

enum { certificate_fingerprint_size = 96 }; /* "AB:CD:...": 32 bytes */

/* What a certificate says. Start with {0}. */
struct certificate_order {
    const char *common_name; /* either of these two may be NULL */
    const char *organization;
    const char *const *names; /* that it is for, and numeric addresses */
    size_t name_len;
    bool is_authority; /* it may sign others */
    bool is_server, is_client;
    /* Without a key usage: libvirt 9.0 and QEMU 7.2 demand one of a server (key encipherment) that
     * no key of an elliptic curve has (RFC 8813). */
    bool is_usage_open;
    int days;                              /* from a day ago on: clocks of hosts differ */
    const char *authority, *authority_key; /* who signs it, as PEM; NULL: its own key */
    const char *own_key; /* as PEM: a certificate for this key; NULL: for one that is made */
    /* As PEM, beside 'authority': another certificate for the key of this one, which is not here;
     * '*ret_key' is "" then. */
    const char *own_certificate;
};

/* Makes a key and a certificate. Both texts are the caller's (free()). -EIO. */
int certificate_issue(const struct certificate_order *order, char **ret_certificate, char **ret_key,
                      struct error *err);

/* Makes a key and a certificate that it signs itself, for ten years, for these names and numeric
 * addresses; the first is its subject. Both texts are the caller's (free()). -EIO. */
int certificate_make(const char *const *names, size_t len, char **ret_certificate, char **ret_key,
                     struct error *err);

struct certificate_facts {
    char fingerprint[certificate_fingerprint_size]; /* SHA-256, as browsers and openssl x509
                                                       -fingerprint show it */
    uint64_t until_ms;                              /* that time in ms since 1970 */
    char until[24];                                 /* "2036-11-20 08:15 UTC" */
    int days_left, days;                            /* whole ones; of all it is valid for */
    bool is_valid_now;                              /* by this host's clock */
};

/* Whether both can be read and belong together ('key' may be NULL: none is compared), and what
 * there is to know of the (first) certificate. That its time is over is no error. -EINVAL with what
 * is wrong. */
int certificate_check(const char *certificate, const char *key, struct certificate_facts *ret,
                      struct error *err);

/* Whether one of 'authorities' (one text with any number) signed it, and whether its server may
 * call itself 'name', a name or a numeric address. What cannot be read: false. */
bool certificate_is_from(const char *certificate, const char *authorities);
bool certificate_is_for(const char *certificate, const char *name);

/* Whether the text holds one certificate, and its subject is this common name and nothing more. */
bool certificate_is_called(const char *certificate, const char *common_name);

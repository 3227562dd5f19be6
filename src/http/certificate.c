/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/certificate.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    serial_size = 16,
    hash_size = 32,
    days = 3650,
};

/* What making one takes; all of it may be NULL. */
struct making {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t certificate_pem, key_pem;
};

static void making_done(struct making *making)
{
    gnutls_free(making->certificate_pem.data);
    gnutls_free(making->key_pem.data);
    if (making->certificate) {
        gnutls_x509_crt_deinit(making->certificate);
    }
    if (making->key) {
        gnutls_x509_privkey_deinit(making->key);
    }
}

static int add_name(gnutls_x509_crt_t certificate, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];
    unsigned size = inet_pton(AF_INET, name, address) == 1    ? sizeof(struct in_addr)
                    : inet_pton(AF_INET6, name, address) == 1 ? sizeof(struct in6_addr)
                                                              : 0;
    return size > 0
               ? gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address,
                                                      size, GNUTLS_FSAN_APPEND)
               : gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                                      (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int describe(gnutls_x509_crt_t certificate, const char *const *names, size_t len)
{
    unsigned char serial[serial_size];
    time_t now = time(NULL);
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f; /* positive */
    r = r < 0 ? r : gnutls_x509_crt_set_version(certificate, 3);
    r = r < 0 ? r : gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
    /* Clocks of hosts differ: it holds since a day ago. */
    r = r < 0 ? r : gnutls_x509_crt_set_activation_time(certificate, now - 24 * 3600);
    r = r < 0 ? r
              : gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)days * 24 * 3600);
    r = r < 0 ? r
              : gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, names[0],
                                              (unsigned)strlen(names[0]));
    r = r < 0 ? r : gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
    r = r < 0 ? r : gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    r = r < 0 ? r : gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    for (size_t i = 0; i < len && r >= 0; i++) {
        r = add_name(certificate, names[i]);
    }
    return r;
}

static int certificate_fill(struct making *making, const char *const *names, size_t len)
{
    int r = gnutls_x509_privkey_init(&making->key);
    r = r < 0 ? r : gnutls_x509_crt_init(&making->certificate);
    r = r < 0 ? r
              : gnutls_x509_privkey_generate(making->key, GNUTLS_PK_ECDSA,
                                             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    r = r < 0 ? r : describe(making->certificate, names, len);
    r = r < 0 ? r : gnutls_x509_crt_set_key(making->certificate, making->key);
    r = r < 0 ? r
              : gnutls_x509_crt_sign2(making->certificate, making->certificate, making->key,
                                      GNUTLS_DIG_SHA256, 0);
    r = r < 0 ? r
              : gnutls_x509_crt_export2(making->certificate, GNUTLS_X509_FMT_PEM,
                                        &making->certificate_pem);
    return r < 0 ? r
                 : gnutls_x509_privkey_export2(making->key, GNUTLS_X509_FMT_PEM, &making->key_pem);
}

int certificate_make(const char *const *names, size_t len, char **ret_certificate, char **ret_key,
                     struct error *err)
{
    CLEANUP(making_done) struct making making = {0};
    int r = certificate_fill(&making, names, len);
    if (r < 0) {
        return error_set(err, -EIO, "making a certificate: %s", gnutls_strerror(r));
    }
    CLEANUP(freep)
    char *certificate = strndup((char *)making.certificate_pem.data, making.certificate_pem.size);
    CLEANUP(freep) char *key = strndup((char *)making.key_pem.data, making.key_pem.size);
    if (!certificate || !key) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    *ret_certificate = TAKE(certificate);
    *ret_key = TAKE(key);
    return 0;
}

static int certificate_judge(struct making *making, const char *certificate, const char *key,
                             const char **ret_what)
{
    unsigned char id[hash_size], key_id[hash_size];
    size_t size = sizeof(id), key_size = sizeof(key_id);
    const gnutls_datum_t certificate_text = {(void *)(uintptr_t)certificate,
                                             (unsigned)strlen(certificate)};
    const gnutls_datum_t key_text = {(void *)(uintptr_t)key, (unsigned)strlen(key)};
    int r = gnutls_x509_crt_init(&making->certificate);
    r = r < 0 ? r : gnutls_x509_privkey_init(&making->key);
    *ret_what = "the certificate cannot be read";
    r = r < 0 ? r
              : gnutls_x509_crt_import(making->certificate, &certificate_text, GNUTLS_X509_FMT_PEM);
    if (r >= 0) {
        *ret_what = "the key cannot be read";
        r = gnutls_x509_privkey_import2(making->key, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    r = r < 0 ? r
              : gnutls_x509_crt_get_key_id(making->certificate, GNUTLS_KEYID_USE_SHA256, id, &size);
    r = r < 0 ? r
              : gnutls_x509_privkey_get_key_id(making->key, GNUTLS_KEYID_USE_SHA256, key_id,
                                               &key_size);
    if (r >= 0 && memcmp(id, key_id, sizeof(id)) != 0) {
        *ret_what = "the key is another certificate's";
        r = GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
    }
    return r;
}

static void look_at_times(gnutls_x509_crt_t certificate, struct certificate_facts *ret)
{
    time_t now = time(NULL), end = gnutls_x509_crt_get_expiration_time(certificate);
    struct tm broken;
    ret->until_ms = end > 0 ? (uint64_t)end * 1000 : 0;
    ret->is_valid_now = gnutls_x509_crt_get_activation_time(certificate) <= now && now < end;
    if (!gmtime_r(&end, &broken) ||
        strftime(ret->until, sizeof(ret->until), "%Y-%m-%d %H:%M UTC", &broken) == 0) {
        ret->until[0] = '\0';
    }
}

int certificate_check(const char *certificate, const char *key, struct certificate_facts *ret,
                      struct error *err)
{
    CLEANUP(making_done) struct making making = {0};
    unsigned char hash[hash_size];
    size_t size = sizeof(hash);
    const char *what;
    int r = certificate_judge(&making, certificate, key, &what);
    r = r < 0 ? r
              : gnutls_x509_crt_get_fingerprint(making.certificate, GNUTLS_DIG_SHA256, hash, &size);
    if (r < 0) {
        return error_set(err, -EINVAL, "%s: %s", what, gnutls_strerror(r));
    }
    for (size_t i = 0; i < hash_size; i++) {
        (void)snprintf(ret->fingerprint + 3 * i, 4, i + 1 < hash_size ? "%02X:" : "%02X", hash[i]);
    }
    look_at_times(making.certificate, ret);
    return 0;
}

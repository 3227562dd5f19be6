/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/certificate.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    serial_size = 16,
    hash_size = 32,
    own_days = 3650,
};

/* What making one takes; all of it may be NULL. */
struct making {
    gnutls_x509_privkey_t key, authority_key;
    gnutls_x509_crt_t certificate, authority, own;
    gnutls_pubkey_t own_public;
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
    if (making->own) {
        gnutls_x509_crt_deinit(making->own);
    }
    if (making->own_public) {
        gnutls_pubkey_deinit(making->own_public);
    }
    if (making->authority) {
        gnutls_x509_crt_deinit(making->authority);
    }
    if (making->authority_key) {
        gnutls_x509_privkey_deinit(making->authority_key);
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

/* Who made it, and whose it is: chains are built by these. */
static int set_key_ids(gnutls_x509_crt_t certificate, gnutls_x509_crt_t authority)
{
    unsigned char id[hash_size];
    size_t size = sizeof(id);
    int r = gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA1, id, &size);
    r = r < 0 ? r : gnutls_x509_crt_set_subject_key_id(certificate, id, size);
    size = sizeof(id);
    r = r < 0 ? r : gnutls_x509_crt_get_key_id(authority, GNUTLS_KEYID_USE_SHA1, id, &size);
    return r < 0 ? r : gnutls_x509_crt_set_authority_key_id(certificate, id, size);
}

static int set_uses(gnutls_x509_crt_t certificate, const struct certificate_order *order)
{
    int r = gnutls_x509_crt_set_basic_constraints(certificate, order->is_authority, -1);
    if (r >= 0 && !order->is_usage_open) {
        r = gnutls_x509_crt_set_key_usage(
            certificate, order->is_authority ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
                                             : GNUTLS_KEY_DIGITAL_SIGNATURE);
    }
    if (r >= 0 && order->is_server) {
        r = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    }
    if (r >= 0 && order->is_client) {
        r = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0);
    }
    return r;
}

static int set_subject(gnutls_x509_crt_t certificate, const char *oid, const char *text)
{
    return text ? gnutls_x509_crt_set_dn_by_oid(certificate, oid, 0, text, (unsigned)strlen(text))
                : 0;
}

static int describe(gnutls_x509_crt_t certificate, const struct certificate_order *order)
{
    unsigned char serial[serial_size];
    const time_t day = (time_t)24 * 3600;
    time_t now = time(NULL);
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f; /* positive */
    r = r < 0 ? r : gnutls_x509_crt_set_version(certificate, 3);
    r = r < 0 ? r : gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
    r = r < 0 ? r : gnutls_x509_crt_set_activation_time(certificate, now - day);
    r = r < 0 ? r : gnutls_x509_crt_set_expiration_time(certificate, now + order->days * day);
    r = r < 0 ? r : set_subject(certificate, GNUTLS_OID_X520_COMMON_NAME, order->common_name);
    r = r < 0 ? r
              : set_subject(certificate, GNUTLS_OID_X520_ORGANIZATION_NAME, order->organization);
    r = r < 0 ? r : set_uses(certificate, order);
    for (size_t i = 0; i < order->name_len && r >= 0; i++) {
        r = add_name(certificate, order->names[i]);
    }
    return r;
}

static int read_authority(struct making *making, const struct certificate_order *order)
{
    const gnutls_datum_t certificate = {(void *)(uintptr_t)order->authority,
                                        (unsigned)strlen(order->authority)};
    const gnutls_datum_t key = {(void *)(uintptr_t)order->authority_key,
                                (unsigned)strlen(order->authority_key)};
    int r = gnutls_x509_crt_init(&making->authority);
    r = r < 0 ? r : gnutls_x509_privkey_init(&making->authority_key);
    r = r < 0 ? r : gnutls_x509_crt_import(making->authority, &certificate, GNUTLS_X509_FMT_PEM);
    return r < 0 ? r
                 : gnutls_x509_privkey_import2(making->authority_key, &key, GNUTLS_X509_FMT_PEM,
                                               NULL, 0);
}

static int make_key(struct making *making, const char *own_key)
{
    if (own_key) {
        const gnutls_datum_t pem = {(void *)(uintptr_t)own_key, (unsigned)strlen(own_key)};
        return gnutls_x509_privkey_import2(making->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    return gnutls_x509_privkey_generate(making->key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

/* The public key of another certificate. */
static int set_public(struct making *making, const char *own_certificate)
{
    const gnutls_datum_t pem = {(void *)(uintptr_t)own_certificate,
                                (unsigned)strlen(own_certificate)};
    int r = gnutls_x509_crt_init(&making->own);
    r = r < 0 ? r : gnutls_pubkey_init(&making->own_public);
    r = r < 0 ? r : gnutls_x509_crt_import(making->own, &pem, GNUTLS_X509_FMT_PEM);
    r = r < 0 ? r : gnutls_pubkey_import_x509(making->own_public, making->own, 0);
    return r < 0 ? r : gnutls_x509_crt_set_pubkey(making->certificate, making->own_public);
}

static int set_key(struct making *making, const struct certificate_order *order)
{
    if (order->own_certificate) {
        assert(order->authority);
        return set_public(making, order->own_certificate);
    }
    int r = make_key(making, order->own_key);
    r = r < 0 ? r : gnutls_x509_crt_set_key(making->certificate, making->key);
    return r < 0 || order->own_key
               ? r
               : gnutls_x509_privkey_export2(making->key, GNUTLS_X509_FMT_PEM, &making->key_pem);
}

static int certificate_fill(struct making *making, const struct certificate_order *order)
{
    int r = gnutls_x509_privkey_init(&making->key);
    r = r < 0 ? r : gnutls_x509_crt_init(&making->certificate);
    r = r < 0 || !order->authority ? r : read_authority(making, order);
    gnutls_x509_crt_t signer = order->authority ? making->authority : making->certificate;
    gnutls_x509_privkey_t signing = order->authority ? making->authority_key : making->key;
    r = r < 0 ? r : describe(making->certificate, order);
    r = r < 0 ? r : set_key(making, order);
    r = r < 0 ? r : set_key_ids(making->certificate, signer);
    r = r < 0 ? r
              : gnutls_x509_crt_sign2(making->certificate, signer, signing, GNUTLS_DIG_SHA256, 0);
    return r < 0 ? r
                 : gnutls_x509_crt_export2(making->certificate, GNUTLS_X509_FMT_PEM,
                                           &making->certificate_pem);
}

int certificate_issue(const struct certificate_order *order, char **ret_certificate, char **ret_key,
                      struct error *err)
{
    CLEANUP(making_done) struct making making = {0};
    int r = certificate_fill(&making, order);
    if (r < 0) {
        return error_set(err, -EIO, "making a certificate: %s", gnutls_strerror(r));
    }
    CLEANUP(freep)
    char *certificate = strndup((char *)making.certificate_pem.data, making.certificate_pem.size);
    /* An own key as it came: what GnuTLS 3.7.9 writes of a PKCS #8 key that it has read, as openssl
     * makes them, no one can read. */
    CLEANUP(freep)
    char *key = making.key_pem.data ? strndup((char *)making.key_pem.data, making.key_pem.size)
                                    : strdup(order->own_key ? order->own_key : "");
    if (!certificate || !key) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    *ret_certificate = TAKE(certificate);
    *ret_key = TAKE(key);
    return 0;
}

int certificate_make(const char *const *names, size_t len, char **ret_certificate, char **ret_key,
                     struct error *err)
{
    const struct certificate_order order = {.common_name = names[0],
                                            .names = names,
                                            .name_len = len,
                                            .is_server = true,
                                            .days = own_days};
    return certificate_issue(&order, ret_certificate, ret_key, err);
}

static int compare_key(struct making *making, const char *key, const char **ret_what)
{
    unsigned char id[hash_size], key_id[hash_size];
    size_t size = sizeof(id), key_size = sizeof(key_id);
    const gnutls_datum_t text = {(void *)(uintptr_t)key, (unsigned)strlen(key)};
    *ret_what = "the key cannot be read";
    int r = gnutls_x509_privkey_import2(making->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
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

static int certificate_judge(struct making *making, const char *certificate, const char *key,
                             const char **ret_what)
{
    const gnutls_datum_t text = {(void *)(uintptr_t)certificate, (unsigned)strlen(certificate)};
    int r = gnutls_x509_crt_init(&making->certificate);
    r = r < 0 ? r : gnutls_x509_privkey_init(&making->key);
    *ret_what = "the certificate cannot be read";
    r = r < 0 ? r : gnutls_x509_crt_import(making->certificate, &text, GNUTLS_X509_FMT_PEM);
    return r < 0 || !key ? r : compare_key(making, key, ret_what);
}

static void look_at_times(gnutls_x509_crt_t certificate, struct certificate_facts *ret)
{
    const time_t day = (time_t)24 * 3600;
    time_t now = time(NULL), end = gnutls_x509_crt_get_expiration_time(certificate);
    time_t begin = gnutls_x509_crt_get_activation_time(certificate);
    struct tm broken;
    ret->until_ms = end > 0 ? (uint64_t)end * 1000 : 0;
    ret->is_valid_now = begin <= now && now < end;
    ret->days_left = now < end ? (int)((end - now) / day) : 0;
    ret->days = begin < end ? (int)((end - begin) / day) : 0;
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
        (void)snprintf(ret->fingerprint + 3 * i, sizeof(ret->fingerprint) - 3 * i,
                       i + 1 < hash_size ? "%02X:" : "%02X", hash[i]);
    }
    look_at_times(making.certificate, ret);
    return 0;
}

static int read_certificate(const char *pem, gnutls_x509_crt_t *ret)
{
    const gnutls_datum_t text = {(void *)(uintptr_t)pem, (unsigned)strlen(pem)};
    int r = gnutls_x509_crt_init(ret);
    return r < 0 ? r : gnutls_x509_crt_import(*ret, &text, GNUTLS_X509_FMT_PEM);
}

/* All that a text holds. Start with {0}. */
struct bundle {
    gnutls_x509_crt_t *items;
    unsigned len;
};

static void bundle_done(struct bundle *bundle)
{
    for (unsigned i = 0; i < bundle->len; i++) {
        gnutls_x509_crt_deinit(bundle->items[i]);
    }
    gnutls_free(bundle->items);
}

static int read_bundle(const char *pem, struct bundle *ret)
{
    const gnutls_datum_t text = {(void *)(uintptr_t)pem, (unsigned)strlen(pem)};
    int r = gnutls_x509_crt_list_import2(&ret->items, &ret->len, &text, GNUTLS_X509_FMT_PEM, 0);
    if (r < 0) {
        *ret = (struct bundle){0};
    }
    return r;
}

bool certificate_is_from(const char *certificate, const char *authorities)
{
    CLEANUP(making_done) struct making making = {0};
    CLEANUP(bundle_done) struct bundle trusted = {0};
    unsigned status = 0;
    int r = read_certificate(certificate, &making.certificate);
    r = r < 0 ? r : read_bundle(authorities, &trusted);
    /* Who signed it does not change with the time. */
    r = r < 0 ? r
              : gnutls_x509_crt_verify(making.certificate, trusted.items, trusted.len,
                                       GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                           GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS,
                                       &status);
    return r >= 0 && status == 0;
}

bool certificate_is_for(const char *certificate, const char *name)
{
    CLEANUP(making_done) struct making making = {0};
    return read_certificate(certificate, &making.certificate) >= 0 &&
           gnutls_x509_crt_check_hostname(making.certificate, name) != 0;
}

bool certificate_is_called(const char *certificate, const char *common_name)
{
    CLEANUP(bundle_done) struct bundle bundle = {0};
    char name[200], wanted[200];
    size_t size = sizeof(name);
    (void)snprintf(wanted, sizeof(wanted), "CN=%s", common_name);
    return read_bundle(certificate, &bundle) >= 0 && bundle.len == 1 &&
           gnutls_x509_crt_get_dn(bundle.items[0], name, &size) >= 0 && strcmp(name, wanted) == 0;
}

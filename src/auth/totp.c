/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/totp.h"

#include "base/hex.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>

/* A key of its own: what else comes from the same password says nothing of it. */
#define PURPOSE "berth totp 1"

enum {
    nonce_size = 12,
    tag_size = 16,
    box_size_max = nonce_size + totp_secret_max + tag_size,
    digest_size = 20, /* SHA-1 */
};

static_assert((int)access_totp_size >= 2 * (int)box_size_max + 1, "a box as hexadecimal digits");
static_assert(sizeof(((struct totp_key *)0)->bytes) == 32, "a key of ChaCha20 and a SHA-256");

bool totp_key_make(const char *password, struct totp_key *ret)
{
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, password, strlen(password), PURPOSE,
                            sizeof(PURPOSE) - 1, ret->bytes) == 0;
}

/* ---- the secret ---- */

/* -1: no digit. */
static int base32_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char upper = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    const char *at = upper ? strchr(digits, upper) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool totp_secret_read(const char *text, struct totp_secret *ret)
{
    uint32_t bits = 0, bit_len = 0;
    *ret = (struct totp_secret){0};
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '=') { /* what fills up the last group */
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        int value = base32_value(text[i]);
        if (text[i] == ' ') {
            continue;
        }
        if (value < 0 || (bit_len >= 3 && ret->size == totp_secret_max)) {
            return false;
        }
        bits = bits << 5 | (uint32_t)value;
        bit_len += 5;
        if (bit_len >= 8) {
            bit_len -= 8;
            ret->bytes[ret->size++] = (unsigned char)(bits >> bit_len);
            bits &= (1U << bit_len) - 1;
        }
    }
    return ret->size >= totp_secret_min;
}

/* ---- codes ---- */

void totp_code(const struct totp_secret *secret, uint64_t step, char ret[static totp_code_len + 1])
{
    unsigned char counter[8], digest[digest_size];
    ret[0] = '\0';
    for (size_t i = 0; i < sizeof(counter); i++) {
        counter[i] = (unsigned char)(step >> (8 * (sizeof(counter) - 1 - i)));
    }
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA1, secret->bytes, secret->size, counter, sizeof(counter),
                         digest) != 0) {
        return;
    }
    /* RFC 4226, section 5.3: four bytes from where the last one says, without the sign. */
    size_t at = digest[digest_size - 1] & 0x0f;
    uint32_t number = (uint32_t)(digest[at] & 0x7f) << 24 | (uint32_t)digest[at + 1] << 16 |
                      (uint32_t)digest[at + 2] << 8 | digest[at + 3];
    (void)snprintf(ret, totp_code_len + 1, "%06u", number % 1000000);
}

bool totp_matches(const struct totp_secret *secret, const char *code, uint64_t now_step,
                  uint64_t used_step, uint64_t *ret_step)
{
    bool is_found = false;
    if (strlen(code) != totp_code_len) {
        return false;
    }
    /* All three each time: how long it takes says nothing. */
    for (uint64_t step = now_step > 0 ? now_step - 1 : 0; step <= now_step + 1; step++) {
        char right[totp_code_len + 1];
        totp_code(secret, step, right);
        if (right[0] && gnutls_memcmp(right, code, totp_code_len) == 0 && step > used_step) {
            is_found = true;
            *ret_step = step;
        }
    }
    return is_found;
}

/* ---- at rest ---- */

static bool make_cipher(const struct totp_key *key, gnutls_aead_cipher_hd_t *ret)
{
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)key->bytes, sizeof(key->bytes)};
    return gnutls_aead_cipher_init(ret, GNUTLS_CIPHER_CHACHA20_POLY1305, &data) == 0;
}

bool totp_seal(const struct totp_key *key, const char *user, const struct totp_secret *secret,
               char ret[static access_totp_size])
{
    unsigned char box[box_size_max];
    size_t size = sizeof(box) - nonce_size;
    gnutls_aead_cipher_hd_t cipher;
    ret[0] = '\0';
    if (gnutls_rnd(GNUTLS_RND_NONCE, box, nonce_size) != 0 || !make_cipher(key, &cipher)) {
        return false;
    }
    int r = gnutls_aead_cipher_encrypt(cipher, box, nonce_size, user, strlen(user), tag_size,
                                       secret->bytes, secret->size, box + nonce_size, &size);
    gnutls_aead_cipher_deinit(cipher);
    if (r == 0) {
        hex_write(box, nonce_size + size, ret);
    }
    return r == 0;
}

bool totp_open(const struct totp_key *key, const char *user, const char *sealed,
               struct totp_secret *ret)
{
    unsigned char box[box_size_max];
    size_t size = hex_read(sealed, box, sizeof(box));
    gnutls_aead_cipher_hd_t cipher;
    *ret = (struct totp_secret){.size = sizeof(ret->bytes)};
    if (size <= nonce_size + tag_size || !make_cipher(key, &cipher)) {
        return false;
    }
    int r = gnutls_aead_cipher_decrypt(cipher, box, nonce_size, user, strlen(user), tag_size,
                                       box + nonce_size, size - nonce_size, ret->bytes, &ret->size);
    gnutls_aead_cipher_deinit(cipher);
    return r == 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second factor of a user: a code that changes every half minute (TOTP, RFC 6238, with what all
 * authenticator apps do: SHA-1, six digits, 30 s). Its secret is stored sealed (ChaCha20-Poly1305)
 * under a key that every berth-api has and the store has not, for that user alone: a backup, or who
 * reads the store, has nothing to make codes of. Nothing here keeps anything; any thread.
 */
#pragma once

#include "model/record.h"

enum {
    totp_secret_min = 16, /* RFC 4226, section 4: 128 bits */
    totp_secret_max = 64,
    totp_step_ms = 30 * 1000,
    totp_code_len = 6,
};

struct totp_secret {
    unsigned char bytes[totp_secret_max];
    size_t size;
};

struct totp_key {
    unsigned char bytes[32];
};

/* The key that comes from 'password', which all hosts have. False: the library does not work. */
bool totp_key_make(const char *password, struct totp_key *ret);

/* Base32 (RFC 4648) in capitals or small letters, with spaces or without: as people type it.
 * False: it is something else, or too short or too long. */
bool totp_secret_read(const char *text, struct totp_secret *ret);

/* The code of that step, "" where the library does not work. */
void totp_code(const struct totp_secret *secret, uint64_t step, char ret[static totp_code_len + 1]);

/*
 * Whether 'code' is the one of 'now_step', or of the one before or behind it, as clocks differ (RFC
 * 6238, section 5.2), and is newer than 'used_step', the last one that was used. '*ret_step' is its
 * step then.
 */
bool totp_matches(const struct totp_secret *secret, const char *code, uint64_t now_step,
                  uint64_t used_step, uint64_t *ret_step);

/* The sealed text of 'secret' for the record of 'user'. */
bool totp_seal(const struct totp_key *key, const char *user, const struct totp_secret *secret,
               char ret[static access_totp_size]);
/* False: it was sealed under another key, for another user, or is damaged. */
bool totp_open(const struct totp_key *key, const char *user, const char *sealed,
               struct totp_secret *ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Second factors as api_gate.c uses them: their key, their clock, and what is answered. */
#pragma once

#include "api/api.h"
#include "auth/totp.h"
#include "http/http.h"
#include "run/config.h"

struct gate_totp {
    struct totp_key key;
    bool has_key; /* this host has the secret that all hosts share */
};

/* Reads that secret; where it cannot, the journal says so. */
void gate_totp_start(struct gate_totp *totp, const struct config *config);

/* Whether 'code' is the one of the user of 'record' now, and was not used yet: '*ret_step' is its
 * step then. Else 'exchange' is answered, and '*ret_is_guess' says whether that was a wrong code.
 */
bool gate_totp_check(const struct gate_totp *totp, const struct record *record, const char *code,
                     struct http_exchange *exchange, uint64_t *ret_step, bool *ret_is_guess);

/* Seals 'secret' for 'user', if 'code' shows that an app has it; else 'exchange' is answered. */
bool gate_totp_make(const struct gate_totp *totp, const char *user, const char *secret,
                    const char *code, struct http_exchange *exchange, struct api_credential *ret);

/* Answers a login whose code could not be noted as used, for it can be used once. */
void gate_totp_refuse_unmarked(struct http_exchange *exchange, enum txn_outcome outcome);

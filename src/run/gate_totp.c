/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/gate_totp.h"

#include "loop/clock.h"
#include "run/api_op.h"
#include "run/journal.h"

#include <string.h>

void gate_totp_start(struct gate_totp *totp, const struct config *config)
{
    char password[config_text_size];
    struct error err;
    if (!config_has_hosts_secret(config)) {
        return;
    }
    if (config_read_hosts_secret(config, password, sizeof(password), &err) < 0) {
        journal_line(LOG_ERR, "no second factors: %s", err.text);
        return;
    }
    totp->has_key = totp_key_make(password, &totp->key);
    explicit_bzero(password, sizeof(password));
}

static uint64_t step_now(void)
{
    return (uint64_t)clock_wall_ms() / totp_step_ms;
}

bool gate_totp_check(const struct gate_totp *totp, const struct record *record, const char *code,
                     struct http_exchange *exchange, uint64_t *ret_step, bool *ret_is_guess)
{
    struct totp_secret secret;
    *ret_is_guess = false;
    if (!totp->has_key || !totp_open(&totp->key, record->key.name, record->access->totp, &secret)) {
        api_answer_refuse(exchange, 503, "no-totp-key",
                          "the second factor cannot be checked here: it was sealed with another "
                          "secret than this host has. An administrator can take it away");
        return false;
    }
    bool is_right = totp_matches(&secret, code, step_now(), record->access->totp_step, ret_step);
    explicit_bzero(&secret, sizeof(secret));
    if (!is_right) {
        *ret_is_guess = true;
        api_answer_refuse(exchange, 401, "wrong-code",
                          "the code is wrong or was used already: wait for the next one");
    }
    return is_right;
}

bool gate_totp_make(const struct gate_totp *totp, const char *user, const char *secret,
                    const char *code, struct http_exchange *exchange, struct api_credential *ret)
{
    struct totp_secret parsed;
    *ret = (struct api_credential){0};
    bool is_secret = totp_secret_read(secret, &parsed);
    bool is_made = false;
    if (!totp->has_key) {
        api_answer_refuse(exchange, 409, "no-totp-key",
                          "second factors need a secret that all hosts share: set "
                          "api_etcd_password_file or screen_secret_file in berth.conf");
    } else if (!is_secret) {
        api_answer_refuse(exchange, 400, "bad-secret", "secret: must be 128 to 512 bits in base32");
    } else if (!totp_matches(&parsed, code, step_now(), 0, &ret->totp_step)) {
        api_answer_refuse(exchange, 403, "wrong-code",
                          "this is not the code of the secret now; compare the clock of the device "
                          "with that of this host. Nothing was changed");
    } else if (!totp_seal(&totp->key, user, &parsed, ret->totp)) {
        api_answer_refuse(exchange, 500, "no-seal", "the secret could not be sealed");
    } else {
        is_made = true;
    }
    explicit_bzero(&parsed, sizeof(parsed));
    return is_made;
}

void gate_totp_refuse_unmarked(struct http_exchange *exchange, enum txn_outcome outcome)
{
    if (outcome == TXN_REFUSED) {
        api_answer_refuse(exchange, 401, "wrong-code",
                          "the user was changed or the code used at the same moment: wait for the "
                          "next one");
        return;
    }
    api_answer_refuse(exchange, 503, "store-down",
                      "logging in with a second factor is not possible while the store does not "
                      "answer, as each code is valid once: check that etcd runs, then take the "
                      "next code");
}

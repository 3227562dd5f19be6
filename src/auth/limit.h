/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often may someone guess: a few times at once, then after a delay that doubles with each
 * failure. Counted by what the caller names, such as an address; each attempt counts as a failure
 * until it is forgiven, so that many at the same time are no way around. Bounded: the longest
 * untouched entry goes first. Time comes in with the call.
 */
#pragma once

#include "base/types.h"

enum {
    auth_limit_entries_max = 1024,
    auth_limit_key_size = 128,
    auth_limit_delay_max_ms = 60 * 1000, /* a person behind the same address must get in */
    auth_limit_forget_ms = 15 * 60 * 1000,
    /* Three of 10^6 codes are valid at a time, and each host counts alone: at one guess an hour,
     * ten hosts withstand someone who has the password for years, and each guess is told. */
    auth_limit_code_delay_max_ms = 60 * 60 * 1000,
    auth_limit_code_forget_ms = 24 * 60 * 60 * 1000,
    auth_limit_code_free_len = 5,
};

struct auth_limit {
    struct {
        char key[auth_limit_key_size]; /* "": free */
        unsigned failures;
        msec_t last_ms, until_ms;
    } entries[auth_limit_entries_max];
};

/* 0: it may be tried now, and is counted; else so long it must wait, and nothing is counted. The
 * first 'free_len' failures cost no delay. */
msec_t auth_limit_try(struct auth_limit *limit, const char *key, unsigned free_len, msec_t now_ms);

/* The same for codes of a second factor, which are short: the delay grows to an hour. */
msec_t auth_limit_try_code(struct auth_limit *limit, const char *key, msec_t now_ms);

/* The same with a plain budget: 'budget' attempts in each 'window_ms', and no delay that grows. For
 * what many share, where a delay would let one of them keep out the others. */
msec_t auth_limit_spend(struct auth_limit *limit, const char *key, unsigned budget,
                        msec_t window_ms, msec_t now_ms);

/* It was right after all: the key's failures are forgotten. */
void auth_limit_forgive(struct auth_limit *limit, const char *key);

/* What is counted for an address: IPv6 by its first 64 bits, as those are one subscriber's. */
void auth_limit_address(const char *address, char ret[static auth_limit_key_size]);

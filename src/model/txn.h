/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A store transaction: if every guard holds, do every write, in one revision; else nothing.
 * What it demands and writes are values; src/wire makes bytes of them.
 */
#pragma once

#include "model/record.h"

struct guard {
    struct record_key key;
    revision_t revision; /* the key's mod revision must be this; 0: the key must not exist */
};

struct write {
    struct record_key key;
    struct record *value; /* a reference of the transaction; NULL: delete */
};

struct txn {
    VEC(struct guard) guards;
    VEC(struct write) writes;
    bool failed; /* memory ran out while it was built: do not send it */
};

void txn_done(struct txn *txn);
void txn_guard(struct txn *txn, const struct record_key *key, revision_t revision);
/* Takes over 'value' (NULL turns the transaction 'failed'). */
void txn_put(struct txn *txn, struct record *value);
void txn_delete(struct txn *txn, const struct record_key *key);
/* Whether it demands a revision of that key, or that there is none. */
bool txn_demands(const struct txn *txn, const struct record_key *key);

/* How a transaction ended. */
#define TXN_OUTCOME_LIST(X)                                                                        \
    X(TXN_COMMITTED, "committed")                                                                  \
    X(TXN_REFUSED, "refused")       /* a guard did not hold: nothing was written */                \
    X(TXN_UNKNOWN, "unknown")       /* the reply was lost: read back, then decide */               \
    X(TXN_IMPOSSIBLE, "impossible") /* it never left this process, or the store refused its form   \
                                     */
ENUM_DECLARE(txn_outcome, TXN_OUTCOME_LIST)

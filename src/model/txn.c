/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/txn.h"

#include <string.h>

ENUM_DEFINE(txn_outcome, TXN_OUTCOME_LIST)

void txn_done(struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        record_unref(write->value);
    }
    VEC_DONE(&txn->guards);
    VEC_DONE(&txn->writes);
    txn->failed = false;
}

void txn_guard(struct txn *txn, const struct record_key *key, revision_t revision)
{
    struct guard *guard = VEC_ADD(&txn->guards);
    if (!guard) {
        txn->failed = true;
        return;
    }
    guard->key = *key;
    guard->revision = revision;
}

void txn_put(struct txn *txn, struct record *value)
{
    struct write *write = value ? VEC_ADD(&txn->writes) : NULL;
    if (!write) {
        record_unref(value);
        txn->failed = true;
        return;
    }
    write->key = value->key;
    write->value = value;
}

void txn_delete(struct txn *txn, const struct record_key *key)
{
    struct write *write = VEC_ADD(&txn->writes);
    if (!write) {
        txn->failed = true;
        return;
    }
    write->key = *key;
}

bool txn_demands(const struct txn *txn, const struct record_key *key)
{
    VEC_EACH(&txn->guards, guard) {
        if (record_key_compare(&guard->key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the coordinator tells of all heartbeats, for berth-api, which watches none: one record,
 * written together with the pulse when something of it has changed. Nothing in the core reads it.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

struct summary_writer {
    struct record *told, *sent; /* in the store, and on its way; NULL: none of this process is */
    uint64_t number;            /* of the last one that was made */
};

/* The coordinator's. Adds to 'txn' a summary of 'term' if the one in the store no longer holds,
 * unless one is on its way; returns the number of the one that holds once 'txn' is committed. */
uint64_t summary_add(struct core *core, struct summary_writer *writer, uint64_t term,
                     struct txn *txn);
/* That transaction was answered: it is in the store, or must be written again. */
void summary_answered(struct summary_writer *writer, bool is_written);
void summary_clear(struct summary_writer *writer);

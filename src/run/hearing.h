/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a core hears a store: each word of the store's observer as an event of the core. Neither
 * steps a core nor performs anything: that is the owner's.
 *
 * Callbacks: the loop's thread.
 */
#pragma once

#include "core/event.h"
#include "run/store.h"

struct hearing {
    /* What 'event' points to is lent for the call. */
    void (*hear)(void *owner, const struct core_event *event);
    void *owner;
    struct store *const *store; /* where the owner keeps it */
};

/* To observe a store with; its userdata is a struct hearing, which must outlive the store. */
extern const struct store_observer hearing_observer;

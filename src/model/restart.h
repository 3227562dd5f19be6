/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done when a VM fails, or its guest stands still. */
#pragma once

#include "base/types.h"

/* What is done when the guest of a VM stands still, though its QEMU runs. */
#define GUEST_WATCH_LIST(X)                                                                        \
    X(GUEST_WATCH_OFF, "off")         /* it is told */                                             \
    X(GUEST_WATCH_RESTART, "restart") /* it is turned off; then as if it had failed */
ENUM_DECLARE(guest_watch, GUEST_WATCH_LIST)

struct vm_restart_policy {
    uint32_t restarts_max;    /* on the node before it fails over */
    msec_t window_ms;         /* a VM that ran this long has its counts cleared */
    uint32_t failovers_max;   /* then it is failed */
    uint32_t host_losses_max; /* with so many hosts lost under it it is failed; 0: any number */
};

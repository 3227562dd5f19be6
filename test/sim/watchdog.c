/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's watchdog hardware: counts by the host's clock, outlives berthd, resets the host. */
#include "test/sim/internal.h"

static void expire(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    if (!host->is_watchdog_armed || host->watchdog_number != happening->id) {
        return;
    }
    host_power_off(sim, host);
    host_power_on(sim, host);
}

static void set_going(struct sim *sim, struct host *host)
{
    host->petted_ms = host_now(sim, host);
    host->watchdog_number++;
    msec_t wait_ms = host_until(sim, host, host->petted_ms + host->watchdog_ms);
    later(sim, wait_ms + host->config->watchdog_late_ms, expire, host)->id = host->watchdog_number;
}

void watchdog_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_WATCHDOG_DISARM) {
        host->is_let_go = true;
        host->is_watchdog_armed &= host->config->is_nowayout;
    } else if (action->kind == ACTION_WATCHDOG_PET) {
        if (host->is_watchdog_armed && host_now(sim, host) <= action->deadline_ms) {
            set_going(sim, host);
            check_pet(sim, host);
        }
    } else if (host->is_watchdog_broken || host->config->has_no_watchdog) {
        process_answer(sim, host, 1, action->id, CORE_FAILED, "the device does not answer");
    } else {
        host->is_watchdog_armed = true;
        host->is_let_go = false;
        host->watchdog_ms = action->limit_ms;
        set_going(sim, host);
        check_pet(sim, host);
        process_answer(sim, host, 1 + sim_delay(sim), action->id, CORE_DONE, NULL);
    }
}

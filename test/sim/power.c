/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fence agents: turn a host off and look whether it is; or fail, before or after; or hang. */
#include "test/sim/internal.h"

enum { off_ms = 800, status_ms = 700 };

struct fencing_run {
    struct host *target;
    uint64_t answer_id;
    uint64_t life;
    enum core_result result;
    bool is_off;
};

static void answer(struct sim *sim, const struct happening *happening)
{
    const struct fencing_run *run = happening->data;
    if (happening->host->life == run->life) {
        process_answer(sim, happening->host, 0, run->answer_id, run->result,
                       run->result == CORE_DONE     ? NULL
                       : run->result == CORE_FAILED ? "the agent says: connection failed"
                                                    : "the agent did not end in time");
    }
}

static void turn_off(struct sim *sim, const struct happening *happening)
{
    host_power_off(sim, happening->host);
}

static bool take(uint32_t *count)
{
    if (*count == 0) {
        return false;
    }
    --*count;
    return true;
}

void power_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct host *target = must(host_known_as(sim, action->name));
    struct fencing_run *run = NEW(struct fencing_run);
    if (action->kind == ACTION_FENCE_OFF) {
        check_disarmed_power(sim, host, target);
    }
    *run = (struct fencing_run){.answer_id = action->id, .life = host->life};
    msec_t wait_ms = off_ms + status_ms;
    bool is_dead = action->count < target->config->dead_levels;
    if (!is_dead && take(&target->hung_fences)) {
        run->result = CORE_UNKNOWN;
        wait_ms = host_until(sim, host, host_now(sim, host) + action->limit_ms);
    } else if (is_dead || take(&target->bad_fences)) {
        run->result = CORE_FAILED;
    } else {
        run->result = CORE_DONE;
    }
    if (action->kind == ACTION_FENCE_STATUS) {
        if (run->result == CORE_DONE && target->has_power) {
            run->result = CORE_FAILED; /* it is on */
        }
        struct happening *told = later(sim, MIN(wait_ms, (msec_t)status_ms), answer, host);
        told->data = run;
        told->drop = free;
        return;
    }
    /* With noise, an agent that fails may have done its work. */
    bool acts = run->result == CORE_DONE ||
                (!is_dead && sim->noise.delay_ms > 0 && rng_chance(&sim->rng, 1, 2));
    if (acts) {
        later(sim, off_ms, turn_off, target);
    }
    struct happening *happening = later(sim, wait_ms, answer, host);
    happening->data = run;
    happening->drop = free;
}

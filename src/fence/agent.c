/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of one request:
 *
 *     describe (metadata) --each parameter is one of its own--> act (the action itself)
 *     act --ok, off or on--> confirm (status) --as wanted--> done
 *                              |  ^
 *                              +--+ not yet: again after a pause, some times
 *
 * One agent runs at a time, as a child process whose limit is that of the whole request. None is
 * ever root: see sandbox.c.
 */
#include "fence/internal.h"
#include "loop/child.h"
#include "loop/timer.h"
#include "wire/fence_metadata.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    capture_size_max = 256 * 1024, /* a description is some 40 KiB */
    confirm_tries_max = 5,
    confirm_pause_ms = 500,
    quote_size = 160,
    text_size = 400,
};

enum fence_step { STEP_DESCRIBE, STEP_ACT, STEP_CONFIRM, STEP_PAUSE };

struct fence_run {
    sd_event *event;
    struct fence_plan plan;
    fence_done_fn *done;
    void *userdata;
    enum fence_step step;
    unsigned confirm_tries;
    enum fence_power power;

    struct child *child;              /* NULL: no agent runs */
    const struct child_result *ended; /* lent: how the last one ended; NULL: it has not */
    struct loop_timer limit, pause;
};

static int begin_step(struct fence_run *run, enum fence_step step, struct error *err);

struct fence_run *fence_cancel(struct fence_run *run)
{
    if (!run) {
        return NULL;
    }
    run->child = child_free(run->child);
    loop_timer_done(&run->limit);
    loop_timer_done(&run->pause);
    (void)sd_event_unref(run->event);
    fence_plan_done(&run->plan);
    free(run);
    return NULL;
}

/* ---- the outcome ---- */

static void fence_finish(struct fence_run *run, enum fence_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

/*
 * Frees the run. FENCE_DONE of FENCE_OFF starts VMs elsewhere, so it is reported only when the
 * agent's status, asked after the action, says off: an agent that only ran without an error proves
 * nothing.
 */
static void fence_finish(struct fence_run *run, enum fence_outcome outcome, const char *format, ...)
{
    char text[text_size];
    va_list args;
    assert(outcome != FENCE_DONE || run->plan.action != FENCE_OFF || run->power == FENCE_POWER_OFF);
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct fence_result result = {
        .outcome = outcome,
        .power = run->power,
        .text = text,
        .output = run->plan.action == FENCE_METADATA && run->ended ? run->ended->output : "",
    };
    if (!run->ended) {
        run->child = child_free(run->child); /* before anybody is told that it was killed */
    }
    run->done(run->userdata, &result);
    (void)fence_cancel(run);
}

/* What the agent that ended has said, as ": its words", or "". 'ret' has quote_size + 4 bytes. */
static const char *quote(const struct fence_run *run, char *ret)
{
    char line[quote_size];
    ret[0] = '\0';
    if (fence_plan_quote(&run->plan, run->ended->errors, run->ended->output, line,
                         sizeof(line))[0]) {
        (void)snprintf(ret, quote_size + 4, ": %s", line);
    }
    return ret;
}

static const char *wanted(const struct fence_run *run)
{
    return fence_action_name(run->plan.action);
}

/* What the agent that runs, or ran last, was asked. */
static const char *action_of(const struct fence_run *run)
{
    return run->step == STEP_DESCRIBE  ? "metadata"
           : run->step == STEP_CONFIRM ? "status"
                                       : wanted(run);
}

static void confirm_again(struct fence_run *run);

/* The status of a confirmation, or the action status itself: exit code 0 is on, 2 is off. */
static void take_status(struct fence_run *run, int code)
{
    char why[quote_size + 4];
    const char *agent = run->plan.agent;
    run->power = code == 0 ? FENCE_POWER_ON : code == 2 ? FENCE_POWER_OFF : FENCE_POWER_UNKNOWN;
    if (run->plan.action == FENCE_STATUS) {
        if (run->power == FENCE_POWER_UNKNOWN) {
            fence_finish(run, FENCE_FAILED, "%s status failed (exit code %d)%s", agent, code,
                         quote(run, why));
        } else {
            fence_finish(run, FENCE_DONE, "%s says %s", agent, fence_power_name(run->power));
        }
        return;
    }
    bool is_as_wanted =
        run->power == (run->plan.action == FENCE_OFF ? FENCE_POWER_OFF : FENCE_POWER_ON);
    if (is_as_wanted) {
        fence_finish(run, FENCE_DONE, "%s turned it %s, and its status says so", agent,
                     wanted(run));
    } else if (++run->confirm_tries < confirm_tries_max) {
        confirm_again(run);
    } else if (run->power == FENCE_POWER_UNKNOWN) {
        fence_finish(run, FENCE_UNKNOWN,
                     "%s said that it turned it %s, but its status fails (exit code "
                     "%d)%s",
                     agent, wanted(run), code, quote(run, why));
    } else {
        fence_finish(run, FENCE_FAILED, "%s said that it turned it %s, but its status says %s",
                     agent, wanted(run), fence_power_name(run->power));
    }
}

/* Nothing has acted yet: whatever is wrong here, the machine is as it was. */
static void take_description(struct fence_run *run, int code)
{
    char why[quote_size + 4];
    struct error err;
    if (code != 0) {
        fence_finish(run, FENCE_FAILED, "%s metadata failed (exit code %d)%s", run->plan.agent,
                     code, quote(run, why));
    } else if (fence_metadata_check(run->plan.agent, run->ended->output, run->plan.parameters.items,
                                    run->plan.parameters.len, &err) < 0 ||
               begin_step(run, STEP_ACT, &err) < 0) {
        fence_finish(run, FENCE_FAILED, "%s", err.text);
    }
}

static void take_action_result(struct fence_run *run, int code)
{
    char why[quote_size + 4];
    struct error err;
    if (code != 0) {
        fence_finish(run, FENCE_FAILED, "%s %s failed (exit code %d)%s", run->plan.agent,
                     wanted(run), code, quote(run, why));
    } else if (run->plan.action == FENCE_MONITOR || run->plan.action == FENCE_METADATA) {
        fence_finish(run, FENCE_DONE, "%s answers", run->plan.agent);
    } else if (begin_step(run, STEP_CONFIRM, &err) < 0) {
        fence_finish(run, FENCE_UNKNOWN,
                     "%s said that it turned it %s, but its status could not be "
                     "asked: %s",
                     run->plan.agent, wanted(run), err.text);
    }
}

static void agent_ended(void *userdata, const struct child_result *result)
{
    struct fence_run *run = userdata;
    run->ended = result;
    if (run->step == STEP_DESCRIBE && result->end == CHILD_EXITED) {
        take_description(run, result->status);
    } else if (result->end != CHILD_EXITED) {
        fence_finish(run, run->step == STEP_DESCRIBE ? FENCE_FAILED : FENCE_UNKNOWN,
                     "%s %s was killed by signal %d before it ended", run->plan.agent,
                     action_of(run), result->status);
    } else if (run->step == STEP_CONFIRM || run->plan.action == FENCE_STATUS) {
        take_status(run, result->status);
    } else {
        take_action_result(run, result->status);
    }
}

static void pause_is_over(void *userdata)
{
    struct fence_run *run = userdata;
    struct error err;
    if (begin_step(run, STEP_CONFIRM, &err) < 0) {
        fence_finish(run, FENCE_UNKNOWN, "%s could not be asked for the status: %s",
                     run->plan.agent, err.text);
    }
}

static void confirm_again(struct fence_run *run)
{
    run->step = STEP_PAUSE;
    loop_timer_after(&run->pause, confirm_pause_ms);
}

static void limit_has_passed(void *userdata)
{
    struct fence_run *run = userdata;
    if (run->step == STEP_ACT || run->step == STEP_DESCRIBE) {
        fence_finish(run, run->step == STEP_ACT ? FENCE_UNKNOWN : FENCE_FAILED,
                     "%s %s did not end within %lld ms and was killed", run->plan.agent,
                     action_of(run), (long long)run->plan.limit_ms);
    } else {
        fence_finish(run, run->power == FENCE_POWER_UNKNOWN ? FENCE_UNKNOWN : FENCE_FAILED,
                     "%s said that it turned it %s, but after %lld ms its status says %s",
                     run->plan.agent, wanted(run), (long long)run->plan.limit_ms,
                     fence_power_name(run->power));
    }
}

/* ---- starting an agent ---- */

/* A description needs no parameters, and an agent that has not been checked gets no secrets. */
static int start_agent(struct fence_run *run, const char *action)
{
    struct fence_sandbox sandbox;
    bool has_input = run->step != STEP_DESCRIBE && run->plan.action != FENCE_METADATA;
    CLEANUP(buf_done) struct buf input = {0};
    buf_printf(&input, "action=%s\n%s", action, has_input ? buf_str(&run->plan.input) : "");
    if (input.failed) {
        return -ENOMEM;
    }
    fence_sandbox_make(run->plan.program, run->plan.limit_ms, fence_sandbox_has_units(), &sandbox);
    const struct child_order order = {
        .program = sandbox.arguments[0],
        .arguments = sandbox.arguments,
        .input = input.data,
        .input_size = input.size,
        .output_max = capture_size_max,
        .limit_ms = MSEC_NEVER, /* the request has one, over all its agents */
    };
    run->child = child_free(run->child);
    run->ended = NULL;
    int r = child_start(run->event, &order, agent_ended, run, &run->child);
    explicit_bzero(input.data, input.size);
    return r;
}

static int begin_step(struct fence_run *run, enum fence_step step, struct error *err)
{
    run->step = step;
    int r = start_agent(run, action_of(run));
    if (r < 0) {
        return error_set(err, r, "%s cannot be run: %s", run->plan.program, strerror(-r));
    }
    return 0;
}

static int set_timers(struct fence_run *run, msec_t limit_ms)
{
    int r = loop_timer_init(&run->pause, run->event, CLOCK_MONOTONIC, pause_is_over, run);
    if (r < 0) {
        return r;
    }
    r = loop_timer_init(&run->limit, run->event, CLOCK_MONOTONIC, limit_has_passed, run);
    if (r < 0) {
        return r;
    }
    loop_timer_after(&run->limit, MAX(limit_ms, INT64_C(1)));
    return 0;
}

int fence_start(sd_event *event, const struct fence_request *request, fence_done_fn *done,
                void *userdata, struct fence_run **ret, struct error *err)
{
    CLEANUP(fence_cancelp) struct fence_run *run = calloc(1, sizeof(*run));
    if (!run) {
        return error_set(err, -ENOMEM, "no memory to run a fence agent");
    }
    run->event = sd_event_ref(event);
    run->done = done;
    run->userdata = userdata;
    int r = fence_plan_make(request, &run->plan, err);
    if (r < 0) {
        return r;
    }
    r = set_timers(run, request->limit_ms);
    if (r < 0) {
        return error_set(err, r, "no timer for a fence agent: %s", strerror(-r));
    }
    r = begin_step(run, request->action == FENCE_METADATA ? STEP_ACT : STEP_DESCRIBE, err);
    if (r < 0) {
        return r;
    }
    *ret = TAKE(run);
    return 0;
}

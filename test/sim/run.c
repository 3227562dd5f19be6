/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run of a scenario, from forming the cluster to the last look at it. */
#include "test/sim/internal.h"

#include <inttypes.h>

/* Healed, all that fits runs within settle_ms: a VM that kept failing pauses for a minute at most.
 * A start that hangs is undone after three minutes. */
enum { rest_ms = 60000, settle_ms = 90000, settle_late_ms = 300000 };

msec_t sim_delay(struct sim *sim)
{
    return 1 + (sim->noise.delay_ms > 0 ? rng_between(&sim->rng, 0, sim->noise.delay_ms) : 0);
}

/* FNV-1a. */
void sim_hash(struct sim *sim, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        sim->result->hash = (sim->result->hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
}

void sim_hash_number(struct sim *sim, uint64_t number)
{
    sim->result->hash = (sim->result->hash ^ number) * UINT64_C(0x100000001b3);
}

/* Seconds with tenths, so that a message's travel does not show. */
static void print_time(struct buf *to, msec_t ms)
{
    msec_t tenths = (ms + 50) / 100;
    buf_printf(to, "%lld.%lld", (long long)(tenths / 10), (long long)(tenths % 10));
}

/* What is said as values. Never 'detail': those are someone's words. */
static void print_facts(struct buf *to, const struct facts *facts)
{
    if (facts->node[0]) {
        buf_printf(to, " node=%s", facts->node);
    }
    if (facts->who[0]) {
        buf_printf(to, " who=%s", facts->who);
    }
    if (facts->count) {
        buf_printf(to, " count=%" PRIu64, facts->count);
    }
    if (facts->ms) {
        buf_printf(to, " ms=%" PRId64, facts->ms);
    }
    if (facts->limit_ms) {
        buf_printf(to, " limit_ms=%" PRId64, facts->limit_ms);
    }
}

void sim_note(struct sim *sim, const struct host *host, const struct note *note)
{
    struct buf *transcript = &sim->result->transcript;
    struct instance *instance =
        note->code == NOTE_VM_CANNOT_BE_ENDED ? hypervisor_find(host, note->subject) : NULL;
    if (instance) {
        instance->is_stuck_told = true;
    }
    size_t from = transcript->size;
    if (note->code == NOTE_COLD_START) { /* for so long nothing is placed */
        sim->trouble_ms = MAX(sim->trouble_ms, sim->now_ms + note->facts.ms);
    }
    print_time(transcript, sim->now_ms - begin_ms);
    buf_printf(transcript, " %s %s %s", host->config->name, note_code_name(note->code),
               note->subject);
    print_facts(transcript, &note->facts);
    if (note->cause.code != CAUSE_NONE) {
        buf_printf(transcript, " cause=%s", cause_code_name(note->cause.code));
        print_facts(transcript, &note->cause.facts);
    }
    buf_text(transcript, "\n");
    sim_hash(sim, transcript->data + from, transcript->size - from);
    if (sim->now_ms < begin_ms) {
        transcript->size = from;
        transcript->data[from] = '\0';
        return;
    }
    buf_printf(&sim->result->codes, "%s\n", note_code_name(note->code));
    if (sim->options->prints) {
        (void)fputs(transcript->data + from, stdout);
    }
}

/* ---- what the scenario orders ---- */

static bool is_admins(enum scenario_op op)
{
    return op >= OP_START && op <= OP_SET;
}

/* By whomever. */
static bool is_write(enum scenario_op op)
{
    return is_admins(op) || (op >= OP_LEAK && op <= OP_MEND_LEADER);
}

static void do_step(struct sim *sim, const struct happening *happening)
{
    const struct scenario_step *step = &sim->scenario->steps.items[happening->id];
    sim->step_ms = sim->now_ms;
    if (sim->options->prints) {
        struct buf text = {0};
        scenario_write_step(step, &text);
        printf("        -- %s\n", buf_str(&text));
        buf_done(&text);
    }
    if (is_write(step->op) && (!sim->store.has_quorum || sim->store.is_full)) {
        later(sim, 500, do_step, NULL)->id =
            happening->id; /* refused: an administrator tries again */
    } else if (is_admins(step->op)) {
        admin_do(sim, step);
    } else {
        faults_do(sim, step);
    }
}

static void add_vms(struct sim *sim, const struct happening *happening)
{
    (void)happening;
    admin_add_vms(sim);
}

static void begin(struct sim *sim, const struct happening *happening)
{
    (void)happening;
    sim->noise = sim->scenario->noise;
}

/* Guests that die by themselves, when there is noise. */
static void haunt(struct sim *sim, const struct happening *happening)
{
    VEC_EACH(&sim->hosts, host) {
        for (size_t i = (*host)->instances.len; i-- > 0;) {
            struct instance *instance = (*host)->instances.items[i];
            if (instance->phase != INSTANCE_ASKED &&
                rng_chance(&sim->rng, sim->noise.guest_death, 60000)) {
                hypervisor_end(sim, *host, instance, "the guest ended by itself");
                break;
            }
        }
    }
    if (happening->run) {
        later(sim, 1000, haunt, NULL);
    }
}

static void plan_steps(struct sim *sim)
{
    const struct scenario *scenario = sim->scenario;
    later(sim, form_ms, add_vms, NULL);
    later(sim, begin_ms, begin, NULL);
    if (scenario->noise.guest_death > 0) {
        later(sim, begin_ms, haunt, NULL);
    }
    for (size_t i = 0; i < scenario->steps.len; i++) {
        later(sim, begin_ms + scenario->steps.items[i].at_ms, do_step, NULL)->id = i;
    }
}

static msec_t settle_of(const struct scenario *scenario)
{
    VEC_EACH(&scenario->steps, step) {
        if (step->op == OP_HANG_START || step->op == OP_HANG_MIGRATION) {
            return settle_late_ms;
        }
    }
    return scenario->noise.slow_start > 0 ? settle_late_ms : settle_ms;
}

static msec_t end_of(const struct scenario *scenario)
{
    if (scenario->until_ms > 0) {
        return scenario->until_ms;
    }
    const struct scenario_step *last =
        scenario->steps.len > 0 ? &scenario->steps.items[scenario->steps.len - 1] : NULL;
    return (last ? last->at_ms : 0) + (last && last->op == OP_HEAL ? settle_of(scenario) : rest_ms);
}

static void free_all(struct sim *sim)
{
    VEC_EACH(&sim->hosts, host) {
        process_crash(sim, *host, -1); /* its core is freed with the queue */
    }
    queue_done(sim);
    store_done(sim);
    VEC_EACH(&sim->hosts, again) {
        host_free(*again);
    }
    VEC_EACH(&sim->acknowledged, record) {
        record_unref(*record);
    }
    VEC_DONE(&sim->hosts);
    VEC_EACH(&sim->saved, each) {
        instance_free(*each);
    }
    VEC_DONE(&sim->waiting);
    VEC_DONE(&sim->saved);
    VEC_DONE(&sim->faults);
    VEC_DONE(&sim->outages);
    VEC_DONE(&sim->acknowledged);
}

void sim_run(const struct scenario *scenario, const struct sim_options *options,
             struct sim_result *ret)
{
    struct sim sim = {
        .scenario = scenario,
        .options = options,
        .result = ret,
        .rng = {scenario->seed},
        .store = {.has_quorum = true},
    };
    ret->hash = UINT64_C(0xcbf29ce484222325);
    VEC_EACH(&scenario->hosts, config) {
        host_new(&sim, config);
    }
    admin_form(&sim);
    VEC_EACH(&sim.hosts, host) {
        (*host)->boot = 0;
        host_power_on(&sim, *host);
    }
    plan_steps(&sim);
    msec_t end_ms = begin_ms + end_of(scenario);
    while (!ret->has_failed && queue_step(&sim, end_ms)) {
    }
    if (!ret->has_failed) {
        check_quiet(&sim);
        fabric_quiet(&sim);
        check_liveness(&sim);
        check_final(&sim);
    }
    ret->statistics.runs++;
    ret->statistics.simulated_ms += (uint64_t)sim.now_ms;
    free_all(&sim);
}

void sim_result_done(struct sim_result *result)
{
    buf_done(&result->transcript);
    buf_done(&result->codes);
}

void sim_statistics_add(struct sim_statistics *to, const struct sim_statistics *from)
{
    to->runs += from->runs;
    to->simulated_ms += from->simulated_ms;
    to->events += from->events;
    to->host_failures += from->host_failures;
    to->failovers += from->failovers;
    to->starts += from->starts;
    to->memory_failures += from->memory_failures;
    to->transactions += from->transactions;
}

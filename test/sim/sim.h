/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One cluster in one thread on virtual time: a scenario goes in; out come the decisions that were
 * noted and whatever was violated. Each berthd is the production core; the store, the hosts, their
 * VMs and watchdogs are fakes that know the truth, and the checkers look at that.
 *
 * The same scenario gives the same run, to the bit, on every machine.
 */
#pragma once

#include "test/sim/scenario.h"

struct sim_statistics {
    uint64_t runs;
    uint64_t simulated_ms;
    uint64_t events;          /* steps of a core */
    uint64_t host_failures;   /* power lost, reset by watchdog or fencing, cut off */
    uint64_t failovers;       /* VMs that ran again on another host after theirs was lost */
    uint64_t starts;          /* VMs that came up */
    uint64_t memory_failures; /* berthds that ended for want of memory */
    uint64_t transactions;    /* that the store committed */
};

struct sim_result {
    bool has_failed;
    char violation[400];      /* the first; "" none */
    const char *kind;         /* of the violation: its format; NULL none */
    msec_t violation_ms;      /* scenario time */
    struct buf transcript;    /* notes since the scenario's beginning, a line each */
    struct buf codes;         /* codes of all notes, a line each */
    uint64_t hash;            /* of everything that happened */
    msec_t longest_outage_ms; /* of a VM that was wanted and had run */
    char longest_outage_vm[name_size];
    struct sim_statistics statistics;
};

void sim_result_done(struct sim_result *result);

struct sim_options {
    bool prints;     /* notes on standard output as they come */
    bool truth_only; /* leave out check_protocol.c: what does the truth alone show? */
};

/* Runs 'scenario' to its end or its first violation. 'ret' is {0} before. */
void sim_run(const struct scenario *scenario, const struct sim_options *options,
             struct sim_result *ret);

/* Adds up. */
void sim_statistics_add(struct sim_statistics *to, const struct sim_statistics *from);

/* The scenario that a seed stands for. 'hosts' and 'minutes' 0: drawn as well. */
void swarm_draw(uint64_t seed, uint32_t hosts, uint32_t minutes, struct scenario *ret);

/* Takes steps, VMs and noise out of 'scenario' as long as the result still has a violation of this
 * 'kind' (see sim_result); at most 'runs_max' runs. */
void shrink(struct scenario *scenario, const char *kind, unsigned runs_max);

/* The program: arguments as of main(); its exit code. */
int sim_main(int argc, char **argv);

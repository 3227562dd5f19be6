/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator notices when a safety rule is switched off: each mutant of the core (core/mutant.h)
 * is run on scenarios drawn for the purpose until something is violated. TAP. An argument selects
 * mutants by a part of their name; "--truth" leaves out the checks of what transactions demand.
 */
#include "core/mutant.h"
#include "test/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { seeds_max = 400 };

enum mutant berth_mutant;

#define MUTANT_NAME_(id, text) [MUTANT_##id] = #id ": " text,
static const char *const names[mutant_count] = {MUTANT_LIST(MUTANT_NAME_)};

static bool truth_only;

/* Whether the production core passes: else it was not the mutant that was noticed. */
static bool is_sound_without(const struct scenario *scenario)
{
    enum mutant mutant = berth_mutant;
    struct sim_result result = {0};
    berth_mutant = MUTANT_NONE;
    sim_run(scenario, &(struct sim_options){.truth_only = truth_only}, &result);
    berth_mutant = mutant;
    sim_result_done(&result);
    return !result.has_failed;
}

/* The seed that notices, 0: none does. */
static uint64_t hunt(uint64_t seeds, char *ret_violation, size_t size)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct scenario scenario;
        struct sim_result result = {0};
        swarm_draw(seed, 0, 0, &scenario);
        sim_run(&scenario, &(struct sim_options){.truth_only = truth_only}, &result);
        bool is_noticed = result.has_failed && is_sound_without(&scenario);
        (void)snprintf(ret_violation, size, "%s", result.violation);
        sim_result_done(&result);
        scenario_done(&scenario);
        if (is_noticed) {
            return seed;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    int count = 0, failed = 0;
    const char *only = "";
    for (int i = 1; i < argc; i++) {
        truth_only |= strcmp(argv[i], "--truth") == 0;
        only = argv[i][0] != '-' ? argv[i] : only;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int mutant = MUTANT_NONE + 1; mutant < (int)mutant_count; mutant++) {
        char violation[400] = "";
        if (!strstr(names[mutant], only)) {
            continue;
        }
        berth_mutant = (enum mutant)mutant;
        uint64_t seed = hunt(seeds_max, violation, sizeof(violation));
        printf("%sok %d - it is noticed if %s\n", seed ? "" : "not ", ++count, names[mutant]);
        if (seed) {
            printf("# seed %llu: %s\n", (unsigned long long)seed, violation);
        }
        failed += seed == 0;
    }
    printf("1..%d\n", count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

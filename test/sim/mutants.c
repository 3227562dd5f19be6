/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulator notices when a safety rule is switched off: each mutant of the core (core/mutant.h)
 * is run on the scenario files, then on drawn scenarios, until something is violated. TAP. The
 * first argument is the directory of scenarios; another one selects mutants by a part of their
 * name;
 * "--truth" leaves out the checks of what transactions demand.
 */
#include "core/mutant.h"
#include "test/sim/file.h"

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

/* Whether 'scenario' shows the mutant; how, then, into 'ret_how'. */
static bool notices(const struct scenario *scenario, const char *name, char *ret_how, size_t size)
{
    struct sim_result result = {0};
    sim_run(scenario, &(struct sim_options){.truth_only = truth_only}, &result);
    bool is_noticed = result.has_failed && is_sound_without(scenario);
    if (is_noticed) {
        (void)snprintf(ret_how, size, "%s: %s", name, result.violation);
    }
    sim_result_done(&result);
    return is_noticed;
}

static bool hunt_in_files(const char *directory, char *ret_how, size_t size)
{
    glob_t files;
    bool is_noticed = false;
    (void)files_find(directory, &files);
    for (size_t i = 0; i < files.gl_pathc && !is_noticed; i++) {
        struct scenario scenario = {0};
        if (file_read(files.gl_pathv[i], &scenario)) {
            const char *name = strrchr(files.gl_pathv[i], '/') + 1;
            is_noticed = notices(&scenario, name, ret_how, size);
        }
        scenario_done(&scenario);
    }
    globfree(&files);
    return is_noticed;
}

static bool hunt_in_seeds(char *ret_how, size_t size)
{
    for (uint64_t seed = 1; seed <= seeds_max; seed++) {
        struct scenario scenario;
        swarm_draw(seed, 0, 0, &scenario);
        bool is_noticed = notices(&scenario, scenario.name, ret_how, size);
        scenario_done(&scenario);
        if (is_noticed) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    int count = 0, failed = 0;
    const char *only = "", *directory = argc > 1 ? argv[1] : ".";
    for (int i = 2; i < argc; i++) {
        truth_only |= strcmp(argv[i], "--truth") == 0;
        only = argv[i][0] != '-' ? argv[i] : only;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (int mutant = MUTANT_NONE + 1; mutant < (int)mutant_count; mutant++) {
        char how[512] = "";
        if (!strstr(names[mutant], only)) {
            continue;
        }
        berth_mutant = (enum mutant)mutant;
        bool is_noticed =
            hunt_in_files(directory, how, sizeof(how)) || hunt_in_seeds(how, sizeof(how));
        printf("%sok %d - it is noticed if %s\n", is_noticed ? "" : "not ", ++count, names[mutant]);
        printf("# %s\n", is_noticed ? how : "nothing showed it");
        failed += !is_noticed;
    }
    printf("1..%d\n", count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

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

enum { seeds_max = 400, shrink_runs_max = 300 };

enum mutant berth_mutant;

#define MUTANT_NAME_(id, text) [MUTANT_##id] = {#id, text},
static const struct {
    const char *id, *text;
} names[mutant_count] = {MUTANT_LIST(MUTANT_NAME_)};

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

/* A scenario file, read once for all mutants. */
struct file {
    struct scenario scenario;
    char name[256];
};

static VEC(struct file) files;

static bool read_files(const char *directory)
{
    glob_t found;
    bool is_good = files_find(directory, &found);
    for (size_t i = 0; is_good && i < found.gl_pathc; i++) {
        struct file *file = VEC_ADD(&files);
        is_good = file && file_read(found.gl_pathv[i], &file->scenario);
        if (is_good) {
            const char *name = strrchr(found.gl_pathv[i], '/') + 1;
            (void)snprintf(file->name, sizeof(file->name), "%s", name);
        }
    }
    globfree(&found);
    return is_good;
}

/* Whether 'file' says that it shows the mutant 'id'. */
static bool names_mutant(const struct file *file, const char *id)
{
    size_t len = strlen(id);
    for (const char *at = buf_str(&file->scenario.mutants); *at != '\0';) {
        size_t line = strcspn(at, "\n");
        if (line == len && strncmp(at, id, len) == 0) {
            return true;
        }
        at += line + (at[line] == '\n');
    }
    return false;
}

/* The first name of a mutant in 'file' that no mutant has; into 'ret', else "". */
static void find_unknown(const struct file *file, char *ret, size_t size)
{
    ret[0] = '\0';
    for (const char *at = buf_str(&file->scenario.mutants); *at != '\0' && ret[0] == '\0';) {
        size_t line = strcspn(at, "\n");
        (void)snprintf(ret, size, "%.*s", (int)line, at);
        for (int mutant = MUTANT_NONE + 1; mutant < (int)mutant_count; mutant++) {
            if (strcmp(ret, names[mutant].id) == 0) {
                ret[0] = '\0';
                break;
            }
        }
        at += line + (at[line] == '\n');
    }
}

/* 0 if no file names the mutant, 1 if every one that does notices it, else -1 and the file in
 * 'ret_how'. */
static int ask_named_files(const char *id, char *ret_how, size_t size)
{
    int result = 0;
    VEC_EACH(&files, file) {
        if (!names_mutant(file, id)) {
            continue;
        }
        if (!notices(&file->scenario, file->name, ret_how, size)) {
            (void)snprintf(ret_how, size, "%s says that it shows it, and does not", file->name);
            return -1;
        }
        result = 1;
    }
    return result;
}

static bool hunt_in_files(char *ret_how, size_t size)
{
    VEC_EACH(&files, file) {
        if (notices(&file->scenario, file->name, ret_how, size)) {
            return true;
        }
    }
    return false;
}

/* A small scenario that shows what 'scenario' does, to become a file. */
static void tell_small(struct scenario *scenario)
{
    struct sim_result result = {0};
    struct buf text = {0};
    sim_run(scenario, &(struct sim_options){0}, &result);
    shrink(scenario, result.kind, shrink_runs_max);
    scenario_write(scenario, &text);
    for (const char *at = buf_str(&text); *at != '\0';) {
        size_t len = strcspn(at, "\n");
        printf("#     %.*s\n", (int)len, at);
        at += len + (at[len] == '\n');
    }
    buf_done(&text);
    sim_result_done(&result);
}

static bool hunt_in_seeds(char *ret_how, size_t size)
{
    for (uint64_t seed = 1; seed <= seeds_max; seed++) {
        struct scenario scenario;
        swarm_draw(seed, 0, 0, &scenario);
        bool is_noticed = notices(&scenario, scenario.name, ret_how, size);
        if (is_noticed && !truth_only) {
            tell_small(&scenario);
        }
        scenario_done(&scenario);
        if (is_noticed) {
            return true;
        }
    }
    return false;
}

/* Without what transactions demand, fewer files show it than say so. */
static bool is_noticed_by_any(const char *id, char *ret_how, size_t size)
{
    int named = ask_named_files(id, ret_how, size);
    if (named > 0 || (named < 0 && !truth_only)) {
        return named > 0;
    }
    return hunt_in_files(ret_how, size) || hunt_in_seeds(ret_how, size);
}

static bool knows_all_names(void)
{
    bool is_good = true;
    VEC_EACH(&files, file) {
        char unknown[64];
        find_unknown(file, unknown, sizeof(unknown));
        if (unknown[0] != '\0') {
            printf("# %s names the mutant %s, which is not known\n", file->name, unknown);
            is_good = false;
        }
    }
    return is_good;
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
    if (!read_files(directory)) {
        printf("Bail out! the scenarios in %s cannot be read\n", directory);
        return EXIT_FAILURE;
    }
    bool is_known = knows_all_names();
    printf("%sok %d - scenarios name mutants that exist\n", is_known ? "" : "not ", ++count);
    failed += !is_known;
    for (int mutant = MUTANT_NONE + 1; mutant < (int)mutant_count; mutant++) {
        char how[512] = "nothing showed it";
        if (!strstr(names[mutant].id, only) && !strstr(names[mutant].text, only)) {
            continue;
        }
        berth_mutant = (enum mutant)mutant;
        bool is_noticed = is_noticed_by_any(names[mutant].id, how, sizeof(how));
        printf("%sok %d - it is noticed if %s: %s\n", is_noticed ? "" : "not ", ++count,
               names[mutant].id, names[mutant].text);
        printf("# %s\n", how);
        failed += !is_noticed;
    }
    VEC_EACH(&files, file) {
        scenario_done(&file->scenario);
    }
    VEC_DONE(&files);
    printf("1..%d\n", count);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

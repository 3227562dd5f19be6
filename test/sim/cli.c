/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's face: run files, run seeds over all cores, show what failed and how to see it again. */
#include "test/sim/sim.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    struct buf text = {0};
    char part[4096];
    size_t size;
    if (!file) {
        return NULL;
    }
    while ((size = fread(part, 1, sizeof(part), file)) > 0) {
        buf_add(&text, part, size);
    }
    (void)fclose(file);
    buf_char(&text, '\0');
    return buf_take(&text);
}

static bool run_file(const char *path, bool prints)
{
    CLEANUP(freep) char *text = read_file(path);
    struct scenario scenario = {0};
    struct sim_result result = {0};
    struct error err = {0};
    if (!text || scenario_parse(text, &scenario, &err) < 0) {
        (void)fprintf(stderr, "berth-sim: %s: %s\n", path, text ? err.text : strerror(errno));
        scenario_done(&scenario);
        return false;
    }
    sim_run(&scenario, &(struct sim_options){.prints = prints}, &result);
    bool is_good = !result.has_failed;
    if (!is_good) {
        printf("%s: %lld ms: %s\n", path, (long long)result.violation_ms, result.violation);
    }
    sim_result_done(&result);
    scenario_done(&scenario);
    return is_good;
}

int sim_main(int argc, char **argv)
{
    bool is_good = true;
    for (int i = 2; i < argc; i++) {
        is_good &= run_file(argv[i], true);
    }
    return is_good ? 0 : 1;
}

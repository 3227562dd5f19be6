/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures the planner. Time is of this process only, one core, best and median of several passes.
 *
 *     plan-bench make MIX HOSTS VMS PERCENT FAILED SEED [GPUS]   an instance, as text
 *     plan-bench plan FILE [PASSES]       plans it: one line of JSON
 *     plan-bench quality COUNT [FOLDER [ROWS]]   who is left out though all would fit; the first
 *                                         instances of each row are left in FOLDER ("": nowhere) as
 *                                         ROW-NUMBER.txt; of the rows that begin with ROWS
 *     plan-bench scale                    10,000 hosts, and the way there
 */
#include "bench/instance.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what)
{
    fprintf(stderr, "plan-bench: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint32_t number(const char *text)
{
    uint64_t value;
    if (!parse_u64(text, UINT32_MAX, &value)) {
        die("that is no number");
    }
    return (uint32_t)value;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- one instance ---- */

struct outcome {
    double build_us, plan_us;
    uint32_t asked, left_out;
    bool is_proven;
    uint64_t steps;
};

/* Whether no host of the model has more on it than fits, nobody who ran was moved. */
static void judge(const struct instance *instance, const struct plan_model *model)
{
    uint32_t len = (uint32_t)instance->hosts.len;
    uint64_t(*use)[3] = calloc(len, sizeof(*use));
    for (uint32_t i = 0; use && i < instance->vms.len; i++) {
        const struct bench_vm *vm = &instance->vms.items[i];
        uint32_t at = plan_vm_node(model, i);
        bool ran = vm->host != PLAN_NONE && instance->hosts.items[vm->host].is_up;
        if (ran && at != vm->host) {
            die("a running VM was moved");
        }
        if (at != PLAN_NONE) {
            use[at][0] += vm->gpus;
            use[at][1] += vm->cpus;
            use[at][2] += vm->memory;
        }
    }
    for (uint32_t i = 0; use && i < len; i++) {
        const struct bench_host *host = &instance->hosts.items[i];
        if (use[i][0] > host->gpus || use[i][1] > host->cpus || use[i][2] > host->memory) {
            die("a host is overfull");
        }
    }
    free(use);
}

static struct outcome plan_once(const struct instance *instance)
{
    CLEANUP(freep) uint32_t *vms = calloc(instance->vms.len + 1, sizeof(*vms));
    struct plan_request request = {.vms = vms};
    struct plan plan = {0};
    double begin = now_us();
    struct plan_model *model = instance_model(instance, vms, &request.vm_len);
    double built = now_us();
    if (plan_place(model, &request, &plan) < 0) {
        die("out of memory");
    }
    struct outcome outcome = {.build_us = built - begin,
                              .plan_us = now_us() - built,
                              .asked = request.vm_len,
                              .left_out = (uint32_t)plan.waiting.len,
                              .is_proven = plan.is_proven,
                              .steps = plan.steps};
    judge(instance, model);
    plan_done(&plan);
    plan_model_free(model);
    return outcome;
}

static int do_plan(const char *path, uint32_t passes)
{
    struct instance instance = {0};
    FILE *file = fopen(path, "r");
    if (!file || !instance_read(&instance, file)) {
        die("cannot read the instance");
    }
    fclose(file);
    CLEANUP(freep) double *times = calloc(passes, sizeof(*times));
    struct outcome outcome = {0};
    for (uint32_t i = 0; times && i < passes; i++) {
        outcome = plan_once(&instance);
        times[i] = outcome.plan_us;
    }
    qsort(times, passes, sizeof(*times), compare_double);
    printf("{\"asked\":%u,\"left_out\":%u,\"proven\":%s,\"steps\":%llu,\"build_us\":%.1f,"
           "\"plan_us_best\":%.1f,\"plan_us\":%.1f}\n",
           outcome.asked, outcome.left_out, outcome.is_proven ? "true" : "false",
           (unsigned long long)outcome.steps, outcome.build_us, times[0], times[passes / 2]);
    instance_done(&instance);
    return EXIT_SUCCESS;
}

static int do_make(int argc, char **argv)
{
    struct instance_kind kind = {.hosts = number(argv[1]),
                                 .vms = number(argv[2]),
                                 .percent = number(argv[3]),
                                 .failed = number(argv[4]),
                                 .seed = number(argv[5]),
                                 .host_gpus = argc > 6 ? number(argv[6]) : 0};
    if (!bench_mix_parse(argv[0], &kind.mix)) {
        die("the mix is one, mixed, cut or cut3");
    }
    struct instance instance = {0};
    instance_make(&instance, &kind);
    instance_write(&instance, stdout);
    instance_done(&instance);
    return EXIT_SUCCESS;
}

/* ---- quality ---- */

struct quality {
    uint32_t count;     /* instances a row */
    const char *folder; /* "": none is kept */
    const char *rows;   /* which begin like this */
    uint32_t kept;      /* so many a row, for the peers, which are slower */
};

static void keep(const struct quality *quality, const char *row, uint32_t number,
                 const struct instance *instance)
{
    char path[512];
    if (quality->folder[0] == '\0' || number > quality->kept) {
        return;
    }
    snprintf(path, sizeof(path), "%s/%s-%02u.txt", quality->folder, row, number);
    FILE *file = fopen(path, "w");
    if (!file) {
        die("cannot keep an instance");
    }
    instance_write(instance, file);
    fclose(file);
}

/* Plans feasible instances of 'kind', and says in how many a VM was left out. */
static void quality_row(const struct quality *quality, const char *row, struct instance_kind kind)
{
    struct instance instance = {0};
    uint32_t tried = 0, with_left_out = 0, left_out = 0, proven = 0;
    uint32_t count = kind.mix == BENCH_CUT3 ? MIN(quality->count, 30U) : quality->count;
    double sum_us = 0, max_us = 0;
    for (kind.seed = 1; tried < count && kind.seed < 50 * count; kind.seed++) {
        instance_make(&instance, &kind);
        if (kind.failed > 0 && !instance_is_feasible_by_gpus(&instance)) {
            continue;
        }
        struct outcome outcome = plan_once(&instance);
        keep(quality, row, ++tried, &instance);
        with_left_out += outcome.left_out > 0;
        left_out += outcome.left_out;
        proven += outcome.is_proven;
        sum_us += outcome.plan_us;
        max_us = outcome.plan_us > max_us ? outcome.plan_us : max_us;
    }
    printf("{\"row\":\"%s\",\"instances\":%u,\"with_left_out\":%u,\"left_out_mean\":%.3f,"
           "\"proven\":%u,\"plan_us_mean\":%.1f,\"plan_us_max\":%.1f}\n",
           row, tried, with_left_out, tried ? (double)left_out / tried : 0, proven,
           tried ? sum_us / tried : 0, max_us);
    fflush(stdout);
    instance_done(&instance);
}

static int do_quality(const struct quality *quality)
{
    static const struct {
        const char *row;
        struct instance_kind kind;
    } rows[] = {
        {"fail-80", {.mix = BENCH_MIXED, .hosts = 8, .percent = 80, .failed = 1}},
        {"fail-85", {.mix = BENCH_MIXED, .hosts = 8, .percent = 85, .failed = 1}},
        {"cold-80", {.mix = BENCH_CUT, .hosts = 8, .percent = 80}},
        {"cold-90", {.mix = BENCH_CUT, .hosts = 8, .percent = 90}},
        {"cold-100", {.mix = BENCH_CUT, .hosts = 8, .percent = 100}},
        {"cut3-8", {.mix = BENCH_CUT3, .hosts = 8}},
        {"cut3-16", {.mix = BENCH_CUT3, .hosts = 16}},
        {"cut3-32", {.mix = BENCH_CUT3, .hosts = 32}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strncmp(rows[i].row, quality->rows, strlen(quality->rows)) == 0) {
            quality_row(quality, rows[i].row, rows[i].kind);
        }
    }
    return EXIT_SUCCESS;
}

/* ---- scale ---- */

/* A cluster as cheap to make as can be: 'hosts' of 8 GPUs, VMs of one GPU or mixed sizes. */
struct big {
    struct plan_model *model;
    char (*names)[12];
    uint32_t *vms;
    uint32_t vm_len;
    double build_us;
};

static void *have(void *memory)
{
    if (!memory) {
        die("out of memory");
    }
    return memory;
}

static void big_make(struct big *big, uint32_t hosts, uint32_t vms, bool is_mixed)
{
    static const uint32_t sizes[15] = {8, 4, 4, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    struct plan_size size = {1, hosts, hosts * 8, vms + 1};
    big->names = have(calloc(hosts + vms + 1, sizeof(*big->names)));
    big->vms = have(calloc(vms + 1, sizeof(*big->vms)));
    for (uint32_t i = 0; i < hosts + vms + 1; i++) {
        snprintf(big->names[i], sizeof(*big->names), "%s%06u", i < hosts ? "n" : "v", i);
    }
    double begin = now_us();
    big->model = have(plan_model_new(&size));
    plan_pool_add(big->model, "gpu");
    for (uint32_t i = 0; i < hosts; i++) {
        plan_node_add(big->model,
                      &(struct plan_node){.name = big->names[i], .cpus = 96, .memory_mib = 786432});
        for (uint32_t k = 0; k < 8; k++) {
            plan_gpu_add(big->model,
                         &(struct plan_gpu){.card = k, .position = k, .numa = (int)k / 4});
        }
    }
    uint32_t gpus_left = hosts * 8;
    for (big->vm_len = 0; big->vm_len < vms && gpus_left > 0; big->vm_len++) {
        uint32_t gpus = is_mixed ? sizes[big->vm_len * 7 % 15] : 1;
        gpus = MIN(gpus, gpus_left);
        gpus_left -= gpus;
        big->vms[big->vm_len] =
            plan_vm_add(big->model, &(struct plan_vm){.name = big->names[hosts + big->vm_len],
                                                      .needs = {{0, gpus}},
                                                      .need_len = 1,
                                                      .cpus = 8 * gpus,
                                                      .memory_mib = 65536 * gpus});
    }
    big->build_us = now_us() - begin;
}

static void big_done(struct big *big)
{
    plan_model_free(big->model);
    free(big->names);
    free(big->vms);
}

static double place_us(struct big *big, const uint32_t *vms, uint32_t len, struct plan *plan)
{
    struct plan_request request = {.vms = vms, .vm_len = len};
    double begin = now_us();
    if (plan_place(big->model, &request, plan) < 0) {
        die("out of memory");
    }
    return now_us() - begin;
}

/* Best of three what-ifs that lose 'count' hosts in a row from 'first' on. */
static double fail_us(struct big *big, uint32_t first, uint32_t count, struct plan *plan)
{
    uint32_t nodes[64];
    double best = 1e18;
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = first + i;
    }
    for (uint32_t pass = 0; pass < 3; pass++) {
        double begin = now_us();
        if (plan_what_if(big->model, nodes, count, PLAN_DOWN, NULL, plan) < 0) {
            die("out of memory");
        }
        double took = now_us() - begin;
        best = took < best ? took : best;
    }
    return best;
}

/* 'percent' of the GPUs are taken from cold; then one more VM, one failed host, 40 failed hosts. */
static void scale_row(uint32_t hosts, uint32_t percent, bool is_mixed)
{
    struct big big;
    struct plan plan = {0}, one = {0};
    big_make(&big, hosts, hosts * 8, is_mixed);
    /* As many of the VMs as make up so many percent: one GPU each, or 2.13 in the mean. */
    uint32_t len = is_mixed ? big.vm_len * percent / 100 : hosts * 8 * percent / 100;
    double cold = place_us(&big, big.vms, len, &plan);
    uint32_t waiting = (uint32_t)plan.waiting.len;
    double more = 1e18;
    uint32_t extra = plan_vm_add(
        big.model,
        &(struct plan_vm){
            .name = "z", .needs = {{0, 1}}, .need_len = 1, .cpus = 8, .memory_mib = 65536});
    for (uint32_t pass = 0; pass < 5; pass++) {
        double took = place_us(&big, &extra, 1, &one);
        more = took < more ? took : more;
        plan_undo(big.model, &one);
    }
    double fail = fail_us(&big, hosts / 2, 1, &one);
    uint32_t moved = (uint32_t)one.placements.len;
    double rack = hosts >= 80 ? fail_us(&big, hosts / 4, 40, &one) : 0;
    printf("{\"hosts\":%u,\"vms\":%u,\"mixed\":%s,\"build_us\":%.0f,\"cold_us\":%.0f,"
           "\"waiting\":%u,\"one_more_us\":%.2f,\"host_fails_us\":%.1f,\"restarted\":%u,"
           "\"rack_fails_us\":%.1f,\"rack_restarted\":%zu,\"rack_left_out\":%zu,"
           "\"model_bytes\":%zu}\n",
           hosts, len, is_mixed ? "true" : "false", big.build_us, cold, waiting, more, fail, moved,
           rack, one.placements.len, one.waiting.len, plan_model_size(big.model));
    fflush(stdout);
    plan_done(&plan);
    plan_done(&one);
    big_done(&big);
}

static int do_scale(void)
{
    static const uint32_t hosts[] = {16, 64, 128, 256, 512, 1024, 2048, 4096, 10000};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        scale_row(hosts[i], 100, false);
    }
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        scale_row(hosts[i], 90, false);
        scale_row(hosts[i], 90, true);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc >= 8 && strcmp(argv[1], "make") == 0) {
        return do_make(argc - 2, argv + 2);
    }
    if (argc >= 3 && strcmp(argv[1], "plan") == 0) {
        return do_plan(argv[2], argc > 3 ? number(argv[3]) : 5);
    }
    if (argc >= 3 && strcmp(argv[1], "quality") == 0) {
        return do_quality(&(struct quality){.count = number(argv[2]),
                                            .folder = argc > 3 ? argv[3] : "",
                                            .rows = argc > 4 ? argv[4] : "",
                                            .kept = 10});
    }
    if (argc >= 2 && strcmp(argv[1], "scale") == 0) {
        return do_scale();
    }
    fprintf(stderr,
            "usage: plan-bench make MIX HOSTS VMS PERCENT FAILED SEED [GPUS] | plan FILE [PASSES] |"
            " quality COUNT [FOLDER [ROWS]] | scale\n");
    return 2;
}

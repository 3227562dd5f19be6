/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPUs on a fabric are given in sets that can talk; planned as well as trying everything would. */
#include "plan/plan.h"
#include "test/test.h"

#include <stdlib.h>
#include <string.h>

enum { board_gpus_max = 8, hosts_max = 2, vms_most = 6, sets_most = 8 };

/* What a host has: GPUs 0 to gpus - 1, and sets of them as bits. */
struct board {
    uint32_t gpus;
    bool has_fabric;
    uint32_t sets[sets_most];
    uint32_t set_len;
};

static const struct board boards[] = {
    {8, true, {0xff, 0x0f, 0xf0, 0x03, 0x0c, 0x30, 0xc0}, 7}, /* eight GPUs, in halves of halves */
    {8, true, {0x55, 0xaa, 0x05, 0x50, 0x0a, 0xa0}, 6},       /* by fours that are no neighbours */
    {4, true, {0x0f, 0x03, 0x0c}, 3},
    {4, true, {0x0f}, 1},                   /* no pairs */
    {8, true, {0xf0, 0x03, 0x30, 0xc0}, 4}, /* a GPU of the first half has a broken link */
    {6, true, {0x07, 0x38}, 2},             /* threes */
    {8, false, {0}, 0},
    {3, false, {0}, 0},
};

struct ask {
    uint32_t count, priority;
};

struct trial {
    const struct board *boards[hosts_max];
    uint32_t host_len;
    uint32_t held[hosts_max]; /* bits: what runs already has them */
    struct ask asks[vms_most];
    uint32_t ask_len;
};

/* ---- trying everything ---- */

static uint32_t bits_of(uint32_t value)
{
    return (uint32_t)__builtin_popcount(value);
}

/* Whether a VM may have exactly these of the board. */
static bool may_have(const struct board *board, uint32_t gpus)
{
    bool is_set = !board->has_fabric || bits_of(gpus) == 1;
    for (uint32_t i = 0; i < board->set_len; i++) {
        is_set |= board->sets[i] == gpus;
    }
    return is_set;
}

struct search {
    const struct trial *trial;
    uint32_t best[3]; /* left out, by priority */
    bool *seen;       /* [ask][left out][taken on the second][taken on the first] */
};

static void count_left(const struct trial *trial, uint32_t left, uint32_t ret[3])
{
    memset(ret, 0, 3 * sizeof(*ret));
    for (uint32_t i = 0; i < trial->ask_len; i++) {
        ret[2 - trial->asks[i].priority] += left >> i & 1;
    }
}

static void try_all(struct search *search, uint32_t ask, uint32_t taken[hosts_max], uint32_t left)
{
    const struct trial *trial = search->trial;
    if (ask == trial->ask_len) {
        uint32_t mine[3];
        count_left(trial, left, mine);
        for (uint32_t i = 0; i < 3; i++) {
            if (mine[i] != search->best[i]) {
                if (mine[i] < search->best[i]) {
                    memcpy(search->best, mine, sizeof(mine));
                }
                return;
            }
        }
        return;
    }
    size_t state = (((size_t)ask << vms_most | left) << 8 | taken[1]) << 8 | taken[0];
    if (search->seen[state]) {
        return;
    }
    search->seen[state] = true;
    for (uint32_t host = 0; host < trial->host_len; host++) {
        const struct board *board = trial->boards[host];
        for (uint32_t gpus = 1; gpus < 1U << board->gpus; gpus++) {
            if (bits_of(gpus) == trial->asks[ask].count && !(gpus & taken[host]) &&
                may_have(board, gpus)) {
                taken[host] |= gpus;
                try_all(search, ask + 1, taken, left);
                taken[host] &= ~gpus;
            }
        }
    }
    try_all(search, ask + 1, taken, left | 1U << ask);
}

/* ---- the planner's answer ---- */

static void add_host(struct plan_model *model, const struct board *board, const char *name)
{
    plan_node_add(model, &(struct plan_node){.name = name});
    uint32_t first = PLAN_NONE;
    for (uint32_t i = 0; i < board->gpus; i++) {
        struct plan_gpu gpu = {
            .card = i, .position = i, .numa = (int32_t)i / 4, .is_on_fabric = board->has_fabric};
        uint32_t index = plan_gpu_add(model, &gpu);
        first = i == 0 ? index : first;
    }
    for (uint32_t i = 0; i < board->set_len; i++) {
        uint32_t gpus[board_gpus_max], len = 0;
        for (uint32_t k = 0; k < board->gpus; k++) {
            if (board->sets[i] >> k & 1) {
                gpus[len++] = first + k;
            }
        }
        REQUIRE(plan_set_add(model, gpus, len) != PLAN_NONE);
    }
}

static uint32_t first_of(const struct trial *trial, uint32_t host)
{
    return host == 0 ? 0 : trial->boards[0]->gpus;
}

/* One VM a GPU that is held. */
static void add_held(struct plan_model *model, const struct trial *trial)
{
    for (uint32_t host = 0; host < trial->host_len; host++) {
        for (uint32_t i = 0; i < trial->boards[host]->gpus; i++) {
            if (trial->held[host] >> i & 1) {
                uint32_t gpu = first_of(trial, host) + i;
                uint32_t vm = plan_vm_add(
                    model, &(struct plan_vm){.name = "held", .needs = {{0, 1}}, .need_len = 1});
                plan_vm_put(model, vm, host, &gpu, 1);
            }
        }
    }
}

/* Whether each VM has what it needs, as a set, and no other has it; counts who has nothing. */
static bool is_sound(const struct trial *trial, const struct plan_model *model, uint32_t ret[3])
{
    uint32_t taken[hosts_max], left = 0;
    bool is_ok = true;
    memcpy(taken, trial->held, sizeof(taken));
    for (uint32_t vm = 0; vm < trial->ask_len; vm++) {
        uint32_t gpus[gpus_per_vm_max], node = plan_vm_node(model, vm), bits = 0;
        uint32_t len = plan_vm_gpus(model, vm, gpus);
        if (node == PLAN_NONE) {
            left |= 1U << vm;
            continue;
        }
        for (uint32_t i = 0; i < len; i++) {
            bits |= 1U << (gpus[i] - first_of(trial, node));
        }
        is_ok &= bits_of(bits) == trial->asks[vm].count && !(bits & taken[node]) &&
                 may_have(trial->boards[node], bits);
        taken[node] |= bits;
    }
    count_left(trial, left, ret);
    for (uint32_t vm = 0; vm < trial->ask_len; vm++) {
        for (uint32_t node = 0; node < trial->host_len && (left >> vm & 1); node++) {
            is_ok &= plan_explain(model, NULL, vm, node).code != PLAN_FITS;
        }
    }
    return is_ok;
}

static bool check(const struct trial *trial)
{
    static const char *const names[] = {"v0", "v1", "v2", "v3", "v4", "v5"};
    struct search search = {trial, {vms_most + 1, 0, 0}, NULL};
    uint32_t taken[hosts_max], vms[vms_most], have[3];
    search.seen = calloc((size_t)vms_most << (vms_most + 16), sizeof(*search.seen));
    struct plan_model *model = plan_model_new(NULL);
    struct plan plan = {0};
    REQUIRE(search.seen && model);
    memcpy(taken, trial->held, sizeof(taken));
    try_all(&search, 0, taken, 0);
    plan_pool_add(model, "P");
    for (uint32_t host = 0; host < trial->host_len; host++) {
        add_host(model, trial->boards[host], host == 0 ? "a" : "b");
    }
    for (uint32_t i = 0; i < trial->ask_len; i++) {
        vms[i] = plan_vm_add(model, &(struct plan_vm){.name = names[i],
                                                      .priority = trial->asks[i].priority,
                                                      .needs = {{0, trial->asks[i].count}},
                                                      .need_len = 1});
    }
    add_held(model, trial);
    struct plan_request request = {.vms = vms, .vm_len = trial->ask_len};
    REQUIRE(plan_place(model, &request, &plan) == 0);
    bool is_right = is_sound(trial, model, have) && plan.is_proven &&
                    memcmp(have, search.best, sizeof(have)) == 0;
    plan_done(&plan);
    plan_model_free(model);
    free(search.seen);
    return is_right;
}

static void show(const struct trial *trial)
{
    for (uint32_t i = 0; i < trial->host_len; i++) {
        printf("#   board %zu, held %02x\n", (size_t)(trial->boards[i] - boards), trial->held[i]);
    }
    for (uint32_t i = 0; i < trial->ask_len; i++) {
        printf("#   needs %u, priority %u\n", trial->asks[i].count, trial->asks[i].priority);
    }
}

static uint32_t draw(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % limit;
}

TEST(vms_with_gpus_on_a_fabric_are_planned_as_well_as_trying_every_set_would)
{
    static const uint32_t counts[] = {1, 1, 1, 2, 2, 3, 4, 4, 8};
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        uint64_t state = seed * 31;
        struct trial trial = {.host_len = 1 + draw(&state, hosts_max),
                              .ask_len = 1 + draw(&state, vms_most)};
        for (uint32_t i = 0; i < trial.host_len; i++) {
            trial.boards[i] = &boards[draw(&state, ARRAY_LEN(boards))];
            trial.held[i] = draw(&state, 3) == 0 ? draw(&state, 256) & draw(&state, 256) &
                                                       ((1U << trial.boards[i]->gpus) - 1)
                                                 : 0;
        }
        for (uint32_t i = 0; i < trial.ask_len; i++) {
            trial.asks[i] = (struct ask){counts[draw(&state, ARRAY_LEN(counts))], draw(&state, 3)};
        }
        if (!check(&trial)) {
            test_fail(__FILE__, __LINE__, "seed %llu", (unsigned long long)seed);
            show(&trial);
            return;
        }
    }
}

/* One of each half is taken: six are free, but no four of them can talk. */
TEST(four_of_six_free_gpus_on_a_board_are_no_set)
{
    struct plan_model *model = plan_model_new(NULL);
    const struct trial trial = {.boards = {&boards[0]}, .host_len = 1, .held = {0x11}};
    struct plan plan = {0};
    plan_pool_add(model, "P");
    add_host(model, &boards[0], "a");
    uint32_t four =
        plan_vm_add(model, &(struct plan_vm){.name = "four", .needs = {{0, 4}}, .need_len = 1});
    uint32_t three =
        plan_vm_add(model, &(struct plan_vm){.name = "three", .needs = {{0, 3}}, .need_len = 1});
    add_held(model, &trial);
    struct plan_request request = {.vms = &four, .vm_len = 1};
    REQUIRE(plan_place(model, &request, &plan) == 0);
    CHECK(plan_vm_node(model, four) == PLAN_NONE && plan.is_proven);
    struct plan_reason reason = plan_explain(model, NULL, four, 0);
    CHECK(reason.code == PLAN_SETS_TAKEN && reason.need == 4 && reason.have == 6 &&
          reason.total == 2 && reason.more == 1);
    CHECK(plan_explain(model, NULL, three, 0).code == PLAN_NO_SET);
    plan_done(&plan);
    plan_model_free(model);
}

/* What has to leave is what frees a set: not two that are of different halves. */
TEST(of_a_full_board_those_leave_whose_gpus_make_a_set)
{
    struct plan_model *model = plan_model_new(NULL);
    const struct trial trial = {.boards = {&boards[2]}, .host_len = 1, .held = {0x0f}};
    struct plan plan = {0};
    plan_pool_add(model, "P");
    add_host(model, &boards[2], "a");
    add_held(model, &trial);
    plan_vm_clear(model, 0);
    plan_vm_clear(model, 2); /* one of each pair is free */
    uint32_t pair = plan_vm_add(
        model, &(struct plan_vm){.name = "pair", .priority = 1, .needs = {{0, 2}}, .need_len = 1});
    struct plan_request request = {.vms = &pair, .vm_len = 1, .may_preempt = true};
    REQUIRE(plan_place(model, &request, &plan) == 0);
    CHECK(plan_vm_node(model, pair) == 0 && plan.evictions.len == 1);
    uint32_t gpus[gpus_per_vm_max];
    CHECK(plan_vm_gpus(model, pair, gpus) == 2 && gpus[0] / 2 == gpus[1] / 2);
    plan_done(&plan);
    plan_model_free(model);
}

/* Nothing of a set goes to others while a VM waits for all of it. */
TEST(room_is_kept_in_the_set_that_is_nearly_free)
{
    struct plan_model *model = plan_model_new(NULL);
    const struct trial trial = {.boards = {&boards[0]}, .host_len = 1, .held = {0x13}};
    plan_pool_add(model, "P");
    add_host(model, &boards[0], "a");
    uint32_t four =
        plan_vm_add(model, &(struct plan_vm){.name = "four", .needs = {{0, 4}}, .need_len = 1});
    uint32_t pair =
        plan_vm_add(model, &(struct plan_vm){.name = "pair", .needs = {{0, 2}}, .need_len = 1});
    add_held(model, &trial);
    plan_vm_keep(model, four, 0);
    uint32_t gpus[gpus_per_vm_max];
    CHECK(plan_choose_gpus(model, pair, 0, gpus) == 2 && gpus[0] == 2 && gpus[1] == 3);
    plan_vm_unkeep(model, four, 0);
    CHECK(plan_free_gpus(model, 0, 0) == 5);
    plan_model_free(model);
}

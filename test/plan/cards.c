/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which cards of a node a VM gets, and cards that can be given away whole or in partitions. */
#include "test/plan/cluster.h"

#include "model/words.h"

/* One node with the cards of 'cards', and VMs 0, 1, 2 ... that need so many of the pools P, Q. */
struct bed {
    struct plan_model *model;
    uint32_t vm_len;
};

static const char *const vm_names[] = {"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"};

static void bed_init(struct bed *bed, const struct plan_gpu *cards, uint32_t len)
{
    *bed = (struct bed){.model = plan_model_new(NULL)};
    plan_pool_add(bed->model, "P");
    plan_pool_add(bed->model, "Q");
    plan_node_add(bed->model, &(struct plan_node){.name = "a"});
    for (uint32_t i = 0; i < len; i++) {
        plan_gpu_add(bed->model, &cards[i]);
    }
}

static void bed_done(struct bed *bed)
{
    plan_model_free(bed->model);
}

#define BED(name, ...)                                                                             \
    static const struct plan_gpu name##_cards[] = {__VA_ARGS__};                                   \
    __attribute__((cleanup(bed_done))) struct bed name;                                            \
    bed_init(&name, name##_cards, ARRAY_LEN(name##_cards))

/* Starts a VM that needs 'p' of P and 'q' of Q; the GPUs it got, as "0 1", or "-". */
static const char *start(struct bed *bed, uint32_t p, uint32_t q)
{
    static char text[64];
    struct plan_vm add = {.name = vm_names[bed->vm_len++]};
    if (p > 0) {
        add.needs[add.need_len++] = (struct plan_need){0, p};
    }
    if (q > 0) {
        add.needs[add.need_len++] = (struct plan_need){1, q};
    }
    uint32_t vm = plan_vm_add(bed->model, &add), gpus[gpus_per_vm_max];
    struct plan_request request = {.vms = &vm, .vm_len = 1};
    struct plan plan = {0};
    REQUIRE(plan_place(bed->model, &request, &plan) == 0);
    plan_done(&plan);
    text[0] = '\0';
    uint32_t len = plan_vm_gpus(bed->model, vm, gpus);
    for (uint32_t i = 0; i < len; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%u", i > 0 ? " " : "", gpus[i]);
    }
    return plan_vm_node(bed->model, vm) == PLAN_NONE ? "-" : text;
}

static const char *why_not(struct bed *bed, uint32_t vm)
{
    static char text[words_max];
    struct plan_reason reason = plan_explain(bed->model, NULL, vm, 0);
    struct cause cause = plan_reason_cause(bed->model, &reason);
    return words_cause(&cause, text);
}

#define CARD(number, where, node)                                                                  \
    {                                                                                              \
        .card = (number), .position = (where), .numa = (node)                                      \
    }

TEST(a_vm_gets_all_its_gpus_from_one_numa_node_if_that_can_be)
{
    BED(bed, CARD(0, 0, 0), CARD(1, 1, 0), CARD(2, 2, 0), CARD(3, 16, 1), CARD(4, 17, 1));
    CHECK_STR(start(&bed, 1, 0), "3");
    CHECK_STR(start(&bed, 2, 0), "0 1");
    CHECK_STR(start(&bed, 2, 0), "2 4");
}

TEST(the_numa_node_with_the_fewest_free_gpus_that_are_enough_is_used_first)
{
    BED(bed, CARD(0, 0, 0), CARD(1, 1, 0), CARD(2, 2, 0), CARD(3, 3, 0), CARD(4, 16, 1),
        CARD(5, 17, 1));
    CHECK_STR(start(&bed, 2, 0), "4 5");
    CHECK_STR(start(&bed, 4, 0), "0 1 2 3");
}

TEST(neighbours_on_pcie_go_to_one_vm)
{
    BED(bed, CARD(0, 0, 0), CARD(1, 100, 0), CARD(2, 110, 0), CARD(3, 300, 0));
    CHECK_STR(start(&bed, 2, 0), "1 2");
}

TEST(a_vm_with_one_gpu_takes_a_lonely_card_and_leaves_pairs_alone)
{
    BED(bed, CARD(0, 0, 0), CARD(1, 1, 0), CARD(2, 40, 0), CARD(3, 80, 0), CARD(4, 81, 0));
    CHECK_STR(start(&bed, 1, 0), "2");
    CHECK_STR(start(&bed, 2, 0), "0 1");
    CHECK_STR(start(&bed, 2, 0), "3 4");
}

TEST(gpus_of_a_second_pool_come_from_the_same_numa_node)
{
    /* By itself the GPU of Q would come from NUMA node 1, where fewer are free. */
    BED(bed, {.pool = 1, .card = 0, .position = 0, .numa = 0},
        {.pool = 1, .card = 1, .position = 1, .numa = 0}, CARD(2, 2, 0),
        {.pool = 1, .card = 3, .position = 16, .numa = 1}, CARD(4, 17, 1), CARD(5, 18, 1));
    CHECK_STR(start(&bed, 1, 1), "0 2");
}

/* Partitions of pool Q on 'card', and the card as a whole in P. */
#define WHOLE(number)                                                                              \
    {                                                                                              \
        .card = (number), .position = (number)*16                                                  \
    }
#define PART(number)                                                                               \
    {                                                                                              \
        .pool = 1, .card = (number), .position = (number)*16, .is_partition = true                 \
    }
#define BOTH_WAYS(number) WHOLE(number), PART(number), PART(number)

TEST(partitions_come_from_the_fullest_card_that_has_enough)
{
    BED(bed, PART(0), PART(0), PART(0), PART(1), PART(1));
    CHECK_STR(start(&bed, 0, 1), "3");
    CHECK_STR(start(&bed, 0, 1), "4");
    CHECK_STR(start(&bed, 0, 2), "0 1");
}

/* Of another size, in pool P, on the same card. */
#define LARGE(number)                                                                              \
    {                                                                                              \
        .card = (number), .position = (number)*16, .is_partition = true                            \
    }

TEST(partitions_of_several_sizes_of_a_card_are_counted_each_by_itself)
{
    BED(bed, LARGE(0), PART(0), PART(0), LARGE(1), PART(1));
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 2);
    CHECK_INT(plan_free_gpus(bed.model, 0, 1), 3);
    CHECK_STR(start(&bed, 0, 1), "4"); /* the card with the fewest */
    CHECK_STR(start(&bed, 1, 2), "0 1 2");
    CHECK_STR(start(&bed, 1, 0), "3");
    CHECK_STR(start(&bed, 1, 0), "-");
    CHECK_STR(start(&bed, 0, 1), "-");
}

TEST(a_card_is_given_away_whole_or_in_partitions_never_both)
{
    BED(bed, BOTH_WAYS(0), BOTH_WAYS(1));
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 2);
    CHECK_INT(plan_free_gpus(bed.model, 0, 1), 4);
    CHECK_STR(start(&bed, 0, 1), "1");
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 1);
    CHECK_STR(start(&bed, 1, 0), "3");
    CHECK_INT(plan_free_gpus(bed.model, 0, 1), 1);
    CHECK_STR(start(&bed, 0, 2), "-");
    CHECK_STR(why_not(&bed, 2), "1 of 4 GPUs free in Q (needs 2); the cards are in use in their "
                                "other form");
    CHECK_STR(start(&bed, 0, 1), "2");
    CHECK_STR(start(&bed, 1, 0), "-");
    plan_vm_clear(bed.model, 0);
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 0);
    plan_vm_clear(bed.model, 3);
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 1);
}

TEST(a_whole_card_that_cannot_be_partitioned_is_taken_before_one_that_can)
{
    BED(bed, BOTH_WAYS(0), WHOLE(1));
    CHECK_STR(start(&bed, 1, 0), "3");
    CHECK_STR(start(&bed, 0, 2), "1 2");
}

TEST(a_card_leaves_and_enters_the_count_with_its_quarantine)
{
    BED(bed, CARD(0, 0, 0), CARD(1, 1, 0));
    CHECK_STR(start(&bed, 1, 0), "0");
    plan_gpu_set_quarantined(bed.model, 1, true);
    CHECK_STR(start(&bed, 1, 0), "-");
    CHECK_STR(why_not(&bed, 1), "0 of 2 GPUs free in P (needs 1; held by v0)");
    plan_gpu_set_quarantined(bed.model, 1, false);
    CHECK_STR(start(&bed, 1, 0), "1");
    /* Who holds a card keeps it through a quarantine; no one else gets it afterwards. */
    plan_gpu_set_quarantined(bed.model, 0, true);
    plan_vm_clear(bed.model, 0);
    CHECK_INT(plan_free_gpus(bed.model, 0, 0), 0);
}

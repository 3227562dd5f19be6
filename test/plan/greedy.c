/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where one VM after the other goes, when there is room for all. */
#include "test/plan/cluster.h"

TEST(a_vm_goes_where_the_fewest_gpus_are_free_that_are_enough)
{
    CLUSTER(c, "node a P=8; node b P=4; node c P=2; vm v P=2; vm w P=3");
    CHECK_STR(cluster_place(&c, "v", NULL), "v=c");
    CHECK_STR(cluster_place(&c, "w", NULL), "w=b");
}

TEST(equal_nodes_are_taken_in_the_order_of_their_names)
{
    CLUSTER(c, "node a P=2; node b P=2; node c P=2; vm v P=2; vm w P=2; vm x P=2");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=a w=b x=c");
}

TEST(among_nodes_with_as_many_free_gpus_the_tightest_in_memory_and_cpus_wins)
{
    CLUSTER(c, "node a P=2 cpus=8 memory=100; node b P=2 cpus=8 memory=60;"
               "vm v P=1 cpus=2 memory=50; vm w P=1 cpus=2 memory=50");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=b w=a");
}

TEST(a_vm_without_gpus_leaves_the_nodes_with_gpus_alone)
{
    CLUSTER(c, "node a P=4 memory=100; node b memory=100; vm v memory=60; vm w memory=60");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=b w=a");
}

TEST(big_vms_are_placed_before_small_ones_of_their_priority)
{
    CLUSTER(c, "node a P=3; node b P=2; vm small P=1; vm wide P=3; vm two P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "small=b two=b wide=a");
}

TEST(a_vm_gets_gpus_of_each_pool_it_needs_from_one_node)
{
    CLUSTER(c, "node a P=2; node b Q=2; node c P=1 Q=1; vm v P=1 Q=1; vm w P=1 Q=2");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=c w=-");
    CHECK_STR(cluster_explain(&c, "w", NULL), "a: no GPU in pool Q; b: no GPU in pool P; "
                                              "c: 0 of 1 GPUs free in P (needs 1; held by v)");
}

TEST(paused_and_draining_nodes_take_nothing)
{
    CLUSTER(c, "node a P=1 mode=paused; node b P=1 mode=drain; node c P=1 mode=down; node d P=1;"
               "vm v P=1; vm w P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=d w=-");
    CHECK_STR(
        cluster_explain(&c, "w", NULL),
        "a: takes no new VMs (paused); b: being drained; c: it does not answer, or is proven off; d: 0 of 1 GPUs free in P (needs 1; held by v)");
}

TEST(quarantined_gpus_are_not_handed_out)
{
    CLUSTER(c, "node a P=2 quarantined=1; vm v P=2; vm w P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=- w=a");
    CHECK_STR(cluster_explain(&c, "v", NULL), "a: 1 of 2 GPUs in P can be used (needs 2)");
}

TEST(cpus_and_memory_count)
{
    CLUSTER(c, "node a P=4 cpus=8 memory=100; vm v P=1 cpus=6 memory=10; vm w P=1 cpus=4 memory=10;"
               "vm x P=1 cpus=1 memory=95");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=a w=- x=-");
    CHECK_STR(cluster_explain(&c, "w", NULL), "a: 2 of 8 CPUs free (needs 4)");
    CHECK_STR(cluster_explain(&c, "x", NULL), "a: 90 of 100 MiB of memory free (needs 95)");
}

TEST(huge_pages_are_memory_of_their_own)
{
    CLUSTER(c,
            "node a memory=10 huge=8; node b memory=100; vm v huge=6; vm w huge=4; vm x memory=9");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=a w=- x=a");
    CHECK_STR(cluster_explain(&c, "w", NULL), "a: 2 of 8 MiB in 1 GiB pages free (needs 4); "
                                              "b: 0 of 0 MiB in 1 GiB pages free (needs 4)");
}

TEST(only_possible_owners_take_a_vm)
{
    CLUSTER(c, "node a P=1; node b P=1; node c P=2; vm v P=1 possible=c; vm w P=1 possible=c,b;"
               "vm x P=1 possible=c");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=c w=b x=c");
    CLUSTER(d, "node a P=1; node b P=1; vm v P=1 possible=b; vm w P=1 possible=b");
    CHECK_STR(cluster_place(&d, NULL, NULL), "v=b w=-");
    CHECK_STR(cluster_explain(&d, "w", NULL),
              "a: not a possible owner; b: 0 of 1 GPUs free in P (needs 1; held by v)");
}

TEST(among_possible_owners_the_tightest_wins_too)
{
    CLUSTER(c, "node a P=8; node b P=2; node c P=1; vm v P=1 possible=a,b");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=b");
}

TEST(preferred_owners_are_taken_in_their_order_before_best_fit)
{
    CLUSTER(c, "node a P=1; node b P=8; node c P=4; vm v P=1 owners=b,c");
    CHECK_STR(cluster_place(&c, "v", NULL), "v=b");
    CLUSTER(d, "node a P=1; node b P=8 mode=paused; node c P=4; vm v P=1 owners=b,c");
    CHECK_STR(cluster_place(&d, "v", NULL), "v=c");
}

TEST(a_label_that_a_vm_requires_must_be_there)
{
    CLUSTER(c, "node a P=1; node b P=4 label=zone1; vm v P=1 label=zone1; vm w P=1 label=zone2");
    CHECK_STR(cluster_place(&c, NULL, NULL), "v=b w=-");
    CHECK_STR(cluster_explain(&c, "w", NULL), "a: has no label zone2; b: has no label zone2");
}

TEST(soft_apart_is_kept_where_it_can_be)
{
    CLUSTER(c, "node a P=2; node b P=4; vm v P=1 on=a; vm w P=1 apart=v; vm x P=1 apart=v");
    CHECK_STR(cluster_place(&c, "w", NULL), "w=b");
    CLUSTER(d, "node a P=2; vm v P=1 on=a; vm w P=1 apart=v");
    CHECK_STR(cluster_place(&d, "w", NULL), "w=a");
}

TEST(soft_together_pulls_to_the_partner)
{
    CLUSTER(c, "node a P=1; node b P=4; vm v P=1 on=b; vm w P=1 together=v; vm x P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "w=b x=a");
    CLUSTER(d, "node a P=1; node b P=1; vm v P=1 on=b; vm w P=1 together=v");
    CHECK_STR(cluster_place(&d, "w", NULL), "w=a");
}

TEST(enforced_apart_leaves_a_vm_waiting_rather_than_break_it)
{
    CLUSTER(c, "node a P=4; vm v P=1 on=a; vm w P=1; vm x P=1 apart!=w");
    CHECK_STR(cluster_place(&c, "w", NULL), "w=a");
    CHECK_STR(cluster_place(&c, "x", NULL), "x=-");
    CHECK_STR(cluster_explain(&c, "x", NULL), "a: apart from w, which is here");
}

TEST(enforced_relations_hold_for_the_partner_that_does_not_name_them)
{
    CLUSTER(c, "node a P=4; vm v P=1 on=a apart!=w; vm w P=1");
    CHECK_STR(cluster_place(&c, "w", NULL), "w=-");
}

TEST(enforced_together_follows_the_partner_or_waits)
{
    CLUSTER(c, "node a P=1; node b P=2; vm v P=1 on=b; vm w P=1 together!=v; vm x P=1 together!=v");
    CHECK_STR(cluster_place(&c, "w", NULL), "w=b");
    CHECK_STR(cluster_place(&c, "x", NULL), "x=-");
    CHECK_STR(cluster_explain(&c, "x", NULL),
              "a: together with v, which is on b; "
              "b: 0 of 2 GPUs free in P (needs 1; held by v and 1 more)");
}

TEST(a_node_to_avoid_is_taken_last_and_never_if_that_is_hard)
{
    CLUSTER(c, "node a P=1; node b P=4; vm v P=1 owners=a; vm w P=4");
    struct plan_avoid avoid = {.vm = cluster_vm(&c, "v"), .node = cluster_node(&c, "a")};
    struct plan_request options = {.avoid = &avoid, .avoid_len = 1};
    CHECK_STR(cluster_place(&c, "v", &options), "v=b");
    plan_vm_clear(c.model, cluster_vm(&c, "v"));
    CHECK_STR(cluster_place(&c, "w", NULL), "w=b");
    CHECK_STR(cluster_place(&c, "v", &options), "v=a");
    plan_vm_clear(c.model, cluster_vm(&c, "v"));
    avoid.is_hard = true;
    CHECK_STR(cluster_place(&c, "v", &options), "v=-");
    CHECK_STR(cluster_explain(&c, "v", &options),
              "a: excluded by the request; b: 0 of 4 GPUs free in P (needs 1; held by w)");
}

TEST(a_vm_that_is_moved_keeps_its_gpus_until_it_has_others)
{
    CLUSTER(c, "node a P=2; node b P=1; vm v P=1 on=a; vm w P=1 on=b; vm x P=1 on=a");
    CHECK_STR(cluster_place(&c, "v", NULL), "v=-");
    CHECK_INT(plan_vm_node(c.model, cluster_vm(&c, "v")), cluster_node(&c, "a"));
    CHECK_INT(plan_free_gpus(c.model, PLAN_NONE, 0), 0);
    plan_vm_clear(c.model, cluster_vm(&c, "w"));
    CHECK_STR(cluster_place(&c, "v", NULL), "v=b");
    CHECK_INT(plan_free_gpus(c.model, cluster_node(&c, "a"), 0), 1);
}

TEST(undo_puts_everything_back)
{
    CLUSTER(c, "node a P=2 cpus=9; node b P=1 cpus=9; vm v P=1 cpus=2 on=a; vm w P=1; vm x P=1");
    CHECK_STR(cluster_place(&c, "v w x", NULL), "v=b w=a x=-");
    plan_undo(c.model, &c.plan);
    CHECK_STR(cluster_place(&c, "v w x", NULL), "v=b w=a x=-");
    plan_undo(c.model, &c.plan);
    CHECK_INT(plan_vm_node(c.model, cluster_vm(&c, "v")), cluster_node(&c, "a"));
    CHECK_INT(plan_vm_node(c.model, cluster_vm(&c, "w")), PLAN_NONE);
    CHECK_INT(plan_free_gpus(c.model, PLAN_NONE, 0), 2);
    uint32_t gpus[gpus_per_vm_max];
    CHECK_INT(plan_vm_gpus(c.model, cluster_vm(&c, "v"), gpus), 1);
    CHECK_INT(gpus[0], 0);
}

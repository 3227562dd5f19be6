/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions that leave the model as it was, and how many host losses are survived. */
#include "test/plan/cluster.h"

TEST(losing_a_host_says_what_restarts_where_and_what_is_left_without_a_gpu)
{
    CLUSTER(c, "node a P=2; node b P=2; node c P=1;"
               "vm v P=2 on=a priority=1; vm w P=1 on=b; vm x P=1 on=b priority=5");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DOWN, NULL), "v=-");
    CHECK_STR(cluster_what_if(&c, "b", PLAN_DOWN, NULL), "w=- x=c");
    CHECK_STR(cluster_what_if(&c, "a b", PLAN_DOWN, NULL), "v=- w=- x=c");
    CHECK_STR(cluster_what_if(&c, "c", PLAN_DOWN, NULL), "");
    CHECK_INT(plan_free_gpus(c.model, PLAN_NONE, 0), 1);
    CHECK_INT(plan_node_mode(c.model, cluster_node(&c, "a")), PLAN_ACTIVE);
    CHECK_INT(plan_vm_node(c.model, cluster_vm(&c, "v")), cluster_node(&c, "a"));
}

TEST(draining_moves_what_finds_a_place_and_leaves_the_rest_running)
{
    CLUSTER(c, "node a P=3; node b P=1; vm v P=1 on=a; vm w P=2 on=a");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DRAIN, NULL), "v=b w=-");
    CHECK_INT(c.plan.placements.items[0].from, cluster_node(&c, "a"));
}

TEST(partners_that_must_be_together_leave_a_host_together)
{
    CLUSTER(c, "node a P=4; node b P=1; node c P=3; vm v P=1 on=a; vm w P=2 on=a together!=v");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DRAIN, NULL), "v=c w=c");
}

TEST(partners_that_must_be_together_stay_if_not_both_can_leave)
{
    CLUSTER(c, "node a P=4; node b P=1; node c P=2; vm v P=1 on=a; vm w P=2 on=a together!=v");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DRAIN, NULL), "v=- w=-");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DOWN, NULL), "v=- w=c");
}

TEST(a_host_loss_is_survived_if_all_gpu_vms_find_a_place)
{
    struct plan_survival survival;
    CLUSTER(c, "node a P=2; node b P=2; node c P=2; vm v P=1 on=a; vm w P=1 on=b; vm x P=1 on=c");
    REQUIRE(plan_survivable_losses(c.model, 3, &survival) == 0);
    CHECK_INT(survival.losses, 1);
    CHECK(survival.is_exact);
    CHECK_INT(survival.weakest_len, 2);
    CHECK_INT(survival.left_out, 1);
}

TEST(the_weakest_host_counts)
{
    struct plan_survival survival;
    CLUSTER(c, "node a P=1; node b P=8; node c P=1; vm v P=1 on=a; vm w P=8 on=b");
    REQUIRE(plan_survivable_losses(c.model, 3, &survival) == 0);
    CHECK_INT(survival.losses, 0);
    CHECK(survival.is_exact);
    CHECK_INT(survival.weakest_len, 1);
    CHECK_INT(survival.weakest[0], cluster_node(&c, "b"));
    CHECK_INT(survival.vm, cluster_vm(&c, "w"));
}

TEST(vms_without_gpus_count_for_survival_too)
{
    struct plan_survival survival;
    CLUSTER(c, "node a P=1 memory=10; node b P=1 memory=10;"
               "vm v P=1 memory=2 on=a; vm plain memory=9 on=b");
    REQUIRE(plan_survivable_losses(c.model, 1, &survival) == 0);
    CHECK_INT(survival.losses, 0);
    CLUSTER(d, "node a P=1 memory=10; node b P=1 memory=10; vm plain1 memory=9 on=a;"
               "vm plain2 memory=9 on=b");
    REQUIRE(plan_survivable_losses(d.model, 2, &survival) == 0);
    CHECK_INT(survival.losses, 0);
    CHECK_INT(survival.vm, cluster_vm(&d, "plain1"));
    CLUSTER(e, "node a P=1 memory=10; node b memory=10; vm plain1 memory=4 on=a;"
               "vm plain2 memory=4 on=b");
    REQUIRE(plan_survivable_losses(e.model, 1, &survival) == 0);
    CHECK_INT(survival.losses, 1);
}

TEST(several_losses_are_tried_in_every_combination_while_those_are_few)
{
    struct plan_survival survival;
    CLUSTER(c, "node a P=4; node b P=4; node c P=4; node d P=4; node e P=4;"
               "vm v1 P=2 on=a; vm v2 P=2 on=b; vm v3 P=2 on=c; vm v4 P=2 on=d; vm v5 P=2 on=e");
    REQUIRE(plan_survivable_losses(c.model, 4, &survival) == 0);
    CHECK_INT(survival.losses, 2);
    CHECK(survival.is_exact);
    REQUIRE(plan_survivable_losses(c.model, 1, &survival) == 0);
    CHECK_INT(survival.losses, 1);
    CHECK_INT(survival.vm, PLAN_NONE);
}

TEST(what_a_moving_vm_has_reserved_is_still_its_own_after_a_question)
{
    struct plan_survival survival;
    CLUSTER(c, "node a P=2; node b P=2; vm m P=1 on=b; vm w P=2");
    uint32_t node = cluster_node(&c, "a"), vm = cluster_vm(&c, "m"), gpu = 1;
    plan_vm_hold(c.model, vm, node, &gpu, 1);
    CHECK_STR(cluster_what_if(&c, "b", PLAN_DOWN, NULL), "m=a");
    CHECK_INT(plan_free_gpus(c.model, node, 0), 1);
    REQUIRE(plan_survivable_losses(c.model, 1, &survival) == 0);
    CHECK_INT(plan_free_gpus(c.model, node, 0), 1);
}

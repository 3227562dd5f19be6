/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has to give way, what the reserve refuses, and who comes first. */
#include "test/plan/cluster.h"

static const struct plan_request preempt = {.may_preempt = true};
static const struct plan_request move = {.may_move = true};
static const struct plan_request preempt_or_move = {.may_preempt = true, .may_move = true};

TEST(a_running_vm_is_never_touched_unless_that_is_allowed)
{
    CLUSTER(c, "node a P=2; vm low P=2 on=a priority=1; vm high P=2 priority=9");
    CHECK_STR(cluster_place(&c, "high", NULL), "high=-");
    CHECK_STR(cluster_place(&c, "high", &preempt), "high=a low=-, low leaves a for high");
}

TEST(no_vm_is_preempted_for_an_equal)
{
    CLUSTER(c, "node a P=2; vm v P=2 on=a priority=5; vm w P=2 priority=5");
    CHECK_STR(cluster_place(&c, "w", &preempt), "w=-");
}

TEST(the_least_important_are_preempted_and_as_few_as_will_do)
{
    CLUSTER(c, "node a P=4; node b P=4; vm v1 P=1 on=a priority=2; vm v2 P=1 on=a priority=2;"
               "vm v3 P=2 on=a priority=1; vm w1 P=4 on=b priority=2; vm high P=2 priority=9");
    CHECK_STR(cluster_place(&c, "high", &preempt), "high=a v3=-, v3 leaves a for high");
}

TEST(who_is_preempted_restarts_elsewhere_if_there_is_room)
{
    CLUSTER(c, "node a P=4; node b P=1; vm v P=1 on=a priority=1; vm w P=3 on=a priority=8;"
               "vm high P=1 priority=9 possible=a");
    CHECK_STR(cluster_place(&c, "high", &preempt), "high=a v=b, v leaves a for high");
    CHECK_INT(c.plan.placements.items[1].from, cluster_node(&c, "a"));
}

TEST(no_vm_is_preempted_that_turns_out_not_to_be_in_the_way)
{
    /* 'least' alone is not enough, and with 'more' gone it need not leave. */
    CLUSTER(c, "node a P=3; vm least P=1 on=a priority=1; vm more P=2 on=a priority=2;"
               "vm high P=2 priority=9");
    CHECK_STR(cluster_place(&c, "high", &preempt), "high=a more=-, more leaves a for high");
}

TEST(the_most_important_of_the_preempted_gets_the_place_that_is_left)
{
    CLUSTER(c, "node a P=2; node b P=1; vm v1 P=1 on=a priority=1; vm v2 P=1 on=a priority=2;"
               "vm high P=2 priority=9");
    CHECK_STR(cluster_place(&c, "high", &preempt),
              "high=a v1=- v2=b, v1 leaves a for high, v2 leaves a for high");
}

TEST(who_is_pinned_is_not_preempted)
{
    CLUSTER(c, "node a P=2; node b P=2; vm deaf P=2 on=a priority=1 pinned=1;"
               "vm other P=2 on=b priority=2; vm high P=2 priority=9");
    CHECK_STR(cluster_place(&c, "high", &preempt), "high=b other=-, other leaves b for high");
    CLUSTER(d, "node a P=2; vm deaf P=2 on=a priority=1 pinned=1; vm high P=2 priority=9");
    CHECK_STR(cluster_place(&d, "high", &preempt), "high=-");
}

TEST(preemption_can_be_undone)
{
    CLUSTER(c, "node a P=4; node b P=1; vm v P=1 on=a priority=1; vm w P=3 on=a priority=2;"
               "vm high P=4 priority=9");
    for (int i = 0; i < 2; i++) {
        CHECK_STR(cluster_place(&c, "high", &preempt),
                  "high=a v=b w=-, v leaves a for high, w leaves a for high");
        plan_undo(c.model, &c.plan);
    }
    uint32_t gpus[gpus_per_vm_max];
    CHECK_INT(plan_vm_gpus(c.model, cluster_vm(&c, "w"), gpus), 3);
    CHECK_INT(plan_free_gpus(c.model, PLAN_NONE, 0), 1);
}

TEST(a_vm_is_moved_for_another_only_if_it_finds_a_place_itself)
{
    CLUSTER(c, "node a P=2; node b P=2; vm v P=1 on=a; vm w P=1 on=b; vm big P=2; vm more P=2");
    CHECK_STR(cluster_place(&c, "big", NULL), "big=-");
    CHECK_STR(cluster_place(&c, "big", &move), "big=a v=b, v leaves a for big");
    CHECK_STR(cluster_place(&c, "more", &move), "more=-");
    CHECK_INT(plan_vm_node(c.model, cluster_vm(&c, "v")), cluster_node(&c, "b"));
}

TEST(moving_is_preferred_to_preempting)
{
    CLUSTER(c, "node a P=2; node b P=2; vm v P=1 on=a priority=9; vm w P=1 on=b priority=1;"
               "vm big P=2 priority=5");
    CHECK_STR(cluster_place(&c, "big", &preempt_or_move), "big=b w=a, w leaves b for big");
}

TEST(higher_priority_is_placed_even_if_that_leaves_out_more_of_lower_priority)
{
    CLUSTER(c, "node a P=4; vm big P=4 priority=2; vm s1 P=1; vm s2 P=1; vm s3 P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "big=a s1=- s2=- s3=-");
}

TEST(among_equals_more_vms_are_worth_more_than_a_big_one)
{
    CLUSTER(c, "node a P=4; vm big P=4; vm s1 P=1; vm s2 P=1; vm s3 P=1");
    CHECK_STR(cluster_place(&c, NULL, NULL), "big=- s1=a s2=a s3=a");
}

TEST(a_lower_priority_gives_up_a_place_that_a_higher_one_needs_to_fit)
{
    /* The high one is small and would take 'a' as the tightest fit; only both searches together
     * see that 'wide' fits nowhere else. */
    CLUSTER(c, "node a P=2 memory=10; node b P=2 memory=4; vm high P=1 memory=4 priority=9;"
               "vm wide P=2 memory=6 priority=5");
    CHECK_STR(cluster_place(&c, NULL, NULL), "high=b wide=a");
}

TEST(a_start_that_would_break_the_reserve_is_refused)
{
    CLUSTER(c, "node a P=2; node b P=2; vm v P=1 on=a; vm w P=1 on=b; vm x P=1; vm plain cpus=1");
    struct plan_request keep_one = {.reserve = 1};
    CHECK_STR(cluster_place(&c, NULL, &keep_one), "plain=a x=reserve");
    CHECK_STR(cluster_explain(&c, "x", NULL), "a: has room; b: has room");
    struct plan_reason reason = {.code = PLAN_BREAKS_RESERVE,
                                 .need = 1,
                                 .pool = PLAN_NONE,
                                 .other = PLAN_NONE,
                                 .where = PLAN_NONE};
    struct cause cause = plan_reason_cause(c.model, &reason);
    CHECK_INT(cause.code, CAUSE_RESERVE);
    CHECK_INT(cause.facts.need, 1);
}

TEST(the_reserve_is_kept_against_vms_without_gpus_too)
{
    CLUSTER(c, "node a memory=10; node b memory=10; vm v memory=6 on=a; vm w memory=6;"
               "vm small memory=2");
    struct plan_request keep_one = {.reserve = 1};
    CHECK_STR(cluster_place(&c, NULL, &keep_one), "small=a w=reserve");
}

TEST(starts_are_let_in_as_far_as_the_reserve_goes_the_important_ones_first)
{
    CLUSTER(c, "node a P=4; node b P=4; vm v1 P=1 priority=1; vm v2 P=1 priority=9;"
               "vm v3 P=1 priority=8; vm v4 P=1 priority=7; vm v5 P=1 priority=6;"
               "vm big P=5 priority=5");
    struct plan_request keep_one = {.reserve = 1};
    CHECK_STR(cluster_place(&c, NULL, &keep_one), "big=- v1=reserve v2=a v3=a v4=a v5=a");
}

TEST(recovery_is_never_refused_for_the_reserve)
{
    CLUSTER(c, "node a P=1; node b P=1; node c P=1; vm v P=1 on=a; vm w P=1 on=b");
    CHECK_STR(cluster_what_if(&c, "a", PLAN_DOWN, NULL), "v=c");
}

TEST(hope_is_where_the_least_important_and_the_fewest_would_have_to_end)
{
    CLUSTER(c, "node a P=4; node b P=4; node d P=2; vm v1 P=1 on=a priority=2;"
               "vm v2 P=1 on=a priority=2; vm w P=2 on=b priority=2; vm x P=2 on=d priority=1;"
               "vm high P=3 priority=3; vm huge P=5 priority=3");
    const struct plan_request none = {0};
    CHECK_STR(cluster_place(&c, "high huge", NULL), "high=- huge=-");
    CHECK_INT(plan_hope(c.model, &none, cluster_vm(&c, "high")), cluster_node(&c, "a"));
    CHECK_INT(plan_hope(c.model, &none, cluster_vm(&c, "huge")), PLAN_NONE);
}

TEST(what_is_kept_of_a_node_others_do_not_get_until_it_is_given_free)
{
    CLUSTER(c,
            "node a P=4; vm v P=2 on=a priority=1; vm high P=3 priority=3; vm low P=1 priority=1;"
            "vm plain priority=1");
    uint32_t high = cluster_vm(&c, "high"), a = cluster_node(&c, "a");
    CHECK_STR(cluster_place(&c, "high", NULL), "high=-");
    plan_vm_keep(c.model, high, a);
    CHECK_INT(plan_free_gpus(c.model, a, 0), 0);
    CHECK_STR(cluster_place(&c, "low plain", NULL), "low=- plain=a");
    plan_vm_unkeep(c.model, high, a);
    CHECK_INT(plan_free_gpus(c.model, a, 0), 2);
    CHECK_STR(cluster_place(&c, "low", NULL), "low=a");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which problems are told outside, and when: as they begin, and once they are over. */
#include "test/unit/api_fixture.h"

#include "api/notice.h"

/* One coordinates, so that nothing is wrong. */
static void begin_healthy(void)
{
    begin_cluster();
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    strcpy(leader->leader->node, "node1");
    (void)store(leader);
}

static struct gpu *card(const char *node)
{
    return &world_find(&world, RECORD_NODE_INVENTORY, node)->inventory->gpus.items[0];
}

static bool is_node3_away;

/* What is told at this moment; "" if nothing. Until the next call. */
static const char *told(struct notices *notices, bool is_teller, msec_t later_ms)
{
    static char message[40000];
    CLEANUP(notice_message_done) struct notice_message out = {0};
    view.now_ms += later_ms;
    view.wall_ms += (uint64_t)later_ms;
    hear("node1", view.now_ms);
    hear("node2", view.now_ms);
    if (!is_node3_away) {
        hear("node3", view.now_ms);
    }
    if (!is_leaderless) {
        coordinate();
    }
    REQUIRE(notices_look(notices, &view, is_teller, &out));
    (void)snprintf(message, sizeof(message), "%s", buf_str(&out.json));
    CHECK_INT(out.json.size > 0, out.text.size > 0);
    return message;
}

static void fail_check(const char *node, const char *name)
{
    struct node_check *check =
        VEC_ADD(&world_find(&world, RECORD_NODE_INVENTORY, node)->inventory->checks);
    *check = (struct node_check){0};
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
}

/* VMs of these numbers wait: v100, ... */
static void add_waiting(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "v%03u", i);
        struct record *spec = record_new(RECORD_VM_SPEC, name, NULL);
        spec->vm_spec->desired = VM_STARTED;
        (void)store(spec);
        (void)place(name, PLACEMENT_NONE, "", 0);
    }
}

TEST(a_problem_is_told_once_it_lasts_and_once_it_is_over)
{
    struct notices notices = {0};
    begin_healthy();
    CHECK_STR(told(&notices, true, 0), "");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&notices, true, 1000), "");
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_STR(told(&notices, true, 1000), ""); /* over before it was worth a word */
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&notices, true, 1000), "");
    const char *message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message,
              "\"begun\":[{\"code\":\"disarmed\",\"severity\":\"warning\",\"of\":\"cluster\"");
    CHECK_HAS(message, "\"over\":[]");
    CHECK_HAS(message, "\\nwarning: ");
    CHECK_STR(told(&notices, true, 1000), "");

    /* What the silent store hides is not over. */
    must("POST", "/v1/cluster/arm", NULL);
    view.stale_since_ms = view.now_ms;
    CHECK(!strstr(told(&notices, true, 1000), "\"over\":[{"));
    view.stale_since_ms = MSEC_NEVER;
    CHECK_HAS(told(&notices, true, 1000), "\"over\":[{\"code\":\"disarmed\"");
    CHECK_STR(told(&notices, true, notice_settle_ms), "");
    notices_done(&notices);
}

TEST(the_next_coordinator_tells_what_the_last_one_may_not_have_told_and_nothing_older)
{
    struct notices notices = {0}, fresh = {0}, recent = {0}, late = {0};
    begin_healthy();
    CHECK_STR(told(&notices, false, 0), "");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&notices, false, 1000), "");
    CHECK_STR(told(&notices, false, notice_hand_over_ms), ""); /* another host tells it */
    CHECK_HAS(told(&notices, true, 0), "disarmed");            /* or had no time to */
    CHECK_STR(told(&notices, true, 1000), "");
    notices_done(&notices);

    /* One that was there long before this program began, or before another coordinated, is known.
     */
    CHECK_STR(told(&fresh, false, 0), "");
    CHECK_STR(told(&fresh, true, 2 * notice_settle_ms), "");
    notices_done(&fresh);
    must("POST", "/v1/cluster/arm", NULL);
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&recent, true, 1000), ""); /* shortly before it began is not long */
    CHECK_HAS(told(&recent, true, notice_settle_ms), "disarmed");
    notices_done(&recent);
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_STR(told(&late, false, 0), "");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&late, false, 0), "");
    CHECK_STR(told(&late, false, notice_hand_over_ms + 1), "");
    CHECK_STR(told(&late, true, 1000), "");
    notices_done(&late);
}

TEST(what_no_coordinator_can_see_is_not_over)
{
    struct notices notices = {0};
    begin_healthy();
    CHECK_STR(told(&notices, true, 0), "");
    card("node2")->health = GPU_QUARANTINED;
    is_node3_away = true;
    CHECK_STR(told(&notices, true, 30000), "");
    const char *message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message, "\"subject\":\"node3\"");
    CHECK_HAS(message, "\"subject\":\"node2/0000:01:00.0\"");

    is_leaderless = true;
    CHECK_STR(told(&notices, true, 1000), "");
    CHECK(!strstr(told(&notices, true, 30000), "\"over\":[{"));
    CHECK(!strstr(told(&notices, true, notice_settle_ms), "\"over\":[{"));
    is_leaderless = false;
    heard_len = 0; /* the next one has listened for too short a time to know of node3 */
    hear("node3", view.now_ms);
    message = told(&notices, true, 1000);
    CHECK(!strstr(message, "node2") && !strstr(message, "node3"));
    message = told(&notices, true, 1000);
    CHECK(!strstr(message, "node2") && !strstr(message, "node3"));
    card("node2")->health = GPU_HEALTHY;
    is_node3_away = false;
    message = told(&notices, true, 1000);
    CHECK_HAS(message, "\"begun\":[]");
    CHECK_HAS(strstr(message, "\"over\""), "node3");
    CHECK_HAS(strstr(message, "\"over\""), "node2/0000:01:00.0");
    notices_done(&notices);
}

TEST(each_failed_check_of_a_host_is_told)
{
    struct notices notices = {0};
    begin_healthy();
    CHECK_STR(told(&notices, true, 0), "");
    fail_check("node2", "clock");
    (void)told(&notices, true, 1000);
    CHECK_HAS(told(&notices, true, notice_settle_ms), "\"check\":\"clock\"");
    fail_check("node2", "kernel");
    CHECK_STR(told(&notices, true, 1000), "");
    const char *message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message, "\"check\":\"kernel\"");
    CHECK(!strstr(message, "clock"));
    notices_done(&notices);
}

TEST(of_too_many_problems_some_are_told_and_none_is_over)
{
    struct notices notices = {0};
    begin_healthy();
    CHECK_STR(told(&notices, true, 0), "");
    must("POST", "/v1/cluster/disarm", NULL);
    must("POST", "/v1/pools", "{\"name\":\"P\",\"all\":true,\"model\":\"10de:20b5\"}");
    add_waiting(100, 500);
    (void)told(&notices, true, 1000);
    const char *message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message, "\"begun_count\":401,");
    CHECK_HAS(message, "and 351 more\"");
    CHECK(!strstr(message, "v449") && strstr(message, "v148"));
    add_waiting(0, 100); /* before the others, of which some now are left out */
    add_waiting(500, 600);
    CHECK_STR(told(&notices, true, 1000), "");
    message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message, "\"over_count\":0");
    notices_done(&notices);
}

TEST(the_next_coordinator_tells_what_ended_around_the_change)
{
    struct notices notices = {0};
    begin_healthy();
    CHECK_STR(told(&notices, false, 0), "");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&notices, false, 1000), "");
    CHECK_STR(told(&notices, false, notice_settle_ms), "");
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_STR(told(&notices, false, 1000), "");
    const char *message = told(&notices, true, notice_settle_ms);
    CHECK_HAS(message, "\"over\":[{\"code\":\"disarmed\"");
    CHECK_HAS(message, "\"begun\":[]");
    CHECK_STR(told(&notices, true, 1000), "");

    /* The last one has told what ended long before it went. */
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_STR(told(&notices, false, 1000), "");
    CHECK_STR(told(&notices, false, notice_settle_ms), "");
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_STR(told(&notices, false, 1000), "");
    CHECK_STR(told(&notices, false, notice_hand_over_ms), "");
    CHECK_STR(told(&notices, true, 1000), "");
    notices_done(&notices);
}

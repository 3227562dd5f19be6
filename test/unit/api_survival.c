/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many hosts can be lost: shown always, looked for again only when it may be another. */
#include "test/unit/api_fixture.h"

#include "api/survival.h"

static struct survival_memo memo;
static char before[20000]; /* the last answer */

static struct record *changed(enum record_kind kind, const char *name)
{
    const struct record *old = world_find(&world, kind, name);
    return store(old ? record_copy(old) : record_new(kind, name, NULL));
}

static void hold(const char *vm, const char *node, const struct gpu_slot *slot)
{
    struct vm_placement *placement = place(vm, PLACEMENT_START, node, 1);
    struct gpu_hold *held = VEC_ADD(&placement->gpus);
    REQUIRE(held);
    held->slot = *slot;
    strcpy(held->pool, "P");
    report(vm, node, 1, VM_STATE_RUNNING);
}

/* Four VMs with a GPU each run on node1 and node2, two on each; the two of node3 are free. */
static void begin_full(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    begin_cluster();
    survival_memo_done(&memo);
    before[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char target[30];
        const struct gpu_slot slot = {.address = {.bus = (uint8_t)(1 + i % 2)}};
        add_vm(names[i], 1);
        (void)snprintf(target, sizeof(target), "/v1/vms/%s/start", names[i]);
        must("POST", target, NULL);
        hold(names[i], i < 2 ? "node1" : "node2", &slot);
    }
}

/* With what is remembered, the answer is the one without: if it should, it is another than the last
 * time. */
static void compare(const char *what, bool is_other)
{
    CLEANUP(buf_done) struct buf fresh = {0};
    view.survival_memo = NULL;
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    buf_add(&fresh, text(), strlen(text()));
    view.survival_memo = &memo;
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    if (strcmp(text(), buf_str(&fresh)) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s, not %s", what, text(), buf_str(&fresh));
    }
    REQUIRE(answer.body.size < sizeof(before));
    if ((strcmp(before, text()) != 0) != is_other) {
        test_fail(__FILE__, __LINE__, "%s: is it another? %s", what, text());
    }
    strcpy(before, text());
}

TEST(what_is_remembered_of_the_losses_is_what_would_be_found_again)
{
    begin_full();
    compare("in the beginning", true);
    must("POST", "/v1/nodes/node3/pause", NULL);
    compare("a node is paused", true);
    must("POST", "/v1/nodes/node3/resume", NULL);
    compare("it is resumed", true);
    must("PATCH", "/v1/cluster", "{\"reserve\":2}");
    compare("another reserve is wanted", true);
    CHECK_HAS(text(), "\"left_out\":2");
    changed(RECORD_NODE_INVENTORY, "node3")->inventory->gpus.items[0].health = GPU_QUARANTINED;
    compare("a GPU is quarantined", true);
    const struct record_key claim = {RECORD_CLAIM, "node3", "0000:02:00.0"};
    CHECK(world_mark_unreadable(&world, &claim));
    compare("a claim cannot be read", true);
    changed(RECORD_NODE_INVENTORY, "node3")->inventory->checks.items[0].is_ok = false;
    compare("a hypervisor does not answer", true);
    changed(RECORD_NODE_INVENTORY, "node3")->inventory->checks.items[0].is_ok = true;
    compare("it answers", true);
    beat("node3", 2, 1, view.now_ms);
    compare("a node began anew, and has not looked around yet", true);
    changed(RECORD_NODE_INVENTORY, "node3")->inventory->incarnation = 2;
    compare("it has", true);
    changed(RECORD_NODE_STANDING, "node3")->standing->quarantine_ms = 1000;
    world_find(&world, RECORD_NODE_STANDING, "node3")->standing->spec_revision =
        (uint64_t)world_find(&world, RECORD_NODE_SPEC, "node3")->revision;
    compare("a node is quarantined", true);
    (void)place("d", PLACEMENT_NONE, "", 2);
    compare("a VM has no place", true);
    must("POST", "/v1/vms/d/stop", NULL);
    must("DELETE", "/v1/vms/d", NULL);
    compare("and is removed", false);
}

TEST(a_host_whose_death_nothing_can_prove_is_no_loss_that_is_survived)
{
    begin_full();
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"verdict\":\"yes\",\"losses\":1");
    changed(RECORD_NODE_ALIVE, "node2")->alive->is_watchdog_armed = false;
    changed(RECORD_NODE_ALIVE, "node3")->alive->is_watchdog_armed = false; /* nothing runs there */
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"verdict\":\"no-proof\",\"losses\":0");
    CHECK_HAS(text(), "\"unproven\":[\"node2\"]");
    struct node_spec *spec = changed(RECORD_NODE_SPEC, "node2")->node_spec;
    spec->fencing = FENCING_POWER;
    strcpy(spec->fence_agent, "fence_ipmilan");
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"verdict\":\"yes\",\"losses\":1");
}

TEST(without_a_vm_or_another_host_the_answer_says_so)
{
    begin();
    add_node("node1", true);
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"verdict\":\"no-vms\",\"losses\":0");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    must("POST", "/v1/vms/v/start", NULL);
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"verdict\":\"one-host\",\"losses\":0");
}

TEST(a_node_that_falls_silent_is_noticed_without_any_record)
{
    begin_full();
    compare("in the beginning", true);
    view.now_ms += 5000;
    beat("node1", 1, 3, view.now_ms);
    beat("node2", 1, 3, view.now_ms);
    compare("node3 is silent", true);
    CHECK_HAS(text(), "\"losses\":0");
    CHECK_HAS(text(), "no heartbeat for 5 s");
    view.now_ms += 1000;
    compare("for longer", true);
    CHECK_HAS(text(), "no heartbeat for 6 s");
}

TEST(heartbeats_events_and_claims_do_not_make_the_losses_be_counted_again)
{
    begin_full();
    compare("in the beginning", true);
    CHECK(memo.is_found && memo.survival.losses == 1);
    memo.survival.losses = 77;
    beat("node1", 1, 3, view.now_ms);
    claim("node1", "0000:01:00.0", "a");
    (void)store(record_new(RECORD_EVENT, "01760000000001-x-1", NULL));
    REQUIRE(ask("GET", "/v1/status", NULL) == 200);
    CHECK_HAS(text(), "\"losses\":77");
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_survivable_host_losses 77\n");
    (void)changed(RECORD_POOL, "P");
    REQUIRE(ask("GET", "/v1/status", NULL) == 200);
    CHECK_HAS(text(), "\"losses\":1");
    CHECK_HAS(text(), "\"wanted\":0");
}

TEST(a_cluster_of_thousands_of_vms_tells_how_many_hosts_can_be_lost)
{
    enum { many = 3000 };
    begin_full();
    for (int i = 0; i < many; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "more-%d", i);
        (void)store(record_new(RECORD_VM_SPEC, name, NULL));
    }
    REQUIRE(ask("GET", "/v1/status", NULL) == 200);
    CHECK_HAS(text(), "\"survival\":{\"verdict\":\"yes\",\"losses\":1,");
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_survivable_host_losses 1\n");
    survival_memo_done(&memo);
    fixture_done();
}

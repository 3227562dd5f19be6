/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* While people work: a disarmed cluster, VMs that are not managed, VMs that start after others. */
#include "test/unit/api_fixture.h"

static struct vm_spec *spec(const char *vm)
{
    return world_find(&world, RECORD_VM_SPEC, vm)->vm_spec;
}

static const struct cluster_settings *settings(void)
{
    return world_find(&world, RECORD_CLUSTER, "")->cluster;
}

static void shows(const char *target, const char *words)
{
    CHECK_INT(ask("GET", target, NULL), 200);
    CHECK_HAS(text(), words);
}

/* ---- disarm, arm ---- */

TEST(a_disarmed_cluster_says_so_wherever_people_look)
{
    begin_cluster();
    add_vm("a", 1);
    must("POST", "/v1/vms/a/start", NULL);
    shows("/v1/status", "\"disarmed\":false,\"disarm_left_ms\":0");
    shows("/metrics", "berth_disarmed 0");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK(settings()->is_disarmed);
    CHECK_INT(settings()->disarm_order, 1);
    CHECK_INT(settings()->disarm_ms, 0);
    shows("/v1/status", "\"disarmed\":true,\"disarm_left_ms\":0");
    shows("/v1/status", "\"verdict\":\"disarmed\",\"losses\":0");
    shows("/v1/validate", "the cluster is disarmed until someone arms it");
    CHECK_HAS(text(), "\"action\":\"cluster-arm\"");
    shows("/metrics", "berth_disarmed 1");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK_HAS(text(), "\"unchanged\":true");
    must("POST", "/v1/cluster/arm", NULL);
    CHECK(!settings()->is_disarmed);
    shows("/v1/status", "\"disarmed\":false");
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_HAS(text(), "\"unchanged\":true");
}

TEST(a_time_limit_is_over_when_the_coordinator_says_so_and_a_new_one_counts_from_its_beginning)
{
    begin_cluster();
    must("POST", "/v1/cluster/disarm", "{\"for_ms\":7200000}");
    shows("/v1/status", "\"disarmed\":true,\"disarm_left_ms\":7200000");
    shows("/v1/validate", "disarmed for about 7200 s more");
    struct record *count = record_new(RECORD_DISARM, NULL, NULL);
    count->disarm->order = 1;
    count->disarm->left_ms = 60000;
    count = store(count);
    shows("/v1/status", "\"disarmed\":true,\"disarm_left_ms\":60000");
    count->disarm->left_ms = 0;
    shows("/v1/status", "\"disarmed\":false,\"disarm_left_ms\":0");
    must("POST", "/v1/cluster/disarm", "{\"for_ms\":1000}");
    shows("/v1/status", "\"disarmed\":true,\"disarm_left_ms\":1000");
    refused("POST", "/v1/cluster/disarm", "{\"for_ms\":999}", 400, "for_ms");
    refused("POST", "/v1/cluster/disarm", "{\"for_ms\":2592000001}", 400, "for_ms");
}

TEST(disarming_is_an_order_and_no_setting)
{
    begin_cluster();
    refused("PATCH", "/v1/cluster", "{\"disarmed\":true}", 400, "disarmed");
    role = ROLE_OPERATOR;
    refused("POST", "/v1/cluster/disarm", NULL, 403, "administrator");
    refused("POST", "/v1/cluster/arm", NULL, 403, "administrator");
}

TEST(who_arms_the_cluster_is_told_which_hosts_are_not_heard)
{
    begin_cluster();
    must("POST", "/v1/cluster/disarm", NULL);
    view.now_ms += 10000;
    beat("node1", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    must("POST", "/v1/cluster/arm", NULL);
    CHECK_HAS(text(), "Not heard now: node2; a host that is not heard soon is fenced");
}

/* ---- unmanaged VMs ---- */

TEST(an_unmanaged_vm_takes_no_orders_and_says_what_it_is)
{
    begin_cluster();
    add_vm("a", 1);
    must("PATCH", "/v1/vms/a", "{\"unmanaged\":true}");
    CHECK(spec("a")->is_unmanaged);
    refused("POST", "/v1/vms/a/start", NULL, 409, "\"unmanaged\"");
    refused("POST", "/v1/vms/a/stop", NULL, 409, "VM a is unmanaged");
    refused("POST", "/v1/vms/a/move", NULL, 409, "VM a is unmanaged");
    shows("/v1/vms/a", "\"detail\":\"unmanaged\"");
    shows("/v1/vms/a", "\"unmanaged\":true");
    shows("/v1/validate", "it is unmanaged: if it ends or its host fails, it stays down");
    must("PATCH", "/v1/vms/a", "{\"unmanaged\":false}");
    must("POST", "/v1/vms/a/start", NULL);
    CHECK_INT(spec("a")->desired, VM_STARTED);
}

/* ---- start order ---- */

TEST(a_start_order_that_would_be_a_circle_is_refused)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("a") "\"}");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("b") "\",\"start_after\":[\"a\"]}");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("c") "\",\"start_after\":[\"a\",\"b\"]}");
    refused("PATCH", "/v1/vms/a", "{\"start_after\":[\"c\"]}", 409, "start-order-circle");
    refused("PATCH", "/v1/vms/a", "{\"start_after\":[\"a\"]}", 400, "related to itself");
    refused("PATCH", "/v1/vms/a", "{\"start_after\":[\"x\"]}", 404, "no VM \\\"x\\\"");
    must("PATCH", "/v1/vms/c", "{\"start_after\":[]}");
    must("PATCH", "/v1/vms/a", "{\"start_after\":[\"c\"]}");
    CHECK_INT(spec("a")->start_after.len, 1);
}

TEST(two_orders_at_once_cannot_make_a_circle)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("a") "\"}");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("b") "\"}");
    CHECK_INT(ask("PATCH", "/v1/vms/a", "{\"start_after\":[\"b\"]}"), 200);
    struct record *other = record_copy(world_find(&world, RECORD_VM_SPEC, "b"));
    strcpy(((struct vm_name *)VEC_ADD(&other->vm_spec->start_after))->name, "a");
    (void)store(other);
    CHECK(!commit());
}

TEST(a_vm_that_is_gone_from_a_start_order_is_reported)
{
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("a") "\"}");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("b") "\",\"start_after\":[\"a\"]}");
    must("DELETE", "/v1/vms/a", NULL);
    shows("/v1/validate", "it starts after a, which does not exist");
}

/* ---- fencing in levels ---- */

TEST(fence_agents_are_set_in_levels_without_a_gap_and_their_passwords_are_not_shown)
{
    begin_cluster();
    grant_key("node1", 1, FENCE_KEY(1), "");
    refused("PATCH", "/v1/nodes/node1", "{\"fence_level_2\":{\"agent\":\"fence_apc\"}}", 400,
            "level 1 has no fence agent yet");
    must(
        "PATCH", "/v1/nodes/node1",
        "{\"fencing\":\"power\",\"fence_agent\":\"fence_ipmilan\",\"fence_level_2\":{\"agent\":"
        "\"fence_apc\",\"parameters\":{\"ip\":\"10.0.0.9\",\"password\":\"(sealed)\"},\"box\":\"1:" FENCE_KEY(
            1) ":Z2VoZWlt\"}}");
    CHECK(!strstr(text(), "Z2VoZWlt"));
    const struct node_spec *node = world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec;
    CHECK_INT(node_spec_fence_levels(node), 2);
    CHECK_STR(node_spec_fence_level(node, 1).agent, "fence_apc");
    CHECK_INT(node_spec_fence_level(node, 1).parameter_len, 2);
    shows("/v1/nodes/node1", "\"ip\":\"10.0.0.9\"");
    CHECK(!strstr(text(), "Z2VoZWlt"));
    shows("/v1/cluster/export", "10.0.0.9");
    CHECK(!strstr(text(), "Z2VoZWlt"));
    shows("/v1/validate", "if that fails, turned off by fence_apc");
    refused("PATCH", "/v1/nodes/node1", "{\"fence_level_3\":{\"agent\":\"apc\"}}", 400,
            "fence_level_3: the name of a fence agent begins with fence_");
    refused("PATCH", "/v1/nodes/node2",
            "{\"fence_agent\":\"fence_a\",\"fence_level_3\":"
            "{\"agent\":\"fence_b\"}}",
            400, "level 2 has no fence agent yet");
    must("PATCH", "/v1/nodes/node1", "{\"fence_level_2\":{\"agent\":\"\",\"parameters\":{}}}");
    CHECK_INT(
        node_spec_fence_levels(node = world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec), 1);
}

/* ---- big VMs ---- */

static void put_big(const char *more)
{
    char body[600];
    begin_cluster();
    (void)snprintf(body, sizeof(body),
                   "{\"xml\":\"<domain type='kvm'><name>big</name><memory unit='GiB'>256</memory>"
                   "<vcpu>1</vcpu>%s<os><type machine='q35'>hvm</type></os></domain>\"}",
                   more);
    must("POST", "/v1/vms", body);
    struct record *placement = record_new(RECORD_VM_PLACEMENT, "big", NULL);
    placement->placement->epoch = 1;
    placement->placement->phase = PLACEMENT_START;
    placement->placement->memory_mib = 256 * 1024;
    strcpy(placement->placement->node, "node2");
    (void)store(placement);
}

TEST(a_host_whose_vms_take_too_long_to_end_is_told_to_use_huge_pages)
{
    put_big("");
    shows("/v1/validate", "ending its VMs takes up to 11.8 s (256 GiB in 4 KiB pages, 256 GiB of "
                          "them in big), and 1.0 s are allowed");
    CHECK_HAS(text(), "With huge pages in these VMs it takes 0.3 s");
    put_big("<memoryBacking><hugepages/></memoryBacking>");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK(!strstr(text(), "huge-pages"));
}

TEST(a_host_that_ends_no_vm_by_itself_needs_no_huge_pages)
{
    put_big("");
    must("PATCH", "/v1/nodes/node2", "{\"fencing\":\"manual\"}");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK(!strstr(text(), "huge-pages"));
}

/* ---- fence agents that are tried ---- */

/* What 'by' found: an agent that failed at level 1, then one that says off. */
static void answer_test(const char *by, const char *node)
{
    struct record *inventory = record_copy(world_find(&world, RECORD_NODE_INVENTORY, by));
    struct fence_test_result *result = VEC_ADD(&inventory->inventory->fence_tests);
    *result = (struct fence_test_result){
        .asked = world_find(&world, RECORD_FENCE_TEST, node)->revision,
        .spec = world_find(&world, RECORD_NODE_SPEC, node)->revision,
        .level_len = 2,
        .levels = {{"fence_ipmilan", FENCE_TEST_FAILED, "no route"},
                   {"fence_apc", FENCE_TEST_OFF, "fence_apc says off"}},
    };
    strcpy(result->node, node);
    (void)store(inventory);
}

TEST(fence_agents_are_tested_from_another_host_and_what_they_say_is_shown)
{
    begin_cluster();
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    strcpy(leader->leader->node, "node3");
    (void)store(leader);
    refused("POST", "/v1/nodes/node1/fence-test", NULL, 409, "no fence agent to test");
    refused("POST", "/v1/nodes/node9/fence-test", NULL, 404, "node9");
    must("PATCH", "/v1/nodes/node1",
         "{\"fencing\":\"power\",\"fence_agent\":\"fence_ipmilan\",\"fence_level_2\":"
         "{\"agent\":\"fence_apc\",\"parameters\":{}}}");
    must("PATCH", "/v1/nodes/node3", "{\"fencing\":\"power\",\"fence_agent\":\"fence_ipmilan\"}");
    must("POST", "/v1/nodes/node1/fence-test", NULL);
    CHECK_HAS(text(), "the fence agents of node1 are to be tested from node3");
    shows("/v1/nodes/node1", "\"fence_test\":{\"by\":\"node3\"");
    CHECK_HAS(text(), "\"done\":false,\"outdated\":false,\"levels\":[]");
    answer_test("node3", "node1");
    shows("/v1/nodes/node1", "\"done\":true,\"outdated\":false");
    CHECK_HAS(text(), "\"agent\":\"fence_ipmilan\",\"state\":\"failed\",\"works\":false,"
                      "\"text\":\"no route\"");
    /* Alive, and its agent says off: it would turn off someone else. */
    CHECK_HAS(text(), "\"state\":\"off\",\"works\":false,\"text\":\"fence_apc says off, but "
                      "node1 is on: it looks at another machine\"");

    /* The coordinator does not test itself, and one can choose. */
    must("POST", "/v1/nodes/node3/fence-test", NULL);
    CHECK_HAS(text(), "from node1");
    must("POST", "/v1/nodes/node3/fence-test", "{\"from\":\"node2\"}");
    CHECK_HAS(text(), "from node2");
    refused("POST", "/v1/nodes/node3/fence-test", "{\"from\":\"node9\"}", 404, "node9");

    /* Once it is off, an agent that says so is right; what is newer than the test makes it old. */
    must("PATCH", "/v1/nodes/node1", "{\"labels\":{\"rack\":\"1\"}}");
    view.now_ms += 60000;
    hear("node2", view.now_ms);
    hear("node3", view.now_ms);
    coordinate();
    shows("/v1/nodes/node1", "\"state\":\"off\",\"works\":true");
    CHECK_HAS(text(), "\"outdated\":true");
    refused("POST", "/v1/nodes/node3/fence-test", "{\"from\":\"node1\"}", 409, "not-up");
    /* Nor does it get wrong when the host comes back, as long as it began again. */
    struct record *alive = record_copy(world_find(&world, RECORD_NODE_ALIVE, "node1"));
    alive->alive->incarnation++;
    (void)store(alive);
    hear("node1", view.now_ms);
    coordinate();
    shows("/v1/nodes/node1", "\"state\":\"off\",\"works\":true");
    alive = record_copy(world_find(&world, RECORD_NODE_ALIVE, "node1"));
    alive->alive->incarnation--;
    (void)store(alive);
    shows("/v1/nodes/node1", "\"state\":\"off\",\"works\":false");
    role = ROLE_OPERATOR;
    refused("POST", "/v1/nodes/node3/fence-test", NULL, 403, "administrator");
}

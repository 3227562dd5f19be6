/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts that are shut down or rebooted: the order, who may not have it, and how it stands. */
#include "test/unit/api_fixture.h"

static const struct node_spec *spec_of(const char *node)
{
    return world_find(&world, RECORD_NODE_SPEC, node)->node_spec;
}

/* 'node' in that incarnation, as its heartbeats say. */
static void say(const char *node, uint64_t incarnation, bool is_going_down, bool has_left)
{
    for (uint64_t counter = 10; counter < 12; counter++) {
        struct record *alive = record_new(RECORD_NODE_ALIVE, node, NULL);
        alive->alive->incarnation = incarnation;
        alive->alive->counter = counter + 10 * incarnation;
        alive->alive->is_going_down = is_going_down;
        alive->alive->has_left = has_left;
        (void)store(alive);
        hear(node, view.now_ms - (counter == 10 ? 500 : 0));
    }
}

static const char *state_of(const char *node)
{
    static char state[name_size];
    char target[80];
    (void)snprintf(target, sizeof(target), "/v1/nodes/%s", node);
    REQUIRE(ask("GET", target, NULL) == 200);
    const char *at = strstr(text(), "\"state\":\"");
    REQUIRE(at);
    (void)snprintf(state, sizeof(state), "%.*s", (int)strcspn(at + 9, "\""), at + 9);
    return state;
}

/* How the only operation stands. */
static void stands(const char *state)
{
    char wanted[80];
    REQUIRE(ask("GET", "/v1/operations", NULL) == 200);
    (void)snprintf(wanted, sizeof(wanted), "\"state\":\"%s\"", state);
    CHECK_HAS(text(), wanted);
}

/* 'vm' runs on 'node' with the GPU at that bus. */
static void run(const char *vm, const char *node, uint8_t bus)
{
    char target[40], address[20];
    add_vm(vm, 1);
    (void)snprintf(target, sizeof(target), "/v1/vms/%s/start", vm);
    must("POST", target, NULL);
    struct vm_placement *placement = place(vm, PLACEMENT_START, node, 1);
    struct gpu_hold *held = VEC_ADD(&placement->gpus);
    REQUIRE(held);
    held->slot.address.bus = bus;
    strcpy(held->pool, "P");
    (void)snprintf(address, sizeof(address), "0000:%02x:00.0", bus);
    claim(node, address, vm);
    report(vm, node, 1, VM_STATE_RUNNING);
}

TEST(a_reboot_is_ordered_for_the_incarnation_that_lives_and_is_over_when_a_later_one_does)
{
    begin_cluster();
    must("POST", "/v1/nodes/node2/reboot", NULL);
    CHECK_HAS(text(), "node2 is to be rebooted once its VMs have left it");
    CHECK_INT(spec_of("node2")->power, NODE_POWER_REBOOT);
    CHECK_INT(spec_of("node2")->power_incarnation, 1);
    stands("running");
    must("POST", "/v1/nodes/node2/reboot", NULL);
    CHECK_HAS(text(), "\"unchanged\":true");
    say("node2", 1, true, false);
    CHECK_STR(state_of("node2"), "going-down");
    stands("running");
    say("node2", 2, true, false); /* it has ended its last VMs, and is not back */
    stands("running");
    say("node2", 3, false, false);
    CHECK_STR(state_of("node2"), "up");
    stands("done");
}

TEST(a_shutdown_is_over_when_the_host_has_left_without_vms)
{
    begin_cluster();
    must("POST", "/v1/nodes/node2/shutdown", NULL);
    CHECK_INT(spec_of("node2")->power, NODE_POWER_SHUTDOWN);
    say("node2", 1, true, true);
    view.now_ms += 60000;
    beat("node1", 1, 30, view.now_ms);
    beat("node3", 1, 30, view.now_ms);
    CHECK_STR(state_of("node2"), "shut-down");
    stands("done");
    refused("POST", "/v1/nodes/node2/reboot", NULL, 409, "only berthd on that host");
}

TEST(a_host_that_left_with_vms_is_not_taken_for_shut_down)
{
    begin_cluster();
    run("a", "node2", 1);
    struct record *status = record_copy(world_find(&world, RECORD_VM_STATUS, "a"));
    status->status->incarnation = 1;
    (void)store(status);
    say("node2", 1, true, true);
    view.now_ms += 60000;
    CHECK_STR(state_of("node2"), "silent");
    REQUIRE(ask("GET", "/v1/nodes/node2", NULL) == 200);
    CHECK_HAS(text(), "VMs that nothing watches now: 1");
}

TEST(a_request_is_canceled_by_resuming_the_host)
{
    begin_cluster();
    must("POST", "/v1/nodes/node2/reboot", NULL);
    must("POST", "/v1/nodes/node2/resume", NULL);
    CHECK_INT(spec_of("node2")->power, NODE_POWER_NONE);
    stands("superseded");
}

TEST(a_second_host_is_not_shut_down_while_one_is_away_unless_by_force)
{
    begin_cluster();
    say("node1", 1, true, false);
    refused("POST", "/v1/nodes/node2/reboot", NULL, 409, "would lack more than one host");
    CHECK_HAS(text(), "it is going-down");
    refused("POST", "/v1/nodes/node1/reboot", NULL, 409, "is being shut down already");
    must("POST", "/v1/nodes/node2/reboot", "{\"force\":true}");
}

TEST(a_host_whose_vms_have_no_other_place_is_not_shut_down_unless_by_force)
{
    begin_cluster();
    run("a", "node1", 1);
    run("b", "node1", 2);
    run("c", "node2", 1);
    run("d", "node2", 2);
    run("e", "node3", 1);
    refused("POST", "/v1/nodes/node1/shutdown", NULL, 409, "have no other place");
    CHECK_HAS(text(), "no other host can take it");
    CHECK_INT(ask("POST", "/v1/nodes/node3/shutdown", NULL), 409);
    must("POST", "/v1/nodes/node1/shutdown", "{\"force\":true}");
}

TEST(only_administrators_shut_hosts_down)
{
    begin_cluster();
    role = ROLE_OPERATOR;
    refused("POST", "/v1/nodes/node1/shutdown", NULL, 403, "takes the role administrator");
    refused("POST", "/v1/nodes/node1/reboot", NULL, 403, "takes the role administrator");
}

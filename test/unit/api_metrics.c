/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted, and what is measured by what was told. */
#include "test/unit/api_fixture.h"

#include "api/counters.h"

static struct counters counters;

static struct record *placement_of(const char *vm, const char *node, uint64_t epoch)
{
    struct record *record = record_new(RECORD_VM_PLACEMENT, vm, NULL);
    record->placement->phase = PLACEMENT_START;
    record->placement->epoch = epoch;
    (void)snprintf(record->placement->node, name_size, "%s", node);
    return record;
}

/* The next placement of v comes, is counted, and is in the world. */
static void comes(const char *node, uint64_t epoch)
{
    struct record *record = placement_of("v", node, epoch);
    counters_record(&counters, &world, record);
    (void)store(record);
}

TEST(a_failover_is_a_place_elsewhere_without_an_orderly_end)
{
    begin_cluster();
    add_vm("v", 1);
    counters = (struct counters){0};
    comes("node1", 1);
    report("v", "node1", 1, VM_STATE_RUNNING);
    comes("node1", 1);
    CHECK_INT(counters.failovers + counters.restarts, 0);
    comes("node2", 2); /* node1 was lost */
    CHECK_INT(counters.failovers, 1);
    report("v", "node2", 2, VM_STATE_STOPPED);
    comes("node3", 3); /* a move */
    CHECK_INT(counters.failovers, 1);
    report("v", "node3", 3, VM_STATE_FAILED);
    comes("node3", 4);
    CHECK_INT(counters.failovers, 1);
    CHECK_INT(counters.restarts, 1);
}

TEST(the_time_of_the_store_is_counted_by_edges)
{
    counters = (struct counters){0};
    counters_store(&counters, true, 1000);
    counters_store(&counters, true, 1001);
    counters_store(&counters, true, UINT64_C(1) << 40);
    counters_store(&counters, false, 5);
    CHECK_INT(counters.buckets[0], 1);
    CHECK_INT(counters.buckets[1], 1);
    CHECK_INT(counters.buckets[counters_bucket_len - 1], 1);
    CHECK_INT(counters.store_count, 3);
    CHECK_INT(counters.store_failures, 1);
    counters_answer(&counters, 9999);
    counters_answer(&counters, 404);
    CHECK_INT(counters.answers[404], 1);
}

static void tell(const char *name, const char *code)
{
    struct record *event = record_new(RECORD_EVENT, name, NULL);
    strcpy(event->event->subject, "v");
    strcpy(event->event->code, code);
    (void)store(event);
}

TEST(each_vm_and_gpu_has_its_state_and_problems_are_counted_by_code)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/start", NULL);
    struct vm_placement *placement = place("v", PLACEMENT_START, "node1", 1);
    struct gpu_hold *hold = VEC_ADD(&placement->gpus);
    hold->slot.address = (struct pci_address){0, 1, 0, 0};
    claim("node1", "0000:01:00.0", "v");
    report("v", "node1", 1, VM_STATE_RUNNING);
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_vm_state{vm=\"v\",node=\"node1\",state=\"running\"} 1\n");
    CHECK_HAS(text(), "berth_gpu_state{node=\"node1\",address=\"0000:01:00.0\",pool=\"P\","
                      "vm=\"v\",state=\"assigned\"} 1\n");
    CHECK_HAS(text(), "berth_problems{code=\"vm-degraded\",severity=\"warning\"} 0\n");
    CHECK_HAS(text(), "berth_problems{code=\"no-coordinator\",severity=\"error\"} 1\n");
    struct gpu *card =
        &world_find(&world, RECORD_NODE_INVENTORY, "node1")->inventory->gpus.items[0];
    card->health = GPU_QUARANTINED;
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_vm_state{vm=\"v\",node=\"node1\",state=\"degraded\"} 1\n");
    CHECK_HAS(text(), "vm=\"v\",state=\"failed\"} 1\n");
    CHECK_HAS(text(), "berth_problems{code=\"vm-degraded\",severity=\"warning\"} 1\n");
    CHECK_HAS(text(), "berth_problems{code=\"gpu-quarantined\",severity=\"error\"} 1\n");
}

TEST(nodes_show_what_they_have_what_vms_have_of_it_and_how_they_are_fenced)
{
    begin_cluster();
    add_vm("v", 1);
    add_vm("w", 1);
    view.version = "1.2.3";
    for (unsigned i = 0; i < 2; i++) {
        struct vm_spec *spec = world_find(&world, RECORD_VM_SPEC, i ? "w" : "v")->vm_spec;
        spec->cpus = 3;
        spec->memory_mib = 1024;
        (void)place(i ? "w" : "v", PLACEMENT_START, "node1", 1);
    }
    struct node_inventory *inventory =
        world_find(&world, RECORD_NODE_INVENTORY, "node1")->inventory;
    inventory->cpus = 64;
    inventory->memory_mib = 2048;
    struct node_check *check = VEC_ADD(&inventory->checks);
    strcpy(check->name, "fencing");
    strcpy(check->subject, "node2");
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_build_info{version=\"1.2.3\"} 1\n");
    CHECK_HAS(text(), "berth_node_cpus{node=\"node1\"} 64\n");
    CHECK_HAS(text(), "berth_node_memory_bytes{node=\"node1\"} 2147483648\n");
    CHECK_HAS(text(), "berth_node_vms{node=\"node1\"} 2\n");
    CHECK_HAS(text(), "berth_node_vm_cpus{node=\"node1\"} 6\n");
    CHECK_HAS(text(), "berth_node_vm_memory_bytes{node=\"node1\"} 2147483648\n");
    CHECK_HAS(text(), "berth_node_vms{node=\"node2\"} 0\n");
    CHECK_HAS(text(), "berth_node_fencing{node=\"node1\",method=\"watchdog\",agent=\"\"} 1\n");
    CHECK_HAS(text(), "berth_node_watchdog_armed{node=\"node1\"} 1\n");
    CHECK_HAS(text(), "berth_node_fence_agent_ok{node=\"node2\",asked_by=\"node1\"} 0\n");
}

TEST(a_vm_waits_since_it_was_first_said_after_its_last_place)
{
    begin_cluster();
    add_vm("v", 1);
    view.wall_ms = 1759999000000;
    must("POST", "/v1/vms/v/start", NULL);
    (void)place("v", PLACEMENT_NONE, "", 0);
    tell("01759999900000-n-1", "vm-waiting");
    tell("01759999910000-n-2", "vm-placed");
    tell("01759999980000-n-3", "vm-waiting");
    tell("01759999990000-n-4", "vm-waiting"); /* with other reasons */
    view.wall_ms = 1760000000500;
    REQUIRE(ask("GET", "/metrics", NULL) == 200);
    CHECK_HAS(text(), "berth_vm_waiting_seconds{vm=\"v\"} 20.500\n");
}

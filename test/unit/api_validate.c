/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The validation: a cluster that is as it should be, then one fault after the other. */
#include "test/unit/api_fixture.h"

#include "base/cleanup.h"

#include <jansson.h>

static struct node_check *host_check(const char *node, const char *name, bool is_ok,
                                     const char *detail)
{
    struct record *inventory = world_find(&world, RECORD_NODE_INVENTORY, node);
    struct node_check *check = VEC_ADD(&inventory->inventory->checks);
    *check = (struct node_check){.is_ok = is_ok};
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    (void)snprintf(check->detail, sizeof(check->detail), "%s", detail);
    return check;
}

/* Everything is right: three nodes with what they found out, one coordinates. */
static void begin_right(void)
{
    static const char *const checks[] = {"iommu", "clock", "store", "disks"};
    begin_cluster();
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    strcpy(leader->leader->node, "node2");
    (void)store(leader);
    for (int node = 1; node <= 3; node++) {
        char name[12];
        (void)snprintf(name, sizeof(name), "node%d", node);
        for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
            host_check(name, checks[i], true, "fine")->vm_len = 1;
        }
        world_find(&world, RECORD_NODE_ALIVE, name)->alive->watchdog_ms =
            world_settings(&world)->watchdog_ms;
    }
    add_vm("a", 1);
}

/* The result of the finding about 'subject' and 'check' in 'group', and whether its text holds
 * 'words'; "none" if there is no such finding. */
static const char *result_of(const char *group, const char *subject, const char *check,
                             const char *words)
{
    static char result[20];
    size_t i, k;
    json_t *each, *finding;
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    json_t *json = json_loads(text(), 0, NULL);
    strcpy(result, "none");
    json_array_foreach(json_object_get(json, "groups"), i, each) {
        if (strcmp(json_string_value(json_object_get(each, "name")), group) != 0) {
            continue;
        }
        json_array_foreach(json_object_get(each, "checks"), k, finding) {
            CLEANUP(freep) char *about = json_dumps(finding, JSON_COMPACT | JSON_SORT_KEYS);
            if (strcmp(json_string_value(json_object_get(finding, "subject")), subject) == 0 &&
                strcmp(json_string_value(json_object_get(finding, "check")), check) == 0 &&
                strstr(about, words)) {
                strcpy(result, json_string_value(json_object_get(finding, "result")));
            }
        }
    }
    json_decref(json);
    return result;
}

TEST(a_cluster_that_is_right_has_nothing_but_ok)
{
    begin_right();
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "\"result\":\"ok\",\"cluster\"");
    CHECK(!strstr(text(), "\"warning\",\"subject\"") && !strstr(text(), "\"failed\",\"subject\""));
    CHECK_STR(result_of("Reserve", "", "survival", "no VM is to run"), "ok");
}

TEST(what_a_host_found_out_is_a_failure_or_advice)
{
    begin_right();
    (void)host_check("node1", "vfio-pci", false, "no module");
    host_check("node2", "kvm", false, "no /dev/kvm")->is_advice = true;
    (void)host_check("node3", "disks", false, "a: /x: missing");
    CHECK_STR(result_of("Hardware", "node1", "vfio-pci", "no module"), "failed");
    CHECK_STR(result_of("Hypervisor", "node2", "kvm", "no /dev/kvm"), "warning");
    CHECK_STR(result_of("Storage", "node3", "disks", "/x"), "failed");
    CHECK_STR(result_of("Storage", "node1", "disks", "fine"), "ok");
}

TEST(disks_of_vms_that_came_after_a_host_looked_are_not_taken_for_right)
{
    static const char words[] = "of the 1 VMs that might run on it then, and now there are 2";
    begin_right();
    add_vm("b", 1);
    struct record *spec = world_find(&world, RECORD_VM_SPEC, "b");
    strcpy(VEC_ADD(&spec->vm_spec->possible_owners)->name, "node2");
    CHECK_STR(result_of("Storage", "node2", "checked", words), "warning");
    CHECK_STR(result_of("Storage", "node1", "checked", ""), "none");
    world_find(&world, RECORD_NODE_INVENTORY, "node2")->inventory->checks.items[4].vm_len = 2;
    CHECK_STR(result_of("Storage", "node2", "checked", ""), "none");
}

TEST(nodes_that_are_silent_old_or_alone_are_named)
{
    begin_right();
    view.now_ms += 60000;
    CHECK_STR(result_of("Nodes", "node1", "heartbeat", "no heartbeat for 60 s"), "failed");
    CHECK_STR(result_of("Nodes", "", "coordinator", "none"), "failed");
    CHECK_STR(result_of("Clocks", "node1", "clock", ""), "none"); /* what it found out is past */
    begin_right();
    beat("node1", 2, 3, view.now_ms);
    CHECK_STR(result_of("Nodes", "node1", "inventory", "from before its last restart"), "warning");
    must("POST", "/v1/nodes/node3/pause", NULL);
    CHECK_STR(result_of("Nodes", "node3", "heartbeat", "node-resume\",\"subject\":[\"node3\"]"),
              "warning");
    strcpy(world_find(&world, RECORD_NODE_INVENTORY, "node2")->inventory->kernel, "6.9");
    CHECK_STR(result_of("Nodes", "", "kernel", "node2 runs 6.9"), "warning");
    begin();
    add_node("node1", true);
    CHECK_STR(result_of("Nodes", "", "hosts", "1: nothing can fail over safely"), "warning");
    CHECK_STR(result_of("Clocks", "node1", "checked", "look again"), "warning");
    CHECK_STR(result_of("GPU pools", "", "pools", "pool-create"), "warning");
    add_node("node2", true);
    CHECK_STR(result_of("Nodes", "", "hosts", "2: nothing can fail over safely"), "warning");
    for (size_t i = 0; i < 3; i++) { /* both hold the store, and a third machine */
        struct node_check *check =
            VEC_ADD(&world_find(&world, RECORD_NODE_INVENTORY, "node2")->inventory->checks);
        *check = (struct node_check){.name = "endpoint", .is_ok = true};
    }
    CHECK_STR(result_of("Nodes", "", "hosts", "2, and a witness"), "ok");
}

TEST(fencing_is_armed_with_the_right_time_or_tried_from_another_host)
{
    begin_right();
    CHECK_STR(result_of("Fencing", "node1", "watchdog", "6.0 s"), "ok");
    world_find(&world, RECORD_NODE_ALIVE, "node1")->alive->watchdog_ms = 60000;
    CHECK_STR(result_of("Fencing", "node1", "watchdog", "60000 ms"), "failed");
    world_find(&world, RECORD_NODE_ALIVE, "node1")->alive->is_watchdog_armed = false;
    CHECK_STR(result_of("Fencing", "node1", "watchdog", "not armed"), "failed");
    must("PATCH", "/v1/nodes/node1",
         "{\"fencing\":\"power\",\"fence_agent\":\"fence_ipmilan\",\"fence_parameters\":{}}");
    CHECK_STR(result_of("Fencing", "node1", "watchdog", ""), "none");
    CHECK_STR(result_of("Fencing", "node1", "power", "fence_ipmilan"), "ok");
    CHECK_STR(result_of("Fencing", "node1", "fencing", "no other host has tried"), "warning");
    strcpy(host_check("node2", "fencing", true, "answers")->subject, "node11");
    CHECK_STR(result_of("Fencing", "node1", "fencing", "no other host has tried"), "warning");
    strcpy(host_check("node3", "fencing", false, "node1, asked from here: no")->subject, "node1");
    CHECK_STR(result_of("Fencing", "node1", "fencing", "no other host has tried"), "none");
    CHECK_STR(result_of("Fencing", "node3", "fencing", "node1, asked"), "failed");
    must("PATCH", "/v1/nodes/node2", "{\"fencing\":\"manual\"}");
    CHECK_STR(result_of("Fencing", "node2", "manual", "confirms that it is off"), "warning");
}

TEST(gpus_and_pools_that_cannot_fail_over_are_named)
{
    begin_right();
    struct gpu *gpu = world_find(&world, RECORD_NODE_INVENTORY, "node1")->inventory->gpus.items;
    gpu->health = GPU_QUARANTINED;
    CHECK_STR(result_of("GPUs", "node1/0000:01:00.0", "P",
                        "gpu-release\",\"subject\":[\"node1\",\"0000:01:00.0\"]"),
              "failed");
    gpu->health = GPU_HEALTHY;
    gpu->verdict = GPU_SHARED_GROUP;
    CHECK_STR(result_of("GPUs", "node1/0000:01:00.0", "P", "shared-group"), "failed");
    gpu->verdict = GPU_ASSIGNABLE;
    gpu->device++;
    CHECK_STR(result_of("GPU pools", "P", "model", "more than one model"), "warning");
    must("POST", "/v1/pools", "{\"name\":\"Q\"}");
    CHECK_STR(result_of("GPU pools", "Q", "hosts", "it is empty"), "warning");
    world_find(&world, RECORD_POOL, "P")->pool->members.len = 2;
    CHECK_STR(result_of("GPU pools", "P", "hosts", "GPUs on 1 host:"), "warning");
}

TEST(vms_that_fit_on_one_host_or_none_are_named)
{
    begin_right();
    add_vm("big", 3);
    CHECK_STR(result_of("VMs", "big", "hosts", "no host can ever run it (node1 has 2 of 3 GPUs"),
              "failed");
    must("PATCH", "/v1/vms/a", "{\"possible_owners\":[\"node2\"]}");
    CHECK_STR(result_of("VMs", "a", "hosts", "only node2 can ever run it"), "warning");
    must("PATCH", "/v1/vms/a", "{\"possible_owners\":[]}");
    world_find(&world, RECORD_VM_SPEC, "a")->vm_spec->memory_mib = 65537;
    CHECK_STR(result_of("VMs", "a", "hosts", "has 65536 MiB"), "failed");
}

TEST(an_enforced_rule_that_is_broken_by_what_runs_is_a_failure)
{
    begin_right();
    add_vm("b", 1);
    (void)place("a", PLACEMENT_START, "node1", 1);
    (void)place("b", PLACEMENT_START, "node2", 1);
    must("PATCH", "/v1/vms/a", "{\"together\":[\"b\"]}");
    CHECK_STR(result_of("VMs", "a", "together", ""), "none");
    must("PATCH", "/v1/vms/a", "{\"affinity_enforced\":true}");
    CHECK_STR(result_of("VMs", "a", "together", "runs on node1, and b,"), "failed");
    must("PATCH", "/v1/vms/a", "{\"together\":[],\"apart\":[\"b\"],\"apart_enforced\":true}");
    CHECK_STR(result_of("VMs", "a", "apart", ""), "none");
    (void)place("b", PLACEMENT_START, "node1", 2);
    CHECK_STR(result_of("VMs", "a", "apart", "together with b"), "failed");
}

TEST(a_reserve_that_is_broken_is_a_failure)
{
    begin_right();
    for (int i = 1; i <= 3; i++) {
        char name[8], path[40], node[8];
        (void)snprintf(name, sizeof(name), "full%d", i);
        (void)snprintf(path, sizeof(path), "/v1/vms/%s/start", name);
        (void)snprintf(node, sizeof(node), "node%d", i);
        add_vm(name, 2);
        must("POST", path, NULL);
        struct vm_placement *placement = place(name, PLACEMENT_START, node, 1);
        for (uint8_t bus = 1; bus <= 2; bus++) {
            struct gpu_hold *hold = VEC_ADD(&placement->gpus);
            strcpy(hold->pool, "P");
            hold->slot.address.bus = bus;
        }
        report(name, node, 1, VM_STATE_RUNNING);
    }
    CHECK_STR(result_of("Reserve", "", "survival", "without a place"), "warning");
    must("PATCH", "/v1/cluster", "{\"reserve\":1}");
    CHECK_STR(result_of("Reserve", "", "survival", "the reserve is 1"), "failed");
    CHECK_HAS(text(), "\"result\":\"failed\",\"cluster\"");
}

TEST(moves_that_are_not_encrypted_are_a_warning)
{
    begin_right();
    struct record *inventory = world_find(&world, RECORD_NODE_INVENTORY, "node1");
    char *address = inventory->inventory->migration_address;
    CHECK_STR(result_of("Hypervisor", "node1", "migration", ""), "none");
    strcpy(address, "node1.example.org");
    CHECK_STR(result_of("Hypervisor", "node1", "migration", "encrypted"), "ok");
    strcpy(address, "qemu+tls://node1/system tcp://10.1.0.1");
    CHECK_STR(result_of("Hypervisor", "node1", "migration", "encrypted"), "ok");
    strcpy(address, "qemu+tls://node1/system tcp://10.1.0.1 unencrypted");
    CHECK_STR(result_of("Hypervisor", "node1", "migration", "not encrypted"), "warning");
    address[0] = '\0'; /* what berthd makes of an open one without that word */
    REQUIRE(node_checks_add(&inventory->inventory->checks, "migration", false, "left out"));
    CHECK_STR(result_of("Hypervisor", "node1", "migration", "left out"), "failed");
}

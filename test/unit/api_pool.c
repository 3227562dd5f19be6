/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPUs from the host into pools and back. */
#include "test/unit/api_fixture.h"

#define GPU(node, address) "/v1/nodes/" node "/gpus/" address

static struct node_spec *spec(const char *node)
{
    return world_find(&world, RECORD_NODE_SPEC, node)->node_spec;
}

static struct gpu *gpu(const char *node, uint8_t bus)
{
    struct record *inventory = world_find(&world, RECORD_NODE_INVENTORY, node);
    return &inventory->inventory->gpus.items[bus - 1];
}

TEST(dismount_remembers_which_card_it_was)
{
    begin();
    add_node("node1", false);
    must("POST", GPU("node1", "01:00.0") "/dismount", NULL);
    REQUIRE(spec("node1")->dismounted.len == 1);
    CHECK_STR(spec("node1")->dismounted.items[0].identity, "10de:20b5 0000:0000");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"dismounting\"");
    must("POST", GPU("node1", "01:00.0") "/dismount", NULL);
    CHECK(!answer.has_txn);
    CHECK_HAS(text(), "being dismounted already");
}

TEST(dismount_is_refused_with_the_surveys_sentence)
{
    begin();
    add_node("node1", false);
    refused("POST", GPU("node1", "04:00.0") "/dismount", NULL, 409, "holds the disk controller");
    refused("POST", GPU("node1", "04:00.0") "/dismount", "{\"force\":true}", 409, "shared-group");
    refused("POST", GPU("node1", "09:00.0") "/dismount", NULL, 404, "has no GPU at 0000:09:00.0");
    gpu("node1", 1)->verdict = GPU_NO_IOMMU;
    refused("POST", GPU("node1", "01:00.0") "/dismount", "{\"force\":true}", 409, "no-iommu");
}

TEST(a_gpu_that_the_host_uses_is_dismounted_by_force_only)
{
    begin();
    add_node("node1", false);
    gpu("node1", 1)->verdict = GPU_IN_USE;
    refused("POST", GPU("node1", "01:00.0") "/dismount", NULL, 409, "\"options\":{\"force\":true}");
    must("POST", GPU("node1", "01:00.0") "/dismount", "{\"force\":true}");
    CHECK(spec("node1")->dismounted.items[0].is_forced);
}

TEST(mount_gives_back_what_is_in_no_pool)
{
    begin_cluster();
    must("POST", "/v1/pools",
         "{\"name\":\"p\",\"members\":[{\"node\":\"node1\",\"address\":\"0000:01:00.0\"}]}");
    refused("POST", GPU("node1", "01:00.0") "/mount", NULL, 409, "is in GPU pool p");
    must("DELETE", "/v1/pools/p/members/node1/01:00.0", NULL);
    must("POST", GPU("node1", "01:00.0") "/mount", NULL);
    CHECK_INT(spec("node1")->dismounted.len, 2);
    must("POST", GPU("node1", "01:00.0") "/mount", NULL);
    CHECK(!answer.has_txn);
}

TEST(all_gpus_of_a_model_join_a_pool_and_the_odd_one_is_refused_with_the_difference)
{
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    refused("POST", "/v1/pools/p/members", "{\"all\":true}", 409, "more than one model");
    must("POST", "/v1/pools/p/members",
         "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}],\"all\":true}");
    CHECK_INT(world_find(&world, RECORD_POOL, "p")->pool->members.len, 6);
    refused("POST", "/v1/pools/p/members",
            "{\"members\":[{\"node\":\"node2\",\"address\":\"03:00.0\"}]}", 409,
            "GV100 [10de:1db4] is not GA100 [10de:20b5]");
    must("POST", "/v1/pools/p/members", "{\"all\":true}");
    CHECK(!answer.has_txn);
}

TEST(a_mixed_pool_takes_any_model)
{
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"mixed\":true}");
    must("POST", "/v1/pools/p/members",
         "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"},"
         "{\"node\":\"node1\",\"address\":\"03:00.0\"}]}");
    CHECK_INT(world_find(&world, RECORD_POOL, "p")->pool->members.len, 2);
}

TEST(one_bad_member_keeps_all_out_and_each_is_named)
{
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    gpu("node2", 1)->health = GPU_QUARANTINED;
    gpu("node2", 1)->health_cause = cause_make(CAUSE_SAID, NULL, NULL, "it failed its reset");
    strcpy(gpu("node3", 1)->driver, "nvidia");
    refused("POST", "/v1/pools/p/members",
            "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"},"
            "{\"node\":\"node2\",\"address\":\"01:00.0\"},"
            "{\"node\":\"node3\",\"address\":\"01:00.0\"},"
            "{\"node\":\"node9\",\"address\":\"01:00.0\"},"
            "{\"node\":\"node1\",\"address\":\"0f:00.0\"}]}",
            409, "is quarantined (it failed its reset)");
    CHECK_HAS(text(), "still being dismounted");
    CHECK_HAS(text(), "there is no node \\\"node9\\\"");
    CHECK_HAS(text(), "has no GPU at 0000:0f:00.0");
    CHECK_INT(world_find(&world, RECORD_POOL, "p")->pool->members.len, 0);
}

TEST(a_gpu_that_was_not_dismounted_is_refused_with_the_command_that_does)
{
    begin();
    add_node("node1", false);
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    refused("POST", "/v1/pools/p/members",
            "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}]}", 409,
            "\"hint\":{\"action\":\"gpu-dismount\",\"subject\":[\"node1\",\"0000:01:00.0\"]");
}

TEST(a_gpu_is_in_one_pool_at_most_even_if_two_are_asked_at_once)
{
    static const char body[] = "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}]}";
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    must("POST", "/v1/pools", "{\"name\":\"q\"}");
    REQUIRE(ask("POST", "/v1/pools/p/members", body) == 200);
    struct api_answer first = answer;
    answer = (struct api_answer){0};
    REQUIRE(ask("POST", "/v1/pools/q/members", body) == 200); /* decided on the same world */
    REQUIRE(commit());
    api_answer_done(&answer);
    answer = first;
    CHECK(!commit());
    refused("POST", "/v1/pools/p/members", body, 409, "is in GPU pool q already");
}

TEST(a_pool_in_use_is_not_removed)
{
    begin_cluster();
    add_vm("train1", 1);
    refused("DELETE", "/v1/pools/P", NULL, 409, "is needed by VM train1");
    claim("node1", "0000:01:00.0", "train1");
    refused("DELETE", "/v1/pools/P/members/node1/01:00.0", NULL, 409, "held by VM train1");
    must("POST", "/v1/vms/train1/unassign", "{\"pool\":\"P\"}");
    refused("DELETE", "/v1/pools/P", NULL, 409, "still held by VM train1");
    const struct record_key key = {RECORD_CLAIM, "node1", "0000:01:00.0"};
    world_remove(&world, &key, world.revision);
    must("DELETE", "/v1/pools/P", NULL);
    CHECK(!world_find(&world, RECORD_POOL, "P"));
}

TEST(a_pool_is_not_removed_while_a_vm_is_assigned_to_it_at_the_same_moment)
{
    begin_cluster();
    add_vm("v", 1);
    must("POST", "/v1/pools", "{\"name\":\"q\"}");
    REQUIRE(ask("DELETE", "/v1/pools/q", NULL) == 200);
    struct api_answer removal = answer;
    answer = (struct api_answer){0};
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"q\"}");
    api_answer_done(&answer);
    answer = removal;
    CHECK(!commit());
}

TEST(a_released_gpu_is_announced_to_its_node)
{
    begin_cluster();
    must("POST", GPU("node1", "01:00.0") "/release", NULL);
    CHECK_HAS(text(), "not in quarantine");
    gpu("node1", 1)->health = GPU_QUARANTINED;
    CHECK_INT(ask("GET", "/v1/gpus?state=quarantined", NULL), 200);
    CHECK_HAS(text(), "\"address\":\"0000:01:00.0\"");
    must("POST", GPU("node1", "01:00.0") "/release", NULL);
    CHECK_INT(spec("node1")->released.len, 1);
}

TEST(a_pool_is_of_a_type_that_there_is)
{
    begin_cluster();
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"Gpu\"}", 400, "type");
}

TEST(pools_count_what_is_free_used_away_and_out_of_order)
{
    begin_cluster();
    add_vm("v", 1);
    claim("node1", "0000:01:00.0", "v");
    gpu("node2", 1)->health = GPU_QUARANTINED;
    must("POST", "/v1/nodes/node3/pause", NULL);
    CHECK_INT(ask("GET", "/v1/pools/P", NULL), 200);
    CHECK_HAS(text(), "\"total\":6,\"used\":1,\"free\":2,\"quarantined\":1,\"away\":2");
    CHECK_INT(ask("GET", "/v1/gpus?pool=P&state=assigned", NULL), 200);
    CHECK_HAS(text(), "\"vm\":\"v\"");
}

TEST(a_pool_says_what_becomes_of_its_gpus_after_use)
{
    begin_cluster();
    add_vm("v", 1);
    CHECK_INT(ask("GET", "/v1/pools/P", NULL), 200);
    CHECK_HAS(text(), "\"after_use\":\"release\"");
    refused("PATCH", "/v1/pools/P", "{\"after_use\":\"erase\"}", 400,
            "must name a command of erase_commands");
    refused("PATCH", "/v1/pools/P", "{\"after_use\":\"erase\",\"erase\":\"/bin/sh -c x\"}", 400,
            "erase");
    refused("PATCH", "/v1/pools/P", "{\"after_use\":\"burn\"}", 400, "after_use");
    refused("PATCH", "/v1/pools/none", "{\"after_use\":\"hold\"}", 404, "none");
    must("PATCH", "/v1/pools/P", "{\"after_use\":\"erase\",\"erase\":\"wipe\"}");
    CHECK_INT(world_find(&world, RECORD_POOL, "P")->pool->after_use, AFTER_USE_ERASE);
    CHECK_INT(ask("GET", "/v1/pools/P", NULL), 200);
    CHECK_HAS(text(), "\"after_use\":\"erase\",\"erase\":\"wipe\"");
    must("PATCH", "/v1/pools/P", "{\"after_use\":\"hold\"}");
    CHECK_STR(world_find(&world, RECORD_POOL, "P")->pool->erase, "");
    must("PATCH", "/v1/pools/P", "{\"rom_hidden\":true}");
    CHECK(world_find(&world, RECORD_POOL, "P")->pool->is_rom_hidden);
    CHECK_INT(world_find(&world, RECORD_POOL, "P")->pool->after_use, AFTER_USE_HOLD);
    CHECK_INT(world_find(&world, RECORD_POOL, "P")->pool->members.len, 6);
}

TEST(a_gpu_that_is_erased_after_its_vm_is_neither_free_nor_out_of_order)
{
    begin_cluster();
    add_vm("v", 6);
    must("PATCH", "/v1/pools/P", "{\"after_use\":\"erase\",\"erase\":\"wipe\"}");
    struct record *have = world_find(&world, RECORD_NODE_INVENTORY, "node1");
    struct gpu_use *use = VEC_ADD(&have->inventory->uses);
    REQUIRE(use);
    *use = (struct gpu_use){.slot.address = {0, 1, 0, 0}, .vm = "old"};
    CHECK_INT(ask("GET", "/v1/pools/P", NULL), 200);
    CHECK_HAS(text(), "\"total\":6,\"used\":1,\"free\":5");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"cleaning\"");
    claim("node1", "0000:01:00.0", "old"); /* still his */
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"assigned\"");
}

/* ---- devices that are no GPUs ---- */

TEST(any_pci_device_is_listed_by_an_order_and_not_any_more_by_another)
{
    begin_cluster();
    CHECK_INT(ask("GET", "/v1/nodes/node1/devices", NULL), 200);
    CHECK_HAS(text(), "\"items\":[]");
    must("POST", "/v1/nodes/node1/devices/41:00.0/watch", NULL);
    CHECK_HAS(text(), "0000:41:00.0 of node1 is to be listed");
    REQUIRE(spec("node1")->watched.len == 1);
    must("POST", "/v1/nodes/node1/devices/41:00.0/watch", NULL);
    CHECK_HAS(text(), "already");
    CHECK_INT(spec("node1")->watched.len, 1);
    CHECK_INT(ask("GET", "/v1/nodes/node1/devices", NULL), 200);
    CHECK_HAS(text(), "\"address\":\"0000:41:00.0\",\"shown\":false");
    must("POST", "/v1/nodes/node1/devices/01:00.0/watch", NULL); /* a GPU */
    CHECK_HAS(text(), "is listed already");
    refused("POST", "/v1/nodes/node1/devices/41:00.0+x/watch", NULL, 409,
            "is a part of the device");
    refused("POST", "/v1/nodes/none/devices/41:00.0/watch", NULL, 404, "none");
    must("POST", "/v1/nodes/node1/devices/41:00.0/unwatch", NULL);
    CHECK_INT(spec("node1")->watched.len, 0);
    must("POST", "/v1/nodes/node1/devices/41:00.0/unwatch", NULL);
    CHECK_HAS(text(), "is not listed by an order");
}

TEST(a_device_that_a_vm_could_get_stays_listed)
{
    begin_cluster();
    struct node_spec *have = world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec;
    struct pci_address *place = VEC_ADD(&have->watched);
    REQUIRE(place);
    *place = (struct pci_address){0, 1, 0, 0};
    CHECK_INT(ask("GET", "/v1/nodes/node1/devices", NULL), 200);
    CHECK_HAS(text(), "\"shown\":true");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK(!strstr(text(), "no_gpu"));
    struct gpu *drive = world_find(&world, RECORD_NODE_INVENTORY, "node1")->inventory->gpus.items;
    drive->class_code = 0x010802;
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"no_gpu\":true");
    refused("POST", "/v1/nodes/node1/devices/01:00.0/unwatch", NULL, 409, "is dismounted");
    add_vm("v", 1);
    refused("POST", "/v1/nodes/node1/devices/01:00.0/unwatch", NULL, 409, "is in pool P");
}

TEST(a_host_lists_so_many_other_devices_and_no_more)
{
    begin_cluster();
    for (int i = 0; i < watched_max; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/nodes/node1/devices/%02x:00.0/watch", 0x40 + i);
        must("POST", path, NULL);
    }
    refused("POST", "/v1/nodes/node1/devices/90:00.0/watch", NULL, 409, "32 devices at most");
}

TEST(a_pool_takes_as_many_gpus_as_its_document_can_hold)
{
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    struct record *pool = record_copy(world_find(&world, RECORD_POOL, "p"));
    for (int i = 0; i < pool_members_max - 1; i++) {
        struct pool_member *member = VEC_ADD(&pool->pool->members);
        (void)snprintf(member->node, sizeof(member->node), "m%04d", i);
        strcpy(member->identity, "10de:20b5");
    }
    (void)store(pool);
    must("POST", "/v1/pools/p/members",
         "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}]}");
    CHECK_INT(world_find(&world, RECORD_POOL, "p")->pool->members.len, pool_members_max);
    refused("POST", "/v1/pools/p/members",
            "{\"members\":[{\"node\":\"node2\",\"address\":\"01:00.0\"}]}", 409,
            "takes 8192 GPUs at most");
}

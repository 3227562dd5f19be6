/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cards in partitions: ordered, shown, put into pools. */
#include "test/unit/api_fixture.h"

#include "model/gpu_device.h"

#define GPU(node, address) "/v1/nodes/" node "/gpus/" address

static struct node_inventory *inventory(const char *node)
{
    return world_find(&world, RECORD_NODE_INVENTORY, node)->inventory;
}

static const struct dismount *wanted(const char *node, uint8_t bus)
{
    return world_dismount(&world, node, (struct pci_address){0, bus, 0, 0});
}

/* Each card of 'node' can be divided, and is its host's. */
static void add_divisible(const char *node)
{
    add_node(node, false);
    VEC_EACH(&inventory(node)->gpus, gpu) {
        gpu->sriov_total = 8;
        gpu->verdict = GPU_HOST_DRIVER;
    }
}

/* What the host shows once card 'bus' is in 'count' partitions of 'type'. */
static void divide(const char *node, uint8_t bus, uint32_t count, const char *type)
{
    struct gpu *gpu = &inventory(node)->gpus.items[bus - 1];
    gpu->verdict = GPU_PARTITIONED;
    gpu->sriov_enabled = strcmp(type, GPU_TYPE_VF) == 0 ? count : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct gpu_partition *part = VEC_ADD(&inventory(node)->partitions);
        *part = (struct gpu_partition){.slot = {.address = gpu->address}, .mmio_size = 1 << 24};
        (void)snprintf(part->type, sizeof(part->type), "%s", type);
        if (gpu->sriov_enabled > 0) {
            (void)snprintf(part->slot.partition, sizeof(part->slot.partition), "0000:%02x:04.%u",
                           bus, i);
            strcpy(part->driver, "vfio-pci");
        } else {
            (void)snprintf(part->slot.partition, sizeof(part->slot.partition),
                           "11111111-1111-4111-8111-11111111111%u", i);
        }
    }
}

/* Two nodes; card 01:00.0 of each ordered and shown in four partitions. */
static void begin_divided(void)
{
    begin();
    add_divisible("node1");
    add_divisible("node2");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":4}");
    must("POST", GPU("node2", "01:00.0") "/partition", "{\"count\":4}");
    divide("node1", 1, 4, GPU_TYPE_VF);
    divide("node2", 1, 4, GPU_TYPE_VF);
}

static struct pool *pool(const char *name)
{
    return world_find(&world, RECORD_POOL, name)->pool;
}

TEST(a_card_is_ordered_in_partitions_and_the_valid_counts_are_named)
{
    begin();
    add_divisible("node1");
    refused("POST", GPU("node1", "01:00.0") "/partition", NULL, 400, "count");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":9}", 409,
            "takes 0 to 8 partitions, not 9");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":4}");
    REQUIRE(wanted("node1", 1));
    CHECK_INT(wanted("node1", 1)->partitions, 4);
    CHECK_STR(wanted("node1", 1)->identity, "10de:20b5 0000:0000");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"partitioning\"");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":4}");
    CHECK(!answer.has_txn);
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}");
    CHECK_INT(wanted("node1", 1)->partitions, 2);
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":0}");
    CHECK(!wanted("node1", 1));
}

TEST(cards_that_are_divided_otherwise_on_other_servers_are_warned_of)
{
    begin();
    add_divisible("node1");
    add_divisible("node2");
    must("POST", GPU("node2", "01:00.0") "/partition", "{\"count\":2}");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":4}");
    CHECK_HAS(text(), "\"subject\":\"node2/0000:01:00.0\"");
    CHECK_HAS(text(), "in 2 partitions");
    CHECK_HAS(text(), "\"subject\":\"node1/0000:02:00.0\"");
    CHECK(!strstr(text(), "0000:03:00.0")); /* another model */
}

/* As the host shows vGPUs: made by the vendor's driver, on virtual functions that it keeps. */
static void give_types(const char *node, uint8_t bus, const char *first, const char *second)
{
    struct node_inventory *have = inventory(node);
    divide(node, bus, 2, first);
    struct gpu_partition *parts = &have->partitions.items[have->partitions.len - 2];
    for (unsigned i = 0; i < 2; i++) {
        strcpy(parts[i].driver, "nvidia");
        parts[i].backend = GPU_BACKEND_VENDOR;
        (void)snprintf(parts[i].slot.partition, sizeof(parts[i].slot.partition), "0000:%02x:04.%u",
                       bus, i);
    }
    (void)snprintf(parts[1].type, sizeof(parts[1].type), "%s", second);
}

TEST(vgpus_of_a_vendors_driver_join_a_pool_and_their_card_is_not_divided)
{
    begin();
    add_divisible("node1");
    add_divisible("node2");
    give_types("node1", 1, "nvidia-1121", "nvidia-1121");
    give_types("node2", 1, "nvidia-1121", "nvidia-1132");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}", 409,
            "would destroy its vGPUs");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":0}", 409,
            "vendor-partitions");
    must("POST", "/v1/pools",
         "{\"name\":\"V\",\"type\":\"GpuPartition\",\"members\":[{\"node\":\"node1\",\"address\":"
         "\"01:00.0\"}]}");
    CHECK_INT(pool("V")->members.len, 2);
    CHECK_STR(pool("V")->partition_type, "nvidia-1121");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0+0000:01:04.1"), NULL), 200);
    CHECK_HAS(text(), "\"backend\":\"vendor\"");
    refused("POST", "/v1/pools/V/members",
            "{\"members\":[{\"node\":\"node2\",\"address\":\"01:00.0\"}]}", 409,
            "is in 1 partition, the pool's other cards in 2");
    refused(
        "POST", "/v1/pools",
        "{\"name\":\"W\",\"type\":\"GpuPartition\",\"members\":[{\"node\":\"node2\",\"address\":"
        "\"01:00.0\"}]}",
        409, "of several types (nvidia-1121, nvidia-1132): name the profile");
    /* After a boot it has another type: no VM of this pool expects that. */
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"needs\":[{\"pool\":\"V\",\"count\":2}]}");
    CHECK_INT(ask("GET", "/v1/vms/v/explain", NULL), 200);
    CHECK(!strstr(text(), "0000:01:04.1"));
    strcpy(inventory("node1")->partitions.items[1].type, "nvidia-1132");
    CHECK_INT(ask("GET", "/v1/vms/v/explain", NULL), 200);
    CHECK_HAS(text(), "0000:01:04.1 is not the card that joined the pool");
    /* Not even made, but on virtual functions they could be. */
    inventory("node2")->gpus.items[1].mdev_type_len = 1;
    refused("POST", GPU("node2", "02:00.0") "/partition", "{\"count\":2}", 409,
            "vendor-partitions");
}

static void offer(struct gpu *gpu, const char *id, const char *name, uint32_t available)
{
    struct gpu_mdev_type *type = &gpu->mdev_types[gpu->mdev_type_len++];
    *type = (struct gpu_mdev_type){.available = available};
    strcpy(type->id, id);
    strcpy(type->name, name);
}

TEST(a_card_is_divided_into_vgpus_of_a_profile_by_its_id_or_name)
{
    begin();
    add_divisible("node1");
    add_divisible("node2");
    offer(&inventory("node1")->gpus.items[0], "nvidia-1121", "NVIDIA H200X-1-18C", 8);
    offer(&inventory("node1")->gpus.items[0], "nvidia-1132", "NVIDIA H200X-141C", 1);
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}", 409,
            "name a profile. It has nvidia-1121 (NVIDIA H200X-1-18C), nvidia-1132");
    CHECK_HAS(text(), "\"profile\":\"PROFILE\"");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2,\"profile\":\"nvidia-5\"}",
            409, "has no vGPU profile");
    refused("POST", GPU("node1", "01:00.0") "/partition",
            "{\"count\":9,\"profile\":\"nvidia-1121\"}", 409,
            "has room for 8 partitions of nvidia-1121, not 9");
    refused("POST", GPU("node1", "01:00.0") "/partition",
            "{\"count\":0,\"profile\":\"nvidia-1121\"}", 400, "has no profile");
    refused("POST", GPU("node1", "02:00.0") "/partition",
            "{\"count\":2,\"profile\":\"nvidia-1121\"}", 409, "offers no vGPU profiles");
    must("POST", GPU("node1", "01:00.0") "/partition",
         "{\"count\":2,\"profile\":\"NVIDIA H200X-1-18C\"}");
    CHECK_INT(wanted("node1", 1)->partitions, 2);
    CHECK_STR(wanted("node1", 1)->profile, "nvidia-1121");
    CHECK_HAS(text(), "2 partitions of the type nvidia-1121");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"partitioning\"");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2,\"profile\":\"nvidia-1121\"}");
    CHECK_HAS(text(), "already");
    give_types("node1", 1, "nvidia-1121", "nvidia-1121");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"partitioned\"");
    must("POST", "/v1/pools",
         "{\"name\":\"V\",\"type\":\"GpuPartition\",\"members\":[{\"node\":\"node1\",\"address\":"
         "\"01:00.0\"}]}");
    CHECK_STR(pool("V")->partition_type, "nvidia-1121");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":0}", 409, "is in GPU pool V");
    must("DELETE", "/v1/pools/V", NULL);
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":0}");
    CHECK(!wanted("node1", 1));
}

/* Node 1's first card: one nvidia-1132, two nvidia-1121. */
static void begin_sizes(void)
{
    static const char sizes[] = "{\"count\":1,\"profile\":\"nvidia-1132\",\"more\":[{\"count\":2,"
                                "\"profile\":\"NVIDIA H200X-1-18C\"}]}";
    begin();
    add_divisible("node1");
    offer(&inventory("node1")->gpus.items[0], "nvidia-1121", "NVIDIA H200X-1-18C", 8);
    offer(&inventory("node1")->gpus.items[0], "nvidia-1132", "NVIDIA H200X-141C", 1);
    add_node("node2", false);
    inventory("node1")->takes_sizes = true;
    refused("POST", GPU("node1", "01:00.0") "/partition", sizes, 409, "node2 has an older Berth");
    CHECK(!wanted("node1", 1));
    inventory("node2")->takes_sizes = true;
    must("POST", GPU("node1", "01:00.0") "/partition", sizes);
}

TEST(a_card_is_divided_into_vgpus_of_several_sizes_at_a_time)
{
    static const char again[] = "{\"count\":1,\"profile\":\"nvidia-1132\",\"more\":[{\"count\":2,"
                                "\"profile\":\"nvidia-1121\"}]}";
    begin_sizes();
    CHECK_HAS(text(), "3 partitions of the type nvidia-1132 (1), nvidia-1121 (2)");
    REQUIRE(wanted("node1", 1)->more_len == 1);
    CHECK_INT(wanted("node1", 1)->partitions, 1);
    CHECK_STR(wanted("node1", 1)->more[0].profile, "nvidia-1121");
    CHECK_INT(wanted("node1", 1)->more[0].count, 2);
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"partitioning\"");
    must("POST", GPU("node1", "01:00.0") "/partition", again);
    CHECK_HAS(text(), "already");
    refused("POST", GPU("node1", "01:00.0") "/partition",
            "{\"count\":1,\"profile\":\"nvidia-1132\",\"more\":[{\"count\":9,\"profile\":"
            "\"nvidia-1121\"}]}",
            409, "has room for 8 partitions of nvidia-1121, not 9");
    refused("POST", GPU("node1", "01:00.0") "/partition",
            "{\"count\":1,\"profile\":\"nvidia-1132\",\"more\":[{\"count\":1,\"profile\":"
            "\"NVIDIA H200X-141C\"}]}",
            400, "names the profile nvidia-1132 twice");
    refused("POST", GPU("node1", "01:00.0") "/partition",
            "{\"count\":1,\"more\":[{\"count\":1,\"profile\":\"nvidia-1121\"}]}", 400,
            "goes with a profile");
    must("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":0}");
    CHECK(!wanted("node1", 1));
}

TEST(each_size_of_vgpus_of_a_card_has_a_pool_of_its_own)
{
    begin_sizes();
    divide("node1", 1, 3, "nvidia-1121");
    strcpy(inventory("node1")->partitions.items[0].type, "nvidia-1132");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0"), NULL), 200);
    CHECK_HAS(text(), "\"state\":\"partitioned\"");
    refused("POST", "/v1/pools", "{\"name\":\"S\",\"type\":\"GpuPartition\",\"all\":true}", 409,
            "name the profile");
    must("POST", "/v1/pools",
         "{\"name\":\"S\",\"type\":\"GpuPartition\",\"all\":true,\"profile\":\"nvidia-1121\"}");
    REQUIRE(pool("S")->members.len == 2);
    CHECK_STR(pool("S")->partition_type, "nvidia-1121");
    must("POST", "/v1/pools", "{\"name\":\"L\",\"type\":\"GpuPartition\"}");
    must("POST", "/v1/pools/L/members", "{\"all\":true,\"profile\":\"NVIDIA H200X-141C\"}");
    REQUIRE(pool("L")->members.len == 1);
    CHECK_STR(pool("L")->partition_type, "nvidia-1132");
    refused("POST", "/v1/pools",
            "{\"name\":\"X\",\"type\":\"GpuPartition\",\"profile\":\"nvidia-1121\",\"members\":[{"
            "\"node\":\"node1\",\"address\":\"01:00.0\"}]}",
            409, "is in GPU pool S already");
    refused("POST", "/v1/pools",
            "{\"name\":\"X\",\"type\":\"GpuPartition\",\"profile\":\"nvidia-7\",\"members\":[{"
            "\"node\":\"node1\",\"address\":\"01:00.0\"}]}",
            409, "has no partitions of the type nvidia-7");
    /* A VM with one size keeps no other from leaving its pool. */
    char held[name_size];
    claim("node1", gpu_slot_format(&pool("S")->members.items[0].slot, held), "v");
    refused("DELETE", "/v1/pools/S/members/node1/01:00.0", NULL, 409, "is held by VM v");
    must("DELETE", "/v1/pools/L/members/node1/01:00.0", NULL);
    CHECK_INT(pool("L")->members.len, 0);
    CHECK_INT(pool("S")->members.len, 2);
    must(
        "POST", "/v1/pools/L/members",
        "{\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}],\"profile\":\"nvidia-1132\"}");
    CHECK_INT(pool("L")->members.len, 1);
}

TEST(a_card_that_cannot_be_divided_is_refused_with_the_reason)
{
    begin();
    add_divisible("node1");
    inventory("node1")->gpus.items[0].sriov_total = 0;
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}", 409, "it has no SR-IOV");
    inventory("node1")->gpus.items[0].mdev_type_len = 1;
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}", 409, "name a profile");
    inventory("node1")->gpus.items[1].verdict = GPU_NO_IOMMU;
    refused("POST", GPU("node1", "02:00.0") "/partition", "{\"count\":2}", 409, "no-iommu");
    inventory("node1")->gpus.items[2].sriov_enabled = 3;
    refused(
        "POST", GPU("node1", "03:00.0") "/partition", "{\"count\":0}", 409,
        "\"hint\":{\"action\":\"gpu-partition\",\"subject\":[\"node1\",\"0000:03:00.0\",\"3\"]");
}

TEST(a_card_is_whole_or_in_partitions_never_both)
{
    begin_divided();
    refused(
        "POST", GPU("node1", "01:00.0") "/dismount", NULL, 409,
        "\"hint\":{\"action\":\"gpu-partition\",\"subject\":[\"node1\",\"0000:01:00.0\",\"0\"]");
    refused("POST", "/v1/pools",
            "{\"name\":\"whole\",\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}]}", 409,
            "is in 4 partitions: only a pool of the type GpuPartition takes it so");
    must("POST", GPU("node1", "02:00.0") "/dismount", NULL);
    refused(
        "POST", "/v1/pools",
        "{\"name\":\"parts\",\"type\":\"GpuPartition\","
        "\"members\":[{\"node\":\"node1\",\"address\":\"02:00.0\"}]}",
        409,
        "\"hint\":{\"action\":\"gpu-partition\",\"subject\":[\"node1\",\"0000:02:00.0\",\"COUNT\"]");
    must("POST", GPU("node1", "02:00.0") "/partition", "{\"count\":2}"); /* replaces the order */
    CHECK_INT(wanted("node1", 2)->partitions, 2);
}

TEST(all_partitions_of_a_card_join_a_pool_and_leave_it_together)
{
    begin_divided();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"GpuPartition\",\"all\":true}");
    CHECK_HAS(text(), "was created with 8 partitions");
    CHECK_INT(pool("p")->members.len, 8);
    CHECK_STR(pool("p")->partition_type, "vf");
    char slot[name_size];
    CHECK_STR(gpu_slot_format(&pool("p")->members.items[5].slot, slot),
              "0000:01:00.0+0000:01:04.1");
    CHECK_INT(ask("GET", "/v1/pools/p", NULL), 200);
    CHECK_HAS(text(), "\"total\":8,\"used\":0,\"free\":8");
    refused("DELETE", "/v1/pools/p/members/node1/0000:01:00.0+0000:01:04.0", NULL, 409,
            "\"hint\":{\"action\":\"pool-remove\",\"subject\":[\"p\",\"node1/0000:01:00.0\"]");
    must("DELETE", "/v1/pools/p/members/node1/01:00.0", NULL);
    CHECK_INT(pool("p")->members.len, 4);
    refused("DELETE", "/v1/pools/p/members/node1/01:00.0", NULL, 404, "no-such-member");
    must("POST", "/v1/pools/p/members",
         "{\"members\":[{\"node\":\"node1\",\"address\":\"0000:01:00.0\"}]}");
    CHECK_INT(pool("p")->members.len, 8);
}

TEST(a_pool_takes_cards_that_are_divided_alike_unless_it_is_mixed)
{
    static const char body[] = "{\"members\":[{\"node\":\"node1\",\"address\":\"02:00.0\"}]}";
    begin_divided();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"GpuPartition\",\"all\":true}");
    must("POST", GPU("node1", "02:00.0") "/partition", "{\"count\":2}");
    refused("POST", "/v1/pools/p/members", body, 409, "still being divided into 2 partitions");
    divide("node1", 2, 2, GPU_TYPE_VF);
    refused("POST", "/v1/pools/p/members", body, 409,
            "is in 2 partitions, the pool's other cards in 4");
    must("POST", "/v1/pools", "{\"name\":\"m\",\"type\":\"GpuPartition\",\"mixed\":true}");
    must("POST", "/v1/pools/m/members", body);
    CHECK_INT(pool("m")->members.len, 2);
}

TEST(a_partition_that_a_vm_cannot_have_keeps_its_card_out)
{
    begin_divided();
    struct gpu_partition *part = &inventory("node2")->partitions.items[2];
    part->verdict = GPU_SHARED_GROUP;
    strcpy(part->verdict_detail, "shares its group");
    refused("POST", "/v1/pools",
            "{\"name\":\"p\",\"type\":\"GpuPartition\","
            "\"members\":[{\"node\":\"node2\",\"address\":\"01:00.0\"}]}",
            409, "has the partition 0000:01:04.2, which cannot be assigned: shares its group");
}

TEST(mediated_devices_that_are_there_join_without_any_order)
{
    begin();
    add_divisible("node1");
    divide("node1", 1, 2, "nvidia-35");
    must("POST", "/v1/pools",
         "{\"name\":\"p\",\"type\":\"GpuPartition\","
         "\"members\":[{\"node\":\"node1\",\"address\":\"01:00.0\"}]}");
    CHECK_INT(pool("p")->members.len, 2);
    CHECK_STR(pool("p")->partition_type, "nvidia-35");
    CHECK_INT(ask("GET", "/v1/pools/p", NULL), 200);
    CHECK_HAS(text(), "\"total\":2,\"used\":0,\"free\":2");
}

TEST(a_card_in_a_pool_or_held_is_not_divided_again)
{
    begin_divided();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"GpuPartition\",\"all\":true}");
    refused("POST", GPU("node1", "01:00.0") "/partition", "{\"count\":2}", 409,
            "\"hint\":{\"action\":\"pool-remove\",\"subject\":[\"p\",\"node1/0000:01:00.0\"]");
    refused("POST", GPU("node1", "01:00.0") "/mount", NULL, 409, "is in GPU pool p");
    claim("node1", "0000:01:00.0+0000:01:04.3", "v");
    refused("DELETE", "/v1/pools/p/members/node1/01:00.0", NULL, 409, "held by VM v");
    must("DELETE", "/v1/pools/p/members/node2/01:00.0", NULL);
    claim("node2", "0000:01:00.0+0000:01:04.3", "v");
    refused("POST", GPU("node2", "01:00.0") "/partition", "{\"count\":2}", 409, "is held by VM v");
}

TEST(a_vm_is_assigned_partitions_where_the_pool_holds_partitions)
{
    begin_divided();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"GpuPartition\",\"all\":true}");
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"p\",\"count\":2}");
    CHECK_HAS(text(), "VM v was assigned 2 partitions of pool p; it needs 2 in all");
    must("POST", "/v1/vms/v/unassign", "{\"pool\":\"p\",\"count\":1}");
    CHECK_HAS(text(), "VM v was unassigned 1 partition of pool p; 1 left");
}

TEST(the_list_of_gpus_shows_each_partition_with_its_pool_and_vm)
{
    begin_divided();
    must("POST", "/v1/pools", "{\"name\":\"p\",\"type\":\"GpuPartition\",\"all\":true}");
    claim("node1", "0000:01:00.0+0000:01:04.3", "v");
    inventory("node1")->partitions.items[0].health = GPU_QUARANTINED;
    CHECK_INT(ask("GET", "/v1/gpus?pool=p&state=assigned", NULL), 200);
    CHECK_HAS(text(), "\"address\":\"0000:01:00.0+0000:01:04.3\"");
    CHECK_HAS(text(), "\"vm\":\"v\"");
    CHECK_INT(ask("GET", "/v1/gpus?state=partitioned", NULL), 200);
    CHECK_HAS(text(), "\"address\":\"0000:01:00.0\"");
    CHECK_HAS(text(), "\"partitions\":4");
    CHECK_INT(ask("GET", "/v1/pools/p", NULL), 200);
    CHECK_HAS(text(), "\"total\":8,\"used\":1,\"free\":6,\"quarantined\":1");
    CHECK_INT(ask("GET", GPU("node1", "01:00.0+0000:01:04.1"), NULL), 200);
    CHECK_HAS(text(), "\"partition_type\":\"vf\"");
    CHECK_HAS(text(), "\"mmio_size\":16777216");
}

TEST(a_partition_is_released_from_quarantine_alone)
{
    static const char one[] = GPU("node1", "0000:01:00.0+0000:01:04.0");
    begin_divided();
    must("POST", GPU("node1", "0000:01:00.0+0000:01:04.0") "/release", NULL);
    CHECK(!answer.has_txn);
    inventory("node1")->partitions.items[0].health = GPU_QUARANTINED;
    CHECK_INT(ask("GET", one, NULL), 200);
    CHECK_HAS(text(), "\"state\":\"quarantined\"");
    must("POST", GPU("node1", "0000:01:00.0+0000:01:04.0") "/release", NULL);
    const struct node_spec *spec = world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec;
    REQUIRE(spec->released.len == 1);
    CHECK_STR(spec->released.items[0].slot.partition, "0000:01:04.0");
    inventory("node1")->gpus.items[0].health = GPU_QUARANTINED;
    refused("POST", GPU("node1", "0000:01:00.0+0000:01:04.0") "/release", NULL, 409,
            "\"hint\":{\"action\":\"gpu-release\",\"subject\":[\"node1\",\"0000:01:00.0\"]");
    refused("POST", GPU("node1", "0000:01:00.0+0000:01:04.0") "/mount", NULL, 409,
            "is a part of the card 0000:01:00.0");
}

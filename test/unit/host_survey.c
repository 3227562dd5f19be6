/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_tree.h"
#include "host/host.h"
#include "model/memory.h"

TEST(a_display_of_the_host_is_read_whole_and_its_verdict_says_how_to_dismount_it)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "16\n", "/sys/bus/pci/devices/0000:01:00.0/current_link_width");
    tree_file(&tree, "8.0 GT/s PCIe\n", "/sys/bus/pci/devices/0000:01:00.0/max_link_speed");
    tree_file(&tree, "1\n", "/sys/bus/pci/devices/0000:01:00.0/numa_node");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_INT(inventory.cpus, 5);
    CHECK_INT(inventory.memory_mib, 8192 - 512);
    CHECK_STR(inventory.kernel, "6.1.0-42-amd64");
    REQUIRE(inventory.gpus.len == 1);
    const struct gpu *gpu = &inventory.gpus.items[0];
    CHECK_INT(gpu->vendor, 0x1234);
    CHECK_INT(gpu->subsystem_device, 0x1100);
    CHECK_INT(gpu->class_code, 0x038000);
    CHECK_INT(gpu->bar_size[0], 16 << 20);
    CHECK_INT(gpu->bar_size[1], 0);
    CHECK_INT(gpu->bar_size[2], 4096);
    CHECK_INT(gpu->iommu_group, 11);
    CHECK_INT(gpu->numa_node, 1);
    CHECK_INT(gpu->reset_methods, GPU_RESET_BUS);
    CHECK_INT(gpu->link_width, 16);
    CHECK_INT(gpu->link_speed_mts, 8000);
    CHECK_STR(gpu->driver, "bochs-drm");
    CHECK(!gpu->is_overridden);
    CHECK_VERDICT(*gpu, "host-driver", "bochs-drm: `berth gpu dismount node1 0000:01:00.0`");
    host_inventory_done(&inventory);
}

TEST(without_an_iommu_the_verdict_names_the_parameter_or_the_firmware_setting)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_remove(&tree, "/sys/kernel/iommu_groups");
    tree_remove(&tree, "/sys/bus/pci/devices/0000:01:00.0/iommu_group");
    struct gpu gpu = tree_gpu(&tree, "0000:01:00.0");
    CHECK_INT(gpu.iommu_group, -1);
    CHECK_VERDICT(gpu, "no-iommu", "intel_iommu=on");
    tree_remove(&tree, "/sys/firmware/acpi/tables/DMAR");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "no-iommu", "VT-d");
    tree_file(&tree, "vendor_id : AuthenticAMD\n", "/proc/cpuinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "no-iommu", "AMD-Vi");
}

TEST(a_group_that_vfio_made_without_an_iommu_does_not_count)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "vfio-noiommu\n", "/sys/kernel/iommu_groups/11/name");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "no-iommu", "does not cover this card");
}

TEST(two_cards_behind_a_pci_bridge_share_a_group_and_each_names_the_other)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:01:00.0", &(struct tree_card){NULL, ids_pci_bridge, NULL, "pm", 9});
    tree_add(&tree, "0000:02:01.0",
             &(struct tree_card){"0000:01:00.0", ids_bochs, "bochs-drm", NULL, 9});
    tree_add(&tree, "0000:02:02.0",
             &(struct tree_card){"0000:01:00.0", ids_bochs, "bochs-drm", NULL, 9});
    struct gpu gpu = tree_gpu(&tree, "0000:02:01.0");
    CHECK_INT(gpu.companion_len, 0);
    CHECK_VERDICT(gpu, "shared-group", "shares IOMMU group 9 with 0000:02:02.0: put");
    CHECK_VERDICT(tree_gpu(&tree, "0000:02:02.0"), "shared-group", "with 0000:02:01.0: put");
    tree_add(&tree, "0000:02:03.0", &(struct tree_card){"0000:01:00.0", ids_bochs, NULL, NULL, 9});
    CHECK_VERDICT(tree_gpu(&tree, "0000:02:01.0"), "shared-group", "0000:02:02.0 and 1 more");
}

TEST(a_sound_function_of_the_slot_goes_along_and_the_bus_reset_is_theirs_together)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_radeon(&tree);
    struct gpu gpu = tree_gpu(&tree, "0000:03:00.0");
    REQUIRE(gpu.companion_len == 1);
    CHECK_INT(gpu.companions[0].function, 1);
    CHECK_INT(gpu.reset_methods, GPU_RESET_BUS);
    CHECK_VERDICT(gpu, "host-driver", "it has no driver: `berth gpu dismount");
}

TEST(a_bus_reset_is_no_reset_while_a_function_of_another_slot_sits_on_that_bus)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_radeon(&tree);
    tree_add(&tree, "0000:03:01.0",
             &(struct tree_card){"0000:00:04.0", "8086 1533 0 0 020000", "igb", NULL, 14});
    struct gpu gpu = tree_gpu(&tree, "0000:03:00.0");
    CHECK_INT(gpu.companion_len, 1);
    CHECK_VERDICT(gpu, "no-reset", "cannot be reset between two VMs");
}

TEST(a_companion_that_the_host_still_has_keeps_the_card_from_vms)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_radeon(&tree);
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:03:00.0/driver");
    CHECK_VERDICT(tree_gpu(&tree, "0000:03:00.0"), "host-driver", "0000:03:00.1 (snd_hda_intel)");
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:03:00.1/driver");
    CHECK_VERDICT(tree_gpu(&tree, "0000:03:00.0"), "assignable", "");
}

TEST(a_card_without_reset_differs_from_one_whose_reset_was_switched_off)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:00:05.0", &(struct tree_card){NULL, ids_bochs, NULL, NULL, 5});
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:05.0"), "no-reset", "cannot be reset between two VMs");
    tree_file(&tree, "\n", "/sys/bus/pci/devices/0000:00:05.0/reset_method");
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:05.0"), "no-reset", "write \"default\" there");
    tree_file(&tree, "flr pm bus\n", "/sys/bus/pci/devices/0000:00:05.0/reset_method");
    CHECK_INT(tree_gpu(&tree, "0000:00:05.0").reset_methods,
              GPU_RESET_FLR | GPU_RESET_PM | GPU_RESET_BUS);
    tree_remove(&tree, "/sys/bus/pci/devices/0000:00:05.0/reset_method");
    tree_file(&tree, "", "/sys/bus/pci/devices/0000:00:05.0/reset");
    CHECK_INT(tree_gpu(&tree, "0000:00:05.0").reset_methods, GPU_RESET_BUS);
}

TEST(functions_on_the_root_bus_have_no_bus_reset_together)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:00:05.0", &(struct tree_card){NULL, ids_bochs, NULL, NULL, 5});
    tree_add(&tree, "0000:00:05.1",
             &(struct tree_card){NULL, "8086 2668 0 0 040300", NULL, NULL, 5});
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:05.0"), "no-reset", "cannot be reset");
}

TEST(firmware_memory_lost_regions_and_bridges_have_verdicts_of_their_own)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree,
              "0x0000000000000000 0x00000003ffffffff 0x0000000020140204\n"
              "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
              "/sys/bus/pci/devices/0000:01:00.0/resource");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "no-memory",
                  "region 0 (16384 MiB) no address: switch on Above 4G Decoding");
    tree_file(&tree, "0x00000000000e0000 0x00000000000effff direct-relaxable\n",
              "/sys/kernel/iommu_groups/11/reserved_regions");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "no-memory", "region 0");
    tree_file(&tree, "0x00000000000e0000 0x00000000000effff direct\n",
              "/sys/kernel/iommu_groups/11/reserved_regions");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "firmware-reserved", "0xe0000-0xeffff");
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:02.0"), "wrong-kind", "(class 060400)");
}

TEST(a_card_that_reads_all_ones_is_off_the_bus_unless_it_is_a_virtual_function)
{
    CLEANUP(tree_done) struct tree tree;
    static const unsigned char ones[64] = {0xff, 0xff, 0xff, 0xff};
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_bytes(&tree, "/sys/bus/pci/devices/0000:01:00.0/config", ones, sizeof(ones));
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "off-bus", "does not answer");
    tree_link(&tree, "../0000:00:02.0", "/sys/bus/pci/devices/0000:01:00.0/physfn");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "host-driver",
                  "`berth gpu partition node1 0000:00:02.0`");
}

TEST(the_serial_number_comes_from_the_extended_capability)
{
    CLEANUP(tree_done) struct tree tree;
    unsigned char config[4096] = {0x34, 0x12, 0x11, 0x11, 0, 0, 0x10, 0};
    static const unsigned char express[] = {0x10, 0, 2, 0};
    static const unsigned char serial[] = {0x03, 0, 1,    0,    0x78, 0x56,
                                           0x34, 0, 0xff, 0xee, 0x4b, 0xb0};
    tree_begin(&tree);
    tree_add_display(&tree);
    config[0x34] = 0x40;
    memcpy(config + 0x40, express, sizeof(express));
    memcpy(config + 0x100, serial, sizeof(serial));
    tree_bytes(&tree, "/sys/bus/pci/devices/0000:01:00.0/config", config, sizeof(config));
    CHECK_STR(tree_gpu(&tree, "0000:01:00.0").serial, "b0-4b-ee-ff-00-34-56-78");
}

TEST(listed_functions_and_their_partitions_are_in_the_inventory)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    static const char ids_nvme[] = "1b36 0010 1af4 1100 010802";
    tree_begin(&tree);
    tree_add(&tree, "0000:04:00.0", &(struct tree_card){NULL, ids_nvme, "nvme", "flr", 14});
    tree_add(&tree, "0000:04:00.1", &(struct tree_card){NULL, ids_nvme, NULL, "flr", 15});
    tree_link(&tree, "../0000:04:00.0", "/sys/bus/pci/devices/0000:04:00.1/physfn");
    tree_link(&tree, "../0000:04:00.1", "/sys/bus/pci/devices/0000:04:00.0/virtfn0");
    tree_file(&tree, "2\n", "/sys/bus/pci/devices/0000:04:00.0/sriov_totalvfs");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_INT(inventory.gpus.len, 0);
    host_inventory_done(&inventory);
    tree.config.devices[0] = (struct pci_address){0, 4, 0, 0};
    tree.config.device_len = 1;
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    REQUIRE(inventory.gpus.len == 1);
    CHECK_INT(inventory.gpus.items[0].sriov_total, 2);
    CHECK_INT(inventory.gpus.items[0].sriov_enabled, 1);
    CHECK_VERDICT(inventory.gpus.items[0], "partitioned", "1 virtual functions");
    REQUIRE(inventory.partitions.len == 1);
    const struct gpu_partition *part = inventory.partitions.items;
    char slot[name_size];
    CHECK_STR(gpu_slot_format(&part->slot, slot), "0000:04:00.0+0000:04:00.1");
    CHECK_STR(part->type, "vf");
    CHECK_INT(part->iommu_group, 15);
    CHECK_INT(part->mmio_size, (16 << 20) + 4096);
    CHECK_VERDICT(*part, "host-driver", "it has no driver, not to vfio-pci");
    host_inventory_done(&inventory);
}

TEST(a_virtual_function_that_shares_its_group_is_no_partition_that_a_vm_can_have)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_add(&tree, "0000:01:00.1",
             &(struct tree_card){"0000:00:02.0", ids_bochs, NULL, "flr", 11});
    tree_link(&tree, "../0000:01:00.0", "/sys/bus/pci/devices/0000:01:00.1/physfn");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    REQUIRE(inventory.partitions.len == 1);
    CHECK_VERDICT(inventory.partitions.items[0], "shared-group", "with 0000:01:00.0");
    host_inventory_done(&inventory);
}

TEST(mediated_device_types_are_listed_and_existing_ones_partition_the_card)
{
    CLEANUP(tree_done) struct tree tree;
    static const char types[] = "/sys/bus/pci/devices/0000:01:00.0/mdev_supported_types";
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "GRID M60-0Q\n", "%s/nvidia-35/name", types);
    tree_file(&tree, "16\n", "%s/nvidia-35/available_instances", types);
    struct gpu gpu = tree_gpu(&tree, "0000:01:00.0");
    REQUIRE(gpu.mdev_type_len == 1);
    CHECK_STR(gpu.mdev_types[0].id, "nvidia-35");
    CHECK_STR(gpu.mdev_types[0].name, "GRID M60-0Q");
    CHECK_INT(gpu.mdev_types[0].available, 16);
    CHECK_STR(gpu_verdict_name(gpu.verdict), "host-driver");
    struct node_inventory inventory = {0};
    struct error err;
    char slot[name_size];
    tree_file(&tree, "", "%s/nvidia-35/devices/11111111-1111-4111-8111-111111111111", types);
    tree_link(&tree, "../../kernel/iommu_groups/40",
              "/sys/bus/pci/devices/0000:01:00.0/11111111-1111-4111-8111-111111111111/iommu_group");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_VERDICT(inventory.gpus.items[0], "partitioned", "1 mediated devices");
    REQUIRE(inventory.partitions.len == 1);
    const struct gpu_partition *part = inventory.partitions.items;
    CHECK_STR(gpu_slot_format(&part->slot, slot),
              "0000:01:00.0+11111111-1111-4111-8111-111111111111");
    CHECK_STR(part->type, "nvidia-35");
    CHECK_INT(part->iommu_group, 40);
    CHECK_STR(gpu_verdict_name(part->verdict), "assignable");
    host_inventory_done(&inventory);
}

static const struct node_check *find_check(const struct node_inventory *inventory, const char *name)
{
    VEC_EACH(&inventory->checks, each) {
        if (strcmp(each->name, name) == 0) {
            return each;
        }
    }
    test_fail(__FILE__, __LINE__, "no check %s", name);
    test_abandon();
}

TEST(what_the_kernel_counts_of_processors_and_memory_is_read)
{
    CLEANUP(tree_done) struct tree tree;
    struct host_load load;
    tree_begin(&tree);
    tree_file(&tree, "cpu  100 20 30 5000 600 7 8 35 0 0\ncpu0 1 2 3\n", "/proc/stat");
    tree_file(&tree, "SwapTotal: 1 kB\nMemTotal: 65536 kB\nMemFree: 1 kB\nMemAvailable: 16384 kB\n",
              "/proc/meminfo");
    load_read(&tree.config, &load);
    CHECK_INT(load.busy_ms, 200 * 1000 / sysconf(_SC_CLK_TCK));
    CHECK_INT(load.memory_mib, 64);
    CHECK_INT(load.available_mib, 16);
    tree_remove(&tree, "/proc/stat");
    tree_file(&tree, "nothing\n", "/proc/meminfo");
    load_read(&tree.config, &load);
    CHECK_INT(load.busy_ms, 0);
    CHECK_INT(load.memory_mib, 0);
}

TEST(the_checks_pass_on_a_good_host_and_say_what_to_do_on_a_bad_one)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    VEC_EACH(&inventory.checks, each) {
        if (!each->is_ok) {
            test_fail(__FILE__, __LINE__, "%s: %s", each->name, each->detail);
        }
    }
    CHECK_STR(find_check(&inventory, "iommu")->detail, "1 groups, IOMMU dmar0");
    CHECK_STR(find_check(&inventory, "huge-pages")->detail, "4 reserved, 3 of them free");
    host_inventory_done(&inventory);
    tree_remove(&tree, "/sys/kernel/iommu_groups");
    tree_remove(&tree, "/sys/bus/pci/drivers/vfio-pci");
    tree_remove(&tree, "/dev/kvm");
    tree_file(&tree, "quiet intel_iommu=off\n", "/proc/cmdline");
    tree_file(&tree, "  24:  0  IO-APIC 1-edge  nvme\n", "/proc/interrupts");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(!find_check(&inventory, "iommu")->is_ok);
    CHECK_HAS(find_check(&inventory, "iommu")->detail, "intel_iommu=on");
    CHECK(!find_check(&inventory, "interrupt-remapping")->is_ok);
    CHECK(!find_check(&inventory, "vfio-pci")->is_ok);
    CHECK(!find_check(&inventory, "kvm")->is_ok);
    CHECK_HAS(find_check(&inventory, "kernel-command-line")->detail, "intel_iommu=off");
    host_inventory_done(&inventory);
    tree_file(&tree, "kernel/drivers/vfio/pci/vfio-pci.ko: x\n",
              "/lib/modules/6.1.0-42-amd64/modules.dep");
    tree_file(&tree, "quiet xintel_iommu=off\n", "/proc/cmdline");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(find_check(&inventory, "vfio-pci")->is_ok);
    CHECK(find_check(&inventory, "kernel-command-line")->is_ok);
    host_inventory_done(&inventory);
}

static uint32_t address_bits(const struct tree *tree)
{
    struct node_inventory inventory = {0};
    struct error err;
    REQUIRE(host_inventory_read(&tree->config, &inventory, &err) == 0);
    uint32_t bits = inventory.address_bits;
    host_inventory_done(&inventory);
    return bits;
}

TEST(the_width_of_guest_addresses_is_the_cpus_bounded_by_the_iommus)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    CHECK_INT(address_bits(&tree), 0); /* not told */
    tree_file(&tree, "flags\t: x\naddress sizes\t: 46 bits physical, 57 bits virtual\n",
              "/proc/cpuinfo");
    CHECK_INT(address_bits(&tree), 46);
    tree_file(&tree, "19ed008c40780c66\n", "/sys/class/iommu/dmar0/intel-iommu/cap");
    CHECK_INT(address_bits(&tree), 46); /* the unit: 57 */
    tree_file(&tree, "1c0000c40660462\n", "/sys/class/iommu/dmar1/intel-iommu/cap");
    CHECK_INT(address_bits(&tree), 39);
}

static void add_pages(struct tree *tree, const char *node, const char *size, const char *total,
                      const char *unused)
{
    tree_file(tree, total, "/sys/devices/system/node/%s/hugepages/%s/nr_hugepages", node, size);
    tree_file(tree, unused, "/sys/devices/system/node/%s/hugepages/%s/free_hugepages", node, size);
}

static void add_numa_node(struct tree *tree, int id, const char *cpus, const char *kib)
{
    char meminfo[80];
    (void)snprintf(meminfo, sizeof(meminfo), "Node %d MemTotal:  %s kB\n", id, kib);
    tree_file(tree, cpus, "/sys/devices/system/node/node%d/cpulist", id);
    tree_file(tree, meminfo, "/sys/devices/system/node/node%d/meminfo", id);
}

TEST(huge_pages_are_listed_by_node_and_size_and_are_no_memory_for_other_vms)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    tree_file(&tree,
              "MemTotal:       536870912 kB\nMemFree: 1 kB\nHugepagesize:    1048576 kB\n"
              "Hugetlb:        503316480 kB\n",
              "/proc/meminfo");
    add_pages(&tree, "node0", "hugepages-1048576kB", "240\n", "240\n");
    add_pages(&tree, "node0", "hugepages-2048kB", "0\n", "0\n");
    add_pages(&tree, "node1", "hugepages-1048576kB", "240\n", "239\n");
    add_numa_node(&tree, 1, "64-127\n", "264241152");
    add_numa_node(&tree, 0, "0-31,128-159\n", "272629760");
    add_numa_node(&tree, 10, "2-3\n", "1048576");
    add_numa_node(&tree, 3, "4-5\n", "0");      /* nothing is plugged in there */
    add_numa_node(&tree, 2, "\n", "100663296"); /* a GPU's own memory */
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    REQUIRE(inventory.huge_page_len == 2);
    CHECK_INT(inventory.huge_pages[1].numa_node, 1);
    CHECK_INT(inventory.huge_pages[1].size_kib, 1048576);
    CHECK_INT(inventory.huge_pages[1].total, 240);
    CHECK_INT(inventory.huge_pages[1].free_len, 239);
    CHECK_INT(inventory.huge_default_kib, 1048576);
    CHECK_INT(memory_of_kind(&inventory, MEMORY_1G), 480 * 1024);
    CHECK_INT(memory_of_kind(&inventory, MEMORY_2M), 0);
    CHECK_INT(inventory.memory_mib, 32 * 1024 - 2048); /* a sixteenth is the host's */
    CHECK_INT(inventory.bare_nodes, 1 << 2);
    REQUIRE(inventory.numa_node_len == 3);
    CHECK_INT(inventory.numa_nodes[0].cpus, 64);
    CHECK_STR(inventory.numa_nodes[0].cpu_list, "0-31,128-159");
    CHECK_INT(inventory.numa_nodes[0].memory_mib, 20 * 1024);
    CHECK_INT(memory_of_node(&inventory, MEMORY_1G, &inventory.numa_nodes[1]), 240 * 1024);
    CHECK_INT(memory_of_node(&inventory, MEMORY_ORDINARY, &inventory.numa_nodes[1]), 12 * 1024);
    CHECK_INT(inventory.numa_nodes[2].id, 10); /* by number, not by name */
    host_inventory_done(&inventory);
}

TEST(nodes_beyond_those_listed_are_the_last_ones_and_known_to_have_memory)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    for (int i = 0; i < numa_nodes_max + 2; i++) {
        char cpu[16];
        (void)snprintf(cpu, sizeof(cpu), "%d\n", i);
        add_numa_node(&tree, i, cpu, "1048576");
    }
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(inventory.takes_sizes);
    REQUIRE(inventory.numa_node_len == numa_nodes_max);
    for (int i = 0; i < numa_nodes_max; i++) {
        CHECK_INT(inventory.numa_nodes[i].id, i);
    }
    CHECK_INT(inventory.bare_nodes, 3 << numa_nodes_max);
    host_inventory_done(&inventory);
}

static void add_interface(struct tree *tree, const char *name, int index, int below)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d\n", index);
    tree_file(tree, text, "/sys/class/net/%s/ifindex", name);
    (void)snprintf(text, sizeof(text), "%d\n", below);
    tree_file(tree, text, "/sys/class/net/%s/iflink", name);
}

TEST(interfaces_that_stay_and_networks_of_libvirt_are_what_vms_can_be_plugged_into)
{
    static const char *const names[] = {"interface br0",   "interface eno1",  "interface ovs0",
                                        "interface vlan7", "network default", "network isolated"};
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(!inventory.has_networks); /* it does not tell */
    host_inventory_done(&inventory);
    add_interface(&tree, "lo", 1, 1);
    add_interface(&tree, "eno1", 2, 2);
    add_interface(&tree, "br0", 3, 3);
    add_interface(&tree, "vlan7", 4, 2);
    tree_link(&tree, "../eno1", "/sys/class/net/vlan7/lower_eno1");
    add_interface(&tree, "vnet0", 5, 5);
    tree_file(&tree, "0x5002\n", "/sys/class/net/vnet0/tun_flags");
    add_interface(&tree, "ovs0", 9, 9); /* of Open vSwitch in user space */
    tree_file(&tree, "0x1002\n", "/sys/class/net/ovs0/tun_flags");
    tree_file(&tree, "\n", "/sys/class/net/bonding_masters");
    add_interface(&tree, "veth9", 6, 7);
    add_interface(&tree, "macvtap0", 8, 2);
    tree_link(&tree, "../eno1", "/sys/class/net/macvtap0/lower_eno1");
    tree_file(&tree, "", "/sys/class/net/macvtap0/macvtap/tap8/dev");
    tree_file(&tree, "", "/run/libvirt/network/default.xml");
    tree_file(&tree, "", "/run/libvirt/network/default.pid");
    tree_file(&tree, "", "/etc/libvirt/qemu/networks/autostart/default.xml");
    tree_file(&tree, "", "/etc/libvirt/qemu/networks/autostart/isolated.xml");
    tree_file(&tree, "", "/etc/libvirt/qemu/networks/off.xml");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(inventory.has_networks);
    REQUIRE(inventory.networks.len == ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK_STR(inventory.networks.items[i].name, names[i]);
    }
    host_inventory_done(&inventory);
    for (int i = 0; i < networks_max; i++) { /* too many: a list with gaps tells nothing */
        char name[16];
        (void)snprintf(name, sizeof(name), "bond%d", i);
        add_interface(&tree, name, 100 + i, 100 + i);
    }
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK(!inventory.has_networks);
    CHECK_INT(inventory.networks.len, 0);
    host_inventory_done(&inventory);
}

/* As servers of two sockets do that number them in turn. */
TEST(cpus_of_a_node_may_be_every_other_one)
{
    CLEANUP(tree_done) struct tree tree;
    CLEANUP(buf_done) struct buf even = {0};
    struct node_inventory inventory = {0};
    struct error err;
    for (int cpu = 0; cpu < 512; cpu += 2) {
        buf_printf(&even, "%s%d", cpu ? "," : "", cpu);
    }
    tree_begin(&tree);
    tree_file(&tree, "MemTotal: 536870912 kB\n", "/proc/meminfo");
    tree_file(&tree, buf_str(&even), "/sys/devices/system/cpu/online");
    add_numa_node(&tree, 0, buf_str(&even), "264241152");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_INT(inventory.cpus, 256);
    REQUIRE(inventory.numa_node_len == 1);
    CHECK_INT(inventory.numa_nodes[0].cpus, 256);
    CHECK_STR(inventory.numa_nodes[0].cpu_list, buf_str(&even));
    host_inventory_done(&inventory);
}

TEST(a_root_without_sysfs_is_an_error_and_a_missing_card_too)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct gpu gpu;
    struct error err;
    tree_begin(&tree);
    CHECK_INT(host_gpu_read(&tree.config, (struct pci_address){0, 9, 0, 0}, &gpu, &err), -ENODEV);
    CHECK_HAS(err.text, "0000:09:00.0");
    tree_remove(&tree, "/proc");
    CHECK_INT(host_inventory_read(&tree.config, &inventory, &err), -ENOENT);
}

TEST(a_dismounted_card_is_recognized_and_another_in_its_place_is_reported)
{
    struct node_inventory inventory = {0};
    struct dismount entry = {.address = {0, 1, 0, 0}};
    struct pci_address now = {0};
    char text[200];
    struct gpu *gpu = VEC_ADD(&inventory.gpus);
    REQUIRE(gpu);
    *gpu = (struct gpu){
        .address = {0, 1, 0, 0}, .vendor = 0x10de, .device = 0x20b5, .serial = "aa-bb"};
    (void)gpu_identity(gpu, entry.identity);
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_SAME);
    CHECK_STR(text, "");
    (void)snprintf(gpu->serial, sizeof(gpu->serial), "cc-dd");
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_CHANGED);
    CHECK_STR(text, "at 0000:01:00.0 there was the card [10de:20b5 0000:0000 aa-bb]; now it is "
                    "[10de:20b5 0000:0000 cc-dd]");
    gpu = VEC_ADD(&inventory.gpus);
    REQUIRE(gpu);
    *gpu = (struct gpu){
        .address = {0, 2, 0, 0}, .vendor = 0x10de, .device = 0x20b5, .serial = "aa-bb"};
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_MOVED);
    CHECK_INT(now.bus, 2);
    CHECK_HAS(text, "is at 0000:02:00.0 now");
    gpu = VEC_ADD(&inventory.gpus);
    REQUIRE(gpu);
    *gpu = inventory.gpus.items[1]; /* its twin: no one can tell */
    gpu->address.bus = 3;
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_CHANGED);
    inventory.gpus.len = 2;
    entry.identity[strlen("10de:20b5 0000:0000")] = '\0'; /* without serial: may be another */
    inventory.gpus.items[1].serial[0] = '\0';
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_CHANGED);
    inventory.gpus.len = 0;
    CHECK_INT(host_card_check(&inventory, &entry, &now, text, sizeof(text)), HOST_CARD_GONE);
    CHECK_HAS(text, "is gone");
    host_inventory_done(&inventory);
}

TEST(errors_of_the_bus_and_a_link_with_fewer_lanes_than_it_could_have_are_told)
{
    CLEANUP(tree_done) struct tree tree;
    struct gpu gpu;
    struct error err;
    const struct pci_address display = {0, 1, 0, 0};
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "8\n", "/sys/bus/pci/devices/0000:01:00.0/current_link_width");
    tree_file(&tree, "16\n", "/sys/bus/pci/devices/0000:01:00.0/max_link_width");
    tree_file(&tree, "16\n", "/sys/devices/pci0000:00/0000:00:02.0/max_link_width");
    tree_file(&tree, "Undefined 0\nDLP 1\nTOTAL_ERR_FATAL 3\n",
              "/sys/bus/pci/devices/0000:01:00.0/aer_dev_fatal");
    tree_file(&tree, "Undefined 0\nTOTAL_ERR_NONFATAL 2\n",
              "/sys/bus/pci/devices/0000:01:00.0/aer_dev_nonfatal");
    tree_file(&tree, "RxErr 5000\nTOTAL_ERR_COR 5000\n",
              "/sys/bus/pci/devices/0000:01:00.0/aer_dev_correctable");
    REQUIRE(host_gpu_read(&tree.config, display, &gpu, &err) == 0);
    CHECK_INT(gpu.errors_fatal, 3);
    CHECK_INT(gpu.errors_nonfatal, 2);
    CHECK_INT(gpu.errors_corrected, 4096);
    CHECK_INT(gpu.link_width_max, 16);
    CHECK(gpu_link_is_narrow(&gpu));
    /* In a slot of eight lanes it is as it should be. */
    tree_file(&tree, "8\n", "/sys/devices/pci0000:00/0000:00:02.0/max_link_width");
    REQUIRE(host_gpu_read(&tree.config, display, &gpu, &err) == 0);
    CHECK_INT(gpu.link_width_max, 8);
    CHECK(!gpu_link_is_narrow(&gpu));
    tree_remove(&tree, "/sys/bus/pci/devices/0000:01:00.0/aer_dev_fatal");
    REQUIRE(host_gpu_read(&tree.config, display, &gpu, &err) == 0);
    CHECK_INT(gpu.errors_fatal, 0);
}

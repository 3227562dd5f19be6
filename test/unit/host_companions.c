/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes along with a card, and what of the host keeps it there: trees as real machines have
 * them, with the ids of real cards. */
#include "host/binding.h"
#include "host_tree.h"

/* "0000:04:00.1 0000:04:00.3" */
static const char *companions(const struct gpu *gpu)
{
    static char text[companions_max * pci_address_size + 1];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        char name[pci_address_size];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
                                 pci_address_format(gpu->companions[i], name));
    }
    return text;
}

/* A Radeon RX 5700 whose GPU and sound have groups of their own; a bus reset is for both only. */
static void add_navi(struct tree *tree, const char *reset)
{
    tree_add(tree, "0000:00:03.1", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 3});
    tree_add(
        tree, "0000:44:00.0",
        &(struct tree_card){"0000:00:03.1", "1002 731f 1da2 e411 030000", "amdgpu", reset, 32});
    tree_add(tree, "0000:44:00.1",
             &(struct tree_card){"0000:00:03.1", "1002 ab38 1002 ab38 040300", "snd_hda_intel",
                                 NULL, 33});
    tree_file(tree, "", "/sys/bus/pci/drivers/amdgpu/x");
}

TEST(the_functions_of_a_gpus_slot_go_along_even_from_groups_of_their_own)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    add_navi(&tree, NULL);
    struct gpu gpu = tree_gpu(&tree, "0000:44:00.0");
    CHECK_STR(companions(&gpu), "0000:44:00.1");
    CHECK_INT(gpu.reset_methods, GPU_RESET_BUS);
    CHECK_VERDICT(gpu, "host-driver", "takes along 0000:44:00.1 (snd_hda_intel)");
    CHECK_INT(host_gpu_dismount(&tree.config, gpu.address, false, &err), 0);
    CHECK_DRIVER(&tree, "0000:44:00.1", "vfio-pci");
    CHECK_VERDICT(tree_gpu(&tree, "0000:44:00.0"), "assignable", "");
    CHECK_INT(host_gpu_mount(&tree.config, gpu.address, &err), 0);
    CHECK_DRIVER(&tree, "0000:44:00.1", "snd_hda_intel");
}

TEST(with_a_reset_of_its_own_the_gpu_still_takes_its_sound_along)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    add_navi(&tree, "device_specific\n");
    struct gpu gpu = tree_gpu(&tree, "0000:44:00.0");
    CHECK_STR(companions(&gpu), "0000:44:00.1");
    CHECK_INT(gpu.reset_methods, GPU_RESET_DEVICE_SPECIFIC);
}

/* The ports of a network card are devices of their own, each with a group and a reset. */
TEST(the_functions_of_a_listed_device_go_alone_unless_their_group_binds_them)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:05:00.0",
             &(struct tree_card){NULL, "8086 1572 8086 0001 020000", "i40e", "flr", 20});
    tree_add(&tree, "0000:05:00.1",
             &(struct tree_card){NULL, "8086 1572 8086 0001 020000", "i40e", "flr", 21});
    struct gpu gpu = tree_gpu(&tree, "0000:05:00.0");
    CHECK_INT(gpu.companion_len, 0);
}

/* Virtual functions may have numbers of the card's own slot (Intel's integrated graphics). */
TEST(virtual_functions_in_the_slot_of_their_card_do_not_go_along)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:00:02.0",
             &(struct tree_card){NULL, "8086 46d1 8086 7270 030000", "xe", "flr", 0});
    tree_add(&tree, "0000:00:02.1",
             &(struct tree_card){NULL, "8086 46d1 8086 7270 030000", NULL, "flr", 17});
    tree_link(&tree, "../0000:00:02.0", "/sys/bus/pci/devices/0000:00:02.1/physfn");
    struct gpu gpu = tree_gpu(&tree, "0000:00:02.0");
    CHECK_INT(gpu.companion_len, 0);
}

/* An Intel Arc: a switch on the card, the GPU behind one of its ports, the sound behind another. */
static void add_arc(struct tree *tree, int sound_group)
{
    static const char ids_upstream[] = "8086 4fa1 0 0 060400";
    static const char ids_downstream[] = "8086 4fa4 0 0 060400";
    tree_add(tree, "0000:00:01.0",
             &(struct tree_card){NULL, "8086 460d 0 0 060400", "pcieport", "pm", 1});
    tree_add(tree, "0000:01:00.0",
             &(struct tree_card){"0000:00:01.0", ids_upstream, "pcieport", NULL, 15});
    tree_add(
        tree, "0000:02:01.0",
        &(struct tree_card){"0000:00:01.0/0000:01:00.0", ids_downstream, "pcieport", NULL, 16});
    tree_add(
        tree, "0000:02:04.0",
        &(struct tree_card){"0000:00:01.0/0000:01:00.0", ids_downstream, "pcieport", NULL, 17});
    tree_add(tree, "0000:03:00.0",
             &(struct tree_card){"0000:00:01.0/0000:01:00.0/0000:02:01.0",
                                 "8086 56a0 8086 1020 030000", "i915", "bus\n", 18});
    tree_add(tree, "0000:04:00.0",
             &(struct tree_card){"0000:00:01.0/0000:01:00.0/0000:02:04.0",
                                 "8086 4f90 8086 4f90 040300", "snd_hda_intel", "bus\n",
                                 sound_group});
}

TEST(the_parts_of_a_card_with_a_switch_of_its_own_go_together)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    add_arc(&tree, 18); /* one group: no access control in that switch */
    struct gpu gpu = tree_gpu(&tree, "0000:03:00.0");
    CHECK_STR(companions(&gpu), "0000:04:00.0");
    CHECK_VERDICT(gpu, "host-driver", "takes along 0000:04:00.0 (snd_hda_intel)");
    add_arc(&tree, 19);
    gpu = tree_gpu(&tree, "0000:03:00.0");
    CHECK_STR(companions(&gpu), "0000:04:00.0");
}

/* The same with a switch of another maker: cards that share it are strangers to each other. */
TEST(cards_behind_a_switch_of_the_machine_do_not_go_together)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    add_arc(&tree, 18);
    tree_file(&tree, "0x10b5\n", "/sys/bus/pci/devices/0000:01:00.0/vendor");
    tree_file(&tree, "0x10b5\n", "/sys/bus/pci/devices/0000:02:01.0/vendor");
    struct gpu gpu = tree_gpu(&tree, "0000:03:00.0");
    CHECK_INT(gpu.companion_len, 0);
    CHECK_VERDICT(gpu, "shared-group", "with 0000:04:00.0");
}

/* An APU: the GPU, its sound, the security processor and two USB controllers in one slot. */
static void add_apu(struct tree *tree)
{
    tree_add(tree, "0000:00:08.1", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 5});
    tree_add(tree, "0000:04:00.0",
             &(struct tree_card){"0000:00:08.1", "1002 1636 17aa 5081 030000", "amdgpu", NULL, 6});
    tree_add(tree, "0000:04:00.2",
             &(struct tree_card){"0000:00:08.1", "1022 15df 17aa 5081 108000", "ccp", NULL, 6});
    tree_add(
        tree, "0000:04:00.3",
        &(struct tree_card){"0000:00:08.1", "1022 1639 17aa 5081 0c0330", "xhci_hcd", NULL, 6});
    tree_add(
        tree, "0000:04:00.4",
        &(struct tree_card){"0000:00:08.1", "1022 1639 17aa 5081 0c0330", "xhci_hcd", NULL, 6});
    tree_file(tree, "", "/sys/bus/pci/drivers/amdgpu/x");
    tree_file(tree, "", "/sys/bus/pci/drivers/xhci_hcd/x");
    tree_file(tree, "", "/sys/bus/pci/drivers/ccp/x");
}

TEST(a_network_interface_behind_a_companion_keeps_the_card_at_the_host)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    add_apu(&tree);
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "host-driver",
                  "takes along 0000:04:00.2 (ccp), 0000:04:00.3 (xhci_hcd), 0000:04:00.4");
    tree_link(&tree,
              "../../devices/pci0000:00/0000:00:08.1/0000:04:00.3/usb3/3-2/3-2:2.0/net/enx001",
              "/sys/class/net/enx001");
    tree_file(
        &tree, "0x1003\n",
        "/sys/devices/pci0000:00/0000:00:08.1/0000:04:00.3/usb3/3-2/3-2:2.0/net/enx001/flags");
    struct gpu gpu = tree_gpu(&tree, "0000:04:00.0");
    CHECK_VERDICT(gpu, "in-use",
                  "the network interface enx001 of its companion 0000:04:00.3 is up");
    CHECK_INT(host_gpu_dismount(&tree.config, gpu.address, false, &err), -EBUSY);
    CHECK_HAS(err.text, "enx001");
    CHECK_DRIVER(&tree, "0000:04:00.3", "xhci_hcd");
    CHECK_INT(tree.writes, 0);
    CHECK_INT(host_gpu_dismount(&tree.config, gpu.address, true, &err), 0);
    CHECK_DRIVER(&tree, "0000:04:00.3", "vfio-pci");
}

TEST(a_disk_behind_a_companion_keeps_the_card_at_the_host_even_if_that_is_dismounted)
{
    CLEANUP(tree_done) struct tree tree;
    static const char disk[] =
        "devices/pci0000:00/0000:00:08.1/0000:04:00.4/usb4/4-1/block/sda/sda1";
    char target[160];
    tree_begin(&tree);
    add_apu(&tree);
    (void)snprintf(target, sizeof(target), "../../%s", disk);
    tree_link(&tree, target, "/sys/class/block/sda1");
    tree_file(&tree, "8:1\n", "/sys/%s/dev", disk);
    tree_file(&tree, "36 35 8:1 / /boot rw - ext4 /dev/sda1 rw\n", "/proc/self/mountinfo");
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:04:00.0/driver");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use",
                  "the disk sda1 of its companion 0000:04:00.4 is mounted on /boot");
}

TEST(the_firmwares_frame_buffer_keeps_a_card_that_vfio_pci_has_from_vms)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:01:00.0/driver");
    tree_file(&tree, "f0000000-f0ffffff : 0000:01:00.0\n  f1000000-f1000fff : vfio-pci\n",
              "/proc/iomem");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "assignable", "");
    static const char *const names[] = {"efifb", "BOOTFB", "simpledrm", "vesafb"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text),
                       "e0000000-f7ffffff : PCI Bus 0000:00\n  f0000000-f0ffffff : 0000:01:00.0\n"
                       "    f0000000-f02fffff : %s\n",
                       names[i]);
        tree_file(&tree, text, "/proc/iomem");
        CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use", names[i]);
        CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use", "initcall_blacklist=sysfb_init");
    }
    /* The kernel's list counts, also where the card's regions were moved since. */
    tree_file(&tree, "c0000000-c0ffffff : 0000:01:00.0\n  c0000000-c02fffff : efifb\n",
              "/proc/iomem");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use", "efifb");
    tree_file(&tree,
              "c0000000-c0ffffff : 0000:01:00.0\nd0000000-d0ffffff : 0000:02:00.0\n"
              "  d0000000-d02fffff : efifb\n",
              "/proc/iomem"); /* another card's */
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "assignable", "");
}

/* An NVSwitch calls itself a bridge ("other"), but has the header of a function: VFIO counts it. */
TEST(a_switch_of_gpus_is_a_member_of_its_group_and_a_function_as_any_other)
{
    CLEANUP(tree_done) struct tree tree;
    static const unsigned char function[64] = {0xde, 0x10, 0xa3, 0x22},
                               bridge[64] = {[0x0e] = 0x81};
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_add(&tree, "0000:06:00.0",
             &(struct tree_card){NULL, "10de 22a3 10de 1796 068000", "nvidia-nvswitch", "flr", 11});
    tree_bytes(&tree, "/sys/bus/pci/devices/0000:06:00.0/config", function, sizeof(function));
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "shared-group", "with 0000:06:00.0");
    CHECK_VERDICT(tree_gpu(&tree, "0000:06:00.0"), "shared-group", "with 0000:01:00.0");
    tree_bytes(&tree, "/sys/bus/pci/devices/0000:06:00.0/config", bridge, sizeof(bridge));
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "host-driver", "");
}

TEST(the_advice_for_a_card_without_reset_is_true_to_the_card)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add(&tree, "0000:00:05.0",
             &(struct tree_card){NULL, "1002 73bf 1da2 e437 030000", NULL, NULL, 5});
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:05.0"), "no-reset", "vendor-reset");
    tree_add(&tree, "0000:00:06.0", &(struct tree_card){NULL, ids_bochs, NULL, NULL, 7});
    CHECK_VERDICT(tree_gpu(&tree, "0000:00:06.0"), "no-reset", "a slot of its own");
    tree_add(&tree, "0000:00:07.0", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 2});
    tree_add(&tree, "0000:08:00.0", &(struct tree_card){"0000:00:07.0", ids_bochs, NULL, NULL, 8});
    struct gpu gpu = tree_gpu(&tree, "0000:08:00.0");
    CHECK_STR(gpu_verdict_name(gpu.verdict), "no-reset");
    CHECK(!strstr(gpu.verdict_detail, "a slot of its own")); /* it has one */
}

/* Two cards behind a switch of the machine without access control. */
static void add_pair(struct tree *tree)
{
    tree_add(tree, "0000:20:00.0",
             &(struct tree_card){NULL, "10de 1db4 10de 1214 030200", NULL, "bus\n", 40});
    tree_add(tree, "0000:21:00.0",
             &(struct tree_card){NULL, "10de 1db4 10de 1214 030200", NULL, "bus\n", 40});
}

TEST(a_group_of_cards_is_given_whole_where_an_administrator_wants_that)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    add_pair(&tree);
    CHECK_VERDICT(tree_gpu(&tree, "0000:20:00.0"), "shared-group",
                  "or give all to one VM (whole_groups in berth.conf)");
    tree.config.whole_groups[0] = (struct pci_address){0, 0x20, 0, 0};
    tree.config.whole_group_len = 1;
    struct gpu gpu = tree_gpu(&tree, "0000:20:00.0");
    CHECK_STR(companions(&gpu), "0000:21:00.0");
    CHECK_INT(gpu_mmio_size(&gpu), 2 * ((16 << 20) + 4096));
    CHECK_VERDICT(gpu, "host-driver", "takes along 0000:21:00.0");
    CHECK_VERDICT(tree_gpu(&tree, "0000:21:00.0"), "shared-group", "goes along with another card");
    CHECK_INT(host_gpu_dismount(&tree.config, gpu.address, false, &err), 0);
    CHECK_DRIVER(&tree, "0000:21:00.0", "vfio-pci");
    CHECK_VERDICT(tree_gpu(&tree, "0000:20:00.0"), "assignable", "");
    /* A disk controller in the group is no card: it is not for VMs. */
    tree.config.whole_group_len = 0;
    tree_add(&tree, "0000:22:00.0",
             &(struct tree_card){NULL, "8086 2922 0 0 010601", "ahci", NULL, 40});
    gpu = tree_gpu(&tree, "0000:20:00.0");
    CHECK(!strstr(gpu.verdict_detail, "whole_groups"));
}

static const struct node_check *check_of(const struct node_inventory *inventory, const char *name)
{
    VEC_EACH(&inventory->checks, each) {
        if (strcmp(each->name, name) == 0) {
            return each;
        }
    }
    return NULL;
}

TEST(groups_that_a_parameter_made_up_are_noted)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    tree_file(&tree, "quiet pcie_acs_override=downstream,multifunction\n", "/proc/cmdline");
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    const struct node_check *check = check_of(&inventory, "kernel-command-line");
    REQUIRE(check);
    CHECK(!check->is_ok && check->is_advice);
    CHECK_HAS(check->detail, "pcie_acs_override");
    host_inventory_done(&inventory);
}

/* The virtual functions from that number to before another one of the card at 0000:10:00.0. */
static void add_functions(struct tree *tree, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        char name[pci_address_size];
        (void)snprintf(name, sizeof(name), "0000:%02x:%02x.%x", 0x11 + i / 256, i / 8 % 32, i % 8);
        tree_add(
            tree, name,
            &(struct tree_card){NULL, "10de 26b9 10de 1851 030200", NULL, "flr", (int)(100 + i)});
        tree_link(tree, "../0000:10:00.0", "/sys/bus/pci/devices/%s/physfn", name);
    }
}

TEST(what_is_beyond_the_limit_of_partitions_is_counted_and_reported)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    tree_begin(&tree);
    tree_add(&tree, "0000:10:00.0",
             &(struct tree_card){NULL, "10de 26b9 10de 1851 030200", "nvidia", "flr", 70});
    add_functions(&tree, 0, gpus_per_node_max);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_INT(inventory.gpus.len, 1);
    CHECK_INT(inventory.partitions.len, gpus_per_node_max);
    CHECK(!check_of(&inventory, "functions"));
    host_inventory_done(&inventory);
    add_functions(&tree, gpus_per_node_max, gpus_per_node_max + 3);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    CHECK_INT(inventory.partitions.len, gpus_per_node_max);
    const struct node_check *check = check_of(&inventory, "functions");
    REQUIRE(check);
    CHECK(!check->is_ok && check->is_advice);
    CHECK_HAS(check->detail, "3 cards or partitions are left out");
    host_inventory_done(&inventory);
}

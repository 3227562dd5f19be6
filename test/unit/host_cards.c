/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole hosts with cards of many makers and numbers, as their sysfs shows them: what the survey
 * makes of all of it. Single rules have tests beside their files. */
#include "host_tree.h"

/* What a host has, in one line a device: "0000:05:00.0 host-driver +companions". */
static const char *survey(struct tree *tree, struct node_inventory *inventory)
{
    static char text[16384];
    struct error err;
    size_t used = 0;
    char name[pci_address_size];
    REQUIRE(host_inventory_read(&tree->config, inventory, &err) == 0);
    text[0] = '\0';
    VEC_EACH(&inventory->gpus, gpu) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s +%u\n",
                                 pci_address_format(gpu->address, name),
                                 gpu_verdict_name(gpu->verdict), gpu->companion_len);
    }
    VEC_EACH(&inventory->partitions, part) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "  %s %s %s\n",
                                 part->slot.partition, part->type, gpu_verdict_name(part->verdict));
    }
    return text;
}

static void add_functions(struct tree *tree, const char *card, const char *ids, const char *driver,
                          int count, int group)
{
    char name[16], target[32];
    tree_file(tree, "64\n", "/sys/bus/pci/devices/%s/sriov_totalvfs", card);
    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "%.8s%02x.%d", card, 2 + i / 8, i % 8);
        tree_add(tree, name, &(struct tree_card){NULL, ids, driver, "flr", group + i});
        (void)snprintf(target, sizeof(target), "../%s", card);
        tree_link(tree, target, "/sys/bus/pci/devices/%s/physfn", name);
        (void)snprintf(target, sizeof(target), "../%s", name);
        tree_link(tree, target, "/sys/bus/pci/devices/%s/virtfn%d", card, i);
    }
}

/* Eight H200 in groups of their own and four switches that share one (HGX). */
TEST(a_board_with_switches_has_eight_gpus_and_says_what_nvlink_lacks)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    char name[16];
    tree_begin(&tree);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "0000:%02x:00.0", 0x18 + 0x10 * i);
        tree_add(
            &tree, name,
            &(struct tree_card){NULL, "10de 2335 10de 18be 030200", "nvidia", "flr bus\n", 40 + i});
    }
    for (int i = 0; i < 4; i++) {
        static const unsigned char config[64] = {0xde, 0x10, 0xa3, 0x22};
        char path[64];
        (void)snprintf(name, sizeof(name), "0000:%02x:00.0", 5 + i);
        tree_add(&tree, name,
                 &(struct tree_card){NULL, "10de 22a3 10de 1796 068000", "nvidia-nvswitch", "flr\n",
                                     114});
        (void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
        tree_bytes(&tree, path, config, sizeof(config));
    }
    const char *text = survey(&tree, &inventory);
    CHECK_INT(inventory.gpus.len, 8);
    CHECK_HAS(text, "0000:18:00.0 host-driver +0\n");
    CHECK_HAS(text, "0000:88:00.0 host-driver +0\n");
    bool is_told = false;
    VEC_EACH(&inventory.checks, check) {
        is_told |= !check->is_ok && strstr(check->detail, "4 NVSwitches");
    }
    CHECK(is_told);
    host_inventory_done(&inventory);
}

TEST(eight_cards_of_32_functions_are_256_partitions_and_none_is_left_out)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    tree_begin(&tree);
    for (int i = 0; i < 8; i++) {
        char card[16];
        (void)snprintf(card, sizeof(card), "0000:%02x:00.0", 0x05 + 0x11 * i);
        tree_add(
            &tree, card,
            &(struct tree_card){NULL, "10de 26b9 10de 1851 030200", "nvidia", "flr\n", 60 + i});
        add_functions(&tree, card, "10de 26b9 10de 1851 030200", "nvidia", 32, 1000 + 32 * i);
    }
    (void)survey(&tree, &inventory);
    CHECK_INT(inventory.gpus.len, 8);
    CHECK_INT(inventory.partitions.len, 256);
    VEC_EACH(&inventory.checks, check) {
        CHECK(strcmp(check->name, "functions") != 0);
    }
    host_inventory_done(&inventory);
}

/* The functions of AMD's Instinct have no driver, those of Intel's Flex one of the host's. */
TEST(functions_of_any_maker_are_led_to_be_partitions)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    tree_begin(&tree);
    tree_add(&tree, "0000:05:00.0",
             &(struct tree_card){NULL, "1002 74a1 1002 74a1 120000", "gim", "flr\n", 20});
    add_functions(&tree, "0000:05:00.0", "1002 74b5 1002 74a1 120000", NULL, 8, 100);
    tree_add(&tree, "0000:4d:00.0",
             &(struct tree_card){NULL, "8086 56c0 8086 4905 038000", "i915", "flr\n", 21});
    add_functions(&tree, "0000:4d:00.0", "8086 56c0 8086 4905 038000", "i915", 3, 200);
    const char *text = survey(&tree, &inventory);
    CHECK_HAS(text, "0000:05:00.0 partitioned +0\n0000:4d:00.0 partitioned +0\n");
    CHECK_INT(inventory.partitions.len, 11);
    CHECK_HAS(text, "  0000:05:02.7 vf host-driver\n  0000:4d:02.0 vf host-driver\n");
    CHECK_HAS(inventory.partitions.items[0].verdict_detail,
              "it has no driver, not to vfio-pci: `berth gpu partition node1 0000:05:00.0`");
    CHECK_HAS(inventory.partitions.items[8].verdict_detail,
              "driver i915, not to vfio-pci: `berth gpu partition node1 0000:4d:00.0`");
    host_inventory_done(&inventory);
}

/* Four GPUs on one board behind the switch of a third maker (A16), and two accelerators (Gaudi). */
TEST(gpus_of_one_board_are_strangers_and_accelerators_need_no_order)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    char path[64], name[16];
    tree_begin(&tree);
    tree_add(&tree, "0000:00:01.0", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 1});
    tree_add(
        &tree, "0000:02:00.0",
        &(struct tree_card){"0000:00:01.0", "10b5 8747 10b5 8747 060400", "pcieport", NULL, 2});
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof(name), "0000:03:%02x.0", 8 + 4 * i);
        tree_add(&tree, name,
                 &(struct tree_card){"0000:00:01.0/0000:02:00.0", "10b5 8747 10b5 8747 060400",
                                     "pcieport", NULL, 3 + i});
        (void)snprintf(path, sizeof(path), "0000:00:01.0/0000:02:00.0/%s", name);
        (void)snprintf(name, sizeof(name), "0000:%02x:00.0", 4 + i);
        tree_add(
            &tree, name,
            &(struct tree_card){path, "10de 25b6 10de 14a9 030200", "nvidia", "bus\n", 30 + i});
    }
    tree_add(&tree, "0000:b3:00.0",
             &(struct tree_card){NULL, "1da3 1060 1da3 0000 120000", "habanalabs", "flr\n", 50});
    tree_add(&tree, "0000:b4:00.0",
             &(struct tree_card){NULL, "1da3 1060 1da3 0000 120000", "vfio-pci", "flr\n", 51});
    const char *text = survey(&tree, &inventory);
    CHECK_STR(text, "0000:04:00.0 host-driver +0\n0000:05:00.0 host-driver +0\n"
                    "0000:06:00.0 host-driver +0\n0000:07:00.0 host-driver +0\n"
                    "0000:b3:00.0 host-driver +0\n0000:b4:00.0 assignable +0\n");
    host_inventory_done(&inventory);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/binding.h"
#include "host_tree.h"
#include "model/gpu_device.h"

static const struct pci_address display = {0, 1, 0, 0};

/* The lab's display, as if it had four virtual functions. */
static void begin(struct tree *tree)
{
    tree_begin(tree);
    tree_add_display(tree);
    tree_file(tree, "4\n", "/sys/bus/pci/devices/0000:01:00.0/sriov_totalvfs");
    tree_file(tree, "1\n", "/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe");
}

static int split(struct tree *tree, uint32_t count, const char *words)
{
    struct error err = {0};
    int result = host_gpu_split(&tree->config, display, count, &err);
    if (!strstr(err.text, words)) {
        test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", err.text, words);
    }
    return result;
}

static struct node_inventory read_all(struct tree *tree)
{
    struct node_inventory inventory = {0};
    struct error err;
    REQUIRE(host_inventory_read(&tree->config, &inventory, &err) == 0);
    return inventory;
}

/* Whether the card has so many partitions, all of which VMs can have. */
static bool is_split(struct tree *tree, uint32_t count)
{
    CLEANUP(host_inventory_done) struct node_inventory inventory = read_all(tree);
    REQUIRE(inventory.gpus.len == 1);
    VEC_EACH(&inventory.partitions, part) {
        if (part->verdict != GPU_ASSIGNABLE) {
            return false;
        }
    }
    return gpu_is_split(&inventory, inventory.gpus.items, count);
}

TEST(a_card_is_divided_into_partitions_that_vms_can_have_and_made_whole_again)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    CHECK_INT(split(&tree, 3, ""), 0);
    CHECK(is_split(&tree, 3));
    CHECK_DRIVER(&tree, "0000:01:10.0", "vfio-pci");
    CHECK_DRIVER(&tree, "0000:01:00.0", "bochs-drm");
    struct node_inventory inventory = read_all(&tree);
    CHECK_STR(gpu_verdict_name(inventory.gpus.items[0].verdict), "partitioned");
    host_inventory_done(&inventory);
    CHECK_INT(split(&tree, 0, ""), 0);
    CHECK(is_split(&tree, 0));
    inventory = read_all(&tree);
    CHECK_STR(gpu_verdict_name(inventory.gpus.items[0].verdict), "host-driver");
    CHECK_INT(inventory.partitions.len, 0);
    host_inventory_done(&inventory);
}

TEST(what_is_divided_already_is_not_divided_again_and_loose_partitions_are_bound)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    REQUIRE(split(&tree, 2, "") == 0);
    int writes = tree.writes;
    CHECK_INT(split(&tree, 2, ""), 0);
    CHECK_INT(tree.writes, writes);
    tree_link(&tree, "../../drivers/bochs-drm", "/sys/bus/pci/devices/0000:01:10.1/driver");
    tree_remove(&tree, "/sys/bus/pci/devices/0000:01:10.1/vfio-dev");
    CHECK(!is_split(&tree, 2));
    CHECK_INT(split(&tree, 2, ""), 0);
    CHECK_INT(tree.writes, writes + 2); /* let go of, and probed */
    CHECK(is_split(&tree, 2));
}

TEST(a_partition_that_a_vm_holds_keeps_its_card_as_it_is)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    REQUIRE(split(&tree, 2, "") == 0);
    tree_file(&tree, "qemu-system-x86\n", "/proc/4711/comm");
    tree_link(&tree, "/dev/vfio/61", "/proc/4711/fd/9");
    CHECK_INT(split(&tree, 4, "0000:01:10.1 is held by qemu-system-x86 (4711)"), -EBUSY);
    CHECK_INT(split(&tree, 0, "stop that VM first"), -EBUSY);
    CHECK(is_split(&tree, 2));
    tree_remove(&tree, "/proc/4711");
    CHECK_INT(split(&tree, 4, ""), 0);
    CHECK(is_split(&tree, 4));
}

TEST(a_partition_that_the_host_uses_itself_keeps_its_card_as_it_is)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    REQUIRE(split(&tree, 2, "") == 0);
    tree_link(&tree, "../../drivers/bochs-drm", "/sys/bus/pci/devices/0000:01:10.1/driver");
    tree_remove(&tree, "/sys/bus/pci/devices/0000:01:10.1/vfio-dev");
    tree_link(&tree, "../../devices/pci0000:00/0000:01:10.1/net/eth3", "/sys/class/net/eth3");
    tree_file(&tree, "0x1003\n", "/sys/devices/pci0000:00/0000:01:10.1/net/eth3/flags");
    int writes = tree.writes;
    CHECK_INT(split(&tree, 2, "uses its partition 0000:01:10.1: its network interface eth3 is up"),
              -EBUSY);
    CHECK_INT(split(&tree, 4, "the host uses its partition"), -EBUSY);
    CHECK_INT(split(&tree, 0, "the host uses its partition"), -EBUSY);
    CHECK_INT(tree.writes, writes);
    tree_file(&tree, "0x1002\n", "/sys/devices/pci0000:00/0000:01:10.1/net/eth3/flags");
    CHECK_INT(split(&tree, 2, ""), 0);
    CHECK(is_split(&tree, 2));
}

TEST(a_card_takes_so_many_partitions_and_no_more)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    CHECK_INT(split(&tree, 5, "takes 0 to 4 partitions, not 5"), -ERANGE);
    tree_remove(&tree, "/sys/bus/pci/devices/0000:01:00.0/sriov_totalvfs");
    CHECK_INT(split(&tree, 1, "has no SR-IOV"), -ERANGE);
    CHECK_INT(tree.writes, 0);
}

TEST(a_card_that_was_dismounted_whole_is_its_drivers_again_when_it_is_divided)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err;
    begin(&tree);
    REQUIRE(host_gpu_dismount(&tree.config, display, false, &err) == 0);
    CHECK_INT(split(&tree, 2, ""), 0);
    CHECK_DRIVER(&tree, "0000:01:00.0", "bochs-drm");
    CHECK(is_split(&tree, 2));
    CHECK_INT(host_gpu_dismount(&tree.config, display, true, &err), -EPERM);
    CHECK_HAS(err.text, "cannot be had whole");
}

TEST(if_a_partition_cannot_be_bound_none_is_left)
{
    CLEANUP(tree_done) struct tree tree;
    begin(&tree);
    (void)snprintf(tree.vfio_refuses, sizeof(tree.vfio_refuses), "0000:01:10.1");
    CHECK_INT(split(&tree, 2, "did not give 0000:01:10.1 to vfio-pci"), -EIO);
    CHECK(is_split(&tree, 0));
    tree.vfio_refuses[0] = '\0';
    tree.vfs_made = 1;
    CHECK_INT(split(&tree, 3, "made 2 virtual functions of 0000:01:00.0, not 3"), -EIO);
    CHECK(is_split(&tree, 0));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who of the host uses a card. What goes along with one: host_companions.c. */
#include "host_tree.h"

TEST(what_the_host_does_with_a_card_is_said_by_name)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "", "/sys/bus/pci/devices/0000:01:00.0/drm/card0/x");
    tree_file(&tree, "Xorg\n", "/proc/812/comm");
    tree_link(&tree, "/dev/dri/card01", "/proc/812/fd/3");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "host-driver", "");
    tree_link(&tree, "/dev/dri/card0", "/proc/812/fd/4");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use",
                  "process 812 (Xorg) has /dev/dri/card0 open: end that, or `berth gpu dismount "
                  "node1 0000:01:00.0 --force`");
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:01:00.0/driver");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "assignable", "");
}

TEST(the_nvidia_drivers_minor_and_the_sound_of_a_companion_count_as_use)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "Model: \t GA100\nDevice Minor: \t 3\n",
              "/proc/driver/nvidia/gpus/0000:01:00.0/information");
    tree_file(&tree, "python3\n", "/proc/77/comm");
    tree_link(&tree, "/dev/nvidia3", "/proc/77/fd/9");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use", "process 77 (python3)");
    tree_add_radeon(&tree);
    tree_file(&tree, "", "/sys/bus/pci/devices/0000:03:00.1/sound/card1/x");
    tree_link(&tree, "/dev/snd/pcmC1D0p", "/proc/77/fd/10");
    CHECK_VERDICT(tree_gpu(&tree, "0000:03:00.0"), "in-use", "/dev/snd/pcmC1D0p");
}

TEST(a_process_with_a_device_file_of_an_adapter_or_accelerator_uses_it)
{
    static const char *const files[][2] = {{"infiniband_verbs/uverbs0", "/dev/infiniband/uverbs0"},
                                           {"infiniband_mad/umad1", "/dev/infiniband/umad1"},
                                           {"habanalabs/hl0", "/dev/hl0"},
                                           {"uio/uio2", "/dev/uio2"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(tree_done) struct tree tree;
        tree_begin(&tree);
        tree_add(&tree, "0000:41:00.0",
                 &(struct tree_card){NULL, "15b3 101b 15b3 0007 020700", "mlx5_core", "flr", 14});
        tree_file(&tree, "", "/sys/bus/pci/devices/0000:41:00.0/%s/x", files[i][0]);
        CHECK_VERDICT(tree_gpu(&tree, "0000:41:00.0"), "host-driver", "mlx5_core");
        tree_file(&tree, "ib_write_bw\n", "/proc/78/comm");
        tree_link(&tree, files[i][1], "/proc/78/fd/3");
        CHECK_VERDICT(tree_gpu(&tree, "0000:41:00.0"), "in-use", files[i][1]);
    }
}

TEST(a_console_or_boot_display_is_in_use_but_not_a_vga_card_without_a_driver)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_add_radeon(&tree);
    tree_file(&tree, "1\n", "/sys/bus/pci/devices/0000:03:00.0/boot_vga");
    struct gpu gpu = tree_gpu(&tree, "0000:03:00.0");
    CHECK(gpu.is_boot_display);
    CHECK_VERDICT(gpu, "host-driver", "no driver");
    tree_file(&tree, "", "/sys/bus/pci/devices/0000:01:00.0/graphics/fb0/x");
    tree_file(&tree, "(M) frame buffer device\n", "/sys/class/vtconsole/vtcon1/name");
    tree_file(&tree, "0\n", "/sys/class/vtconsole/vtcon1/bind");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "host-driver", "");
    tree_file(&tree, "1\n", "/sys/class/vtconsole/vtcon1/bind");
    CHECK_VERDICT(tree_gpu(&tree, "0000:01:00.0"), "in-use", "shows the host's console");
    CHECK_VERDICT(tree_gpu(&tree, "0000:03:00.0"), "in-use", "boot display");
}

TEST(a_listed_disk_is_in_use_while_mounted_and_a_listed_interface_while_up)
{
    CLEANUP(tree_done) struct tree tree;
    static const char ids_nvme[] = "1b36 0010 1af4 1100 010802";
    tree_begin(&tree);
    tree_add(&tree, "0000:04:00.0", &(struct tree_card){NULL, ids_nvme, "nvme", "flr", 14});
    tree_link(&tree, "../../devices/pci0000:00/0000:04:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
              "/sys/class/block/nvme0n1p1");
    tree_file(&tree, "259:1\n",
              "/sys/devices/pci0000:00/0000:04:00.0/nvme/nvme0/nvme0n1/nvme0n1p1/dev");
    tree_file(&tree, "36 35 259:1 / /srv rw shared:1 - ext4 /dev/nvme0n1p1 rw\n",
              "/proc/self/mountinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "nvme0n1p1 is mounted on /srv");
    tree_file(&tree, "36 35 259:11 / /srv rw - ext4 /dev/other rw\n", "/proc/self/mountinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "host-driver", "nvme");
    tree_link(&tree, "../../devices/pci0000:00/0000:04:00.0/net/eth3", "/sys/class/net/eth3");
    tree_file(&tree, "0x1003\n", "/sys/devices/pci0000:00/0000:04:00.0/net/eth3/flags");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "interface eth3 is up");
}

/* The drive's name is its subsystem's: more than one controller could reach it. */
static void add_drive(struct tree *tree)
{
    static const char ids_nvme[] = "144d a80a 144d a801 010802";
    tree_add(tree, "0000:04:00.0", &(struct tree_card){NULL, ids_nvme, "nvme", "flr", 14});
    tree_add(tree, "0000:05:00.0", &(struct tree_card){NULL, ids_nvme, "nvme", "flr", 15});
    tree_link(tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1",
              "/sys/class/block/nvme0n1");
    tree_file(tree, "259:1\n", "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/dev");
    tree_link(tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0",
              "/sys/class/nvme-subsystem/nvme-subsys0");
    tree_link(tree, "../../../pci0000:00/0000:04:00.0/nvme/nvme0",
              "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0");
}

TEST(a_listed_drive_of_several_paths_is_in_use_by_whatever_of_the_host_has_it)
{
    CLEANUP(tree_done) struct tree tree;
    tree_begin(&tree);
    add_drive(&tree);
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "host-driver", "nvme");
    tree_file(&tree, "36 35 259:1 / /srv rw - xfs /dev/nvme0n1 rw\n", "/proc/self/mountinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "nvme0n1 is mounted on /srv");
    CHECK_VERDICT(tree_gpu(&tree, "0000:05:00.0"), "host-driver", "nvme");
    /* btrfs has a device number of its own, and may have other devices than it names there. */
    tree_file(&tree, "36 35 0:41 /@ /var rw - btrfs /dev/nvme0n1 rw\n", "/proc/self/mountinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "nvme0n1 is mounted on /var");
    tree_file(&tree, "36 35 0:41 /@ /var rw - btrfs /dev/nvme0n12 rw\n", "/proc/self/mountinfo");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "host-driver", "nvme");
    tree_file(&tree, "", "/sys/fs/btrfs/5d1c/devices/nvme0n1");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "part of a mounted btrfs");
    tree_remove(&tree, "/sys/fs/btrfs");
    tree_file(&tree, "S:disk/x\nE:ID_FS_TYPE=zfs_member\n", "/run/udev/data/b259:1");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "host-driver", "nvme");
    tree_file(&tree, "", "/sys/module/zfs/version");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "part of a ZFS pool");
    tree_remove(&tree, "/run/udev");
    tree_link(&tree, "/dev/nvme0n1", "/proc/800/fd/11");
    tree_file(&tree, "ceph-osd\n", "/proc/800/comm");
    CHECK_VERDICT(tree_gpu(&tree, "0000:04:00.0"), "in-use", "(ceph-osd) has /dev/nvme0n1 open");
}

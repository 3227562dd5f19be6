/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/binding.h"
#include "host_tree.h"

static const struct pci_address display = {0, 1, 0, 0}, radeon = {0, 3, 0, 0};

static struct gpu read_gpu(struct tree *tree, struct pci_address address)
{
    struct gpu gpu = {0};
    struct error err;
    REQUIRE(host_gpu_read(&tree->config, address, &gpu, &err) == 0);
    return gpu;
}

TEST(a_dismounted_card_is_assignable_and_a_mounted_one_is_the_hosts_again)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), 0);
    CHECK_DRIVER(&tree, "0000:01:00.0", "vfio-pci");
    struct gpu gpu = read_gpu(&tree, display);
    CHECK_STR(gpu_verdict_name(gpu.verdict), "assignable");
    CHECK(gpu.is_overridden);
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), 0);
    CHECK_DRIVER(&tree, "0000:01:00.0", "bochs-drm");
    gpu = read_gpu(&tree, display);
    CHECK_STR(gpu_verdict_name(gpu.verdict), "host-driver");
    CHECK(!gpu.is_overridden);
}

TEST(what_is_done_already_is_not_done_again)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), 0);
    CHECK_INT(tree.writes, 0);
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), 0);
    CHECK_INT(tree.writes, 3);
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), 0);
    CHECK_INT(tree.writes, 3);
}

TEST(a_card_bound_to_vfio_without_an_override_gets_one_and_is_not_rebound)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_link(&tree, "../../drivers/vfio-pci", "/sys/bus/pci/devices/0000:01:00.0/driver");
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), 0);
    CHECK_INT(tree.writes, 1);
    CHECK(read_gpu(&tree, display).is_overridden);
}

TEST(companions_go_and_come_back_with_their_card)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_radeon(&tree);
    CHECK_INT(host_gpu_dismount(&tree.config, radeon, false, &err), 0);
    CHECK_DRIVER(&tree, "0000:03:00.0", "vfio-pci");
    CHECK_DRIVER(&tree, "0000:03:00.1", "vfio-pci");
    CHECK_STR(gpu_verdict_name(read_gpu(&tree, radeon).verdict), "assignable");
    CHECK_INT(host_gpu_mount(&tree.config, radeon, &err), 0);
    CHECK_DRIVER(&tree, "0000:03:00.0", "");
    CHECK_DRIVER(&tree, "0000:03:00.1", "snd_hda_intel");
}

TEST(a_companion_that_cannot_be_taken_puts_all_of_them_back)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_radeon(&tree);
    (void)snprintf(tree.vfio_refuses, sizeof(tree.vfio_refuses), "0000:03:00.1");
    CHECK_INT(host_gpu_dismount(&tree.config, radeon, false, &err), -EIO);
    CHECK_HAS(err.text, "did not give 0000:03:00.1 to vfio-pci; no driver has it now");
    CHECK_DRIVER(&tree, "0000:03:00.0", "");
    CHECK_DRIVER(&tree, "0000:03:00.1", "snd_hda_intel");
    CHECK(!read_gpu(&tree, radeon).is_overridden);
}

TEST(a_driver_that_does_not_let_go_keeps_the_card_and_its_override_is_cleared)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    (void)snprintf(tree.unbind_fails, sizeof(tree.unbind_fails), "0000:01:00.0");
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), -EIO);
    CHECK_HAS(err.text, "the driver bochs-drm does not let go of 0000:01:00.0");
    CHECK_DRIVER(&tree, "0000:01:00.0", "bochs-drm");
    CHECK(!read_gpu(&tree, display).is_overridden);
}

TEST(a_card_in_use_is_taken_by_force_only)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_file(&tree, "", "/sys/bus/pci/devices/0000:01:00.0/drm/card0/x");
    tree_file(&tree, "Xorg\n", "/proc/812/comm");
    tree_link(&tree, "/dev/dri/card0", "/proc/812/fd/4");
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), -EBUSY);
    CHECK_HAS(err.text, "process 812 (Xorg)");
    CHECK_INT(tree.writes, 0);
    CHECK_INT(host_gpu_dismount(&tree.config, display, true, &err), 0);
    CHECK_DRIVER(&tree, "0000:01:00.0", "vfio-pci");
}

TEST(force_goes_past_a_missing_reset_but_past_no_shared_group)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    const struct pci_address bare = {0, 0, 5, 0};
    tree_begin(&tree);
    tree_add(&tree, "0000:00:05.0", &(struct tree_card){NULL, ids_bochs, "bochs-drm", NULL, 5});
    CHECK_INT(host_gpu_dismount(&tree.config, bare, false, &err), -EPERM);
    CHECK_HAS(err.text, "cannot be reset");
    CHECK_INT(host_gpu_dismount(&tree.config, bare, true, &err), 0);
    CHECK_INT(host_gpu_mount(&tree.config, bare, &err), 0);
    tree_add(&tree, "0000:00:06.0", &(struct tree_card){NULL, ids_bochs, NULL, NULL, 5});
    CHECK_INT(host_gpu_dismount(&tree.config, bare, true, &err), -EPERM);
    CHECK_HAS(err.text, "shares IOMMU group 5 with 0000:00:06.0");
    CHECK_DRIVER(&tree, "0000:00:05.0", "bochs-drm");
}

TEST(a_card_that_a_vm_holds_is_not_given_back)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    REQUIRE(host_gpu_dismount(&tree.config, display, false, &err) == 0);
    tree_file(&tree, "qemu-system-x86\n", "/proc/4711/comm");
    tree_link(&tree, "/dev/vfio/11", "/proc/4711/fd/20");
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), -EBUSY);
    CHECK_HAS(err.text, "held by qemu-system-x86 (4711)");
    CHECK_DRIVER(&tree, "0000:01:00.0", "vfio-pci");
}

TEST(a_card_whose_id_vfio_was_told_to_take_cannot_be_given_back)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    tree_add_display(&tree);
    REQUIRE(host_gpu_dismount(&tree.config, display, false, &err) == 0);
    tree_file(&tree, "vfio-pci", "/sys/bus/pci/devices/0000:01:00.0/.native");
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), -EIO);
    CHECK_HAS(err.text, "vfio-pci.ids");
}

TEST(a_missing_module_is_loaded_and_if_that_fails_nothing_was_touched)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    char script[300];
    tree_begin(&tree);
    tree_add_display(&tree);
    tree_remove(&tree, "/sys/bus/pci/drivers/vfio-pci");
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), -ENOENT);
    CHECK_HAS(err.text, "the module vfio-pci cannot be loaded (/bin/false ended with 1)");
    CHECK_INT(tree.writes, 0);
    (void)snprintf(
        script, sizeof(script),
        "#!/bin/sh\n[ \"$*\" = '-q vfio-pci' ] && mkdir %s/sys/bus/pci/drivers/vfio-pci\n",
        tree.config.root);
    tree_file(&tree, script, "/modprobe");
    (void)snprintf(tree.config.modprobe, sizeof(tree.config.modprobe), "%s/modprobe",
                   tree.config.root);
    REQUIRE(chmod(tree.config.modprobe, 0700) == 0);
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), 0);
    (void)snprintf(tree.config.modprobe, sizeof(tree.config.modprobe), "/nonexistent/modprobe");
    tree_remove(&tree, "/sys/bus/pci/drivers/vfio-pci");
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), 0);
    CHECK_INT(host_gpu_dismount(&tree.config, display, false, &err), -ENOENT);
    CHECK_HAS(err.text, "cannot be run");
}

TEST(a_vanished_card_is_no_card)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    tree_begin(&tree);
    CHECK_INT(host_gpu_dismount(&tree.config, display, true, &err), -ENODEV);
    CHECK_INT(host_gpu_mount(&tree.config, display, &err), -ENODEV);
    CHECK_HAS(err.text, "no card at 0000:01:00.0");
}

/* ---- erasure between two VMs ---- */

/* As the host's own program, which says what it was given in "said". */
static void begin_erasure(struct tree *tree, const char *script)
{
    char text[512];
    tree_begin(tree);
    tree_add_display(tree);
    (void)snprintf(text, sizeof(text), "#!/bin/sh\necho $# $* > %s/said\n%s\n", tree->config.root,
                   script);
    tree_file(tree, text, "/wipe");
    struct host_eraser *eraser = &tree->config.erasers[tree->config.eraser_len++];
    (void)snprintf(eraser->name, sizeof(eraser->name), "wipe");
    (void)snprintf(eraser->program, sizeof(eraser->program), "%s/wipe", tree->config.root);
    REQUIRE(chmod(eraser->program, 0700) == 0);
}

TEST(a_device_is_erased_by_the_hosts_own_program_with_its_address)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    char said[64] = "";
    struct gpu_slot slot = {.address = display};
    begin_erasure(&tree, "");
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), 0);
    CHECK_INT(host_read(&tree.config, said, sizeof(said), "/said"), 0);
    CHECK_STR(said, "1 0000:01:00.0");
    strcpy(slot.partition, "0000:01:04.1");
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), 0);
    CHECK_INT(host_read(&tree.config, said, sizeof(said), "/said"), 0);
    CHECK_STR(said, "2 0000:01:00.0 0000:01:04.1");
}

TEST(a_program_that_does_not_erase_says_why)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    const struct gpu_slot slot = {.address = display};
    begin_erasure(&tree, "echo first >&2; echo the drive is locked >&2; exit 3");
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), -EIO);
    CHECK_HAS(err.text, "/wipe ended with 3: the drive is locked");
    CHECK_INT(host_erase(&tree.config, &slot, "rinse", &err), -ENOENT);
    CHECK_HAS(err.text, "erase_commands in this host's berth.conf has no \"rinse\"");
    REQUIRE(chmod(tree.config.erasers[0].program, 0722) == 0);
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), -EPERM);
    CHECK_HAS(err.text, "must be a file that only root can write to");
    tree_remove(&tree, "/wipe");
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), -ENOENT);
}

TEST(a_program_that_takes_too_long_is_killed_with_what_it_started)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    const struct gpu_slot slot = {.address = display};
    begin_erasure(&tree, "sleep 60");
    tree.config.erase_ms = 200;
    CHECK_INT(host_erase(&tree.config, &slot, "wipe", &err), -ETIMEDOUT);
    CHECK_HAS(err.text, "was killed");
}

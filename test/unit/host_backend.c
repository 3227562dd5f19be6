/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that VMs get by other drivers than vfio-pci. */
#include "host/binding.h"
#include "host_tree.h"
#include "model/division.h"
#include "model/gpu_device.h"

static const struct pci_address superchip = {9, 1, 0, 0}, card = {0, 0x18, 0, 0};

static struct gpu read_gpu(struct tree *tree, struct pci_address address)
{
    struct gpu gpu = {0};
    struct error err;
    REQUIRE(host_gpu_read(&tree->config, address, &gpu, &err) == 0);
    return gpu;
}

#define CHECK_BACKEND(gpu, backend_, verdict_)                                                     \
    do {                                                                                           \
        CHECK_STR(gpu_backend_name((gpu).backend), backend_);                                      \
        CHECK_STR(gpu_verdict_name((gpu).verdict), verdict_);                                      \
    } while (0)

/* ---- variants ---- */

/* A modprobe for 'module' alone, whose driver is 'driver'. */
static void provide(struct tree *tree, const char *module, const char *driver)
{
    char script[600];
    const char *root = tree->config.root;
    (void)snprintf(script, sizeof(script),
                   "#!/bin/sh\n[ \"$*\" = '-q %s' ] && mkdir -p %s/sys/bus/pci/drivers/%s "
                   "%s/sys/module/%s/drivers/pci:%s\n",
                   module, root, driver, root, module, driver);
    tree_file(tree, script, "/modprobe");
    (void)snprintf(tree->config.modprobe, sizeof(tree->config.modprobe), "%s/modprobe", root);
    REQUIRE(chmod(tree->config.modprobe, 0700) == 0);
}

/* A GPU whose memory plain vfio-pci does not show, on a kernel that has its variant. */
static void begin_superchip(struct tree *tree)
{
    tree_begin(tree);
    tree_add(tree, "0009:01:00.0",
             &(struct tree_card){"0009:00:00.0", "10de 2342 10de 16eb 030200", "nvidia", "flr", 3});
    tree_file(tree, "", "/sys/bus/pci/drivers/nvidia/bind");
    tree_file(tree, "pci:v000010DEd00002342sv000010DEsd000016EBbc03sc02i00\n",
              "/sys/bus/pci/devices/0009:01:00.0/modalias");
    tree_file(tree,
              "alias pci:v000010DEd00002342sv*sd*bc*sc*i* nvidia\n"
              "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
              "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n"
              "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci\n"
              "alias vfio_pci:v000010DEd*sv*sd*bc*sc*i* too_wide_vfio_pci\n",
              "/lib/modules/6.1.0-42-amd64/modules.alias");
}

TEST(a_card_goes_to_the_vfio_driver_that_is_made_for_it_and_comes_back)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_superchip(&tree);
    provide(&tree, "nvgrace_gpu_vfio_pci", "nvgrace-gpu-vfio-pci");
    CHECK_BACKEND(read_gpu(&tree, superchip), "none", "host-driver");
    CHECK_INT(host_gpu_dismount(&tree.config, superchip, false, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_DRIVER(&tree, "0009:01:00.0", "nvgrace-gpu-vfio-pci");
    struct gpu gpu = read_gpu(&tree, superchip);
    CHECK_BACKEND(gpu, "variant", "assignable");
    CHECK(gpu.is_overridden && gpu_is_dismounted(&gpu));
    int writes = tree.writes;
    CHECK_INT(host_gpu_dismount(&tree.config, superchip, false, &err), 0);
    CHECK_INT(tree.writes, writes);
    CHECK_INT(host_gpu_mount(&tree.config, superchip, &err), 0);
    CHECK_DRIVER(&tree, "0009:01:00.0", "nvidia");
    CHECK_BACKEND(read_gpu(&tree, superchip), "none", "host-driver");
}

TEST(a_variant_that_cannot_be_loaded_leaves_the_card_as_it_is)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_superchip(&tree);
    CHECK_INT(host_gpu_dismount(&tree.config, superchip, false, &err), -ENOENT);
    CHECK_HAS(err.text, "the module nvgrace_gpu_vfio_pci cannot be loaded");
    CHECK_INT(tree.writes, 0);
}

TEST(a_device_without_an_entry_of_its_own_goes_to_plain_vfio_pci)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_superchip(&tree);
    tree_file(&tree, "pci:v00001002d000074A1sv00001002sd000074A1bc12sc00i00\n",
              "/sys/bus/pci/devices/0009:01:00.0/modalias");
    CHECK_INT(host_gpu_dismount(&tree.config, superchip, false, &err), 0);
    CHECK_DRIVER(&tree, "0009:01:00.0", "vfio-pci");
    CHECK_BACKEND(read_gpu(&tree, superchip), "vfio", "assignable");
}

TEST(a_variant_that_was_bound_by_hand_is_kept)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_superchip(&tree);
    tree_link(&tree, "../../drivers/odd-vfio-pci", "/sys/bus/pci/devices/0009:01:00.0/driver");
    tree_file(&tree, "", "/sys/bus/pci/devices/0009:01:00.0/vfio-dev/vfio7/dev");
    CHECK_BACKEND(read_gpu(&tree, superchip), "variant", "assignable");
    CHECK_INT(host_gpu_dismount(&tree.config, superchip, false, &err), 0);
    CHECK_DRIVER(&tree, "0009:01:00.0", "odd-vfio-pci");
    CHECK_INT(tree.writes, 1); /* the override */
}

/* ---- vGPUs ---- */

/* A card with four virtual functions that its vendor's driver keeps; two of them have a type. */
static void begin_vgpus(struct tree *tree)
{
    static const char *const types[] = {"1121\n", "0\n", "1121\n", "0\n"};
    tree_begin(tree);
    tree_file(tree, "", "/sys/bus/pci/drivers/nvidia/bind");
    tree_add(tree, "0000:18:00.0",
             &(struct tree_card){"0000:00:01.0", "10de 2335 10de 18be 030200", "nvidia", "flr", 5});
    tree_file(tree, "16\n", "/sys/bus/pci/devices/0000:18:00.0/sriov_totalvfs");
    for (int i = 0; i < 4; i++) {
        char name[16], link[32];
        (void)snprintf(name, sizeof(name), "0000:18:00.%d", 4 + i);
        (void)snprintf(link, sizeof(link), "../%s", name);
        tree_add(tree, name,
                 &(struct tree_card){"0000:00:01.0", "10de 2335 10de 18be 030200", "nvidia", "flr",
                                     10 + i});
        tree_link(tree, "../0000:18:00.0", "/sys/bus/pci/devices/%s/physfn", name);
        tree_link(tree, link, "/sys/bus/pci/devices/0000:18:00.0/virtfn%d", i);
        tree_file(tree, types[i], "/sys/bus/pci/devices/%s/nvidia/current_vgpu_type", name);
        tree_file(tree,
                  types[i][0] == '0' ? "ID    : vGPU Name\n1121  : NVIDIA H200X-1-18C\n"
                                       "1132  : NVIDIA H200X-141C\n"
                                     : "ID    : vGPU Name\n",
                  "/sys/bus/pci/devices/%s/nvidia/creatable_vgpu_types", name);
    }
    /* The driver registers a vGPU with VFIO: it is no variant for that. */
    tree_file(tree, "", "/sys/bus/pci/devices/0000:18:00.4/vfio-dev/vfio0/dev");
}

TEST(virtual_functions_with_a_vgpu_type_are_partitions_and_the_others_are_room)
{
    CLEANUP(tree_done) struct tree tree;
    struct node_inventory inventory = {0};
    struct error err;
    begin_vgpus(&tree);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    REQUIRE(inventory.partitions.len == 4);
    VEC_EACH(&inventory.partitions, part) {
        struct gpu_device device;
        if (part->type[0] == '\0') {
            CHECK_BACKEND(*part, "none", "host-driver");
            continue;
        }
        CHECK_BACKEND(*part, "vendor", "assignable");
        CHECK_STR(part->type, "nvidia-1121");
        CHECK_STR(part->driver, "nvidia");
        REQUIRE(gpu_device_find(&inventory, &part->slot, &device));
        CHECK(gpu_device_is_dismounted(&device));
    }
    CHECK_STR(inventory.partitions.items[2].slot.partition, "0000:18:00.6");
    CHECK_STR(inventory.partitions.items[2].type, "nvidia-1121");
    const struct gpu *gpu = inventory.gpus.items;
    CHECK_BACKEND(*gpu, "none", "partitioned");
    REQUIRE(gpu->mdev_type_len == 2);
    CHECK_STR(gpu->mdev_types[0].id, "nvidia-1121");
    CHECK_STR(gpu->mdev_types[0].name, "NVIDIA H200X-1-18C");
    CHECK_INT(gpu->mdev_types[0].available, 2);
    host_inventory_done(&inventory);
    /* What would take it from its driver is not even named. */
    struct gpu typeless = read_gpu(&tree, (struct pci_address){0, 0x18, 0, 5});
    CHECK_BACKEND(typeless, "none", "host-driver");
    CHECK_HAS(typeless.verdict_detail, "it has no vGPU type");
    CHECK(!strstr(typeless.verdict_detail, "berth gpu"));
    /* Nor where the driver shows no types (yet). */
    tree_remove(&tree, "/sys/bus/pci/devices/0000:18:00.5/nvidia");
    typeless = read_gpu(&tree, (struct pci_address){0, 0x18, 0, 5});
    CHECK_HAS(typeless.verdict_detail, "it has no vGPU type");
}

TEST(nothing_that_berth_does_takes_a_vgpu_from_its_driver)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    for (uint32_t count = 0; count <= 4; count += 4) {
        CHECK_INT(host_gpu_split(&tree.config, card, count, &err), -EPERM);
        CHECK_HAS(err.text, "stay with their vendor's driver");
    }
    CHECK_INT(host_gpu_dismount(&tree.config, card, true, &err), -EPERM);
    CHECK_HAS(err.text, "it is partitioned");
    (void)host_gpu_mount(&tree.config, card, &err);
    CHECK_INT(tree.writes, 0);
    for (int i = 0; i < 4; i++) {
        tree_remove(&tree, "/sys/bus/pci/devices/0000:18:00.0/virtfn%d", i);
    }
    CHECK_INT(host_gpu_split(&tree.config, card, 4, &err), -EPERM); /* bare ones are of no use */
    CHECK_INT(tree.writes, 0);
}

/* ---- vGPUs that are made when a VM gets them ---- */

static const struct gpu_slot free_place = {{0, 0x18, 0, 0}, "0000:18:00.5"},
                             taken_place = {{0, 0x18, 0, 0}, "0000:18:00.4"};

static int64_t type_of(struct tree *tree, int function)
{
    return host_read_number(
        &tree->config, -1, "/sys/bus/pci/devices/0000:18:00.%d/nvidia/current_vgpu_type", function);
}

TEST(a_vgpu_is_made_new_each_time_and_cleared)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    tree.vgpus = 2;
    CHECK_INT(host_vgpu_make(&tree.config, &free_place, "nvidia-1132", &err), 0);
    CHECK_INT(type_of(&tree, 5), 1132);
    CHECK_INT(tree.writes, 1);
    /* What an earlier VM left in it goes first. */
    CHECK_INT(host_vgpu_make(&tree.config, &taken_place, "nvidia-1121", &err), 0);
    CHECK_INT(type_of(&tree, 4), 1121);
    CHECK_INT(tree.writes, 3);
    CHECK_INT(host_vgpu_clear(&tree.config, &free_place, &err), 0);
    CHECK_INT(host_vgpu_clear(&tree.config, &free_place, &err), 0);
    CHECK_INT(type_of(&tree, 5), 0);
    CHECK_INT(tree.writes, 4);
}

TEST(a_vgpu_that_the_driver_refuses_is_told_with_the_reason)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    tree.vgpus = tree.vgpus_max = 2;
    CHECK_INT(host_vgpu_make(&tree.config, &free_place, "nvidia-1121", &err), -ENOSPC);
    CHECK_STR(err.text, "the driver does not give 0000:18:00.5 the vGPU type 1121: No space left "
                        "on device");
    tree.vgpu_stays = true;
    CHECK_INT(host_vgpu_clear(&tree.config, &taken_place, &err), -EIO);
    CHECK_HAS(err.text, "does not clear the vGPU type of 0000:18:00.4");
    CHECK_INT(host_vgpu_make(&tree.config, &taken_place, "nvidia-1121", &err), -EIO);
    CHECK_INT(host_vgpu_make(&tree.config, &free_place, "vf", &err), -EINVAL);
    tree_remove(&tree, "/sys/bus/pci/devices/0000:18:00.5/nvidia");
    CHECK_INT(host_vgpu_make(&tree.config, &free_place, "nvidia-1121", &err), -ENODEV);
    CHECK_HAS(err.text, "is its vendor's driver loaded?");
}

static int divide(struct tree *tree, uint32_t count, const char *profile, struct error *err)
{
    struct dismount division = {.address = card, .partitions = count};
    strcpy(division.profile, profile);
    return host_vgpu_divide(&tree->config, &division, err);
}

TEST(a_card_is_divided_into_as_many_vgpus_as_it_was_seen_to_take)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    tree.vgpus = 2;
    tree.vgpus_max = 3;
    CHECK_INT(divide(&tree, 3, "nvidia-1121", &err), 0);
    for (int i = 4; i < 8; i++) {
        CHECK_INT(type_of(&tree, i), 0);
    }
    CHECK_INT(tree.vgpus, 0);
    CHECK_INT(divide(&tree, 4, "nvidia-1121", &err), -ENOSPC);
    CHECK_HAS(err.text, "0000:18:00.0 takes 3 of nvidia-1121, not 4: the driver does not give");
    CHECK_INT(tree.vgpus, 0);
    CHECK_INT(divide(&tree, 5, "nvidia-1121", &err), -ERANGE);
    CHECK_HAS(err.text, "has 4 virtual functions that take vGPU types, not 5");
}

TEST(a_card_is_divided_into_vgpus_of_several_sizes_if_it_takes_them)
{
    static const struct dismount division = {.address = {0, 0x18, 0, 0},
                                             .partitions = 2,
                                             .profile = "nvidia-1121",
                                             .more = {{"nvidia-1132", 1}},
                                             .more_len = 1};
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    tree.vgpus = 2;
    CHECK_INT(host_vgpu_divide(&tree.config, &division, &err), -EBUSY); /* 0000:18:00.6 is 1121 */
    CHECK_HAS(err.text, "0000:18:00.6 has the vGPU type nvidia-1121 already");
    tree_file(&tree, "0\n", "/sys/bus/pci/devices/0000:18:00.6/nvidia/current_vgpu_type");
    tree.vgpus = 1;
    tree.is_of_one_size = true;
    CHECK_INT(host_vgpu_divide(&tree.config, &division, &err), -EINVAL);
    CHECK_HAS(err.text, "0000:18:00.0 takes 2 vGPUs of nvidia-1121 (2), nvidia-1132 (1), not all, "
                        "and of nvidia-1132 0: ");
    CHECK_HAS(err.text, "mixed-size mode (nvidia-smi vgpu -shm 1 -i 0000:18:00.0)");
    CHECK_INT(tree.vgpus, 0);
    tree.is_of_one_size = false;
    CHECK_INT(host_vgpu_divide(&tree.config, &division, &err), 0);
    CHECK_STR(tree.vgpu_type, "1132"); /* the last one */
    CHECK_INT(tree.vgpus, 0);
}

TEST(what_another_one_made_of_a_card_is_not_cleared_for_a_division)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    begin_vgpus(&tree);
    CHECK_INT(divide(&tree, 2, "nvidia-1132", &err), -EBUSY);
    CHECK_HAS(err.text, "0000:18:00.4 has the vGPU type nvidia-1121 already");
    CHECK_INT(tree.writes, 0);
}

/* ---- mediated devices that are made when a VM gets them ---- */

/* Two virtual functions, each of which makes one, on a card that takes 'vgpus_max' of them. */
static void begin_mediated(struct tree *tree)
{
    tree_begin(tree);
    tree_add(tree, "0000:18:00.0",
             &(struct tree_card){"0000:00:01.0", "10de 20b5 10de 1533 030200", "nvidia", "flr", 5});
    tree_file(tree, "2\n", "/sys/bus/pci/devices/0000:18:00.0/sriov_totalvfs");
    for (int i = 0; i < 2; i++) {
        char name[16], link[32];
        (void)snprintf(name, sizeof(name), "0000:18:00.%d", 4 + i);
        (void)snprintf(link, sizeof(link), "../%s", name);
        tree_add(tree, name,
                 &(struct tree_card){"0000:00:01.0", "10de 20b5 10de 1533 030200", "nvidia", "flr",
                                     10 + i});
        tree_link(tree, "../0000:18:00.0", "/sys/bus/pci/devices/%s/physfn", name);
        tree_link(tree, link, "/sys/bus/pci/devices/0000:18:00.0/virtfn%d", i);
        tree_file(tree, "NVIDIA A100-20C\n",
                  "/sys/bus/pci/devices/%s/mdev_supported_types/nvidia-474/name", name);
        tree_file(tree, "1\n",
                  "/sys/bus/pci/devices/%s/mdev_supported_types/nvidia-474/available_instances",
                  name);
    }
}

TEST(mediated_devices_are_made_on_whatever_function_has_room_and_removed)
{
    CLEANUP(tree_done) struct tree tree;
    struct error err = {0};
    struct node_inventory inventory = {0};
    begin_mediated(&tree);
    CHECK_INT(divide(&tree, 2, "nvidia-474", &err), 0);
    CHECK_INT(tree.vgpus, 0);
    tree.vgpus_max = 1;
    CHECK_INT(divide(&tree, 2, "nvidia-474", &err), -ENOSPC);
    CHECK_HAS(err.text, "0000:18:00.0 takes 1 of nvidia-474, not 2");
    CHECK_INT(tree.vgpus, 0);
    const struct gpu_slot slot = division_mediated("node1", card, 1);
    CHECK_INT(host_vgpu_make(&tree.config, &slot, "nvidia-474", &err), 0);
    REQUIRE(host_inventory_read(&tree.config, &inventory, &err) == 0);
    REQUIRE(inventory.partitions.len == 1);
    CHECK(gpu_slot_equal(&inventory.partitions.items[0].slot, &slot));
    CHECK_STR(inventory.partitions.items[0].type, "nvidia-474");
    REQUIRE(inventory.gpus.items[0].mdev_type_len == 1);
    CHECK_STR(inventory.gpus.items[0].mdev_types[0].name, "NVIDIA A100-20C");
    CHECK_INT(inventory.gpus.items[0].mdev_types[0].available, 1);
    host_inventory_done(&inventory);
    CHECK_INT(host_vgpu_make(&tree.config, &slot, "nvidia-474", &err), 0); /* again: a new one */
    CHECK_INT(tree.vgpus, 1);
    CHECK_INT(host_vgpu_clear(&tree.config, &slot, &err), 0);
    CHECK_INT(host_vgpu_clear(&tree.config, &slot, &err), 0);
    CHECK_INT(tree.vgpus, 0);
}

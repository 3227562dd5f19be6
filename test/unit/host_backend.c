/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that VMs get by other drivers than vfio-pci. */
#include "host/binding.h"
#include "host_tree.h"
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
    REQUIRE(inventory.partitions.len == 2);
    VEC_EACH(&inventory.partitions, part) {
        struct gpu_device device;
        CHECK_BACKEND(*part, "vendor", "assignable");
        CHECK_STR(part->type, "nvidia-1121");
        CHECK_STR(part->driver, "nvidia");
        REQUIRE(gpu_device_find(&inventory, &part->slot, &device));
        CHECK(gpu_device_is_dismounted(&device));
    }
    CHECK_STR(inventory.partitions.items[1].slot.partition, "0000:18:00.6");
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

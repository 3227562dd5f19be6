/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A made-up /sys and /proc in a temporary folder, and a kernel for it that binds and unbinds
 * drivers when the code under test writes there. Layout as in Linux 6.1: /sys/bus/pci/devices/X is
 * a link to /sys/devices/pci0000:00/BRIDGE/X.
 */
#pragma once

#include "test/test.h"

#include "base/cleanup.h"
#include "host/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
    struct host_config config;
    /* Faults of the kernel. */
    char vfio_refuses[16]; /* vfio-pci does not take this function */
    char unbind_fails[16]; /* -EIO */
    char unbind_hangs[16]; /* until tree_unhang() */
    int vfs_made;          /* so many virtual functions less than ordered */
    int vgpus_max;         /* so many vGPUs at a time, of all cards; 0: as many as are wanted */
    int vgpus;             /* ... are there, or were when the test began to count */
    bool is_of_one_size;   /* ... all of the type of the first */
    char vgpu_type[16];
    bool vgpu_stays; /* the driver says that it cleared one, and did not */
    bool is_real;    /* no one plays the kernel: writes go to the files themselves */
    int writes;
};

PRINTF_LIKE(4, 0)
static inline void tree_path(const struct tree *tree, char *ret, size_t size, const char *format,
                             va_list args)
{
    int root = snprintf(ret, size, "%s", tree->config.root);
    (void)vsnprintf(ret + root, size - (size_t)root, format, args);
}

static inline void tree_make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

/* Writes 'text' into the file of that path, with its folders. */
PRINTF_LIKE(3, 4)
static inline void tree_file(struct tree *tree, const char *text, const char *format, ...)
{
    char path[512];
    va_list args;
    va_start(args, format);
    tree_path(tree, path, sizeof(path), format, args);
    va_end(args);
    tree_make_folders(path);
    FILE *file = fopen(path, "we");
    REQUIRE(file);
    REQUIRE(fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Bytes instead of text. */
static inline void tree_bytes(struct tree *tree, const char *path, const void *bytes, size_t size)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s%s", tree->config.root, path);
    tree_make_folders(full);
    FILE *file = fopen(full, "we");
    REQUIRE(file);
    REQUIRE(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

PRINTF_LIKE(3, 4)
static inline void tree_link(struct tree *tree, const char *target, const char *format, ...)
{
    char path[512];
    va_list args;
    va_start(args, format);
    tree_path(tree, path, sizeof(path), format, args);
    va_end(args);
    tree_make_folders(path);
    (void)unlink(path);
    REQUIRE(symlink(target, path) == 0);
}

PRINTF_LIKE(2, 3)
static inline void tree_remove(struct tree *tree, const char *format, ...)
{
    char path[512], command[600];
    va_list args;
    va_start(args, format);
    tree_path(tree, path, sizeof(path), format, args);
    va_end(args);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", path);
    (void)!system(command); /* a test may */
}

static inline bool tree_read(const char *path, char *ret, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(ret, 1, size - 1, file) : 0;
    ret[got] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    if (file) {
        (void)fclose(file);
    }
    return file != NULL;
}

/* A function as a host's driver has it, alone in its group behind a root port. */
struct tree_card {
    const char *bridge; /* its parent; NULL: on the root bus */
    const char *ids;    /* "vendor device subvendor subdevice class" in hex */
    const char *driver; /* the one that wants it; NULL none */
    const char *reset;  /* content of reset_method; NULL: no such file */
    int group;          /* -1 none */
};

static inline void tree_add(struct tree *tree, const char *name, const struct tree_card *card)
{
    char folder[128], target[160], id[5][16];
    REQUIRE(sscanf(card->ids, "%15s %15s %15s %15s %15s", id[0], id[1], id[2], id[3], id[4]) == 5);
    (void)snprintf(folder, sizeof(folder), "/sys/devices/pci0000:00%s%s/%s",
                   card->bridge ? "/" : "", card->bridge ? card->bridge : "", name);
    static const char *const files[] = {"vendor", "device", "subsystem_vendor", "subsystem_device",
                                        "class"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "0x%s\n", id[i]);
        tree_file(tree, text, "%s/%s", folder, files[i]);
    }
    (void)snprintf(target, sizeof(target), "../../../%s", folder + strlen("/sys/"));
    tree_link(tree, target, "/sys/bus/pci/devices/%s", name);
    tree_file(tree, "(null)\n", "%s/driver_override", folder);
    tree_file(tree, "-1\n", "%s/numa_node", folder);
    if (card->reset) {
        tree_file(tree, card->reset, "%s/reset_method", folder);
    }
    if (card->driver) {
        char driver[64];
        (void)snprintf(driver, sizeof(driver), "../../drivers/%s", card->driver);
        tree_link(tree, driver, "%s/driver", folder);
        tree_file(tree, card->driver, "%s/.native", folder);
    }
    if (card->group >= 0) {
        char group[64];
        (void)snprintf(group, sizeof(group), "../../kernel/iommu_groups/%d", card->group);
        tree_link(tree, group, "%s/iommu_group", folder);
        tree_file(tree, "", "/sys/kernel/iommu_groups/%d/devices/%s", card->group, name);
        tree_file(tree, "0x00000000fee00000 0x00000000feefffff msi\n",
                  "/sys/kernel/iommu_groups/%d/reserved_regions", card->group);
    }
    tree_file(tree,
              "0x00000000f0000000 0x00000000f0ffffff 0x0000000000042208\n"
              "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
              "0x00000000f1000000 0x00000000f1000fff 0x0000000000040200\n",
              "%s/resource", folder);
}

/* ---- the kernel ---- */

/* The function whose file 'path' is, if it is that one. */
static inline bool tree_is_file(const char *path, const char *file, char *ret_name)
{
    const char *at = strstr(path, "/sys/bus/pci/devices/");
    if (!at || sscanf(at, "/sys/bus/pci/devices/%12s/", ret_name) != 1) {
        return false;
    }
    size_t len = strlen(path), tail = strlen(file);
    return len > tail && strcmp(path + len - tail, file) == 0;
}

static inline void tree_bind(struct tree *tree, const char *name)
{
    char path[512], override[64], native[64], target[96];
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver_override",
                   tree->config.root, name);
    (void)tree_read(path, override, sizeof(override));
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/.native", tree->config.root,
                   name);
    (void)tree_read(path, native, sizeof(native));
    bool is_chosen = override[0] && strcmp(override, "(null)") != 0;
    const char *driver = is_chosen ? override : native;
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s", tree->config.root, driver);
    if (!driver[0] || (is_chosen && strcmp(tree->vfio_refuses, name) == 0) ||
        access(path, F_OK) < 0) {
        return;
    }
    (void)snprintf(target, sizeof(target), "../../drivers/%s", driver);
    tree_link(tree, target, "/sys/bus/pci/devices/%s/driver", name);
    if (strstr(driver, "vfio")) {
        tree_file(tree, "510:0\n", "/sys/bus/pci/devices/%s/vfio-dev/vfio0/dev", name);
    }
}

/* Lets helper processes know of the faults. */
static inline void tree_publish(const struct tree *tree)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/faults", tree->config.root);
    FILE *file = fopen(path, "we");
    REQUIRE(file);
    REQUIRE(fwrite(tree, sizeof(*tree), 1, file) == 1 && fclose(file) == 0);
}

/* Waits, as a write into a hanging driver's file does, until tree_unhang(). */
static inline void tree_hang(const struct tree *tree)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/hang", tree->config.root);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)fd; /* to have opened it is all */
}

/* Waits until something hangs there, and lets it go on; nothing hangs any more. */
static inline void tree_unhang(struct tree *tree)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/hang", tree->config.root);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    tree->unbind_hangs[0] = '\0';
    tree_publish(tree);
}

/* The virtual functions of the card: 10.0, 10.1 and so on of its bus, each in a group of its own. A
 * driver of the host takes each that is made, unless it is told not to. */
static inline int tree_make_functions(struct tree *tree, const char *card, int count)
{
    char path[512], autoprobe[8], name[16], link[64];
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/sriov_drivers_autoprobe",
                   tree->config.root, card);
    bool is_auto = tree_read(path, autoprobe, sizeof(autoprobe)) && autoprobe[0] == '1';
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/virtfn0", tree->config.root,
                   card);
    if (count > 0 && access(path, F_OK) == 0) {
        return -EBUSY; /* as Linux has it: through 0 only */
    }
    for (int i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "%.8s10.%d", card, i);
        tree_remove(tree, "/sys/bus/pci/devices/%s/virtfn%d", card, i);
        tree_remove(tree, "/sys/bus/pci/devices/%s", name);
        tree_remove(tree, "/sys/devices/pci0000:00/%s", name);
    }
    for (int i = 0; i < count - tree->vfs_made; i++) {
        (void)snprintf(name, sizeof(name), "%.8s10.%d", card, i);
        tree_add(tree, name,
                 &(struct tree_card){NULL, "1234 1111 1af4 1100 038000",
                                     is_auto ? "bochs-drm" : NULL, "flr", 60 + i});
        (void)snprintf(link, sizeof(link), "../%s", card);
        tree_link(tree, link, "/sys/bus/pci/devices/%s/physfn", name);
        (void)snprintf(link, sizeof(link), "../%s", name);
        tree_link(tree, link, "/sys/bus/pci/devices/%s/virtfn%d", card, i);
    }
    return 0;
}

/* A vGPU that a driver makes of a virtual function: the type is all that there is to see. */
static inline int tree_give_type(struct tree *tree, const char *name, const char *text)
{
    bool is_made = strcmp(text, "0") != 0;
    if (is_made && tree->vgpus_max > 0 && tree->vgpus == tree->vgpus_max) {
        return -ENOSPC;
    }
    if (is_made && tree->is_of_one_size && tree->vgpus > 0 && strcmp(tree->vgpu_type, text) != 0) {
        return -EINVAL;
    }
    if (is_made) {
        (void)snprintf(tree->vgpu_type, sizeof(tree->vgpu_type), "%s", text);
    }
    tree->vgpus += is_made ? 1 : -1;
    if (is_made || !tree->vgpu_stays) {
        tree_file(tree, text, "/sys/bus/pci/devices/%s/nvidia/current_vgpu_type", name);
    }
    return 0;
}

/* Each parent has room for one of the type. */
static inline int tree_make_mediated(struct tree *tree, const char *path, const char *uuid)
{
    char name[16], type[64], target[128];
    const char *at = strstr(path, "/sys/bus/pci/devices/");
    if (sscanf(at, "/sys/bus/pci/devices/%12s/mdev_supported_types/%63[^/]/", name, type) != 2 ||
        (tree->vgpus_max > 0 && tree->vgpus == tree->vgpus_max)) {
        return -ENOSPC;
    }
    tree->vgpus++;
    (void)snprintf(target, sizeof(target), "../../../pci/devices/%s", name);
    tree_file(tree, type, "/sys/bus/mdev/devices/%s/type", uuid);
    tree_link(tree, target, "/sys/bus/mdev/devices/%s/parent", uuid);
    tree_file(tree, "", "/sys/bus/pci/devices/%s/mdev_supported_types/%s/devices/%s/x", name, type,
              uuid);
    tree_file(tree, "0\n", "/sys/bus/pci/devices/%s/mdev_supported_types/%s/available_instances",
              name, type);
    return 0;
}

static inline int tree_remove_mediated(struct tree *tree, const char *path)
{
    char uuid[64], full[512], type[64], parent[128] = "";
    (void)sscanf(strstr(path, "/sys/bus/mdev/"), "/sys/bus/mdev/devices/%63[^/]/", uuid);
    (void)snprintf(full, sizeof(full), "%s/sys/bus/mdev/devices/%s/type", tree->config.root, uuid);
    (void)tree_read(full, type, sizeof(type));
    (void)snprintf(full, sizeof(full), "%s/sys/bus/mdev/devices/%s/parent", tree->config.root,
                   uuid);
    (void)!readlink(full, parent, sizeof(parent) - 1);
    const char *name = strrchr(parent, '/');
    REQUIRE(name);
    tree_remove(tree, "/sys/bus/mdev/devices/%s", uuid);
    tree_remove(tree, "/sys/bus/pci/devices%s/mdev_supported_types/%s/devices/%s", name, type,
                uuid);
    tree_file(tree, "1\n", "/sys/bus/pci/devices%s/mdev_supported_types/%s/available_instances",
              name, type);
    tree->vgpus--;
    return 0;
}

static inline int tree_take_write(struct tree *tree, const char *path, const char *text)
{
    char name[16] = "";
    tree->writes++;
    if (tree_is_file(path, "/driver_override", name)) {
        tree_file(tree, strcmp(text, "\n") == 0 ? "(null)\n" : text,
                  "/sys/bus/pci/devices/%s/driver_override", name);
        return 0;
    }
    if (tree_is_file(path, "/driver/unbind", name)) {
        if (strcmp(tree->unbind_hangs, name) == 0) {
            tree_hang(tree);
        }
        if (strcmp(tree->unbind_fails, name) == 0) {
            return -EIO;
        }
        tree_remove(tree, "/sys/bus/pci/devices/%s/driver", name);
        tree_remove(tree, "/sys/bus/pci/devices/%s/vfio-dev", name);
        return 0;
    }
    if (tree_is_file(path, "/sriov_drivers_autoprobe", name)) {
        tree_file(tree, text, "/sys/bus/pci/devices/%s/sriov_drivers_autoprobe", name);
        return 0;
    }
    if (tree_is_file(path, "/sriov_numvfs", name)) {
        return tree_make_functions(tree, name, atoi(text));
    }
    if (tree_is_file(path, "/nvidia/current_vgpu_type", name)) {
        return tree_give_type(tree, name, text);
    }
    if (tree_is_file(path, "/create", name)) {
        return tree_make_mediated(tree, path, text);
    }
    if (strstr(path, "/sys/bus/mdev/devices/")) {
        return tree_remove_mediated(tree, path);
    }
    if (strstr(path, "/sys/bus/pci/drivers_probe")) {
        tree_bind(tree, text);
        return 0;
    }
    return -ENOENT;
}

static inline int tree_write(void *userdata, const char *path, const char *text)
{
    return tree_take_write(userdata, path, text);
}

/* ---- the same in a helper process ---- */

/* 'path' tells which tree it is. */
static inline int tree_write_of_helper(void *userdata, const char *path, const char *text)
{
    struct tree tree;
    char faults[512];
    (void)userdata;
    (void)snprintf(faults, sizeof(faults), "%.*s/faults", (int)(strstr(path, "/sys/") - path),
                   path);
    FILE *file = fopen(faults, "re");
    if (!file || fread(&tree, sizeof(tree), 1, file) != 1 || fclose(file) != 0) {
        return -EIO;
    }
    return tree.is_real ? kernel_write_file(path, text) : tree_take_write(&tree, path, text);
}

/* ---- a host with an IOMMU and vfio-pci, no cards ---- */

static inline void tree_begin(struct tree *tree)
{
    *tree = (struct tree){.config = host_config_default};
    (void)snprintf(tree->config.root, sizeof(tree->config.root), "/tmp/berth-host-XXXXXX");
    REQUIRE(mkdtemp(tree->config.root));
    (void)snprintf(tree->config.node, sizeof(tree->config.node), "node1");
    (void)snprintf(tree->config.modprobe, sizeof(tree->config.modprobe), "/bin/false");
    tree->config.kernel = (struct host_kernel){tree_write, tree};
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/hang", tree->config.root);
    REQUIRE(mkfifo(path, 0600) == 0);
    (void)snprintf(tree->config.lock_directory, sizeof(tree->config.lock_directory), "%s",
                   tree->config.root);
    tree_file(tree, "6.1.0-42-amd64\n", "/proc/sys/kernel/osrelease");
    tree_file(tree, "4dd0a2f0-0000-4000-8000-000000000001\n", "/proc/sys/kernel/random/boot_id");
    tree_file(tree,
              "MemTotal:        8388608 kB\nMemFree: 1 kB\nHugePages_Total:       4\n"
              "HugePages_Free:        3\n",
              "/proc/meminfo");
    tree_file(tree, "vendor_id\t: GenuineIntel\n", "/proc/cpuinfo");
    tree_file(tree, "BOOT_IMAGE=/vmlinuz intel_iommu=on quiet\n", "/proc/cmdline");
    tree_file(tree, "  24:  0  0  IR-PCI-MSI 1-edge  nvme\n", "/proc/interrupts");
    tree_file(tree, "0-3,6\n", "/sys/devices/system/cpu/online");
    tree_file(tree, "", "/sys/class/iommu/dmar0/x");
    tree_file(tree, "", "/sys/firmware/acpi/tables/DMAR");
    tree_file(tree, "", "/sys/kernel/iommu_groups/0/devices/0000:00:00.0");
    tree_file(tree, "", "/sys/bus/pci/drivers/vfio-pci/x");
    tree_file(tree, "", "/sys/bus/pci/drivers/bochs-drm/x");
    tree_file(tree, "", "/sys/bus/pci/drivers/snd_hda_intel/x");
    tree_file(tree, "", "/dev/kvm");
}

static inline void tree_done(struct tree *tree)
{
    tree_remove(tree, "%s", "");
}

/* The bochs-display of the lab, and what else the tests build on. */
static const char ids_bochs[] = "1234 1111 1af4 1100 038000";
static const char ids_root_port[] = "1b36 000c 0000 0000 060400";
static const char ids_pci_bridge[] = "1b36 000e 0000 0000 060400";

static inline void tree_add_display(struct tree *tree)
{
    tree_add(tree, "0000:00:02.0", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 2});
    tree_add(tree, "0000:01:00.0",
             &(struct tree_card){"0000:00:02.0", ids_bochs, "bochs-drm", "bus\n", 11});
}

/* An old Radeon with a sound function in the same slot and group; neither has a reset of its own.
 */
static inline void tree_add_radeon(struct tree *tree)
{
    tree_add(tree, "0000:00:04.0", &(struct tree_card){NULL, ids_root_port, "pcieport", "pm", 4});
    tree_add(tree, "0000:03:00.0",
             &(struct tree_card){"0000:00:04.0", "1002 5046 1af4 1100 030000", NULL, NULL, 13});
    tree_add(tree, "0000:03:00.1",
             &(struct tree_card){"0000:00:04.0", "8086 2668 1af4 1100 040300", "snd_hda_intel",
                                 NULL, 13});
}

static inline void tree_driver(struct tree *tree, const char *name, char *ret, size_t size)
{
    char path[512], target[128] = "";
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", tree->config.root, name);
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    target[len < 0 ? 0 : len] = '\0';
    const char *slash = strrchr(target, '/');
    (void)snprintf(ret, size, "%s", slash ? slash + 1 : target);
}

#define CHECK_DRIVER(tree, name, want)                                                             \
    do {                                                                                           \
        char driver_[64];                                                                          \
        tree_driver(tree, name, driver_, sizeof(driver_));                                         \
        CHECK_STR(driver_, want);                                                                  \
    } while (0)

/* ---- what is read of it ---- */

static inline struct gpu tree_gpu(const struct tree *tree, const char *name)
{
    struct gpu gpu = {0};
    struct error err = {.text = "none"};
    struct pci_address address;
    REQUIRE(pci_address_parse(name, &address));
    if (host_gpu_read(&tree->config, address, &gpu, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.text);
        test_abandon();
    }
    return gpu;
}

#define CHECK_VERDICT(gpu, verdict_, part)                                                         \
    do {                                                                                           \
        CHECK_STR(gpu_verdict_name((gpu).verdict), verdict_);                                      \
        CHECK_HAS((gpu).verdict_detail, part);                                                     \
    } while (0)

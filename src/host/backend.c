/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which driver VMs get a function by: vfio-pci, the VFIO driver for its kind (a variant), or its
 * vendor's own, which makes a vGPU of a virtual function.
 */
#include "host/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { module_size = 64, vendor_nvidia = 0x10de };

#define DEVICE "/sys/bus/pci/devices/%s/"

static const char vfio_driver[] = "vfio-pci", vfio_module[] = "vfio_pci";

/* ---- vGPUs of virtual functions ---- */

bool backend_is_vendor(const struct host_config *config, const char *name)
{
    return host_exists(config, DEVICE "nvidia/current_vgpu_type", name);
}

bool backend_needs_types(const struct gpu *gpu)
{
    return gpu->vendor == vendor_nvidia && gpu_is_display(gpu);
}

/* "1121 : NVIDIA H200X-1-18C" below a heading. */
static void read_creatable(const struct host_config *config, const char *name, struct gpu *gpu)
{
    char path[96];
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), DEVICE "nvidia/creatable_vgpu_types", name);
    (void)host_read_all(config, &text, path);
    const char *line = buf_str(&text);
    while (line && *line && gpu->mdev_type_len < gpu_mdev_types_max) {
        struct gpu_mdev_type type = {.available = 1};
        unsigned number;
        if (sscanf(line, " %u : %47[^\n]", &number, type.name) == 2) {
            (void)snprintf(type.id, sizeof(type.id), "nvidia-%u", number);
            gpu->mdev_types[gpu->mdev_type_len++] = type;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

/* A function without a type takes one of those that the card has room for; one that has a type
 * takes no other before it has lost that. */
void backend_read_vendor(const struct host_config *config, const char *name, struct card *card)
{
    card->facts.is_vendor = backend_is_vendor(config, name);
    if (!card->facts.is_vendor) {
        return;
    }
    card->facts.vgpu_type = (uint32_t)MIN(
        MAX(host_read_number(config, 0, DEVICE "nvidia/current_vgpu_type", name), INT64_C(0)),
        (int64_t)UINT32_MAX);
    if (card->facts.vgpu_type > 0) {
        card->gpu.backend = GPU_BACKEND_VENDOR;
    } else {
        read_creatable(config, name, &card->gpu);
    }
}

/* ---- VFIO drivers ---- */

/* Whether its driver registered it with VFIO (from Linux 6.1 on); a vGPU is, by its vendor's. */
static bool is_vfio_device(const struct host_config *config, const char *name)
{
    host_entries_t devices = host_list(config, "/sys/bus/pci/devices/%s/vfio-dev", name);
    bool is_any = devices.len > 0;
    VEC_DONE(&devices);
    return is_any && !backend_is_vendor(config, name);
}

enum gpu_backend backend_of(const struct host_config *config, const char *name)
{
    char driver[gpu_driver_size];
    (void)host_link_name(config, driver, sizeof(driver), DEVICE "driver", name);
    return strcmp(driver, vfio_driver) == 0                    ? GPU_BACKEND_VFIO
           : driver[0] != '\0' && is_vfio_device(config, name) ? GPU_BACKEND_VARIANT
                                                               : GPU_BACKEND_NONE;
}

/* All drivers of VFIO have it in their names, and no other has. */
bool backend_is_overridden(const struct host_config *config, const char *name)
{
    char text[64];
    return host_read(config, text, sizeof(text), DEVICE "driver_override", name) == 0 &&
           strstr(text, "vfio");
}

/* Every star leaves something open: of two entries that fit, the one with fewer is closer. */
static size_t count_stars(const char *pattern)
{
    size_t count = 0;
    for (; *pattern; pattern++) {
        count += *pattern == '*';
    }
    return count;
}

/* Looks for "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci". */
static void find_module(FILE *aliases, const char *wanted, char *ret)
{
    char line[512], pattern[256], module[module_size];
    size_t best = SIZE_MAX;
    while (fgets(line, sizeof(line), aliases)) {
        if (sscanf(line, "alias vfio_pci:%255s %63s", pattern, module) == 2 &&
            fnmatch(pattern, wanted, 0) == 0 && count_stars(pattern) < best) {
            best = count_stars(pattern);
            (void)snprintf(ret, module_size, "%s", module);
        }
    }
}

/* The module of the VFIO driver for this function, as the kernel's build tells it. */
static void choose_module(const struct host_config *config, const char *name, char *ret)
{
    char modalias[128], release[64], path[2 * host_path_size];
    (void)snprintf(ret, module_size, "%s", vfio_module);
    if (host_read(config, modalias, sizeof(modalias), DEVICE "modalias", name) < 0 ||
        strncmp(modalias, "pci:", 4) != 0 ||
        host_read(config, release, sizeof(release), "/proc/sys/kernel/osrelease") < 0 ||
        !host_path(config, path, sizeof(path), "/lib/modules/%s/modules.alias", release)) {
        return;
    }
    FILE *aliases = fopen(path, "re");
    if (aliases) {
        find_module(aliases, modalias + 4, ret);
        (void)fclose(aliases);
    }
}

/* The PCI driver of a loaded module. False: it has none. */
static bool driver_of_module(const struct host_config *config, const char *module, char *ret)
{
    host_entries_t drivers = host_list(config, "/sys/module/%s/drivers", module);
    bool is_found = false;
    VEC_EACH(&drivers, each) {
        if (!is_found && strncmp(each->name, "pci:", 4) == 0) {
            is_found = copy_text(ret, gpu_driver_size, each->name + 4);
        }
    }
    VEC_DONE(&drivers);
    return is_found;
}

int backend_load_vfio(const struct host_config *config, struct error *err)
{
    if (host_exists(config, "/sys/bus/pci/drivers/%s", vfio_driver)) {
        return 0;
    }
    return kernel_load_module(config, vfio_driver, err);
}

int backend_driver(const struct host_config *config, const char *name, char *ret, struct error *err)
{
    char module[module_size];
    /* What was bound by hand stays. */
    if (backend_of(config, name) == GPU_BACKEND_VARIANT) {
        (void)host_link_name(config, ret, gpu_driver_size, DEVICE "driver", name);
        return 0;
    }
    choose_module(config, name, module);
    if (strcmp(module, vfio_module) == 0) {
        (void)snprintf(ret, gpu_driver_size, "%s", vfio_driver);
        return backend_load_vfio(config, err);
    }
    int result = host_exists(config, "/sys/module/%s/drivers", module)
                     ? 0
                     : kernel_load_module(config, module, err);
    if (result == 0 && !driver_of_module(config, module, ret)) {
        result = error_set(err, -ENOENT, "the module %s, made for %s, has no driver", module, name);
    }
    return result;
}

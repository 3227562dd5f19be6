/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and capabilities by libpci. It reports what it cannot bear (a damaged pci.ids, no memory)
 * by a function that must not return, so every call into it stands inside a guard that is jumped
 * out of; the card then simply has no name.
 */
#include "host/internal.h"

#include "base/parse.h"

#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct names {
    struct pci_access *access;
    bool is_broken; /* libpci gave up once: not asked again */
};

/* libpci's error function gets no argument of ours; each thread guards its own calls. */
static _Thread_local jmp_buf guard;

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(char *format, ...)
{
    (void)format;
    longjmp(guard, 1);
}

__attribute__((format(printf, 1, 2))) static void keep_silent(char *format, ...)
{
    (void)format;
}

static void names_begin(struct names *names, char *path)
{
    char key[] = "sysfs.path", cache_key[] = "net.cache_name", none[] = "";
    if (setjmp(guard) != 0) {
        names->is_broken = true;
        return;
    }
    names->access = pci_alloc();
    names->access->error = give_up;
    names->access->warning = keep_silent;
    names->access->method = PCI_ACCESS_SYS_BUS_PCI;
    (void)pci_set_param(names->access, key, path);
    /* Names that were once fetched from the network, in a file of the user's home: to find that it
     * asks getpwuid(), which no two threads may. */
    (void)pci_set_param(names->access, cache_key, none);
    pci_init(names->access);
}

struct names *names_new(const struct host_config *config)
{
    char path[host_path_size + 32];
    if (!host_path(config, path, sizeof(path), "/sys/bus/pci")) {
        return NULL;
    }
    struct names *names = calloc(1, sizeof(*names));
    if (names) {
        names_begin(names, path);
    }
    return names;
}

struct names *names_free(struct names *names)
{
    if (names && names->access && setjmp(guard) == 0) {
        pci_cleanup(names->access);
    }
    free(names);
    return NULL;
}

static void look_up(struct names *names, struct gpu *gpu)
{
    struct pci_access *access = names->access;
    char text[gpu_text_size] = "";
    const int plain = PCI_LOOKUP_NO_NUMBERS;
    const char *found =
        pci_lookup_name(access, text, sizeof(text), PCI_LOOKUP_VENDOR | plain, gpu->vendor);
    (void)snprintf(gpu->vendor_name, sizeof(gpu->vendor_name), "%s", found ? found : "");
    found = pci_lookup_name(access, text, sizeof(text), PCI_LOOKUP_DEVICE | plain, gpu->vendor,
                            gpu->device);
    (void)snprintf(gpu->device_name, sizeof(gpu->device_name), "%s", found ? found : "");
}

/* The device serial number capability, PCI Express base specification 7.9.3; written as lspci
 * does. Some cards have the capability and no number in it. */
static void read_serial(struct names *names, struct gpu *gpu)
{
    struct pci_dev *device = pci_get_dev(names->access, gpu->address.domain, gpu->address.bus,
                                         gpu->address.slot, gpu->address.function);
    (void)pci_fill_info(device, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
    const struct pci_cap *cap = pci_find_cap(device, PCI_EXT_CAP_ID_DSN, PCI_CAP_EXTENDED);
    uint64_t serial = 0;
    if (cap) {
        serial = (uint64_t)pci_read_long(device, (int)cap->addr + 8) << 32 |
                 pci_read_long(device, (int)cap->addr + 4);
    }
    pci_free_dev(device);
    if (serial == 0 || serial == UINT64_MAX) {
        return;
    }
    unsigned byte[8];
    for (size_t i = 0; i < 8; i++) {
        byte[i] = (unsigned)(serial >> (56 - 8 * i)) & 0xffU;
    }
    (void)snprintf(gpu->serial, sizeof(gpu->serial), "%02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x",
                   byte[0], byte[1], byte[2], byte[3], byte[4], byte[5], byte[6], byte[7]);
}

void names_fill(struct names *names, struct gpu *gpu)
{
    if (names->is_broken) {
        return;
    }
    if (setjmp(guard) != 0) {
        names->is_broken = true;
        return;
    }
    read_serial(names, gpu);
    look_up(names, gpu);
}

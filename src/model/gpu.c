/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/gpu.h"

#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

ENUM_DEFINE(gpu_verdict, GPU_VERDICT_LIST)
ENUM_DEFINE(gpu_health, GPU_HEALTH_LIST)
ENUM_DEFINE(gpu_backend, GPU_BACKEND_LIST)

const char *pci_address_format(struct pci_address address, char *ret)
{
    (void)snprintf(ret, pci_address_size, "%04x:%02x:%02x.%x", address.domain, address.bus,
                   address.slot & 31U, address.function & 7U);
    return ret;
}

/* Exactly 'digits' hexadecimal digits, then 'end'; the place behind, or NULL. */
static const char *take_hex(const char *text, size_t digits, char end, uint64_t max, uint64_t *ret)
{
    char part[8] = "";
    for (size_t i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return NULL;
        }
        part[i] = text[i];
    }
    if (text[digits] != end || !parse_hex(part, max, ret)) {
        return NULL;
    }
    return text + digits + (end != '\0');
}

bool pci_address_parse(const char *text, struct pci_address *ret)
{
    uint64_t domain = 0, bus, slot, function;
    const char *at = take_hex(text, 4, ':', UINT16_MAX, &domain);
    if (!at) {
        domain = 0;
        at = text;
    }
    if (!(at = take_hex(at, 2, ':', UINT8_MAX, &bus)) || !(at = take_hex(at, 2, '.', 31, &slot)) ||
        !take_hex(at, 1, '\0', 7, &function)) {
        return false;
    }
    *ret = (struct pci_address){(uint16_t)domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
    return true;
}

const char *gpu_slot_format(const struct gpu_slot *slot, char *ret)
{
    char address[pci_address_size];
    (void)snprintf(ret, name_size, "%s%s%s", pci_address_format(slot->address, address),
                   slot->partition[0] ? "+" : "", slot->partition);
    return ret;
}

bool gpu_part_is_named(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:.-";
    return text[0] != '\0' && text[0] != '.' && text[0] != '-' &&
           strspn(text, letters) == strlen(text);
}

bool gpu_slot_parse(const char *text, struct gpu_slot *ret)
{
    struct gpu_slot slot = {0};
    char address[pci_address_size];
    const char *plus = strchr(text, '+');
    size_t len = plus ? (size_t)(plus - text) : strlen(text);
    if (len >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (!pci_address_parse(address, &slot.address) ||
        (plus && (!gpu_part_is_named(plus + 1) ||
                  !copy_text(slot.partition, sizeof(slot.partition), plus + 1)))) {
        return false;
    }
    *ret = slot;
    return true;
}

bool gpu_slot_equal(const struct gpu_slot *a, const struct gpu_slot *b)
{
    return gpu_slot_compare(a, b) == 0;
}

bool gpu_slot_is_other_form(const struct gpu_slot *a, const struct gpu_slot *b)
{
    return pci_address_compare(a->address, b->address) == 0 &&
           (a->partition[0] == '\0') != (b->partition[0] == '\0');
}

int gpu_slot_compare(const struct gpu_slot *a, const struct gpu_slot *b)
{
    int order = pci_address_compare(a->address, b->address);
    return order != 0 ? order : strcmp(a->partition, b->partition);
}

bool gpu_link_is_narrow(const struct gpu *gpu)
{
    return gpu->link_width > 0 && gpu->link_width < gpu->link_width_max;
}

bool gpu_is_display(const struct gpu *gpu)
{
    uint32_t base_class = gpu->class_code >> 16;
    return base_class == 0x03 || base_class == 0x12;
}

/* A file may not say the class. */
bool gpu_is_other(const struct gpu *gpu)
{
    return gpu->class_code != 0 && !gpu_is_display(gpu);
}

enum gpu_backend gpu_backend(const struct gpu *gpu)
{
    bool is_old = gpu->backend == GPU_BACKEND_NONE && strcmp(gpu->driver, "vfio-pci") == 0;
    return is_old ? GPU_BACKEND_VFIO : gpu->backend;
}

bool gpu_is_dismounted(const struct gpu *gpu)
{
    return gpu_backend(gpu) != GPU_BACKEND_NONE;
}

bool gpu_verdict_is_unwise(enum gpu_verdict verdict)
{
    return verdict == GPU_IN_USE || verdict == GPU_NO_RESET;
}

bool gpu_verdict_may_be_assigned(enum gpu_verdict verdict, bool is_forced)
{
    return verdict == GPU_ASSIGNABLE || (is_forced && gpu_verdict_is_unwise(verdict));
}

const char *gpu_identity(const struct gpu *gpu, char *ret)
{
    (void)snprintf(ret, gpu_identity_size, "%04x:%04x %04x:%04x%s%s", gpu->vendor, gpu->device,
                   gpu->subsystem_vendor, gpu->subsystem_device, gpu->serial[0] ? " " : "",
                   gpu->serial);
    return ret;
}

const char *gpu_title(const struct gpu *gpu, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s%s%s%s[%04x:%04x]", gpu->vendor_name,
                   gpu->vendor_name[0] ? " " : "", gpu->device_name, gpu->device_name[0] ? " " : "",
                   gpu->vendor, gpu->device);
    return ret;
}

bool gpu_same_model(const struct gpu *a, const struct gpu *b, char *difference, size_t size)
{
    char scratch[2 * gpu_text_size + 16], title[2 * gpu_text_size + 16], *out = difference;
    char unused[1];
    if (!out) {
        out = unused;
        size = sizeof(unused);
    }
    if (a->vendor != b->vendor || a->device != b->device) {
        (void)snprintf(out, size, "%s is not %s", gpu_title(b, title, sizeof(title)),
                       gpu_title(a, scratch, sizeof(scratch)));
        return false;
    }
    for (size_t i = 0; i < bars_max; i++) {
        if (a->bar_size[i] != b->bar_size[i]) {
            (void)snprintf(out, size, "its memory region %zu has %llu KiB, not %llu KiB", i,
                           (unsigned long long)(b->bar_size[i] >> 10),
                           (unsigned long long)(a->bar_size[i] >> 10));
            return false;
        }
    }
    return true;
}

static uint64_t power_of_two_above(uint64_t size)
{
    uint64_t power = 4096; /* the smallest that an IOMMU and a guest's paging can place */
    while (power < size && power < UINT64_C(1) << 62) {
        power <<= 1;
    }
    return power;
}

uint64_t gpu_mmio_size(const struct gpu *gpu)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bars_max; i++) {
        if (gpu->bar_size[i] > 0) {
            sum += power_of_two_above(gpu->bar_size[i]);
        }
    }
    return sum + gpu->companion_mmio;
}

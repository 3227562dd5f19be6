/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/gpu.h"

/* No register tells it to a host whose driver has let go of the card, so the model has to. Only
 * models that exist with one size of memory. */
static const struct {
    uint16_t vendor, device;
    uint32_t gib;
} sizes[] = {
    {0x10de, 0x1db1, 16},  /* V100 SXM2 16 GB */
    {0x10de, 0x1db4, 16},  /* V100 PCIe 16 GB */
    {0x10de, 0x1db5, 32},  /* V100 SXM2 32 GB */
    {0x10de, 0x1db6, 32},  /* V100 PCIe 32 GB */
    {0x10de, 0x1eb8, 16},  /* T4 */
    {0x10de, 0x20b0, 40},  /* A100 SXM4 40 GB */
    {0x10de, 0x20b2, 80},  /* A100 SXM4 80 GB */
    {0x10de, 0x20b5, 80},  /* A100 PCIe 80 GB */
    {0x10de, 0x20b7, 24},  /* A30 */
    {0x10de, 0x20f1, 40},  /* A100 PCIe 40 GB */
    {0x10de, 0x2230, 48},  /* RTX A6000 */
    {0x10de, 0x2231, 24},  /* RTX A5000 */
    {0x10de, 0x2235, 48},  /* A40 */
    {0x10de, 0x2236, 24},  /* A10 */
    {0x10de, 0x2237, 24},  /* A10G */
    {0x10de, 0x26b1, 48},  /* RTX 6000 Ada */
    {0x10de, 0x26b5, 48},  /* L40 */
    {0x10de, 0x26b9, 48},  /* L40S */
    {0x10de, 0x27b8, 24},  /* L4 */
    {0x10de, 0x2330, 80},  /* H100 SXM5 80 GB */
    {0x10de, 0x2331, 80},  /* H100 PCIe */
    {0x10de, 0x2335, 141}, /* H200 SXM */
    {0x1002, 0x738c, 32},  /* Instinct MI100 */
    {0x1002, 0x740f, 64},  /* Instinct MI210 */
    {0x1002, 0x74a1, 192}, /* Instinct MI300X */
    {0x8086, 0x0bda, 48},  /* Data Center GPU Max 1100 */
    {0x8086, 0x56c0, 16},  /* Data Center GPU Flex 170 */
};

uint32_t gpu_memory_gib(const struct gpu *gpu)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (sizes[i].vendor == gpu->vendor && sizes[i].device == gpu->device) {
            return sizes[i].gib;
        }
    }
    return 0;
}

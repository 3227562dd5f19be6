/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_xml.h"

#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_aperture.h"
#include "wire/domain_host.h"
#include "wire/domain_tree.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* QEMU takes 1024 today, libvirt knows no bound. */
enum { cpus_max = 4096 };

ENUM_DEFINE(domain_firmware, DOMAIN_FIRMWARE_LIST)

static int read_name(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    CLEANUP(freep) char *name = tree_text(tree_child(domain, "name"));
    if (!name) {
        return error_set(err, -EINVAL, "the domain XML has no <name>");
    }
    (void)name_from_text(name, info->name);
    if (strcmp(info->name, name) != 0) {
        size_t len = strlen(name);
        len = MIN(len, sizeof(info->title) - 1);
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80) {
            len--; /* no half of a character */
        }
        memcpy(info->title, name, len);
    }
    return 0;
}

/* As libvirt does: 32 hexadecimal digits in either case, dashes wherever they stand. */
static bool normal_uuid(const char *text, char ret[40])
{
    char digits[33];
    size_t len = 0;
    for (; *text; text++) {
        if (*text == '-' || isspace((unsigned char)*text)) {
            continue;
        }
        if (!isxdigit((unsigned char)*text) || len == 32) {
            return false;
        }
        digits[len++] = (char)tolower((unsigned char)*text);
    }
    digits[len] = '\0';
    (void)snprintf(ret, 40, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
                   digits + 16, digits + 20);
    return len == 32;
}

static int read_uuid(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    CLEANUP(freep) char *uuid = tree_text(tree_child(domain, "uuid"));
    if (uuid && !normal_uuid(uuid, info->uuid)) {
        return error_set(err, -EINVAL, "the <uuid> \"%.60s\" is no UUID", uuid);
    }
    return 0;
}

static int read_memory(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    const xmlNode *memory = tree_child(domain, "memory");
    CLEANUP(freep) char *text = tree_text(memory);
    CLEANUP(freep) char *unit = tree_attribute(memory, "unit");
    uint64_t bytes = 0, factor = 0;
    if (!text) {
        return error_set(err, -EINVAL, "the domain XML has no <memory>");
    }
    if (!tree_unit(unit ? unit : "KiB", &factor)) {
        return error_set(err, -EINVAL, "the unit \"%.20s\" of <memory> is unknown", unit);
    }
    if (!tree_number(text, (UINT64_C(1) << 60) / factor, &bytes) || bytes == 0) {
        return error_set(err, -EINVAL, "<memory> \"%.40s\" is no amount of memory", text);
    }
    uint64_t mib = UINT64_C(1) << 20;
    info->memory_mib = (bytes * factor + mib - 1) / mib;
    return 0;
}

/* <page size='1' unit='G'/>; several of them are for several nodes of the guest: the first counts.
 */
static void read_huge_pages(const xmlNode *domain, struct domain_info *info)
{
    const xmlNode *huge = tree_child(tree_child(domain, "memoryBacking"), "hugepages");
    const xmlNode *page = tree_child(huge, "page");
    CLEANUP(freep) char *size = tree_attribute(page, "size");
    CLEANUP(freep) char *unit = tree_attribute(page, "unit");
    uint64_t amount = 0, factor = 0;
    info->huge_page_kib = huge ? huge_page_default : 0;
    if (size && tree_unit(unit ? unit : "KiB", &factor) &&
        tree_number(size, (UINT64_C(1) << 40) / factor, &amount) && amount * factor >= 4096) {
        info->huge_page_kib = (uint32_t)(amount * factor >> 10);
    }
}

static int read_cpus(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    const xmlNode *vcpu = tree_child(domain, "vcpu");
    CLEANUP(freep) char *text = tree_text(vcpu);
    CLEANUP(freep) char *current = tree_attribute(vcpu, "current");
    const char *count = current ? current : text ? text : "1";
    uint64_t cpus;
    if (!tree_number(count, cpus_max, &cpus) || cpus == 0) {
        return error_set(err, -EINVAL, "<vcpu> \"%.40s\" is not 1 to %d processors", count,
                         cpus_max);
    }
    info->cpus = (uint32_t)cpus;
    return 0;
}

static enum domain_firmware firmware_of(const xmlNode *domain)
{
    CLEANUP(freep) char *path = tree_text(tree_child(tree_child(domain, "os"), "loader"));
    if (tree_is_uefi(domain)) {
        return DOMAIN_FIRMWARE_UEFI;
    }
    return path && path[0] ? DOMAIN_FIRMWARE_OTHER : DOMAIN_FIRMWARE_BIOS;
}

static int read_system(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    const xmlNode *os = tree_child(domain, "os");
    CLEANUP(freep) char *type = tree_attribute(domain, "type");
    CLEANUP(freep) char *machine = tree_attribute(tree_child(os, "type"), "machine");
    if (!type) {
        return error_set(err, -EINVAL, "<domain> has no type; write <domain type='kvm'>");
    }
    if (!os) {
        return error_set(err, -EINVAL, "the domain XML has no <os>");
    }
    if (!copy_text(info->type, sizeof(info->type), type) ||
        !copy_text(info->machine, sizeof(info->machine), machine ? machine : "")) {
        return error_set(err, -EINVAL, "the type or machine of the domain is too long");
    }
    info->firmware = firmware_of(domain);
    info->mmio_mib = aperture_own_mib(domain);
    info->memory_max_mib = aperture_memory_max_mib(domain);
    read_huge_pages(domain, info);
    domain_find_unmovable(domain, info->unmovable, sizeof(info->unmovable));
    host_find_networks(domain, &info->names);
    host_find_binds(domain, info->memory_mib, &info->names);
    return 0;
}

/* QEMU's own arguments could pass a card through as well. */
static bool has_vfio_argument(const xmlNode *domain)
{
    for (const xmlNode *node = domain->children; node; node = node->next) {
        if (!node->ns || !xmlStrEqual(node->name, (const xmlChar *)"commandline")) {
            continue;
        }
        for (const xmlNode *arg = node->children; arg; arg = arg->next) {
            CLEANUP(freep) char *value = tree_attribute(arg, "value");
            if (value && strstr(value, "vfio-pci")) {
                return true;
            }
        }
    }
    return false;
}

static int refuse_devices(const xmlNode *domain, struct error *err)
{
    TREE_EACH(domain, "devices", devices)
    {
        TREE_EACH(devices, "hostdev", hostdev)
        {
            bool is_mdev = tree_attribute_is(hostdev, "type", "mdev");
            if (is_mdev || tree_attribute_is(hostdev, "type", "pci")) {
                return error_set(err, -EEXIST,
                                 "the domain XML holds a device of one host (<hostdev "
                                 "type='%s'>, line %ld); Berth adds the GPUs itself: remove it and "
                                 "assign a pool",
                                 is_mdev ? "mdev" : "pci", xmlGetLineNo(hostdev));
            }
        }
    }
    if (has_vfio_argument(domain)) {
        return error_set(err, -EEXIST,
                         "the domain XML passes vfio-pci to QEMU; Berth adds the GPUs itself: "
                         "remove it and assign a pool");
    }
    return 0;
}

static int inspect(const xmlNode *domain, struct domain_info *info, struct error *err)
{
    if (!tree_is(domain, "domain")) {
        return error_set(err, -EINVAL, "the XML is a <%.40s>, not a libvirt <domain>",
                         (const char *)domain->name);
    }
    int r = read_name(domain, info, err);
    r = r < 0 ? r : read_uuid(domain, info, err);
    r = r < 0 ? r : read_memory(domain, info, err);
    r = r < 0 ? r : read_cpus(domain, info, err);
    r = r < 0 ? r : read_system(domain, info, err);
    return r < 0 ? r : refuse_devices(domain, err);
}

int domain_xml_inspect(const char *xml, struct domain_info *ret, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    struct domain_info info = {0};
    int r = tree_parse(xml, &doc, err);
    r = r < 0 ? r : inspect(xmlDocGetRootElement(doc), &info, err);
    if (r == 0) {
        *ret = info;
    }
    return r;
}

/* ---- the marker ---- */

const char *domain_marker_format(const struct domain_marker *marker, char *ret)
{
    (void)snprintf(ret, domain_marker_text_size, "%s%s%s/%" PRIu64 "/%" PRIu64 "/%s",
                   marker->cluster, marker->cluster[0] ? "/" : "", marker->vm, marker->epoch,
                   marker->incarnation, marker->node);
    return ret;
}

static bool is_cluster_id(const char *text)
{
    size_t len = strlen(text);
    return len < cluster_id_size && strspn(text, "0123456789abcdef-") == len;
}

/* 'parts': cluster, VM, epoch, incarnation, node; all may be NULL. Nothing begins in epoch 0, and
 * an order that names it would mean any epoch: who wrote that is not Berth. */
static bool marker_make(const char *const parts[5], struct domain_marker *ret)
{
    struct domain_marker marker = {0};
    const char *cluster = parts[0] ? parts[0] : "";
    for (size_t i = 1; i < 5; i++) {
        if (!parts[i]) {
            return false;
        }
    }
    if (!is_cluster_id(cluster) || name_check("VM", parts[1], NULL) < 0 ||
        name_check("node", parts[4], NULL) < 0 || !parse_u64(parts[2], UINT64_MAX, &marker.epoch) ||
        !parse_u64(parts[3], UINT64_MAX, &marker.incarnation) || marker.epoch == 0) {
        return false;
    }
    (void)copy_text(marker.cluster, sizeof(marker.cluster), cluster);
    (void)copy_text(marker.vm, sizeof(marker.vm), parts[1]);
    (void)copy_text(marker.node, sizeof(marker.node), parts[4]);
    *ret = marker;
    return true;
}

bool domain_marker_parse(const char *text, struct domain_marker *ret)
{
    char copy[domain_marker_text_size];
    const char *parts[5] = {NULL};
    size_t slashes = 0;
    if (!copy_text(copy, sizeof(copy), text)) {
        return false;
    }
    for (const char *at = copy; *at; at++) {
        slashes += *at == '/';
    }
    if (slashes < 3 || slashes > 4) {
        return false;
    }
    char *rest = copy;
    for (size_t i = 4 - slashes; i < 5; i++) {
        parts[i] = rest;
        rest += strcspn(rest, "/");
        *rest++ = '\0'; /* behind the last, its own end */
    }
    return marker_make(parts, ret);
}

bool domain_marker_is_of(const struct domain_marker *marker, const char *cluster)
{
    return !marker->cluster[0] || !cluster[0] || strcmp(marker->cluster, cluster) == 0;
}

static bool is_marker(const xmlNode *node, bool needs_namespace)
{
    if (node->type != XML_ELEMENT_NODE || !xmlStrEqual(node->name, (const xmlChar *)"instance")) {
        return false;
    }
    return node->ns ? xmlStrEqual(node->ns->href, (const xmlChar *)DOMAIN_NAMESPACE)
                    : !needs_namespace;
}

static const xmlNode *find_marker(const xmlNode *root)
{
    if (is_marker(root, false)) {
        return root;
    }
    if (!tree_is(root, "domain")) {
        return NULL;
    }
    const xmlNode *metadata = tree_child(root, "metadata");
    const xmlNode *node = metadata ? metadata->children : NULL;
    while (node && !is_marker(node, true)) {
        node = node->next;
    }
    return node;
}

bool domain_marker_from_xml(const char *xml, struct domain_marker *ret)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    if (tree_parse(xml, &doc, NULL) < 0) {
        return false;
    }
    const xmlNode *node = find_marker(xmlDocGetRootElement(doc));
    CLEANUP(freep) char *cluster = tree_attribute(node, "cluster");
    CLEANUP(freep) char *vm = tree_attribute(node, "vm");
    CLEANUP(freep) char *epoch = tree_attribute(node, "epoch");
    CLEANUP(freep) char *incarnation = tree_attribute(node, "incarnation");
    CLEANUP(freep) char *name = tree_attribute(node, "node");
    return marker_make((const char *const[5]){cluster, vm, epoch, incarnation, name}, ret);
}

/* ---- who runs QEMU ---- */

/* "+64055:+64055" */
static bool user_of(const xmlNode *label, uint32_t *ret)
{
    CLEANUP(freep) char *text = tree_text(label);
    uint64_t user;
    char *end = text ? strchr(text, ':') : NULL;
    if (!end) {
        return false;
    }
    *end = '\0';
    if (!parse_u64(text[0] == '+' ? text + 1 : text, UINT32_MAX - 1, &user)) {
        return false;
    }
    *ret = (uint32_t)user;
    return true;
}

size_t domain_users(const char *capabilities, uint32_t *ret, size_t max)
{
    size_t len = 0;
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    if (tree_parse(capabilities, &doc, NULL) < 0) {
        return 0;
    }
    TREE_EACH(tree_child(xmlDocGetRootElement(doc), "host"), "secmodel", secmodel)
    {
        CLEANUP(freep) char *model = tree_text(tree_child(secmodel, "model"));
        if (!model || strcmp(model, "dac") != 0) {
            continue;
        }
        TREE_EACH(secmodel, "baselabel", label)
        {
            len += len < max && user_of(label, &ret[len]);
        }
    }
    return len;
}

void domain_cpu_model(const char *capabilities, char *ret, size_t size)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    ret[0] = '\0';
    if (tree_parse(capabilities, &doc, NULL) < 0) {
        return;
    }
    xmlNode *host = tree_child(xmlDocGetRootElement(doc), "host");
    CLEANUP(freep) char *model = tree_text(tree_child(tree_child(host, "cpu"), "model"));
    if (!model || !copy_text(ret, size, model)) {
        ret[0] = '\0';
    }
}

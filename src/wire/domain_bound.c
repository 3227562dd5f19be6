/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a domain stays behind on its host when the VM starts on another one. */
#include "wire/domain_tree.h"
#include "wire/domain_xml.h"

#include <stdio.h>
#include <string.h>

ENUM_DEFINE(domain_bound, DOMAIN_BOUND_LIST)

struct finding {
    domain_bound_fn *each;
    void *userdata;
};

static void bound_tell(const struct finding *finding, enum domain_bound kind, const char *what)
{
    finding->each(finding->userdata, kind, what ? what : "");
}

/* ---- state of the guest that is no disk ---- */

/* An explicit place is a matter of the look at files; libvirt's own is of this host. */
static void find_tpms(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "tpm", tpm)
    {
        const xmlNode *backend = tree_child(tpm, "backend");
        CLEANUP(freep) char *device = tree_attribute(tree_child(backend, "device"), "path");
        CLEANUP(freep) char *socket = tree_attribute(tree_child(backend, "source"), "path");
        if (tree_attribute_is(backend, "type", "passthrough")) {
            bound_tell(finding, DOMAIN_BOUND_DEVICE, device ? device : "/dev/tpm0");
        } else if (tree_attribute_is(backend, "type", "external")) {
            bound_tell(finding, DOMAIN_BOUND_DEVICE, socket ? socket : "a TPM of its own");
        } else if (tree_attribute_is(backend, "type", "emulator") &&
                   !tree_child(backend, "source")) {
            bound_tell(finding, DOMAIN_BOUND_TPM, DOMAIN_TPM_FOLDER);
        }
    }
}

static void find_nvram(const xmlNode *domain, const struct finding *finding)
{
    const xmlNode *os = tree_child(domain, "os"), *nvram = tree_child(os, "nvram");
    CLEANUP(freep) char *path = tree_text(nvram);
    CLEANUP(freep) char *file = tree_attribute(tree_child(nvram, "source"), "file");
    const char *where = file ? file : path && path[0] ? path : DOMAIN_NVRAM_FOLDER;
    size_t len = strlen(DOMAIN_NVRAM_FOLDER);
    if (tree_has_nvram(domain) && strncmp(where, DOMAIN_NVRAM_FOLDER, len) == 0 &&
        !tree_attribute_is(nvram, "type", "block") &&
        !tree_attribute_is(nvram, "type", "network")) {
        bound_tell(finding, DOMAIN_BOUND_NVRAM, where);
    }
}

static void find_folders(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "filesystem", filesystem)
    {
        const xmlNode *source = tree_child(filesystem, "source");
        CLEANUP(freep) char *folder = tree_attribute(source, "dir");
        CLEANUP(freep) char *socket = tree_attribute(source, "socket");
        if (folder || socket) {
            bound_tell(finding, DOMAIN_BOUND_FOLDER, folder ? folder : socket);
        }
    }
}

/* A program of the host has the other end: Looking Glass, an ivshmem server. */
static void find_shared_memory(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "shmem", shmem)
    {
        char what[80];
        CLEANUP(freep) char *name = tree_attribute(shmem, "name");
        (void)snprintf(what, sizeof(what), "shared memory %.60s", name ? name : "");
        bound_tell(finding, DOMAIN_BOUND_DEVICE, what);
    }
}

/* ---- devices ---- */

/* "1234:5678", or "bus 1 device 2" */
static void find_usb(const xmlNode *hostdev, const struct finding *finding)
{
    char what[64];
    const xmlNode *source = tree_child(hostdev, "source");
    const xmlNode *address = tree_child(source, "address");
    CLEANUP(freep) char *vendor = tree_attribute(tree_child(source, "vendor"), "id");
    CLEANUP(freep) char *product = tree_attribute(tree_child(source, "product"), "id");
    CLEANUP(freep) char *bus = tree_attribute(address, "bus");
    CLEANUP(freep) char *device = tree_attribute(address, "device");
    if (vendor && product) {
        (void)snprintf(what, sizeof(what), "%.10s:%.10s", vendor, product);
    } else {
        (void)snprintf(what, sizeof(what), "bus %.10s, device %.10s", bus ? bus : "?",
                       device ? device : "?");
    }
    bound_tell(finding, DOMAIN_BOUND_USB, what);
}

static void find_hostdevs(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "hostdev", hostdev)
    {
        CLEANUP(freep) char *type = tree_attribute(hostdev, "type");
        CLEANUP(freep)
        char *adapter =
            tree_attribute(tree_child(tree_child(hostdev, "source"), "adapter"), "name");
        if (type && strcmp(type, "usb") == 0) {
            find_usb(hostdev, finding);
        } else if (type && strcmp(type, "pci") != 0 && strcmp(type, "mdev") != 0) {
            bound_tell(finding, DOMAIN_BOUND_DEVICE, adapter ? adapter : type);
        }
    }
}

static void find_interfaces(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "interface", interface)
    {
        char what[64] = "";
        const xmlNode *source = tree_child(interface, "source");
        if (tree_attribute_is(interface, "type", "vhostuser")) {
            CLEANUP(freep) char *path = tree_attribute(source, "path");
            bound_tell(finding, DOMAIN_BOUND_DEVICE, path);
        }
        if (!tree_attribute_is(interface, "type", "hostdev") &&
            !tree_attribute_is(interface, "type", "vdpa")) {
            continue;
        }
        const xmlNode *address = tree_child(source, "address");
        CLEANUP(freep) char *device = tree_attribute(source, "dev");
        CLEANUP(freep) char *bus = tree_attribute(address, "bus");
        CLEANUP(freep) char *slot = tree_attribute(address, "slot");
        CLEANUP(freep) char *function = tree_attribute(address, "function");
        if (bus && slot && function) {
            (void)snprintf(what, sizeof(what), "bus %.6s, slot %.6s, function %.4s", bus, slot,
                           function);
        }
        bound_tell(finding, DOMAIN_BOUND_INTERFACE, device ? device : what);
    }
}

/* Where a pool has its volumes, libvirt on each host alone knows. */
static void tell_volume(const xmlNode *disk, const struct finding *finding)
{
    char what[160];
    const xmlNode *source = tree_child(disk, "source");
    CLEANUP(freep) char *volume = tree_attribute(source, "volume");
    CLEANUP(freep) char *pool = tree_attribute(source, "pool");
    (void)snprintf(what, sizeof(what), "%.70s of the storage pool %.50s", volume ? volume : "?",
                   pool ? pool : "?");
    bound_tell(finding, DOMAIN_BOUND_VOLUME, what);
}

static void find_disks(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "disk", disk)
    {
        CLEANUP(freep) char *target = tree_attribute(tree_child(disk, "target"), "dev");
        CLEANUP(freep) char *device = tree_attribute(tree_child(disk, "source"), "dev");
        if (tree_attribute_is(disk, "type", "nvme")) {
            bound_tell(finding, DOMAIN_BOUND_NVME, target);
        } else if (tree_attribute_is(disk, "type", "volume")) {
            tell_volume(disk, finding);
        } else if (tree_attribute_is(disk, "type", "vhostvdpa")) {
            bound_tell(finding, DOMAIN_BOUND_DEVICE, device);
        } else if (tree_attribute_is(disk, "type", "vhostuser")) {
            CLEANUP(freep) char *path = tree_attribute(tree_child(disk, "source"), "path");
            bound_tell(finding, DOMAIN_BOUND_DEVICE, path);
        }
    }
}

/* Character devices and input of the host: <serial type='dev'>, <input type='evdev'>. */
static void find_nodes(const xmlNode *devices, const struct finding *finding)
{
    static const char *const kinds[][3] = {
        {"serial", "dev", "path"},  {"parallel", "dev", "path"}, {"console", "dev", "path"},
        {"channel", "dev", "path"}, {"input", "evdev", "dev"},   {"input", "passthrough", "evdev"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        TREE_EACH(devices, kinds[i][0], device)
        {
            CLEANUP(freep)
            char *path = tree_attribute(tree_child(device, "source"), kinds[i][2]);
            if (tree_attribute_is(device, "type", kinds[i][1])) {
                bound_tell(finding, DOMAIN_BOUND_DEVICE, path);
            }
        }
    }
}

/* ---- what each host has to define for itself ---- */

/* Of a disk, of its layers, of a TPM: by whichever name the template knows it. '*told' is the one
 * that was told last: the disks of a VM mostly share one. */
static void find_secrets(const xmlNode *parent, const struct finding *finding, char *told,
                         size_t size)
{
    for (const xmlNode *node = parent ? parent->children : NULL; node; node = node->next) {
        bool is_secret = tree_is(node, "secret");
        CLEANUP(freep) char *usage = is_secret ? tree_attribute(node, "usage") : NULL;
        CLEANUP(freep)
        char *uuid = is_secret                     ? tree_attribute(node, "uuid")
                     : tree_is(node, "encryption") ? tree_attribute(node, "secret")
                                                   : NULL;
        const char *name = usage ? usage : uuid;
        if (name && strcmp(name, told) != 0) {
            (void)snprintf(told, size, "%s", name);
            bound_tell(finding, DOMAIN_BOUND_SECRET, name);
        }
        find_secrets(node, finding, told, size);
    }
}

static bool is_everywhere(const char *address)
{
    static const char *const words[] = {"", "0.0.0.0", "::", "::1", "localhost"};
    bool is_it = strncmp(address, "127.", 4) == 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        is_it |= strcmp(address, words[i]) == 0;
    }
    return is_it;
}

static void tell_address(const struct finding *finding, const char *address)
{
    if (address && !is_everywhere(address)) {
        bound_tell(finding, DOMAIN_BOUND_ADDRESS, address);
    }
}

/* Displays and consoles that listen on one address; libvirt repeats that of the first <listen> in
 * an attribute. A display may also be drawn by a card of the host. */
static void find_addresses(const xmlNode *devices, const struct finding *finding)
{
    static const char *const kinds[] = {"serial", "parallel", "console", "channel"};
    TREE_EACH(devices, "graphics", graphics)
    {
        CLEANUP(freep) char *own = tree_attribute(graphics, "listen");
        CLEANUP(freep)
        char *address = tree_attribute(tree_child(graphics, "listen"), "address");
        CLEANUP(freep) char *card = tree_attribute(tree_child(graphics, "gl"), "rendernode");
        tell_address(finding, address ? address : own);
        if (card) {
            bound_tell(finding, DOMAIN_BOUND_DEVICE, card);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        TREE_EACH(devices, kinds[i], device)
        {
            const xmlNode *source = tree_child(device, "source");
            CLEANUP(freep) char *host = tree_attribute(source, "host");
            if (tree_attribute_is(source, "mode", "bind")) {
                tell_address(finding, host);
            }
        }
    }
}

int domain_xml_bound(const char *xml, domain_bound_fn *each, void *userdata, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    const struct finding finding = {each, userdata};
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    const xmlNode *domain = xmlDocGetRootElement(doc);
    find_nvram(domain, &finding);
    TREE_EACH(domain, "devices", devices)
    {
        find_tpms(devices, &finding);
        find_folders(devices, &finding);
        find_shared_memory(devices, &finding);
        find_hostdevs(devices, &finding);
        find_interfaces(devices, &finding);
        find_disks(devices, &finding);
        find_nodes(devices, &finding);
        find_addresses(devices, &finding);
        char told[80] = "";
        find_secrets(devices, &finding, told, sizeof(told));
    }
    return 0;
}

/* Shared memory goes along if its owner is this guest, but for the old device. */
static bool moves_along(const xmlNode *device)
{
    return tree_attribute_is(device, "role", "master") &&
           (tree_attribute_is(tree_child(device, "model"), "type", "ivshmem-plain") ||
            tree_attribute_is(tree_child(device, "model"), "type", "ivshmem-doorbell"));
}

/* Most of these libvirt refuses to migrate. It does migrate what is given a USB device, which the
 * guest then loses: that is worse. */
void domain_find_unmovable(const xmlNode *domain, char *ret, size_t size)
{
    static const struct {
        const char *element, *type; /* NULL: of any type */
    } kinds[] = {{"hostdev", NULL},    {"interface", "hostdev"}, {"interface", "vdpa"},
                 {"filesystem", NULL}, {"shmem", NULL},          {"disk", "nvme"}};
    ret[0] = '\0';
    TREE_EACH(domain, "devices", devices)
    {
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
            TREE_EACH(devices, kinds[i].element, device)
            {
                CLEANUP(freep) char *type = tree_attribute(device, "type");
                bool is_it =
                    kinds[i].type ? type && strcmp(type, kinds[i].type) == 0 : !moves_along(device);
                if (is_it && type) {
                    (void)snprintf(ret, size, "<%s type='%.16s'>", kinds[i].element, type);
                } else if (is_it) {
                    (void)snprintf(ret, size, "<%s>", kinds[i].element);
                }
            }
        }
        TREE_EACH(devices, "tpm", tpm)
        {
            if (tree_attribute_is(tree_child(tpm, "backend"), "type", "passthrough")) {
                (void)snprintf(ret, size, "<backend type='passthrough'>");
            }
        }
    }
}

bool domain_bound_is_state(enum domain_bound kind)
{
    return kind == DOMAIN_BOUND_TPM || kind == DOMAIN_BOUND_NVRAM || kind == DOMAIN_BOUND_FOLDER;
}

const char *domain_bound_text(enum domain_bound kind, const char *what, char *ret, size_t size)
{
    switch (kind) {
    case DOMAIN_BOUND_TPM:
        (void)snprintf(ret, size,
                       "the state of its TPM stays in %s of a host: mount shared storage there on "
                       "all hosts; without it BitLocker asks for its recovery key after a failover",
                       what);
        break;
    case DOMAIN_BOUND_NVRAM:
        (void)snprintf(ret, size,
                       "its UEFI variables stay in %s of a host: mount shared storage there on all "
                       "hosts, or name a shared file in <nvram>",
                       what);
        break;
    case DOMAIN_BOUND_USB:
        (void)snprintf(ret, size,
                       "it is given a USB device of one host (%s): another host starts it only "
                       "with such a device; remove it, or set its possible owners",
                       what);
        break;
    case DOMAIN_BOUND_INTERFACE:
        (void)snprintf(ret, size,
                       "its network interface is a device of one host (%s): use a libvirt network "
                       "of type hostdev, which every host defines for itself, or set its possible "
                       "owners",
                       what);
        break;
    case DOMAIN_BOUND_NVME:
        (void)snprintf(ret, size,
                       "its disk %s is an NVMe device of one host: what is on it stays there; put "
                       "it on shared storage, or set its possible owners",
                       what);
        break;
    case DOMAIN_BOUND_VOLUME:
        (void)snprintf(ret, size,
                       "its disk is the volume %s: define that pool on all hosts, on shared "
                       "storage, or set its possible owners",
                       what);
        break;
    case DOMAIN_BOUND_FOLDER:
        (void)snprintf(ret, size,
                       "it shares %s of its host: that must be the same on all hosts, on shared "
                       "storage",
                       what);
        break;
    case DOMAIN_BOUND_SECRET:
        (void)snprintf(ret, size,
                       "it needs the secret %s of libvirt: define it on all hosts, with the same "
                       "value and UUID (virsh secret-define, secret-set-value)",
                       what);
        break;
    case DOMAIN_BOUND_ADDRESS:
        (void)snprintf(ret, size,
                       "its display or console listens on %s, which one host has: another host "
                       "does not start it; let it listen on 0.0.0.0 or 127.0.0.1, or set its "
                       "possible owners",
                       what);
        break;
    case DOMAIN_BOUND_DEVICE:
        (void)snprintf(ret, size,
                       "it is given a device of one host (%s): remove it, or set its possible "
                       "owners",
                       what);
        break;
    }
    return ret;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's domain XML: what a stored template says about itself, and the text that is started
 * with the GPUs in it. Parsed by libxml2, the parser libvirt uses itself, without network, DTD or
 * entities. Pure: text in, values or text out. Any thread.
 *
 * A domain that Berth starts says so twice, in the same words:
 *
 *     <metadata><berth:instance xmlns:berth='urn:berth:domain:1' cluster= vm= epoch= incarnation=
 *         node=/> read back through libvirt when a daemon adopts what runs;
 *     -fw_cfg name=opt/berth/instance,string=CLUSTER/VM/EPOCH/INCARNATION/NODE
 *         on QEMU's command line, so that a VM is found and killed when libvirt does not answer.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "model/record.h"

#define DOMAIN_NAMESPACE "urn:berth:domain:1"
#define DOMAIN_FW_CFG    "opt/berth/instance"

/* What the guest starts with. */
#define DOMAIN_FIRMWARE_LIST(X)                                                                    \
    X(DOMAIN_FIRMWARE_BIOS, "bios")                                                                \
    X(DOMAIN_FIRMWARE_UEFI, "uefi")                                                                \
    X(DOMAIN_FIRMWARE_OTHER, "other") /* a loader of the template that is none of these */
ENUM_DECLARE(domain_firmware, DOMAIN_FIRMWARE_LIST)

struct domain_info {
    char name[name_size];   /* that of the domain, or the nearest that Berth can use ... */
    char title[title_size]; /* ... and then this is the domain's own, cut if need be; else "" */
    char uuid[40];          /* "" if the template has none; else lower case with dashes */
    uint32_t cpus;          /* those that are on at start */
    uint64_t memory_mib;
    char type[16];    /* "kvm", "qemu" */
    char machine[64]; /* as written, "" if libvirt is to choose */
    enum domain_firmware firmware;
    uint64_t mmio_mib;       /* 64-bit aperture that it asks for itself; 0: none */
    uint64_t memory_max_mib; /* with all memory plugged; 0: none can be */
    uint32_t huge_page_kib;  /* of its memory, as struct vm_spec has it */
    char unmovable[48];      /* an element that does not move live, as XML; "": none */
    struct host_names names; /* networks and NUMA nodes of the host */
};

/* Checks the template 'xml' and says what it holds. 0; or, with a sentence that says what to
 * change and '*ret' untouched:
 *   -E2BIG   more than domain_xml_size_max bytes
 *   -EINVAL  no XML (names the line), no <domain>, a DOCTYPE, no name, a bad uuid, vcpu or memory
 *   -EEXIST  it has a PCI or mediated device already: Berth adds the GPUs itself -ENOMEM */
int domain_xml_inspect(const char *xml, struct domain_info *ret, struct error *err);

/* Where libvirt keeps what a template does not place. */
#define DOMAIN_TPM_FOLDER   "/var/lib/libvirt/swtpm"
#define DOMAIN_NVRAM_FOLDER "/var/lib/libvirt/qemu/nvram"

/* Adds to 'ret' the domain with another number of CPUs or amount of memory (0: as it was). Errors
 * as domain_xml_inspect(), but devices are no matter; -EINVAL if other elements say the same in
 * detail and would contradict it. */
int domain_xml_resize(const char *xml, uint32_t cpus, uint64_t memory_mib, struct buf *ret,
                      struct error *err);

/* What the planner and the composer need to know of the template, into the VM's record. */
void domain_info_into(const struct domain_info *info, struct vm_spec *spec);

/* A file, folder or block device of the host that the domain needs. */
struct domain_file {
    const char *path;
    const char *what; /* "TPM state", "UEFI variables", "shared folder"; NULL: a disk or the like */
    bool is_folder;   /* what matters is the folder */
    bool is_read_only; /* a CD, a disk that is not written to, a kernel */
};

/* Calls 'each' with every one of them (lent for the call): disks of type file and block, kernel,
 * initrd and loader, and the folders of TPM state, UEFI variables and shared folders. Disks on a
 * network or in libvirt's storage pools are not the host's files. Errors as domain_xml_inspect(),
 * but devices are no matter. */
int domain_xml_files(const char *xml, void (*each)(void *userdata, const struct domain_file *file),
                     void *userdata, struct error *err);

/* What of a domain stays behind on its host. */
#define DOMAIN_BOUND_LIST(X)                                                                       \
    X(DOMAIN_BOUND_TPM, "tpm-state")                                                               \
    X(DOMAIN_BOUND_NVRAM, "nvram")                                                                 \
    X(DOMAIN_BOUND_FOLDER, "host-folder")                                                          \
    X(DOMAIN_BOUND_USB, "usb-device")                                                              \
    X(DOMAIN_BOUND_INTERFACE, "host-interface")                                                    \
    X(DOMAIN_BOUND_VOLUME, "storage-volume")                                                       \
    X(DOMAIN_BOUND_NVME, "nvme-disk")                                                              \
    X(DOMAIN_BOUND_SECRET, "host-secret")                                                          \
    X(DOMAIN_BOUND_ADDRESS, "host-address")                                                        \
    X(DOMAIN_BOUND_DEVICE, "host-device")
ENUM_DECLARE(domain_bound, DOMAIN_BOUND_LIST)

typedef void domain_bound_fn(void *userdata, enum domain_bound kind, const char *what);

/* Calls 'each' with all that stays ('what' is lent for the call). TPM state and UEFI variables that
 * the template itself puts elsewhere than libvirt does are a matter of domain_xml_files(). Errors
 * as domain_xml_inspect(), but devices are no matter. */
int domain_xml_bound(const char *xml, domain_bound_fn *each, void *userdata, struct error *err);

/* Calls 'each' with the path of each file or folder that the template itself names for state of the
 * guest, its UEFI variables or its TPM, and that no two VMs may share. Errors as above. */
int domain_xml_states(const char *xml, void (*each)(void *userdata, const char *path),
                      void *userdata, struct error *err);

/* State of the guest, which hosts can share by common storage; else a device, which they cannot. */
bool domain_bound_is_state(enum domain_bound kind);

/* A sentence with the remedy into 'ret' of reason_size bytes or more; returns 'ret'. */
const char *domain_bound_text(enum domain_bound kind, const char *what, char *ret, size_t size);

/* A device of the host that a domain names for itself. */
struct domain_hostdev {
    struct pci_address address;
    char mdev[40];            /* uuid of a mediated device; "": a PCI function */
    char losses[reason_size]; /* what goes with it, for people: "ROM file /x.rom, display"; "" */
};

/* Adds to 'ret' the domain without the <hostdev> devices that 'takes' says are to go (asked for
 * each PCI function and mediated device). Errors as domain_xml_inspect(), but devices are no
 * matter. */
int domain_xml_strip(const char *xml,
                     bool (*takes)(void *userdata, const struct domain_hostdev *device),
                     void *userdata, struct buf *ret, struct error *err);

/* Adds to 'ret' the domain without passwords, references to secrets, and arguments of QEMU: for
 * people who may see a VM but not what protects it. Errors as domain_xml_inspect(). */
int domain_xml_redact(const char *xml, struct buf *ret, struct error *err);

/* Which start of which VM a running domain is. */
struct domain_marker {
    char vm[name_size];
    uint64_t epoch;
    uint64_t incarnation;
    char node[name_size];          /* where it was started; it may have been migrated since */
    char cluster[cluster_id_size]; /* whose VM it is; "": the one that started it had no id */
};

/* One claimed GPU or partition. 'slot.partition' is "" for the whole card, the address of a
 * virtual function, or the uuid of a mediated device. */
struct domain_device {
    struct gpu_slot slot;
    struct pci_address companions[companions_max]; /* whole card: go with it (struct gpu) */
    uint32_t companion_len;
    uint64_t mmio_size; /* bytes, gpu_mmio_size() */
    enum gpu_backend backend;
    int32_t numa_node;  /* of the host; -1: unknown */
    bool is_rom_hidden; /* the guest does not see its ROM */
};

struct domain_compose {
    const char *xml;  /* the template; its name is replaced by marker.vm */
    const char *uuid; /* the VM's; NULL or "": the template's own */
    struct domain_marker marker;
    const struct domain_device *devices;
    size_t device_len;
    uint64_t mmio_mib;     /* the administrator's 64-bit aperture; 0: computed */
    uint32_t address_bits; /* of guest physical addresses that the host can give; 0: not known */
    struct numa_node host_nodes[numa_nodes_max]; /* that the guest mirrors, with the memory that
                                                    they have for it ... */
    size_t host_node_len;                        /* ... 0: it is as its template says */
};

/* Adds to 'ret' the XML to start. A card and its companions of the same slot stand at one slot of
 * the guest with their function numbers, behind the template's expander bus for their NUMA node if
 * it has one; the aperture goes into pcihole64 and, under UEFI, OVMF's X-PciMmio64Mb, and the width
 * of addresses that it needs into <maxphysaddr>; with 'host_nodes' it gets what domain_topology.h
 * says; a guest that powers off or crashes is gone.
 * Nothing of 'compose' is kept. Errors as domain_xml_inspect(); -EINVAL for a device that cannot be
 * written; -ERANGE if the host cannot give addresses as wide as the GPUs need. */
int domain_xml_compose(const struct domain_compose *compose, struct buf *ret, struct error *err);

/* Adds to 'ret' the domain 'xml', dumped from one that runs, with another marker: how it runs on
 * elsewhere. Errors as domain_xml_inspect(), but devices are no matter. */
int domain_xml_remark(const char *xml, const struct domain_marker *marker, struct buf *ret,
                      struct error *err);

/* Adds to 'ret' the domain 'xml', dumped from one that runs, with another marker: how it runs on
 * elsewhere. Errors as domain_xml_inspect(), but devices are no matter. */
int domain_xml_remark(const char *xml, const struct domain_marker *marker, struct buf *ret,
                      struct error *err);

/* Reads the marker back out of the <instance> element (alone, as libvirt hands out metadata) or
 * out of a whole domain. False, '*ret' untouched, if there is none or it is damaged. */
bool domain_marker_from_xml(const char *xml, struct domain_marker *ret);

enum { domain_marker_text_size = cluster_id_size + 2 * name_size + 2 * 21 + 5 };

/* "CLUSTER/VM/EPOCH/INCARNATION/NODE" into 'ret' of domain_marker_text_size bytes; without
 * "CLUSTER/" if it has none. Returns 'ret'. */
const char *domain_marker_format(const struct domain_marker *marker, char *ret);
bool domain_marker_parse(const char *text, struct domain_marker *ret);

/* Whether a VM of 'marker' is of 'cluster'. A marker without a cluster is of each one, and so is
 * every marker while 'cluster' is not known (""): to miss a VM is worse than to wait for one that
 * is another's. */
bool domain_marker_is_of(const struct domain_marker *marker, const char *cluster);

/* The users that libvirt runs QEMU as, from the XML of its capabilities (DAC base labels), at most
 * 'max' of them into 'ret'. Returns how many. */
size_t domain_users(const char *capabilities, uint32_t *ret, size_t max);

/* The model of the host's CPU, from the same XML, into 'ret' of 'size' bytes; "": it does not say.
 */
void domain_cpu_model(const char *capabilities, char *ret, size_t size);

/* The model of the host's CPU, from the same XML, into 'ret' of 'size' bytes; "": it does not say.
 */
void domain_cpu_model(const char *capabilities, char *ret, size_t size);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A GPU (or other passthrough function) of a host, as the survey saw it, and what may hold it.
 * Plain values; src/host fills them in, everybody reads them.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "model/facts.h"

/* "0000:65:00.0": domain:bus:slot.function, as lspci -D and sysfs write it. */
struct pci_address {
    uint16_t domain;
    uint8_t bus;
    uint8_t slot;
    uint8_t function;
};

enum { pci_address_size = 13 };

/* Writes the text form into 'ret' (pci_address_size bytes); returns 'ret'. */
const char *pci_address_format(struct pci_address address, char *ret);
/* Strict; with or without the domain. False, '*ret' untouched, if 'text' is no PCI address. */
bool pci_address_parse(const char *text, struct pci_address *ret);
static inline int pci_address_compare(struct pci_address a, struct pci_address b)
{
    uint64_t x =
        (uint64_t)a.domain << 32 | (uint64_t)a.bus << 16 | (uint64_t)a.slot << 8 | a.function;
    uint64_t y =
        (uint64_t)b.domain << 32 | (uint64_t)b.bus << 16 | (uint64_t)b.slot << 8 | b.function;
    return (x > y) - (x < y);
}

/* What a VM can hold of a card: all of it, or one partition. */
struct gpu_slot {
    struct pci_address address; /* the card's */
    char partition[40];         /* "" whole GPU; VF address or mdev uuid of a partition */
};

/* "0000:65:00.0" or "0000:65:00.0+PARTITION" into 'ret' of name_size bytes; returns 'ret'. The
 * second name of a claim's key. */
const char *gpu_slot_format(const struct gpu_slot *slot, char *ret);
bool gpu_slot_parse(const char *text, struct gpu_slot *ret);
/* Whether it could be a partition, or the type of one: letters, digits, _ : - and dots inside. The
 * kernel's folders of devices and types are called so, and nothing else leads out of them. */
bool gpu_part_is_named(const char *text);
bool gpu_slot_equal(const struct gpu_slot *a, const struct gpu_slot *b);
/* Of one card, and one of them is all of it, the other a part. */
bool gpu_slot_is_other_form(const struct gpu_slot *a, const struct gpu_slot *b);
int gpu_slot_compare(const struct gpu_slot *a, const struct gpu_slot *b);

/*
 * The survey's verdict, in the order in which an administrator can act on the causes; the first
 * that applies is the one that is shown. First what makes every other answer worthless, then what
 * the host lacks, then what the machine's build and firmware decide (in the order of Windows'
 * SurveyDDA: firmware memory, access control, kind of function), then the card, then what software
 * has to let go. Line-based interrupts, a refusal there, are none here: vfio-pci masks them.
 */
#define GPU_VERDICT_LIST(X)                                                                        \
    X(GPU_ASSIGNABLE, "assignable")               /* can be passed to a VM */                      \
    X(GPU_STUCK, "stuck")                         /* an operation on it hangs in the kernel */     \
    X(GPU_OFF_BUS, "off-bus")                     /* is listed, but does not answer any more */    \
    X(GPU_NO_IOMMU, "no-iommu")                   /* the host has no (enabled) IOMMU */            \
    X(GPU_FIRMWARE_RESERVED, "firmware-reserved") /* firmware keeps its memory (RMRR) */           \
    X(GPU_SHARED_GROUP, "shared-group")           /* the group holds functions of other devices */ \
    X(GPU_WRONG_KIND, "wrong-kind")               /* a bridge: no function that a VM can hold */   \
    X(GPU_NO_RESET, "no-reset")                   /* no reset method: state would leak */          \
    X(GPU_NO_BARS, "no-memory")                   /* its memory was not placed by the firmware */  \
    X(GPU_PARTITIONED, "partitioned") /* its VFs or mdevs exist: not to be had whole */            \
    X(GPU_IN_USE, "in-use")           /* shows the console, or a host process has it */            \
    X(GPU_HOST_DRIVER, "host-driver") /* dismount it first */
ENUM_DECLARE(gpu_verdict, GPU_VERDICT_LIST)

/* What an administrator may go past: in use by the host, or without a reset. */
bool gpu_verdict_is_unwise(enum gpu_verdict verdict);

/* Whether the survey lets a device go to a VM: assignable, or 'is_forced' (an administrator's word)
 * and nothing worse than unwise. */
bool gpu_verdict_may_be_assigned(enum gpu_verdict verdict, bool is_forced);

/*
 * By which driver a VM gets a device. What a driver is called matters to src/host alone.
 *
 * A vendor's own driver keeps its virtual functions and gives each a type: NVIDIA vGPU on kernels
 * from 6.8. A variant is a VFIO driver for one kind of device, which can do what vfio-pci cannot:
 * the memory of a Grace Hopper, the migration of an mlx5 or xe function.
 */
#define GPU_BACKEND_LIST(X)                                                                        \
    X(GPU_BACKEND_NONE, "none")       /* the host has it */                                        \
    X(GPU_BACKEND_VFIO, "vfio")       /* vfio-pci */                                               \
    X(GPU_BACKEND_VARIANT, "variant") /* a VFIO driver for this kind of device */                  \
    X(GPU_BACKEND_VENDOR, "vendor")   /* its vendor's, which gave it a type */                     \
    X(GPU_BACKEND_MDEV, "mdev")       /* a mediated device */
ENUM_DECLARE(gpu_backend, GPU_BACKEND_LIST)

/* Health is ours, not the card's: a quarantined card is not handed out until released. */
#define GPU_HEALTH_LIST(X)                                                                         \
    X(GPU_HEALTHY, "healthy")                                                                      \
    X(GPU_QUARANTINED, "quarantined")
ENUM_DECLARE(gpu_health, GPU_HEALTH_LIST)

/* Reset methods, as in sysfs 'reset_method'. */
enum gpu_reset {
    GPU_RESET_FLR = 1 << 0,
    GPU_RESET_PM = 1 << 1,
    GPU_RESET_BUS = 1 << 2,
    GPU_RESET_DEVICE_SPECIFIC = 1 << 3,
    GPU_RESET_AF_FLR = 1 << 4,
    GPU_RESET_ACPI = 1 << 5,
};

enum {
    gpu_identity_size = 128,
    gpu_text_size = 96,
    gpu_driver_size = 32,
    gpu_mdev_types_max = 48, /* the richest cards offer some thirty */
    gpu_profile_size = 48,
};

/* What a card's driver can make of it, or of its virtual functions. */
struct gpu_mdev_type {
    char id[gpu_profile_size]; /* "nvidia-35" */
    char name[48];             /* "GRID M60-0Q" */
    uint32_t available;        /* of a vendor's type: no more than that */
};

struct gpu {
    struct pci_address address;
    uint16_t vendor, device, subsystem_vendor, subsystem_device;
    uint32_t class_code; /* 24 bits: 0x030000 VGA, 0x030200 3D, 0x038000 other display */
    char vendor_name[gpu_text_size];
    char device_name[gpu_text_size];
    char serial[40];     /* PCIe device serial number "aa-bb-...", "" where there is none */
    int32_t iommu_group; /* -1: none */
    /* The other functions of the IOMMU group that must go to the VM together with this one
     * (bridges left out): the GPU's own audio function, say. */
    struct pci_address companions[companions_max];
    uint32_t companion_len;
    uint64_t companion_mmio;      /* bytes of guest address space that they need */
    int32_t numa_node;            /* -1: unknown */
    char driver[gpu_driver_size]; /* "" none */
    enum gpu_backend backend;
    bool is_overridden; /* its driver_override is a VFIO driver: taken from the host on purpose */
    uint64_t bar_size[bars_max]; /* bytes, 0: none */
    uint32_t reset_methods;      /* enum gpu_reset */
    uint32_t sriov_total, sriov_enabled;
    struct gpu_mdev_type mdev_types[gpu_mdev_types_max];
    uint32_t mdev_type_len;
    bool is_boot_display;
    uint32_t link_speed_mts, link_width; /* 0: no link report */
    uint32_t link_width_max;             /* what card and slot could both do; 0: not known */
    /* PCI Express errors since the boot, as the kernel counts them (AER). Of the corrected ones,
     * which may be thousands a second, only the power of two. */
    uint64_t errors_fatal, errors_nonfatal, errors_corrected;
    enum gpu_verdict verdict;
    char verdict_detail[reason_size]; /* a sentence that says what to do; "" if assignable */
    enum gpu_health health;
    struct cause health_cause; /* of the quarantine */
};

/*
 * A part of a card that a VM can hold for itself: a virtual function (SR-IOV), or an instance of a
 * mediated device (mdev). A card is given away whole or in its partitions, never both.
 */
#define GPU_TYPE_VF "vf"
struct gpu_partition {
    struct gpu_slot slot;
    /* GPU_TYPE_VF; the type that its driver gave it, or will: "nvidia-35"; "": only a place for
     * one, as a host shows it */
    char type[gpu_profile_size];
    char driver[gpu_driver_size];
    enum gpu_backend backend;
    int32_t iommu_group; /* -1: none */
    uint64_t mmio_size;  /* bytes, as gpu_mmio_size() has it; 0: a mediated device does not tell */
    enum gpu_verdict verdict;
    char verdict_detail[reason_size];
    enum gpu_health health;    /* its own: that of its card is told there */
    struct cause health_cause; /* of the quarantine */
};

/* GPUs that talk to each other, and to no others, while the set is active. model/fabric.h. */
struct fabric_set {
    char id[fabric_id_size];                  /* as the fabric's helper names it */
    struct pci_address gpus[gpus_per_vm_max]; /* ascending */
    uint32_t gpu_len;
    bool is_active;
};

/* Whether its link has fewer lanes than card and slot could have. */
bool gpu_link_is_narrow(const struct gpu *gpu);

/* Whether it is a display or an accelerator, for which a host is looked through by itself. */
bool gpu_is_display(const struct gpu *gpu);

/* Whether it is known to be neither: people call it a device. */
bool gpu_is_other(const struct gpu *gpu);

/* The backend, also of an inventory that a version without backends wrote. */
enum gpu_backend gpu_backend(const struct gpu *gpu);

/* In VFIO's hands. */
bool gpu_is_dismounted(const struct gpu *gpu);

/* Ids and, where it has one, the serial number: what must not change under a slot.
 * "10de:20b5 10de:1533 aa-bb-..." into 'ret' of gpu_identity_size bytes; returns 'ret'. */
const char *gpu_identity(const struct gpu *gpu, char *ret);

/* "NVIDIA Corporation GA100 [10de:20b5]" into 'ret' of 'size' bytes; returns 'ret'. */
const char *gpu_title(const struct gpu *gpu, char *ret, size_t size);

/* Memory of the card by its model; 0: not known. */
uint32_t gpu_memory_gib(const struct gpu *gpu);

/* Whether both are of one make and model: same vendor, device and memory sizes. If not, a
 * sentence into 'difference' (may be NULL). */
bool gpu_same_model(const struct gpu *a, const struct gpu *b, char *difference, size_t size);

/* Guest address space that the card needs, with what goes along: the sum of the memory regions,
 * each a power of two. Bytes. */
uint64_t gpu_mmio_size(const struct gpu *gpu);

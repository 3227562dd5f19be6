/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host is and has: CPUs, memory, every GPU with the survey's verdict, and the checks of a
 * host that wants to pass GPUs to VMs. Reads sysfs, procfs and libpci; changes nothing.
 *
 * These functions may block (a hung driver, a card that wakes up): call them where that is allowed,
 * or through src/host/host.h, which calls them in a process of their own.
 */
#pragma once

#include "model/record.h"

enum {
    host_erasers_max = 8,
    host_path_size = 256,
    host_devices_max = 32, /* listed by hand; as many as a host has slots */
};

/*
 * The kernel's writable files, as a seam: tests play the kernel. 'path' is the absolute path of a
 * file below the root. 0 or negative errno.
 */
struct host_kernel {
    int (*write)(void *userdata, const char *path, const char *text);
    void *userdata;
};

/* A program that erases a device. */
struct host_eraser {
    char name[name_size];
    char program[host_path_size]; /* absolute */
};

struct host_config {
    char node[name_size];          /* this node's name, for the sentences */
    char root[host_path_size];     /* "" is the real one; else holds sys/, proc/, dev/ */
    char modprobe[host_path_size]; /* absolute path of the program */
    char helper[host_path_size];   /* the same, of berth-host; "": this program (host/helper.h) */
    /* PCI functions that are no GPUs and should be treated as such (NVMe, network, ...). */
    struct pci_address devices[host_devices_max + watched_max];
    uint32_t device_len;
    /* Cards that take all others of their IOMMU group along, to one VM. */
    struct pci_address whole_groups[host_devices_max];
    uint32_t whole_group_len;
    struct host_eraser erasers[host_erasers_max];
    uint32_t eraser_len;
    msec_t erase_ms;                    /* how long one of them may take */
    char fabric_helper[host_path_size]; /* absolute; "": no fabric between the GPUs (fabric.c) */
    msec_t fabric_ms;                   /* how long it may take, each time */
    uint64_t memory_reserve_mib; /* kept for the host itself; 0: a sixteenth, 256 to 4096 MiB */
    msec_t limit_ms;             /* of one operation, before its outcome counts as unknown */
    msec_t poll_ms;              /* between two looks at what makes no event */
    char lock_directory[host_path_size]; /* where locks live on what is worked on; "": none */
    struct host_kernel kernel;           /* .write NULL: the real one */
};

extern const struct host_config host_config_default;

/*
 * Reads everything into '*ret', which the caller gives to host_inventory_done(). A card that cannot
 * be read in whole is listed with what is known of it.
 * -ENOMEM; -ENOENT if 'root' holds no sysfs and procfs.
 */
int host_inventory_read(const struct host_config *config, struct node_inventory *ret,
                        struct error *err);
void host_inventory_done(struct node_inventory *inventory);

/* One card, as host_inventory_read() would list it. -ENODEV if there is none at 'address'. */
int host_gpu_read(const struct host_config *config, struct pci_address address, struct gpu *ret,
                  struct error *err);

/* Is the card that the administrator dismounted still the one at its address? */
#define HOST_CARD_LIST(X)                                                                          \
    X(HOST_CARD_SAME, "same")                                                                      \
    X(HOST_CARD_CHANGED, "changed") /* another card sits there now: do not hand it out */          \
    X(HOST_CARD_MOVED, "moved")     /* that card is at another address now: see '*ret_now' */      \
    X(HOST_CARD_GONE, "gone")       /* nothing there, and the card is nowhere else */
ENUM_DECLARE(host_card, HOST_CARD_LIST)

/*
 * Compares 'entry' with the inventory. "Moved" is said only of a card with a serial number that
 * no other card has: the rest cannot be told apart. If not the same, 'sentence' (of 'size'
 * bytes) says what was there and what is. '*ret_now' is where the card is, for same and moved.
 */
enum host_card host_card_check(const struct node_inventory *inventory, const struct dismount *entry,
                               struct pci_address *ret_now, char *sentence, size_t size);

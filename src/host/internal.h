/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share; nothing else includes it. */
#pragma once

#include "base/buf.h"
#include "host/inventory.h"
#include "loop/child.h"

/* ---- sysfs.c: small files below the root ---- */

enum { host_file_size = 512 };

/* The absolute path of 'format', which begins with "/", below the root. False if it is too long. */
bool host_path(const struct host_config *config, char *ret, size_t size, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The first 'size' - 1 bytes of a file without blanks at the end; -errno, 'ret' empty. */
int host_read(const struct host_config *config, char *ret, size_t size, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The whole file, up to 1 MiB. False, what there was in 'ret', if it cannot be read to the end. */
bool host_read_all(const struct host_config *config, struct buf *ret, const char *path);

/* 'size' bytes of the function's configuration space, from 'offset'. False: they cannot be read. */
bool host_read_config(const struct host_config *config, struct pci_address address, off_t offset,
                      void *ret, size_t size);

/* A number in decimal or 0x form; 'otherwise' if there is none. */
int64_t host_read_number(const struct host_config *config, int64_t otherwise, const char *format,
                         ...) PRINTF_LIKE(3, 4);

/* Where a link points: all of it, or only the last component. False, 'ret' empty, if no link. */
bool host_link(const struct host_config *config, char *ret, size_t size, const char *format, ...)
    PRINTF_LIKE(4, 5);
bool host_link_name(const struct host_config *config, char *ret, size_t size, const char *format,
                    ...) PRINTF_LIKE(4, 5);

bool host_exists(const struct host_config *config, const char *format, ...) PRINTF_LIKE(2, 3);

/* The entries of a folder, sorted by name, without those that begin with a dot; an empty list if
 * it cannot be read. */
struct host_entry {
    char name[64];
};
typedef VEC(struct host_entry) host_entries_t;
host_entries_t host_list(const struct host_config *config, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* ---- names.c: libpci ---- */

struct names;
struct names *names_new(const struct host_config *config); /* NULL without memory */
struct names *names_free(struct names *names);
CLEANUP_POINTER(struct names, names_free)

/* Fills in 'vendor_name' and 'device_name' from the ids, 'serial' from the capabilities. */
void names_fill(struct names *names, struct gpu *gpu);

/* ---- card.c: one function ---- */

/* What the survey needs to know beyond struct gpu. */
struct card_facts {
    pid_t
        stuck_pid; /* hangs in the kernel with it, or with the card that it is a part of; 0: none */
    bool is_silent; /* reads all ones */
    bool is_bridge;
    bool is_group_unsafe;        /* VFIO's no-IOMMU mode: a group without an IOMMU */
    char firmware_region[64];    /* that the firmware wants mapped 1:1; "" none */
    struct pci_address stranger; /* of another slot in the same group */
    uint32_t stranger_len;
    uint32_t card_strangers;   /* that VMs could have as well, were it not for the group */
    bool is_with_head;         /* one of them takes the whole group along */
    int lost_bar;              /* without an address; -1 none */
    bool is_reset_off;         /* someone emptied reset_method */
    bool is_alone_on_bus;      /* but for what goes along, behind a bridge */
    uint32_t mdev_len;         /* existing ones */
    bool is_virtual_function;  /* an SR-IOV partition of ... */
    struct pci_address parent; /* ... this card */
    bool is_vendor;            /* its vendor's driver makes vGPUs of virtual functions like it */
    uint32_t vgpu_type;        /* that it has; 0: none */
    char loose_companion[40];  /* "0000:01:00.1 (snd_hda_intel)": no VFIO driver has it; "" none */
    char user[120];            /* who of the host uses it, as a clause; "" no one */
    bool is_framebuffer;       /* that is the firmware's frame buffer */
};

struct card {
    struct gpu gpu;
    struct card_facts facts;
};

/* Reads all but names, 'user' and verdict. False if there is no function at 'address'. 'skip_lock':
 * read nothing that waits for the driver (it hangs, and its lock with it). */
bool card_read(const struct host_config *config, struct pci_address address, bool skip_lock,
               struct card *ret);

/* ---- function.c: which functions are looked at ---- */

/* Whether 'address' is a virtual function, and whose. */
bool card_parent(const struct host_config *config, struct pci_address address,
                 struct pci_address *ret);

/* Whether the survey is about the function at 'address', or about the card that it is a virtual
 * function of. */
bool card_is_wanted(const struct host_config *config, struct pci_address address);

/* ---- companions.c: what goes along ---- */

/* Fills in the IOMMU group, companions and strangers; ids and 'is_virtual_function' are there. */
void companions_read(const struct host_config *config, struct card *card);

/* Whether the function is a bridge, which VFIO leaves alone and no VM can have. */
bool companions_is_bridge(const struct host_config *config, struct pci_address address);

/* ---- partitions.c: parts of cards ---- */

/* Appends to the inventory what VMs can hold of 'cards': their virtual functions, which are among
 * them, judged, and their mediated devices. Sorted. What is beyond gpus_per_node_max is counted in
 * '*left_out'. False without memory. */
bool partitions_add(const struct host_config *config, const struct card *cards, size_t card_len,
                    struct node_inventory *inventory, uint32_t *left_out);

/* ---- backend.c: by which driver ---- */

/* Whether a driver of VFIO has the function of that name: vfio-pci, a variant, or none. */
enum gpu_backend backend_of(const struct host_config *config, const char *name);

/* Whether its driver_override is a driver of VFIO. May wait for its driver. */
bool backend_is_overridden(const struct host_config *config, const char *name);

/* Whether it is a virtual function that is a vGPU, or can become one, by its vendor's driver. */
bool backend_is_vendor(const struct host_config *config, const char *name);

/* Fills in 'is_vendor', 'vgpu_type', the backend that follows, and the types that the function can
 * get. Asks the driver. */
void backend_read_vendor(const struct host_config *config, const char *name, struct card *card);

/* Whether virtual functions of the card are of no use without its vendor's driver. */
bool backend_needs_types(const struct gpu *gpu);

/* The driver of VFIO for the function, loaded, into 'ret' of gpu_driver_size bytes: a variant that
 * was bound by hand; else that of the closest entry for VFIO in the kernel's modules.alias.
 * -ENOENT: it cannot be loaded. */
int backend_driver(const struct host_config *config, const char *name, char *ret,
                   struct error *err);

/* Loads vfio-pci if it is not there. */
int backend_load_vfio(const struct host_config *config, struct error *err);

/* ---- binding.c ---- */

/* Gives the function of that name to its VFIO driver, if that has it not yet, and verifies it. */
int binding_take(const struct host_config *config, const char *name, struct error *err);

/* ---- usage.c: who uses it ---- */

/* Fills in 'facts.user' of every card. */
void usage_find(const struct host_config *config, struct card *cards, size_t card_len);

/* Whether a process has the group's VFIO device open; then 'who' is "qemu-system-x86 (4711)". */
bool usage_of_group(const struct host_config *config, int32_t iommu_group, char *who, size_t size);

/* ---- survey.c: the verdict ---- */

/* What is wrong with the host's IOMMU and what to do, "" if nothing is. 'ret' of reason_size. */
const char *survey_iommu(const struct host_config *config, char *ret);

/* Fills in verdict and verdict_detail. 'iommu' is survey_iommu()'s text. */
void survey_judge(const struct host_config *config, const char *iommu, struct card *card);

/* ---- checks.c ---- */

/* Appends the node's checks. False without memory. */
bool checks_add(const struct host_config *config, const char *iommu,
                struct node_inventory *inventory);

/* ---- load.c ---- */

/* The number in a line "NAME:  123 kB" or "NAME:  123" of meminfo; 0: it is not there. */
uint64_t host_meminfo(const char *meminfo, const char *name);
struct host_load; /* host.h */
void load_read(const struct host_config *config, struct host_load *ret);

/* ---- networks.c ---- */

/* Adds what VMs can be plugged into, or nothing if not all of it can be told. */
void networks_read(const struct host_config *config, struct node_inventory *inventory);

/* ---- fabric.c ---- */

/* Held while sets are read or switched: what is read is not about to change by an order of a berthd
 * that died. */
static const char host_fabric_lock[] = "fabric";

/* Adds the sets of the host's fabric, and the check of it. False without memory. */
bool fabric_read(const struct host_config *config, struct node_inventory *inventory);

/* ---- lock.c: who works on what ---- */

/* A sentence with two places: what is worked on, and the process that hangs. */
#define HOST_STUCK_TEXT                                                                            \
    "an operation on %s hangs in the kernel (process %d), and nothing can end it: its driver "     \
    "does "                                                                                        \
    "not let go. See the kernel's log (dmesg); if it does not come back, reboot this host"

struct busy_card {
    struct pci_address address;
    pid_t stuck_pid; /* that hangs in the kernel with it; 0: nothing does, as far as is known */
};
typedef VEC(struct busy_card) busy_cards_t;

/* Takes the lock of 'what' (an address) for the rest of this process's life; without a
 * 'lock_directory' there is none. Waits 'wait_ms' at most. -EBUSY: another process has it;
 * -EALREADY: and hangs with it. */
int lock_take(const struct host_config *config, const char *what, msec_t wait_ms,
              struct error *err);

/* Adds the cards whose locks are taken. False without memory. */
bool lock_find_busy(const struct host_config *config, busy_cards_t *ret);

/* ---- inventory.c ---- */

/* host_inventory_read() that reads nothing that waits for the drivers of the 'busy' cards. */
int inventory_read(const struct host_config *config, const busy_cards_t *busy,
                   struct node_inventory *ret, struct error *err);

/* Cards with names, users and verdicts. */
void inventory_finish(const struct host_config *config, struct card *cards, size_t card_len);

/* ---- kernel.c: the ways to change something ---- */

/* Writes 'text' into the file at 'format' below the root. 0 or negative errno. */
int kernel_write(const struct host_config *config, const char *text, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* What it does there if no one plays the kernel; 'path' is the whole path. May block for ever. */
int kernel_write_file(const char *path, const char *text);

/* Runs a program, at most 'limit_ms' long, with no other environment than PATH. Its exit code, -1
 * if it was killed, or -errno: it cannot be run. 'ret_errors' of 'size' bytes (0: not wanted) gets
 * the last line of what it said on standard error. */
int kernel_run(const char *program, char *const *arguments, msec_t limit_ms, char *ret_errors,
               size_t size, struct error *err);

/* The same, and all that it said on standard output; up to 64 KiB. NULL: not wanted. -E2BIG: more.
 */
int kernel_run_output(const char *program, char *const *arguments, msec_t limit_ms,
                      struct buf *ret_output, char *ret_errors, size_t size, struct error *err);

/* Whether no one but us can write to a program: anyone who can would be root. -ENOENT; -EPERM. */
int kernel_check_program(const char *program, struct error *err);

/* Loads a module, at most 'limit_ms' long; -ENOENT if that does not work. */
int kernel_load_module(const struct host_config *config, const char *module, struct error *err);

/* ---- uevent.c: what the kernel tells by netlink ---- */

/* A socket that hears of every change, not blocking; -errno. */
int uevent_open(void);

/* Takes everything that waits in 'fd'. Whether any of it may change the inventory; also true if
 * messages were lost. */
bool uevent_drain(int fd);

/* Whether one message ("bind@/devices/...", then NAME=value texts, each with its NUL) does. */
bool uevent_matters(const char *message, size_t size);

/* ---- helper.c, helper_call.c: both ends of the helper process ---- */

#define HOST_WORK_LIST(X)                                                                          \
    X(HOST_WORK_READ, "read")                                                                      \
    X(HOST_WORK_DISMOUNT, "dismount")                                                              \
    X(HOST_WORK_MOUNT, "mount")                                                                    \
    X(HOST_WORK_SPLIT, "split")                                                                    \
    X(HOST_WORK_MAKE, "make")                                                                      \
    X(HOST_WORK_CLEAR, "clear")                                                                    \
    X(HOST_WORK_ERASE, "erase")                                                                    \
    X(HOST_WORK_FABRIC, "fabric")
ENUM_DECLARE(host_work, HOST_WORK_LIST)

enum { host_busy_max = 64 };

/* What the helper is told, byte by byte: it is of the same version. */
struct host_order {
    enum host_work work;
    struct host_config config; /* but for its 'kernel' */
    struct pci_address address;
    bool force;
    uint32_t count;                 /* split; fabric: ... 1: on, 0: off */
    struct gpu_slot slot;           /* make, clear, erase */
    char command[name_size];        /* erase: which of the config's; fabric: which set, ... */
    char profile[gpu_profile_size]; /* make */
    struct dismount division; /* split: into these vGPUs; its profile is "": into 'count' virtual
                                 functions */
    struct busy_card busy[host_busy_max]; /* read: cards that berthd itself works on */
    uint32_t busy_len;
};

/* The name under which an inventory travels as a document. */
static const char host_helper_node[] = "host";

/* The program that helper_start() runs, as a file descriptor: it stays the same program even if its
 * file is replaced meanwhile. -errno: it cannot be opened. */
int helper_open(const struct host_config *config, struct error *err);

/* child_start() with the limit of 'order'. */
int helper_start(sd_event *event, int program_fd, const struct host_order *order,
                 child_done_fn *done, void *userdata, struct child **ret);

/* What came of it: 0 or the operation's own error. 'ret_document' is lent like 'result': a read's
 * inventory as JSON. -ENODATA: the helper died, and how far it came is not known. */
int helper_reply(const struct child_result *result, const char **ret_document, struct error *err);

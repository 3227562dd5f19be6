/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share; nobody else includes it. */
#pragma once

#include "base/buf.h"
#include "host/inventory.h"

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
    bool is_silent; /* reads all ones */
    bool is_bridge;
    bool is_group_unsafe;        /* VFIO's no-IOMMU mode: a group without an IOMMU */
    char firmware_region[64];    /* that the firmware wants mapped 1:1; "" none */
    struct pci_address stranger; /* of another slot in the same group */
    uint32_t stranger_len;
    int lost_bar;              /* without an address; -1 none */
    bool is_reset_off;         /* somebody emptied reset_method */
    uint32_t mdev_len;         /* existing ones */
    bool is_virtual_function;  /* an SR-IOV partition of ... */
    struct pci_address parent; /* ... this card */
    char loose_companion[40];  /* "0000:01:00.1 (snd_hda_intel)": not bound to vfio-pci; "" none */
    char user[120];            /* who of the host uses it, as a clause; "" nobody */
};

struct card {
    struct gpu gpu;
    struct card_facts facts;
};

/* Whether 'address' is a virtual function, and whose. */
bool card_parent(const struct host_config *config, struct pci_address address,
                 struct pci_address *ret);

/* Whether the survey is about the function at 'address', or about the card that it is a virtual
 * function of. */
bool card_is_wanted(const struct host_config *config, struct pci_address address);

/* Reads all but names, 'user' and verdict. False if there is no function at 'address'. 'skip_lock':
 * read nothing that waits for the driver (it hangs, and its lock with it). */
bool card_read(const struct host_config *config, struct pci_address address, bool skip_lock,
               struct card *ret);

/* ---- partitions.c: parts of cards ---- */

/* Appends to the inventory what VMs can hold of 'cards': their virtual functions, which are among
 * them, judged, and their mediated devices. Sorted. False without memory. */
bool partitions_add(const struct host_config *config, const struct card *cards, size_t card_len,
                    struct node_inventory *inventory);

/* ---- binding.c ---- */

/* Gives the function of that name to vfio-pci, if it is not there yet, and verifies it. */
int binding_take(const struct host_config *config, const char *name, struct error *err);
/* Loads vfio-pci if it is not there. */
int binding_load_vfio(const struct host_config *config, struct error *err);

/* ---- usage.c: who uses it ---- */

/* Fills in 'facts.user' of every card that is not bound to vfio-pci. */
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

/* ---- inventory.c ---- */

/* host_inventory_read() that reads nothing that waits for the drivers of the 'busy' cards. */
int inventory_read(const struct host_config *config, const struct pci_address *busy,
                   size_t busy_len, struct node_inventory *ret, struct error *err);

/* Cards with names, users and verdicts. */
void inventory_finish(const struct host_config *config, struct card *cards, size_t card_len);

/* ---- kernel.c: the ways to change something ---- */

/* Writes 'text' into the file at 'format' below the root. 0 or negative errno. */
int kernel_write(const struct host_config *config, const char *text, const char *format, ...)
    PRINTF_LIKE(3, 4);

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

/* ---- job.c: one piece of work on a thread of its own ---- */

#define JOB_KIND_LIST(X)                                                                           \
    X(JOB_READ, "read") X(JOB_DISMOUNT, "dismount") X(JOB_MOUNT, "mount") X(JOB_SPLIT, "split")
ENUM_DECLARE(job_kind, JOB_KIND_LIST)

enum { job_busy_max = 64 };

struct job {
    /* Set before the start, then only read. */
    enum job_kind kind;
    struct host_config config;
    struct pci_address address;
    bool force;
    uint32_t count;
    struct pci_address busy[job_busy_max]; /* read: cards whose drivers may hang */
    size_t busy_len;
    /* The thread's until job_is_done(). */
    int result;
    struct error err;
    struct node_inventory inventory;
    /* job.c's own. */
    int wake_fd;
    int references;
    int is_done;
    /* The loop's: what it keeps about the job. */
    uint64_t id;
    msec_t deadline_ms;
    bool is_overdue;
};

/* NULL without memory. One reference. */
struct job *job_new(enum job_kind kind, const struct host_config *config);
void job_unref(struct job *job);

/* Begins; adds 1 to the eventfd 'wake_fd' (duplicated) at the end. The thread cannot be stopped,
 * and nobody waits for it. -errno without a thread. */
int job_start(struct job *job, int wake_fd);
bool job_is_done(const struct job *job);

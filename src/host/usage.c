/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who of the host uses a card, or what goes along with it: the console, the firmware's frame
 * buffer, a mounted disk, a network interface that is up, a process with one of its device files
 * open. One pass over /proc for all cards.
 *
 * Longer than most: each kind of use is a look of its own, and all tell it of one card.
 */
#include "host/internal.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

/* Descriptors looked at in one pass: a host has some ten thousand; this is the bound, not the use.
 */
enum { descriptors_max = 500 * 1000 };

#define DEVICE "/sys/bus/pci/devices/%s/"

/* A device file, or the begin of one's name, and whose it is. */
struct needle {
    char text[64];
    size_t card;
    bool is_prefix;
};
typedef VEC(struct needle) needles_t;

static void set_user(struct card *card, const char *format, ...) PRINTF_LIKE(2, 3);

static void set_user(struct card *card, const char *format, ...)
{
    if (card->facts.user[0] == '\0') {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(card->facts.user, sizeof(card->facts.user), format, args);
        va_end(args);
    }
}

/* The console is drawn on the first frame buffer, if the frame buffer console is bound at all. */
static bool has_framebuffer_console(const struct host_config *config)
{
    char name[64];
    bool is_bound = false;
    host_entries_t consoles = host_list(config, "/sys/class/vtconsole");
    VEC_EACH(&consoles, each) {
        if (host_read(config, name, sizeof(name), "/sys/class/vtconsole/%s/name", each->name) ==
                0 &&
            strstr(name, "frame buffer")) {
            is_bound |=
                host_read_number(config, 0, "/sys/class/vtconsole/%s/bind", each->name) == 1;
        }
    }
    VEC_DONE(&consoles);
    return is_bound;
}

static void find_console(const struct host_config *config, bool has_console, struct card *card)
{
    char name[pci_address_size];
    pci_address_format(card->gpu.address, name);
    if (has_console && host_exists(config, DEVICE "graphics/fb0", name)) {
        set_user(card, "it shows the host's console");
    } else if (card->gpu.is_boot_display && (card->gpu.driver[0] || has_console)) {
        set_user(card, "it is the host's boot display");
    }
}

static void add_needle(needles_t *needles, size_t card, bool is_prefix, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void add_needle(needles_t *needles, size_t card, bool is_prefix, const char *format, ...)
{
    struct needle *needle = VEC_ADD(needles);
    if (needle) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(needle->text, sizeof(needle->text), format, args);
        va_end(args);
        needle->card = card;
        needle->is_prefix = is_prefix;
    }
}

static void add_sound(const struct host_config *config, struct pci_address address, size_t card,
                      needles_t *needles)
{
    char name[pci_address_size];
    host_entries_t sound = host_list(config, DEVICE "sound", pci_address_format(address, name));
    VEC_EACH(&sound, each) {
        if (strncmp(each->name, "card", 4) == 0) {
            add_needle(needles, card, false, "/dev/snd/controlC%s", each->name + 4);
            add_needle(needles, card, true, "/dev/snd/pcmC%sD", each->name + 4);
        }
    }
    VEC_DONE(&sound);
}

/* The proprietary NVIDIA driver has no DRM card to speak of; it tells the minor here. */
static void add_nvidia(const struct host_config *config, const char *name, size_t card,
                       needles_t *needles)
{
    char path[96];
    unsigned minor;
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", name);
    (void)host_read_all(config, &text, path);
    const char *at = strstr(buf_str(&text), "Device Minor:");
    if (at && sscanf(at + strlen("Device Minor:"), "%u", &minor) == 1) {
        add_needle(needles, card, false, "/dev/nvidia%u", minor);
    }
}

static void add_needles(const struct host_config *config, const struct gpu *gpu, size_t card,
                        needles_t *needles)
{
    static const char *const folders[][2] = {
        {"drm", "/dev/dri/"},
        {"graphics", "/dev/"},
        {"accel", "/dev/accel/"},
        {"habanalabs", "/dev/"},
        {"infiniband_verbs", "/dev/infiniband/"}, /* RDMA needs no interface that is up */
        {"infiniband_mad", "/dev/infiniband/"},
        {"uio", "/dev/"}};
    char name[pci_address_size];
    pci_address_format(gpu->address, name);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        host_entries_t files = host_list(config, DEVICE "%s", name, folders[i][0]);
        VEC_EACH(&files, each) {
            add_needle(needles, card, false, "%s%s", folders[i][1], each->name);
        }
        VEC_DONE(&files);
    }
    add_nvidia(config, name, card, needles);
    add_sound(config, gpu->address, card, needles);
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        add_sound(config, gpu->companions[i], card, needles);
    }
}

static const struct needle *needle_match(const needles_t *needles, const char *target)
{
    VEC_EACH(needles, each) {
        size_t len = strlen(each->text);
        if (strncmp(target, each->text, len) == 0 && (each->is_prefix || target[len] == '\0')) {
            return each;
        }
    }
    return NULL;
}

/* Calls 'found' for each descriptor of each process; it says whether to go on. */
typedef bool found_fn(void *userdata, const char *process, const char *target);

static void each_descriptor(const struct host_config *config, found_fn *found, void *userdata)
{
    uint64_t number;
    char target[128];
    size_t looked_at = 0;
    host_entries_t processes = host_list(config, "/proc");
    VEC_EACH(&processes, process) {
        if (!parse_u64(process->name, INT32_MAX, &number)) {
            continue;
        }
        host_entries_t fds = host_list(config, "/proc/%s/fd", process->name);
        bool goes_on = true;
        VEC_EACH(&fds, fd) {
            goes_on = goes_on && looked_at++ < descriptors_max &&
                      (!host_link(config, target, sizeof(target), "/proc/%s/fd/%s", process->name,
                                  fd->name) ||
                       found(userdata, process->name, target));
        }
        VEC_DONE(&fds);
        if (!goes_on) {
            break;
        }
    }
    VEC_DONE(&processes);
}

struct search {
    const struct host_config *config;
    const needles_t *needles;
    struct card *cards;
};

static bool note_user(void *userdata, const char *process, const char *target)
{
    const struct search *search = userdata;
    const struct needle *needle = needle_match(search->needles, target);
    if (needle) {
        char name[32];
        (void)host_read(search->config, name, sizeof(name), "/proc/%s/comm", process);
        set_user(&search->cards[needle->card], "process %s (%s) has %s open", process, name,
                 target);
    }
    return true;
}

/* A function of one of the cards: the card itself, or what goes along with it. */
struct owner {
    struct card *card; /* NULL: none of them */
    char whose[32];    /* "its", "the", for the sentence ... */
    char of[48];       /* ... and " of its companion 0000:04:00.3", or "" */
};

static bool goes_through(const char *link, struct pci_address address)
{
    char name[pci_address_size], part[pci_address_size + 2];
    (void)snprintf(part, sizeof(part), "/%s/", pci_address_format(address, name));
    return strstr(link, part) != NULL;
}

/* Whose function the device link of a class ("../../devices/pci0000:00/0000:00:01.0/...") goes
 * through. */
static struct owner owner_of_link(struct card *cards, size_t card_len, const char *link)
{
    char name[pci_address_size];
    for (size_t i = 0; i < card_len; i++) {
        const struct gpu *gpu = &cards[i].gpu;
        if (goes_through(link, gpu->address)) {
            return (struct owner){&cards[i], "its", ""};
        }
        for (uint32_t n = 0; n < gpu->companion_len; n++) {
            if (goes_through(link, gpu->companions[n])) {
                struct owner owner = {&cards[i], "the", ""};
                (void)snprintf(owner.of, sizeof(owner.of), " of its companion %s",
                               pci_address_format(gpu->companions[n], name));
                return owner;
            }
        }
    }
    return (struct owner){0};
}

static struct owner owner_in_class(const struct host_config *config, const char *class_name,
                                   const char *name, struct card *cards, size_t card_len)
{
    char link[512];
    return host_link(config, link, sizeof(link), "/sys/class/%s/%s", class_name, name)
               ? owner_of_link(cards, card_len, link)
               : (struct owner){0};
}

static void find_interfaces(const struct host_config *config, struct card *cards, size_t card_len)
{
    host_entries_t all = host_list(config, "/sys/class/net");
    VEC_EACH(&all, each) {
        struct owner owner = owner_in_class(config, "net", each->name, cards, card_len);
        if (owner.card &&
            (host_read_number(config, 0, "/sys/class/net/%s/flags", each->name) & 1)) {
            set_user(owner.card, "%s network interface %s%s is up", owner.whose, each->name,
                     owner.of);
        }
    }
    VEC_DONE(&all);
}

/* Whose a block device is. The name of an NVMe drive that several controllers could reach stands
 * below its subsystem instead of its controller ("nvme_core.multipath"). */
static struct owner owner_of_block(const struct host_config *config, const char *name,
                                   struct card *cards, size_t card_len)
{
    char link[512], subsystem[32];
    struct owner owner = owner_in_class(config, "block", name, cards, card_len);
    const char *at =
        !owner.card && host_link(config, link, sizeof(link), "/sys/class/block/%s", name)
            ? strstr(link, "/nvme-subsystem/")
            : NULL;
    if (!at || sscanf(at, "/nvme-subsystem/%31[^/]", subsystem) != 1) {
        return owner;
    }
    host_entries_t all = host_list(config, "/sys/class/nvme-subsystem/%s", subsystem);
    VEC_EACH(&all, each) {
        if (!owner.card && strncmp(each->name, "nvme", 4) == 0 &&
            host_link(config, link, sizeof(link), "/sys/class/nvme-subsystem/%s/%s", subsystem,
                      each->name)) {
            owner = owner_of_link(cards, card_len, link);
        }
    }
    VEC_DONE(&all);
    return owner;
}

/* Whether a line "36 35 259:1 / /mnt rw - ext4 /dev/sda1 rw" of mountinfo has that device, by
 * number or, for file systems that take a number of their own (btrfs), by name; where. */
static bool is_mounted(const char *mounts, const char *number, const char *name, char *where,
                       size_t size)
{
    char device[32], point[256], source[128];
    for (const char *line = mounts; *line;) {
        char text[1024];
        size_t len = strcspn(line, "\n");
        (void)snprintf(text, sizeof(text), "%.*s", (int)len, line);
        line += len + (line[len] == '\n');
        const char *kind = strstr(text, " - ");
        bool is_line = sscanf(text, "%*s %*s %31s %*s %255s", device, point) == 2;
        bool has_source = kind && sscanf(kind, " - %*s /dev/%127s", source) == 1;
        if (is_line && ((number[0] != '\0' && strcmp(device, number) == 0) ||
                        (has_source && strcmp(source, name) == 0))) {
            (void)snprintf(where, size, "%s", point);
            return true;
        }
    }
    return false;
}

/* Whether a mounted btrfs of several devices has it, of which mountinfo names one only. */
static bool is_in_btrfs(const struct host_config *config, const char *name)
{
    bool is_found = false;
    host_entries_t all = host_list(config, "/sys/fs/btrfs");
    VEC_EACH(&all, each) {
        is_found |= host_exists(config, "/sys/fs/btrfs/%s/devices/%s", each->name, name);
    }
    VEC_DONE(&all);
    return is_found;
}

/* ZFS tells no one which devices it has; udev knows what lies on them. */
static bool is_in_zfs(const struct host_config *config, const char *number)
{
    char path[96];
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), "/run/udev/data/b%s", number);
    return host_exists(config, "/sys/module/zfs") && host_read_all(config, &text, path) &&
           strstr(buf_str(&text), "ID_FS_TYPE=zfs_member");
}

static void judge_disk(const struct host_config *config, const char *name, const char *mounts,
                       const char *swaps, const struct owner *owner)
{
    char number[32] = "", where[64], swap[80];
    (void)host_read(config, number, sizeof(number), "/sys/class/block/%s/dev", name);
    (void)snprintf(swap, sizeof(swap), "/dev/%s ", name);
    host_entries_t holders = host_list(config, "/sys/class/block/%s/holders", name);
    if (is_mounted(mounts, number, name, where, sizeof(where))) {
        set_user(owner->card, "%s disk %s%s is mounted on %s", owner->whose, name, owner->of,
                 where);
    } else if (strstr(swaps, swap)) {
        set_user(owner->card, "the host swaps to %s disk %s%s", owner->whose, name, owner->of);
    } else if (holders.len > 0) {
        set_user(owner->card, "%s disk %s%s is part of %s", owner->whose, name, owner->of,
                 holders.items[0].name);
    } else if (is_in_btrfs(config, name)) {
        set_user(owner->card, "%s disk %s%s is part of a mounted btrfs", owner->whose, name,
                 owner->of);
    } else if (is_in_zfs(config, number)) {
        set_user(owner->card, "%s disk %s%s is part of a ZFS pool", owner->whose, name, owner->of);
    }
    VEC_DONE(&holders);
}

/* A disk that a process has open is in use, too: a VM's, or one of a storage service. */
static void find_disks(const struct host_config *config, struct card *cards, size_t card_len,
                       needles_t *needles)
{
    CLEANUP(buf_done) struct buf mounts = {0};
    CLEANUP(buf_done) struct buf swaps = {0};
    (void)host_read_all(config, &mounts, "/proc/self/mountinfo");
    (void)host_read_all(config, &swaps, "/proc/swaps");
    host_entries_t all = host_list(config, "/sys/class/block");
    VEC_EACH(&all, each) {
        struct owner owner = owner_of_block(config, each->name, cards, card_len);
        if (owner.card) {
            judge_disk(config, each->name, buf_str(&mounts), buf_str(&swaps), &owner);
            add_needle(needles, (size_t)(owner.card - cards), false, "/dev/%s", each->name);
        }
    }
    VEC_DONE(&all);
}

/* Whether 'address' lies in one of the memory regions of the function. */
static bool has_address(const struct host_config *config, struct pci_address function,
                        unsigned long long address)
{
    char path[64], name[pci_address_size];
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), DEVICE "resource", pci_address_format(function, name));
    (void)host_read_all(config, &text, path);
    const char *line = buf_str(&text);
    for (int i = 0; i < bars_max && line && *line; i++) {
        unsigned long long start, end;
        if (sscanf(line, "%llx %llx", &start, &end) == 2 && start > 0 && address >= start &&
            address <= end) {
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

/* As the drivers of the firmware's frame buffer name its memory: sysfb, before one of them has it,
 * the old fbdev ones, and those of DRM. */
static bool is_firmware_framebuffer(const char *name)
{
    static const char *const names[] = {"BOOTFB",    "efifb",  "vesafb",  "simplefb",
                                        "simpledrm", "efidrm", "vesadrm", "simple-framebuffer"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A range of /proc/iomem that is a function's. */
struct claimed {
    unsigned long long start, end;
    struct pci_address function;
};

static void take_framebuffer(const struct host_config *config, unsigned long long address,
                             const struct claimed *around, const char *name, struct card *cards,
                             size_t card_len)
{
    bool is_inside = address >= around->start && address <= around->end;
    for (size_t i = 0; i < card_len; i++) {
        if (!cards[i].facts.is_virtual_function &&
            (has_address(config, cards[i].gpu.address, address) ||
             (is_inside && pci_address_compare(cards[i].gpu.address, around->function) == 0))) {
            cards[i].facts.is_framebuffer = cards[i].facts.user[0] == '\0';
            set_user(&cards[i], "the firmware's frame buffer (%s) lies on its memory", name);
        }
    }
}

/* Lines "  e0000000-efffffff : 0000:65:00.0", below it "    e0000000-e07effff : efifb": what the
 * kernel lists counts, even if the card's registers say something else by now. vfio-pci cannot have
 * that memory as well: "BAR 1: can't reserve". */
static void find_framebuffer(const struct host_config *config, struct card *cards, size_t card_len)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct claimed around = {.start = 1};
    (void)host_read_all(config, &text, "/proc/iomem");
    for (const char *line = buf_str(&text); line && *line;) {
        unsigned long long start, end;
        char name[32];
        bool is_range = sscanf(line, " %llx-%llx : %31[^\n]", &start, &end, name) == 3 && start > 0;
        if (is_range && pci_address_parse(name, &around.function)) {
            around.start = start;
            around.end = end;
        } else if (is_range && is_firmware_framebuffer(name)) {
            take_framebuffer(config, start, &around, name, cards, card_len);
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

void usage_find(const struct host_config *config, struct card *cards, size_t card_len)
{
    needles_t needles = {0};
    bool has_console = has_framebuffer_console(config);
    if (card_len == 0) {
        return;
    }
    for (size_t i = 0; i < card_len; i++) {
        if (!gpu_is_dismounted(&cards[i].gpu)) {
            find_console(config, has_console, &cards[i]);
            add_needles(config, &cards[i].gpu, i, &needles);
        }
    }
    /* What goes along may still be the host's when the card itself no longer is. */
    find_interfaces(config, cards, card_len);
    find_disks(config, cards, card_len, &needles);
    find_framebuffer(config, cards, card_len);
    if (needles.len > 0) {
        struct search search = {config, &needles, cards};
        each_descriptor(config, note_user, &search);
    }
    VEC_DONE(&needles);
}

struct group_search {
    const struct host_config *config;
    char device[32];
    char *who;
    size_t size;
    bool is_found;
};

static bool note_holder(void *userdata, const char *process, const char *target)
{
    struct group_search *search = userdata;
    if (strcmp(target, search->device) != 0) {
        return true;
    }
    char name[32];
    (void)host_read(search->config, name, sizeof(name), "/proc/%s/comm", process);
    (void)snprintf(search->who, search->size, "%s (%s)", name, process);
    search->is_found = true;
    return false;
}

bool usage_of_group(const struct host_config *config, int32_t iommu_group, char *who, size_t size)
{
    struct group_search search = {config, "", who, size, false};
    (void)snprintf(search.device, sizeof(search.device), "/dev/vfio/%d", iommu_group);
    each_descriptor(config, note_holder, &search);
    return search.is_found;
}

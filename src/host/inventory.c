/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/inventory.h"

#include "base/parse.h"
#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { memory_reserve_least_mib = 256, memory_reserve_most_mib = 4096 };

const struct host_config host_config_default = {
    .modprobe = "/sbin/modprobe",
    .limit_ms = 30 * 1000,
    .poll_ms = 15 * 1000,
};

int host_boot_id(const struct host_config *config, char *ret, struct error *err)
{
    int result = host_read(config, ret, host_boot_id_size, "/proc/sys/kernel/random/boot_id");
    if (result < 0 || ret[0] == '\0') {
        return error_set(err, result < 0 ? result : -EIO, "the kernel does not tell its boot id");
    }
    return 0;
}

/* "0-3,8-11": how many. */
static uint32_t count_cpus(const struct host_config *config)
{
    char text[host_file_size], *rest = text, *part;
    uint32_t count = 0;
    if (host_read(config, text, sizeof(text), "/sys/devices/system/cpu/online") < 0) {
        return 1;
    }
    while ((part = strsep(&rest, ","))) {
        unsigned from, to;
        int fields = sscanf(part, "%u-%u", &from, &to);
        count += fields == 2 && to >= from ? to - from + 1 : fields == 1;
    }
    return MAX(count, 1U);
}

static uint64_t usable_memory_mib(const struct host_config *config)
{
    CLEANUP(buf_done) struct buf text = {0};
    unsigned long long kib = 0;
    (void)host_read_all(config, &text, "/proc/meminfo");
    (void)sscanf(buf_str(&text), "MemTotal: %llu kB", &kib);
    uint64_t all = kib >> 10, reserve = config->memory_reserve_mib;
    if (reserve == 0) {
        reserve = MIN(MAX(all / 16, (uint64_t)memory_reserve_least_mib),
                      (uint64_t)memory_reserve_most_mib);
    }
    return all > reserve ? all - reserve : 0;
}

/* "address sizes\t: 46 bits physical, 48 bits virtual", on x86. */
static uint32_t cpu_address_bits(const struct host_config *config)
{
    static const char word[] = "address sizes";
    CLEANUP(buf_done) struct buf text = {0};
    unsigned bits = 0;
    (void)host_read_all(config, &text, "/proc/cpuinfo");
    const char *at = strstr(buf_str(&text), word);
    if (at) {
        (void)sscanf(at + strlen(word), " : %u bits physical", &bits);
    }
    return bits <= 64 ? bits : 0;
}

/* What the unit translates: MGAW, bits 16 to 21 of the capability register (Intel VT-d 11.4.2).
 * Other units do not tell. 0: this one does not. */
static uint32_t unit_address_bits(const struct host_config *config, const char *unit)
{
    char text[32];
    uint64_t capability;
    if (host_read(config, text, sizeof(text), "/sys/class/iommu/%s/intel-iommu/cap", unit) < 0 ||
        !parse_hex(text, UINT64_MAX, &capability)) {
        return 0;
    }
    return (uint32_t)(capability >> 16 & 0x3f) + 1;
}

/* A guest's addresses go through the CPU's tables and, for what its devices reach, the IOMMU's. */
static uint32_t guest_address_bits(const struct host_config *config)
{
    uint32_t bits = cpu_address_bits(config);
    host_entries_t units = host_list(config, "/sys/class/iommu");
    VEC_EACH(&units, each) {
        uint32_t unit = unit_address_bits(config, each->name);
        bits = bits && unit ? MIN(bits, unit) : bits;
    }
    VEC_DONE(&units);
    return bits;
}

void inventory_finish(const struct host_config *config, struct card *cards, size_t card_len)
{
    char iommu[reason_size];
    CLEANUP(names_freep) struct names *names = names_new(config);
    (void)survey_iommu(config, iommu);
    usage_find(config, cards, card_len);
    for (size_t i = 0; i < card_len; i++) {
        if (names) {
            names_fill(names, &cards[i].gpu);
        }
        survey_judge(config, iommu, &cards[i]);
    }
}

/* Whether the card at 'address' is worked on; '*ret_stuck' is the process that hangs with it. */
static bool is_busy(const busy_cards_t *busy, struct pci_address address, pid_t *ret_stuck)
{
    bool is_found = false;
    *ret_stuck = 0;
    VEC_EACH(busy, each) {
        if (pci_address_compare(each->address, address) == 0) {
            is_found = true;
            *ret_stuck = each->stuck_pid ? each->stuck_pid : *ret_stuck;
        }
    }
    return is_found;
}

typedef VEC(struct card) cards_t;

/* Either the cards or their virtual functions, gpus_per_node_max of them; how many more there are
 * is added to '*left_out'. sysfs names sort like addresses. */
static bool read_cards(const struct host_config *config, bool is_virtual, const busy_cards_t *busy,
                       cards_t *cards, uint32_t *left_out)
{
    bool is_whole = true;
    size_t first = cards->len;
    struct pci_address address, parent;
    host_entries_t all = host_list(config, "/sys/bus/pci/devices");
    VEC_EACH(&all, each) {
        struct card card;
        pid_t stuck_pid;
        if (!pci_address_parse(each->name, &address)) {
            continue;
        }
        parent = address;
        if (card_parent(config, address, &parent) != is_virtual ||
            !card_is_wanted(config, address)) {
            continue;
        }
        if (cards->len - first == gpus_per_node_max) {
            ++*left_out;
            continue;
        }
        if (!card_read(config, address, is_busy(busy, parent, &stuck_pid), &card)) {
            continue;
        }
        struct card *place = VEC_ADD(cards);
        is_whole &= place != NULL;
        if (place) {
            *place = card;
            place->facts.stuck_pid = stuck_pid;
        }
    }
    VEC_DONE(&all);
    return is_whole;
}

/* Never in silence. */
static bool add_left_out(struct node_inventory *inventory, uint32_t left_out)
{
    struct node_check *check =
        left_out > 0 ? node_checks_add(&inventory->checks, "functions", false,
                                       "%u cards or partitions are left out: Berth takes %d of "
                                       "each from one host; divide the cards into fewer partitions",
                                       left_out, gpus_per_node_max)
                     : NULL;
    if (check) {
        check->is_advice = true;
    }
    return check || left_out == 0;
}

int inventory_read(const struct host_config *config, const busy_cards_t *busy,
                   struct node_inventory *ret, struct error *err)
{
    char iommu[reason_size];
    struct node_inventory inventory = {0};
    cards_t cards = {0};
    if (host_read(config, inventory.kernel, sizeof(inventory.kernel),
                  "/proc/sys/kernel/osrelease") < 0 ||
        !host_exists(config, "/sys")) {
        return error_set(err, -ENOENT, "there is no sysfs and procfs below \"%s/\"", config->root);
    }
    inventory.cpus = count_cpus(config);
    inventory.memory_mib = usable_memory_mib(config);
    inventory.address_bits = guest_address_bits(config);
    uint32_t left_out = 0;
    bool is_whole = read_cards(config, false, busy, &cards, &left_out) &&
                    read_cards(config, true, busy, &cards, &left_out) &&
                    checks_add(config, survey_iommu(config, iommu), &inventory);
    inventory_finish(config, cards.items, cards.len);
    VEC_EACH(&cards, each) {
        struct gpu *gpu = each->facts.is_virtual_function ? NULL : VEC_ADD(&inventory.gpus);
        is_whole &= gpu || each->facts.is_virtual_function;
        if (gpu) {
            *gpu = each->gpu;
        }
    }
    is_whole &= partitions_add(config, cards.items, cards.len, &inventory, &left_out) &&
                add_left_out(&inventory, left_out);
    VEC_DONE(&cards);
    if (!is_whole) {
        host_inventory_done(&inventory);
        return error_set(err, -ENOMEM, "no memory for the inventory");
    }
    *ret = inventory;
    return 0;
}

int host_inventory_read(const struct host_config *config, struct node_inventory *ret,
                        struct error *err)
{
    const busy_cards_t none = {0};
    return inventory_read(config, &none, ret, err);
}

void host_inventory_done(struct node_inventory *inventory)
{
    VEC_DONE(&inventory->gpus);
    VEC_DONE(&inventory->partitions);
    VEC_DONE(&inventory->checks);
}

int host_gpu_read(const struct host_config *config, struct pci_address address, struct gpu *ret,
                  struct error *err)
{
    char name[pci_address_size];
    struct card card;
    if (!card_read(config, address, false, &card)) {
        return error_set(err, -ENODEV, "there is no PCI function at %s",
                         pci_address_format(address, name));
    }
    inventory_finish(config, &card, 1);
    *ret = card.gpu;
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/inventory.h"

#include "base/parse.h"
#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { memory_reserve_least_mib = 256, memory_reserve_most_mib = 4096 };

const struct host_config host_config_default = {
    .modprobe = "/sbin/modprobe",
    .limit_ms = 30 * 1000,
    .fabric_ms = 10 * 1000, /* also within a reading, which must end before 'limit_ms' */
    .poll_ms = 15 * 1000,
    .erase_ms = 15 * 60 * 1000,
};

/* "0-3,8-11": how many. */
static uint32_t count_list(const char *text)
{
    uint32_t count = 0;
    for (const char *part = text; part; part = strchr(part, ',')) {
        unsigned from, to;
        part += *part == ',';
        int fields = sscanf(part, "%u-%u", &from, &to);
        count += fields == 2 && to >= from ? to - from + 1 : fields == 1;
    }
    return count;
}

static uint32_t count_cpus(const struct host_config *config)
{
    CLEANUP(buf_done) struct buf text = {0};
    (void)host_read_all(config, &text, "/sys/devices/system/cpu/online");
    return MAX(count_list(buf_str(&text)), 1U);
}

/* Total and free pages of each size below 'folder'. */
static void add_huge_pages(const struct host_config *config, const char *folder, int32_t numa_node,
                           struct node_inventory *inventory)
{
    host_entries_t sizes = host_list(config, "%s", folder);
    VEC_EACH(&sizes, each) {
        unsigned size_kib;
        if (inventory->huge_page_len == huge_pages_max ||
            sscanf(each->name, "hugepages-%ukB", &size_kib) != 1) {
            continue;
        }
        int64_t total = host_read_number(config, 0, "%s/%s/nr_hugepages", folder, each->name);
        int64_t unused = host_read_number(config, 0, "%s/%s/free_hugepages", folder, each->name);
        if (total > 0) {
            inventory->huge_pages[inventory->huge_page_len++] =
                (struct huge_pages){numa_node, size_kib, (uint32_t)MIN(total, (int64_t)UINT32_MAX),
                                    (uint32_t)MIN(MAX(unused, INT64_C(0)), (int64_t)UINT32_MAX)};
        }
    }
    VEC_DONE(&sizes);
}

/* A line "Node 0 MemTotal:  123 kB" of a node's own meminfo. */
static uint64_t node_kib(const struct host_config *config, const char *name)
{
    char path[host_path_size];
    unsigned long long kib = 0;
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), "/sys/devices/system/node/%s/meminfo", name);
    (void)host_read_all(config, &text, path);
    const char *at = strstr(buf_str(&text), "MemTotal:");
    if (at) {
        (void)sscanf(at, "MemTotal: %llu kB", &kib);
    }
    return kib;
}

/* Those without CPUs (memory of a GPU, or behind CXL) or without memory are left out: a guest needs
 * both of a node. Of nodes with memory that are left out no one can tell how much they have. */
static void add_numa_node(const struct host_config *config, const char *name, int32_t number,
                          struct node_inventory *inventory)
{
    struct numa_node node = {.id = number};
    uint64_t huge_kib = 0, kib = node_kib(config, name);
    bool is_known = host_read(config, node.cpu_list, sizeof(node.cpu_list),
                              "/sys/devices/system/node/%s/cpulist", name) >= 0 &&
                    strlen(node.cpu_list) < sizeof(node.cpu_list) - 1; /* else it was cut */
    for (uint32_t i = 0; i < inventory->huge_page_len; i++) {
        const struct huge_pages *pages = &inventory->huge_pages[i];
        huge_kib += pages->numa_node == number ? (uint64_t)pages->size_kib * pages->total : 0;
    }
    node.cpus = is_known ? count_list(node.cpu_list) : 0;
    node.memory_mib = (kib - MIN(kib, huge_kib)) >> 10;
    if (kib > 0 && node.cpus > 0 && inventory->numa_node_len < numa_nodes_max) {
        inventory->numa_nodes[inventory->numa_node_len++] = node;
    } else if (kib > 0 && number < 32) {
        inventory->bare_nodes |= UINT32_C(1) << number;
    }
}

static int compare_numbers(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* By number, so that those beyond what is listed are the last ones, not 10 to 15. */
static void read_nodes(const struct host_config *config, struct node_inventory *inventory)
{
    VEC(int32_t) numbers = {0};
    host_entries_t nodes = host_list(config, "/sys/devices/system/node");
    VEC_EACH(&nodes, each) {
        uint64_t number;
        if (strncmp(each->name, "node", 4) == 0 && parse_u64(each->name + 4, INT16_MAX, &number)) {
            int32_t *place = VEC_ADD(&numbers);
            if (place) {
                *place = (int32_t)number;
            }
        }
    }
    VEC_DONE(&nodes);
    if (numbers.len > 0) {
        qsort(numbers.items, numbers.len, sizeof(numbers.items[0]), compare_numbers);
    }
    VEC_EACH(&numbers, number) {
        char name[16], folder[host_path_size];
        (void)snprintf(name, sizeof(name), "node%d", *number);
        (void)snprintf(folder, sizeof(folder), "/sys/devices/system/node/%s/hugepages", name);
        add_huge_pages(config, folder, *number, inventory);
        add_numa_node(config, name, *number, inventory);
    }
    VEC_DONE(&numbers);
    if (inventory->huge_page_len == 0) {
        add_huge_pages(config, "/sys/kernel/mm/hugepages", -1, inventory);
    }
}

/* Huge pages are part of MemTotal, but no process gets them as ordinary memory. */
static void read_memory(const struct host_config *config, struct node_inventory *inventory)
{
    CLEANUP(buf_done) struct buf text = {0};
    uint64_t huge_kib = 0;
    (void)host_read_all(config, &text, "/proc/meminfo");
    read_nodes(config, inventory);
    for (uint32_t i = 0; i < inventory->huge_page_len; i++) {
        huge_kib += (uint64_t)inventory->huge_pages[i].size_kib * inventory->huge_pages[i].total;
    }
    huge_kib = MAX(huge_kib, host_meminfo(buf_str(&text), "Hugetlb"));
    uint64_t kib = host_meminfo(buf_str(&text), "MemTotal");
    uint64_t all = (kib - MIN(kib, huge_kib)) >> 10, reserve = config->memory_reserve_mib;
    if (reserve == 0) {
        reserve = MIN(MAX(all / 16, (uint64_t)memory_reserve_least_mib),
                      (uint64_t)memory_reserve_most_mib);
    }
    /* Not 0, which would mean that memory is not counted. */
    inventory->memory_mib = all > reserve ? all - reserve : 1;
    inventory->huge_default_kib = (uint32_t)host_meminfo(buf_str(&text), "Hugepagesize");
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
    read_memory(config, &inventory);
    inventory.address_bits = guest_address_bits(config);
    networks_read(config, &inventory);
    inventory.takes_sizes = true;
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
    is_whole &= fabric_read(config, &inventory) &&
                partitions_add(config, cards.items, cards.len, &inventory, &left_out) &&
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
    VEC_DONE(&inventory->fabric_sets);
    VEC_DONE(&inventory->networks);
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_topology.h"

#include "base/parse.h"
#include "wire/domain_expander.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    cells_max = numa_nodes_max,
    unit_kib = 2048, /* so that neither page size of a guest is cut where a node ends */
    bus_numbers = 256,
    bus_numbers_below = 64, /* kept for what is on the root bus */
};

/* A NUMA node of the guest. */
struct cell {
    uint32_t id;
    const struct numa_node *host; /* that it lies on; NULL: none that is known */
    uint32_t cpus;
    uint64_t memory_kib;
};

struct guest {
    xmlNode *domain;
    xmlNode *devices;
    const struct domain_compose *compose;
    struct cell cells[cells_max];
    size_t cell_len;
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "out of memory");
}

static xmlNode *child_or_new(xmlNode *parent, const char *name)
{
    xmlNode *node = tree_child(parent, name);
    return node ? node : tree_add(parent, name, NULL);
}

PRINTF_LIKE(3, 4)
static bool set_printed(xmlNode *node, const char *name, const char *format, ...)
{
    char text[96];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return tree_set(node, name, text);
}

/* ---- which nodes of the host ---- */

static const struct numa_node *find_node(const struct domain_compose *compose, int32_t id)
{
    for (size_t i = 0; i < compose->host_node_len; i++) {
        if (compose->host_nodes[i].id == id) {
            return &compose->host_nodes[i];
        }
    }
    return NULL;
}

static bool has_card(const struct domain_compose *compose, const struct numa_node *node)
{
    for (size_t i = 0; i < compose->device_len; i++) {
        if (compose->devices[i].numa_node == node->id) {
            return true;
        }
    }
    return false;
}

/* The one with the most memory of those that are not 'taken' yet, a bit each. */
static int largest(const struct domain_compose *compose, uint32_t taken)
{
    int found = -1;
    for (size_t i = 0; i < compose->host_node_len; i++) {
        bool is_free = !(taken & UINT32_C(1) << i);
        if (is_free && (found < 0 || compose->host_nodes[i].memory_mib >
                                         compose->host_nodes[found].memory_mib)) {
            found = (int)i;
        }
    }
    return found;
}

/* Those with its cards; and further ones if these have not enough memory or processors. A bit
 * each, 0: there are none with its cards. */
static uint32_t choose_nodes(const struct domain_compose *compose, uint32_t cpus,
                             uint64_t memory_mib)
{
    uint32_t taken = 0, cpus_there = 0;
    uint64_t memory_there = 0;
    for (size_t i = 0; i < compose->host_node_len; i++) {
        if (has_card(compose, &compose->host_nodes[i])) {
            taken |= UINT32_C(1) << i;
            cpus_there += compose->host_nodes[i].cpus;
            memory_there += compose->host_nodes[i].memory_mib;
        }
    }
    while (taken && (cpus_there < cpus || memory_there < memory_mib)) {
        int more = largest(compose, taken);
        if (more < 0) {
            break;
        }
        taken |= UINT32_C(1) << more;
        cpus_there += compose->host_nodes[more].cpus;
        memory_there += compose->host_nodes[more].memory_mib;
    }
    return taken;
}

/* ---- the guest's nodes ---- */

/* As many as there can ever be, not only those that are on at the start. */
static uint32_t cpus_of(const xmlNode *domain)
{
    uint64_t cpus = 1;
    CLEANUP(freep) char *text = tree_text(tree_child(domain, "vcpu"));
    if (text) {
        (void)tree_number(text, UINT32_MAX, &cpus);
    }
    return (uint32_t)MAX(cpus, UINT64_C(1));
}

/* The threads of a core stay on one node. */
static uint32_t threads_of(const xmlNode *domain, uint32_t cpus)
{
    const xmlNode *topology = tree_child(tree_child(domain, "cpu"), "topology");
    uint32_t threads = tree_attribute_number(topology, "threads");
    return threads > 0 && cpus % threads == 0 ? threads : 1;
}

static uint64_t page_kib(const xmlNode *domain)
{
    const xmlNode *page =
        tree_child(tree_child(tree_child(domain, "memoryBacking"), "hugepages"), "page");
    CLEANUP(freep) char *size = tree_attribute(page, "size");
    CLEANUP(freep) char *unit = tree_attribute(page, "unit");
    uint64_t amount = 0, factor = 0;
    bool is_size =
        size && tree_unit(unit ? unit : "KiB", &factor) && tree_number(size, UINT32_MAX, &amount);
    return is_size ? MAX(amount * factor >> 10, (uint64_t)unit_kib) : unit_kib;
}

/* What the first nodes of weight 'before' of 'all' get of 'units', of which each of the first
 * 'index' of 'len' nodes gets at least one. */
static uint64_t share(uint64_t units, size_t index, size_t len, uint64_t before, uint64_t all)
{
    uint64_t rest = units - len;
    return index + (all > 0 ? rest * before / all : rest * index / len);
}

/* CPUs and memory by what the host's nodes have of them. */
static void divide(struct guest *guest, uint32_t cpus, uint64_t memory_kib, uint64_t unit)
{
    uint32_t threads = threads_of(guest->domain, cpus);
    uint64_t cpus_all = 0, memory_all = 0, cpus_before = 0, memory_before = 0;
    size_t len = guest->cell_len;
    for (size_t i = 0; i < len; i++) {
        cpus_all += guest->cells[i].host->cpus;
        memory_all += guest->cells[i].host->memory_mib;
    }
    uint64_t cpu_begin = 0, memory_begin = 0;
    for (size_t i = 0; i < len; i++) {
        struct cell *cell = &guest->cells[i];
        cpus_before += cell->host->cpus;
        memory_before += cell->host->memory_mib;
        uint64_t cpu_end = share(cpus / threads, i + 1, len, cpus_before, cpus_all) * threads;
        uint64_t memory_end =
            share(memory_kib / unit, i + 1, len, memory_before, memory_all) * unit;
        memory_end = i + 1 == len ? memory_kib : memory_end;
        cell->cpus = (uint32_t)(cpu_end - cpu_begin);
        cell->memory_kib = memory_end - memory_begin;
        cpu_begin = cpu_end;
        memory_begin = memory_end;
    }
}

static bool write_cells(struct guest *guest)
{
    xmlNode *numa = tree_add(child_or_new(guest->domain, "cpu"), "numa", NULL);
    uint32_t first = 0;
    bool is_ok = numa != NULL;
    for (size_t i = 0; is_ok && i < guest->cell_len; i++) {
        const struct cell *cell = &guest->cells[i];
        xmlNode *node = tree_add(numa, "cell", NULL);
        is_ok = set_printed(node, "id", "%" PRIu32, cell->id) &&
                set_printed(node, "cpus", "%" PRIu32 "-%" PRIu32, first, first + cell->cpus - 1) &&
                set_printed(node, "memory", "%" PRIu64, cell->memory_kib) &&
                set_printed(node, "unit", "KiB");
        first += cell->cpus;
    }
    return is_ok;
}

static int make_cells(struct guest *guest)
{
    uint32_t cpus = cpus_of(guest->domain);
    uint64_t memory_mib = tree_mib(tree_child(guest->domain, "memory"));
    uint64_t memory_kib = memory_mib << 10, unit = page_kib(guest->domain);
    uint32_t nodes = choose_nodes(guest->compose, cpus, memory_mib);
    uint64_t most = MIN((uint64_t)(cpus / threads_of(guest->domain, cpus)), memory_kib / unit);
    for (size_t i = 0; i < guest->compose->host_node_len && guest->cell_len < most; i++) {
        if (nodes & UINT32_C(1) << i) {
            guest->cells[guest->cell_len] = (struct cell){.id = (uint32_t)guest->cell_len,
                                                          .host = &guest->compose->host_nodes[i]};
            guest->cell_len++;
        }
    }
    if (guest->cell_len == 0) {
        return 0;
    }
    divide(guest, cpus, memory_kib, unit);
    return write_cells(guest) ? 0 : no_memory(guest->err);
}

static void read_cells(struct guest *guest, const xmlNode *numa)
{
    TREE_EACH(numa, "cell", node)
    {
        if (guest->cell_len == cells_max) {
            break;
        }
        CLEANUP(freep) char *id = tree_attribute(node, "id");
        struct cell *cell = &guest->cells[guest->cell_len];
        cell->id = id ? tree_attribute_number(node, "id") : (uint32_t)guest->cell_len;
        cell->host = find_node(guest->compose, expander_host_node(guest->domain, (int)cell->id));
        guest->cell_len++;
    }
}

/* ---- memory and processors ---- */

/* Preferred and not strict: what others have taken of that node is no reason not to start. */
static bool bind_memory(struct guest *guest)
{
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < guest->cell_len; i++) {
        const struct cell *cell = &guest->cells[i];
        xmlNode *node =
            cell->host ? tree_add(child_or_new(guest->domain, "numatune"), "memnode", NULL) : NULL;
        is_ok = !cell->host || (set_printed(node, "cellid", "%" PRIu32, cell->id) &&
                                tree_set(node, "mode", "preferred") &&
                                set_printed(node, "nodeset", "%" PRIi32, cell->host->id));
    }
    return is_ok;
}

/* Each to all processors of its node: several VMs share a host. */
static bool pin(struct guest *guest, const struct cell *cell, const char *cpus)
{
    uint32_t all = cpus_of(guest->domain);
    bool is_ok = true;
    for (uint32_t cpu = 0; is_ok && cpu < all; cpu++) {
        if (!number_set_has(cpus, (int)cpu)) {
            continue;
        }
        xmlNode *node = tree_add(child_or_new(guest->domain, "cputune"), "vcpupin", NULL);
        is_ok = set_printed(node, "vcpu", "%" PRIu32, cpu) &&
                tree_set(node, "cpuset", cell->host->cpu_list);
    }
    return is_ok;
}

static bool pin_all(struct guest *guest)
{
    const xmlNode *numa = tree_child(tree_child(guest->domain, "cpu"), "numa");
    size_t i = 0;
    bool is_ok = true;
    TREE_EACH(numa, "cell", node)
    {
        CLEANUP(freep) char *cpus = tree_attribute(node, "cpus");
        if (is_ok && i < guest->cell_len && cpus && guest->cells[i].host) {
            is_ok = pin(guest, &guest->cells[i], cpus);
        }
        i++;
    }
    return is_ok;
}

static bool is_pinned(const xmlNode *domain)
{
    CLEANUP(freep) char *cpuset = tree_attribute(tree_child(domain, "vcpu"), "cpuset");
    return cpuset || tree_child(tree_child(domain, "cputune"), "vcpupin");
}

/* ---- buses ---- */

static bool has_own_expander(const xmlNode *devices)
{
    TREE_EACH(devices, "controller", controller)
    {
        if (tree_attribute_is(controller, "model", "pcie-expander-bus")) {
            return true;
        }
    }
    return false;
}

/* How many root ports the cards of that node take: at most one for each function. */
static uint32_t ports_of(const struct guest *guest, const struct cell *cell)
{
    uint32_t ports = 0;
    for (size_t i = 0; cell->host && i < guest->compose->device_len; i++) {
        const struct domain_device *device = &guest->compose->devices[i];
        ports += device->numa_node == cell->host->id ? 1 + device->companion_len : 0;
    }
    return ports;
}

static bool add_expander(struct guest *guest, const struct cell *cell, uint32_t bus_number)
{
    char node[16];
    xmlNode *controller = tree_add(guest->devices, "controller", NULL);
    (void)snprintf(node, sizeof(node), "%" PRIu32, cell->id);
    uint32_t index = expander_next_bus(guest->domain);
    if (!tree_set(controller, "type", "pci") ||
        !set_printed(controller, "index", "%" PRIu32, index) ||
        !tree_set(controller, "model", "pcie-expander-bus")) {
        return false;
    }
    xmlNode *target = tree_add(controller, "target", NULL);
    return set_printed(target, "busNr", "%" PRIu32, bus_number) && tree_add(target, "node", node);
}

/* Each needs a number for itself and one for each of its ports, from the top downwards: those of
 * the root bus begin below. */
static int add_expanders(struct guest *guest)
{
    uint32_t numbers = 0;
    for (size_t i = 0; i < guest->cell_len; i++) {
        uint32_t ports = ports_of(guest, &guest->cells[i]);
        numbers += ports > 0 ? 1 + ports : 0;
    }
    if (numbers > bus_numbers - bus_numbers_below) {
        return error_set(guest->err, -EINVAL,
                         "the GPUs leave no PCI bus numbers for a guest that "
                         "mirrors its host: set its topology to none");
    }
    uint32_t next = bus_numbers - numbers;
    for (size_t i = 0; i < guest->cell_len; i++) {
        uint32_t ports = ports_of(guest, &guest->cells[i]);
        if (ports > 0 && !add_expander(guest, &guest->cells[i], next)) {
            return no_memory(guest->err);
        }
        next += ports > 0 ? 1 + ports : 0;
    }
    return 0;
}

/* ---- the whole ---- */

int topology_write(xmlNode *domain, xmlNode *devices, const struct domain_compose *compose,
                   bool has_expanders, struct error *err)
{
    struct guest guest = {.domain = domain, .devices = devices, .compose = compose, .err = err};
    const xmlNode *numa = tree_child(tree_child(domain, "cpu"), "numa");
    bool is_bound = tree_child(domain, "numatune") != NULL;
    if (!choose_nodes(compose, 1, 0) || (is_bound && !numa)) {
        return 0;
    }
    int r = 0;
    if (numa) {
        read_cells(&guest, numa);
    } else {
        r = make_cells(&guest);
    }
    if (r == 0 && !((is_bound || bind_memory(&guest)) && (is_pinned(domain) || pin_all(&guest)))) {
        r = no_memory(err);
    }
    return r == 0 && has_expanders && !has_own_expander(devices) ? add_expanders(&guest) : r;
}

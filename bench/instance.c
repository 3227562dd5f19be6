/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench/instance.h"

#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(bench_mix, BENCH_MIX_LIST)

enum { host_gpus = 8, host_cpus = 96, host_memory = 768 * 1024, memory_unit = 4096 };

static uint32_t gpus_of(const struct instance_kind *kind)
{
    return kind->host_gpus ? kind->host_gpus : host_gpus;
}

static void *have(void *memory)
{
    if (!memory) {
        perror("bench");
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* A number below 'limit' (splitmix64). */
static uint32_t draw(uint64_t *seed, uint32_t limit)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 16) % limit;
}

/* ---- drawing ---- */

static void add_vm(struct instance *instance, uint32_t gpus, uint32_t cpus, uint32_t memory,
                   uint32_t host)
{
    struct bench_vm *vm = have(VEC_ADD(&instance->vms));
    *vm = (struct bench_vm){.gpus = gpus, .cpus = cpus, .memory = memory, .host = host};
}

/* Ascending places where [0, total) is cut into 'len' parts of at least 1; the parts into 'ret'. */
static void cut(uint64_t *seed, uint32_t total, uint32_t len, uint32_t ret[host_gpus])
{
    bool is_cut[1024] = {false};
    for (uint32_t left = len - 1; left > 0;) {
        uint32_t at = 1 + draw(seed, total - 1);
        left -= !is_cut[at];
        is_cut[at] = true;
    }
    uint32_t part = 0, first = 0;
    for (uint32_t i = 1; i <= total; i++) {
        if (i == total || is_cut[i]) {
            ret[part++] = i - first;
            first = i;
        }
    }
}

/* VMs that fill 'host' exactly. */
static void cut_host(struct instance *instance, uint32_t host, bool is_all, uint64_t *seed)
{
    uint32_t parts[host_gpus], cpus[host_gpus], memory[host_gpus], len = 0;
    for (uint32_t left = host_gpus; left > 0;) {
        uint32_t size = 1U << draw(seed, 4);
        if (size <= left) {
            parts[len++] = size;
            left -= size;
        }
    }
    cut(seed, host_cpus, len, cpus);
    cut(seed, host_memory / memory_unit, len, memory);
    for (uint32_t i = 0; i < len; i++) {
        add_vm(instance, parts[i], is_all ? cpus[i] : 4 * parts[i],
               is_all ? memory[i] * memory_unit : 32768 * parts[i], host);
    }
}

/* A random host with so many free GPUs; PLAN_NONE: there is none. */
static uint32_t random_host(const uint32_t *used, const struct instance_kind *kind, uint32_t gpus,
                            uint64_t *seed)
{
    uint32_t hosts = kind->hosts;
    uint32_t first = draw(seed, hosts);
    for (uint32_t i = 0; i < hosts; i++) {
        uint32_t host = (first + i) % hosts;
        if (used[host] + gpus <= gpus_of(kind)) {
            return host;
        }
    }
    return PLAN_NONE;
}

static void draw_mixed(struct instance *instance, const struct instance_kind *kind, uint64_t *seed)
{
    static const uint32_t sizes[15] = {8, 4, 4, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    uint32_t *used = have(calloc(kind->hosts, sizeof(*used)));
    uint32_t want = kind->hosts * gpus_of(kind) * kind->percent / 100;
    for (uint32_t sum = 0; sum < want && (kind->vms == 0 || instance->vms.len < kind->vms);) {
        uint32_t size = sizes[draw(seed, 15)];
        size = sum + size > want ? 1 : size;
        uint32_t host = random_host(used, kind, size, seed);
        if (host != PLAN_NONE) {
            used[host] += size;
            sum += size;
            add_vm(instance, size, 8 * size, 65536 * size, host);
        }
    }
    free(used);
}

static void shuffle(struct instance *instance, uint64_t *seed)
{
    for (uint32_t i = (uint32_t)instance->vms.len; i > 1; i--) {
        uint32_t k = draw(seed, i);
        struct bench_vm moved = instance->vms.items[i - 1];
        instance->vms.items[i - 1] = instance->vms.items[k];
        instance->vms.items[k] = moved;
    }
    for (uint32_t i = 0; i < instance->vms.len; i++) {
        snprintf(instance->vms.items[i].name, sizeof(instance->vms.items[i].name), "vm%05u", i);
    }
}

/* Drops VMs until only 'percent' of the GPUs are in use. */
static void thin_out(struct instance *instance, const struct instance_kind *kind)
{
    uint32_t want = kind->hosts * host_gpus * kind->percent / 100, sum = kind->hosts * host_gpus;
    while (sum > want && instance->vms.len > 0) {
        sum -= instance->vms.items[--instance->vms.len].gpus;
    }
}

/* The host with the most VMs among those that are up goes down. */
static void fail_one(struct instance *instance)
{
    uint32_t *counts = have(calloc(instance->hosts.len, sizeof(*counts)));
    VEC_EACH(&instance->vms, vm) {
        counts[vm->host]++;
    }
    uint32_t hit = PLAN_NONE;
    for (uint32_t i = 0; i < instance->hosts.len; i++) {
        if (instance->hosts.items[i].is_up && (hit == PLAN_NONE || counts[i] > counts[hit])) {
            hit = i;
        }
    }
    instance->hosts.items[hit].is_up = false;
    free(counts);
}

void instance_make(struct instance *ret, const struct instance_kind *kind)
{
    uint64_t seed = kind->seed * 1000003 + (uint64_t)kind->mix;
    ret->hosts.len = ret->vms.len = 0;
    for (uint32_t i = 0; i < kind->hosts; i++) {
        struct bench_host *host = have(VEC_ADD(&ret->hosts));
        *host = (struct bench_host){.gpus = gpus_of(kind), .is_up = true};
        host->cpus = host_cpus / host_gpus * host->gpus;
        host->memory = host_memory / host_gpus * host->gpus;
        snprintf(host->name, sizeof(host->name), "n%05u", i);
    }
    if (kind->mix == BENCH_ONE) {
        for (uint32_t i = 0; i < kind->vms; i++) {
            add_vm(ret, 1, 4, 32768, i % kind->hosts);
        }
    } else if (kind->mix == BENCH_MIXED) {
        draw_mixed(ret, kind, &seed);
    } else {
        for (uint32_t i = 0; i < kind->hosts; i++) {
            cut_host(ret, i, kind->mix == BENCH_CUT3, &seed);
        }
    }
    shuffle(ret, &seed);
    if (kind->mix == BENCH_CUT && kind->percent > 0) {
        thin_out(ret, kind);
    }
    for (uint32_t i = 0; i < kind->failed; i++) {
        fail_one(ret);
    }
    for (uint32_t i = 0; i < ret->vms.len && kind->failed == 0; i++) {
        ret->vms.items[i].host = PLAN_NONE;
    }
}

/* ---- text ---- */

void instance_write(const struct instance *instance, FILE *file)
{
    for (size_t i = 0; i < instance->hosts.len; i++) {
        const struct bench_host *host = &instance->hosts.items[i];
        fprintf(file, "host %s %u %u %u %s\n", host->name, host->gpus, host->cpus, host->memory,
                host->is_up ? "up" : "down");
    }
    for (size_t i = 0; i < instance->vms.len; i++) {
        const struct bench_vm *vm = &instance->vms.items[i];
        fprintf(file, "vm %s %u %u %u %s\n", vm->name, vm->gpus, vm->cpus, vm->memory,
                vm->host == PLAN_NONE ? "-" : instance->hosts.items[vm->host].name);
    }
}

static uint32_t host_named(const struct instance *instance, const char *name)
{
    for (uint32_t i = 0; i < instance->hosts.len; i++) {
        if (strcmp(instance->hosts.items[i].name, name) == 0) {
            return i;
        }
    }
    return PLAN_NONE;
}

bool instance_read(struct instance *ret, FILE *file)
{
    char kind[8], name[12], word[12];
    uint32_t gpus, cpus, memory;
    ret->hosts.len = ret->vms.len = 0;
    while (fscanf(file, "%7s %11s %u %u %u %11s", kind, name, &gpus, &cpus, &memory, word) == 6) {
        if (strcmp(kind, "host") == 0) {
            struct bench_host *host = have(VEC_ADD(&ret->hosts));
            *host = (struct bench_host){
                .gpus = gpus, .cpus = cpus, .memory = memory, .is_up = strcmp(word, "up") == 0};
            memcpy(host->name, name, sizeof(host->name));
        } else {
            add_vm(ret, gpus, cpus, memory, host_named(ret, word));
            memcpy(ret->vms.items[ret->vms.len - 1].name, name, sizeof(name));
        }
    }
    return feof(file) && ret->hosts.len > 0;
}

void instance_done(struct instance *instance)
{
    VEC_DONE(&instance->hosts);
    VEC_DONE(&instance->vms);
}

/* ---- model ---- */

static void put_running(struct plan_model *model, uint32_t vm, uint32_t host)
{
    uint32_t gpus[gpus_per_vm_max];
    uint32_t len = plan_choose_gpus(model, vm, host, gpus);
    if (len == PLAN_NONE) {
        fprintf(stderr, "bench: %s is overfull\n", plan_node_name(model, host));
        exit(EXIT_FAILURE);
    }
    plan_vm_put(model, vm, host, gpus, len);
}

struct plan_model *instance_model(const struct instance *instance, uint32_t *ret_vms,
                                  uint32_t *ret_len)
{
    struct plan_size size = {1, (uint32_t)instance->hosts.len,
                             (uint32_t)instance->hosts.len * instance->hosts.items[0].gpus,
                             (uint32_t)instance->vms.len};
    struct plan_model *model = have(plan_model_new(&size));
    plan_pool_add(model, "gpu");
    for (size_t i = 0; i < instance->hosts.len; i++) {
        const struct bench_host *host = &instance->hosts.items[i];
        struct plan_node node = {.name = host->name,
                                 .mode = host->is_up ? PLAN_ACTIVE : PLAN_DOWN,
                                 .cpus = host->cpus,
                                 .memory_mib = host->memory};
        plan_node_add(model, &node);
        for (uint32_t k = 0; k < host->gpus; k++) {
            plan_gpu_add(model, &(struct plan_gpu){.card = k, .position = k, .numa = (int)k / 4});
        }
    }
    *ret_len = 0;
    for (uint32_t i = 0; i < instance->vms.len; i++) {
        const struct bench_vm *vm = &instance->vms.items[i];
        plan_vm_add(model, &(struct plan_vm){.name = vm->name,
                                             .needs = {{0, vm->gpus}},
                                             .need_len = 1,
                                             .cpus = vm->cpus,
                                             .memory_mib = vm->memory});
        if (vm->host != PLAN_NONE) {
            put_running(model, i, vm->host);
        }
        if (vm->host == PLAN_NONE || !instance->hosts.items[vm->host].is_up) {
            ret_vms[(*ret_len)++] = i;
        }
    }
    return model;
}

bool instance_is_feasible_by_gpus(const struct instance *instance)
{
    uint32_t *room = have(calloc(instance->hosts.len, sizeof(*room)));
    uint64_t wants[gpus_per_vm_max + 1] = {0};
    for (size_t i = 0; i < instance->hosts.len; i++) {
        room[i] = instance->hosts.items[i].is_up ? instance->hosts.items[i].gpus : 0;
    }
    for (size_t i = 0; i < instance->vms.len; i++) {
        const struct bench_vm *vm = &instance->vms.items[i];
        if (vm->host != PLAN_NONE && instance->hosts.items[vm->host].is_up) {
            room[vm->host] -= vm->gpus;
        } else {
            wants[vm->gpus]++;
        }
    }
    bool is_feasible = true;
    for (uint32_t size = gpus_per_vm_max; size > 0; size /= 2) {
        for (size_t i = 0; i < instance->hosts.len; i++) {
            while (wants[size] > 0 && room[i] >= size) {
                room[i] -= size;
                wants[size]--;
            }
        }
        is_feasible &= wants[size] == 0;
    }
    free(room);
    return is_feasible;
}

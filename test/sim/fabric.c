/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fabric between the GPUs of a host, and its manager, which refuses what it cannot do. */
#include "test/sim/internal.h"

enum { switch_ms = 80, restart_ms = 30000 };

/* The sets: 1, 2, 4 ... neighbours. Set number n of 'size' begins at GPU n * size. */
struct fake_set {
    uint32_t size, number;
};

static struct fabric_set make_set(const struct host *host, struct fake_set set)
{
    struct fabric_set made = {.gpu_len = set.size};
    uint64_t gpus = ((UINT64_C(1) << set.size) - 1) << (set.number * set.size);
    SET_TEXT(made.id, "%u-%u", set.size, set.number);
    for (uint32_t i = 0; i < set.size; i++) {
        made.gpus[i] = host->gpus.items[set.number * set.size + i].gpu.address;
    }
    VEC_EACH(&host->active_sets, active) {
        made.is_active |= *active == gpus;
    }
    return made;
}

static uint64_t bits_of(const struct host *host, const char *id)
{
    for (uint32_t size = 1; size <= MIN(host->gpus.len, (size_t)gpus_per_vm_max); size *= 2) {
        for (uint32_t number = 0; (number + 1) * size <= host->gpus.len; number++) {
            const struct fabric_set set = make_set(host, (struct fake_set){size, number});
            if (strcmp(set.id, id) == 0) {
                return ((UINT64_C(1) << size) - 1) << (number * size);
            }
        }
    }
    return 0;
}

void fabric_tell(const struct host *host, struct node_inventory *inventory)
{
    inventory->has_fabric = host->config->has_fabric;
    uint32_t largest = 1;
    while (largest * 2 <= MIN(host->gpus.len, (size_t)gpus_per_vm_max)) {
        largest *= 2;
    }
    for (uint32_t size = host->config->has_fabric ? largest : 0; size > 0; size /= 2) {
        for (uint32_t number = 0; (number + 1) * size <= host->gpus.len; number++) {
            *ADD_TO(&inventory->fabric_sets) = make_set(host, (struct fake_set){size, number});
        }
    }
}

void fabric_reset(struct sim *sim, struct host *host)
{
    host->active_sets.len = 0;
    host->fabric_reset_ms = sim->now_ms;
}

uint64_t fabric_bit(const struct host *host, struct pci_address gpu)
{
    for (size_t i = 0; i < host->gpus.len; i++) {
        if (pci_address_compare(host->gpus.items[i].gpu.address, gpu) == 0) {
            return UINT64_C(1) << i;
        }
    }
    return 0;
}

bool fabric_has_set(const struct host *host, uint64_t gpus, uint32_t count)
{
    uint64_t set = (UINT64_C(1) << count) - 1;
    if (!host->config->has_fabric || count < 2) {
        return true;
    }
    for (uint32_t first = 0; (count & (count - 1)) == 0 && first + count <= 64; first += count) {
        if ((gpus & set << first) == set << first) {
            return true;
        }
    }
    return false;
}

static uint64_t gpus_of(const struct host *host, const struct instance *instance)
{
    uint64_t gpus = 0;
    VEC_EACH(&instance->gpus, hold) {
        gpus |= fabric_bit(host, hold->slot.address);
    }
    return gpus;
}

/* Its GPUs can talk to each other, and to no others. */
static bool can_talk(const struct host *host, uint64_t gpus)
{
    bool is_active = false;
    VEC_EACH(&host->active_sets, active) {
        is_active |= *active == gpus;
        if ((*active & gpus) != 0 && *active != gpus) {
            return false;
        }
    }
    return is_active;
}

void fabric_begin(struct sim *sim, const struct host *host, const struct instance *instance)
{
    uint64_t gpus = gpus_of(host, instance);
    bool was_reset = sim->now_ms < host->fabric_reset_ms + restart_ms;
    if (host->config->has_fabric && gpus != 0 && !was_reset && !can_talk(host, gpus)) {
        violation(sim, "%s begins on %s, but its GPUs are no set of their own", instance->vm,
                  host->config->name);
    }
}

void fabric_quiet(struct sim *sim)
{
    VEC_EACH(&sim->hosts, each) {
        const struct host *host = *each;
        uint64_t used = 0;
        if (!host->config->has_fabric || !host->process) {
            continue;
        }
        VEC_EACH(&host->instances, instance) {
            uint64_t gpus = gpus_of(host, *instance);
            used |= gpus;
            if (gpus != 0 && !can_talk(host, gpus)) {
                violation(sim, "%s runs on %s, but its GPUs are no set of their own",
                          (*instance)->vm, host->config->name);
            }
        }
        WORLD_EACH(&sim->store.world, RECORD_CLAIM, claim) { /* also of one that is not up yet */
            struct gpu_slot slot;
            bool is_here = strcmp((*claim)->key.name, host->config->name) == 0 &&
                           gpu_slot_parse((*claim)->key.second, &slot);
            used |= is_here ? fabric_bit(host, slot.address) : 0;
        }
        VEC_EACH(&host->active_sets, active) {
            if ((*active & used) == 0) {
                violation(sim, "a set of %s is active that no VM has", host->config->name);
            }
        }
    }
}

struct order {
    uint64_t answer_id, life;
    char set[fabric_id_size];
    bool is_on;
};

/* NULL: done. */
static const char *carry_out(struct sim *sim, struct host *host, const struct order *order)
{
    uint64_t gpus = bits_of(host, order->set);
    if (host->bad_fabrics > 0) {
        host->bad_fabrics--;
        return "the fabric manager is busy";
    }
    for (size_t i = host->active_sets.len; i-- > 0;) {
        uint64_t active = host->active_sets.items[i];
        if (active == gpus && order->is_on) {
            return NULL;
        }
        if (active == gpus) {
            VEC_REMOVE(&host->active_sets, i);
        } else if ((active & gpus) != 0 && order->is_on) {
            violation(sim, "%s is to activate a set while another one has its GPUs",
                      host->config->name);
        }
    }
    if (order->is_on) {
        *ADD_TO(&host->active_sets) = gpus;
        return NULL;
    }
    VEC_EACH(&host->instances, instance) {
        if ((*instance)->phase != INSTANCE_ASKED && (gpus_of(host, *instance) & gpus) != 0) {
            violation(sim, "%s cuts the GPUs of %s from each other", host->config->name,
                      (*instance)->vm);
        }
    }
    return NULL;
}

static void switched(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    const struct order *order = happening->data;
    if (!host->has_power || host->boot != happening->id) {
        return;
    }
    const char *why = carry_out(sim, host, order);
    if (host->life == order->life && host->process) {
        process_answer(sim, host, 0, order->answer_id, why ? CORE_FAILED : CORE_DONE, why);
        gpus_tell(sim, host);
    }
}

void fabric_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct order *order = NEW(struct order);
    *order =
        (struct order){.answer_id = action->id, .life = host->life, .is_on = action->count > 0};
    SET_TEXT(order->set, "%s", action->name);
    struct happening *happening = later(sim, switch_ms + sim_delay(sim), switched, host);
    happening->id = host->boot;
    happening->data = order;
    happening->drop = free;
}

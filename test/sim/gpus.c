/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The GPUs of a host: drivers, identities, cards that leave the bus or are swapped. */
#include "test/sim/internal.h"

#include "model/gpu_device.h"

enum {
    erase_ms = 3000,
    stuck_ms = 30000, /* then the host says that an operation hangs: limit_ms in src/host */
};

void gpus_init(struct host *host)
{
    for (uint32_t i = 0; i < host->config->gpus; i++) {
        struct gpu *gpu = &ADD_TO(&host->gpus)->gpu;
        *gpu = (struct gpu){
            .address = {.bus = (uint8_t)(i + 1)},
            .vendor = 0x10de,
            .device = 0x20b5,
            .class_code = 0x030200,
            .iommu_group = (int32_t)i + 10,
            .numa_node = (int32_t)i / 2, /* two and two are near each other */
            .bar_size = {16 << 20, UINT64_C(16) << 30},
            .reset_methods = GPU_RESET_FLR,
        };
        SET_TEXT(gpu->vendor_name, "Fake");
        SET_TEXT(gpu->device_name, "Card");
        SET_TEXT(gpu->serial, "%s-%u", host->config->name, i);
        gpu->sriov_total = 8;
        gpu->sriov_enabled = host->config->has_vgpus ? 8 : host->config->partitions;
        gpu->is_overridden = host->config->partitions == 0;
        SET_TEXT(gpu->driver, "%s", gpu->is_overridden ? "vfio-pci" : "nouveau");
    }
}

struct gpu_slot gpus_part(const struct fake_gpu *card, uint32_t number)
{
    struct gpu_slot slot = {.address = card->gpu.address};
    struct pci_address part = slot.address;
    part.slot = 4;
    part.function = (uint8_t)(number & 7);
    (void)pci_address_format(part, slot.partition);
    return slot;
}

bool gpus_number(const struct host *host, int64_t number, struct gpu_slot *ret)
{
    uint32_t each = MAX(host->config->partitions, 1U);
    if (number < 0 || (uint64_t)number >= host->gpus.len * each) {
        return false;
    }
    const struct fake_gpu *card = &host->gpus.items[(size_t)number / each];
    *ret = host->config->partitions > 0 ? gpus_part(card, (uint32_t)number % each)
                                        : (struct gpu_slot){.address = card->gpu.address};
    return true;
}

bool gpus_can_give(struct host *host, const struct gpu_slot *slot)
{
    const struct fake_gpu *card = gpus_find(host, slot->address);
    if (!card || card->is_off_bus || card->hung_number != 0) {
        return false;
    }
    if (slot->partition[0] == '\0') {
        return gpu_is_dismounted(&card->gpu) && card->gpu.sriov_enabled == 0;
    }
    for (uint32_t i = 0; i < card->gpu.sriov_enabled; i++) {
        const struct gpu_slot part = gpus_part(card, i);
        if (gpu_slot_equal(&part, slot)) {
            return !host->config->has_vgpus || card->vgpus[i].is_made;
        }
    }
    return false;
}

/* Of a host whose partitions are vGPUs. */
static struct fake_vgpu *find_vgpu(struct host *host, const struct gpu_slot *slot)
{
    struct fake_gpu *card = gpus_find(host, slot->address);
    for (uint32_t i = 0; card && host->config->has_vgpus && i < ARRAY_LEN(card->vgpus); i++) {
        const struct gpu_slot part = gpus_part(card, i);
        if (gpu_slot_equal(&part, slot)) {
            return &card->vgpus[i];
        }
    }
    return NULL;
}

/* Whose data is in it. */
static char *find_user(struct host *host, const struct gpu_slot *slot)
{
    struct fake_gpu *card = must(gpus_find(host, slot->address));
    for (uint32_t i = 0; slot->partition[0] != '\0' && i < 8; i++) {
        const struct gpu_slot part = gpus_part(card, i);
        if (gpu_slot_equal(&part, slot)) {
            return card->users[i];
        }
    }
    return card->users[8];
}

void gpus_clean(struct host *host, const struct gpu_slot *slot)
{
    find_user(host, slot)[0] = '\0';
}

/* Where the pool demands it, nothing of another VM is left in it. A store that was emptied does not
 * know who had it before. */
static void check_clean(struct sim *sim, struct host *host, const struct instance *instance,
                        const struct gpu_hold *hold)
{
    const struct record *pool = world_find(&sim->store.world, RECORD_POOL, hold->pool);
    char *user = find_user(host, &hold->slot);
    if (pool && pool->pool->after_use != AFTER_USE_RELEASE && user[0] != '\0' &&
        strcmp(user, instance->vm) != 0 && sim->store.emptied_ms == 0) {
        violation(sim, "%s gets a GPU of %s in which the data of %s are", instance->vm,
                  host->config->name, user);
    }
    (void)snprintf(user, name_size, "%s", instance->vm);
}

/* Of the size that the store tells of it, and by which the VM was placed. */
static void check_size(struct sim *sim, const struct host *host, const struct instance *instance,
                       const struct gpu_hold *hold, const struct fake_vgpu *vgpu)
{
    struct gpu_device told;
    if (vgpu && vgpu->is_made &&
        world_device(&sim->store.world, host->config->name, &hold->slot, &told) &&
        strcmp(told.partition->type, vgpu->profile) != 0) {
        violation(sim, "%s gets a vGPU %s of %s, which tells that it is %s", instance->vm,
                  vgpu->profile, host->config->name, told.partition->type);
    }
}

void gpus_begin(struct sim *sim, struct host *host, const struct instance *instance)
{
    fabric_begin(sim, host, instance);
    VEC_EACH(&instance->gpus, hold) {
        struct fake_vgpu *vgpu = find_vgpu(host, &hold->slot);
        check_size(sim, host, instance, hold, vgpu);
        if (vgpu && vgpu->user[0] != '\0') {
            violation(sim, "%s gets a vGPU of %s as %s left it", instance->vm, host->config->name,
                      vgpu->user);
        }
        check_clean(sim, host, instance, hold);
        if (vgpu) {
            SET_TEXT(vgpu->user, "%s", instance->vm);
        }
    }
}

/* A boot gives every card to the host's driver. The first one finds them dismounted. */
void gpus_boot(struct host *host)
{
    VEC_EACH(&host->gpus, card) {
        card->gpu.errors_fatal = 0;
        card->hung_number = 0;
        card->is_stuck = false;
        card->told_life = 0;
        if (card->is_to_be_swapped) {
            card->is_to_be_swapped = false;
            SET_TEXT(card->gpu.serial, "other-%s-%u", host->config->name, card->gpu.address.bus);
        }
        if (host->boot > 1) {
            SET_TEXT(card->gpu.driver, "nouveau");
            card->gpu.is_overridden = false;
            card->gpu.sriov_enabled = host->config->has_vgpus ? 8 : 0;
            memset(card->vgpus, 0, sizeof(card->vgpus));
        }
    }
}

static void judge(struct gpu *gpu, const struct fake_gpu *card)
{
    gpu->verdict = card->is_off_bus         ? GPU_OFF_BUS
                   : card->is_stuck         ? GPU_STUCK
                   : gpu->sriov_enabled > 0 ? GPU_PARTITIONED
                   : gpu_is_dismounted(gpu) ? GPU_ASSIGNABLE
                                            : GPU_HOST_DRIVER;
}

static void add_places(struct node_inventory *inventory, const struct fake_gpu *card)
{
    for (uint32_t i = 0; i < card->gpu.sriov_enabled; i++) {
        bool is_made = card->vgpus[i].is_made;
        struct gpu_partition *part = ADD_TO(&inventory->partitions);
        *part = (struct gpu_partition){.slot = gpus_part(card, i),
                                       .mmio_size = 16 << 20,
                                       .backend = is_made ? GPU_BACKEND_VENDOR : GPU_BACKEND_NONE,
                                       .verdict = card->is_stuck ? GPU_STUCK
                                                  : is_made      ? GPU_ASSIGNABLE
                                                                 : GPU_HOST_DRIVER};
        SET_TEXT(part->type, "%s", is_made ? card->vgpus[i].profile : "");
        SET_TEXT(part->driver, "nvidia");
    }
}

static void add_parts(struct node_inventory *inventory, const struct fake_gpu *card)
{
    for (uint32_t i = 0; i < card->gpu.sriov_enabled; i++) {
        struct gpu_partition *part = ADD_TO(&inventory->partitions);
        *part = (struct gpu_partition){.slot = gpus_part(card, i),
                                       .mmio_size = 16 << 20,
                                       .verdict = card->is_stuck ? GPU_STUCK : GPU_ASSIGNABLE};
        SET_TEXT(part->type, "%s", GPU_TYPE_VF);
        SET_TEXT(part->driver, "vfio-pci");
    }
}

/* From now on its berthd knows that it hangs. */
static void note_told(const struct sim *sim, const struct host *host, struct fake_gpu *card)
{
    if (card->is_stuck && card->told_life != host->life) {
        card->told_life = host->life;
        card->told_ms = host_now(sim, host);
    }
}

void gpus_tell(struct sim *sim, struct host *host)
{
    CLEANUP(record_unrefp)
    struct record *record = must(record_new(RECORD_NODE_INVENTORY, host->config->name, NULL));
    record->inventory->cpus = host->config->cpus;
    if (host->config->live[0] != '\0') {
        SET_TEXT(record->inventory->cpu_model, "%s", host->config->live);
        SET_TEXT(record->inventory->migration_address, "%s", host->config->name);
    }
    record->inventory->has_store = host->config->has_store;
    record->inventory->memory_mib = host->config->memory_mib;
    record->inventory->huge_pages[0] =
        (struct huge_pages){0, sim_page_kib, (uint32_t)(host->config->huge_mib >> 10), 0};
    record->inventory->huge_page_len = 1;
    record->inventory->huge_default_kib = sim_page_kib;
    VEC_EACH(&host->gpus, card) {
        struct gpu *gpu = ADD_TO(&record->inventory->gpus);
        *gpu = card->gpu;
        judge(gpu, card);
        note_told(sim, host, card);
        if (host->config->has_vgpus) {
            add_places(record->inventory, card);
        } else {
            add_parts(record->inventory, card);
        }
    }
    fabric_tell(host, record->inventory);
    struct node_check *space = ADD_TO(&record->inventory->checks);
    SET_TEXT(space->name, "%s", CHECK_SPACE);
    space->is_ok = !host->is_disk_full;
    SET_TEXT(space->detail, "%s", host->is_disk_full ? "its disk is full: make room" : "");
    struct letter letter = {.event = {.kind = CORE_INVENTORY, .record = record}};
    process_tell(sim, host, 0, &letter);
}

struct fake_gpu *gpus_find(struct host *host, struct pci_address address)
{
    VEC_EACH(&host->gpus, card) {
        if (pci_address_compare(card->gpu.address, address) == 0) {
            return card;
        }
    }
    return NULL;
}

static bool is_held(const struct host *host, struct pci_address address)
{
    VEC_EACH(&host->instances, instance) {
        VEC_EACH(&(*instance)->gpus, hold) {
            if (pci_address_compare(hold->slot.address, address) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_slot_held(const struct host *host, const struct gpu_slot *slot)
{
    VEC_EACH(&host->instances, instance) {
        VEC_EACH(&(*instance)->gpus, hold) {
            if ((*instance)->phase != INSTANCE_ASKED && gpu_slot_equal(&hold->slot, slot)) {
                return true;
            }
        }
    }
    return false;
}

/* What the kernel makes of it. */
static void carry_out(const struct sim *sim, struct host *host, struct fake_gpu *card,
                      const struct rebind *rebind)
{
    if (rebind->kind == ACTION_GPU_MAKE || rebind->kind == ACTION_GPU_CLEAR) {
        struct fake_vgpu *vgpu = must(find_vgpu(host, &rebind->slot));
        *vgpu = (struct fake_vgpu){.is_made = rebind->kind == ACTION_GPU_MAKE};
        SET_TEXT(vgpu->profile, "%s", rebind->profile);
        return;
    }
    if (rebind->is_tried) {
        return;
    }
    if (rebind->kind == ACTION_GPU_SPLIT) {
        card->gpu.sriov_enabled = rebind->count;
    }
    card->bound_ms = host_now(sim, host);
    card->gpu.is_overridden = rebind->kind == ACTION_GPU_DISMOUNT;
    SET_TEXT(card->gpu.driver, "%s", card->gpu.is_overridden ? "vfio-pci" : "nouveau");
}

/* What a VM holds is not to be taken away: the host refuses, but no one should ask. */
static void check_split(struct sim *sim, const struct host *host, const struct fake_gpu *card,
                        const struct core_action *action)
{
    if (action->kind == ACTION_GPU_SPLIT && card->gpu.sriov_enabled > 0 &&
        (card->gpu.sriov_enabled != action->count || action->division.profile[0] != '\0') &&
        is_held(host, action->address)) {
        violation(sim, "%s is to divide a card anew of which VMs hold parts", host->config->name);
    }
    if ((action->kind == ACTION_GPU_MAKE || action->kind == ACTION_GPU_CLEAR) &&
        is_slot_held(host, &action->slot)) {
        violation(sim, "%s is to take a vGPU from under its VM", host->config->name);
    }
}

static void erased(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    const struct rebind *rebind = happening->data;
    if (!host->has_power || host->boot != happening->id) {
        return;
    }
    bool is_bad = host->bad_erasures > 0 || gpus_find(host, rebind->address)->is_off_bus;
    if (is_slot_held(host, &rebind->slot)) {
        violation(sim, "%s erases a GPU under its VM", host->config->name);
    }
    host->bad_erasures -= host->bad_erasures > 0;
    if (!is_bad) {
        gpus_clean(host, &rebind->slot);
    }
    if (host->life == rebind->life && host->process) {
        process_answer(sim, host, 0, rebind->answer_id, is_bad ? CORE_FAILED : CORE_DONE,
                       is_bad ? "the command failed" : NULL);
    }
}

/* Whether it cannot be done: the driver refuses, or a VM has what it would take. */
static bool is_refused(struct host *host, const struct fake_gpu *card, const struct rebind *rebind)
{
    bool is_one = rebind->kind == ACTION_GPU_MAKE || rebind->kind == ACTION_GPU_CLEAR;
    return card->is_off_bus ||
           (is_one ? is_slot_held(host, &rebind->slot) : is_held(host, rebind->address));
}

/* The berthd that ordered it is told, if it still lives, and sees the hardware before or after. */
static void answer(struct sim *sim, struct host *host, const struct rebind *rebind,
                   enum core_result result, const char *text)
{
    bool is_told_first = rng_chance(&host->rng, 1, 2);
    if (!host->process) {
        return;
    }
    if (is_told_first) {
        gpus_tell(sim, host);
    }
    if (host->life == rebind->life) {
        process_answer(sim, host, 0, rebind->answer_id, result, text);
    }
    if (!is_told_first) {
        gpus_tell(sim, host);
    }
}

static void come_back(struct sim *sim, struct host *host, struct fake_gpu *card)
{
    const struct rebind rebind = card->hung;
    bool was_stuck = card->is_stuck, is_bad = is_refused(host, card, &rebind);
    card->hung_number = 0;
    card->is_stuck = false;
    if (!is_bad) {
        carry_out(sim, host, card, &rebind);
    }
    if (was_stuck && host->process) { /* that was the answer */
        gpus_tell(sim, host);
    } else if (!was_stuck) {
        answer(sim, host, &rebind, is_bad ? CORE_FAILED : CORE_DONE,
               is_bad ? "the driver does not let it go" : NULL);
    }
}

/* ---- what hangs in the kernel ---- */

static struct fake_gpu *find_hung(struct host *host, uint64_t number)
{
    VEC_EACH(&host->gpus, card) {
        if (number != 0 && card->hung_number == number) {
            return card;
        }
    }
    return NULL;
}

static void hang_over(struct sim *sim, const struct happening *happening)
{
    struct fake_gpu *card = find_hung(happening->host, happening->id);
    if (card && happening->host->has_power) {
        come_back(sim, happening->host, card);
    }
}

static void tell_stuck(struct sim *sim, struct host *host, struct fake_gpu *card,
                       const struct rebind *rebind)
{
    note_told(sim, host, card);
    answer(sim, host, rebind, CORE_UNKNOWN, "an operation on it hangs in the kernel");
}

static void overdue(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct fake_gpu *card = find_hung(host, happening->id);
    if (card && host->has_power) {
        card->is_stuck = true;
        tell_stuck(sim, host, card, &card->hung);
    }
}

/* Its child process is left behind, also by a berthd that ends. */
static void hang(struct sim *sim, struct host *host, struct fake_gpu *card,
                 const struct rebind *rebind)
{
    host->hung_binds--;
    card->hung = *rebind;
    card->hung_number = ++sim->last_number;
    card->told_life = 0;
    later(sim, stuck_ms, overdue, host)->id = card->hung_number;
    if (host->hang_ms > 0) {
        later(sim, host->hang_ms, hang_over, host)->id = card->hung_number;
    }
}

void gpus_heal(struct sim *sim, struct host *host)
{
    host->hung_binds = 0;
    VEC_EACH(&host->gpus, card) {
        if (card->hung_number != 0) {
            later(sim, 0, hang_over, host)->id = card->hung_number;
        }
    }
}

/* What a berthd was told since then it may not have heard: a frozen one hears of it when it goes
 * on.
 */
static msec_t heard_since_ms(const struct sim *sim, const struct host *host)
{
    enum { heard_ms = 2000 };
    return host_now(sim, host) - heard_ms;
}

/* Whether its berthd has known for a while that it hangs. */
static bool is_known_stuck(const struct sim *sim, const struct host *host,
                           const struct fake_gpu *card)
{
    msec_t since_ms = heard_since_ms(sim, host);
    return card->is_stuck && card->told_life == host->life && card->told_ms < since_ms &&
           host->thawed_ms < since_ms;
}

/* Whether the host waits for nothing but GPUs that hang, and its berthd knows that, and that the
 * others are ready. Of cards with vGPUs no one can tell: they look the same before they were
 * divided. */
static bool waits_for_hung(const struct sim *sim, const struct host *host)
{
    bool is_any = false;
    if (host->config->has_vgpus) {
        return false;
    }
    VEC_EACH(&host->gpus, card) {
        bool is_known = is_known_stuck(sim, host, card);
        bool is_there = (gpu_is_dismounted(&card->gpu) || card->gpu.sriov_enabled > 0) &&
                        card->bound_ms < heard_since_ms(sim, host);
        if (!is_known && !is_there) {
            return false;
        }
        is_any |= is_known;
    }
    return is_any;
}

static void check_inventory(struct sim *sim, const struct host *host,
                            const struct node_inventory *inventory)
{
    VEC_EACH(&inventory->checks, check) {
        if (strcmp(check->name, CHECK_GPUS) == 0 && waits_for_hung(sim, host)) {
            violation(sim, "%s takes no VMs for GPUs that hang in the kernel", host->config->name);
        }
    }
}

/* Of a new place: what its host reports as stuck is given to no VM. */
static void check_place(struct sim *sim, const struct world *world, const struct record *next)
{
    const struct record *old = world_find(world, RECORD_VM_PLACEMENT, next->key.name);
    const struct vm_placement *to = next->placement;
    bool is_new = to->phase == PLACEMENT_START && (!old || old->placement->epoch != to->epoch) &&
                  (!old || old->placement->next_node[0] == '\0');
    VEC_EACH(&to->gpus, hold) {
        struct gpu_device device;
        if (is_new && world_device(world, to->node, &hold->slot, &device) &&
            device.verdict == GPU_STUCK) {
            violation(sim, "%s is given a GPU of %s that hangs in the kernel", next->key.name,
                      to->node);
        }
    }
}

void gpus_check_sent(struct sim *sim, struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (write->value && write->key.kind == RECORD_NODE_INVENTORY) {
            check_inventory(sim, host, write->value->inventory);
        } else if (write->value && write->key.kind == RECORD_VM_PLACEMENT) {
            check_place(sim, core_world(host->process->core), write->value);
        }
    }
}

/* ---- orders ---- */

static void rebound(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    const struct rebind *rebind = happening->data;
    struct fake_gpu *card = gpus_find(host, rebind->address);
    if (!host->has_power || host->boot != happening->id) {
        return;
    }
    if (card->hung_number != 0) { /* its lock is held */
        if (card->is_stuck) {
            tell_stuck(sim, host, card, rebind);
        } else {
            answer(sim, host, rebind, CORE_FAILED, "another operation on it is under way");
        }
        return;
    }
    if (host->hung_binds > 0) {
        hang(sim, host, card, rebind);
        return;
    }
    bool is_bad = host->bad_binds > 0 || is_refused(host, card, rebind);
    if (!is_bad) {
        carry_out(sim, host, card, rebind);
    } else if (host->bad_binds > 0) {
        host->bad_binds--;
    }
    answer(sim, host, rebind, is_bad ? CORE_FAILED : CORE_DONE,
           is_bad ? "the driver does not let it go" : NULL);
}

/* Another operation would hang as well, and each is told to people when it fails. */
static void check_tried(struct sim *sim, const struct host *host, const struct fake_gpu *card,
                        const struct core_action *action)
{
    bool is_rebind = action->kind == ACTION_GPU_DISMOUNT || action->kind == ACTION_GPU_MOUNT ||
                     (action->kind == ACTION_GPU_SPLIT && action->division.profile[0] == '\0');
    if (is_rebind && is_known_stuck(sim, host, card)) {
        violation(sim, "%s tries a GPU that hangs in the kernel", host->config->name);
    }
}

void gpus_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct rebind *rebind = NEW(struct rebind);
    *rebind =
        (struct rebind){action->address,
                        action->id,
                        host->life,
                        action->kind,
                        action->count,
                        action->slot,
                        action->kind == ACTION_GPU_SPLIT && action->division.profile[0] != '\0'};
    SET_TEXT(rebind->profile, "%s", action->profile);
    check_split(sim, host, must(gpus_find(host, action->address)), action);
    check_tried(sim, host, must(gpus_find(host, action->address)), action);
    bool is_erasure = action->kind == ACTION_GPU_ERASE;
    struct happening *happening = later(sim, (is_erasure ? erase_ms : 50) + sim_delay(sim),
                                        is_erasure ? erased : rebound, host);
    happening->id = host->boot;
    happening->data = rebind;
    happening->drop = free;
}

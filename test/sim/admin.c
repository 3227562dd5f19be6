/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator, through berth-api, writes into the store. */
#include "test/sim/internal.h"

/* Commits 'record' (taken over) and remembers it: it must never be lost. */
static void put(struct sim *sim, struct record *record)
{
    struct txn txn = {0};
    struct record_key key = record->key;
    txn_put(&txn, record);
    store_admin(sim, &txn);
    struct record *stored = world_find_key(&sim->store.world, &key);
    VEC_EACH(&sim->acknowledged, known) {
        if (record_key_compare(&(*known)->key, &key) == 0) {
            record_unref(*known);
            *known = record_ref(stored);
            return;
        }
    }
    *ADD_TO(&sim->acknowledged) = record_ref(stored);
}

static void delete (struct sim *sim, enum record_kind kind, const char *name)
{
    struct txn txn = {0};
    struct record_key key = {.kind = kind};
    SET_TEXT(key.name, "%s", name);
    txn_delete(&txn, &key);
    store_admin(sim, &txn);
    for (size_t i = 0; i < sim->acknowledged.len; i++) {
        if (record_key_compare(&sim->acknowledged.items[i]->key, &key) == 0) {
            record_unref(sim->acknowledged.items[i]);
            VEC_REMOVE(&sim->acknowledged, i);
            return;
        }
    }
}

/* A copy of a stored record to be changed; NULL if there is none. */
static struct record *edit(struct sim *sim, enum record_kind kind, const char *name)
{
    const struct record *old = world_find(&sim->store.world, kind, name);
    return old ? must(record_copy(old)) : NULL;
}

/* ---- the cluster at its beginning ---- */

static void add_dismounts(struct node_spec *spec, const struct host *host)
{
    VEC_EACH(&host->gpus, card) {
        struct dismount *entry = ADD_TO(&spec->dismounted);
        entry->address = card->gpu.address;
        (void)gpu_identity(&card->gpu, entry->identity);
        entry->partitions = host->config->partitions;
        SET_TEXT(entry->profile, "%s", host->config->has_vgpus ? SIM_PROFILE : "");
        if (host->config->has_sizes && entry->partitions > 1) {
            entry->partitions--;
            entry->more[entry->more_len++] = (struct vgpu_share){SIM_PROFILE_LARGE, 1};
        }
    }
}

static void set_label(const char *text, struct node_label *ret)
{
    size_t len = strcspn(text, "=");
    SET_TEXT(ret->key, "%.*s", (int)len, text);
    SET_TEXT(ret->value, "%s", text + len + 1);
}

static void put_host(struct sim *sim, const struct host *host)
{
    struct record *record = must(record_new(RECORD_NODE_SPEC, host->config->name, NULL));
    record->node_spec->fencing = host->config->fencing;
    SET_TEXT(record->node_spec->fence_agent, "%s",
             host->config->fencing == FENCING_POWER ? "fence_fake" : "");
    for (uint32_t i = 1; i < host->config->fence_levels; i++) {
        SET_TEXT(record->node_spec->fence_more[i - 1].agent, "fence_fake_%u", i + 1);
    }
    add_dismounts(record->node_spec, host);
    if (host->config->label[0] != '\0') {
        set_label(host->config->label, ADD_TO(&record->node_spec->labels));
    }
    put(sim, record);
}

static void put_pool(struct sim *sim, const char *name)
{
    struct record *record = must(record_new(RECORD_POOL, name, NULL));
    VEC_EACH(&sim->hosts, host) {
        if (strcmp((*host)->config->pool, name) != 0) {
            continue;
        }
        record->pool->after_use = (*host)->config->after_use;
        SET_TEXT(record->pool->erase, "%s",
                 record->pool->after_use == AFTER_USE_ERASE ? "fake" : "");
        struct gpu_slot slot;
        for (int64_t i = 0; gpus_number(*host, i, &slot); i++) {
            struct pool_member *member = ADD_TO(&record->pool->members);
            SET_TEXT(member->node, "%s", (*host)->config->name);
            member->slot = slot;
            (void)gpu_identity(&gpus_find(*host, slot.address)->gpu, member->identity);
        }
        if ((*host)->config->partitions > 0) {
            record->pool->type = POOL_GPU_PARTITION;
            record->pool->is_mixed = (*host)->config->has_sizes;
            SET_TEXT(record->pool->partition_type, "%s",
                     (*host)->config->has_vgpus ? SIM_PROFILE : GPU_TYPE_VF);
        }
    }
    put(sim, record);
}

void admin_form(struct sim *sim)
{
    struct record *settings = must(record_new(RECORD_CLUSTER, NULL, NULL));
    struct record *format = must(record_new(RECORD_FORMAT, NULL, NULL));
    struct txn txn = {0};
    *settings->cluster = sim->scenario->settings;
    put(sim, settings);
    SET_TEXT(format->format->cluster, "c0");
    format->format->number = format_number;
    format->format->oldest = format_oldest;
    txn_put(&txn, format);
    store_admin(sim, &txn);
    VEC_EACH(&sim->hosts, host) {
        put_host(sim, *host);
        if (!world_find(&sim->store.world, RECORD_POOL, (*host)->config->pool)) {
            put_pool(sim, (*host)->config->pool);
        }
    }
}

#define COPY_NAMES(to, from)                                                                       \
    for (uint32_t i_ = 0; i_ < (from)->len; i_++) {                                                \
        SET_TEXT(ADD_TO(to)->name, "%s", (from)->names[i_]);                                       \
    }

static struct record *spec_of(const struct scenario_vm *config)
{
    struct record *record = must(record_new(RECORD_VM_SPEC, config->name, NULL));
    struct vm_spec *spec = record->vm_spec;
    spec->xml = must(strdup("<domain/>"));
    spec->desired = config->desired;
    spec->start_order = config->desired == VM_STARTED;
    spec->priority = config->priority;
    spec->cpus = config->cpus;
    spec->memory_mib = config->memory_mib;
    spec->huge_page_kib = config->has_huge_pages ? sim_page_kib : 0;
    spec->offline_action = config->offline;
    spec->offline_timeout_ms = config->offline_timeout_ms;
    spec->restart.restarts_max = config->restarts_max;
    spec->restart.failovers_max = config->failovers_max;
    spec->restart.host_losses_max = config->losses_max;
    spec->is_affinity_enforced = spec->is_apart_enforced = config->is_enforced;
    if (config->gpus > 0) {
        SET_TEXT(spec->needs[0].pool, "%s", config->pool);
        spec->needs[0].count = config->gpus;
        spec->need_len = 1;
    }
    if (config->label[0] != '\0') {
        set_label(config->label, ADD_TO(&spec->labels));
    }
    COPY_NAMES(&spec->preferred_owners, &config->owners);
    COPY_NAMES(&spec->possible_owners, &config->possible);
    COPY_NAMES(&spec->together, &config->together);
    COPY_NAMES(&spec->apart, &config->apart);
    COPY_NAMES(&spec->start_after, &config->after);
    spec->is_unmanaged = config->is_unmanaged;
    spec->guest_watch = config->is_watched ? GUEST_WATCH_RESTART : GUEST_WATCH_OFF;
    spec->migration = config->migration;
    return record;
}

static void hold(struct sim *sim, struct txn *txn, struct vm_placement *placement,
                 const struct scenario_vm *config)
{
    const struct record *pool = world_find(&sim->store.world, RECORD_POOL, config->pool);
    VEC_EACH(&pool->pool->members, member) {
        char slot[name_size];
        struct record_key key = {.kind = RECORD_CLAIM};
        SET_TEXT(key.name, "%s", member->node);
        SET_TEXT(key.second, "%s", gpu_slot_format(&member->slot, slot));
        if (strcmp(member->node, config->on) != 0 || placement->gpus.len == config->gpus ||
            world_find_key(&sim->store.world, &key)) {
            continue;
        }
        struct gpu_hold *holds = ADD_TO(&placement->gpus);
        SET_TEXT(holds->pool, "%s", config->pool);
        holds->slot = member->slot;
        struct record *claim = must(record_new(RECORD_CLAIM, key.name, key.second));
        SET_TEXT(claim->claim->vm, "%s", config->name);
        claim->claim->epoch = 1;
        txn_put(txn, claim);
    }
}

/* As if a coordinator had placed it there. */
static void place(struct sim *sim, const struct scenario_vm *config)
{
    struct txn txn = {0};
    struct record *record = must(record_new(RECORD_VM_PLACEMENT, config->name, NULL));
    record->placement->epoch = 1;
    record->placement->phase = PLACEMENT_START;
    record->placement->start_order = 1;
    record->placement->cpus = config->cpus;
    record->placement->memory_mib = config->memory_mib;
    record->placement->huge_page_kib = config->has_huge_pages ? sim_page_kib : 0;
    SET_TEXT(record->placement->node, "%s", config->on);
    if (config->gpus > 0) {
        hold(sim, &txn, record->placement, config);
    }
    txn_put(&txn, record);
    store_admin(sim, &txn);
}

void admin_add_vms(struct sim *sim)
{
    VEC_EACH(&sim->scenario->vms, config) {
        if (config->on[0] != '\0') {
            place(sim, config);
            put(sim, spec_of(config));
        }
    }
    VEC_EACH(&sim->scenario->vms, late) {
        if (late->on[0] == '\0') {
            put(sim, spec_of(late));
        }
    }
}

/* ---- orders ---- */

static void order_vm(struct sim *sim, const struct scenario_step *step)
{
    struct record *record = edit(sim, RECORD_VM_SPEC, step->subject);
    if (!record) {
        return;
    }
    struct vm_spec *spec = record->vm_spec;
    if (step->op == OP_START) {
        spec->desired = VM_STARTED;
        spec->is_stop_forced = false;
        spec->start_order++;
    } else if (step->op == OP_STOP) {
        spec->desired = VM_STOPPED;
        spec->is_stop_forced = step->is_forced;
    } else if (step->op == OP_MANAGE || step->op == OP_UNMANAGE) {
        spec->is_unmanaged = step->op == OP_UNMANAGE;
    } else if (step->op == OP_WATCH || step->op == OP_UNWATCH) {
        spec->guest_watch = step->op == OP_WATCH ? GUEST_WATCH_RESTART : GUEST_WATCH_OFF;
    } else if (step->op == OP_PRIORITY) {
        spec->priority = (uint32_t)step->number;
    } else if (step->op == OP_ADOPT_VM || step->op == OP_CONFIRM_GONE) {
        spec->elsewhere = step->op == OP_ADOPT_VM ? VM_ELSEWHERE_ADOPT : VM_ELSEWHERE_GONE;
        spec->elsewhere_order++;
    } else if (step->op == OP_CANCEL_MOVE) {
        spec->move_to[0] = '\0';
        spec->move_order++;
    } else {
        SET_TEXT(spec->move_to, "%s", step->host[0] ? step->host : "*");
        spec->move_by = step->migration;
        spec->move_limit_ms = step->for_ms;
        spec->move_order++;
    }
    put(sim, record);
}

void admin_say_elsewhere(struct sim *sim, const char *vm, enum vm_elsewhere what)
{
    struct scenario_step step = {.op = what == VM_ELSEWHERE_ADOPT ? OP_ADOPT_VM : OP_CONFIRM_GONE};
    SET_TEXT(step.subject, "%s", vm);
    order_vm(sim, &step);
}

/* Vouches for the card that is there now, too. */
static void release(struct sim *sim, struct record *record, const struct scenario_step *step)
{
    struct host *host = must(host_find(sim, step->subject));
    struct gpu_slot slot;
    if (!gpus_number(host, step->number, &slot)) {
        return;
    }
    ADD_TO(&record->node_spec->released)->slot = slot;
    if (host->config->after_use == AFTER_USE_HOLD) {
        gpus_clean(host, &slot);
    }
    VEC_EACH(&record->node_spec->dismounted, known) {
        if (pci_address_compare(known->address, slot.address) == 0 && slot.partition[0] == '\0') {
            (void)gpu_identity(&gpus_find(host, slot.address)->gpu, known->identity);
        }
    }
}

/* Dismounts, mounts or divides card 'number'. */
static void set_dismounted(struct sim *sim, struct record *record, const struct scenario_step *step)
{
    struct host *host = must(host_find(sim, step->subject));
    struct node_spec *spec = record->node_spec;
    if (step->number < 0 || (size_t)step->number >= host->gpus.len) {
        return;
    }
    const struct gpu *gpu = &host->gpus.items[step->number].gpu;
    for (size_t i = spec->dismounted.len; i-- > 0;) {
        if (pci_address_compare(spec->dismounted.items[i].address, gpu->address) == 0) {
            VEC_REMOVE(&spec->dismounted, i);
        }
    }
    if (step->op == OP_DISMOUNT || (step->op == OP_PARTITION && step->into > 0)) {
        struct dismount *entry = ADD_TO(&spec->dismounted);
        entry->address = gpu->address;
        entry->partitions = step->op == OP_PARTITION ? step->into : 0;
        bool is_vgpu = entry->partitions > 0 && host->config->has_vgpus;
        SET_TEXT(entry->profile, "%s", is_vgpu ? SIM_PROFILE : "");
        (void)gpu_identity(gpu, entry->identity);
    }
}

/* For this boot of it, as the API does. */
static void order_power(struct sim *sim, struct node_spec *spec, const struct record *alive,
                        const struct scenario_step *step)
{
    struct host *host = must(host_find(sim, step->subject));
    if (alive && strcmp(alive->alive->boot_id, host->boot_id) == 0 && host->has_power) {
        host->ordered_boot = host->boot;
        spec->power = step->op == OP_ORDER_REBOOT ? NODE_POWER_REBOOT : NODE_POWER_SHUTDOWN;
        spec->power_incarnation = alive->alive->incarnation;
    }
}

void admin_withdraw_power(struct sim *sim, const char *node)
{
    struct record *record = edit(sim, RECORD_NODE_SPEC, node);
    if (record && record->node_spec->power != NODE_POWER_NONE) {
        record->node_spec->power = NODE_POWER_NONE;
        put(sim, record);
    } else {
        record_unref(record);
    }
}

static void order_host(struct sim *sim, const struct scenario_step *step)
{
    struct record *record = edit(sim, RECORD_NODE_SPEC, step->subject);
    const struct host *host = host_find(sim, step->subject);
    const struct record *alive = world_find(&sim->store.world, RECORD_NODE_ALIVE, step->subject);
    if ((!record && !alive) || world_is_removed(&sim->store.world, step->subject)) {
        record_unref(record);
        return; /* it was forgotten */
    }
    record = record ? record : must(record_new(RECORD_NODE_SPEC, step->subject, NULL));
    struct node_spec *spec = record->node_spec;
    spec->released.len = 0;
    if (step->op == OP_CONFIRM_OFF) {
        bool is_true = host && (!host->has_power || step->is_forced); /* else they do not lie */
        spec->confirmed_off = alive && is_true ? alive->alive->incarnation : 0;
        spec->confirmed_counter = alive ? alive->alive->counter : 0;
    } else if (step->op == OP_RELEASE) {
        release(sim, record, step);
    } else if (step->op == OP_MOUNT || step->op == OP_DISMOUNT || step->op == OP_PARTITION) {
        set_dismounted(sim, record, step);
    } else if (step->op == OP_FENCING) {
        spec->fencing = step->method;
        SET_TEXT(spec->fence_agent, "%s", step->method == FENCING_POWER ? "fence_fake" : "");
    } else if (step->op == OP_ORDER_SHUTDOWN || step->op == OP_ORDER_REBOOT) {
        order_power(sim, spec, alive, step);
    } else {
        spec->power = NODE_POWER_NONE;
        spec->mode = step->op == OP_DRAIN   ? NODE_DRAIN
                     : step->op == OP_PAUSE ? NODE_PAUSED
                                            : NODE_ACTIVE;
        spec->force = step->op == OP_DRAIN && step->is_forced;
        spec->migration = step->migration;
    }
    put(sim, record);
}

/* Whether the API would let it go: it is over, and nothing counts on it. */
static bool may_be_forgotten(const struct world *world, const char *node)
{
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    bool is_over = alive && (alive->alive->has_left ||
                             world_is_proven_off(world, node, alive->alive->incarnation));
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        is_over = is_over && strcmp(p->node, node) != 0 && strcmp(p->next_node, node) != 0;
    }
    WORLD_EACH(world, RECORD_CLAIM, claim) {
        is_over = is_over && strcmp((*claim)->key.name, node) != 0;
    }
    return is_over;
}

static void leave_pools(struct sim *sim, const char *node)
{
    for (size_t at = 0; at < sim->store.world.records[RECORD_POOL].len; at++) {
        struct record *draft = must(record_copy(sim->store.world.records[RECORD_POOL].items[at]));
        for (size_t i = draft->pool->members.len; i-- > 0;) {
            if (strcmp(draft->pool->members.items[i].node, node) == 0) {
                VEC_REMOVE(&draft->pool->members, i);
            }
        }
        put(sim, draft);
    }
}

/* Orders a host to be taken out of the cluster, as the API does. */
static void forget(struct sim *sim, const char *node, bool is_unchecked)
{
    const struct record *alive = world_find(&sim->store.world, RECORD_NODE_ALIVE, node);
    if (!alive || (!is_unchecked && !may_be_forgotten(&sim->store.world, node))) {
        return;
    }
    leave_pools(sim, node);
    struct record *record = must(record_new(RECORD_NODE_SPEC, node, NULL));
    record->node_spec->removed = alive->alive->incarnation;
    record->node_spec->removed_counter = alive->alive->counter;
    put(sim, record);
}

static bool has_shorter(const struct cluster_settings *old, const struct cluster_settings *next)
{
    return next->heartbeat_ms < old->heartbeat_ms ||
           next->leader_silence_ms < old->leader_silence_ms ||
           next->power_fence_ms < old->power_fence_ms || next->self_stop_ms < old->self_stop_ms ||
           next->self_stop_span_ms < old->self_stop_span_ms ||
           next->watchdog_ms < old->watchdog_ms || next->takeover_ms < old->takeover_ms;
}

/* Whether a host that is not proven off acts by the times that it knows, and hears of no others. */
static bool is_any_out_of_reach(const struct sim *sim)
{
    VEC_EACH(&sim->hosts, each) {
        const struct host *host = *each;
        const char *name = host->config->name;
        const struct record *alive = world_find(&sim->store.world, RECORD_NODE_ALIVE, name);
        bool is_heard = host->process && !host->process->is_frozen && !host->is_in_cut &&
                        !host->is_out_cut && !host->is_watch_cut;
        if (alive && !alive->alive->has_left && !is_heard &&
            !world_is_proven_off(&sim->store.world, name, alive->alive->incarnation)) {
            return true;
        }
    }
    return false;
}

/* What the API would refuse is refused: orders that waited for the store may have changed places,
 * and no time is made shorter while a host is silent. */
static void set(struct sim *sim, const char *setting, int64_t number)
{
    struct record *record = edit(sim, RECORD_CLUSTER, "");
    struct error err;
    if (!record) {
        return; /* the store was emptied */
    }
    (void)scenario_set(record->cluster, setting, number);
    if (cluster_settings_check(record->cluster, &err) < 0 ||
        (has_shorter(world_settings(&sim->store.world), record->cluster) &&
         is_any_out_of_reach(sim))) {
        record_unref(record);
        return;
    }
    put(sim, record);
}

static void arm(struct sim *sim, bool is_disarmed, msec_t for_ms)
{
    struct record *record = edit(sim, RECORD_CLUSTER, "");
    if (!record) {
        return; /* the store was emptied */
    }
    record->cluster->is_disarmed = is_disarmed;
    record->cluster->disarm_order += is_disarmed;
    record->cluster->disarm_ms = is_disarmed ? for_ms : 0;
    sim->disarmed_ms = sim->now_ms;
    put(sim, record);
}

void admin_do(struct sim *sim, const struct scenario_step *step)
{
    if (step->op == OP_SET) {
        set(sim, step->subject, step->number);
    } else if (step->op == OP_DISARM || step->op == OP_ARM) {
        arm(sim, step->op == OP_DISARM, step->for_ms);
    } else if (step->op == OP_FORGET) {
        forget(sim, step->subject, step->is_forced);
    } else if (step->op == OP_REMOVE) {
        delete (sim, RECORD_VM_SPEC, step->subject);
    } else if (step->op == OP_START || step->op == OP_STOP || step->op == OP_MOVE ||
               step->op == OP_CANCEL_MOVE || step->op == OP_PRIORITY || step->op == OP_ADOPT_VM ||
               step->op == OP_CONFIRM_GONE || step->op == OP_MANAGE || step->op == OP_UNMANAGE ||
               step->op == OP_WATCH || step->op == OP_UNWATCH) {
        order_vm(sim, step);
    } else {
        order_host(sim, step);
    }
}

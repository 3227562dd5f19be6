/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The validation's findings about GPUs, pools, VMs and the reserve. */
#include "api/validate.h"

#include "api/survival.h"
#include "model/aperture.h"
#include "model/bound.h"
#include "model/memory.h"
#include "model/words.h"
#include "wire/domain_xml.h"

#include <stdio.h>
#include <string.h>

/* ---- GPUs ---- */

/* Whether it is what a VM can get; if not, a finding. */
static bool check_member(struct validation *v, const char *pool, const struct pool_member *member)
{
    char slot[name_size], subject[2 * name_size];
    struct gpu_device device;
    const struct dismount *dismount =
        world_dismount(v->call->world, member->node, member->slot.address);
    (void)snprintf(subject, sizeof(subject), "%s/%s", member->node,
                   gpu_slot_format(&member->slot, slot));
    if (!world_device(v->call->world, member->node, &member->slot, &device)) {
        validation_add(v, FINDING_FAILED, subject, pool,
                       "its host does not show it: is the card there?");
        hint_put(v->checks, hint_with(hint_make("gpu-ls", NULL), "node", member->node));
        return false;
    }
    if (device.health == GPU_QUARANTINED) {
        char words[words_max];
        validation_add(v, FINDING_FAILED, subject, pool,
                       "quarantined: %s: release it once that is fixed",
                       words_cause(device.health_cause, words));
        hint_put(v->checks, hint_make("gpu-release", member->node, slot, NULL));
        return false;
    }
    if (!gpu_device_may_be_assigned(&device, dismount && dismount->is_forced)) {
        validation_add(v, FINDING_FAILED, subject, pool, "%s: %s", gpu_verdict_name(device.verdict),
                       device.verdict_detail);
        return false;
    }
    if (device.verdict == GPU_NO_RESET) {
        validation_add(v, FINDING_WARNING, subject, pool,
                       "it has no reset, and was taken by force: the next VM may find it in any "
                       "state");
    }
    return true;
}

void validate_gpus(struct validation *v)
{
    WORLD_EACH(v->call->world, RECORD_POOL, each) {
        const char *pool = (*each)->key.name;
        size_t good = 0;
        VEC_EACH(&(*each)->pool->members, member) {
            good += check_member(v, pool, member);
        }
        if ((*each)->pool->members.len > 0) {
            validation_add(v, good > 0 ? FINDING_OK : FINDING_FAILED, "", pool,
                           "%zu of its %zu GPUs can go to VMs", good, (*each)->pool->members.len);
        }
    }
}

/* ---- pools ---- */

static size_t hosts_of(const struct pool *pool)
{
    size_t count = 0;
    for (size_t i = 0; i < pool->members.len; i++) { /* sorted by node */
        count +=
            i == 0 || strcmp(pool->members.items[i].node, pool->members.items[i - 1].node) != 0;
    }
    return count;
}

static void check_model(struct validation *v, const struct record *pool)
{
    const struct gpu *first = NULL;
    char difference[reason_size];
    VEC_EACH(&pool->pool->members, member) {
        const struct gpu *gpu = world_gpu(v->call->world, member->node, member->slot.address);
        first = first ? first : gpu;
        if (gpu && !gpu_same_model(first, gpu, difference, sizeof(difference))) {
            validation_add(v, FINDING_WARNING, pool->key.name, "model",
                           "GPUs of more than one model (%s): a VM may find another card after a "
                           "failover%s",
                           difference, pool->pool->is_mixed ? "; the pool is a mixed one" : "");
            return;
        }
    }
    if (first) {
        char title[gpu_identity_size + 2 * gpu_text_size];
        validation_add(v, FINDING_OK, pool->key.name, "model", "all are %s",
                       gpu_title(first, title, sizeof(title)));
    }
}

void validate_pools(struct validation *v)
{
    bool has_any = false;
    WORLD_EACH(v->call->world, RECORD_POOL, each) {
        size_t hosts = hosts_of((*each)->pool);
        const char *name = (*each)->key.name;
        has_any = true;
        if (hosts == 0) {
            validation_add(v, FINDING_WARNING, name, "hosts", "it is empty");
            hint_put(v->checks, hint_make("pool-add", name, NULL));
            continue;
        }
        validation_add(v, hosts > 1 ? FINDING_OK : FINDING_WARNING, name, "hosts",
                       hosts > 1 ? "GPUs on %zu hosts"
                                 : "GPUs on %zu host: its VMs cannot restart on another one",
                       hosts);
        check_model(v, *each);
    }
    if (!has_any) {
        validation_add(v, FINDING_WARNING, "", "pools", "there is no GPU pool yet");
        hint_put(v->checks, hint_with(hint_make("pool-create", "POOL", NULL), "all", NULL));
    }
}

/* ---- VMs ---- */

/* GPUs of 'pool' on 'node', held or not. */
static uint32_t members_on(const struct world *world, const char *pool, const char *node)
{
    const struct record *record = world_find(world, RECORD_POOL, pool);
    uint32_t count = 0;
    if (record) {
        VEC_EACH(&record->pool->members, member) {
            count += strcmp(member->node, node) == 0;
        }
    }
    return count;
}

/* Whether the host lacks what the VM's XML names: a network, or memory of a NUMA node. */
static bool lacks_what_it_names(const struct node_inventory *inventory, const struct vm_spec *spec,
                                char *ret_why, size_t size)
{
    const char *network = bound_missing_network(inventory, spec);
    struct bound_memory memory;
    if (network) {
        (void)snprintf(ret_why, size, "has no %s, into which its XML plugs it", network);
        return true;
    }
    if (!bound_memory_fits(inventory, spec, &memory)) {
        char nodes[96];
        (void)snprintf(ret_why, size, "has %llu MiB on its NUMA nodes %s, to which %llu are bound",
                       (unsigned long long)memory.have_mib,
                       bound_nodes_text(memory.nodes, nodes, sizeof(nodes)),
                       (unsigned long long)memory.need_mib);
        return true;
    }
    return false;
}

/* Also where other hosts have it: an administrator may have forgotten this one. */
static void check_names(struct validation *v, const struct record *vm)
{
    char first[reason_size + name_size] = "", why[reason_size];
    size_t len = 0;
    WORLD_EACH(v->call->world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        if (vm_spec_may_run_on(vm->vm_spec, node) &&
            lacks_what_it_names((*each)->inventory, vm->vm_spec, why, sizeof(why)) && len++ == 0) {
            (void)snprintf(first, sizeof(first), "%s %s", node, why);
        }
    }
    if (len == 1) {
        validation_add(v, FINDING_WARNING, vm->key.name, "named", "it does not go there: %s",
                       first);
    } else if (len > 1) {
        validation_add(v, FINDING_WARNING, vm->key.name, "named",
                       "it does not go to %zu hosts: %s, ...", len, first);
    }
}

/* Whether an empty 'node' could run it; if not, why not. */
static bool fits_alone(const struct world *world, const struct vm_spec *spec,
                       const struct record *node, char *ret_why, size_t size)
{
    const struct node_inventory *inventory = node->inventory;
    uint64_t cpus = (uint64_t)inventory->cpus * world_settings(world)->cpu_percent / 100;
    if (!vm_spec_may_run_on(spec, node->key.name)) {
        (void)snprintf(ret_why, size, "is none of its owners");
        return false;
    }
    enum memory_kind kind = memory_kind_of(spec->huge_page_kib, inventory->huge_default_kib);
    uint64_t memory_mib = memory_of_kind(inventory, kind);
    if (spec->memory_mib > memory_mib || spec->cpus > cpus) {
        (void)snprintf(ret_why, size, "has %llu MiB%s%s and %llu CPUs for VMs, of %llu and %u",
                       (unsigned long long)memory_mib, kind == MEMORY_ORDINARY ? "" : " of ",
                       kind == MEMORY_ORDINARY ? "" : memory_kind_name(kind),
                       (unsigned long long)cpus, (unsigned long long)spec->memory_mib, spec->cpus);
        return false;
    }
    if (lacks_what_it_names(inventory, spec, ret_why, size)) {
        return false;
    }
    struct aperture_need need;
    if (!aperture_fits(world, spec, node->key.name, &need)) {
        (void)aperture_text(&need, ret_why, size);
        return false;
    }
    for (uint32_t i = 0; i < spec->need_len; i++) {
        uint32_t have = members_on(world, spec->needs[i].pool, node->key.name);
        if (have < spec->needs[i].count) {
            (void)snprintf(ret_why, size, "has %u of %u GPUs of %s", have, spec->needs[i].count,
                           spec->needs[i].pool);
            return false;
        }
    }
    return true;
}

static void check_vm(struct validation *v, const struct record *vm, size_t *good)
{
    const struct world *world = v->call->world;
    const char *first = "", *refuser = "";
    char why[reason_size] = "";
    size_t fits = 0;
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        char reason[reason_size];
        if (fits_alone(world, vm->vm_spec, *each, reason, sizeof(reason))) {
            first = fits++ ? first : (*each)->key.name;
        } else if (!refuser[0]) {
            refuser = (*each)->key.name;
            memcpy(why, reason, sizeof(why));
        }
    }
    check_names(v, vm);
    if (fits > 1) {
        ++*good;
    } else if (fits == 1) {
        validation_add(v, FINDING_WARNING, vm->key.name, "hosts",
                       "only %s can ever run it: it cannot fail over (%s %s)", first, refuser, why);
    } else {
        validation_add(v, FINDING_FAILED, vm->key.name, "hosts", "no host can ever run it (%s %s)",
                       refuser, why);
        hint_put(v->checks, hint_make("vm-explain", vm->key.name, NULL));
    }
    if (vm->vm_spec->need_len > 0 && vm->vm_spec->offline_action == OFFLINE_SAVE) {
        validation_add(v, FINDING_FAILED, vm->key.name, "offline-action",
                       "a VM with GPUs cannot be saved: choose another offline action");
        hint_put(v->checks, hint_with(hint_make("vm-set", vm->key.name, NULL), "offline-action",
                                      "force-shutdown"));
    }
}

/* Where 'vm' has its place; "": nowhere. */
static const char *node_of(const struct world *world, const char *vm)
{
    const struct record *record = world_find(world, RECORD_VM_PLACEMENT, vm);
    return record && record->placement->phase != PLACEMENT_NONE ? record->placement->node : "";
}

/* Enforced rules hold for what is placed. What runs against one is moved, if there is room. */
static void check_rules(struct validation *v, const struct record *vm)
{
    const struct world *world = v->call->world;
    const struct vm_spec *spec = vm->vm_spec;
    const char *name = vm->key.name, *node = node_of(world, name);
    VEC_EACH(&spec->together, other) {
        const char *there = node_of(world, other->name);
        if (spec->is_affinity_enforced && node[0] && there[0] && strcmp(node, there) != 0) {
            validation_add(v, FINDING_FAILED, name, "together",
                           "it runs on %s, and %s, with which it must be, on %s: Berth moves one "
                           "of them as soon as there is room",
                           node, other->name, there);
        }
    }
    VEC_EACH(&spec->apart, other) {
        const char *there = node_of(world, other->name);
        if (spec->is_apart_enforced && node[0] && strcmp(node, there) == 0) {
            validation_add(v, FINDING_FAILED, name, "apart",
                           "it runs on %s together with %s, from which it must be apart: Berth "
                           "moves one of them as soon as there is room",
                           node, other->name);
            hint_put(v->checks, hint_make("vm-move", name, NULL));
        }
    }
}

static void check_upkeep(struct validation *v, const struct record *vm)
{
    const char *name = vm->key.name;
    if (vm->vm_spec->is_unmanaged) {
        validation_add(v, FINDING_WARNING, name, "unmanaged",
                       "it is unmanaged: if it ends or its host fails, it stays down");
        hint_put(v->checks, hint_with(hint_make("vm-set", name, NULL), "unmanaged", "no"));
    }
    VEC_EACH(&vm->vm_spec->start_after, other) {
        if (!world_find(v->call->world, RECORD_VM_SPEC, other->name)) {
            validation_add(v, FINDING_WARNING, name, "start-after",
                           "it starts after %s, which does not exist: it starts without it",
                           other->name);
        }
    }
}

struct bound {
    struct validation *v;
    const struct record *vm;
};

/* State is judged by each host's look at the disks, which sees whether it is shared. */
static void tell_bound(void *userdata, enum domain_bound kind, const char *what)
{
    const struct bound *bound = userdata;
    char text[2 * reason_size];
    if (domain_bound_is_state(kind) || bound->vm->vm_spec->possible_owners.len == 1) {
        return;
    }
    validation_add(bound->v, FINDING_WARNING, bound->vm->key.name, domain_bound_name(kind), "%s",
                   domain_bound_text(kind, what, text, sizeof(text)));
}

static void check_bound(struct validation *v, const struct record *vm)
{
    struct bound bound = {v, vm};
    (void)domain_xml_bound(vm->vm_spec->xml, tell_bound, &bound, NULL);
}

/* What runs where it should not, and what does not end. */
static void check_instance(struct validation *v, const char *name)
{
    struct vm_facts vm;
    char words[words_max];
    if (!vm_facts(v->call->view, name, &vm)) {
        return;
    }
    if (vm_is_unkillable(&vm)) {
        validation_add(v, FINDING_FAILED, name, "kill",
                       "its QEMU survives SIGKILL and keeps its GPUs: drain %s, then restart or "
                       "fence it",
                       vm.node);
        hint_put(v->checks, hint_make("node-drain", vm.node, NULL));
    }
    if (vm.state == VM_VIEW_AWAY) {
        const char *seen_on;
        bool is_seen = world_sighting(v->call->world, name, &seen_on);
        validation_add(v, FINDING_FAILED, name, "place", "%s",
                       is_seen ? words_cause(&vm.why, words)
                               : "it was migrated away or saved by hand, and no host "
                                 "sees it: it is started nowhere");
        hint_put(v->checks, hint_of_away(v->call->world, name));
    }
}

void validate_vms(struct validation *v)
{
    size_t all = v->call->world->records[RECORD_VM_SPEC].len, good = 0;
    WORLD_EACH(v->call->world, RECORD_VM_SPEC, each) {
        check_vm(v, *each, &good);
        check_rules(v, *each);
        check_upkeep(v, *each);
        check_bound(v, *each);
        check_instance(v, (*each)->key.name);
    }
    if (good == all) {
        validation_add(v, FINDING_OK, "", "hosts",
                       all ? "each of the %zu VMs fits on at least two hosts" : "there are %zu VMs",
                       all);
    }
}

/* ---- reserve ---- */

void validate_reserve(struct validation *v)
{
    struct survival survival;
    uint32_t wanted = world_settings(v->call->world)->reserve;
    if (!survival_find(v->call, &survival)) {
        validation_add(v, FINDING_FAILED, "", "survival", "out of memory");
    } else if (survival.verdict == SURVIVAL_NO_VMS) {
        validation_add(v, FINDING_OK, "", "survival", "no VM is to run: a host can be lost");
    } else if (survival.verdict == SURVIVAL_DISARMED) {
        validation_add(v, wanted > 0 ? FINDING_FAILED : FINDING_WARNING, "", "survival",
                       "the cluster is disarmed: no VM restarts when its host fails");
    } else if (survival.verdict == SURVIVAL_ONE_HOST) {
        validation_add(v, wanted > 0 ? FINDING_FAILED : FINDING_WARNING, "", "survival",
                       "there is one host: when it is lost no VM runs until it is back");
    } else if (survival.verdict == SURVIVAL_NO_PROOF) {
        validation_add(v, wanted > 0 ? FINDING_FAILED : FINDING_WARNING, "", "survival",
                       "nothing can prove that %s%s is off, so its VMs would not restart by "
                       "themselves: arm its watchdog or give it a fence agent",
                       survival.unproven[0], survival.unproven_len > 1 ? " (and others)" : "");
        hint_put(v->checks,
                 hint_with(hint_make("node-set", survival.unproven[0], NULL), "agent", "AGENT"));
    } else if (survival.verdict == SURVIVAL_YES && survival.losses >= wanted) {
        validation_add(v, FINDING_OK, "", "survival",
                       "every VM would run again after the loss of any %u host%s",
                       MAX(survival.losses, 1U), survival.losses > 1 ? "s" : "");
    } else {
        validation_add(v, survival.losses < wanted ? FINDING_FAILED : FINDING_WARNING, "",
                       "survival",
                       "a loss of %u host%s leaves %u VM%s without a place, %s first (the reserve "
                       "is %u): add GPUs or stop VMs",
                       survival.losses + 1, survival.losses ? "s" : "", survival.left_out,
                       survival.left_out == 1 ? "" : "s", survival.vm, wanted);
        hint_put(v->checks, hint_make("plan-fail", "NODE", NULL));
    }
}

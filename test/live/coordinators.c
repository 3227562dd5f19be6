/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two production cores on a real etcd, each sure that it coordinates. What a host does (VMs, GPUs,
 * a watchdog) is only said here, not done: the question is what the store lets them write.
 */
#include "test/live/etcd_cluster.h"

#include "core/core.h"
#include "run/hearing.h"
#include "test/test.h"

#include <stdlib.h>
#include <time.h>

enum { patience_ms = 20000, limit_ms = 5000, answers_max = 64, txns_max = 256 };

/* A transaction of a core that places a VM, on its way. */
struct placing_txn {
    uint64_t id;
    bool is_over;
    enum txn_outcome outcome;
};

struct node {
    const char *name;
    struct core *core;
    struct store *store;
    struct hearing hearing;
    bool is_deaf; /* does not hear who leads */
    msec_t wake_ms;
    uint64_t answers[answers_max]; /* actions to be answered with done */
    size_t answer_len;
    struct placing_txn placings[txns_max];
    size_t placing_len;
};

static struct etcd_cluster cluster;
static sd_event *loop;
static struct node nodes[2];

static msec_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void step(struct node *node, struct core_event event);

/* ---- what the core orders ---- */

static void txn_over(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    struct node *node = userdata;
    for (size_t i = 0; i < node->placing_len; i++) {
        if (node->placings[i].id == id) {
            node->placings[i].is_over = true;
            node->placings[i].outcome = outcome;
        }
    }
    step(node, (struct core_event){.kind = CORE_TXN_DONE,
                                   .id = id,
                                   .outcome = outcome,
                                   .revision = revision,
                                   .text = error ? error->text : NULL});
}

static void send_txn(struct node *node, const struct core_action *action)
{
    VEC_EACH(&action->txn.writes, write) {
        if (write->key.kind == RECORD_VM_PLACEMENT && node->placing_len < txns_max) {
            node->placings[node->placing_len++] = (struct placing_txn){.id = action->id};
            break;
        }
    }
    store_txn(node->store, &action->txn, action->limit_ms, action->id, txn_over, node);
}

static void perform(struct node *node, const struct core_action *action)
{
    if (action->kind == ACTION_TXN) {
        send_txn(node, action);
    } else if (action->kind == ACTION_BARRIER) {
        store_barrier(node->store, action->limit_ms, action->id, txn_over, node);
    } else if (action->kind != ACTION_VM_START && action->id != 0) {
        REQUIRE(node->answer_len < answers_max);
        node->answers[node->answer_len++] = action->id;
    }
}

static void step(struct node *node, struct core_event event)
{
    struct core_update update;
    event.now_ms = now_ms();
    core_step(node->core, &event, &update);
    for (size_t i = 0; i < update.action_len; i++) {
        perform(node, &update.actions[i]);
    }
    node->wake_ms = update.wake_ms;
    while (node->answer_len > 0) {
        uint64_t id = node->answers[--node->answer_len];
        step(node, (struct core_event){.kind = CORE_ACTION_DONE, .id = id, .result = CORE_DONE});
    }
}

/* ---- what it hears ---- */

static void hear(void *owner, const struct core_event *event)
{
    struct node *node = owner;
    if (!node->is_deaf || event->kind != CORE_STORE_RECORD ||
        event->record->key.kind != RECORD_LEADER) {
        step(node, *event);
    }
}

/* One card, dismounted, that nothing speaks against. */
static struct record *inventory_of(const char *name)
{
    struct record *record = record_new(RECORD_NODE_INVENTORY, name, NULL);
    REQUIRE(record);
    record->inventory->cpus = 8;
    record->inventory->memory_mib = 8192;
    struct gpu *gpu = VEC_ADD(&record->inventory->gpus);
    REQUIRE(gpu);
    *gpu = (struct gpu){.address = {0, 1, 0, 0},
                        .vendor = 0x1234,
                        .device = 0x1111,
                        .driver = "vfio-pci",
                        .bar_size = {1 << 24},
                        .verdict = GPU_ASSIGNABLE};
    return record;
}

static void node_begin(struct node *node, const char *name)
{
    struct core_config config = {0};
    struct etcd_config etcd = {.endpoints = cluster.endpoints,
                               .endpoint_len = cluster.options.member_len};
    struct error err;
    *node =
        (struct node){.name = name, .hearing = {hear, node, &node->store}, .wake_ms = MSEC_NEVER};
    (void)snprintf(config.node, sizeof(config.node), "%s", name);
    (void)snprintf(config.boot_id, sizeof(config.boot_id), "boot of %s", name);
    (void)snprintf(config.fresh_cluster, sizeof(config.fresh_cluster), "%s", "0c");
    node->core = core_new(&config);
    REQUIRE(node->core &&
            store_new(loop, &etcd, &hearing_observer, &node->hearing, &node->store, &err) == 0);
    CLEANUP(record_unrefp) struct record *inventory = inventory_of(name);
    step(node, (struct core_event){.kind = CORE_VMS_LISTED});
    step(node, (struct core_event){.kind = CORE_HYPERVISOR, .is_up = true});
    step(node, (struct core_event){.kind = CORE_INVENTORY, .record = inventory});
}

/* ---- the loop ---- */

static bool both_are_members(void)
{
    return core_incarnation(nodes[0].core) > 0 && core_incarnation(nodes[1].core) > 0 &&
           world_find(core_world(nodes[0].core), RECORD_NODE_INVENTORY, nodes[1].name) &&
           world_find(core_world(nodes[1].core), RECORD_NODE_INVENTORY, nodes[0].name);
}

static bool first_leads(void)
{
    return core_is_coordinator(nodes[0].core);
}

static bool both_lead(void)
{
    return core_is_coordinator(nodes[0].core) && core_is_coordinator(nodes[1].core);
}

static bool both_placed(void)
{
    return nodes[0].placing_len > 0 && nodes[0].placings[0].is_over && nodes[1].placing_len > 0 &&
           nodes[1].placings[0].is_over;
}

/* What was written comes back by a stream of its own. */
static bool place_is_known(void)
{
    return core_world(nodes[1].core)->records[RECORD_VM_PLACEMENT].len > 0;
}

static bool run_until(bool (*condition)(void))
{
    msec_t end_ms = now_ms() + patience_ms;
    while (!condition()) {
        if (now_ms() > end_ms) {
            return false;
        }
        REQUIRE(sd_event_run(loop, 20 * 1000) >= 0);
        for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
            if (nodes[i].core && now_ms() >= nodes[i].wake_ms) {
                step(&nodes[i], (struct core_event){.kind = CORE_TICK});
            }
        }
    }
    return true;
}

/* ---- what an administrator writes ---- */

static void wrote(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                  const struct error *error)
{
    (void)id;
    (void)revision;
    (void)error;
    CHECK_INT(outcome, TXN_COMMITTED);
    *(bool *)userdata = true;
}

static bool is_written;

static bool written(void)
{
    return is_written;
}

static void write_now(struct txn *txn)
{
    is_written = false;
    store_txn(nodes[1].store, txn, limit_ms, 0, wrote, &is_written);
    txn_done(txn);
    REQUIRE(run_until(written));
}

static void make_second_lead(void)
{
    const struct record *old = world_find(core_world(nodes[1].core), RECORD_LEADER, "");
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    struct txn txn = {0};
    (void)snprintf(leader->leader->node, name_size, "%s", nodes[1].name);
    leader->leader->incarnation = core_incarnation(nodes[1].core);
    leader->leader->term = old->leader->term + 1;
    txn_put(&txn, leader);
    write_now(&txn);
}

/* A pool of both cards, and a VM that needs one and is to run. */
static void order_vm(void)
{
    struct record *pool = record_new(RECORD_POOL, "p", NULL);
    struct record *spec = record_new(RECORD_VM_SPEC, "vm", NULL);
    struct txn txn = {0};
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        struct pool_member *member = VEC_ADD(&pool->pool->members);
        (void)snprintf(member->node, sizeof(member->node), "%s", nodes[i].name);
        member->slot.address = (struct pci_address){0, 1, 0, 0};
        (void)gpu_identity(
            world_gpu(core_world(nodes[1].core), nodes[i].name, member->slot.address),
            member->identity);
    }
    spec->vm_spec->xml = strdup("<domain/>");
    spec->vm_spec->memory_mib = 16;
    spec->vm_spec->need_len = 1;
    spec->vm_spec->needs[0] = (struct vm_need){.pool = "p", .count = 1};
    spec->vm_spec->desired = VM_STARTED;
    spec->vm_spec->start_order = 1;
    txn_put(&txn, pool);
    txn_put(&txn, spec);
    write_now(&txn);
}

TEST(of_two_coordinators_that_both_believe_they_lead_only_one_can_place)
{
    etcd_cluster_start(&cluster, &(struct etcd_cluster_options){.member_len = 1});
    REQUIRE(sd_event_new(&loop) >= 0);
    node_begin(&nodes[0], "a");
    REQUIRE(run_until(first_leads));
    node_begin(&nodes[1], "b");
    REQUIRE(run_until(both_are_members));

    nodes[0].is_deaf = true;
    make_second_lead();
    REQUIRE(run_until(both_lead));

    order_vm();
    CHECK(run_until(both_placed));
    CHECK_INT(nodes[0].placings[0].outcome, TXN_REFUSED);
    CHECK_INT(nodes[1].placings[0].outcome, TXN_COMMITTED);
    CHECK(run_until(place_is_known));
    const struct world *world = core_world(nodes[1].core);
    CHECK_INT(world->records[RECORD_CLAIM].len, 1);
    CHECK_INT(world->records[RECORD_VM_PLACEMENT].len, 1);

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        store_free(nodes[i].store);
        nodes[i].core = core_free(nodes[i].core);
    }
    sd_event_unref(loop);
    etcd_cluster_stop(&cluster);
}

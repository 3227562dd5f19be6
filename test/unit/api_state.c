/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 'berth plan --state' on an export against the API's own plan: one picture, so one answer. The
 * clusters are drawn by seed, and caught in the middle of their life. */
#include "test/unit/api_fixture.h"

#include "api/plan_json.h"
#include "base/cleanup.h"
#include "cli/plan_file.h"

#include <jansson.h>

enum { clusters = 1000, questions_each = 3, cards_max = 4, nodes_drawn_max = 5 };

static uint64_t state;

/* xorshift64* */
static uint32_t draw(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static bool one_in(uint32_t n)
{
    return draw(n) == 0;
}

static void name_it(char ret[name_size], char kind, uint32_t number_)
{
    (void)snprintf(ret, name_size, "%c%u", kind, number_);
}

/* ---- hosts ---- */

static void draw_card(struct gpu *gpu, uint8_t bus)
{
    *gpu = (struct gpu){.address = {0, bus, 0, 0},
                        .vendor = 0x10de,
                        .device = 0x20b5,
                        .iommu_group = bus,
                        .numa_node = (int32_t)draw(3) - 1,
                        .verdict = one_in(10) ? GPU_IN_USE : GPU_ASSIGNABLE,
                        .health = one_in(10) ? GPU_QUARANTINED : GPU_HEALTHY};
    strcpy(gpu->driver, one_in(12) ? "nvidia" : "vfio-pci");
    gpu->health_cause = gpu->health == GPU_QUARANTINED
                            ? cause_make(CAUSE_SAID, NULL, NULL, "it failed")
                            : (struct cause){0};
}

static void draw_labels(struct record *spec)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (one_in(2)) {
            struct node_label *label = VEC_ADD(&spec->node_spec->labels);
            name_it(label->key, 'k', i);
            memset(label->value, 'x', name_size - 1); /* as long as may be */
        }
    }
}

static void draw_spec(const char *name)
{
    struct record *spec = record_new(RECORD_NODE_SPEC, name, NULL);
    spec->node_spec->mode = one_in(5) ? NODE_PAUSED : one_in(5) ? NODE_DRAIN : NODE_ACTIVE;
    draw_labels(spec);
    revision_t revision = store(spec)->revision;
    if (one_in(6)) {
        struct record *standing = record_new(RECORD_NODE_STANDING, name, NULL);
        standing->standing->quarantine_ms = 1000;
        standing->standing->spec_revision = (uint64_t)revision - draw(2);
        (void)store(standing);
    }
}

static void draw_inventory(const char *name)
{
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, name, NULL);
    uint32_t cards = draw(cards_max + 1);
    inventory->inventory->incarnation = 1 + one_in(12);
    inventory->inventory->cpus = 2 + draw(8);
    inventory->inventory->memory_mib = 4096 + draw(8192);
    for (uint8_t bus = 1; bus <= cards; bus++) {
        draw_card(VEC_ADD(&inventory->inventory->gpus), bus);
    }
    struct node_check *check = VEC_ADD(&inventory->inventory->checks);
    *check = (struct node_check){.name = CHECK_HYPERVISOR, .is_ok = !one_in(10)};
    check = VEC_ADD(&inventory->inventory->checks);
    *check = (struct node_check){.name = CHECK_SPACE, .is_ok = !one_in(10), .detail = "it is full"};
    (void)store(inventory);
}

static void draw_node(const char *name)
{
    if (!one_in(12)) {
        draw_spec(name);
    }
    if (!one_in(12)) {
        draw_inventory(name);
    }
    if (one_in(12)) {
        return; /* never heard of */
    }
    msec_t ago_ms = one_in(6) ? 60000 : one_in(6) ? 4000 : 0;
    beat(name, 1, 1, view.now_ms - 1000 - ago_ms);
    beat(name, 1, 2, view.now_ms - ago_ms);
    if (one_in(10)) {
        struct record *fence = record_new(RECORD_NODE_FENCE, name, NULL);
        fence->fence->incarnation = 1;
        fence->fence->proof = PROOF_POWER;
        (void)store(fence);
    }
}

/* All cards, in two pools; a few are in none, and a few are meant to be others. */
static void draw_pools(uint32_t nodes)
{
    for (uint32_t pool = 0; pool < 2; pool++) {
        struct record *record = record_new(RECORD_POOL, pool ? "q" : "p", NULL);
        for (uint32_t node = 0; node < nodes; node++) {
            for (uint8_t bus = 1; bus <= cards_max; bus++) {
                if (bus % 2 != pool || one_in(15)) {
                    continue;
                }
                struct pool_member *member = VEC_ADD(&record->pool->members);
                name_it(member->node, 'n', node);
                member->slot.address.bus = bus;
                strcpy(member->identity,
                       one_in(15) ? "10de:1db4 0000:0000" : "10de:20b5 0000:0000");
            }
        }
        (void)store(record);
    }
}

/* ---- VMs ---- */

static void draw_owners(struct vm_spec *spec, uint32_t vms)
{
    while (one_in(3)) {
        name_it(((struct vm_name *)VEC_ADD(&spec->possible_owners))->name, 'n',
                draw(nodes_drawn_max + 1));
    }
    while (one_in(3)) {
        name_it(((struct vm_name *)VEC_ADD(&spec->preferred_owners))->name, 'n',
                draw(nodes_drawn_max));
    }
    if (one_in(4)) {
        name_it(((struct vm_name *)VEC_ADD(&spec->apart))->name, 'v', draw(vms));
    }
    if (one_in(4)) {
        name_it(((struct vm_name *)VEC_ADD(&spec->together))->name, 'v', draw(vms));
    }
    spec->is_apart_enforced = one_in(2);
    spec->is_affinity_enforced = one_in(3);
    if (one_in(4)) {
        struct node_label *label = VEC_ADD(&spec->labels);
        name_it(label->key, 'k', draw(2));
        memset(label->value, 'x', name_size - 1);
    }
}

static void draw_vm(const char *name, uint32_t vms)
{
    struct record *record = record_new(RECORD_VM_SPEC, name, NULL);
    struct vm_spec *spec = record->vm_spec;
    spec->xml = strdup("<domain/>");
    spec->desired = one_in(4) ? VM_STOPPED : VM_STARTED;
    spec->cpus = 1 + draw(6);
    spec->memory_mib = 256 + draw(2048);
    spec->priority = draw(4) * 1000;
    spec->start_order = draw(3);
    for (uint32_t pool = 0; pool < 2; pool++) {
        if (one_in(2)) {
            strcpy(spec->needs[spec->need_len].pool, pool ? one_in(20) ? "z" : "q" : "p");
            spec->needs[spec->need_len++].count = 1 + draw(2);
        }
    }
    draw_owners(spec, vms);
    (void)store(record);
}

static void draw_holds(gpu_holds_t *holds)
{
    for (uint8_t bus = 1; bus <= cards_max; bus++) {
        if (one_in(3)) {
            struct gpu_hold *hold = VEC_ADD(holds);
            strcpy(hold->pool, bus % 2 ? "q" : "p");
            hold->slot.address.bus = bus;
        }
    }
}

/* Two VMs may have drawn the same card: so it may look while changes are on their way. */
static void draw_placement(const char *vm, uint32_t nodes)
{
    struct record *record = record_new(RECORD_VM_PLACEMENT, vm, NULL);
    struct vm_placement *p = record->placement;
    p->phase = one_in(4) ? PLACEMENT_NONE : one_in(3) ? PLACEMENT_STOP : PLACEMENT_START;
    p->is_failed = p->phase == PLACEMENT_NONE && one_in(3);
    p->cpus = 1;
    p->memory_mib = 256;
    if (p->phase != PLACEMENT_NONE) {
        name_it(p->node, 'n', draw(nodes));
        draw_holds(&p->gpus);
    }
    if (p->phase == PLACEMENT_STOP && one_in(2)) {
        name_it(p->next_node, 'n', draw(nodes));
        draw_holds(&p->next_gpus);
    }
    (void)store(record);
}

static void draw_status(const char *vm, uint32_t nodes)
{
    struct record *record = record_new(RECORD_VM_STATUS, vm, NULL);
    record->status->state = one_in(2) ? VM_STATE_FAILED : VM_STATE_RUNNING;
    name_it(record->status->node, 'n', draw(nodes));
    record->status->has_culprit = one_in(2);
    record->status->culprit.address.bus = record->status->has_culprit;
    (void)store(record);
}

static void draw_vms(uint32_t vms, uint32_t nodes)
{
    for (uint32_t i = 0; i < vms; i++) {
        char name[name_size];
        name_it(name, 'v', i);
        if (!one_in(5)) {
            draw_vm(name, vms); /* else it was removed, if it has a placement, and still stops */
        }
        if (!one_in(3)) {
            draw_placement(name, nodes);
        }
        if (one_in(4)) {
            draw_status(name, nodes);
        }
    }
}

static void draw_unreadable(uint32_t nodes)
{
    struct record_key key = {.kind = RECORD_CLAIM, .second = "0000:01:00.0"};
    name_it(key.name, 'n', draw(nodes));
    if (one_in(4)) {
        REQUIRE(world_mark_unreadable(&world, &key));
    }
}

/* Nodes and VMs there may be, into 'ret_nodes' and 'ret_vms'. */
static void draw_cluster(uint64_t seed, uint32_t *ret_nodes, uint32_t *ret_vms)
{
    begin();
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    *ret_nodes = 1 + draw(nodes_drawn_max);
    *ret_vms = 1 + draw(9);
    struct record *cluster = record_new(RECORD_CLUSTER, "", NULL);
    cluster->cluster->preemption = one_in(2);
    cluster->cluster->reserve = draw(3);
    cluster->cluster->reserve_policy = one_in(2) ? RESERVE_REFUSE : RESERVE_WARN;
    (void)store(cluster);
    for (uint32_t i = 0; i < *ret_nodes; i++) {
        char name[name_size];
        name_it(name, 'n', i);
        draw_node(name);
    }
    draw_pools(*ret_nodes);
    draw_vms(*ret_vms, *ret_nodes);
    draw_unreadable(*ret_nodes);
}

/* ---- one question, asked twice ---- */

static json_t *of_the_file(const struct export *file, enum plan_ask ask_, const char *name)
{
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = plan_file_options(file);
    const struct plan_question question = {ask_, &name, 1};
    if (plan_question_unknown(&file->world, &question)) {
        return NULL;
    }
    REQUIRE(plan_question_answer(&file->world, &options, &question, &outcome) == 0);
    return plan_outcome_json(&outcome);
}

/* Whether the API had a plan at all, and not a refusal. */
static bool agree(uint64_t seed, const struct export *file, enum plan_ask ask_, const char *name)
{
    char body[200];
    (void)snprintf(body, sizeof(body), "{\"%s\":[\"%s\"]}", plan_ask_name(ask_), name);
    bool is_planned = ask("POST", "/v1/plan", body) == 200;
    json_t *theirs = json_loads(text(), 0, NULL), *ours = of_the_file(file, ask_, name);
    const char *field;
    json_t *value;
    if (is_planned != (ours != NULL)) {
        test_fail(__FILE__, __LINE__, "seed %llu, %s: API %s", (unsigned long long)seed, body,
                  text());
    }
    json_object_foreach(ours, field, value) {
        if (!json_equal(value, json_object_get(theirs, field))) {
            CLEANUP(freep) char *dump = json_dumps(ours, 0);
            test_fail(__FILE__, __LINE__, "seed %llu, %s, %s:\nAPI %sfile %s",
                      (unsigned long long)seed, body, field, text(), dump);
            test_abandon();
        }
    }
    json_decref(theirs);
    json_decref(ours);
    return is_planned;
}

TEST(a_plan_on_an_export_is_the_plan_of_the_cluster)
{
    uint32_t planned = 0;
    for (uint64_t seed = 1; seed <= clusters; seed++) {
        CLEANUP(export_done) struct export file = {0};
        struct error err = {0};
        uint32_t nodes, vms;
        draw_cluster(seed, &nodes, &vms);
        REQUIRE(ask("GET", "/v1/cluster/export", NULL) == 200);
        if (plan_file_read(&file, text(), answer.body.size, &err) < 0) {
            test_fail(__FILE__, __LINE__, "seed %llu: %s", (unsigned long long)seed, err.text);
            test_abandon();
        }
        for (int i = 0; i < questions_each; i++) {
            enum plan_ask ask_ = PLAN_ASK_FAIL + draw(3);
            bool is_vm = ask_ == PLAN_ASK_START;
            char name[name_size];
            name_it(name, is_vm ? 'v' : 'n', draw(is_vm ? vms : nodes));
            planned += agree(seed, &file, ask_, name);
        }
    }
    CHECK(planned > clusters * questions_each / 2); /* most of the questions have a plan */
}

/* ---- clusters of which a second picture once said something else ---- */

/* The API and the file of the cluster start 'vm' on 'node'; "": on none. */
static void both_start(const char *vm, const char *node)
{
    CLEANUP(export_done) struct export file = {0};
    struct error err = {0};
    REQUIRE(ask("GET", "/v1/cluster/export", NULL) == 200);
    REQUIRE(plan_file_read(&file, text(), answer.body.size, &err) == 0);
    REQUIRE(agree(0, &file, PLAN_ASK_START, vm));
    json_t *plan = json_loads(text(), 0, NULL), *placements = json_object_get(plan, "placements");
    CHECK_INT(json_array_size(placements), node[0] != '\0');
    if (node[0]) {
        const json_t *to = json_object_get(json_array_get(placements, 0), "to");
        CHECK_STR(json_string_value(to), node);
    }
    json_decref(plan);
}

static void hold_both_gpus(gpu_holds_t *holds)
{
    for (uint8_t bus = 1; bus <= 2; bus++) {
        struct gpu_hold *hold = VEC_ADD(holds);
        strcpy(hold->pool, "P");
        hold->slot.address.bus = bus;
    }
}

/* VMs a, b and c hold all GPUs of node1, node2 and node3; w wants two. */
static void begin_full(void)
{
    static const char *const vms[] = {"a", "b", "c"}, *const nodes[] = {"node1", "node2", "node3"};
    begin_cluster();
    add_vm("w", 2);
    for (size_t i = 0; i < ARRAY_LEN(vms); i++) {
        add_vm(vms[i], 2);
        hold_both_gpus(&place(vms[i], PLACEMENT_START, nodes[i], 1)->gpus);
        report(vms[i], nodes[i], 1, VM_STATE_RUNNING);
    }
}

static void remove_record(enum record_kind kind, const char *vm)
{
    struct record_key key = {.kind = kind};
    strcpy(key.name, vm);
    world_remove(&world, &key, ++world.revision);
}

TEST(a_host_that_a_moving_vm_goes_to_is_not_free)
{
    begin_full();
    remove_record(RECORD_VM_SPEC, "c");
    remove_record(RECORD_VM_PLACEMENT, "c");
    both_start("w", "node3");
    struct vm_placement *a = place("a", PLACEMENT_STOP, "node1", 1);
    strcpy(a->next_node, "node3");
    hold_both_gpus(&a->next_gpus);
    both_start("w", "");
}

TEST(a_removed_vm_that_still_stops_holds_its_gpus)
{
    begin_full();
    remove_record(RECORD_VM_SPEC, "b");
    both_start("w", "");
    remove_record(RECORD_VM_PLACEMENT, "b");
    both_start("w", "node2");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What-if against the coordinator: the same world, and what the core decides on it. */
#include "test/unit/api_fixture.h"

#include "core/change.h"
#include "core/peer.h"
#include "core/placing.h"
#include "model/words.h"

static struct record *changed(enum record_kind kind, const char *name)
{
    const struct record *old = world_find(&world, kind, name);
    return store(old ? record_copy(old) : record_new(kind, name, NULL));
}

static struct node_inventory *inventory_of(const char *node)
{
    return changed(RECORD_NODE_INVENTORY, node)->inventory;
}

/* The core of node1 that has heard what the API has heard, and coordinates. */
static void decide(const char *vm, bool is_asked, struct placing *ret)
{
    struct core core = {.world = world, .now_ms = view.now_ms};
    CHECK(peer_init(&core) && change_init(&core));
    evictions_t evictions = {0};
    strcpy(core.config.node, "node1");
    for (size_t i = 0; i < heard_len; i++) {
        struct peer *peer = VEC_ADD(&core.peers->list);
        bool is_beating;
        (void)snprintf(peer->name, sizeof(peer->name), "%s", heard_nodes[i].node);
        peer->incarnation = world_find(&world, RECORD_NODE_ALIVE, peer->name)->alive->incarnation;
        peer->seen_ms = heard_ms(peer->name, &is_beating);
    }
    *ret = (struct placing){.spec = world_find(&world, RECORD_VM_SPEC, vm)};
    placing_plan(&core, ret, 1, is_asked, NULL,
                 world_settings(&world)->preemption ? &evictions : NULL);
    VEC_DONE(&evictions);
    peer_done(&core);
    change_done(&core);
}

/* What-if and core say the same of a start of 'vm': 'node' ("": nowhere), or the same reasons, of
 * which one has these words. */
static void agree(const char *vm, const char *node, const char *words)
{
    char body[100], expected[600];
    struct placing request;
    decide(vm, true, &request);
    CHECK_STR(request.node, node);
    (void)snprintf(body, sizeof(body), "{\"start\":[\"%s\"]}", vm);
    CHECK_INT(ask("POST", "/v1/plan", body), 200);
    if (request.is_placed) {
        (void)snprintf(expected, sizeof(expected), "\"vm\":\"%s\",\"from\":\"\",\"to\":\"%s\"", vm,
                       request.node);
        CHECK_HAS(text(), expected);
    }
    VEC_EACH(&request.reasons, reason) {
        char sentence[words_max];
        (void)snprintf(expected, sizeof(expected), "\"subject\":\"%s\",\"text\":\"%s\"",
                       reason->node, words_cause(&reason->cause, sentence));
        CHECK_HAS(text(), expected);
    }
    if (words) {
        CHECK_HAS(text(), words);
    }
    placing_done(&request);
}

/* node1 can take a VM with 2 GPUs, if at all; the others are paused. */
static void begin_with_one(void)
{
    begin_cluster();
    add_vm("v", 2);
    must("POST", "/v1/nodes/node2/pause", NULL);
    must("POST", "/v1/nodes/node3/pause", NULL);
    agree("v", "node1", NULL);
}

TEST(a_node_whose_addresses_are_too_narrow_for_the_gpus_takes_no_vm)
{
    begin_with_one();
    struct node_inventory *inventory = inventory_of("node1");
    VEC_EACH(&inventory->gpus, gpu) {
        gpu->bar_size[0] = UINT64_C(256) << 30;
    }
    inventory->address_bits = 46;
    agree("v", "node1", NULL);
    inventory_of("node1")->address_bits = 39;
    agree("v", "", "needs guest addresses of 42 bits (1024 GiB for GPU memory above 1 GiB of RAM)");
    inventory_of("node2")->address_bits = 30;
    inventory_of("node3")->address_bits = 30;
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "no host can ever run it (node1 needs guest addresses");
}

static void give_network(const char *node, const char *name)
{
    struct node_inventory *inventory = inventory_of(node);
    struct host_network *place = VEC_ADD(&inventory->networks);
    REQUIRE(place);
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    inventory->has_networks = true;
}

TEST(a_vm_does_not_go_where_a_network_of_it_is_missing)
{
    begin_with_one();
    struct vm_spec *spec = changed(RECORD_VM_SPEC, "v")->vm_spec;
    strcpy(spec->networks[0].name, "network default");
    strcpy(spec->networks[1].name, "bridge br0");
    spec->network_len = 2;
    agree("v", "node1", NULL); /* no node tells */
    give_network("node1", "interface br0");
    agree("v", "", "has no network default, into which the VM's XML plugs it");
    give_network("node1", "network default");
    agree("v", "node1", NULL);
    strcpy(inventory_of("node1")->networks.items[0].name, "interface br1");
    agree("v", "", "has no bridge br0, into which the VM's XML plugs it");
    give_network("node2", "interface br1");
    give_network("node3", "interface br1");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "no host can ever run it (node1 has no bridge br0, into which");
}

TEST(a_node_takes_no_vm_whose_memory_is_bound_to_nodes_that_have_less)
{
    begin_with_one();
    struct vm_spec *spec = changed(RECORD_VM_SPEC, "v")->vm_spec;
    struct node_inventory *inventory = inventory_of("node1");
    spec->binds[0] = (struct memory_bind){1 << 1, 512};
    spec->binds[1] = (struct memory_bind){1 << 0 | 1 << 1, 512};
    spec->bind_len = 2;
    agree("v", "node1", NULL); /* it tells of no nodes */
    inventory->numa_nodes[0] = (struct numa_node){.id = 0, .cpus = 4, .memory_mib = 4096};
    inventory->numa_node_len = 1;
    agree("v", "", "0 MiB on its NUMA nodes 1, to which the VM's XML binds 512 MiB");
    inventory->bare_nodes = 1 << 1; /* its memory is not known */
    agree("v", "node1", NULL);
    inventory->bare_nodes = 0;
    inventory->numa_nodes[1] = (struct numa_node){.id = 1, .cpus = 4, .memory_mib = 512};
    inventory->numa_node_len = 2;
    agree("v", "node1", NULL);
    inventory->numa_nodes[0].memory_mib = 511;
    agree("v", "", "1023 MiB on its NUMA nodes 0,1, to which the VM's XML binds 1024 MiB");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "has 1023 MiB on its NUMA nodes 0,1, to which 1024 are bound");
    inventory->numa_nodes[0].memory_mib = 4096;
    spec->huge_page_kib = 1048576; /* of these it has none, wherever */
    inventory->huge_pages[0] = (struct huge_pages){0, 1048576, 8, 8};
    inventory->huge_page_len = 1;
    agree("v", "", "0 MiB on its NUMA nodes 1");
    inventory->huge_pages[0].numa_node = 1;
    agree("v", "node1", NULL);
}

TEST(a_vm_with_huge_pages_goes_where_there_are_some)
{
    begin_with_one();
    changed(RECORD_VM_SPEC, "v")->vm_spec->huge_page_kib = huge_page_default;
    agree("v", "", "0 of 0 MiB in 2 MiB pages free (needs 512)");
    struct node_inventory *inventory = inventory_of("node1");
    inventory->huge_default_kib = 1048576;
    inventory->huge_pages[0] = (struct huge_pages){0, 1048576, 1, 1};
    inventory->huge_page_len = 1;
    agree("v", "node1", NULL);
    add_vm("u", 1);
    struct vm_spec *other = changed(RECORD_VM_SPEC, "u")->vm_spec;
    other->memory_mib = 768;
    other->huge_page_kib = 1048576;
    (void)place("u", PLACEMENT_START, "node1", 1);
    agree("v", "", "256 of 1024 MiB in 1 GiB pages free (needs 512)");
}

TEST(a_node_whose_hypervisor_does_not_answer_takes_no_vm)
{
    begin_with_one();
    inventory_of("node1")->checks.items[0].is_ok = false;
    agree("v", "", "its hypervisor (libvirt) does not answer");
}

TEST(an_inventory_of_an_earlier_incarnation_says_nothing_of_now)
{
    begin_with_one();
    beat("node1", 2, 1, view.now_ms);
    agree("v", "", "its hypervisor (libvirt) does not answer");
    inventory_of("node1")->incarnation = 2;
    agree("v", "node1", NULL);
}

TEST(a_silent_node_takes_no_vm)
{
    begin_with_one();
    must("POST", "/v1/nodes/node2/resume", NULL);
    view.now_ms += 5000;
    beat("node1", 1, 3, view.now_ms);
    agree("v", "node1", NULL);
    must("POST", "/v1/nodes/node1/pause", NULL);
    struct placing request;
    decide("v", true, &request);
    CHECK(!request.is_placed);
    placing_done(&request);
    CHECK_INT(ask("POST", "/v1/plan", "{\"start\":[\"v\"]}"), 200);
    CHECK_HAS(text(), "\"text\":\"no heartbeat for 5 s\"");
}

TEST(a_node_that_was_just_seen_for_the_first_time_is_up)
{
    begin_with_one();
    heard_len = 0;
    hear("node1", view.now_ms);
    agree("v", "node1", NULL);
}

TEST(a_card_that_is_not_dismounted_is_not_handed_out)
{
    begin_with_one();
    strcpy(inventory_of("node1")->gpus.items[0].driver, "nvidia");
    agree("v", "", "0000:01:00.0 is not dismounted (driver nvidia)");
}

TEST(another_card_than_the_pools_is_not_handed_out)
{
    begin_with_one();
    inventory_of("node1")->gpus.items[1].device = 0x1db4;
    agree("v", "", "0000:02:00.0 is not the card that joined the pool");
}

TEST(a_card_that_cannot_be_assigned_is_handed_out_if_it_was_forced)
{
    begin_with_one();
    inventory_of("node1")->gpus.items[1].verdict = GPU_IN_USE;
    agree("v", "", "0000:02:00.0 is not assignable");
    changed(RECORD_NODE_SPEC, "node1")->node_spec->dismounted.items[1].is_forced = true;
    agree("v", "node1", NULL);
}

TEST(a_card_through_which_a_start_just_failed_is_not_handed_out)
{
    begin_with_one();
    add_vm("w", 1);
    report("w", "node1", 1, VM_STATE_FAILED);
    struct vm_status *status = changed(RECORD_VM_STATUS, "w")->status;
    status->has_culprit = true;
    status->culprit.address = (struct pci_address){0, 1, 0, 0};
    agree("v", "", "(needs 2)");
    (void)inventory_of("node1"); /* written since: it knows better */
    agree("v", "node1", NULL);
}

TEST(a_card_that_is_gone_counts_as_the_pools_still)
{
    begin_with_one();
    struct node_inventory *inventory = inventory_of("node1");
    VEC_REMOVE(&inventory->gpus, 0);
    agree("v", "", "0000:01:00.0 is not there");
}

TEST(as_many_virtual_cpus_fit_as_the_settings_allow)
{
    begin_with_one();
    changed(RECORD_VM_SPEC, "v")->vm_spec->cpus = 24;
    changed(RECORD_CLUSTER, "")->cluster->cpu_percent = 100;
    agree("v", "", "16");
    changed(RECORD_CLUSTER, "")->cluster->cpu_percent = 150;
    agree("v", "node1", NULL);
}

TEST(a_vm_whose_pool_does_not_exist_fits_nowhere)
{
    begin_with_one();
    strcpy(changed(RECORD_VM_SPEC, "v")->vm_spec->needs[0].pool, "elsewhere");
    agree("v", "", "no GPU in pool elsewhere");
}

TEST(a_vm_none_of_whose_possible_owners_exists_fits_nowhere)
{
    begin_with_one();
    struct vm_spec *spec = changed(RECORD_VM_SPEC, "v")->vm_spec;
    struct vm_name *owner = VEC_ADD(&spec->possible_owners);
    strcpy(owner->name, "nodeX");
    agree("v", "", "not a possible owner");
    strcpy(changed(RECORD_VM_SPEC, "v")->vm_spec->possible_owners.items[0].name, "node1");
    agree("v", "node1", NULL);
}

TEST(a_vm_runs_only_where_the_labels_are_that_it_demands)
{
    begin_with_one();
    must("PATCH", "/v1/vms/v", "{\"labels\":{\"site\":\"east\"}}");
    agree("v", "", "has no label site=east");
    must("PATCH", "/v1/nodes/node1", "{\"labels\":{\"site\":\"west\"}}");
    agree("v", "", "has no label site=east");
    must("PATCH", "/v1/nodes/node1", "{\"labels\":{\"site\":\"east\",\"rack\":\"r1\"}}");
    agree("v", "node1", NULL);
    must("PATCH", "/v1/vms/v", "{\"possible_owners\":[\"node2\"]}");
    agree("v", "", "not a possible owner");
}

/* ---- what runs already ---- */

static struct vm_placement *put(const char *vm, enum placement_phase phase, const char *node)
{
    changed(RECORD_VM_SPEC, vm)->vm_spec->desired = VM_STARTED;
    struct vm_placement *placement = place(vm, phase, node, 1);
    for (uint8_t bus = 1; bus <= 2; bus++) {
        struct gpu_hold *hold = VEC_ADD(&placement->gpus);
        strcpy(hold->pool, "P");
        hold->slot.address.bus = bus;
    }
    return placement;
}

TEST(a_start_that_would_break_the_reserve_is_refused)
{
    begin_cluster();
    add_vm("v", 2);
    add_vm("w1", 2);
    add_vm("w2", 2);
    (void)put("w1", PLACEMENT_START, "node1");
    (void)put("w2", PLACEMENT_START, "node2");
    struct cluster_settings *settings = changed(RECORD_CLUSTER, "")->cluster;
    settings->reserve = 1;
    agree("v", "node3", NULL);
    changed(RECORD_CLUSTER, "")->cluster->reserve_policy = RESERVE_REFUSE;
    agree("v", "", "\"subject\":\"node3\"");
}

TEST(a_vm_of_lower_priority_makes_room_if_the_settings_allow)
{
    begin_with_one();
    add_vm("low", 2);
    changed(RECORD_VM_SPEC, "low")->vm_spec->priority = priority_low;
    (void)put("low", PLACEMENT_START, "node1");
    agree("v", "", "held by low");
    changed(RECORD_CLUSTER, "")->cluster->preemption = true;
    agree("v", "node1", "\"left_out\":[{\"vm\":\"low\"");
}

TEST(a_vm_that_is_being_stopped_holds_its_gpus_until_it_is)
{
    begin_with_one();
    add_vm("w", 2);
    (void)put("w", PLACEMENT_STOP, "node1");
    agree("v", "", "held by w");
    (void)place("w", PLACEMENT_NONE, "", 1);
    agree("v", "node1", NULL);
}

/* w is on its way from node1 to node2. */
static void begin_moving(void)
{
    begin_cluster();
    add_vm("w", 2);
    struct vm_placement *placement = put("w", PLACEMENT_STOP, "node1");
    strcpy(placement->next_node, "node2");
    placement->next_gpus = placement->gpus;
    placement->gpus = (gpu_holds_t){0};
    must("POST", "/v1/nodes/node3/pause", NULL);
}

TEST(what_a_moving_vm_has_reserved_is_no_one_elses)
{
    begin_moving();
    must("POST", "/v1/nodes/node1/pause", NULL);
    add_vm("v", 2);
    agree("v", "", "held by w");
}

TEST(a_vm_whose_node_fails_while_it_moves_starts_where_it_was_going)
{
    begin_moving();
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    CHECK_HAS(text(), "\"vm\":\"w\",\"from\":\"node1\",\"to\":\"node2\"");
    CHECK_HAS(text(), "\"left_out\":[]");
}

TEST(a_stopped_vm_is_not_placed_when_its_node_fails)
{
    begin_cluster();
    add_vm("w", 2);
    (void)put("w", PLACEMENT_START, "node1");
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    CHECK_HAS(text(), "\"vm\":\"w\",\"from\":\"node1\",\"to\":\"node");
    changed(RECORD_VM_SPEC, "w")->vm_spec->priority = priority_no_auto;
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    CHECK_HAS(text(), "\"placements\":[],\"left_out\":[]");
    changed(RECORD_VM_SPEC, "w")->vm_spec->priority = priority_high;
    changed(RECORD_VM_SPEC, "w")->vm_spec->desired = VM_STOPPED;
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    CHECK_HAS(text(), "\"placements\":[],\"left_out\":[]");
}

/* ---- moves ---- */

static void host_says(const char *node, const char *cpu)
{
    struct node_inventory *inventory = inventory_of(node);
    (void)snprintf(inventory->cpu_model, sizeof(inventory->cpu_model), "%s", cpu);
    (void)snprintf(inventory->migration_address, sizeof(inventory->migration_address), "%s", node);
}

TEST(a_preview_says_which_vm_moves_live_and_why_another_does_not)
{
    begin_cluster();
    add_vm("g", 1);
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\",\"name\":\"v\"}");
    (void)place("g", PLACEMENT_START, "node1", 1);
    (void)place("v", PLACEMENT_START, "node1", 1);
    changed(RECORD_VM_SPEC, "g")->vm_spec->desired = VM_STARTED;
    changed(RECORD_VM_SPEC, "v")->vm_spec->desired = VM_STARTED;
    report("g", "node1", 1, VM_STATE_RUNNING);
    report("v", "node1", 1, VM_STATE_RUNNING);
    host_says("node1", "EPYC");
    host_says("node2", "Xeon");
    host_says("node3", "EPYC");
    const char *live = "\"vm\":\"v\",\"from\":\"node1\",\"to\":\"node3\",\"gpus\":[],"
                       "\"migration\":\"live\"}";
    must("POST", "/v1/nodes/node1/drain", "{\"dry_run\":true}");
    CHECK_HAS(text(), live); /* node2 would take it, but not as it runs */
    CHECK_HAS(text(), "\"migration\":\"restart\",\"why\":\"it has devices of its host");
    must("POST", "/v1/plan", "{\"drain\":[\"node1\"],\"migration\":\"restart\"}");
    CHECK_HAS(text(), "\"why_code\":\"live-unwanted\"");
    must("POST", "/v1/plan", "{\"drain\":[\"node1\"],\"migration\":\"live\"}");
    CHECK_HAS(text(), live);
    CHECK_HAS(text(), "\"left_out\":[{\"vm\":\"g\"");
    CHECK_HAS(text(), "\"code\":\"live-device\"");
    must("POST", "/v1/nodes/node1/drain", "{\"migration\":\"live\"}");
    CHECK_INT(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->migration, MIGRATION_LIVE);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What needs attention: each kind is found, since when, and with what to do. */
#include "test/unit/api_fixture.h"

#include "model/fence_rule.h"
#include "model/trouble.h"

#include <jansson.h>

static json_t *problems;

/* Asks, and finds the problem of that code and subject; NULL: there is none. */
static const json_t *find(const char *code, const char *subject)
{
    size_t i;
    json_t *each;
    json_decref(problems);
    problems = NULL;
    REQUIRE(ask("GET", "/v1/problems", NULL) == 200);
    problems = json_loads(text(), 0, NULL);
    REQUIRE(problems);
    json_array_foreach(json_object_get(problems, "items"), i, each) {
        if (strcmp(json_string_value(json_object_get(each, "code")), code) == 0 &&
            strcmp(json_string_value(json_object_get(each, "subject")), subject) == 0) {
            return each;
        }
    }
    return NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void has(const char *code, const char *subject, const char *severity, const char *action)
{
    const json_t *problem = find(code, subject);
    if (!problem) {
        test_fail(__FILE__, __LINE__, "no %s of %s in %s", code, subject, text());
        return;
    }
    CHECK_STR(text_of(problem, "severity"), severity);
    CHECK_STR(text_of(json_object_get(problem, "hint"), "action"), action);
    CHECK(text_of(problem, "text")[0] != '\0');
    CHECK(text_of(problem, "advice")[0] != '\0' || text_of(problem, "cause")[0] != '\0');
}

static size_t count(void)
{
    (void)find("", "");
    return json_array_size(json_object_get(problems, "items"));
}

/* One coordinates, so that nothing is wrong. */
static void begin_healthy(void)
{
    begin_cluster();
    struct record *leader = record_new(RECORD_LEADER, NULL, NULL);
    strcpy(leader->leader->node, "node1");
    (void)store(leader);
}

static void tell(const char *name, const char *code, const char *subject, const char *who)
{
    struct record *event = record_new(RECORD_EVENT, name, NULL);
    strcpy(event->event->subject, subject);
    strcpy(event->event->code, code);
    strcpy(event->event->facts.who, who);
    (void)store(event);
}

static struct gpu *card(const char *node)
{
    return &world_find(&world, RECORD_NODE_INVENTORY, node)->inventory->gpus.items[0];
}

/* VM v runs on node1 with 0000:01:00.0. */
static void run_v(void)
{
    begin_healthy();
    add_vm("v", 1);
    must("POST", "/v1/vms/v/start", NULL);
    struct vm_placement *placement = place("v", PLACEMENT_START, "node1", 1);
    struct gpu_hold *hold = VEC_ADD(&placement->gpus);
    strcpy(hold->pool, "P");
    hold->slot.address = (struct pci_address){0, 1, 0, 0};
    claim("node1", "0000:01:00.0", "v");
    report("v", "node1", 1, VM_STATE_RUNNING);
}

TEST(a_healthy_cluster_has_no_problem)
{
    run_v();
    CHECK_INT(count(), 0);
    CHECK_HAS(text(), "\"problem_counts\":{\"error\":0,\"warning\":0}");
    REQUIRE(ask("GET", "/v1/status", NULL) == 200);
    CHECK_HAS(text(), "\"problems\":[]");
}

TEST(a_gpu_of_a_pool_with_bus_errors_or_a_narrow_link_is_a_problem_and_names_its_vm)
{
    run_v();
    card("node1")->link_width = 4;
    card("node1")->link_width_max = 16;
    card("node1")->errors_corrected = 1024; /* as every card has some */
    CHECK_STR(text_of(find("gpu-link", "node1/0000:01:00.0"), "text"),
              "The PCIe link of GPU node1/0000:01:00.0 has 4 of 16 lanes; VM v has it");
    CHECK_INT(count(), 1);
    card("node1")->errors_nonfatal = 2;
    CHECK_HAS(text_of(find("gpu-errors", "node1/0000:01:00.0"), "text"),
              "had 2 uncorrected PCIe errors");
    CHECK_STR(text_of(find("gpu-errors", "node1/0000:01:00.0"), "severity"), "warning");
    CHECK_INT(count(), 2);
    must("POST", "/v1/vms/v/stop", NULL);
}

TEST(a_gpu_that_fails_under_a_running_vm_is_a_problem_of_both)
{
    run_v();
    card("node1")->health = GPU_QUARANTINED;
    card("node1")->health_cause = cause_make(CAUSE_GPU_LEFT_BUS, NULL, NULL, NULL);
    tell("01759999800000-n-0", "gpu-quarantined", "node1", "0000:01:00.0"); /* once before */
    tell("01759999900000-n-1", "gpu-quarantined", "node1", "0000:02:00.0");
    tell("01759999910000-n-2", "gpu-quarantined", "node1", "0000:01:00.0");
    tell("01759999920000-n-3", "gpu-quarantined", "node1", "0000:02:00.0");
    has("vm-degraded", "v", "warning", "vm-move");
    has("gpu-quarantined", "node1/0000:01:00.0", "error", "gpu-release");
    CHECK_INT(json_integer_value(json_object_get(find("vm-degraded", "v"), "since_ms")),
              1759999910000);
    CHECK_STR(text_of(find("vm-degraded", "v"), "cause_code"), "gpu-left-bus");
    CHECK_HAS(text_of(find("vm-degraded", "v"), "text"), "0000:01:00.0");
    CHECK_INT(count(), 2);
    REQUIRE(ask("GET", "/v1/vms/v", NULL) == 200);
    CHECK_HAS(text(), "\"state\":\"running\",\"degraded\":true");
    REQUIRE(ask("GET", "/v1/nodes/node1/gpus/0000:01:00.0", NULL) == 200);
    CHECK_HAS(text(), "\"state\":\"failed\"");
    card("node1")->health = GPU_HEALTHY;
    CHECK_INT(count(), 0);
    card("node1")->verdict = GPU_OFF_BUS;
    has("vm-degraded", "v", "warning", "vm-move");
}

TEST(a_gpu_of_a_pool_that_its_host_does_not_show_is_missing)
{
    run_v();
    card("node2")->address.bus = 0x77; /* another slot */
    has("gpu-missing", "node2/0000:01:00.0", "error", "pool-remove");
    CHECK_INT(json_array_size(json_object_get(
                  json_object_get(find("gpu-missing", "node2/0000:01:00.0"), "hint"), "subject")),
              3);
}

TEST(gpus_of_a_host_that_is_not_heard_are_away_and_the_host_is_the_problem)
{
    run_v();
    REQUIRE(ask("GET", "/v1/nodes/node2/gpus/0000:01:00.0", NULL) == 200);
    CHECK_HAS(text(), "\"state\":\"available\"");
    card("node2")->address.bus = 0x77;
    view.now_ms += 4000;
    beat("node1", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    has("node-silent", "node2", "error", "");
    CHECK_INT(json_integer_value(json_object_get(find("node-silent", "node2"), "since_ms")),
              1760000000000 - 4000);
    CHECK(!find("gpu-missing", "node2/0000:01:00.0"));
    card("node2")->address.bus = 1;
    REQUIRE(ask("GET", "/v1/nodes/node2/gpus/0000:01:00.0", NULL) == 200);
    CHECK_HAS(text(), "\"state\":\"away\"");
    REQUIRE(ask("GET", "/v1/gpus?state=available", NULL) == 200);
    CHECK(!strstr(text(), "node2"));
    view.now_ms += 3600000;
    beat("node1", 1, 4, view.now_ms);
    beat("node3", 1, 4, view.now_ms);
    has("node-unfenced", "node2", "error", "node-confirm-off");
}

TEST(a_host_that_its_store_contradicts_is_a_problem_until_it_has_joined)
{
    run_v();
    tell("01759999900000-n-1", "node-joined", "node2", "");
    tell("01759999910000-n-1", "store-contradicts", "node2", "");
    CHECK(!find("store-contradicts", "node2")); /* it is heard: someone has decided */
    view.now_ms += 4000;
    beat("node1", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    has("store-contradicts", "node2", "error", "");
    CHECK_HAS(text_of(find("store-contradicts", "node2"), "advice"), "berthd --adopt");
    CHECK_INT(json_integer_value(json_object_get(find("store-contradicts", "node2"), "since_ms")),
              1759999910000);
    tell("01759999920000-n-1", "node-rejoined", "node2", "");
    CHECK(!find("store-contradicts", "node2"));
}

TEST(a_host_whose_heartbeat_is_in_no_store_and_that_said_so_is_a_problem)
{
    begin_healthy();
    tell("01759999910000-n-1", "store-contradicts", "node4", "");
    (void)store(record_new(RECORD_NODE_SPEC, "node4", NULL));
    has("store-contradicts", "node4", "error", "");
    CHECK_INT(count(), 1);
}

TEST(the_host_of_this_api_says_itself_that_the_store_is_another_one)
{
    begin_healthy();
    view.node = "node9"; /* no other host of this store knows it */
    view.contradiction = "it is the store of another cluster";
    has("store-contradicts", "node9", "error", "");
    CHECK_STR(text_of(find("store-contradicts", "node9"), "cause"),
              "it is the store of another cluster");
    CHECK_INT(count(), 1);
    view.contradiction = NULL;
    CHECK_INT(count(), 0);
}

TEST(a_host_that_is_proven_off_is_down)
{
    run_v();
    view.now_ms += 60000;
    beat("node1", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    struct record *fence = record_new(RECORD_NODE_FENCE, "node2", NULL);
    fence->fence->incarnation = 1;
    fence->fence->proof = PROOF_POWER;
    (void)store(fence);
    has("node-down", "node2", "error", "");
    CHECK(!find("node-unfenced", "node2"));
}

TEST(a_berthd_that_was_stopped_above_vms_is_a_problem)
{
    run_v();
    world_find(&world, RECORD_VM_STATUS, "v")->status->incarnation = 1;
    struct record *alive = record_new(RECORD_NODE_ALIVE, "node1", NULL);
    alive->alive->incarnation = 1;
    alive->alive->counter = 3;
    alive->alive->has_left = true;
    (void)store(alive);
    hear("node1", view.now_ms);
    view.now_ms += 4000;
    has("node-left-vms", "node1", "error", "node-confirm-off");
}

TEST(a_host_is_set_aside_for_too_long_after_an_hour)
{
    begin_healthy();
    must("POST", "/v1/nodes/node2/drain", NULL);
    CHECK(!find("node-drained-long", "node2"));
    view.wall_ms += 59 * 60 * 1000;
    CHECK(!find("node-drained-long", "node2"));
    CHECK_INT(count(), 0);
    view.wall_ms += 2 * 60 * 1000;
    tell("01760003600000-n-1", "node-joined", "node2", ""); /* it was rebooted meanwhile */
    has("node-drained-long", "node2", "warning", "node-resume");
    must("POST", "/v1/nodes/node2/resume", NULL);
    CHECK(!find("node-drained-long", "node2"));
}

TEST(what_would_not_prove_a_host_off_is_a_problem)
{
    begin_healthy();
    world_find(&world, RECORD_NODE_ALIVE, "node3")->alive->is_watchdog_armed = false;
    has("watchdog-not-armed", "node3", "error", "");
    must("POST", "/v1/cluster/disarm", NULL);
    CHECK(!find("watchdog-not-armed", "node3"));
    has("disarmed", "", "warning", "cluster-arm");
    must("POST", "/v1/cluster/arm", NULL);
    world_find(&world, RECORD_NODE_SPEC, "node3")->node_spec->fencing = FENCING_POWER;
    has("no-fence-agent", "node3", "error", "node-set");
    store_readable_secret("node3", "password", "hush");
    CHECK(!find("no-fence-agent", "node3"));
    has("fence-secrets-readable", "node3", "warning", "");
    struct node_spec *spec = world_find(&world, RECORD_NODE_SPEC, "node3")->node_spec;
    strcpy(spec->fence_parameters.items[0].value, FENCE_SEALED);
    spec->fence_box = strdup("1:" FENCE_KEY(1) ":QUJD");
    has("fence-secrets-lost", "node3", "error", "node-set");
    grant_key("node1", 1, FENCE_KEY(1), "");
    CHECK(!find("fence-secrets-lost", "node3"));
}

TEST(checks_that_fail_are_problems_and_the_store_is_reported_once)
{
    begin_healthy();
    for (size_t i = 1; i <= 3; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "node%zu", i);
        node_checks_t *checks = &world_find(&world, RECORD_NODE_INVENTORY, name)->inventory->checks;
        struct node_check *slow = node_checks_add(checks, "store", false, "a write takes 300 ms");
        slow->is_advice = true;
        node_checks_add(checks, "kernel", false, "old")->is_advice = true;
    }
    has("store-slow", "node1", "warning", "");
    CHECK_STR(text_of(find("store-slow", "node1"), "cause"), "a write takes 300 ms");
    CHECK(!find("store-slow", "node2"));
    CHECK_INT(count(), 1);
    (void)node_checks_add(&world_find(&world, RECORD_NODE_INVENTORY, "node2")->inventory->checks,
                          "iommu", false, "there is none");
    has("check-failed", "node2", "error", "");
}

TEST(vms_that_wait_have_failed_or_do_not_stop_are_problems)
{
    run_v();
    add_vm("w", 1);
    must("POST", "/v1/vms/w/start", NULL);
    struct vm_placement *placement = place("w", PLACEMENT_NONE, "", 0);
    placement->cause = cause_make(CAUSE_NO_HOST, NULL, NULL, NULL);
    tell("01759999900000-n-1", "vm-waiting", "w", "");
    tell("01759999910000-n-2", "vm-placed", "w", "");
    tell("01759999920000-n-3", "vm-waiting", "w", "");
    tell("01759999930000-n-4", "vm-waiting", "w", "");
    world_find(&world, RECORD_EVENT, "01759999930000-n-4");
    has("vm-waiting", "w", "warning", "vm-explain");
    placement->is_failed = true;
    has("vm-failed", "w", "error", "vm-start");
    must("POST", "/v1/vms/v/stop", NULL);
    CHECK(!find("vm-does-not-stop", "v"));
    world_find(&world, RECORD_VM_STATUS, "v")->status->is_stop_refused = true;
    has("vm-does-not-stop", "v", "error", "vm-stop");
    CHECK_HAS(text(), "\"options\":{\"force\":true}");
    world_find(&world, RECORD_VM_STATUS, "v")->status->is_unkillable = true;
    has("vm-cannot-be-ended", "v", "error", "");
    CHECK(!find("vm-does-not-stop", "v"));
}

TEST(a_vm_waits_since_it_was_first_said_after_its_last_change)
{
    begin_healthy();
    add_vm("w", 1);
    view.wall_ms = 1759999000000;
    must("POST", "/v1/vms/w/start", NULL);
    (void)place("w", PLACEMENT_NONE, "", 0);
    tell("01759999900000-n-1", "vm-waiting", "w", "");
    tell("01759999910000-n-2", "vm-placed", "w", "");
    tell("01759999920000-n-3", "vm-waiting", "w", "");
    tell("01759999930000-n-4", "vm-waiting", "w", "");
    CHECK_INT(json_integer_value(json_object_get(find("vm-waiting", "w"), "since_ms")),
              1759999920000);
}

TEST(a_vm_that_left_its_host_is_adopted_if_it_is_seen_and_else_confirmed_gone)
{
    run_v();
    report("v", "node1", 1, VM_STATE_AWAY);
    has("vm-away", "v", "error", "vm-confirm-gone");
    struct record *sees = record_copy(world_find(&world, RECORD_NODE_INVENTORY, "node2"));
    struct vm_sighting *sighting = VEC_ADD(&sees->inventory->sightings);
    *sighting = (struct vm_sighting){.vm = "v", .epoch = 1, .node = "node1"};
    (void)store(sees);
    has("vm-away", "v", "error", "vm-adopt");
}

TEST(a_vm_that_should_leave_and_cannot_is_a_problem)
{
    run_v();
    struct record *record = world_find(&world, RECORD_VM_PLACEMENT, "v");
    struct reason *reason = VEC_ADD(&record->placement->reasons);
    *reason = (struct reason){.node = "node2", .cause = {.code = CAUSE_NODE_PAUSED}};
    record->placement->cause = cause_make(CAUSE_DRAIN_NO_HOST, NULL, NULL, NULL);
    has("vm-cannot-move", "v", "warning", "vm-explain");
    CHECK_HAS(text(), "takes no new VMs (paused)");
}

TEST(the_reserve_is_a_problem_only_where_one_is_demanded)
{
    run_v();
    world_find(&world, RECORD_NODE_ALIVE, "node1")->alive->is_watchdog_armed = false;
    CHECK(!find("reserve-not-met", ""));
    must("PATCH", "/v1/cluster", "{\"reserve\":1}");
    has("reserve-not-met", "", "error", "");
    world_find(&world, RECORD_NODE_ALIVE, "node1")->alive->is_watchdog_armed = true;
    CHECK_INT(count(), 0);
}

TEST(a_silent_store_and_a_missing_coordinator_are_problems)
{
    begin_cluster();
    has("no-coordinator", "", "error", "");
    begin_healthy();
    view.stale_since_ms = view.now_ms - 5000;
    has("store-silent", "", "error", "");
    CHECK_INT(json_integer_value(json_object_get(find("store-silent", ""), "since_ms")),
              1760000000000 - 5000);
}

TEST(a_certificate_is_reported_a_month_before_its_end)
{
    begin_healthy();
    const uint64_t day_ms = 24 * 3600 * UINT64_C(1000);
    view.certificate_until_ms = view.wall_ms + 31 * day_ms;
    CHECK_INT(count(), 0);
    view.certificate_until_ms = view.wall_ms + 29 * day_ms;
    has("certificate-expires", "", "warning", "");
    CHECK_HAS(text(), "(days left: 29)");
    view.certificate_until_ms = view.wall_ms - 1;
    has("certificate-expired", "", "error", "");
}

TEST(of_many_problems_the_worst_come_first_and_all_are_counted)
{
    begin_healthy();
    must("POST", "/v1/pools", "{\"name\":\"P\",\"all\":true,\"model\":\"10de:20b5\"}");
    for (unsigned i = 0; i < 600; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "v%u", i);
        struct record *spec = record_new(RECORD_VM_SPEC, name, NULL);
        spec->vm_spec->desired = VM_STARTED;
        (void)store(spec);
        place(name, PLACEMENT_NONE, "", 0)->is_failed = i == 599;
    }
    CHECK_INT(count(), 501); /* 500 of the warnings, and the error */
    CHECK_STR(text_of(json_array_get(json_object_get(problems, "items"), 0), "code"), "vm-failed");
    CHECK_HAS(text(), "\"problem_counts\":{\"error\":1,\"warning\":599}");
    REQUIRE(ask("GET", "/v1/status", NULL) == 200);
    json_t *status = json_loads(text(), 0, NULL);
    CHECK_INT(json_array_size(json_object_get(status, "problems")), 50);
    json_decref(status);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of a request: address, method, role, body, store; cluster and node settings. */
#include "test/unit/api_fixture.h"

#include "model/words.h"

TEST(a_refusal_tells_programs_what_it_is_about)
{
    begin_cluster();
    refused("POST", "/v1/vms/none/start", NULL, 404,
            "\"code\":\"no-such-vm\",\"parameters\":{\"vm\":\"none\",\"name\":\"none\"}");
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"members\":[{\"node\":7}]}", 400,
            "\"parameters\":{\"field\":\"members[0].node\"}");
    refused("PATCH", "/v1/cluster", "{\"reserve\":-1}", 400,
            "\"parameters\":{\"field\":\"reserve\"}");
    refused("GET", "/v1/events?limit=0", NULL, 400, "\"field\":\"limit\",\"max\":");
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    refused("POST", "/v1/pools", "{\"name\":\"p\"}", 409,
            "\"parameters\":{\"field\":\"name\",\"name\":\"p\"}");
    refused("GET", "/v2", NULL, 404, "\"parameters\":{}");
}

TEST(an_unknown_path_and_a_wrong_method_are_told_apart)
{
    begin();
    refused("GET", "/v2", NULL, 404, "\"no-such-path\"");
    refused("GET", "/v1/nodes/a/b/c/d/e/f/g/h", NULL, 400, "malformed");
    refused("PUT", "/v1/pools", "{}", 405, "PUT is not possible here");
    CHECK_INT(ask("HEAD", "/v1/pools", NULL), 200);
    CHECK_INT(ask("GET", "/v1", NULL), 200);
    CHECK_HAS(text(), "/v1/vms/:vm/start");
}

/* Whether 'first', as a list's field has it, comes before 'then'. */
static bool stands_before(const char *target, const char *first, const char *then)
{
    CHECK_INT(ask("GET", target, NULL), 200);
    const char *a = strstr(text(), first), *b = strstr(text(), then);
    return a && b && a < b;
}

TEST(lists_have_the_tenth_behind_the_second)
{
    begin();
    add_node("node10", true);
    add_node("node2", true);
    add_vm("vm10", 1);
    add_vm("vm2", 1);
    must("POST", "/v1/pools", "{\"name\":\"P10\"}");
    must("POST", "/v1/pools", "{\"name\":\"P2\"}");
    CHECK(stands_before("/v1/nodes", "\"node2\"", "\"node10\""));
    CHECK(stands_before("/v1/gpus", "\"node2\"", "\"node10\""));
    CHECK(stands_before("/v1/vms", "\"vm2\"", "\"vm10\""));
    CHECK(stands_before("/v1/pools", "\"P2\"", "\"P10\""));
    CHECK(stands_before("/v1/pools/P", "\"node2\"", "\"node10\""));
    CHECK_INT(ask("GET", "/v1/nodes/node3", NULL), 404);
    CHECK_HAS(text(), "there are: node2, node10");
    fixture_done();
}

TEST(only_what_every_viewer_sees_alike_may_be_compressed)
{
    static const char *const may[] = {"/v1/vms",      "/v1/nodes",    "/v1/gpus", "/v1/events",
                                      "/v1/problems", "/v1/validate", "/metrics", "/v1/status",
                                      "/v1/survival", "/openapi.json"};
    static const char *const may_not[] = {"/v1/vms/v",    "/v1/cluster/export", "/v1/session",
                                          "/v1/sessions", "/v1/access",         "/v1/nodes/node1"};
    begin_cluster();
    must("POST", "/v1/vms", "{\"xml\":\"" XML("v") "\"}");
    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        must("GET", may[i], NULL);
        CHECK(answer.may_pack);
    }
    for (size_t i = 0; i < ARRAY_LEN(may_not); i++) {
        must("GET", may_not[i], NULL);
        CHECK(!answer.may_pack);
    }
    must("POST", "/v1/vms/v/start", NULL);
    CHECK(!answer.may_pack);
}

TEST(names_with_slashes_or_300_characters_in_an_address_are_refused_in_words)
{
    char target[400] = "/v1/vms/";
    begin();
    memset(target + 8, 'a', 300);
    refused("GET", target, NULL, 400, "300 characters; at most 63");
    refused("GET", "/v1/vms/a%2Fb", NULL, 400, "a/b");
    refused("GET", "/v1/vms/a%00b", NULL, 400, "malformed");
    refused("GET", "/v1/vms/a%zz", NULL, 400, "malformed");
    refused("GET", "/v1/vms/..", NULL, 400, "may not begin so");
    refused("POST", "/v1/nodes/n/gpus/65:00/mount", NULL, 400, "no PCI address");
}

TEST(a_role_that_is_too_low_is_refused_by_name)
{
    begin_cluster();
    role = ROLE_VIEWER;
    CHECK_INT(ask("GET", "/v1/nodes", NULL), 200);
    refused("POST", "/v1/nodes/node1/drain", NULL, 403, "takes the role operator");
    role = ROLE_OPERATOR;
    CHECK_INT(ask("POST", "/v1/nodes/node1/drain", NULL), 200);
    refused("POST", "/v1/pools", "{\"name\":\"p\"}", 403, "takes the role administrator");
    role = ROLE_NONE;
    refused("GET", "/v1/nodes", NULL, 401, "log in first");
    CHECK_INT(ask("GET", "/healthz", NULL), 200);
}

TEST(a_faulty_body_is_refused_with_the_place_of_the_fault)
{
    begin_cluster();
    refused("POST", "/v1/pools", "{\"name\":", 400, "the body of the request: ");
    refused("POST", "/v1/pools", "[1]", 400, "the body of the request: ");
    refused("POST", "/v1/pools", "{}", 400, "name: is missing");
    refused("POST", "/v1/pools", "{\"name\":5}", 400, "name: must be a string");
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"naem\":1}", 400,
            "naem: there is no such field");
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"mixed\":\"yes\"}", 400,
            "mixed: must be true or false");
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"members\":{}}", 400,
            "members: must be an array");
    refused("POST", "/v1/pools", "{\"name\":\"p\",\"members\":[{\"node\":\"n\"}]}", 400,
            "members[0].address: is missing");
    refused("POST", "/v1/nodes/node1/pause", "{\"now\":true}", 400, "now");
    refused("PATCH", "/v1/cluster", "{\"reserve\":\"one\"}", 400, "reserve");
    refused("PATCH", "/v1/cluster", "{\"resevre\":1}", 400, "resevre: there is no such field");
    refused("PATCH", "/v1/nodes/node1", "{\"mode\":\"drain\"}", 400,
            "mode: there is no such field");
}

TEST(a_body_that_is_too_large_is_refused)
{
    begin();
    struct api_request request = {
        .method = "POST", .target = "/v1/pools", .body_size = api_body_size_max + 1};
    api_handle(&view, &request, &answer);
    CHECK_INT(answer.status, 413);
}

TEST(while_the_store_is_silent_reads_say_how_old_they_are_and_changes_are_refused)
{
    begin_cluster();
    view.stale_since_ms = view.now_ms - 7000;
    CHECK_INT(ask("GET", "/v1/nodes", NULL), 200);
    CHECK_HAS(text(), "\"stale_since_ms\":7000");
    refused("POST", "/v1/pools", "{\"name\":\"p\"}", 503, "has not answered for 7 s");
    CHECK_INT(ask("GET", "/healthz", NULL), 503);
    CHECK_INT(ask("POST", "/v1/plan", "{\"fail\":[\"node1\"]}"), 200);
    world.is_complete = false;
    refused("GET", "/v1/nodes", NULL, 503, "has not answered since this API started");
}

TEST(before_a_host_has_joined_nothing_is_changed)
{
    begin();
    struct record_key format = {.kind = RECORD_FORMAT};
    world_remove(&world, &format, world.revision);
    refused("PATCH", "/v1/cluster", "{\"reserve\":1}", 503, "no-cluster");
    CHECK_INT(ask("GET", "/v1/status", NULL), 200);
    CHECK_HAS(text(), "\"id\":\"\"");
    fixture_done();
}

TEST(a_cluster_that_was_upgraded_takes_no_change_from_an_older_api)
{
    begin();
    struct record *format = record_copy(world_find(&world, RECORD_FORMAT, ""));
    format->format->number = format->format->oldest = format_number + 1;
    (void)store(format);
    refused("PATCH", "/v1/cluster", "{\"reserve\":1}", 503, "too-old");
    CHECK_INT(ask("GET", "/v1/status", NULL), 200);
    CHECK_HAS(text(), "\"id\":\"9f0c2a52-6f0e-4b3e-9d53-0f2f7f0a1f11\"");
    fixture_done();
}

TEST(each_change_has_an_audit_event_in_the_same_transaction)
{
    begin_cluster();
    REQUIRE(ask("POST", "/v1/pools", "{\"name\":\"p\"}") == 201);
    REQUIRE(commit());
    const struct record *event = world_find_key(&world, &answer.event);
    char words[words_max];
    REQUIRE(event);
    CHECK_STR(event->event->actor, "root");
    CHECK_STR(event->event->code, "pool-created");
    CHECK_STR(event->event->subject, "p");
    CHECK_STR(words_event(event->event, words), "GPU pool p was created with 0 GPUs");
    CHECK_HAS(event->key.name, "01760000000000-api-test-");
    CHECK_INT(ask("GET", "/v1/events", NULL), 200);
    CHECK_HAS(text(), "\"time_ms\":1760000000000");
    CHECK_HAS(text(), "\"code\":\"pool-created\"");
}

TEST(a_change_on_an_old_revision_is_refused_and_not_tried_again)
{
    char etag[32];
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    REQUIRE(ask("GET", "/v1/pools/p", NULL) == 200);
    (void)snprintf(etag, sizeof(etag), "\"%lld\"", (long long)answer.etag);
    if_match = etag;
    REQUIRE(ask("DELETE", "/v1/pools/p", NULL) == 200);
    CHECK(!answer.may_retry);
    if_match = "\"1\"";
    refused("DELETE", "/v1/pools/p", NULL, 412, "was changed since you read it");
}

TEST(a_decision_on_what_changed_meanwhile_does_not_commit)
{
    begin_cluster();
    add_vm("v", 1);
    REQUIRE(ask("POST", "/v1/vms/v/unassign", "{\"pool\":\"P\"}") == 200);
    (void)place("v", PLACEMENT_START, "node1", 1); /* the coordinator was faster */
    CHECK(!commit());
}

TEST(an_uncommitted_change_says_what_is_known)
{
    begin_cluster();
    REQUIRE(ask("POST", "/v1/pools", "{\"name\":\"p\"}") == 201);
    api_answer_uncommitted(&answer, TXN_UNKNOWN, NULL);
    CHECK_INT(answer.status, 504);
    CHECK_HAS(text(), "whether this was done is unknown");
    CHECK(!answer.has_txn);
    api_answer_uncommitted(&answer, TXN_IMPOSSIBLE, "no connection");
    CHECK_INT(answer.status, 503);
    CHECK_HAS(text(), "no connection");
    api_answer_uncommitted(&answer, TXN_REFUSED, NULL);
    CHECK_INT(answer.status, 409);
}

TEST(cluster_settings_must_keep_their_relations)
{
    begin();
    must("PATCH", "/v1/cluster", "{\"reserve\":1,\"reserve_policy\":\"refuse\"}");
    CHECK_INT(world_settings(&world)->reserve, 1);
    CHECK_INT(world_settings(&world)->heartbeat_ms, 1000);
    refused("PATCH", "/v1/cluster", "{\"takeover_ms\":7000}", 400, "takeover_ms must be more");
    refused("PATCH", "/v1/cluster", "{\"name\":\"a b\"}", 400, "cluster name");
}

TEST(a_node_is_paused_drained_and_resumed)
{
    begin_cluster();
    must("POST", "/v1/nodes/node1/pause", NULL);
    CHECK_INT(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->mode, NODE_PAUSED);
    must("POST", "/v1/nodes/node1/drain", "{\"force\":true}");
    CHECK(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->force);
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"drained\"");
    must("POST", "/v1/nodes/node1/resume", NULL);
    CHECK_INT(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->mode, NODE_ACTIVE);
    refused("POST", "/v1/nodes/nodeX/drain", NULL, 404, "there are: node1, node2, node3");
}

TEST(to_resume_an_active_node_writes_its_spec_which_ends_a_quarantine)
{
    begin_cluster();
    must("POST", "/v1/nodes/node1/resume", NULL);
    int64_t before = world_find(&world, RECORD_NODE_SPEC, "node1")->revision;
    must("POST", "/v1/nodes/node1/resume", NULL);
    CHECK(world_find(&world, RECORD_NODE_SPEC, "node1")->revision > before);
}

TEST(only_a_silent_node_can_be_confirmed_off)
{
    begin_cluster();
    refused("POST", "/v1/nodes/node1/confirm-off", NULL, 409, "node1 is alive");
    view.now_ms += 10000;
    refused("POST", "/v1/nodes/node1/confirm-off", "{\"incarnation\":7}", 412,
            "has restarted meanwhile");
    must("POST", "/v1/nodes/node1/confirm-off", "{\"incarnation\":1}");
    CHECK_INT(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->confirmed_off, 1);
    must("POST", "/v1/nodes/node1/confirm-off", NULL);
    CHECK_HAS(text(), "already");
    beat("node4", 3, 9, view.now_ms); /* its record was there before this API was */
    refused("POST", "/v1/nodes/node4/confirm-off", NULL, 409, "still listening");
}

static void fence(const char *node, uint64_t incarnation)
{
    struct record *record = record_new(RECORD_NODE_FENCE, node, NULL);
    record->fence->incarnation = incarnation;
    record->fence->proof = PROOF_WATCHDOG;
    (void)store(record);
}

static void leave(const char *node)
{
    struct record *alive = record_copy(world_find(&world, RECORD_NODE_ALIVE, node));
    alive->alive->has_left = true;
    (void)store(alive);
}

TEST(only_a_node_that_is_over_and_that_no_vm_needs_is_removed)
{
    begin_cluster();
    add_vm("v", 1);
    refused("DELETE", "/v1/nodes/node9", NULL, 404, "there are: node1, node2, node3");
    refused("DELETE", "/v1/nodes/node1", NULL, 409, "node1 is up: first drain it");
    view.now_ms += 10000;
    refused("DELETE", "/v1/nodes/node1", NULL, 409,
            "\"hint\":{\"action\":\"node-confirm-off\",\"subject\":[\"node1\"]");
    fence("node1", 1);
    strcpy(place("v", PLACEMENT_STOP, "node2", 1)->next_node, "node1");
    refused("DELETE", "/v1/nodes/node1", NULL, 409, "VM v still has its place on node1");
    strcpy(place("v", PLACEMENT_NONE, "", 1)->next_node, "");
    claim("node1", "0000:02:00.0", "v");
    refused("DELETE", "/v1/nodes/node1", NULL, 409, "or a GPU of it");
}

TEST(a_node_is_removed_by_an_order_that_the_next_incarnation_makes_void)
{
    begin_cluster();
    add_vm("v", 1);
    fence("node1", 1);
    must("DELETE", "/v1/nodes/node1", NULL);
    CHECK_HAS(text(), "node1 was removed from the cluster, and 2 of its GPUs from their pools");
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 404);
    CHECK_INT(ask("GET", "/v1/nodes", NULL), 200);
    CHECK(!strstr(text(), "node1"));
    CHECK_INT(world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec->removed, 1);
    CHECK(world_find(&world, RECORD_NODE_ALIVE, "node1")); /* the coordinator's to delete */
    CHECK_INT(ask("GET", "/v1/pools/P", NULL), 200);
    CHECK_HAS(text(), "\"total\":4");

    /* One whose berthd was told to end: the coordinator says that it is over, the API does not. */
    leave("node2");
    must("DELETE", "/v1/nodes/node2", NULL);
    CHECK(!world_find(&world, RECORD_NODE_FENCE, "node2"));
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 404);
    beat("node2", 2, 1, view.now_ms);
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
}

TEST(power_fencing_needs_an_agent_and_its_password_is_not_shown)
{
    begin_cluster();
    refused("PATCH", "/v1/nodes/node1", "{\"fencing\":\"power\"}", 400, "fence_ipmilan");
    refused("PATCH", "/v1/nodes/node1",
            "{\"fencing\":\"power\",\"fence_agent\":\"fence_../../bin/sh\"}", 400, "not a path");
    store_readable_secret("node1", "ip", "10.0.0.9");
    store_readable_secret("node1", "password", "secret1");
    must("PATCH", "/v1/nodes/node1", "{\"fencing\":\"power\"}");
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK_HAS(text(), "10.0.0.9");
    CHECK(!strstr(text(), "secret1"));
}

TEST(what_is_not_known_to_be_harmless_of_a_fence_agent_is_hidden)
{
    static const char *const secrets[] = {
        "community",        "token",    "hexadecimal_kg", "passwd",
        "snmp_auth_passwd", "api-auth", "unheard_of"};
    begin_cluster();
    store_readable_secret("node1", "ip", "10.0.0.9");
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        store_readable_secret("node1", secrets[i], "s3cret");
    }
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK(!strstr(text(), "s3cret"));
    CHECK_HAS(text(), "\"ip\":\"10.0.0.9\"");
    CHECK_HAS(text(), "\"unheard_of\":\"(hidden)\"");
    CHECK_INT(ask("GET", "/v1/cluster/export", NULL), 200);
    CHECK(!strstr(text(), "s3cret") && !strstr(text(), "unheard_of"));
    CHECK_HAS(text(), "10.0.0.9");
}

TEST(a_fence_agent_or_parameter_that_could_run_something_else_is_refused_when_it_is_set)
{
    static const char *const agents[] = {"sh", "fence_x y", "/usr/sbin/fence_x", "fence_",
                                         "fence_X"};
    static const char *const parameters[] = {"\"ipmitool_path\":\"/tmp/x\"",
                                             "\"ip\":\"1.2.3.4 -f /etc/shadow\"",
                                             "\"sudo\":\"1\"",
                                             "\"debug_file\":\"x\"",
                                             "\"ssh_options\":\"x\"",
                                             "\"a=b\":\"x\"",
                                             "\"missing_as_off\":\"1\""};
    char body[200];
    begin_cluster();
    for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
        (void)snprintf(body, sizeof(body), "{\"fence_agent\":\"%s\"}", agents[i]);
        refused("PATCH", "/v1/nodes/node1", body, 400, "fence_agent: ");
    }
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        (void)snprintf(body, sizeof(body), "{\"fence_parameters\":{%s}}", parameters[i]);
        refused("PATCH", "/v1/nodes/node1", body, 400, "fence_agent: ");
    }
    refused("PATCH", "/v1/nodes/node1",
            "{\"fence_agent\":\"fence_a\",\"fence_level_2\":{\"agent\":\"fence_b\","
            "\"parameters\":{\"sudo\":\"1\"}}}",
            400, "fence_level_2: ");
    refused("PATCH", "/v1/nodes/node1",
            "{\"fence_agent\":\"fence_a\",\"fence_level_2\":{\"agent\":\"/bin/sh\"}}", 400,
            "fence_level_2: ");
}

TEST(a_heartbeat_that_stops_makes_a_node_silent_and_one_proven_off_fenced)
{
    begin_cluster();
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"up\"");
    view.now_ms += 3001;
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"silent\"");
    struct record *fence = record_new(RECORD_NODE_FENCE, "node2", NULL);
    fence->fence->incarnation = 1;
    fence->fence->proof = PROOF_WATCHDOG;
    (void)store(fence);
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"fenced\"");
    beat("node2", 2, 1, view.now_ms);
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"up\"");
}

/* Of all three: 'state', and whether a start would find a place. */
static void all_are(const char *state, bool has_place)
{
    char wanted[80];
    (void)snprintf(wanted, sizeof(wanted), "\"state\":\"%s\"", state);
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK_HAS(text(), wanted);
    CHECK_INT(ask("POST", "/v1/plan", "{\"start\":[\"v\"]}"), 200);
    CHECK(!strstr(text(), "\"to\":\"node") == !has_place);
}

TEST(without_a_coordinator_no_node_is_shown_as_up)
{
    begin_cluster();
    add_vm("v", 1);
    all_are("up", true);
    is_leaderless = true;
    view.now_ms += 5000; /* so long it takes another host to step in */
    all_are("up", true);
    view.now_ms += 1;
    all_are("unknown", false);
    CHECK_HAS(text(), "\"node-untold\"");
    must("GET", "/v1/nodes/node1", NULL);
    CHECK_HAS(text(), "\"detail_code\":\"node-untold\"");
    CHECK_INT(ask("GET", "/v1/problems", NULL), 200);
    CHECK_HAS(text(), "no-coordinator");
    refused("POST", "/v1/nodes/node1/confirm-off", NULL, 409, "still listening");
    refused("PATCH", "/v1/cluster", "{\"takeover_ms\":7500}", 409, "while node1 is not heard");
    is_leaderless = false;
    all_are("silent", false); /* the new one hears none of them */
}

TEST(a_summary_holds_only_while_the_pulse_has_its_number)
{
    begin_cluster();
    add_vm("v", 1);
    all_are("up", true);
    is_leaderless = true;
    struct record *pulse = record_new(RECORD_PULSE, NULL, NULL);
    pulse->pulse->summary = pulses - 1;
    tell_record(&liveness, &world, pulse, 1000, view.now_ms);
    all_are("unknown", false);
    pulse = record_new(RECORD_PULSE, NULL, NULL);
    pulse->pulse->summary = pulses;
    tell_record(&liveness, &world, pulse, 1001, view.now_ms);
    all_are("up", true);
    pulse = record_new(RECORD_PULSE, NULL, NULL);
    pulse->pulse->summary = pulses;
    pulse->pulse->term = 2;
    tell_record(&liveness, &world, pulse, 1002, view.now_ms);
    all_are("unknown", false);
    CHECK_HAS(text(), "\"node-listening\""); /* there is a coordinator, who has yet to tell */
}

TEST(without_a_summary_no_node_is_shown_as_up)
{
    begin_cluster();
    add_vm("v", 1);
    all_are("up", true);
    is_leaderless = true;
    liveness_reset(&liveness); /* the store is read again, and it is not there */
    struct record *pulse = record_new(RECORD_PULSE, NULL, NULL);
    pulse->pulse->summary = pulses;
    tell_record(&liveness, &world, pulse, 1000, view.now_ms);
    liveness_synced(&liveness, view.now_ms);
    all_are("unknown", false);
    is_leaderless = false;
    all_are("up", true);
}

TEST(a_pulse_that_was_there_before_us_says_nothing)
{
    begin_cluster();
    is_leaderless = true;
    add_vm("v", 1);
    liveness_done(&liveness);
    liveness = liveness_none;
    liveness_synced(&liveness, view.now_ms);
    coordinate();
    all_are("unknown", false);
    view.now_ms += 5001;
    all_are("unknown", false);
    coordinate();
    all_are("silent", false);
}

TEST(a_node_is_silent_for_as_long_as_any_coordinator_said)
{
    begin_cluster();
    view.now_ms += 60000;
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK_HAS(text(), "\"silent_ms\":60000");
    view.now_ms += 1000;
    heard_len = 0;
    hear("node1", view.now_ms - 4000); /* a new one, which has watched for four seconds */
    CHECK_INT(ask("GET", "/v1/nodes/node1", NULL), 200);
    CHECK_HAS(text(), "\"silent_ms\":61000");
}

TEST(times_are_not_made_shorter_while_a_node_is_silent)
{
    begin_cluster();
    must("PATCH", "/v1/cluster", "{\"takeover_ms\":9000}");
    view.now_ms += 3001;
    beat("node1", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    refused("PATCH", "/v1/cluster", "{\"takeover_ms\":8000}", 409,
            "takeover_ms cannot be made shorter while node2 is not heard");
    must("PATCH", "/v1/cluster", "{\"takeover_ms\":10000}");
    must("PATCH", "/v1/cluster", "{\"reserve\":1}");
    struct record *fence = record_new(RECORD_NODE_FENCE, "node2", NULL);
    fence->fence->incarnation = 1;
    fence->fence->proof = PROOF_POWER;
    (void)store(fence);
    must("PATCH", "/v1/cluster", "{\"takeover_ms\":8000}");
}

TEST(a_silent_node_says_why_it_cannot_be_turned_off)
{
    begin_cluster();
    view.now_ms += 20000;
    struct record *standing = record_new(RECORD_NODE_STANDING, "node2", NULL);
    standing->standing->incarnation = standing->standing->fence_incarnation = 1;
    standing->standing->fence_cause =
        cause_make(CAUSE_AGENT_FAILED, NULL, "fence_ipmilan", "login failed");
    (void)store(standing);
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"fencing\"");
    CHECK_HAS(text(), "turning it off failed: login failed");
}

TEST(a_quarantined_node_says_for_how_long_until_its_spec_is_written)
{
    begin_cluster();
    struct record *standing = record_new(RECORD_NODE_STANDING, "node2", NULL);
    const struct record *spec = world_find(&world, RECORD_NODE_SPEC, "node2");
    standing->standing->incarnation = 1;
    standing->standing->quarantine_ms = 61 * 60000;
    standing->standing->spec_revision = spec ? (uint64_t)spec->revision : 0;
    (void)store(standing);
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"quarantined\"");
    CHECK_HAS(text(), "for another 61 min");
    must("POST", "/v1/nodes/node2/resume", "");
    CHECK_INT(ask("GET", "/v1/nodes/node2", NULL), 200);
    CHECK_HAS(text(), "\"state\":\"up\"");
}

TEST(the_log_is_bounded_by_deleting_the_oldest_with_each_change)
{
    char name[name_size];
    begin_cluster();
    for (int i = 0; i < events_max + 3; i++) {
        (void)snprintf(name, sizeof(name), "%014d-n-%d", i, i);
        (void)store(record_new(RECORD_EVENT, name, NULL));
    }
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    CHECK_INT(world.records[RECORD_EVENT].len, events_max + 1);
    CHECK_INT(ask("GET", "/v1/events?limit=0", NULL), 400);
    CHECK_INT(ask("GET", "/v1/events?limit=1", NULL), 200);
    CHECK_HAS(text(), "pool-created");
}

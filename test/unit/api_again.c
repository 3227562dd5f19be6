/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests that come again: on a revision, for what has not changed, with a key. */
#include "test/unit/api_fixture.h"

static void etag(char ret[api_etag_size])
{
    CHECK(answer.has_etag);
    (void)api_etag_text(&answer, ret);
}

TEST(what_is_shown_unchanged_is_not_sent_again)
{
    char first[api_etag_size];
    begin_cluster();
    add_vm("v", 1);
    REQUIRE(ask("GET", "/v1/vms/v", NULL) == 200);
    etag(first);
    if_none_match = first;
    CHECK_INT(ask("GET", "/v1/vms/v", NULL), 304);
    CHECK_INT(answer.body.size, 0);
    /* Not the spec, which If-Match is about, but what is shown has changed. */
    (void)place("v", PLACEMENT_START, "node1", 1);
    CHECK_INT(ask("GET", "/v1/vms/v", NULL), 200);
}

TEST(a_list_is_the_same_although_heartbeats_move_the_revision)
{
    char first[api_etag_size];
    begin_cluster();
    add_vm("v", 1);
    REQUIRE(ask("GET", "/v1/vms", NULL) == 200);
    etag(first);
    beat("node1", 1, 3, view.now_ms);
    if_none_match = first;
    CHECK_INT(ask("GET", "/v1/vms", NULL), 304);
    must("PATCH", "/v1/vms/v", "{\"priority\":7}");
    CHECK_INT(ask("GET", "/v1/vms", NULL), 200);
    CHECK_INT(ask("GET", "/v1/nodes", NULL), 200);
}

TEST(the_etag_of_a_thing_is_good_for_if_match_whatever_else_is_shown_with_it)
{
    char first[api_etag_size];
    begin_cluster();
    add_vm("v", 1);
    REQUIRE(ask("GET", "/v1/vms/v", NULL) == 200);
    etag(first);
    (void)place("v", PLACEMENT_NONE, "", 1);
    if_match = first;
    must("PATCH", "/v1/vms/v", "{\"priority\":7}");
    refused("PATCH", "/v1/vms/v", "{\"priority\":8}", 412, "changed since you read it");
    if_match = NULL;
    REQUIRE(ask("GET", "/v1/nodes/node1/gpus/0000:01:00.0", NULL) == 200);
    etag(first);
    if_match = first;
    must("POST", "/v1/nodes/node1/pause", NULL);
    refused("POST", "/v1/nodes/node1/gpus/0000:01:00.0/mount", NULL, 412, "changed");
}

TEST(a_change_that_is_asked_for_again_with_its_key_is_answered_and_not_done_again)
{
    char first[2000];
    begin_cluster();
    idempotency_key = "k-1";
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    (void)snprintf(first, sizeof(first), "%s", text());
    CHECK_INT(ask("POST", "/v1/pools", "{\"name\":\"p\"}"), 201);
    CHECK(!answer.has_txn);
    CHECK_STR(text(), first);
    refused("POST", "/v1/pools", "{\"name\":\"q\"}", 422, "was used for another request");
    refused("DELETE", "/v1/pools/p", NULL, 422, "was used for another request");
    idempotency_key = "k-2";
    refused("POST", "/v1/pools", "{\"name\":\"p\"}", 409, "already");
    idempotency_key = "with blank";
    refused("POST", "/v1/pools", "{\"name\":\"q\"}", 400, "Idempotency-Key");
}

TEST(of_two_with_one_key_at_the_same_moment_the_second_finds_the_first)
{
    begin_cluster();
    add_vm("v", 1);
    idempotency_key = "k";
    must("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}");
    uint32_t count = world_find(&world, RECORD_VM_SPEC, "v")->vm_spec->needs[0].count;
    CHECK_INT(ask("POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}"), 200);
    CHECK(!answer.has_txn);
    CHECK_INT(world_find(&world, RECORD_VM_SPEC, "v")->vm_spec->needs[0].count, count);
    CHECK_HAS(text(), "it needs 2 in all");
}

TEST(where_an_answer_has_a_secret_no_key_is_taken)
{
    begin_cluster();
    idempotency_key = "k";
    refused("POST", "/v1/access", "{\"name\":\"ci\",\"kind\":\"token\"}", 400,
            "a secret would have to be kept");
}

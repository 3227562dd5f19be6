/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever is sent: refused with 4xx, with the place of the fault, and nothing is written. */
#include "test/unit/api_fixture.h"

/* What takes a body, and a body that it takes. */
static const struct {
    const char *method, *target, *good;
} changes[] = {
    {"PATCH", "/v1/cluster", "{\"reserve\":1}"},
    {"PATCH", "/v1/nodes/node1", "{\"labels\":{}}"},
    {"POST", "/v1/nodes/node1/drain", "{\"force\":true}"},
    {"POST", "/v1/nodes/node1/gpus/0000:01:00.0/dismount", "{\"force\":true}"},
    {"POST", "/v1/pools", "{\"name\":\"q\"}"},
    {"POST", "/v1/pools/P/members", "{\"all\":true}"},
    {"POST", "/v1/vms", "{\"xml\":\"" XML("w") "\"}"},
    {"PATCH", "/v1/vms/v", "{\"priority\":1}"},
    {"POST", "/v1/vms/v/assign", "{\"pool\":\"P\"}"},
    {"POST", "/v1/vms/v/stop", "{\"force\":true}"},
    {"POST", "/v1/plan", "{\"fail\":[\"node1\"]}"},
};

static void refuse_everywhere(const char *body, const char *words)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        refused(changes[i].method, changes[i].target, body, 400, words);
    }
}

static void begin_with_vm(void)
{
    begin_cluster();
    add_vm("v", 1);
}

TEST(the_good_bodies_of_these_tests_are_good)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        begin_with_vm();
        unsigned status = ask(changes[i].method, changes[i].target, changes[i].good);
        if (status >= 300) {
            test_fail(__FILE__, __LINE__, "%s %s: %s", changes[i].method, changes[i].target,
                      text());
        }
    }
}

TEST(what_is_no_json_object_is_refused_everywhere)
{
    static const char *const bodies[] = {
        "{",           "}",          "null",     "1",           "\"x\"",
        "[]",          "{} {}",      "{\"a\":}", "{a:1}",       "{\"a\":01}",
        "{\"a\":NaN}", "{\"a\":1,}", "\xff",     "\"\\ud800\"", "{'a':1}",
    };
    begin_with_vm();
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        refuse_everywhere(bodies[i], "\"the body of the request: ");
    }
}

TEST(names_twice_bad_characters_and_nuls_are_refused_everywhere)
{
    begin_with_vm();
    refuse_everywhere("{\"force\":true,\"force\":true}", "\"the body of the request: ");
    refuse_everywhere("{\"x\":\"\xc3\x28\"}", "\"the body of the request: ");
    refuse_everywhere("{\"x\":\"\\u0000\"}", "\"the body of the request: ");
    refuse_everywhere("{\"\\u0000\":1}", "\"the body of the request: ");
    refuse_everywhere("{\"n\":1e400}", "\"the body of the request: ");
    refuse_everywhere("{\"n\":99999999999999999999999}", "\"the body of the request: ");
}

TEST(what_nests_too_deep_or_has_too_many_values_is_refused_everywhere)
{
    enum { depth = 5000, values = 150000 };
    static char deep[2 * depth + 10], wide[2 * values + 20];
    begin_with_vm();
    size_t at = (size_t)snprintf(deep, sizeof(deep), "{\"a\":");
    memset(deep + at, '[', depth);
    memset(deep + at + depth, ']', depth);
    deep[at + 2 * depth] = '}';
    refuse_everywhere(deep, "\"the body of the request: ");
    at = (size_t)snprintf(wide, sizeof(wide), "{\"a\":[0");
    for (size_t i = 1; i < values; i++) {
        memcpy(wide + at, ",0", 2);
        at += 2;
    }
    memcpy(wide + at, "]}", 3);
    refuse_everywhere(wide, "\"the body of the request: ");
}

TEST(an_unknown_field_is_refused_everywhere_by_name_and_not_half_done)
{
    char body[2000];
    begin_with_vm();
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        (void)snprintf(body, sizeof(body), "%.*s,\"f\\u00fcr\":{}}",
                       (int)strlen(changes[i].good) - 1, changes[i].good);
        refused(changes[i].method, changes[i].target, body, 400,
                "\"f\xc3\xbcr: there is no such field");
    }
}

TEST(a_wrong_type_is_refused_with_its_place)
{
    begin_with_vm();
    refused("PATCH", "/v1/vms/v", "{\"priority\":1.5}", 400, "priority");
    refused("PATCH", "/v1/vms/v", "{\"priority\":-1}", 400, "priority");
    refused("PATCH", "/v1/vms/v", "{\"restart\":{\"restarts_max\":\"2\"}}", 400,
            "restart.restarts_max");
    refused("PATCH", "/v1/vms/v", "{\"preferred_owners\":[\"node1\",7]}", 400,
            "preferred_owners[1]");
    refused("POST", "/v1/vms/v/assign", "{\"pool\":\"P\",\"count\":1e2}", 400, "count");
    refused("POST", "/v1/plan", "{\"fail\":[\"node1\",{}]}", 400, "fail[1]");
    refused("POST", "/v1/pools", "{\"name\":\"q\",\"members\":[[]]}", 400, "members[0]");
    refused("PATCH", "/v1/nodes/node1", "{\"labels\":{\"rack\":1}}", 400, "labels");
}

TEST(an_unknown_parameter_is_refused_with_those_there_are)
{
    begin_with_vm();
    refused("GET", "/v1/vms?nod=node1", NULL, 400, "?nod: no such parameter here; there are: node");
    refused("GET", "/v1/cluster?x", NULL, 400, "there are none");
    refused("GET", "/v1/vms?=1", NULL, 400, "no such parameter");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets of fence agents in the API: given as they are, to be sealed before they are stored. */
#include "test/unit/api_fixture.h"

#include "model/fence_rule.h"

#define NODE1         "/v1/nodes/node1"
#define BOX(n, inner) "\"fence_box\":\"1:" FENCE_KEY(n) ":" inner "\""
#define BMC(address)                                                                               \
    "\"fence_parameters\":{\"ip\":\"" address "\",\"password\":\"(sealed)\",\"power_wait\":\"4\"}"
#define AGENT "\"fencing\":\"power\",\"fence_agent\":\"fence_ipmilan\""

static void grant_all(uint64_t ring, const char *public_key, const char *old_public_key)
{
    grant_key("node1", ring, public_key, old_public_key);
    grant_key("node2", ring, public_key, old_public_key);
    grant_key("node3", ring, public_key, old_public_key);
}

/* node1 with a sealed password of its BMC. */
static void begin_sealed(void)
{
    begin_cluster();
    grant_all(1, FENCE_KEY(1), "");
    must("PATCH", NODE1, "{" AGENT "," BMC("10.0.0.9") "," BOX(1, "c2VjcmV0") "}");
}

static const struct node_spec *spec_of_node1(void)
{
    return world_find(&world, RECORD_NODE_SPEC, "node1")->node_spec;
}

TEST(the_key_to_seal_to_is_told_once_a_host_has_it)
{
    begin_cluster();
    refused("GET", "/v1/fence-key", NULL, 503, "no-fence-key");
    grant_key("node1", 2, FENCE_KEY(2), FENCE_KEY(1));
    grant_key("node2", 1, FENCE_KEY(1), "");
    role = ROLE_VIEWER;
    CHECK_INT(ask("GET", "/v1/fence-key", NULL), 200);
    CHECK_HAS(text(), "\"public_key\":\"" FENCE_KEY(2) "\",\"number\":2");
}

/* Else it would be stored readably, or a host could not fence with it. */
TEST(a_secret_is_refused_until_every_host_could_open_it)
{
    static const char body[] = "{" AGENT ",\"fence_parameters\":{\"password\":\"hush\"}}";
    begin_cluster();
    refused("PATCH", NODE1, body, 503, "no host has made the key yet");
    grant_key("node1", 1, FENCE_KEY(1), "");
    grant_key("node2", 1, FENCE_KEY(1), "");
    refused("PATCH", NODE1, body, 503, "node3 cannot open sealed secrets");
    CHECK(!strstr(text(), "hush"));
    must("PATCH", NODE1, "{" AGENT ",\"fence_parameters\":{\"ip\":\"10.0.0.9\"}}");
    grant_all(1, FENCE_KEY(1), "");
    must("PATCH", NODE1, body);
}

TEST(secrets_that_could_not_be_sealed_are_refused_at_each_level)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"{\"fence_parameters\":{\"password\":\"hush\"}}", "name the fence agent"},
        {"{\"fence_level_3\":{\"agent\":\"\",\"parameters\":{\"community\":\"hush\"}}}",
         "name the fence agent"},
        {"{" AGENT ",\"fence_parameters\":{\"password\":\"(hidden)\"}}", "the secret itself"},
        {"{" AGENT "," BOX(1, "QUJD") ",\"fence_parameters\":{\"password\":\"(sealed)\","
                                      "\"token\":\"hush\"}}",
         "give all of them"},
    };
    begin_cluster();
    grant_all(1, FENCE_KEY(1), "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        refused("PATCH", NODE1, cases[i].body, 400, cases[i].words);
        CHECK(!strstr(text(), "hush"));
    }
}

TEST(a_secret_that_is_given_again_replaces_the_box)
{
    begin_sealed();
    must("PATCH", NODE1, "{\"fence_parameters\":{\"ip\":\"10.6.6.6\",\"password\":\"hush\"}}");
    CHECK(!spec_of_node1()->fence_box);
}

TEST(a_box_that_no_host_could_open_is_refused)
{
    static const char *const boxes[] = {"\"fence_box\":\"\"", BOX(2, "QUJD"), BOX(1, ""),
                                        BOX(1, "a b"), "\"fence_box\":\"2:" FENCE_KEY(1) ":QUJD\""};
    char body[400];
    begin_cluster();
    grant_all(1, FENCE_KEY(1), "");
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        (void)snprintf(body, sizeof(body), "{" AGENT "," BMC("10.0.0.9") ",%s}", boxes[i]);
        refused("PATCH", NODE1, body, 400, "not sealed to a key");
    }
}

TEST(a_sealed_secret_is_hidden_and_its_box_is_only_in_an_export_with_secrets)
{
    begin_sealed();
    role = ROLE_VIEWER;
    CHECK_INT(ask("GET", NODE1, NULL), 200);
    CHECK_HAS(text(), "\"password\":\"(hidden)\"");
    CHECK(!strstr(text(), "c2VjcmV0"));
    CHECK_INT(ask("GET", "/v1/cluster/export", NULL), 200);
    CHECK(!strstr(text(), "c2VjcmV0") && !strstr(text(), "(sealed)"));
    role = ROLE_ADMINISTRATOR;
    CHECK_INT(ask("GET", "/v1/cluster/export?secrets=1", NULL), 200);
    CHECK_HAS(text(), "c2VjcmV0");
}

/* The box opens for nothing else, and who could redirect it would be told the secret. */
TEST(the_address_of_a_sealed_agent_changes_only_with_its_secrets)
{
    begin_sealed();
    refused("PATCH", NODE1, "{" BMC("10.6.6.6") "}", 400, "give the secrets again");
    refused("PATCH", NODE1, "{\"fence_agent\":\"fence_apc\"}", 400, "give the secrets again");
    must("PATCH", NODE1, "{\"labels\":{\"rack\":\"r1\"}}");
    must(
        "PATCH", NODE1,
        "{\"fence_parameters\":{\"ip\":\"10.0.0.9\",\"password\":\"(sealed)\",\"power_wait\":\"9\"}}");
    must("PATCH", NODE1, "{" BMC("10.6.6.6") "," BOX(1, "b3RoZXI=") "}");
    CHECK_HAS(spec_of_node1()->fence_box, "b3RoZXI=");
}

TEST(a_box_goes_with_the_last_secret)
{
    begin_sealed();
    must("PATCH", NODE1, "{\"fence_parameters\":{\"ip\":\"10.0.0.9\"}}");
    CHECK(!spec_of_node1()->fence_box);
}

TEST(what_was_stored_readably_is_no_reason_to_refuse_other_changes)
{
    begin_cluster();
    store_readable_secret("node1", "ip", "10.0.0.9");
    store_readable_secret("node1", "password", "hush");
    must("PATCH", NODE1, "{\"fencing\":\"power\"}");
    must("PATCH", NODE1, "{\"labels\":{\"rack\":\"r1\"}}");
    refused("PATCH", NODE1, "{\"fence_parameters\":{\"ip\":\"10.6.6.6\",\"password\":\"hush\"}}",
            503, "no-fence-key");
}

TEST(the_validation_tells_secrets_that_are_readable_or_cannot_be_opened)
{
    begin_cluster();
    store_readable_secret("node1", "password", "hush");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "is stored readably");
    begin_sealed();
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "only berthd can read them");
    grant_key("node1", 2, FENCE_KEY(2), FENCE_KEY(1));
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "the key before this one");
    grant_all(2, FENCE_KEY(2), "");
    CHECK_INT(ask("GET", "/v1/validate", NULL), 200);
    CHECK_HAS(text(), "no host can open the secrets");
}

TEST(a_new_key_is_ordered_by_its_number)
{
    begin_cluster();
    must("PATCH", "/v1/cluster", "{\"fence_key\":2}");
    CHECK_INT(world_settings(&world)->fence_key, 2);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole cluster in one answer: the export, and what the loss of each host would cost. */
#include "test/unit/api_fixture.h"

#include "api/changes.h"
#include "wire/export.h"

/* Two VMs of three GPUs of pool P each (node1 and node2 are full), one that is stopped. */
static void begin_full(void)
{
    begin_cluster();
    add_vm("a", 2);
    add_vm("b", 2);
    add_vm("off", 1);
    must("POST", "/v1/vms/a/start", NULL);
    must("POST", "/v1/vms/b/start", NULL);
    const char *const vms[] = {"a", "b"}, *const nodes[] = {"node1", "node2"};
    for (size_t i = 0; i < 2; i++) {
        struct vm_placement *placement = place(vms[i], PLACEMENT_START, nodes[i], 1);
        for (uint8_t bus = 1; bus <= 2; bus++) {
            struct gpu_hold *hold = VEC_ADD(&placement->gpus);
            char address[20];
            strcpy(hold->pool, "P");
            hold->slot.address.bus = bus;
            (void)snprintf(address, sizeof(address), "0000:%02x:00.0", bus);
            claim(nodes[i], address, vms[i]);
        }
        report(vms[i], nodes[i], 1, VM_STATE_RUNNING);
    }
}

TEST(an_export_is_the_clusters_records)
{
    CLEANUP(export_done) struct export file = {0};
    struct error err = {0};
    json_t *json = NULL;
    begin_full();
    must("POST", "/v1/nodes/node3/pause", NULL);
    must("PATCH", "/v1/nodes/node1", "{\"labels\":{\"r\\u00e4ck\":\"r\\\"1\"}}");
    must("PATCH", "/v1/vms/b",
         "{\"possible_owners\":[\"node2\"],\"apart\":[\"a\"],\"priority\":3000}");
    view.now_ms += 60000;
    beat("node2", 1, 3, view.now_ms - 1000);
    beat("node2", 1, 4, view.now_ms);
    REQUIRE(ask("GET", "/v1/cluster/export", NULL) == 200);
    REQUIRE(export_parse(text(), answer.body.size, &json, &err) == 0);
    REQUIRE(export_read(json, &file, &err) == 0);
    json_decref(json);
    const struct node_spec *node1 = world_find(&file.world, RECORD_NODE_SPEC, "node1")->node_spec;
    const struct vm_spec *b = world_find(&file.world, RECORD_VM_SPEC, "b")->vm_spec;
    CHECK_INT(world_find(&file.world, RECORD_NODE_SPEC, "node3")->node_spec->mode, NODE_PAUSED);
    CHECK_STR(node1->labels.items[0].key, "r\xc3\xa4"
                                          "ck");
    CHECK_STR(node1->labels.items[0].value, "r\"1");
    CHECK_INT(b->possible_owners.len, 1);
    CHECK_INT(b->apart.len, 1);
    CHECK_INT(b->priority, 3000);
    CHECK_INT(b->start_order, 0); /* an order, not configuration */
    CHECK_INT(world_find(&file.world, RECORD_VM_PLACEMENT, "b")->placement->gpus.len, 2);
    CHECK_INT(world_find(&file.world, RECORD_VM_STATUS, "b")->revision,
              world_find(&world, RECORD_VM_STATUS, "b")->revision);
    REQUIRE(file.down.len == 2);
    CHECK_STR(file.down.items[0].node, "node1");
    CHECK_INT(file.down.items[0].why.code, CAUSE_NODE_SILENT);
}

TEST(an_export_has_the_configuration_and_its_secrets_only_for_administrators)
{
    begin_full();
    store_readable_secret("node1", "ip", "10.0.0.1");
    store_readable_secret("node1", "password", "geheim");
    role = ROLE_VIEWER;
    REQUIRE(ask("GET", "/v1/cluster/export", NULL) == 200);
    CHECK_HAS(text(), "\"fence_parameters\":{\"ip\":\"10.0.0.1\"}");
    CHECK_HAS(text(), "<domain type='qemu'>");
    CHECK(!strstr(text(), "geheim"));
    const char *order = strstr(text(), "\"start_order\""), *state = strstr(text(), "\"state\":{");
    CHECK(order && order > state); /* a placement's: no order is configuration */
    refused("GET", "/v1/cluster/export?secrets=1", NULL, 403, "administrator");
    role = ROLE_ADMINISTRATOR;
    REQUIRE(ask("GET", "/v1/cluster/export?secrets=1", NULL) == 200);
    CHECK_HAS(text(), "geheim");
}

TEST(the_loss_of_each_host_is_shown_with_what_would_be_left_without_a_gpu_and_why)
{
    begin_full();
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"losses\":1");
    CHECK_HAS(text(), "{\"node\":\"node1\",\"vms\":1,\"left_out_count\":0,\"left_out\":[]");
    must("POST", "/v1/nodes/node3/pause", NULL);
    REQUIRE(ask("GET", "/v1/survival", NULL) == 200);
    CHECK_HAS(text(), "\"losses\":0");
    CHECK_HAS(text(), "{\"node\":\"node1\",\"vms\":1,\"left_out_count\":1,\"left_out\":[{\"vm\":"
                      "\"a\",\"reasons\":[{\"subject\":\"node1\"");
    CHECK_HAS(text(), "held by b");
    CHECK(!strstr(text(), "{\"node\":\"node3\",\"vms\""));
}

/* What a page would be told now. */
static const char *told(struct changes *changes, struct buf *text)
{
    buf_clear(text);
    changes_take(changes, 7, text);
    return buf_str(text);
}

TEST(what_looks_different_is_named_and_heartbeats_are_not)
{
    static struct changes changes;
    CLEANUP(buf_done) struct buf text = {0};
    struct record_key key = {.kind = RECORD_NODE_ALIVE, .name = "node1"};
    CHECK(!changes_note(&changes, &key));
    CHECK_STR(told(&changes, &text), "");
    key.kind = RECORD_VM_STATUS;
    CHECK(changes_note(&changes, &key) && changes_note(&changes, &key));
    key = (struct record_key){.kind = RECORD_LEADER};
    CHECK(changes_note(&changes, &key));
    CHECK_STR(told(&changes, &text), "event: changed\ndata: {\"revision\":7,\"cluster\":true,"
                                     "\"vms\":[\"node1\"]}\n\n");
    CHECK_STR(told(&changes, &text), "");
    key.kind = RECORD_POOL;
    for (int i = 0; i <= changes_names_max; i++) {
        (void)snprintf(key.name, sizeof(key.name), "p%d", i);
        (void)changes_note(&changes, &key);
    }
    CHECK_HAS(told(&changes, &text), "\"pools\":true");
}

TEST(a_node_that_falls_silent_is_a_change_of_it_once)
{
    static struct changes changes;
    CLEANUP(buf_done) struct buf text = {0};
    begin_cluster();
    coordinate();
    CHECK(changes_note_pulses(&changes, &view));
    (void)told(&changes, &text);
    CHECK(!changes_note_pulses(&changes, &view));
    view.now_ms += 4000;
    beat("node2", 1, 3, view.now_ms);
    beat("node3", 1, 3, view.now_ms);
    coordinate();
    CHECK(changes_note_pulses(&changes, &view));
    CHECK_HAS(told(&changes, &text), "\"nodes\":[\"node1\"],\"pools\":true,\"vms\":true");
    CHECK(!changes_note_pulses(&changes, &view));
    changes_done(&changes);
}

TEST(events_are_found_by_what_they_say_and_read_backwards)
{
    char target[200];
    begin_cluster();
    must("POST", "/v1/pools", "{\"name\":\"p\"}");
    must("POST", "/v1/pools", "{\"name\":\"q\"}");
    must("DELETE", "/v1/pools/q", NULL);
    REQUIRE(ask("GET", "/v1/events?code=pool-created&text=POOL%20Q", NULL) == 200);
    CHECK_HAS(text(), "GPU pool q was created");
    CHECK(!strstr(text(), "removed") && !strstr(text(), "pool p "));
    (void)snprintf(target, sizeof(target), "/v1/events?limit=1&before=%s",
                   world.records[RECORD_EVENT].items[1]->key.name);
    REQUIRE(ask("GET", target, NULL) == 200);
    CHECK_HAS(text(), "GPU pool p was created");
    CHECK(!strstr(text(), "pool q"));
    REQUIRE(ask("GET", "/v1/events?severity=error", NULL) == 200);
    CHECK_HAS(text(), "\"items\":[]");
}

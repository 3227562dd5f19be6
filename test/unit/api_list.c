/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists by page, and of their items only some members. */
#include "test/unit/api_fixture.h"

#include <jansson.h>

/* Asks for all of 'target', 'limit' at a time; the "KEY KEY ..." of all items in order of the
 * pages, into 'ret'. How many pages there were. */
static unsigned walk(const char *target, const char *limit, const char *key, struct buf *ret)
{
    char next[300] = "", page[600];
    unsigned pages = 0;
    do {
        (void)snprintf(page, sizeof(page), "%s%slimit=%s%s%s", target,
                       strchr(target, '?') ? "&" : "?", limit, next[0] ? "&continue=" : "", next);
        must("GET", page, NULL);
        json_t *json = json_loads(text(), 0, NULL), *item;
        const char *more = json_string_value(json_object_get(json, "continue"));
        size_t i;
        json_array_foreach(json_object_get(json, "items"), i, item) {
            buf_printf(ret, "%s ", json_string_value(json_object_get(item, key)));
        }
        CHECK(json_array_size(json_object_get(json, "items")) <= strtoul(limit, NULL, 10));
        (void)snprintf(next, sizeof(next), "%s", more ? more : "");
        json_decref(json);
    } while (++pages < 100 && next[0]);
    return pages;
}

TEST(a_list_comes_in_pages_each_item_once_and_in_order)
{
    CLEANUP(buf_done) struct buf vms = {0}, nodes = {0}, gpus = {0}, whole = {0}, some = {0};
    begin();
    add_node("node10", true);
    add_node("node2", true);
    static const char *const names[] = {"vm10", "vm2", "vm1", "a", "vm02"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        add_vm(names[i], 1);
    }
    CHECK_INT(walk("/v1/vms", "2", "name", &vms), 3);
    CHECK_STR(buf_str(&vms), "a vm1 vm02 vm2 vm10 ");
    CHECK_INT(walk("/v1/vms?state=stopped", "5", "name", &some), 1);
    CHECK_STR(buf_str(&some), "a vm1 vm02 vm2 vm10 ");
    CHECK_INT(walk("/v1/nodes", "1", "name", &nodes), 2);
    CHECK_STR(buf_str(&nodes), "node2 node10 ");
    CHECK_INT(walk("/v1/gpus", "1000", "address", &whole), 1);
    CHECK(walk("/v1/gpus", "1", "address", &gpus) > 2);
    CHECK_STR(buf_str(&gpus), buf_str(&whole));
    must("GET", "/v1/vms?limit=2&continue=vm3", NULL); /* one that is not there: what is behind */
    CHECK_HAS(text(), "{\"items\":[{\"name\":\"vm10\",");
    must("GET", "/v1/gpus?continue=node2", NULL); /* a place that is none: all of that node */
    CHECK_HAS(text(), "{\"items\":[{\"node\":\"node2\",");
    must("GET", "/v1/gpus?continue=node10/ffff:00:00.0", NULL);
    CHECK_HAS(text(), "{\"items\":[],");
    refused("GET", "/v1/vms?limit=0", NULL, 400, "limit must be a number from 1 to 1000");
    refused("GET", "/v1/vms?limit=1001", NULL, 400, "limit must be a number from 1 to 1000");
    fixture_done();
}

TEST(a_page_that_became_the_last_is_another_answer)
{
    char before[api_etag_size], after[api_etag_size];
    begin();
    add_node("node2", true);
    add_vm("a", 1);
    must("GET", "/v1/vms?limit=1", NULL);
    CHECK(!strstr(text(), "\"continue\""));
    (void)api_etag_text(&answer, before);
    add_vm("b", 1);
    must("GET", "/v1/vms?limit=1", NULL);
    CHECK_HAS(text(), "],\"continue\":\"a\",\"revision\":");
    CHECK(strcmp(api_etag_text(&answer, after), before) != 0);
    must("GET", "/v1/vms?limit=1", NULL); /* the revision alone is no change of it */
    CHECK_STR(api_etag_text(&answer, before), after);
    fixture_done();
}

TEST(of_the_items_of_a_list_only_the_members_that_are_asked_for_come)
{
    begin();
    add_node("node2", true);
    add_vm("vm1", 1);
    world_find(&world, RECORD_VM_SPEC, "vm1")->vm_spec->priority = 7;
    (void)snprintf(world_find(&world, RECORD_VM_SPEC, "vm1")->vm_spec->title, title_size,
                   "a \"}],\\");
    must("GET", "/v1/vms?fields=name,needs,title,priority", NULL);
    CHECK_HAS(text(), "{\"items\":[{\"name\":\"vm1\",\"title\":\"a \\\"}],\\\\\","
                      "\"needs\":[{\"pool\":\"P\",\"count\":1}],\"priority\":7}],\"revision\":");
    must("GET", "/v1/gpus?fields=node&limit=1", NULL);
    CHECK_HAS(text(), "{\"items\":[{\"node\":\"node2\"}],\"continue\":\"node2/");
    must("GET", "/v1/nodes?fields=revision,name&limit=1", NULL);
    CHECK_HAS(text(), "{\"items\":[{\"name\":\"node2\",\"revision\":");
    char often[400] = "/v1/pools?fields=type";
    for (int i = 0; i < 40; i++) { /* once, however often it is named */
        strcat(often, ",type");
    }
    must("GET", often, NULL);
    CHECK_HAS(text(), "{\"items\":[{\"type\":\"PciExpress\"}],");
    refused("GET", "/v1/vms?fields=name,colour", NULL, 400,
            "there is no \\\"colour\\\" here; there are: name, ");
    refused("GET", "/v1/vms?fields=", NULL, 400, "there are: name, ");
    fixture_done();
}

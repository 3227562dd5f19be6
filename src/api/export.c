/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster as one document (wire/export.h), out of one picture of the store. */
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/show.h"
#include "wire/export.h"
#include "wire/key.h"
#include "wire/out.h"
#include "wire/record.h"

#include <string.h>

/* ---- configuration ---- */

/* Orders that were given once, and what a person said of one moment: no configuration. */
static void drop_orders(json_t *json)
{
    static const char *const orders[] = {
        "schema",    "stop_forced",     "start_order",       "move_to",      "move_order",
        "released",  "confirmed_off",   "confirmed_counter", "removed",      "removed_counter",
        "elsewhere", "elsewhere_order", "disarmed",          "disarm_order", "disarm_ms",
    };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        (void)json_object_del(json, orders[i]);
    }
}

static json_t *document(const struct api_call *call, const struct record *record, bool with_secrets)
{
    struct error err;
    json_t *json = wire_record_to_json(record, &err);
    drop_orders(json);
    if (!with_secrets) {
        fence_parameters_each(json, secrets_remove);
        fence_boxes_remove(json);
    }
    if (record->key.kind == RECORD_VM_SPEC) {
        CLEANUP(buf_done) struct buf xml = {0};
        xml_for(call, record->vm_spec->xml, &xml);
        (void)json_object_set_new(json, "xml", text_json(buf_str(&xml)));
    }
    return json;
}

static void write_named(struct buf *out, const struct api_call *call,
                        const struct export_section *section, bool with_secrets)
{
    out_key(out, section->name);
    out_open(out, '{');
    WORLD_EACH(call->world, section->kind, each) {
        if (section->kind == RECORD_NODE_SPEC && world_is_removed(call->world, (*each)->key.name)) {
            continue;
        }
        out_tree(out, (*each)->key.name, document(call, *each, with_secrets));
    }
    out_close(out, '}');
}

static void write_configuration(struct buf *out, const struct api_call *call, bool with_secrets)
{
    out_key(out, "configuration");
    out_open(out, '{');
    for (size_t i = 0; i < export_configuration_len; i++) {
        const struct export_section *section = &export_configuration[i];
        if (section->what) {
            write_named(out, call, section, with_secrets);
            continue;
        }
        const struct record *only = world_find(call->world, section->kind, "");
        out_tree(out, section->name, only ? document(call, only, with_secrets) : json_object());
    }
    out_close(out, '}');
}

/* ---- state ---- */

/* At which revision each node's spec stands, and why it is down, if the planner takes it as that.
 */
static void write_nodes(struct buf *out, const struct plan_cluster *m)
{
    out_key(out, "nodes");
    out_open(out, '{');
    for (uint32_t node = 0; node < m->nodes.len; node++) {
        const char *name = m->nodes.items[node];
        const struct record *spec = world_find(m->world, RECORD_NODE_SPEC, name);
        struct cause why;
        out_key(out, name);
        out_open(out, '{');
        if (spec) {
            out_number(out, "revision", spec->revision);
        }
        if (plan_cluster_is_down(m, name, &why)) {
            wire_cause_write(out, "down", &why);
        }
        out_close(out, '}');
    }
    out_close(out, '}');
}

static void write_records(struct buf *out, const struct world *world,
                          const struct export_section *section)
{
    out_key(out, section->name);
    out_open(out, '{');
    WORLD_EACH(world, section->kind, each) {
        struct error err;
        json_t *json = wire_record_to_json(*each, &err);
        (void)json_object_del(json, "schema");
        (void)json_object_set_new(json, "revision", json_integer((*each)->revision));
        out_tree(out, (*each)->key.name, json);
    }
    out_close(out, '}');
}

static void write_unreadable(struct buf *out, const struct world *world)
{
    out_key(out, "unreadable");
    out_open(out, '[');
    VEC_EACH(&world->unreadable, key) {
        char text[wire_key_size];
        if (wire_key_format(WIRE_PREFIX_DEFAULT, key, text, NULL) == 0) {
            out_text(out, NULL, text);
        }
    }
    out_close(out, ']');
}

static void write_state(struct buf *out, const struct plan_cluster *m)
{
    out_key(out, "state");
    out_open(out, '{');
    write_nodes(out, m);
    for (size_t i = 0; i < export_state_len; i++) {
        write_records(out, m->world, &export_state[i]);
    }
    write_unreadable(out, m->world);
    out_close(out, '}');
}

void handle_export(struct api_call *call)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    CLEANUP(buf_done) struct buf out = {0};
    bool with_secrets = call_param(call, "secrets") != NULL;
    if (with_secrets && call->request->actor.role < ROLE_ADMINISTRATOR) {
        call_tell(call, "role", api_role_name(ROLE_ADMINISTRATOR), NULL);
        call_refuse(call, 403, "forbidden", "%s may not see secrets: that takes the role %s",
                    call->request->actor.name, api_role_name(ROLE_ADMINISTRATOR));
        return;
    }
    if (!cluster_model_make(call->view, &m)) {
        call_send(call, NULL, 0);
        return;
    }
    out_open(&out, '{');
    out_number(&out, "schema", export_schema);
    write_configuration(&out, call, with_secrets);
    write_state(&out, &m);
    out_close(&out, '}');
    call_send_text(call, &out, 0);
}

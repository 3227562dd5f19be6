/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/export.h"

#include "model/name.h"
#include "wire/key.h"
#include "wire/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct export_section export_configuration[export_configuration_len] = {
    {"cluster", NULL, RECORD_CLUSTER},
    {"nodes", "node", RECORD_NODE_SPEC},
    {"pools", "pool", RECORD_POOL},
    {"vms", "VM", RECORD_VM_SPEC},
};

const struct export_section export_state[export_state_len] = {
    {"inventories", "node", RECORD_NODE_INVENTORY},
    {"standings", "node", RECORD_NODE_STANDING},
    {"placements", "VM", RECORD_VM_PLACEMENT},
    {"statuses", "VM", RECORD_VM_STATUS},
};

void export_done(struct export *export)
{
    world_done(&export->world);
    VEC_DONE(&export->down);
}

int export_parse(const void *bytes, size_t size, json_t **ret, struct error *err)
{
    json_error_t fault;
    json_t *json = json_loadb(size > 0 ? bytes : "", size, JSON_REJECT_DUPLICATES, &fault);
    if (!json && json_error_code(&fault) == json_error_out_of_memory) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (!json) {
        return error_set(err, -EBADMSG, "line %d, column %d: %s", fault.line, fault.column,
                         fault.text);
    }
    *ret = json;
    return 0;
}

/* ---- one record ---- */

/* The member 'name', at which revision the store held the record; 0: the file does not say. */
static int read_revision(const json_t *document, revision_t *ret, struct error *err)
{
    const json_t *revision = json_object_get(document, "revision");
    if (revision && (!json_is_integer(revision) || json_integer_value(revision) < 0)) {
        return error_set(err, -EBADMSG, "revision: a whole number is wanted here");
    }
    *ret = (revision_t)json_integer_value(revision);
    return 0;
}

/* 'document' has a revision beside the record's own fields if 'has_revision'. */
static int read_record(struct world *world, const struct record_key *key, const json_t *document,
                       bool has_revision, struct error *err)
{
    CLEANUP(record_unrefp) struct record *record = NULL;
    revision_t revision = 0;
    json_t *fields = json_copy((json_t *)(uintptr_t)document);
    if (!fields) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = has_revision ? read_revision(document, &revision, err) : 0;
    if (has_revision) {
        (void)json_object_del(fields, "revision");
    }
    r = r < 0 ? r : wire_record_from_json(key, fields, WIRE_REFUSE_UNKNOWN, &record, err);
    json_decref(fields);
    if (r < 0) {
        return r;
    }
    record->revision = revision;
    return world_put(world, record) ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int read_named(struct world *world, const char *group, const struct export_section *section,
                      const char *name, const json_t *document, struct error *err)
{
    struct record_key key = {.kind = section->kind};
    struct error fault;
    if (section->what && name_check(section->what, name, &fault) < 0) {
        return error_set(err, -EBADMSG, "%s.%s: %s", group, section->name, fault.text);
    }
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    if (!json_is_object(document)) {
        return error_set(err, -EBADMSG, "%s.%s%s%s is not an object", group, section->name,
                         name[0] ? "." : "", name);
    }
    bool is_state = section >= export_state && section < export_state + export_state_len;
    int r = read_record(world, &key, document, is_state, &fault);
    return r < 0 ? error_set(err, r, "%s.%s%s%s.%s", group, section->name, name[0] ? "." : "", name,
                             fault.text)
                 : 0;
}

static int read_section(struct world *world, const char *group,
                        const struct export_section *section, const json_t *json, struct error *err)
{
    const char *name;
    json_t *document;
    if (!section->what) {
        return read_named(world, group, section, "", json, err);
    }
    if (!json_is_object(json)) {
        return error_set(err, -EBADMSG, "%s.%s is not an object", group, section->name);
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, document) {
        int r = read_named(world, group, section, name, document, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static const struct export_section *find_section(const struct export_section *sections, size_t len,
                                                 const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(sections[i].name, name) == 0) {
            return &sections[i];
        }
    }
    return NULL;
}

static int check_head(const json_t *file, struct error *err)
{
    const json_t *schema = json_object_get(file, "schema");
    const json_t *configuration = json_object_get(file, "configuration");
    const char *name;
    json_t *json;
    if (json_integer_value(schema) != export_schema && (schema || configuration)) {
        return error_set(err, -EBADMSG,
                         "schema: this version of Berth reads only %d; export the cluster again",
                         export_schema);
    }
    if (!json_is_object(configuration)) {
        return error_set(err, -EBADMSG, "it has no configuration, so it is not an export");
    }
    json_object_foreach((json_t *)(uintptr_t)file, name, json) {
        if (strcmp(name, "schema") != 0 && strcmp(name, "configuration") != 0 &&
            strcmp(name, "state") != 0) {
            return error_set(err, -EBADMSG, "%.64s: there is no such field", name);
        }
    }
    return 0;
}

int export_read_configuration(const json_t *file, struct export *ret, struct error *err)
{
    const char *name;
    json_t *json;
    *ret = (struct export){0};
    int r = check_head(file, err);
    if (r < 0) {
        return r;
    }
    const json_t *configuration = json_object_get(file, "configuration");
    json_object_foreach((json_t *)(uintptr_t)configuration, name, json) {
        const struct export_section *section =
            find_section(export_configuration, export_configuration_len, name);
        if (!section) {
            return error_set(err, -EBADMSG, "configuration.%.64s: there is no such section", name);
        }
        r = read_section(&ret->world, "configuration", section, json, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- the state ---- */

/* What is known of a node beside its records: at which revision its spec stands, against which its
 * standing is read, and why it is down. */
static int read_node(struct export *ret, const char *name, const json_t *json, struct error *err)
{
    struct record *spec = world_find(&ret->world, RECORD_NODE_SPEC, name);
    const json_t *why = json_object_get(json, "down");
    revision_t revision = 0;
    if (!json_is_object(json) ||
        json_object_size(json) !=
            (size_t)(why != NULL) + (json_object_get(json, "revision") != NULL)) {
        return error_set(err, -EBADMSG,
                         "state.nodes.%.64s: has other fields than revision and down", name);
    }
    if (read_revision(json, &revision, err) < 0) {
        return error_wrap(err, "state.nodes.%.64s", name);
    }
    if (spec) {
        spec->revision = revision; /* only we can see it yet */
    }
    if (!why) {
        return 0;
    }
    struct export_down *down = VEC_ADD(&ret->down);
    if (!down) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    *down = (struct export_down){0};
    (void)snprintf(down->node, sizeof(down->node), "%s", name);
    if (json_is_string(why)) { /* a person's own words, in a file made by hand */
        down->why = cause_make(CAUSE_SAID, NULL, NULL, json_string_value(why));
        return 0;
    }
    if (!json_is_object(why)) {
        return error_set(err, -EBADMSG,
                         "state.nodes.%.64s.down: a code is wanted here, as "
                         "{\"code\": \"node-silent\"}, or a string",
                         name);
    }
    return wire_cause_read(why, &down->why, err) < 0
               ? error_wrap(err, "state.nodes.%.64s.down", name)
               : 0;
}

static int read_nodes(struct export *ret, const json_t *json, struct error *err)
{
    const char *name;
    json_t *node;
    if (!json_is_object(json)) {
        return error_set(err, -EBADMSG, "state.nodes is not an object");
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, node) {
        int r = read_node(ret, name, node, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Keys whose value the exporting cluster could not read. */
static int read_unreadable(struct export *ret, const json_t *json, struct error *err)
{
    size_t index;
    json_t *each;
    if (!json_is_array(json)) {
        return error_set(err, -EBADMSG, "state.unreadable is not an array");
    }
    json_array_foreach(json, index, each) {
        const char *text = json_string_value(each);
        struct record_key key;
        if (!text || wire_key_parse(WIRE_PREFIX_DEFAULT, text, strlen(text), &key, NULL) < 0) {
            return error_set(err, -EBADMSG, "state.unreadable[%zu]: is not the key of a record",
                             index);
        }
        if (!world_mark_unreadable(&ret->world, &key)) {
            return error_set(err, -ENOMEM, "out of memory");
        }
    }
    return 0;
}

static int read_state(struct export *ret, const char *name, const json_t *json, struct error *err)
{
    if (strcmp(name, "nodes") == 0) {
        return read_nodes(ret, json, err);
    }
    if (strcmp(name, "unreadable") == 0) {
        return read_unreadable(ret, json, err);
    }
    const struct export_section *section = find_section(export_state, export_state_len, name);
    return section ? read_section(&ret->world, "state", section, json, err)
                   : error_set(err, -EBADMSG, "state.%.64s: there is no such section", name);
}

int export_read(const json_t *file, struct export *ret, struct error *err)
{
    const json_t *state = json_object_get(file, "state");
    const char *name;
    json_t *json;
    int r = export_read_configuration(file, ret, err);
    if (r < 0 || !state) {
        return r;
    }
    if (!json_is_object(state)) {
        return error_set(err, -EBADMSG, "state is not an object");
    }
    json_object_foreach((json_t *)(uintptr_t)state, name, json) {
        r = read_state(ret, name, json, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

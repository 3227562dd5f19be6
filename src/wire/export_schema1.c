/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of schema 1 in the words of schema 2, for planning. Its lists "nodes" and "vms" were a
 * vocabulary of their own:
 *
 *     {"schema": 1,
 *      "settings": {"reserve": 1},
 *      "nodes": [{"name": "n1", "mode": "active", "cpus": 64, "labels": {}, "pools": {"P": 2},
 *                 "gpus": [{"id": "0000:65:00.0", "pool": "P", "numa": 0}]}],
 *      "vms": [{"name": "v", "desired": "started", "needs": {"P": 1}, "node": "n1",
 *               "gpus": ["0000:65:00.0"], "owners": [], "affinity": []}]}
 *
 * They are only renamed and moved here. Whether a value can be is for the reader of schema 2 to
 * say, so a field that neither schema has goes along and is refused there. An export of schema 1
 * also had a "configuration", which planning never used.
 */
#include "model/gpu.h"
#include "model/limits.h"
#include "wire/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct upgrade {
    json_t *cluster, *nodes, *pools, *vms;          /* of "configuration" */
    json_t *node_states, *inventories, *placements; /* of "state" */
    json_t *gpus;   /* by node: [{"id", "pool", "gpu", "vm" that holds it}] */
    bool is_failed; /* out of memory */
    struct error *err;
};

static int schema1_refuse(struct upgrade *u, const char *what, const char *name, const char *why)
{
    return error_set(u->err, -EBADMSG, "%s %.64s: %s", what, name, why);
}

/* Takes 'value' over, as jansson does; NULL: memory ran out. */
static void put(struct upgrade *u, json_t *object, const char *key, json_t *value)
{
    u->is_failed |= json_object_set_new(object, key, value) < 0;
}

static void append(struct upgrade *u, json_t *array, json_t *value)
{
    u->is_failed |= json_array_append_new(array, value) < 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Moves a member under its new name; NULL: leaves it out. */
static void rename_member(struct upgrade *u, json_t *object, const char *from, const char *to)
{
    json_t *value = json_incref(json_object_get(object, from));
    if (value) {
        (void)json_object_del(object, from);
        if (to) {
            put(u, object, to, value);
        } else {
            json_decref(value);
        }
    }
}

struct renaming {
    const char *from, *to;
};

/* 'list' ends with one from NULL. */
static json_t *renamed(struct upgrade *u, const json_t *object, const struct renaming *list)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)object);
    u->is_failed |= !copy;
    for (; copy && list->from; list++) {
        rename_member(u, copy, list->from, list->to);
    }
    return copy;
}

/* Copies a member that is there. */
static void copy_member(struct upgrade *u, json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value) {
        put(u, to, key, json_incref(value));
    }
}

/* Whether members that are read here have the type that they are read as. */
static bool has_types(const json_t *object, const char *objects, const char *arrays)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if ((strcmp(key, objects) == 0 && !json_is_object(value)) ||
            (strcmp(key, arrays) == 0 && !json_is_array(value))) {
            return false;
        }
    }
    return true;
}

/* ---- nodes ---- */

/* A GPU that the file only counts has no address: it gets one that no card has. */
static void add_gpu(struct upgrade *u, const char *node, const char *pool, const char *id,
                    const json_t *old)
{
    static const struct renaming gpu_renaming[] = {
        {"id", NULL},        {"pool", NULL},        {"card", NULL}, {"numa", "numa_node"},
        {"partition", NULL}, {"quarantined", NULL}, {NULL, NULL},
    };
    json_t *inventory = json_object_get(json_object_get(u->inventories, node), "gpus");
    json_t *known = json_object_get(u->gpus, node);
    struct pci_address address;
    char made[pci_address_size];
    if (!pci_address_parse(id, &address)) {
        (void)snprintf(made, sizeof(made), "ffff:%02zx:00.0", json_array_size(known) & 0xff);
    }
    const char *gpu = pci_address_parse(id, &address) ? id : made;
    json_t *now = old ? renamed(u, old, gpu_renaming) : json_object();
    put(u, now, "address", json_string(gpu));
    put(u, now, "driver", json_string("vfio-pci"));
    if (json_is_true(json_object_get(old, "quarantined"))) {
        put(u, now, "health", json_string("quarantined"));
    }
    append(u, inventory, now);
    append(u, known, json_pack("{s:s, s:s, s:s}", "id", id, "pool", pool, "gpu", gpu));
    if (!json_object_get(u->pools, pool)) {
        put(u, u->pools, pool, json_pack("{s:[]}", "members"));
    }
    append(u, json_object_get(json_object_get(u->pools, pool), "members"),
           json_pack("{s:s, s:s}", "node", node, "gpu", gpu));
}

static int add_gpus(struct upgrade *u, const char *node, const json_t *old)
{
    const char *pool;
    json_t *each;
    size_t i;
    if (!has_types(old, "pools", "gpus")) {
        return schema1_refuse(u, "node", node, "its pools are an object, its gpus a list");
    }
    json_object_foreach(json_object_get(old, "pools"), pool, each) {
        if (!json_is_integer(each) || json_integer_value(each) > gpus_per_node_max) {
            return schema1_refuse(u, "node", node, "the count of a pool is no number of GPUs");
        }
        for (json_int_t k = 0; k < json_integer_value(each); k++) {
            add_gpu(u, node, pool, "", NULL);
        }
    }
    json_array_foreach(json_object_get(old, "gpus"), i, each) {
        if (!text_of(each, "pool")[0]) {
            return schema1_refuse(u, "node", node, "one of its GPUs names no pool");
        }
        if (json_is_true(json_object_get(each, "partition"))) {
            return schema1_refuse(
                u, "node", node,
                "partitions are not read from a file of schema 1; export the cluster "
                "again");
        }
        add_gpu(u, node, text_of(each, "pool"), text_of(each, "id"), each);
    }
    return json_array_size(json_object_get(u->gpus, node)) > gpus_per_node_max
               ? schema1_refuse(u, "node", node, "has too many GPUs")
               : 0;
}

static int add_node(struct upgrade *u, const char *name, const json_t *old)
{
    static const struct renaming spec[] = {
        {"name", NULL}, {"pools", NULL},      {"gpus", NULL},
        {"cpus", NULL}, {"memory_mib", NULL}, {NULL, NULL},
    };
    json_t *now = renamed(u, old, spec);
    if (strcmp(text_of(now, "mode"), "down") == 0) {
        (void)json_object_del(now, "mode");
        put(u, u->node_states, name, json_pack("{s:s}", "down", "it is down"));
    }
    put(u, u->nodes, name, now);
    put(u, u->gpus, name, json_array());
    put(u, u->inventories, name, json_pack("{s:[]}", "gpus"));
    copy_member(u, json_object_get(u->inventories, name), old, "cpus");
    copy_member(u, json_object_get(u->inventories, name), old, "memory_mib");
    return add_gpus(u, name, old);
}

/* ---- VMs ---- */

static json_t *needs_of(struct upgrade *u, const json_t *old)
{
    json_t *needs = json_array(), *count;
    const char *pool;
    json_object_foreach(json_object_get(old, "needs"), pool, count) {
        append(u, needs, json_pack("{s:s, s:O}", "pool", pool, "count", count));
    }
    return needs;
}

static int add_vm(struct upgrade *u, const char *name, const json_t *old)
{
    static const struct renaming spec[] = {
        {"name", NULL},
        {"node", NULL},
        {"gpus", NULL},
        {"needs", NULL},
        {"owners", "possible_owners"},
        {"preferred", "preferred_owners"},
        {"affinity", "together"},
        {"anti_affinity", "apart"},
        {"anti_affinity_enforced", "apart_enforced"},
        {NULL, NULL},
    };
    if (!has_types(old, "needs", "gpus")) {
        return schema1_refuse(u, "VM", name, "its needs are an object, its gpus a list");
    }
    json_t *now = renamed(u, old, spec);
    put(u, now, "needs", needs_of(u, old));
    if (!json_object_get(now, "desired")) {
        put(u, now, "desired", json_string("started")); /* schema 2 takes it for stopped */
    }
    put(u, u->vms, name, now);
    return 0;
}

/* Adds to 'held' the GPU of 'node' that has 'value' under 'key' and that no VM holds yet. */
static int hold(struct upgrade *u, const char *vm, const char *node, const char *key,
                const char *value, json_t *held)
{
    size_t i;
    json_t *gpu;
    json_array_foreach(json_object_get(u->gpus, node), i, gpu) {
        if (value[0] && strcmp(text_of(gpu, key), value) == 0 && !json_object_get(gpu, "vm")) {
            put(u, gpu, "vm", json_string(vm));
            append(
                u, held,
                json_pack("{s:s, s:s}", "pool", text_of(gpu, "pool"), "gpu", text_of(gpu, "gpu")));
            return 0;
        }
    }
    return schema1_refuse(u, "VM", vm, "its node has no such GPU, or another VM holds it");
}

static int hold_needs(struct upgrade *u, const char *vm, const char *node, const json_t *old,
                      json_t *held)
{
    const char *pool;
    json_t *count;
    json_object_foreach(json_object_get(old, "needs"), pool, count) {
        for (json_int_t k = 0; k < json_integer_value(count); k++) {
            int r = hold(u, vm, node, "pool", pool, held);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static int hold_named(struct upgrade *u, const char *vm, const char *node, const json_t *ids,
                      json_t *held)
{
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id) {
        int r = hold(u, vm, node, "id", json_is_string(id) ? json_string_value(id) : "", held);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Places 'old' if it runs and names its GPUs, or does not, as 'is_named' says: those that do come
 * first, so that the others get what is left. */
static int place_vm(struct upgrade *u, const json_t *old, bool is_named)
{
    const char *vm = text_of(old, "name"), *node = text_of(old, "node");
    const json_t *ids = json_object_get(old, "gpus");
    if (!node[0] || (json_array_size(ids) > 0) != is_named) {
        return 0;
    }
    if (!json_object_get(u->nodes, node)) {
        return schema1_refuse(u, "VM", vm, "there is no node of the name that it runs on");
    }
    json_t *held = json_array();
    int r = is_named ? hold_named(u, vm, node, ids, held) : hold_needs(u, vm, node, old, held);
    put(u, u->placements, vm,
        json_pack("{s:s, s:s, s:o}", "phase", "start", "node", node, "gpus", held));
    copy_member(u, json_object_get(u->placements, vm), old, "cpus");
    copy_member(u, json_object_get(u->placements, vm), old, "memory_mib");
    return r;
}

/* ---- the document ---- */

static int each_of(struct upgrade *u, const json_t *list, const char *what, const json_t *there,
                   int (*add)(struct upgrade *, const char *, const json_t *))
{
    size_t i;
    json_t *each;
    if (list && !json_is_array(list)) {
        return error_set(u->err, -EBADMSG, "the %ss of schema 1 are a list", what);
    }
    json_array_foreach(list, i, each) {
        const char *name = text_of(each, "name");
        if (!name[0] || json_object_get(there, name)) {
            return schema1_refuse(u, what, name,
                                  name[0] ? "it is there twice" : "a name is missing");
        }
        int r = add(u, name, each);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int place_all(struct upgrade *u, const json_t *vms)
{
    size_t i;
    json_t *each;
    int r = 0;
    for (int is_named = 1; is_named >= 0; is_named--) {
        json_array_foreach(vms, i, each) {
            r = r < 0 ? r : place_vm(u, each, is_named);
        }
    }
    return r;
}

static int check_members(const json_t *file, struct error *err)
{
    static const char known[] = " schema settings nodes vms configuration ";
    const char *name;
    json_t *json;
    json_object_foreach((json_t *)(uintptr_t)file, name, json) {
        char word[80];
        (void)snprintf(word, sizeof(word), " %.64s ", name);
        if (!strstr(known, word)) {
            return error_set(err, -EBADMSG, "%.64s: there is no such field", name);
        }
    }
    return 0;
}

int export_from_schema1(const json_t *file, json_t **ret, struct error *err)
{
    json_t *settings = json_object_get(file, "settings");
    const json_t *vms = json_object_get(file, "vms");
    struct upgrade u = {
        .cluster = settings ? json_incref(settings) : json_object(),
        .nodes = json_object(),
        .pools = json_object(),
        .vms = json_object(),
        .node_states = json_object(),
        .inventories = json_object(),
        .placements = json_object(),
        .gpus = json_object(),
        .err = err,
    };
    json_t *now = json_pack("{s:i, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o}}", "schema",
                            export_schema, "configuration", "cluster", u.cluster, "nodes", u.nodes,
                            "pools", u.pools, "vms", u.vms, "state", "nodes", u.node_states,
                            "inventories", u.inventories, "placements", u.placements);
    int r = now && u.gpus ? check_members(file, err) : -ENOMEM;
    r = r < 0 ? r : each_of(&u, json_object_get(file, "nodes"), "node", u.nodes, add_node);
    r = r < 0 ? r : each_of(&u, vms, "VM", u.vms, add_vm);
    r = r < 0 ? r : place_all(&u, vms);
    json_decref(u.gpus);
    if (u.is_failed || r == -ENOMEM) {
        r = error_set(err, -ENOMEM, "out of memory");
    }
    if (r < 0) {
        json_decref(now);
        return r;
    }
    *ret = now;
    return 0;
}

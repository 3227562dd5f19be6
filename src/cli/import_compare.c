/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/import.h"

#include "base/cleanup.h"
#include "cli/import_secret.h"
#include "wire/record.h"

#include <stdarg.h>
#include <string.h>

ENUM_DEFINE(step, STEP_LIST)

static bool import_step_add(struct import *import, enum step kind, const char *name,
                            const char *second, json_t *body, const char *format, ...)
    PRINTF_LIKE(6, 7);

/* Takes over 'body'. */
static bool import_step_add(struct import *import, enum step kind, const char *name,
                            const char *second, json_t *body, const char *format, ...)
{
    struct buf text = {0};
    struct import_step *step = VEC_ADD(&import->steps);
    if (!step) {
        json_decref(body);
        return false;
    }
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    *step = (struct import_step){kind, name, second, body, buf_take(&text)};
    return step->text != NULL;
}

static json_t *member(const json_t *json, const char *name)
{
    return json_object_get(json, name);
}

/* What administrators set that 'want' has otherwise than 'have', as a body; their names into
 * 'names'. 'without': not that one (NULL: all). */
static json_t *differing(const json_t *have, const json_t *want, enum record_kind kind,
                         struct buf *names)
{
    json_t *body = json_object();
    const char *field;
    for (size_t i = 0; (field = wire_policy_field(kind, i)); i++) {
        json_t *wanted = member(want, field);
        if (wanted && !json_equal(member(have, field), wanted)) {
            (void)json_object_set(body, field, wanted);
            buf_printf(names, "%s%s", names->size ? ", " : "", field);
        }
    }
    return body;
}

/* ---- settings, nodes ---- */

static int compare_settings(struct cli *cli, struct import *import)
{
    const json_t *want = member(import->configuration, "cluster");
    CLEANUP(buf_done) struct buf names = {0};
    const char *field;
    json_t *have, *value;
    int r = client_get(cli, &have, "/v1/cluster");
    if (r != EXIT_OK) {
        return r;
    }
    json_t *body = json_object();
    json_object_foreach((json_t *)(uintptr_t)want, field, value) {
        if (!json_equal(member(have, field), value)) {
            (void)json_object_set(body, field, value);
            buf_printf(&names, "%s%s", names.size ? ", " : "", field);
        }
    }
    if (names.size) {
        (void)import_step_add(import, STEP_SETTINGS, "", NULL, json_incref(body), "%s",
                              buf_str(&names));
    }
    json_decref(body);
    json_decref(have);
    return EXIT_OK;
}

/* Puts what 'have' has beside it into the object 'field' of 'want'. */
static void keep_known(const json_t *have, json_t *want, const char *field)
{
    json_t *merged = json_deep_copy(member(have, field));
    if (!json_is_object(merged)) {
        json_decref(merged);
        return;
    }
    if (member(want, field)) {
        (void)json_object_update(merged, member(want, field));
    }
    (void)json_object_set_new(want, field, merged);
}

/* The file may have been written without secrets: what the cluster has of them stays. The caller's.
 */
static json_t *with_known_secrets(const json_t *have, const json_t *want)
{
    static const char *const levels[] = {"fence_level_2", "fence_level_3"};
    json_t *whole = json_deep_copy(want);
    keep_known(have, whole, "fence_parameters");
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (member(whole, levels[i])) {
            keep_known(member(have, levels[i]), member(whole, levels[i]), "parameters");
            if (!member(member(whole, levels[i]), "box")) {
                (void)json_object_set(member(whole, levels[i]), "box",
                                      member(member(have, levels[i]), "box"));
            }
        }
    }
    return whole;
}

/* What sits at 'address' of that node now, as the export identifies it; "" nothing. */
static const char *identity_at(const json_t *node, const char *address)
{
    size_t i;
    json_t *gpu;
    json_array_foreach(member(node, "gpus"), i, gpu) {
        if (strcmp(text_at(gpu, "address"), address) == 0) {
            return text_at(gpu, "identity");
        }
    }
    return "";
}

static bool is_listed(const json_t *list, const char *field, const char *value)
{
    size_t i;
    json_t *each;
    json_array_foreach(list, i, each) {
        if (strcmp(text_at(each, field), value) == 0) {
            return true;
        }
    }
    return false;
}

/* The order that divides a card as 'entry' says. */
static json_t *partition_body(const json_t *entry)
{
    const char *profile = text_at(entry, "profile");
    json_t *more = json_array(), *each;
    json_t *body = json_pack("{s:I}", "count", number_at(entry, "partitions"));
    size_t i;
    json_array_foreach(member(entry, "more"), i, each) {
        (void)json_array_append_new(more,
                                    json_pack("{s:I, s:s}", "count", number_at(each, "partitions"),
                                              "profile", text_at(each, "profile")));
    }
    if (profile[0] != '\0') {
        (void)json_object_set_new(body, "profile", json_string(profile));
    }
    if (i > 0) {
        (void)json_object_set(body, "more", more);
    }
    json_decref(more);
    return body;
}

static json_int_t partition_count(const json_t *entry)
{
    json_int_t count = number_at(entry, "partitions");
    size_t i;
    json_t *each;
    json_array_foreach(member(entry, "more"), i, each) {
        count += number_at(each, "partitions");
    }
    return count;
}

static void compare_dismounts(struct import *import, const char *name, const json_t *node,
                              const json_t *spec, const json_t *want)
{
    const json_t *have = member(spec, "dismounted");
    size_t i;
    json_t *each;
    json_array_foreach(member(want, "dismounted"), i, each) {
        const char *address = text_at(each, "address");
        const char *identity = identity_at(node, address);
        if (is_listed(have, "address", address)) {
            continue;
        }
        if (strcmp(identity, text_at(each, "identity")) != 0) {
            (void)import_step_add(import, STEP_NONE, name, NULL, NULL,
                                  "%s: the file means the card %s, but there is %s", address,
                                  text_at(each, "identity"), identity[0] ? identity : "none");
            continue;
        }
        json_int_t count = number_at(each, "partitions");
        if (count > 0) {
            json_t *body = partition_body(each);
            json_int_t all = partition_count(each);
            (void)import_step_add(import, STEP_PARTITION, name, address, body,
                                  "%s is divided into %lld partitions", address, (long long)all);
            continue;
        }
        (void)import_step_add(import, STEP_DISMOUNT, name, address,
                              json_pack("{s:b}", "force", truth_at(each, "forced")),
                              "%s is taken from its host", address);
    }
}

static int compare_node(struct cli *cli, struct import *import, const json_t *known,
                        const json_t *have, const char *name, const json_t *want)
{
    CLEANUP(buf_done) struct buf names = {0};
    json_t *node;
    if (!is_listed(known, "name", name)) {
        (void)import_step_add(import, STEP_NONE, name, NULL, NULL,
                              "no such node yet: start berthd there, then import again");
        return EXIT_OK;
    }
    int r = client_get(cli, &node, "/v1/nodes/%s", name);
    if (r != EXIT_OK) {
        return r;
    }
    json_t *openable = json_deep_copy(want);
    bool has_dropped = false;
    r = node_secrets_drop_foreign(cli, openable, have, &has_dropped);
    json_t *whole = with_known_secrets(have, openable);
    json_decref(openable);
    json_t *body = differing(have, whole, RECORD_NODE_SPEC, &names);
    if (r == EXIT_OK && has_dropped) {
        (void)import_step_add(import, STEP_NONE, name, NULL, NULL,
                              "the secrets of its fence agents are sealed to another key: set them "
                              "again: berth node set %s",
                              name);
    }
    if (r == EXIT_OK && names.size) {
        (void)import_step_add(import, STEP_NODE, name, NULL, json_incref(body), "%s",
                              buf_str(&names));
    }
    json_decref(body);
    json_decref(whole);
    if (r == EXIT_OK) {
        compare_dismounts(import, name, node, have, want);
    }
    json_decref(node);
    return r;
}

static int compare_nodes(struct cli *cli, struct import *import, const json_t *have)
{
    const char *name;
    json_t *known, *want;
    int r = client_get(cli, &known, "/v1/nodes");
    if (r != EXIT_OK) {
        return r;
    }
    json_object_foreach(member(import->configuration, "nodes"), name, want) {
        r = r == EXIT_OK
                ? compare_node(cli, import, member(known, "items"), member(have, name), name, want)
                : r;
    }
    json_decref(known);
    return r;
}

/* ---- pools ---- */

/* Whether 'list' names the card of 'device' ("0000:65:00.0", or that and "+PARTITION"). */
static bool has_card(const json_t *list, const char *field, const char *node, const char *device)
{
    size_t i, len = strcspn(device, "+");
    json_t *each;
    json_array_foreach(list, i, each) {
        const char *other = text_at(each, field);
        if (strcmp(text_at(each, "node"), node) == 0 && strcspn(other, "+") == len &&
            strncmp(other, device, len) == 0) {
            return true;
        }
    }
    return false;
}

static void compare_members(struct import *import, const char *name, const json_t *have,
                            const json_t *want)
{
    json_t *members = json_array(), *each;
    size_t i;
    json_array_foreach(member(want, "members"), i, each) {
        const char *node = text_at(each, "node"), *gpu = text_at(each, "gpu");
        if (has_card(member(have, "members"), "gpu", node, gpu) ||
            has_card(members, "address", node, gpu)) {
            continue; /* all partitions of a card join at once */
        }
        (void)json_array_append_new(
            members, json_pack("{s:s, s:s%}", "node", node, "address", gpu, strcspn(gpu, "+")));
    }
    size_t len = json_array_size(members);
    if (len > 0) {
        const char *type = text_at(want, "partition_type");
        bool is_of_type = type[0] != '\0' && strcmp(type, "vf") != 0 && !truth_at(want, "mixed");
        (void)import_step_add(
            import, STEP_MEMBERS, name, NULL,
            json_pack("{s:O, s:s*}", "members", members, "profile", is_of_type ? type : NULL),
            "%zu GPU%s join%s", len, len == 1 ? "" : "s", len == 1 ? "s" : "");
    }
    json_decref(members);
}

static void compare_pool(struct import *import, const json_t *pools, const char *name,
                         const json_t *want)
{
    const json_t *have = member(pools, name);
    if (!have) {
        (void)import_step_add(import, STEP_POOL, name, NULL,
                              json_pack("{s:s, s:s, s:b}", "name", name, "type",
                                        text_at(want, "type"), "mixed", truth_at(want, "mixed")),
                              "it is created");
    } else if (strcmp(text_at(have, "type"), text_at(want, "type")) != 0 ||
               truth_at(have, "mixed") != truth_at(want, "mixed")) {
        (void)import_step_add(import, STEP_NONE, name, NULL, NULL,
                              "its type or --mixed differs: that is set when a pool is created");
    }
    compare_members(import, name, have, want);
}

/* ---- VMs ---- */

/* As libvirt takes it: a VM keeps the uuid that its guest knows. */
static json_t *xml_with_uuid(const json_t *vm)
{
    const char *xml = text_at(vm, "xml"), *uuid = text_at(vm, "uuid");
    const char *end = strstr(xml, "</name>");
    CLEANUP(buf_done) struct buf text = {0};
    if (!uuid[0] || !end || strstr(xml, "<uuid>")) {
        return json_string(xml);
    }
    end += strlen("</name>");
    buf_add(&text, xml, (size_t)(end - xml));
    buf_printf(&text, "<uuid>%s</uuid>%s", uuid, end);
    return json_string(buf_str(&text));
}

static void add_vm(struct import *import, const char *name, const json_t *want)
{
    json_t *body = json_pack("{s:s, s:o, s:O?}", "name", name, "xml", xml_with_uuid(want), "needs",
                             member(want, "needs"));
    const char *field;
    for (size_t i = 0; (field = wire_policy_field(RECORD_VM_SPEC, i)); i++) {
        json_t *value = member(want, field);
        bool is_relation = strcmp(field, "together") == 0 || strcmp(field, "apart") == 0 ||
                           strcmp(field, "start_after") == 0; /* when all are there */
        if (value && !is_relation) {
            (void)json_object_set(body, field, value);
        }
    }
    (void)import_step_add(import, STEP_VM, name, NULL, body, "it is added, stopped");
}

static json_int_t count_of(const json_t *vm, const char *pool)
{
    size_t i;
    json_t *need;
    json_array_foreach(member(vm, "needs"), i, need) {
        if (strcmp(text_at(need, "pool"), pool) == 0) {
            return number_at(need, "count");
        }
    }
    return 0;
}

static void compare_need(struct import *import, const char *name, const json_t *have,
                         const json_t *want, const char *pool)
{
    json_int_t more = count_of(want, pool) - count_of(have, pool);
    if (more != 0) {
        long long count = (long long)(more > 0 ? more : -more);
        (void)import_step_add(import, more > 0 ? STEP_ASSIGN : STEP_UNASSIGN, name, NULL,
                              json_pack("{s:s, s:I}", "pool", pool, "count", (json_int_t)count),
                              "%lld GPU%s of %s %s", count, count == 1 ? "" : "s", pool,
                              more > 0 ? "more" : "fewer");
    }
}

static void compare_needs(struct import *import, const char *name, const json_t *have,
                          const json_t *want)
{
    size_t i;
    json_t *need;
    json_array_foreach(member(want, "needs"), i, need) {
        compare_need(import, name, have, want, text_at(need, "pool"));
    }
    json_array_foreach(member(have, "needs"), i, need) {
        if (count_of(want, text_at(need, "pool")) == 0) {
            compare_need(import, name, have, want, text_at(need, "pool"));
        }
    }
}

/* Its policy, with whom it runs together or apart too: after every VM is there. */
static void compare_policy(struct import *import, const char *name, const json_t *have,
                           const json_t *want)
{
    json_t *none = json_pack("{s:[], s:[], s:[]}", "together", "apart", "start_after");
    json_t *relations =
        json_pack("{s:O*, s:O*, s:O*}", "together", member(want, "together"), "apart",
                  member(want, "apart"), "start_after", member(want, "start_after"));
    CLEANUP(buf_done) struct buf names = {0};
    json_t *body = have ? differing(have, want, RECORD_VM_SPEC, &names)
                        : differing(none, relations, RECORD_VM_SPEC, &names);
    if (names.size) {
        (void)import_step_add(import, STEP_POLICY, name, NULL, json_incref(body), "%s",
                              buf_str(&names));
    }
    json_decref(body);
    json_decref(relations);
    json_decref(none);
}

static void compare_vm(struct import *import, const json_t *vms, const char *name,
                       const json_t *want)
{
    const json_t *have = member(vms, name);
    if (!have) {
        add_vm(import, name, want);
        return;
    }
    json_t *imported = xml_with_uuid(want); /* as an import before wrote it */
    bool is_same = json_equal(member(have, "xml"), member(want, "xml")) ||
                   json_equal(member(have, "xml"), imported);
    json_decref(imported);
    if (!is_same) {
        (void)import_step_add(
            import, STEP_NONE, name, NULL, NULL,
            "its XML differs: berth vm stop and berth vm rm it, then import again");
    }
    compare_needs(import, name, have, want);
}

static void compare_vms(struct cli *cli, struct import *import, const json_t *vms)
{
    const json_t *wanted = member(import->configuration, "vms");
    const char *name;
    json_t *want;
    json_object_foreach((json_t *)(uintptr_t)wanted, name, want) {
        compare_vm(import, vms, name, want);
    }
    json_object_foreach((json_t *)(uintptr_t)wanted, name, want) {
        compare_policy(import, name, member(vms, name), want);
    }
    json_object_foreach((json_t *)(uintptr_t)wanted, name, want) {
        bool is_started = strcmp(text_at(member(vms, name), "desired"), "started") == 0;
        if (cli_option(cli, "start") && strcmp(text_at(want, "desired"), "started") == 0 &&
            !is_started) {
            (void)import_step_add(import, STEP_START, name, NULL, NULL, "it is started");
        }
    }
}

/* With secrets, or what a file has of them would always differ. */
int import_compare(struct cli *cli, struct import *import)
{
    const char *name;
    json_t *now, *want;
    int r = client_get(cli, &now, "/v1/cluster/export?secrets=1");
    if (r != EXIT_OK) {
        return r;
    }
    const json_t *have = member(now, "configuration");
    r = compare_settings(cli, import);
    r = r == EXIT_OK ? compare_nodes(cli, import, member(have, "nodes")) : r;
    json_object_foreach(member(import->configuration, "pools"), name, want) {
        compare_pool(import, member(have, "pools"), name, want);
    }
    compare_vms(cli, import, member(have, "vms"));
    json_decref(now);
    return r;
}

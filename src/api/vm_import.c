/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs of libvirt, taken over into the cluster. Who asks has read the XML there; here it is judged:
 * the GPUs in it become needs of their pools, and what cannot be taken over is named.
 */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/show.h"
#include "api/vm_add.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_xml.h"

#include <stdio.h>
#include <string.h>

/* One domain on its way. */
struct candidate {
    const struct api_call *call;
    const struct node_facts *node;
    struct vm_need needs[needs_per_vm_max];
    uint32_t need_len;
    struct buf xml;     /* without devices */
    struct buf foreign; /* devices that are no GPUs: it cannot be imported */
    json_t *losses;
    struct domain_info info;
    const char *name;     /* in the cluster */
    const char *why_code; /* static; NULL: it can be imported ... */
    const char *field;    /* ... or for this, static, ... */
    unsigned status;      /* ... in HTTP this, it cannot */
    struct error why;
};

static void candidate_done(struct candidate *candidate)
{
    buf_done(&candidate->xml);
    buf_done(&candidate->foreign);
    json_decref(candidate->losses);
}

static void lose(struct candidate *candidate, const char *code, const char *subject,
                 const char *text)
{
    (void)json_array_append_new(candidate->losses,
                                json_pack("{s:s, s:o, s:o}", "code", code, "subject",
                                          text_json(subject), "text", text_json(text)));
}

/* ---- its devices ---- */

/* More pools than a VM can need of are named as a loss: someone has to choose. */
static bool need_one(struct candidate *candidate, const char *pool)
{
    for (uint32_t i = 0; i < candidate->need_len; i++) {
        if (strcmp(candidate->needs[i].pool, pool) == 0) {
            candidate->needs[i].count++;
            return true;
        }
    }
    if (candidate->need_len == needs_per_vm_max) {
        return false;
    }
    struct vm_need *need = &candidate->needs[candidate->need_len++];
    (void)copy_text(need->pool, sizeof(need->pool), pool);
    need->count = 1;
    return true;
}

static bool is_companion(const struct gpu *gpu, struct pci_address address)
{
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        if (pci_address_compare(gpu->companions[i], address) == 0) {
            return true;
        }
    }
    return false;
}

static void take_gpu(struct candidate *candidate, const struct gpu *gpu)
{
    char address[pci_address_size], title[2 * gpu_text_size + 16], text[reason_size];
    const struct gpu_slot slot = {.address = gpu->address};
    const struct record *pool = pool_of(candidate->call->world, candidate->node->name, &slot);
    if (pool && need_one(candidate, pool->key.name)) {
        return;
    }
    (void)pci_address_format(gpu->address, address);
    (void)snprintf(text, sizeof(text), "its GPU %s (%s) was taken out, which is in %s", address,
                   gpu_title(gpu, title, sizeof(title)), pool ? "one pool too many" : "no pool");
    lose(candidate, "no-pool", address, text);
}

/* All of them are taken out; what is no GPU of this node, or no part of one, is foreign. */
static bool takes(void *userdata, const struct domain_hostdev *device)
{
    struct candidate *candidate = userdata;
    const struct node_inventory *inventory = candidate->node->inventory;
    char address[pci_address_size];
    const char *name =
        device->mdev[0] ? device->mdev : pci_address_format(device->address, address);
    bool is_known = device->mdev[0];
    if (device->mdev[0]) {
        lose(candidate, "no-pool", device->mdev, "its partition (mdev) was taken out");
    }
    for (size_t i = 0; !is_known && inventory && i < inventory->gpus.len; i++) {
        const struct gpu *gpu = &inventory->gpus.items[i];
        bool is_it = pci_address_compare(gpu->address, device->address) == 0;
        is_known = is_it || is_companion(gpu, device->address);
        if (is_it) {
            take_gpu(candidate, gpu);
        }
    }
    if (!is_known) {
        buf_printf(&candidate->foreign, "%s%s", candidate->foreign.size ? ", " : "", name);
    }
    if (device->losses[0]) {
        lose(candidate, "not-taken-over", name, device->losses);
    }
    return true;
}

/* ---- whether it can be ---- */

static void refuse(struct candidate *candidate, unsigned status, const char *code,
                   const char *field, const char *format, ...) PRINTF_LIKE(5, 6);

static void refuse(struct candidate *candidate, unsigned status, const char *code,
                   const char *field, const char *format, ...)
{
    candidate->status = status;
    candidate->field = field;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(candidate->why.text, sizeof(candidate->why.text), format, args);
    va_end(args);
    candidate->why_code = code;
}

/* Fills in all that is known of it; the first reason why not, if there is one. */
static void judge(struct candidate *candidate, const struct import_request *asked)
{
    const struct api_call *call = candidate->call;
    struct domain_marker marker;
    struct error err = {0};
    if (domain_xml_strip(asked->xml, takes, candidate, &candidate->xml, &err) < 0 ||
        domain_xml_inspect(buf_str(&candidate->xml), &candidate->info, &err) < 0) {
        refuse(candidate, 400, "bad-xml", "xml", "%s", err.text);
        return;
    }
    candidate->name = asked->name[0] ? asked->name : candidate->info.name;
    const char *twin = vm_of_uuid(call->world, candidate->info.uuid);
    if (name_check("VM", candidate->name, &err) < 0) {
        refuse(candidate, 400, "bad-name", "name", "%s", err.text);
    } else if (domain_marker_from_xml(asked->xml, &marker)) {
        refuse(candidate, 409, "is-berths", "xml", "Berth started it itself");
    } else if (world_find(call->world, RECORD_VM_SPEC, candidate->name)) {
        refuse(candidate, 409, "exists", "name", "in the cluster already");
    } else if (twin) {
        refuse(candidate, 409, "exists", "name",
               "in the cluster already, as %s: it has the same uuid", twin);
    } else if (asked->is_active) {
        refuse(candidate, 409, "running", "active", "it runs: shut it down first");
    } else if (candidate->foreign.size) {
        refuse(candidate, 409, "foreign-device", "xml",
               "it is given %s of this host, no GPU that Berth knows: take that out of its XML, or "
               "name it in devices of berth.conf(5)",
               buf_str(&candidate->foreign));
    } else if (domain_policy_check(buf_str(&candidate->xml), call->view->policy, &err) < 0) {
        refuse(candidate, 400, "domain-policy", "xml", "%s", err.text);
    }
}

/* ---- what is answered ---- */

static json_t *needs_json(const struct candidate *candidate)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < candidate->need_len; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:i}", "pool", candidate->needs[i].pool,
                                                    "count", (int)candidate->needs[i].count));
    }
    return list;
}

static json_t *candidate_json(const struct candidate *candidate)
{
    bool can_be = !candidate->why_code;
    json_t *json =
        json_pack("{s:s, s:o, s:O, s:b}", "name", candidate->name ? candidate->name : "", "needs",
                  needs_json(candidate), "losses", candidate->losses, "can_be_imported", can_be);
    if (candidate->info.title[0]) {
        (void)json_object_set_new(json, "title", text_json(candidate->info.title));
    }
    if (!can_be) {
        (void)json_object_set_new(
            json, "why",
            json_pack("{s:s, s:s, s:o}", "subject", candidate->name ? candidate->name : "", "code",
                      candidate->why_code, "text", text_json(candidate->why.text)));
    }
    return json;
}

static void import(struct api_call *call, const struct candidate *candidate)
{
    struct vm_add_request add = {.xml = candidate->xml.data, .need_len = candidate->need_len};
    (void)copy_text(add.name, sizeof(add.name), candidate->name);
    memcpy(add.needs, candidate->needs, sizeof(add.needs));
    vm_add(call, &add, candidate_json(candidate));
}

static void import_of(struct api_call *call, const struct node_facts *node,
                      const struct import_request *asked, bool has_needs)
{
    CLEANUP(candidate_done)
    struct candidate candidate = {.call = call, .node = node, .losses = json_array()};
    judge(&candidate, asked);
    if (has_needs) {
        memcpy(candidate.needs, asked->needs, sizeof(candidate.needs));
        candidate.need_len = asked->need_len;
    }
    if (candidate.xml.failed || candidate.foreign.failed) {
        call_send(call, NULL, 0);
    } else if (asked->is_dry_run) {
        call_send(call, candidate_json(&candidate), 0);
    } else if (candidate.why_code) {
        call_tell(call, "field", candidate.field, NULL);
        call_refuse(call, candidate.status, candidate.why_code, "%s", candidate.why.text);
    } else {
        import(call, &candidate);
    }
}

void handle_node_import(struct api_call *call)
{
    struct node_facts node;
    struct import_request asked = {0};
    uint64_t given;
    if (call_node(call, call->args[0], &node) &&
        request_read_given(call, &request_import, &asked, &given) &&
        call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name))) {
        import_of(call, &node, &asked, request_has(&request_import, given, "needs"));
    }
    shape_done(&request_import, &asked);
}

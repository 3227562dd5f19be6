/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all resources share: lists, their age, and "there is no such ...". */
#include "api/show.h"

#include "base/natural.h"
#include "wire/out.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return natural_compare(*(const char *const *)a, *(const char *const *)b);
}

void call_send_dated(struct api_call *call, json_t *json, revision_t etag)
{
    const struct api_view *view = call->view;
    if (json && view->stale_since_ms != MSEC_NEVER) {
        (void)json_object_set_new(json, "stale_since_ms",
                                  json_integer(view->now_ms - view->stale_since_ms));
    }
    call_send(call, json, etag);
}

void call_send_list(struct api_call *call, json_t *list)
{
    call_send_dated(
        call, json_pack("{s:o, s:I}", "items", list, "revision", (json_int_t)call->world->revision),
        0);
}

void call_send_members(struct api_call *call, struct buf *out, revision_t etag)
{
    const struct api_view *view = call->view;
    if (view->stale_since_ms != MSEC_NEVER) {
        out_number(out, "stale_since_ms", view->now_ms - view->stale_since_ms);
    }
    out_close(out, '}');
    call_send_text(call, out, etag);
}

/* "; there are: a, b, c" */
static void refuse_unknown(struct api_call *call, const char *code, const char *what,
                           const char *name, const names_t *names, const char *help)
{
    enum { shown_max = 8 };
    CLEANUP(buf_done) struct buf text = {0};
    if (names->len > 0) {
        qsort(names->items, names->len, sizeof(*names->items), compare_names);
    }
    for (size_t i = 0; i < names->len && i < shown_max; i++) {
        buf_printf(&text, "%s%s", i ? ", " : "; there are: ", names->items[i]);
    }
    if (names->len > shown_max) {
        buf_printf(&text, " and %zu more", names->len - shown_max);
    }
    call_tell(call, "name", name, NULL);
    call_refuse(call, 404, code, "there is no %s \"%s\"%s; %s", what, name,
                names->len ? buf_str(&text) : "", help);
}

static void refuse_unknown_of(struct api_call *call, enum record_kind kind, const char *code,
                              const char *what, const char *name, const char *help)
{
    names_t names = {0};
    WORLD_EACH(call->world, kind, each) {
        const char **place = VEC_ADD(&names);
        if (place) {
            *place = (*each)->key.name;
        }
    }
    refuse_unknown(call, code, what, name, &names, help);
    VEC_DONE(&names);
}

void refuse_unknown_node(struct api_call *call, const char *name)
{
    names_t names = {0};
    (void)node_names(call->world, &names);
    refuse_unknown(call, "no-such-node", "node", name, &names,
                   "a host becomes a node when berthd runs on it");
    VEC_DONE(&names);
}

void refuse_unknown_pool(struct api_call *call, const char *name)
{
    refuse_unknown_of(call, RECORD_POOL, "no-such-pool", "GPU pool", name, "create it first");
}

void refuse_unknown_vm(struct api_call *call, const char *name)
{
    refuse_unknown_of(call, RECORD_VM_SPEC, "no-such-vm", "VM", name, "add it first");
}

bool call_node(struct api_call *call, const char *name, struct node_facts *ret)
{
    if (node_facts(call->view, name, ret)) {
        return true;
    }
    refuse_unknown_node(call, name);
    return false;
}

const struct record *call_pool(struct api_call *call, const char *name)
{
    const struct record *pool = world_find(call->world, RECORD_POOL, name);
    if (!pool) {
        refuse_unknown_pool(call, name);
    }
    return pool;
}

bool call_vm(struct api_call *call, const char *name, struct vm_facts *ret)
{
    if (vm_facts(call->view, name, ret)) {
        return true;
    }
    refuse_unknown_vm(call, name);
    return false;
}

bool call_gpu(struct api_call *call, struct node_facts *ret_node, struct gpu_facts *ret)
{
    struct gpu_slot slot = {0};
    if (!call_node(call, call->args[0], ret_node)) {
        return false;
    }
    (void)gpu_slot_parse(call->args[1], &slot); /* checked with the path */
    if (!gpu_facts(call->view, ret_node->name, &slot, ret)) {
        char text[name_size];
        call_advise(call, hint_with(hint_make("gpu-ls", NULL), "node", ret_node->name));
        call_refuse(call, 404, "no-such-gpu", "%s has no GPU at %s", ret_node->name,
                    gpu_slot_format(&slot, text));
        return false;
    }
    return true;
}

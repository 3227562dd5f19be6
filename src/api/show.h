/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts as JSON, as lists and single resources show them. Each returns a new tree, or NULL. Lists
 * are in the natural order of their names. */
#pragma once

#include "api/call.h"
#include "api/facts.h"

/* All, as lists show them. */
json_t *nodes_json(const struct api_call *call);
json_t *pools_json(const struct api_call *call);
/* 'is_whole': with everything that only the resource itself shows. */
/* What a pool of 'type' is counted in: "GPUs", "partition". */
const char *pool_unit(enum pool_type type, size_t len);
json_t *pool_json(const struct api_call *call, const struct record *pool, bool is_whole);
/* VMs and GPUs are written, not made trees of: there may be thousands. _members: what is inside the
 * braces, for more to follow. */
void vm_write(struct buf *out, const struct vm_facts *vm);
void vm_write_members(struct buf *out, const struct vm_facts *vm);
void gpu_write(struct buf *out, const struct gpu_facts *gpu, bool is_whole);
void gpu_write_members(struct buf *out, const struct gpu_facts *gpu, bool is_whole);
json_t *event_json(const struct record *event);
/* When it was told, by the clock of who told it: its name begins with that. */
uint64_t event_wall_ms(const struct record *event);

/* {"items": 'list', "revision": the world's, "stale_since_ms": only if stale}; takes over 'list'.
 */
void call_send_list(struct api_call *call, json_t *list);
/* Ends the open object in 'out' with what says how old it is, and sends it. */
void call_send_members(struct api_call *call, struct buf *out, revision_t etag);
/* Sends 'json' (taken over) with what says how old it is. */
void call_send_dated(struct api_call *call, json_t *json, revision_t etag);

/* The last test of a node's fence agents, and what came of it; NULL: none was asked for. */
json_t *fence_test_json(const struct api_call *call, const struct node_facts *node);

/* Takes all that is not known to be harmless out of a fence agent's parameters. */
void secrets_remove(json_t *parameters);
/* Calls it with the parameters of each fence agent of a node's spec. */
void fence_parameters_each(json_t *spec, void (*change)(json_t *parameters));
/* Takes their boxes out of it: who cannot open them has no use for them, and who collects them
 * waits for the day on which he can. */
void fence_boxes_remove(json_t *spec);
/* The XML of a VM as 'call' may see it, into 'ret': whole for administrators only. */
void xml_for(const struct api_call *call, const char *xml, struct buf *ret);

/* Answers 404 with what there is instead. */
void refuse_unknown_node(struct api_call *call, const char *name);
void refuse_unknown_pool(struct api_call *call, const char *name);
void refuse_unknown_vm(struct api_call *call, const char *name);

/* The node, pool or VM of the path; false: it is answered. */
bool call_node(struct api_call *call, const char *name, struct node_facts *ret);
const struct record *call_pool(struct api_call *call, const char *name);
bool call_vm(struct api_call *call, const char *name, struct vm_facts *ret);
/* The GPU of args[0] and args[1]. */
bool call_gpu(struct api_call *call, struct node_facts *ret_node, struct gpu_facts *ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/plan_json.h"

#include "api/because.h"
#include "api/json.h"
#include "plan/why_not.h"

json_t *plan_reasons_json(const struct plan_cluster *cluster, const struct plan_request *request,
                          enum plan_wait why, uint32_t vm)
{
    json_t *list = json_array();
    for (uint32_t node = 0; node < cluster->nodes.len; node++) {
        struct cause cause = plan_cluster_why(cluster, request, why, vm, node);
        json_t *reason = because_reason(cluster->nodes.items[node], &cause);
        (void)json_object_set_new(reason, "fits", json_boolean(cause.code == CAUSE_FITS));
        (void)json_array_append_new(list, reason);
    }
    return in_order(list, "subject");
}

void plan_put_way(json_t *json, enum migration way, const struct cause *why)
{
    if (way != MIGRATION_DEFAULT) {
        (void)json_object_set_new(json, "migration", json_string(migration_name(way)));
    }
    if (way == MIGRATION_RESTART) {
        because_put(json, "why", why);
    }
}

static json_t *gpus_json(const struct plan_outcome *outcome, const struct plan_placement *placement)
{
    json_t *list = json_array();
    char slot[name_size];
    for (uint32_t i = 0; i < placement->gpu_len; i++) {
        uint32_t gpu = outcome->plan.gpus.items[placement->gpu_first + i];
        (void)json_array_append_new(
            list, json_string(gpu_slot_format(&outcome->cluster.devices.items[gpu].slot, slot)));
    }
    return list;
}

/* Where it is now, also on a node that is lost; "" nowhere. */
static const char *node_of(const struct plan_cluster *cluster, const char *vm)
{
    const struct record *record = cluster->options.placement(cluster->options.context, vm);
    return record && record->placement->phase != PLACEMENT_NONE ? record->placement->node : "";
}

static json_t *placements_json(const struct plan_outcome *outcome)
{
    const struct plan_cluster *cluster = &outcome->cluster;
    json_t *list = json_array();
    VEC_EACH(&outcome->plan.placements, placement) {
        const char *name = cluster->vms.items[placement->vm], *from = node_of(cluster, name);
        const char *to = cluster->nodes.items[placement->node];
        json_t *each = json_pack("{s:s, s:s, s:s, s:o}", "vm", name, "from", from, "to", to, "gpus",
                                 gpus_json(outcome, placement));
        struct cause why;
        enum migration way = plan_outcome_way(outcome, name, to, &why);
        plan_put_way(each, way, &why);
        (void)json_array_append_new(list, each);
    }
    return list;
}

static json_t *left_out_json(const struct plan_outcome *outcome)
{
    json_t *list = json_array();
    VEC_EACH(&outcome->plan.waiting, waiting) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "vm", outcome->cluster.vms.items[waiting->vm], "reasons",
                            plan_reasons_json(&outcome->cluster, &outcome->request, waiting->why,
                                              waiting->vm)));
    }
    return list;
}

static json_t *evicted_json(const struct plan_outcome *outcome)
{
    const struct plan_cluster *cluster = &outcome->cluster;
    json_t *list = json_array();
    VEC_EACH(&outcome->plan.evictions, eviction) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "vm",
                                                    cluster->vms.items[eviction->vm], "node",
                                                    cluster->nodes.items[eviction->node], "for",
                                                    cluster->vms.items[eviction->by]));
    }
    return list;
}

json_t *plan_outcome_json(const struct plan_outcome *outcome)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:b}", "action", plan_ask_name(outcome->question.ask),
                     "placements", placements_json(outcome), "left_out", left_out_json(outcome),
                     "evicted", evicted_json(outcome), "proven", outcome->plan.is_proven);
}

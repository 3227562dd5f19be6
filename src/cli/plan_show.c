/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_show.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/table.h"

#include <string.h>

enum { named_max = 3 }; /* of nodes with one reason so many are named, the others counted */

/* ---- JSON ---- */

static json_t *placements_json(const struct plan_file *file, const struct plan *plan)
{
    json_t *json = json_object();
    for (size_t i = 0; i < plan->placements.len; i++) {
        const struct plan_placement *placement = &plan->placements.items[i];
        (void)json_object_set_new(json, plan_vm_name(file->model, placement->vm),
                                  json_string(plan_node_name(file->model, placement->node)));
    }
    return json;
}

/* Those that ran on a node that is up, and leave it. */
static json_t *moved_json(const struct plan_file *file, const struct plan *plan)
{
    json_t *json = json_array();
    for (size_t i = 0; i < plan->placements.len; i++) {
        const struct plan_placement *placement = &plan->placements.items[i];
        if (placement->from != PLAN_NONE &&
            plan_node_mode(file->model, placement->from) != PLAN_DOWN) {
            (void)json_array_append_new(
                json, json_pack("{s:s, s:s, s:s}", "vm", plan_vm_name(file->model, placement->vm),
                                "from", plan_node_name(file->model, placement->from), "to",
                                plan_node_name(file->model, placement->node)));
        }
    }
    return json;
}

static json_t *evictions_json(const struct plan_file *file, const struct plan *plan)
{
    json_t *json = json_array();
    for (size_t i = 0; i < plan->evictions.len; i++) {
        const struct plan_eviction *eviction = &plan->evictions.items[i];
        (void)json_array_append_new(
            json, json_pack("{s:s, s:s, s:s}", "vm", plan_vm_name(file->model, eviction->vm),
                            "node", plan_node_name(file->model, eviction->node), "for",
                            plan_vm_name(file->model, eviction->by)));
    }
    return json;
}

static json_t *reasons_json(const struct plan_file *file, const struct plan_request *request,
                            const struct plan_waiting *waiting)
{
    json_t *json = json_array();
    for (uint32_t node = 0; node < plan_node_count(file->model); node++) {
        struct plan_reason reason = plan_explain(file->model, request, waiting->vm, node);
        char text[2 * reason_size];
        if (reason.code == PLAN_FITS && waiting->why == PLAN_WAIT_RESERVE) {
            reason.code = PLAN_BREAKS_RESERVE;
            reason.need = request->reserve;
        }
        (void)json_array_append_new(
            json, json_pack("{s:s, s:s}", "node", plan_node_name(file->model, node), "reason",
                            plan_reason_text(file->model, &reason, text, sizeof(text))));
    }
    return json;
}

static json_t *waiting_json(const struct plan_file *file, const struct plan_request *request,
                            const struct plan *plan)
{
    json_t *json = json_array();
    for (size_t i = 0; i < plan->waiting.len; i++) {
        const struct plan_waiting *waiting = &plan->waiting.items[i];
        (void)json_array_append_new(
            json, json_pack("{s:s, s:o}", "vm", plan_vm_name(file->model, waiting->vm), "reasons",
                            reasons_json(file, request, waiting)));
    }
    return json;
}

json_t *plan_answer(const struct plan_file *file, const struct plan_request *request,
                    const struct plan_result *result)
{
    const struct plan *plan = &result->plan;
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:b, s:I, s:b, s:I, s:I}", "schema", state_schema,
                     "placements", placements_json(file, plan), "moved", moved_json(file, plan),
                     "evicted", evictions_json(file, plan), "waiting",
                     waiting_json(file, request, plan), "proven", plan->is_proven,
                     "survives_host_losses", (json_int_t)result->survival.losses, "survives_exact",
                     result->survival.is_exact, "reserve", (json_int_t)file->state.reserve,
                     "plan_us", (json_int_t)(result->plan_us + 0.5));
}

/* ---- for people ---- */

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : "";
}

/* Where the VM was, if the plan moves it. */
static const char *origin_of(const json_t *answer, const char *vm)
{
    size_t i;
    json_t *moved;
    json_array_foreach(json_object_get(answer, "moved"), i, moved) {
        if (strcmp(text_of(moved, "vm"), vm) == 0) {
            return text_of(moved, "from");
        }
    }
    return "-";
}

static void print_placements(const json_t *answer, FILE *out)
{
    static const char *const headings[] = {"VM", "FROM", "TO"};
    struct table table;
    const char *vm;
    json_t *node;
    table_init(&table, false, headings, ARRAY_LEN(headings));
    json_object_foreach(json_object_get(answer, "placements"), vm, node) {
        table_add(&table, vm);
        table_add(&table, origin_of(answer, vm));
        table_add(&table, json_string_value(node));
    }
    table_print(&table, out, "No VM is placed or moved.");
    table_done(&table);
}

/* The nodes that give the reason of number 'first', which gives it first: "a, b, c and 4 more". */
static void print_nodes(const json_t *reasons, size_t first, FILE *out)
{
    const char *reason = text_of(json_array_get(reasons, first), "reason");
    size_t count = 0;
    for (size_t i = first; i < json_array_size(reasons); i++) {
        const json_t *each = json_array_get(reasons, i);
        if (strcmp(text_of(each, "reason"), reason) == 0 && ++count <= named_max) {
            (void)fprintf(out, "%s%s", count > 1 ? ", " : "  ", text_of(each, "node"));
        }
    }
    if (count > named_max) {
        (void)fprintf(out, " and %zu more", count - named_max);
    }
    (void)fprintf(out, ": %s\n", reason);
}

static void print_reasons(const json_t *reasons, FILE *out)
{
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const char *reason = text_of(json_array_get(reasons, i), "reason");
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++) {
            is_new = strcmp(text_of(json_array_get(reasons, k), "reason"), reason) != 0;
        }
        if (is_new) {
            print_nodes(reasons, i, out);
        }
    }
}

void plan_print(const json_t *answer, FILE *out)
{
    size_t i;
    json_t *each;
    long long losses = json_integer_value(json_object_get(answer, "survives_host_losses"));
    long long reserve = json_integer_value(json_object_get(answer, "reserve"));
    print_placements(answer, out);
    json_array_foreach(json_object_get(answer, "evicted"), i, each) {
        (void)fprintf(out, "\n%s leaves %s for %s.", text_of(each, "vm"), text_of(each, "node"),
                      text_of(each, "for"));
    }
    json_array_foreach(json_object_get(answer, "waiting"), i, each) {
        (void)fprintf(out, "\n%s finds no place:\n", text_of(each, "vm"));
        print_reasons(json_object_get(each, "reasons"), out);
    }
    if (!json_is_true(json_object_get(answer, "proven"))) {
        (void)fputs("\nPerhaps there is a better plan: the search was cut short.\n", out);
    }
    (void)fprintf(out, "\nAfter that the cluster survives the loss of %lld host%s%s.\n", losses,
                  losses == 1 ? "" : "s", losses < reserve ? ": fewer than its reserve" : "");
}

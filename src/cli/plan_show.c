/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_show.h"

#include "api/plan_json.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <string.h>

enum { named_max = 3 }; /* of nodes with one reason so many are named, the others counted */

json_t *plan_answer(const struct plan_outcome *outcome, const struct plan_survival *survival,
                    double spent_us)
{
    json_t *json = plan_outcome_json(outcome);
    const struct cluster_settings *settings = world_settings(outcome->cluster.world);
    json_t *more =
        json_pack("{s:I, s:b, s:I, s:I}", "survives_host_losses", (json_int_t)survival->losses,
                  "survives_exact", survival->is_exact, "reserve", (json_int_t)settings->reserve,
                  "plan_us", (json_int_t)(spent_us + 0.5));
    if (!json || !more || json_object_update(json, more) < 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    return json;
}

/* ---- for people ---- */

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : "";
}

void way_text(const json_t *object, struct buf *ret)
{
    const char *way = text_of(object, "migration"), *why = text_of(object, "why");
    buf_printf(ret, "%s%s%s", strcmp(way, "restart") == 0 ? "by a restart" : way,
               why[0] ? ": " : "", why);
}

void placements_print(const json_t *placements, const struct table_look *look, const char *none,
                      FILE *out)
{
    static const char *const headings[] = {"VM", "FROM", "TO", "GPUS", "HOW"};
    struct table table;
    size_t i, k;
    json_t *placement, *gpu;
    table_init(&table, look, headings, ARRAY_LEN(headings));
    json_array_foreach(placements, i, placement) {
        CLEANUP(buf_done) struct buf gpus = {0}, way = {0};
        const char *from = text_of(placement, "from");
        json_array_foreach(json_object_get(placement, "gpus"), k, gpu) {
            buf_printf(&gpus, "%s%s", k ? " " : "", json_string_value(gpu));
        }
        table_add(&table, text_of(placement, "vm"));
        table_add(&table, from[0] ? from : "-");
        table_add(&table, text_of(placement, "to"));
        table_add(&table, buf_str(&gpus));
        way_text(placement, &way);
        table_add(&table, way.size > 0 ? buf_str(&way) : "-");
    }
    table_print(&table, out, none);
    table_done(&table);
}

/* Whether two say the same of their nodes. */
static bool is_same(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "code"), json_object_get(b, "code")) &&
           json_equal(json_object_get(a, "parameters"), json_object_get(b, "parameters"));
}

/* The nodes that give the reason of number 'first', which gives it first: "a, b, c and 4 more". */
static void print_nodes(const json_t *reasons, size_t first, FILE *out)
{
    const json_t *reason = json_array_get(reasons, first);
    size_t count = 0;
    for (size_t i = first; i < json_array_size(reasons); i++) {
        const json_t *each = json_array_get(reasons, i);
        if (is_same(each, reason) && ++count <= named_max) {
            (void)fprintf(out, "%s%s", count > 1 ? ", " : "  ", text_of(each, "subject"));
        }
    }
    if (count > named_max) {
        (void)fprintf(out, " and %zu more", count - named_max);
    }
    (void)fprintf(out, ": %s\n", text_of(reason, "text"));
}

static void print_reasons(const json_t *reasons, FILE *out)
{
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        bool is_new = true;
        for (size_t k = 0; k < i && is_new; k++) {
            is_new = !is_same(json_array_get(reasons, k), json_array_get(reasons, i));
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
    placements_print(json_object_get(answer, "placements"), &(struct table_look){0},
                     "No VM is placed or moved.", out);
    json_array_foreach(json_object_get(answer, "evicted"), i, each) {
        (void)fprintf(out, "\n%s leaves %s for %s.", text_of(each, "vm"), text_of(each, "node"),
                      text_of(each, "for"));
    }
    json_array_foreach(json_object_get(answer, "left_out"), i, each) {
        (void)fprintf(out, "\n%s finds no place:\n", text_of(each, "vm"));
        print_reasons(json_object_get(each, "reasons"), out);
    }
    if (!json_is_true(json_object_get(answer, "proven"))) {
        (void)fputs("\nPerhaps there is a better plan: the search was cut short.\n", out);
    }
    (void)fprintf(out, "\nAfter that the cluster survives the loss of %lld host%s%s.\n", losses,
                  losses == 1 ? "" : "s", losses < reserve ? ": fewer than its reserve" : "");
}

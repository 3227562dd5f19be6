/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What needs attention, as "berth problems" and "berth status" show it. */
#include "cli/show.h"
#include "cli/text.h"

#include "base/cleanup.h"

#include <string.h>
#include <time.h>

/* "12 min" */
static void print_age(FILE *out, json_int_t since_ms)
{
    json_int_t s = (json_int_t)time(NULL) - since_ms / 1000;
    static const struct {
        json_int_t s, max_s;
        const char *unit;
    } spans[] = {{1, 120, "s"}, {60, 7200, "min"}, {3600, 172800, "h"}, {86400, INT64_MAX, "days"}};
    size_t i = 0;
    while (s >= spans[i].max_s) {
        i++;
    }
    if (since_ms > 0 && s >= 0) {
        (void)fprintf(out, " [for %lld %s]", (long long)(s / spans[i].s), spans[i].unit);
    }
}

static void print_line(FILE *out, size_t width, const char *head, const char *text)
{
    if (text[0]) {
        (void)fprintf(out, "  %s", head);
        text_wrap(out, width, 2 + strlen(head), text);
    }
}

static void print_problem(const struct cli *cli, const json_t *problem, size_t width)
{
    CLEANUP(buf_done) struct buf hint = {0};
    const char *severity = text_at(problem, "severity");
    const char *colour = cli->look.has_colour ? state_colour(severity) : "";
    (void)fprintf(cli->out, "%s%s%s: %s", colour, severity, colour[0] ? COLOUR_END : "",
                  text_at(problem, "text"));
    print_age(cli->out, number_at(problem, "since_ms"));
    (void)fputc('\n', cli->out);
    print_line(cli->out, width, "", text_at(problem, "cause"));
    show_reasons(cli->out, array_at(problem, "reasons"));
    print_line(cli->out, width, "-> ", text_at(problem, "advice"));
    hint_text(json_object_get(problem, "hint"), &hint);
    print_line(cli->out, width, "-> ", buf_str(&hint));
}

void show_problems(const struct cli *cli, const json_t *problems, const json_t *counts)
{
    json_int_t errors = number_at(counts, "error"), warnings = number_at(counts, "warning");
    json_int_t more = errors + warnings - (json_int_t)json_array_size(problems);
    size_t i;
    json_t *problem;
    if (errors + warnings == 0) {
        return;
    }
    (void)fprintf(cli->out, "Problems: %lld error%s, %lld warning%s\n", (long long)errors,
                  errors == 1 ? "" : "s", (long long)warnings, warnings == 1 ? "" : "s");
    json_array_foreach((json_t *)(uintptr_t)problems, i, problem) {
        print_problem(cli, problem, text_columns(cli->out));
    }
    if (more > 0) {
        (void)fprintf(cli->out, "... and %lld more\n", (long long)more);
    }
}

int run_problems(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/problems");
    if (r != EXIT_OK) {
        return r;
    }
    const json_t *counts = json_object_get(json, "problem_counts");
    r = number_at(counts, "error") > 0 ? EXIT_REFUSED : EXIT_OK;
    if (cli->is_json) {
        (void)show_json(cli, json);
        return r;
    }
    show_age(cli, json);
    if (number_at(counts, "error") + number_at(counts, "warning") == 0) {
        (void)fputs("No problems.\n", cli->out);
    }
    show_problems(cli, array_at(json, "items"), counts);
    json_decref(json);
    return r;
}

int run_notify_test(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/notify/test");
}

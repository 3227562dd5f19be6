/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The validation report: text, JSON, or one page of HTML. */
#include "cli/show.h"
#include "cli/text.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { subject_width_max = 32 };

static bool is_ok(const json_t *check)
{
    return strcmp(text_at(check, "result"), "ok") == 0;
}

/* "2 failed, 1 warning, 40 ok" */
static void counts_text(const json_t *json, char *ret, size_t size)
{
    const json_t *counts = json_object_get(json, "counts");
    long long warnings = (long long)number_at(counts, "warning");
    (void)snprintf(ret, size, "%lld failed, %lld warning%s, %lld ok",
                   (long long)number_at(counts, "failed"), warnings, warnings == 1 ? "" : "s",
                   (long long)number_at(counts, "ok"));
}

/* ---- text ---- */

struct columns {
    size_t subject, check;
};

static void measure(const json_t *checks, bool has_all, struct columns *ret)
{
    size_t i;
    json_t *check;
    *ret = (struct columns){0};
    json_array_foreach(checks, i, check) {
        if (has_all || !is_ok(check)) {
            size_t subject = text_width(text_at(check, "subject"));
            ret->subject = MAX(ret->subject, MIN(subject, (size_t)subject_width_max));
            ret->check = MAX(ret->check, text_width(text_at(check, "check")));
        }
    }
}

/* What was found, and what to do about it. */
static void check_text(const json_t *check, struct buf *ret)
{
    CLEANUP(buf_done) struct buf hint = {0};
    hint_text(json_object_get(check, "hint"), &hint);
    buf_printf(ret, "%s%s%s", text_at(check, "text"), hint.size ? ": " : "", buf_str(&hint));
}

static void print_check(const struct cli *cli, const json_t *check, const struct columns *columns,
                        size_t width)
{
    const char *result = text_at(check, "result"), *subject = text_at(check, "subject");
    const char *colour = cli->look.has_colour ? state_colour(result) : "";
    size_t indent = 2 + 7 + 2 + columns->subject + (columns->subject ? 2 : 0) + columns->check + 2;
    (void)fprintf(cli->out, "  %s%-7s%s  ", colour, result, colour[0] ? COLOUR_END : "");
    if (columns->subject) {
        (void)fprintf(cli->out, "%-*s  ", (int)columns->subject, subject);
    }
    (void)fprintf(cli->out, "%-*s  ", (int)columns->check, text_at(check, "check"));
    if (indent + 30 > width && width > 0) { /* too narrow for columns */
        indent = 11;
        (void)fprintf(cli->out, "\n%*s", (int)indent, "");
    }
    CLEANUP(buf_done) struct buf text = {0};
    check_text(check, &text);
    text_wrap(cli->out, width, indent, buf_str(&text));
}

static void print_group(const struct cli *cli, const json_t *group, bool has_all, size_t width)
{
    const json_t *checks = array_at(group, "checks");
    struct columns columns;
    size_t i, good = 0;
    json_t *check;
    json_array_foreach(checks, i, check) {
        good += is_ok(check);
    }
    (void)fprintf(cli->out, "%s%s%s: %s", cli->look.has_colour ? "\033[1m" : "",
                  text_at(group, "name"), cli->look.has_colour ? COLOUR_END : "",
                  text_at(group, "about"));
    if (good == json_array_size(checks)) {
        (void)fprintf(cli->out, good > 0 ? " - ok (%zu)\n" : " - nothing to check\n", good);
    } else {
        (void)fputc('\n', cli->out);
    }
    measure(checks, has_all, &columns);
    json_array_foreach(checks, i, check) {
        if (has_all || !is_ok(check)) {
            print_check(cli, check, &columns, width);
        }
    }
}

static void print_report(const struct cli *cli, const json_t *json)
{
    bool has_all = cli_option(cli, "verbose") != NULL;
    size_t i, width = text_columns(cli->out);
    char counts[100];
    json_t *group;
    json_array_foreach(json_object_get(json, "groups"), i, group) {
        print_group(cli, group, has_all, width);
    }
    counts_text(json, counts, sizeof(counts));
    (void)fprintf(cli->out, "\n%s%s\n", counts,
                  has_all ? "" : " (--verbose shows what is ok, --html FILE makes a report)");
}

/* ---- HTML ---- */

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    "body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; "
    "padding: 0 1rem; color: #151515; background: #fff; }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.8rem 0 0.3rem; }\n"
    "p { margin: 0.2rem 0 0.5rem; }\n"
    "table { border-collapse: collapse; width: 100%; table-layout: fixed; }\n"
    "th:nth-child(1) { width: 10%; } th:nth-child(2) { width: 18%; } "
    "th:nth-child(3) { width: 17%; }\n"
    "th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.7rem 0.3rem 0; "
    "border-top: 1px solid #ccc; overflow-wrap: anywhere; }\n"
    "td:first-child { white-space: nowrap; font-weight: 600; }\n"
    ".ok { color: #1e6b2e; } .warning { color: #8a5200; } .failed { color: #b3201a; }\n"
    "@media (prefers-color-scheme: dark) { body { color: #eee; background: #151515; } "
    "th, td { border-color: #444; } .ok { color: #7cc674; } .warning { color: #f4b95a; } "
    ".failed { color: #ff8a80; } }\n"
    "</style>\n";

static void html_cell(FILE *out, const char *text)
{
    (void)fputs("<td>", out);
    text_html(out, text);
    (void)fputs("</td>", out);
}

static void html_group(FILE *out, const json_t *group)
{
    size_t i;
    json_t *check;
    (void)fputs("<h2>", out);
    text_html(out, text_at(group, "name"));
    (void)fputs("</h2>\n<p>", out);
    text_html(out, text_at(group, "about"));
    (void)fputs("</p>\n<table>\n<tr><th scope=\"col\">Result</th><th scope=\"col\">What</th>"
                "<th scope=\"col\">Check</th><th scope=\"col\">Found</th></tr>\n",
                out);
    json_array_foreach(json_object_get(group, "checks"), i, check) {
        (void)fputs("<tr><td class=\"", out);
        text_html(out, text_at(check, "result"));
        (void)fputs("\">", out);
        text_html(out, text_at(check, "result"));
        (void)fputs("</td>", out);
        html_cell(out, text_at(check, "subject"));
        html_cell(out, text_at(check, "check"));
        CLEANUP(buf_done) struct buf text = {0};
        check_text(check, &text);
        html_cell(out, buf_str(&text));
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</table>\n", out);
}

static void html_report(FILE *out, const json_t *json)
{
    char counts[100], when[40] = "";
    time_t seconds = (time_t)(number_at(json, "time_ms") / 1000);
    struct tm parts;
    size_t i;
    json_t *group;
    if (localtime_r(&seconds, &parts)) {
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %Z", &parts);
    }
    counts_text(json, counts, sizeof(counts));
    (void)fputs(html_head, out);
    (void)fputs("<title>Validation of cluster ", out);
    text_html(out, text_at(json, "cluster"));
    (void)fputs("</title>\n</head>\n<body>\n<h1>Validation of cluster ", out);
    text_html(out, text_at(json, "cluster"));
    (void)fprintf(out, "</h1>\n<p>%s, by berth %s. <strong class=\"", when, BERTH_VERSION);
    text_html(out, text_at(json, "result"));
    (void)fprintf(out, "\">%s</strong></p>\n", counts);
    json_array_foreach(json_object_get(json, "groups"), i, group) {
        html_group(out, group);
    }
    (void)fputs("</body>\n</html>\n", out);
}

static int write_html(struct cli *cli, const char *path, const json_t *json)
{
    if (strcmp(path, "-") == 0) {
        html_report(cli->out, json);
        return EXIT_OK;
    }
    FILE *file = fopen(path, "we");
    if (!file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    html_report(file, json);
    if (fclose(file) != 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    char counts[100];
    counts_text(json, counts, sizeof(counts));
    (void)fprintf(cli->out, "%s; the report is in %s\n", counts, path);
    return EXIT_OK;
}

int run_validate(struct cli *cli)
{
    const char *path = cli_option(cli, "html");
    json_t *json;
    int r = client_get(cli, &json, "/v1/validate");
    if (r != EXIT_OK) {
        return r;
    }
    int verdict = strcmp(text_at(json, "result"), "failed") == 0 ? EXIT_REFUSED : EXIT_OK;
    if (!cli->is_json) {
        show_age(cli, json);
    }
    if (path) {
        r = write_html(cli, path, json);
    } else if (cli->is_json) {
        r = show_json(cli, json_incref(json));
    } else {
        print_report(cli, json);
    }
    json_decref(json);
    return r == EXIT_OK ? verdict : r;
}

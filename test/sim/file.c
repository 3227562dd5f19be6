/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/sim/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(const char *path)
{
    struct buf text = {0};
    char part[4096];
    size_t size;
    FILE *file = fopen(path, "re");
    if (!file) {
        return NULL;
    }
    while ((size = fread(part, 1, sizeof(part), file)) > 0) {
        buf_add(&text, part, size);
    }
    (void)fclose(file);
    buf_text(&text, "");
    return buf_take(&text);
}

/* Each line of 'lines' indented. */
static void add_indented(struct buf *to, const char *lines)
{
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        buf_printf(to, "  %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static bool write_accepted(const char *path, const char *text, const struct scenario *scenario,
                           const struct sim_result *result)
{
    struct buf out = {0};
    FILE *file = fopen(path, "we");
    if (!file) {
        return false;
    }
    buf_add(&out, text, scenario->expect_begin);
    add_indented(&out, buf_str(&result->transcript));
    buf_text(&out, text + scenario->expect_end);
    bool is_good = !out.failed && fwrite(out.data, 1, out.size, file) == out.size;
    is_good &= fclose(file) == 0;
    buf_done(&out);
    return is_good;
}

/* The first line in which they differ. */
static void tell_difference(const char *want, const char *have, struct buf *report)
{
    while (*want != '\0' || *have != '\0') {
        size_t want_len = strcspn(want, "\n"), have_len = strcspn(have, "\n");
        if (want_len != have_len || strncmp(want, have, want_len) != 0) {
            buf_printf(report, "  expected: %.*s\n  it was:   %.*s\n", (int)want_len, want,
                       (int)have_len, have);
            return;
        }
        want += want_len + (want[want_len] == '\n');
        have += have_len + (have[have_len] == '\n');
    }
}

static bool judge(const char *path, const char *text, const struct scenario *scenario,
                  const struct file_options *options, const struct sim_result *result,
                  uint64_t second_hash, struct buf *report)
{
    const char *transcript = buf_str(&result->transcript), *expect = buf_str(&scenario->expect);
    if (result->has_failed) {
        buf_printf(report, "%s: at %lld ms: %s\n", path, (long long)result->violation_ms,
                   result->violation);
        add_indented(report, transcript);
        return false;
    }
    if (result->hash != second_hash) {
        buf_printf(report, "%s: two runs differ\n", path);
        return false;
    }
    if (!scenario->has_expect || strcmp(transcript, expect) == 0) {
        return true;
    }
    if (options->accepts && write_accepted(path, text, scenario, result)) {
        buf_printf(report, "%s: accepted\n", path);
        return true;
    }
    buf_printf(report, "%s: not as expected:\n", path);
    tell_difference(expect, transcript, report);
    return false;
}

bool files_find(const char *directory, glob_t *ret)
{
    char pattern[512];
    *ret = (glob_t){0};
    (void)snprintf(pattern, sizeof(pattern), "%s/*/*.scn", directory);
    return glob(pattern, 0, NULL, ret) == 0;
}

bool file_read(const char *path, struct scenario *ret)
{
    CLEANUP(freep) char *text = read_all(path);
    return text && scenario_parse(text, ret, NULL) == 0;
}

bool file_run(const char *path, const struct file_options *options, struct buf *codes,
              struct buf *ret_report)
{
    CLEANUP(freep) char *text = read_all(path);
    struct scenario scenario = {0};
    struct sim_result result = {0}, second = {0};
    struct error err = {0};
    if (!text || scenario_parse(text, &scenario, &err) < 0) {
        buf_printf(ret_report, "%s: %s\n", path, text ? err.text : strerror(errno));
        scenario_done(&scenario);
        return false;
    }
    sim_run(&scenario, &(struct sim_options){0}, &result);
    if (!options->is_once) {
        sim_run(&scenario, &(struct sim_options){0}, &second);
    }
    if (options->prints) {
        buf_printf(ret_report, "%s\n", path);
        add_indented(ret_report, buf_str(&result.transcript));
    }
    if (options->prints && result.longest_outage_ms > 0) {
        buf_printf(ret_report, "  longest outage: %s, %lld ms\n", result.longest_outage_vm,
                   (long long)result.longest_outage_ms);
    }
    bool is_good = judge(path, text, &scenario, options, &result,
                         options->is_once ? result.hash : second.hash, ret_report);
    if (codes) {
        buf_text(codes, buf_str(&result.codes));
    }
    sim_result_done(&result);
    sim_result_done(&second);
    scenario_done(&scenario);
    return is_good;
}

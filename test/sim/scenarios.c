/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every file of test/scenario is a subtest, and all reasons that the core can give occur in them.
 * Arguments: the directory of scenarios, then the core's source files. TAP.
 */
#include "test/sim/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count, failed;

static void print_report(const char *report)
{
    while (*report != '\0') {
        size_t len = strcspn(report, "\n");
        printf("# %.*s\n", (int)len, report);
        report += len + (report[len] == '\n');
    }
}

static void result(bool is_good, const char *sentence, const char *report)
{
    printf("%sok %d - %s\n", is_good ? "" : "not ", ++count, sentence);
    failed += !is_good;
    if (!is_good) {
        print_report(report);
    }
}

/* ".../fence/dead-host-is-fenced.scn" as "fence: dead host is fenced"; 'skip' characters are left
 * out in front. */
static void sentence_of(const char *path, size_t skip, char *ret, size_t size)
{
    const char *name = strrchr(path, '/');
    (void)snprintf(ret, size, "%.*s: %s", (int)(name - (path + skip)), path + skip, name + 1);
    *strrchr(ret, '.') = '\0';
    for (char *at = ret; *at != '\0'; at++) {
        *at = *at == '-' ? ' ' : *at;
    }
}

static void run_directory(const char *directory, struct buf *codes)
{
    glob_t files;
    bool is_any = files_find(directory, &files);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char sentence[256];
        struct buf report = {0};
        sentence_of(files.gl_pathv[i], strlen(directory) + 1, sentence, sizeof(sentence));
        bool is_good = file_run(files.gl_pathv[i], &(struct file_options){0}, codes, &report);
        result(is_good, sentence, buf_str(&report));
        buf_done(&report);
    }
    globfree(&files);
    result(is_any, "there are scenarios", directory);
}

static bool has_line(const char *lines, const char *line, size_t len)
{
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        if (size == len && strncmp(lines, line, len) == 0) {
            return true;
        }
        lines += size + (lines[size] == '\n');
    }
    return false;
}

/* Each code of the core that stands in no line of 'codes'. */
static void find_missing(const char *codes, struct buf *missing)
{
    for (enum note_code code = NOTE_NONE + 1; code < (enum note_code)note_core_count; code++) {
        const char *name = note_code_name(code);
        if (!has_line(codes, name, strlen(name))) {
            buf_printf(missing, "%s\n", name);
        }
    }
}

int main(int argc, char **argv)
{
    struct buf codes = {0}, missing = {0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        return EXIT_FAILURE;
    }
    run_directory(argv[1], &codes);
    find_missing(buf_str(&codes), &missing);
    result(missing.size == 0, "every reason that the core gives occurs in a scenario",
           buf_str(&missing));
    printf("1..%d\n", count);
    buf_done(&codes);
    buf_done(&missing);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

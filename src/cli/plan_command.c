/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_command.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/exit_code.h"
#include "cli/plan_file.h"
#include "cli/plan_show.h"
#include "loop/clock.h"

#include <errno.h>
#include <string.h>

enum { losses_max = 8 }; /* more than so many at once is no question of planning */

struct question {
    const char *path;
    enum plan_ask ask;
    VEC(const char *) names;
    bool is_json;
    FILE *out, *err;
};

/* ---- the command line ---- */

static int usage(FILE *err)
{
    (void)fputs(
        "berth: usage: berth plan --state FILE [fail NODE... | drain NODE... | start VM...] "
        "[-o table|json]\n",
        err);
    return EXIT_USAGE;
}

static int set_output(struct question *question, const char *word)
{
    question->is_json = word && strcmp(word, "json") == 0;
    return word && (question->is_json || strcmp(word, "table") == 0) ? EXIT_OK
                                                                     : usage(question->err);
}

static int read_word(struct question *question, const char *word)
{
    if (question->ask != PLAN_ASK_WAITING) {
        const char **place = VEC_ADD(&question->names);
        if (place) {
            *place = word;
        }
        return EXIT_OK;
    }
    for (enum plan_ask ask = PLAN_ASK_FAIL; ask <= PLAN_ASK_START; ask++) {
        if (strcmp(word, plan_ask_name(ask)) == 0) {
            question->ask = ask;
        }
    }
    return question->ask == PLAN_ASK_WAITING ? usage(question->err) : EXIT_OK;
}

static int read_arguments(struct question *question, int argc, char **argv)
{
    int r = EXIT_OK;
    for (int i = 1; i < argc && r == EXIT_OK; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--state") == 0) {
            question->path = next;
            i++;
        } else if (strncmp(argv[i], "--state=", 8) == 0) {
            question->path = argv[i] + 8;
        } else if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) {
            r = set_output(question, next);
            i++;
        } else if (strncmp(argv[i], "--output=", 9) == 0) {
            r = set_output(question, argv[i] + 9);
        } else {
            r = argv[i][0] == '-' ? usage(question->err) : read_word(question, argv[i]);
        }
    }
    bool is_whole =
        question->path && (question->ask == PLAN_ASK_WAITING || question->names.len > 0);
    return r == EXIT_OK && !is_whole ? usage(question->err) : r;
}

static int read_file(const char *path, struct buf *ret)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file) {
        return -errno;
    }
    char piece[65536];
    for (size_t size; (size = fread(piece, 1, sizeof(piece), file)) > 0;) {
        buf_add(ret, piece, size);
    }
    int r = ferror(file) ? -EIO : ret->failed ? -ENOMEM : 0;
    if (file != stdin) {
        (void)fclose(file);
    }
    return r;
}

/* ---- the answer ---- */

/* The answer on the output; takes over 'answer'. */
static int show(const struct question *question, json_t *answer)
{
    if (!answer) {
        (void)fputs("berth: out of memory\n", question->err);
        return EXIT_REFUSED;
    }
    int r = json_array_size(json_object_get(answer, "left_out")) > 0 ? EXIT_REFUSED : EXIT_OK;
    if (question->is_json) {
        (void)json_dumpf(answer, question->out, JSON_INDENT(1));
        (void)fputc('\n', question->out);
    } else {
        plan_print(answer, question->out);
    }
    json_decref(answer);
    return r;
}

/* Says on what the answer does not rest. A program that looks only at the exit code must not take
 * such an answer for a plan. */
static int warn_of_doubt(const struct question *question)
{
    (void)fprintf(question->err,
                  "berth: %s: an export of schema 1 does not say where a moving VM goes or what a "
                  "removed VM still holds. The answer holds only if there were none; export the "
                  "cluster again\n",
                  question->path);
    return EXIT_REFUSED;
}

/* Asks the planner, and what the cluster survives once its plan is carried out. */
static int answer(const struct question *question, const struct export *file)
{
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = plan_file_options(file);
    const struct plan_question asked = {question->ask, question->names.items, question->names.len};
    const char *unknown = plan_question_unknown(&file->world, &asked);
    struct plan_survival survival = {0};
    if (unknown) {
        (void)fprintf(question->err, "berth: the file has no %s %s\n",
                      question->ask == PLAN_ASK_START ? "VM" : "node with an inventory", unknown);
        return EXIT_NOT_FOUND;
    }
    double begin = (double)clock_monotonic_us();
    int r = plan_question_answer(&file->world, &options, &asked, &outcome);
    double spent_us = (double)clock_monotonic_us() - begin;
    r = r < 0 ? r : plan_survivable_losses(outcome.cluster.model, losses_max, &survival);
    r = show(question, r < 0 ? NULL : plan_answer(&outcome, &survival, spent_us));
    return file->is_doubtful ? warn_of_doubt(question) : r;
}

static int answer_file(struct question *question)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(export_done) struct export file = {0};
    struct error err;
    int r = read_file(question->path, &text);
    if (r < 0) {
        (void)fprintf(question->err, "berth: %s: %s\n", question->path, strerror(-r));
        return EXIT_NOT_FOUND;
    }
    if (plan_file_read(&file, text.data ? text.data : "", text.size, &err) < 0) {
        (void)fprintf(question->err, "berth: %s: %s\n", question->path, err.text);
        return EXIT_REFUSED;
    }
    return answer(question, &file);
}

bool plan_command_is_asked(int argc, char **argv)
{
    bool has_state = false;
    for (int i = 2; i < argc; i++) {
        has_state |= strcmp(argv[i], "--state") == 0 || strncmp(argv[i], "--state=", 8) == 0;
    }
    return argc > 2 && strcmp(argv[1], "plan") == 0 && has_state;
}

int plan_command_to(int argc, char **argv, FILE *out, FILE *err)
{
    struct question question = {.out = out, .err = err};
    int r = read_arguments(&question, argc, argv);
    if (r == EXIT_OK) {
        r = answer_file(&question);
    }
    VEC_DONE(&question.names);
    return r;
}

int plan_command(int argc, char **argv)
{
    return plan_command_to(argc, argv, stdout, stderr);
}

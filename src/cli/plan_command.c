/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_command.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/plan_file.h"
#include "cli/plan_show.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { losses_max = 8 }; /* more than so many at once is no question of planning */

enum edit { EDIT_NONE, EDIT_FAIL, EDIT_DRAIN, EDIT_START };

struct question {
    const char *path;
    enum edit edit;
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
    static const char *const edits[] = {
        [EDIT_FAIL] = "fail", [EDIT_DRAIN] = "drain", [EDIT_START] = "start"};
    if (question->edit != EDIT_NONE) {
        const char **place = VEC_ADD(&question->names);
        if (place) {
            *place = word;
        }
        return EXIT_OK;
    }
    for (enum edit edit = EDIT_FAIL; edit <= EDIT_START; edit++) {
        if (strcmp(word, edits[edit]) == 0) {
            question->edit = edit;
        }
    }
    return question->edit == EDIT_NONE ? usage(question->err) : EXIT_OK;
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
    bool is_whole = question->path && (question->edit == EDIT_NONE || question->names.len > 0);
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

/* ---- the question, as a request ---- */

/* Marks what the command line names: nodes change their mode, VMs are asked for. */
static int apply_names(struct question *question, struct plan_file *file, bool *is_asked)
{
    bool is_vm = question->edit == EDIT_START;
    VEC_EACH(&question->names, name) {
        uint32_t index =
            is_vm ? state_find_vm(&file->state, *name) : state_find_node(&file->state, *name);
        if (index == UINT32_MAX) {
            (void)fprintf(question->err, "berth: the file has no %s %s\n", is_vm ? "VM" : "node",
                          *name);
            return EXIT_NOT_FOUND;
        }
        if (is_vm) {
            is_asked[index] = true;
        } else {
            plan_node_set_mode(file->model, index,
                               question->edit == EDIT_FAIL ? PLAN_DOWN : PLAN_DRAIN);
        }
    }
    return EXIT_OK;
}

/* Whether the VM needs a (new) place: it should run and does not, or not where it may stay. */
static bool wants_place(const struct plan_file *file, uint32_t vm)
{
    uint32_t node = plan_vm_node(file->model, vm);
    if (!file->state.vms.items[vm].is_desired) {
        return false;
    }
    return node == PLAN_NONE || plan_node_mode(file->model, node) == PLAN_DOWN ||
           plan_node_mode(file->model, node) == PLAN_DRAIN;
}

/* The VMs to place into 'vms'; how many. A start is about those that are named, all else about all
 * that want a place. */
static uint32_t choose_vms(const struct question *question, const struct plan_file *file,
                           const bool *is_asked, uint32_t *vms)
{
    uint32_t len = 0;
    for (uint32_t vm = 0; vm < file->state.vms.len; vm++) {
        if (question->edit == EDIT_START
                ? is_asked[vm] && plan_vm_node(file->model, vm) == PLAN_NONE
                : wants_place(file, vm)) {
            vms[len++] = vm;
        }
    }
    return len;
}

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Plans, and asks what the cluster survives afterwards. 0 or -ENOMEM. */
static int plan(const struct question *question, struct plan_file *file,
                struct plan_request *request, struct plan_result *ret)
{
    const struct state *state = &file->state;
    request->may_preempt = state->preemption;
    if (question->edit == EDIT_START && state->reserve_policy == RESERVE_REFUSE) {
        request->reserve = state->reserve;
    }
    double begin = now_us();
    int r = plan_place(file->model, request, &ret->plan);
    ret->plan_us = now_us() - begin;
    return r < 0 ? r : plan_survivable_losses(file->model, losses_max, &ret->survival);
}

/* The answer on the output; takes over 'answer'. */
static int show(const struct question *question, json_t *answer)
{
    if (!answer) {
        (void)fputs("berth: out of memory\n", question->err);
        return EXIT_REFUSED;
    }
    int r = json_array_size(json_object_get(answer, "waiting")) > 0 ? EXIT_REFUSED : EXIT_OK;
    if (question->is_json) {
        (void)json_dumpf(answer, question->out, JSON_INDENT(1));
        (void)fputc('\n', question->out);
    } else {
        plan_print(answer, question->out);
    }
    json_decref(answer);
    return r;
}

static int answer(struct question *question, struct plan_file *file)
{
    CLEANUP(freep) bool *is_asked = calloc(file->state.vms.len + 1, sizeof(*is_asked));
    CLEANUP(freep) uint32_t *vms = calloc(file->state.vms.len + 1, sizeof(*vms));
    struct plan_result result = {.plan_us = 0};
    if (!is_asked || !vms) {
        return show(question, NULL);
    }
    int r = apply_names(question, file, is_asked);
    if (r != EXIT_OK) {
        return r;
    }
    struct plan_request request = {.vms = vms, .vm_len = choose_vms(question, file, is_asked, vms)};
    bool is_done = plan(question, file, &request, &result) == 0;
    r = show(question, is_done ? plan_answer(file, &request, &result) : NULL);
    plan_done(&result.plan);
    return r;
}

static int answer_file(struct question *question)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(plan_file_done) struct plan_file file = {.model = NULL};
    struct error err;
    int r = read_file(question->path, &text);
    if (r < 0) {
        (void)fprintf(question->err, "berth: %s: %s\n", question->path, strerror(-r));
        return EXIT_NOT_FOUND;
    }
    if (plan_file_init(&file, text.data ? text.data : "", text.size, &err) < 0) {
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

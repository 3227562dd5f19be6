/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text form of scenarios, read. docs/simulator.md describes it. */
#include "test/sim/scenario_text.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct scenario_host scenario_host_default = {
    .pool = "gpus",
    .cpus = 64,
    .memory_mib = 256 * 1024,
    .huge_mib = 256 * 1024,
    .fencing = FENCING_WATCHDOG,
    .fence_levels = 1,
    .boot_ms = 5000,
};

const struct scenario_vm scenario_vm_default = {
    .gpus = 1,
    .pool = "gpus",
    .desired = VM_STARTED,
    .priority = priority_medium,
    .cpus = 1,
    .memory_mib = 1024,
    .offline = OFFLINE_FORCE_SHUTDOWN,
    .offline_timeout_ms = 20000,
    .restarts_max = 3,
    .failovers_max = 3,
    .losses_max = 3,
    .start_ms = 1000,
};

void scenario_done(struct scenario *scenario)
{
    VEC_DONE(&scenario->hosts);
    VEC_DONE(&scenario->vms);
    VEC_DONE(&scenario->steps);
    buf_done(&scenario->expect);
    buf_done(&scenario->final);
    buf_done(&scenario->mutants);
}

/* ---- lines ---- */

enum { tokens_max = 32 };

struct line {
    char text[512];
    char *tokens[tokens_max];
    size_t len;
    unsigned number;
    struct error *err;
};

static int PRINTF_LIKE(2, 3) bad(const struct line *line, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(line->err, -EINVAL, "line %u: %s", line->number, text);
}

static void split(struct line *line)
{
    char *rest = line->text, *token;
    line->len = 0;
    while (line->len < tokens_max && (token = strsep(&rest, " \t")) != NULL) {
        if (*token != '\0') {
            line->tokens[line->len++] = token;
        }
    }
}

static bool take_names(const char *text, struct name_list *ret)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        if (ret->len == scenario_names_max || len == 0 || len >= name_size) {
            return false;
        }
        memcpy(ret->names[ret->len++], text, len);
        text += len + (text[len] == ',');
    }
    return true;
}

static bool take_u32(const char *text, uint32_t *ret)
{
    uint64_t value;
    if (!parse_u64(text, UINT32_MAX, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool take_ms(const char *text, msec_t *ret)
{
    return parse_i64(text, 0, INT64_C(1) << 40, ret);
}

static bool take_host_option(const char *key, const char *value, struct scenario_host *host)
{
    int64_t number;
    if (strcmp(key, "gpus") == 0) {
        return take_u32(value, &host->gpus) && host->gpus <= 64;
    }
    if (strcmp(key, "partitions") == 0) {
        return take_u32(value, &host->partitions) && host->partitions <= 8;
    }
    if (strcmp(key, "label") == 0) {
        return strchr(value, '=') && copy_text(host->label, sizeof(host->label), value);
    }
    if (strcmp(key, "after") == 0) {
        return after_use_parse(value, &host->after_use);
    }
    if (strcmp(key, "live") == 0) {
        return copy_text(host->live, sizeof(host->live), value);
    }
    if (strcmp(key, "pool") == 0) {
        return copy_text(host->pool, sizeof(host->pool), value);
    }
    if (strcmp(key, "cpus") == 0) {
        return take_u32(value, &host->cpus);
    }
    if (strcmp(key, "memory") == 0) {
        return parse_u64(value, UINT32_MAX, &host->memory_mib);
    }
    if (strcmp(key, "huge") == 0) {
        return parse_u64(value, UINT32_MAX, &host->huge_mib);
    }
    if (strcmp(key, "fencing") == 0) {
        return fencing_parse(value, &host->fencing);
    }
    if (strcmp(key, "levels") == 0) {
        return take_u32(value, &host->fence_levels) && host->fence_levels <= fence_levels_max;
    }
    if (strcmp(key, "dead") == 0) {
        return take_u32(value, &host->dead_levels);
    }
    if (strcmp(key, "boot") == 0) {
        return take_ms(value, &host->boot_ms);
    }
    if (strcmp(key, "late") == 0) {
        return take_ms(value, &host->watchdog_late_ms);
    }
    if (strcmp(key, "drift") == 0) {
        bool is_good = parse_i64(value, -100000, 100000, &number);
        host->drift_ppm = is_good ? (int32_t)number : 0;
        return is_good;
    }
    return false;
}

static int take_host(struct line *line, struct scenario *scenario)
{
    struct scenario_host *host = VEC_ADD(&scenario->hosts);
    if (!host) {
        return -ENOMEM;
    }
    *host = scenario_host_default;
    if (line->len < 2 || !copy_text(host->name, sizeof(host->name), line->tokens[1])) {
        return bad(line, "a host needs a name");
    }
    for (size_t i = 2; i < line->len; i++) {
        char *value = strchr(line->tokens[i], '=');
        if (strcmp(line->tokens[i], "no-watchdog") == 0) {
            host->has_no_watchdog = true;
            continue;
        }
        if (strcmp(line->tokens[i], "nowayout") == 0) {
            host->is_nowayout = true;
            continue;
        }
        if (strcmp(line->tokens[i], "store") == 0) {
            host->has_store = true;
            continue;
        }
        if (strcmp(line->tokens[i], "fabric") == 0) {
            host->has_fabric = true;
            continue;
        }
        if (strcmp(line->tokens[i], "vgpus") == 0) {
            host->has_vgpus = true;
            continue;
        }
        if (strcmp(line->tokens[i], "sizes") == 0) {
            host->has_sizes = true;
            continue;
        }
        if (!value) {
            return bad(line, "'%s' is no option of a host", line->tokens[i]);
        }
        *value++ = '\0';
        if (!take_host_option(line->tokens[i], value, host)) {
            return bad(line, "'%s=%s' is no option of a host", line->tokens[i], value);
        }
    }
    return 0;
}

static bool take_vm_option(const char *key, const char *value, struct scenario_vm *vm)
{
    if (strcmp(key, "gpus") == 0) {
        return take_u32(value, &vm->gpus) && vm->gpus <= gpus_per_vm_max;
    }
    if (strcmp(key, "label") == 0) {
        return strchr(value, '=') && copy_text(vm->label, sizeof(vm->label), value);
    }
    if (strcmp(key, "pool") == 0) {
        return copy_text(vm->pool, sizeof(vm->pool), value);
    }
    if (strcmp(key, "on") == 0) {
        return copy_text(vm->on, sizeof(vm->on), value);
    }
    if (strcmp(key, "desired") == 0) {
        return vm_desired_parse(value, &vm->desired);
    }
    if (strcmp(key, "priority") == 0) {
        return take_u32(value, &vm->priority);
    }
    if (strcmp(key, "cpus") == 0) {
        return take_u32(value, &vm->cpus);
    }
    if (strcmp(key, "memory") == 0) {
        return parse_u64(value, UINT32_MAX, &vm->memory_mib);
    }
    if (strcmp(key, "owners") == 0) {
        return take_names(value, &vm->owners);
    }
    if (strcmp(key, "possible") == 0) {
        return take_names(value, &vm->possible);
    }
    if (strcmp(key, "together") == 0) {
        return take_names(value, &vm->together);
    }
    if (strcmp(key, "apart") == 0) {
        return take_names(value, &vm->apart);
    }
    if (strcmp(key, "after") == 0) {
        return take_names(value, &vm->after);
    }
    if (strcmp(key, "offline") == 0) {
        return offline_action_parse(value, &vm->offline);
    }
    if (strcmp(key, "migration") == 0) {
        return migration_parse(value, &vm->migration);
    }
    if (strcmp(key, "timeout") == 0) {
        return take_ms(value, &vm->offline_timeout_ms);
    }
    if (strcmp(key, "restarts") == 0) {
        return take_u32(value, &vm->restarts_max);
    }
    if (strcmp(key, "failovers") == 0) {
        return take_u32(value, &vm->failovers_max);
    }
    if (strcmp(key, "losses") == 0) {
        return take_u32(value, &vm->losses_max);
    }
    return strcmp(key, "start") == 0 && take_ms(value, &vm->start_ms);
}

static int take_vm(struct line *line, struct scenario *scenario)
{
    struct scenario_vm *vm = VEC_ADD(&scenario->vms);
    if (!vm) {
        return -ENOMEM;
    }
    *vm = scenario_vm_default;
    if (line->len < 2 || !copy_text(vm->name, sizeof(vm->name), line->tokens[1])) {
        return bad(line, "a VM needs a name");
    }
    for (size_t i = 2; i < line->len; i++) {
        char *value = strchr(line->tokens[i], '=');
        if (strcmp(line->tokens[i], "enforced") == 0) {
            vm->is_enforced = true;
            continue;
        }
        if (strcmp(line->tokens[i], "huge-pages") == 0) {
            vm->has_huge_pages = true;
            continue;
        }
        if (strcmp(line->tokens[i], "unmanaged") == 0) {
            vm->is_unmanaged = true;
            continue;
        }
        if (strcmp(line->tokens[i], "watched") == 0) {
            vm->is_watched = true;
            continue;
        }
        if (!value) {
            return bad(line, "'%s' is no option of a VM", line->tokens[i]);
        }
        *value++ = '\0';
        if (!take_vm_option(line->tokens[i], value, vm)) {
            return bad(line, "'%s=%s' is no option of a VM", line->tokens[i], value);
        }
    }
    return 0;
}

/* ---- steps ---- */

/* The operation whose words begin at token 2; how many words. */
static size_t find_op(const struct line *line, enum scenario_op *ret)
{
    size_t best = 0;
    for (int op = 0; op < (int)scenario_op_count; op++) {
        char words[64];
        (void)snprintf(words, sizeof(words), "%s", line->len > 2 ? line->tokens[2] : "");
        size_t len = 1;
        if (strchr(op_texts[op].text, ' ') && line->len > 3) {
            (void)snprintf(words, sizeof(words), "%s %s", line->tokens[2], line->tokens[3]);
            len = 2;
        }
        if (strcmp(words, op_texts[op].text) == 0 && len > best) {
            *ret = (enum scenario_op)op;
            best = len;
        }
    }
    return best;
}

/* Takes one option at token '*at', moves '*at' on. */
static bool take_option(const struct line *line, unsigned options, size_t *at,
                        struct scenario_step *step)
{
    const char *word = line->tokens[(*at)++];
    const char *value = *at < line->len ? line->tokens[*at] : "";
    if ((options & OPTION_ON && strcmp(word, "on") == 0) ||
        (options & OPTION_TO && strcmp(word, "to") == 0)) {
        ++*at;
        return copy_text(step->host, sizeof(step->host), value) && value[0] != '\0';
    }
    if (options & OPTION_TIMES && strcmp(word, "times") == 0) {
        ++*at;
        return take_u32(value, &step->times);
    }
    if (options & OPTION_INTO && strcmp(word, "into") == 0) {
        ++*at;
        return take_u32(value, &step->into);
    }
    if (options & OPTION_FOR && strcmp(word, "for") == 0) {
        ++*at;
        return take_ms(value, &step->for_ms);
    }
    step->is_forced |= options & OPTION_FORCE && strcmp(word, "force") == 0;
    step->is_in |= options & OPTION_WAY && strcmp(word, "in") == 0;
    step->is_out |= options & OPTION_WAY && strcmp(word, "out") == 0;
    step->has_gpu |= options & OPTION_GPU && strcmp(word, "gpu") == 0;
    return strcmp(word, "force") == 0 || strcmp(word, "in") == 0 || strcmp(word, "out") == 0 ||
           strcmp(word, "gpu") == 0 ||
           (options & OPTION_MIGRATION && migration_parse(word, &step->migration)) ||
           (options & OPTION_METHOD && fencing_parse(word, &step->method)) ||
           (options & OPTION_NUMBER && parse_i64(word, INT64_MIN, INT64_MAX, &step->number));
}

static bool has_host(const struct scenario *scenario, const char *name)
{
    VEC_EACH(&scenario->hosts, host) {
        if (strcmp(host->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_vm(const struct scenario *scenario, const char *name)
{
    VEC_EACH(&scenario->vms, vm) {
        if (strcmp(vm->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_names(const struct line *line, const struct scenario *scenario,
                       const struct scenario_step *step)
{
    struct cluster_settings settings;
    enum scenario_subject subject = op_texts[step->op].subject;
    if (subject == SUBJECT_HOST && !has_host(scenario, step->subject)) {
        return bad(line, "there is no host '%s'", step->subject);
    }
    if (subject == SUBJECT_VM && !has_vm(scenario, step->subject)) {
        return bad(line, "there is no VM '%s'", step->subject);
    }
    if (subject == SUBJECT_SETTING && !scenario_set(&settings, step->subject, 0)) {
        return bad(line, "there is no setting '%s'", step->subject);
    }
    if (step->host[0] != '\0' && !has_host(scenario, step->host)) {
        return bad(line, "there is no host '%s'", step->host);
    }
    return 0;
}

static int take_step(struct line *line, struct scenario *scenario)
{
    struct scenario_step step = {.times = 1};
    size_t words = find_op(line, &step.op);
    if (words == 0 || !take_ms(line->tokens[1], &step.at_ms)) {
        return bad(line, "'at MS' must be followed by something that can happen");
    }
    size_t at = 2 + words;
    if (op_texts[step.op].subject != SUBJECT_NONE &&
        (at >= line->len || !copy_text(step.subject, sizeof(step.subject), line->tokens[at++]))) {
        return bad(line, "'%s' of what?", op_texts[step.op].text);
    }
    while (at < line->len) {
        const char *word = line->tokens[at];
        if (!take_option(line, op_texts[step.op].options, &at, &step)) {
            return bad(line, "'%s' does not belong to '%s'", word, op_texts[step.op].text);
        }
    }
    int result = check_names(line, scenario, &step);
    if (result < 0) {
        return result;
    }
    size_t place = scenario->steps.len;
    while (place > 0 && scenario->steps.items[place - 1].at_ms > step.at_ms) {
        place--;
    }
    struct scenario_step *slot = VEC_INSERT(&scenario->steps, place);
    if (!slot) {
        return -ENOMEM;
    }
    *slot = step;
    return 0;
}

static int take_numbers(struct line *line, const struct number_name *names, size_t len, void *to)
{
    for (size_t i = 1; i < line->len; i++) {
        char *value = strchr(line->tokens[i], '=');
        int64_t number;
        if (!value) {
            return bad(line, "'%s' has no value", line->tokens[i]);
        }
        *value++ = '\0';
        if (!parse_i64(value, 0, INT64_C(1) << 40, &number) ||
            !set_number(names, len, to, line->tokens[i], number)) {
            return bad(line, "'%s=%s' is not known", line->tokens[i], value);
        }
    }
    return 0;
}

static int take_statement(struct line *line, struct scenario *scenario)
{
    const char *word = line->tokens[0];
    if (strcmp(word, "host") == 0) {
        return take_host(line, scenario);
    }
    if (strcmp(word, "vm") == 0) {
        return take_vm(line, scenario);
    }
    if (strcmp(word, "at") == 0) {
        return take_step(line, scenario);
    }
    if (strcmp(word, "settings") == 0) {
        return take_numbers(line, setting_names, setting_names_len, &scenario->settings);
    }
    if (strcmp(word, "noise") == 0) {
        return take_numbers(line, noise_names, noise_names_len, &scenario->noise);
    }
    bool is_seed = strcmp(word, "seed") == 0, is_until = strcmp(word, "until") == 0;
    if (is_seed && line->len == 2 && parse_u64(line->tokens[1], UINT64_MAX, &scenario->seed)) {
        return 0;
    }
    if (strcmp(word, "batch") == 0 && line->len == 2 &&
        take_ms(line->tokens[1], &scenario->batch_ms)) {
        return 0;
    }
    if (is_until && line->len == 2 && take_ms(line->tokens[1], &scenario->until_ms)) {
        return 0;
    }
    if (strcmp(word, "mutants") == 0 && line->len > 1) {
        for (size_t i = 1; i < line->len; i++) {
            buf_printf(&scenario->mutants, "%s\n", line->tokens[i]);
        }
        return 0;
    }
    return bad(line, "'%s' begins no statement", word);
}

/* ---- the whole ---- */

enum block { BLOCK_NONE, BLOCK_EXPECT, BLOCK_FINALLY };

static int check_vms(const struct scenario *scenario, struct error *err)
{
    VEC_EACH(&scenario->vms, vm) {
        if (vm->on[0] != '\0' && !has_host(scenario, vm->on)) {
            return error_set(err, -EINVAL, "VM %s is on %s, which is no host", vm->name, vm->on);
        }
    }
    return cluster_settings_check(&scenario->settings, err);
}

/* A line of a block, indented, or the end of it. */
static bool take_block_line(struct scenario *scenario, enum block *block, const char *text,
                            size_t begin, size_t end)
{
    const char *at = text + strspn(text, " \t");
    if (*block == BLOCK_NONE || at == text || *at == '\0') {
        if (*at != '\0') {
            *block = BLOCK_NONE;
        }
        return *at == '\0';
    }
    struct buf *to = *block == BLOCK_EXPECT ? &scenario->expect : &scenario->final;
    if (*at != '#') {
        buf_printf(to, "%s\n", at);
    }
    if (*block == BLOCK_EXPECT) {
        scenario->expect_begin = MIN(scenario->expect_begin, begin);
        scenario->expect_end = end;
    }
    return true;
}

int scenario_parse(const char *text, struct scenario *ret, struct error *err)
{
    struct line line = {.err = err};
    enum block block = BLOCK_NONE;
    ret->settings = cluster_settings_default;
    ret->expect_begin = SIZE_MAX;
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        size_t begin = (size_t)(at - text), end = begin + len + (at[len] == '\n');
        line.number++;
        (void)snprintf(line.text, sizeof(line.text), "%.*s", (int)len, at);
        at = text + end;
        if (take_block_line(ret, &block, line.text, begin, end) || line.text[0] == '#') {
            continue;
        }
        split(&line);
        if (strcmp(line.tokens[0], "expect") == 0 || strcmp(line.tokens[0], "finally") == 0) {
            block = line.tokens[0][0] == 'e' ? BLOCK_EXPECT : BLOCK_FINALLY;
            if (block == BLOCK_EXPECT) {
                ret->has_expect = true;
                ret->expect_begin = ret->expect_end = end;
            }
            continue;
        }
        int result = take_statement(&line, ret);
        if (result < 0) {
            return result;
        }
    }
    return check_vms(ret, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be asked of a fence agent, how it is written to its standard input, and what of its
 * answer may be shown. */
#include "fence/internal.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A pipe takes 64 KiB without a reader: all of the input must fit, since it is written before the
 * agent runs. */
enum { input_size_max = 32 * 1024, secret_size_min = 3 };

ENUM_DEFINE(fence_action, FENCE_ACTION_LIST)
ENUM_DEFINE(fence_power, FENCE_POWER_LIST)
ENUM_DEFINE(fence_outcome, FENCE_OUTCOME_LIST)

static bool is_agent_name(const char *name)
{
    static const char prefix[] = "fence_";
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && name[len] != '\0' && strlen(name) < name_size &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool is_key(const char *key)
{
    if (key[0] == '\0' || strcmp(key, "action") == 0 || strcmp(key, "option") == 0) {
        return false; /* those are ours to say */
    }
    for (const char *at = key; *at; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_' && *at != '-') {
            return false;
        }
    }
    return true;
}

static bool has_control_characters(const char *value)
{
    for (const char *at = value; *at; at++) {
        if (iscntrl((unsigned char)*at)) {
            return true;
        }
    }
    return false;
}

static int check_parameter(const struct fence_parameter *parameter, struct error *err)
{
    if (!is_key(parameter->key)) {
        return error_set(err, -EINVAL, "\"%s\" is no parameter of a fence agent", parameter->key);
    }
    if (has_control_characters(parameter->value)) {
        return error_set(err, -EINVAL,
                         "the fence parameter %s holds a line break or another "
                         "control character",
                         parameter->key);
    }
    return 0;
}

static bool is_secret(const char *key)
{
    return strstr(key, "pass") || strstr(key, "secret") || strstr(key, "token");
}

static int add_parameters(const struct fence_request *request, struct fence_plan *plan,
                          struct error *err)
{
    for (size_t i = 0; i < request->parameter_len; i++) {
        const struct fence_parameter *each = &request->parameters[i];
        int result = check_parameter(each, err);
        if (result < 0) {
            return result;
        }
        buf_printf(&plan->parameters, "%s=%s\n", each->key, each->value);
        if (is_secret(each->key) && each->value[0]) {
            struct fence_parameter *secret = VEC_ADD(&plan->secrets);
            if (!secret) {
                return error_set(err, -ENOMEM, "no memory for the fence parameters");
            }
            *secret = *each;
        }
    }
    if (plan->parameters.failed || plan->parameters.size > input_size_max) {
        return error_set(err, -EINVAL, "the fence parameters are longer than %d bytes in all",
                         input_size_max);
    }
    return 0;
}

static int find_program(const struct fence_request *request, struct fence_plan *plan,
                        struct error *err)
{
    const char *directory = request->directory ? request->directory : "/usr/sbin";
    if (!is_agent_name(request->agent)) {
        return error_set(err, -EINVAL,
                         "\"%s\" is no fence agent: they are called fence_ and small "
                         "letters, digits or _",
                         request->agent);
    }
    (void)copy_text(plan->agent, sizeof(plan->agent), request->agent);
    int size = snprintf(plan->program, sizeof(plan->program), "%s/%s", directory, request->agent);
    if (size < 0 || (size_t)size >= sizeof(plan->program) || access(plan->program, X_OK) < 0) {
        return error_set(err, -ENOENT,
                         "there is no program %s/%s: install the package "
                         "fence-agents on this host",
                         directory, request->agent);
    }
    return 0;
}

int fence_plan_make(const struct fence_request *request, struct fence_plan *ret, struct error *err)
{
    *ret = (struct fence_plan){.action = request->action, .limit_ms = request->limit_ms};
    int result = find_program(request, ret, err);
    if (result == 0) {
        result = add_parameters(request, ret, err);
    }
    if (result < 0) {
        fence_plan_done(ret);
    }
    return result;
}

void fence_plan_done(struct fence_plan *plan)
{
    if (plan->parameters.data) {
        explicit_bzero(plan->parameters.data, plan->parameters.size);
    }
    buf_done(&plan->parameters);
    if (plan->secrets.len > 0) {
        explicit_bzero(plan->secrets.items, plan->secrets.len * sizeof(plan->secrets.items[0]));
    }
    VEC_DONE(&plan->secrets);
}

int fence_check(const struct fence_request *request, struct error *err)
{
    struct fence_plan plan;
    int result = fence_plan_make(request, &plan, err);
    if (result == 0) {
        fence_plan_done(&plan);
    }
    return result;
}

/* The last line of 'text' with something in it; its length into '*ret_len', 0: none. */
static const char *last_line(const char *text, size_t *ret_len)
{
    const char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        end--;
    }
    const char *begin = end;
    while (begin > text && begin[-1] != '\n') {
        begin--;
    }
    *ret_len = (size_t)(end - begin);
    return begin;
}

/* Puts stars over every place of 'secret' in 'text'. */
static void hide(char *text, const char *secret)
{
    size_t len = strlen(secret);
    for (char *at = text; (at = strstr(at, secret)); at += len) {
        memset(at, '*', len);
    }
}

const char *fence_plan_quote(const struct fence_plan *plan, const char *errors, const char *output,
                             char *ret, size_t size)
{
    size_t len;
    const char *line = last_line(errors, &len);
    if (len == 0) {
        line = last_line(output, &len);
    }
    ret[0] = '\0';
    CLEANUP(buf_done) struct buf text = {0};
    buf_add(&text, line, len);
    if (!text.data) {
        return ret;
    }
    VEC_EACH(&plan->secrets, each) {
        if (strlen(each->value) < secret_size_min) {
            return ret; /* too short to be told from other text: say nothing */
        }
        hide(text.data, each->value);
    }
    (void)snprintf(ret, size, "%s", text.data);
    for (char *at = ret; *at; at++) {
        *at = iscntrl((unsigned char)*at) ? '?' : *at;
    }
    return ret;
}

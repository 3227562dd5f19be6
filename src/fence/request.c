/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be asked of a fence agent, how it is written to its standard input, and what of its
 * answer may be shown. */
#include "fence/internal.h"

#include "base/parse.h"
#include "model/fence_rule.h"

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

/* A switch such as "1" or "yes" is no secret, and would blank half of what an agent says. */
static bool is_worth_hiding(const char *value)
{
    static const char *const switches[] = {"0", "1", "yes", "no", "true", "false", "on", "off"};
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (strcmp(value, switches[i]) == 0) {
            return false;
        }
    }
    return value[0] != '\0';
}

static int add_parameters(const struct fence_request *request, struct fence_plan *plan,
                          struct error *err)
{
    for (size_t i = 0; i < request->parameter_len; i++) {
        const struct fence_parameter *each = &request->parameters[i];
        int result = fence_parameter_check(each, err);
        if (result < 0) {
            return result;
        }
        buf_printf(&plan->input, "%s=%s\n", each->key, each->value);
        struct fence_parameter *kept = VEC_ADD(&plan->parameters);
        if (!kept) {
            return error_set(err, -ENOMEM, "no memory for the fence parameters");
        }
        *kept = *each;
        if (!fence_parameter_is_harmless(each->key) && is_worth_hiding(each->value)) {
            struct fence_parameter *secret = VEC_ADD(&plan->secrets);
            if (!secret) {
                return error_set(err, -ENOMEM, "no memory for the fence parameters");
            }
            *secret = *each;
        }
    }
    if (plan->input.failed || plan->input.size > input_size_max) {
        return error_set(err, -EINVAL, "the fence parameters are longer than %d bytes in all",
                         input_size_max);
    }
    return 0;
}

static int find_program(const struct fence_request *request, struct fence_plan *plan,
                        struct error *err)
{
    const char *directory = request->directory ? request->directory : "/usr/sbin";
    int r = fence_agent_check(request->agent, err);
    if (r < 0) {
        return r;
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

static void fence_parameters_forget(struct fence_parameter *parameters, size_t len)
{
    if (len > 0) {
        explicit_bzero(parameters, len * sizeof(*parameters));
    }
}

void fence_plan_done(struct fence_plan *plan)
{
    if (plan->input.data) {
        explicit_bzero(plan->input.data, plan->input.size);
    }
    buf_done(&plan->input);
    fence_parameters_forget(plan->parameters.items, plan->parameters.len);
    VEC_DONE(&plan->parameters);
    fence_parameters_forget(plan->secrets.items, plan->secrets.len);
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

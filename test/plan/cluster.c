/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/plan/cluster.h"

#include "model/words.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- text to model ---- */

static uint32_t pool_index(struct cluster *cluster, const char *pools[], uint32_t *len,
                           const char *name)
{
    for (uint32_t i = 0; i < *len; i++) {
        if (strcmp(pools[i], name) == 0) {
            return i;
        }
    }
    pools[*len] = name;
    (*len)++;
    return plan_pool_add(cluster->model, name);
}

struct reader {
    struct cluster *cluster;
    const char *pools[16], *labels[16];
    uint32_t pool_len, label_len;
};

static uint64_t label_bit(struct reader *reader, const char *name)
{
    for (uint32_t i = 0; i < reader->label_len; i++) {
        if (strcmp(reader->labels[i], name) == 0) {
            return (uint64_t)1 << i;
        }
    }
    reader->labels[reader->label_len++] = name;
    return (uint64_t)1 << plan_label_add(reader->cluster->model, name);
}

/* Splits "key=value" in place; the value. */
static char *value_of(char *word)
{
    char *equals = strchr(word, '=');
    REQUIRE(equals);
    *equals = '\0';
    return equals + 1;
}

static uint32_t number(const char *text)
{
    uint64_t value;
    REQUIRE(parse_u64(text, UINT32_MAX, &value));
    return (uint32_t)value;
}

struct node_words {
    uint32_t pools[16], counts[16], len, numa, quarantined;
};

static void read_node(struct reader *reader, char *name, char *rest)
{
    struct plan_node node = {.name = name};
    struct node_words words = {.numa = 0};
    char *save = NULL;
    for (char *word = strtok_r(rest, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *value = value_of(word);
        if (strcmp(word, "cpus") == 0) {
            node.cpus = number(value);
        } else if (strcmp(word, "memory") == 0) {
            node.memory_mib = number(value);
        } else if (strcmp(word, "huge") == 0) {
            node.huge_mib[MEMORY_1G] = number(value);
        } else if (strcmp(word, "mode") == 0) {
            REQUIRE(plan_mode_parse(value, &node.mode));
        } else if (strcmp(word, "label") == 0) {
            node.labels |= label_bit(reader, value);
        } else if (strcmp(word, "numa") == 0) {
            words.numa = number(value);
        } else if (strcmp(word, "quarantined") == 0) {
            words.quarantined = number(value);
        } else {
            words.pools[words.len] =
                pool_index(reader->cluster, reader->pools, &reader->pool_len, word);
            words.counts[words.len++] = number(value);
        }
    }
    plan_node_add(reader->cluster->model, &node);
    uint32_t card = 0;
    for (uint32_t i = 0; i < words.len; i++) {
        for (uint32_t k = 0; k < words.counts[i]; k++, card++) {
            struct plan_gpu gpu = {.pool = words.pools[i],
                                   .card = card,
                                   .position = card * 16,
                                   .numa = words.numa ? (int32_t)(k * words.numa / words.counts[i])
                                                      : -1,
                                   .is_quarantined = k + words.quarantined >= words.counts[i]};
            plan_gpu_add(reader->cluster->model, &gpu);
        }
    }
}

static uint32_t read_nodes(struct reader *reader, char *names, uint32_t ret[16])
{
    uint32_t len = 0;
    char *save = NULL;
    for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        ret[len++] = cluster_node(reader->cluster, name);
    }
    return len;
}

enum { later_max = 8 };

/* A VM's node and relations are read when all VMs are there: 'later' takes those words. */
static void read_vm(struct reader *reader, char *name, char *rest, char *later[later_max])
{
    uint32_t preferred[16], possible[16], later_len = 0;
    struct plan_vm vm = {.name = name, .preferred = preferred, .possible = possible};
    char *save = NULL;
    for (char *word = strtok_r(rest, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        if (later_len < later_max &&
            (strncmp(word, "on=", 3) == 0 || strncmp(word, "apart", 5) == 0 ||
             strncmp(word, "together", 8) == 0)) {
            later[later_len++] = word;
            continue;
        }
        char *value = value_of(word);
        if (strcmp(word, "cpus") == 0) {
            vm.cpus = number(value);
        } else if (strcmp(word, "memory") == 0) {
            vm.memory_mib = number(value);
        } else if (strcmp(word, "huge") == 0) {
            vm.memory_mib = number(value);
            vm.memory = MEMORY_1G;
        } else if (strcmp(word, "priority") == 0) {
            vm.priority = number(value);
        } else if (strcmp(word, "pinned") == 0) {
            vm.is_pinned = number(value) != 0;
        } else if (strcmp(word, "label") == 0) {
            vm.labels |= label_bit(reader, value);
        } else if (strcmp(word, "owners") == 0) {
            vm.preferred_len = read_nodes(reader, value, preferred);
        } else if (strcmp(word, "possible") == 0) {
            vm.possible_len = read_nodes(reader, value, possible);
        } else {
            vm.needs[vm.need_len].pool =
                pool_index(reader->cluster, reader->pools, &reader->pool_len, word);
            vm.needs[vm.need_len++].count = number(value);
        }
    }
    plan_vm_add(reader->cluster->model, &vm);
}

static void put(struct cluster *cluster, uint32_t vm, uint32_t node)
{
    uint32_t gpus[gpus_per_vm_max];
    uint32_t len = plan_choose_gpus(cluster->model, vm, node, gpus);
    REQUIRE(len != PLAN_NONE);
    plan_vm_put(cluster->model, vm, node, gpus, len);
}

static void read_later(struct cluster *cluster, uint32_t vm, char *word)
{
    char *value = value_of(word);
    if (strcmp(word, "on") == 0) {
        put(cluster, vm, cluster_node(cluster, value));
        return;
    }
    bool is_enforced = word[strlen(word) - 1] == '!';
    char *save = NULL;
    for (char *name = strtok_r(value, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        REQUIRE(plan_vm_relate(cluster->model, vm, cluster_vm(cluster, name),
                               word[0] == 'a' ? PLAN_APART : PLAN_TOGETHER, is_enforced));
    }
}

enum { cluster_vms_max = 64 };

void cluster_init(struct cluster *cluster, const char *text)
{
    *cluster = (struct cluster){.model = plan_model_new(NULL), .text = strdup(text)};
    struct reader reader = {.cluster = cluster};
    char *later[cluster_vms_max][later_max] = {{0}};
    char *save = NULL;
    for (char *line = strtok_r(cluster->text, ";", &save); line;
         line = strtok_r(NULL, ";", &save)) {
        char *words = NULL;
        const char *kind = strtok_r(line, " \n", &words);
        if (!kind) {
            continue;
        }
        char *name = strtok_r(NULL, " \n", &words);
        REQUIRE(name);
        if (strcmp(kind, "node") == 0) {
            read_node(&reader, name, words);
        } else {
            REQUIRE(strcmp(kind, "vm") == 0 && plan_vm_count(cluster->model) < cluster_vms_max);
            read_vm(&reader, name, words, later[plan_vm_count(cluster->model)]);
        }
    }
    for (uint32_t vm = 0; vm < plan_vm_count(cluster->model); vm++) {
        for (uint32_t i = 0; i < later_max && later[vm][i]; i++) {
            read_later(cluster, vm, later[vm][i]);
        }
    }
}

void cluster_done(struct cluster *cluster)
{
    plan_done(&cluster->plan);
    cluster->model = plan_model_free(cluster->model);
    free(cluster->text);
}

/* ---- names ---- */

uint32_t cluster_node(const struct cluster *cluster, const char *name)
{
    for (uint32_t i = 0; i < plan_node_count(cluster->model); i++) {
        if (strcmp(plan_node_name(cluster->model, i), name) == 0) {
            return i;
        }
    }
    test_fail(__FILE__, __LINE__, "no node %s", name);
    test_abandon();
}

uint32_t cluster_vm(const struct cluster *cluster, const char *name)
{
    for (uint32_t i = 0; i < plan_vm_count(cluster->model); i++) {
        if (strcmp(plan_vm_name(cluster->model, i), name) == 0) {
            return i;
        }
    }
    test_fail(__FILE__, __LINE__, "no VM %s", name);
    test_abandon();
}

/* ---- plan to text ---- */

static void answer_add(struct cluster *cluster, const char *format, ...) PRINTF_LIKE(2, 3);

static void answer_add(struct cluster *cluster, const char *format, ...)
{
    size_t used = strlen(cluster->answer);
    va_list args;
    va_start(args, format);
    vsnprintf(cluster->answer + used, sizeof(cluster->answer) - used, format, args);
    va_end(args);
}

/* What the plan says of 'vm', if anything. */
static void answer_vm(struct cluster *cluster, uint32_t vm)
{
    const char *space = cluster->answer[0] ? " " : "";
    const struct plan *plan = &cluster->plan;
    for (size_t i = 0; i < plan->placements.len; i++) {
        if (plan->placements.items[i].vm == vm) {
            answer_add(cluster, "%s%s=%s", space, plan_vm_name(cluster->model, vm),
                       plan_node_name(cluster->model, plan->placements.items[i].node));
        }
    }
    for (size_t i = 0; i < plan->waiting.len; i++) {
        if (plan->waiting.items[i].vm == vm) {
            answer_add(cluster, "%s%s=%s", space, plan_vm_name(cluster->model, vm),
                       plan->waiting.items[i].why == PLAN_WAIT_ROOM ? "-" : "reserve");
        }
    }
}

/* VMs by name, whatever the order of the plan. */
static const char *answer(struct cluster *cluster)
{
    cluster->answer[0] = '\0';
    const char *last = "";
    for (;;) {
        uint32_t next = PLAN_NONE;
        for (uint32_t vm = 0; vm < plan_vm_count(cluster->model); vm++) {
            const char *name = plan_vm_name(cluster->model, vm);
            if (strcmp(name, last) > 0 &&
                (next == PLAN_NONE || strcmp(name, plan_vm_name(cluster->model, next)) < 0)) {
                next = vm;
            }
        }
        if (next == PLAN_NONE) {
            break;
        }
        answer_vm(cluster, next);
        last = plan_vm_name(cluster->model, next);
    }
    const struct plan *plan = &cluster->plan;
    for (size_t i = 0; i < plan->evictions.len; i++) {
        const struct plan_eviction *eviction = &plan->evictions.items[i];
        answer_add(cluster, ", %s leaves %s for %s", plan_vm_name(cluster->model, eviction->vm),
                   plan_node_name(cluster->model, eviction->node),
                   plan_vm_name(cluster->model, eviction->by));
    }
    if (!plan->is_proven) {
        answer_add(cluster, " not proven");
    }
    return cluster->answer;
}

/* "a b" into indices by 'find', or all VMs without a place for NULL. */
static uint32_t indices(const struct cluster *cluster, const char *names,
                        uint32_t (*find)(const struct cluster *, const char *), uint32_t ret[])
{
    uint32_t len = 0;
    for (uint32_t vm = 0; !names && vm < plan_vm_count(cluster->model); vm++) {
        if (plan_vm_node(cluster->model, vm) == PLAN_NONE) {
            ret[len++] = vm;
        }
    }
    CLEANUP(freep) char *copy = strdup(names ? names : "");
    char *save = NULL;
    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        ret[len++] = find(cluster, name);
    }
    return len;
}

const char *cluster_place(struct cluster *cluster, const char *vms,
                          const struct plan_request *options)
{
    uint32_t list[cluster_vms_max];
    struct plan_request request = options ? *options : (struct plan_request){0};
    request.vms = list;
    request.vm_len = indices(cluster, vms, cluster_vm, list);
    REQUIRE(plan_place(cluster->model, &request, &cluster->plan) == 0);
    return answer(cluster);
}

const char *cluster_what_if(struct cluster *cluster, const char *nodes, enum plan_mode mode,
                            const struct plan_request *options)
{
    uint32_t list[cluster_vms_max];
    uint32_t len = indices(cluster, nodes, cluster_node, list);
    REQUIRE(plan_what_if(cluster->model, list, len, mode, options, &cluster->plan) == 0);
    return answer(cluster);
}

const char *cluster_explain(struct cluster *cluster, const char *vm,
                            const struct plan_request *options)
{
    cluster->answer[0] = '\0';
    for (uint32_t node = 0; node < plan_node_count(cluster->model); node++) {
        struct plan_reason reason =
            plan_explain(cluster->model, options, cluster_vm(cluster, vm), node);
        struct cause cause = plan_reason_cause(cluster->model, &reason);
        char text[words_max];
        answer_add(cluster, "%s%s: %s", node > 0 ? "; " : "", plan_node_name(cluster->model, node),
                   words_cause(&cause, text));
    }
    return cluster->answer;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    /* So many sets of hosts are tried one by one; with more, only those that hurt most. */
    sets_max = 1000,
    /* One set must not take long; if the search would, the answer is not exact. */
    set_steps_max = 400000,
};

/* One question: are 'losses' too many? */
struct trial {
    struct plan_model *model;
    struct plan plan;
    uint32_t *hosts; /* active nodes with GPUs or VMs */
    uint32_t host_len;
    uint32_t losses;
    uint32_t *set; /* the hosts that are lost, ascending; room for host_len */
    bool is_proven;
    struct plan_survival *survival;
};

/* Loses the hosts of trial->set. 1: a VM is left out, and the survival says which; 0: none is;
 * or -ENOMEM. */
static int lose_set(struct trial *trial)
{
    static const struct plan_request options = {.steps_max = set_steps_max};
    int result =
        plan_what_if(trial->model, trial->set, trial->losses, PLAN_DOWN, &options, &trial->plan);
    if (result < 0) {
        return result;
    }
    uint32_t left_out = 0, vm = PLAN_NONE;
    for (size_t i = 0; i < trial->plan.waiting.len; i++) {
        uint32_t each = trial->plan.waiting.items[i].vm;
        vm = left_out++ == 0 ? each : vm;
    }
    if (left_out == 0) {
        return 0;
    }
    trial->is_proven &= trial->plan.is_proven;
    trial->survival->vm = vm;
    trial->survival->left_out = left_out;
    trial->survival->weakest_len =
        MIN(trial->losses, (uint32_t)ARRAY_LEN(trial->survival->weakest));
    memcpy(trial->survival->weakest, trial->set,
           trial->survival->weakest_len * sizeof(*trial->set));
    return 1;
}

/* Number of ways to choose 'count' of 'len', or sets_max + 1 if that is more. */
static uint64_t sets_count(uint32_t len, uint32_t count)
{
    uint64_t sets = 1;
    for (uint32_t i = 0; i < count && sets <= sets_max; i++) {
        sets = sets * (len - i) / (i + 1);
    }
    return MIN(sets, (uint64_t)sets_max + 1);
}

/* Tries every set, in order. 'at' has room for the losses. */
static int try_all(struct trial *trial, uint32_t *at)
{
    uint32_t count = trial->losses;
    for (uint32_t i = 0; i < count; i++) {
        at[i] = i;
    }
    for (;;) {
        for (uint32_t i = 0; i < count; i++) {
            trial->set[i] = trial->hosts[at[i]];
        }
        int result = lose_set(trial);
        if (result != 0) {
            return result;
        }
        uint32_t i = count;
        while (i > 0 && at[i - 1] == trial->host_len - count + i - 1) {
            i--;
        }
        if (i == 0) {
            return 0;
        }
        at[i - 1]++;
        for (uint32_t k = i; k < count; k++) {
            at[k] = at[k - 1] + 1;
        }
    }
}

/* How much the loss of a host hurts 'pool': GPUs that go, and GPUs that have to be found again. */
static uint64_t hurt_of(const struct plan_model *model, uint32_t host, uint32_t pool)
{
    const struct node *node = &model->nodes.items[host];
    uint64_t gone = 0, held = 0;
    for (uint32_t i = 0; i < node->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
        if (gpu->pool == pool) {
            held += gpu->holder != PLAN_NONE;
            gone += gpu->holder != PLAN_NONE || !gpu->is_quarantined;
        }
    }
    return gone << 32 | held;
}

static int compare_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Tries the hosts that hurt 'pool' most. 'hurt' has room for all hosts. */
static int try_worst(struct trial *trial, uint32_t pool, uint64_t *hurt)
{
    for (uint32_t i = 0; i < trial->host_len; i++) {
        hurt[i] = hurt_of(trial->model, trial->hosts[i], pool) + 1;
    }
    for (uint32_t i = 0; i < trial->losses; i++) {
        uint32_t worst = 0;
        for (uint32_t k = 1; k < trial->host_len; k++) {
            worst = hurt[k] > hurt[worst] ? k : worst;
        }
        trial->set[i] = trial->hosts[worst];
        hurt[worst] = 0;
    }
    qsort(trial->set, trial->losses, sizeof(*trial->set), compare_index);
    return lose_set(trial);
}

/* 1: so many losses are too many; 0: none of the sets tried is; or -ENOMEM. */
static int lose(struct trial *trial, uint64_t *memory)
{
    if (sets_count(trial->host_len, trial->losses) <= sets_max || trial->losses == 1) {
        return try_all(trial, (uint32_t *)memory);
    }
    int result = 0;
    for (uint32_t pool = 0; pool < trial->model->pools.len && result == 0; pool++) {
        result = try_worst(trial, pool, memory);
    }
    /* A set that fails is a fact; that none was found is not. */
    trial->survival->is_exact &= result != 0;
    return result;
}

static int try_more_and_more(struct trial *trial, uint32_t losses_max, uint64_t *memory)
{
    for (trial->losses = 1; trial->losses <= losses_max; trial->losses++) {
        if (trial->losses > trial->host_len) {
            break;
        }
        int result = lose(trial, memory);
        if (result < 0) {
            return result;
        }
        if (result > 0) {
            break;
        }
        trial->survival->losses = trial->losses;
    }
    trial->survival->is_exact &= trial->is_proven;
    return 0;
}

int plan_survivable_losses(struct plan_model *model, uint32_t losses_max, struct plan_survival *ret)
{
    size_t len = MAX(model->nodes.len, (size_t)1);
    struct plan_survival survival = {.is_exact = true, .vm = PLAN_NONE};
    struct trial trial = {.model = model, .is_proven = true, .survival = &survival};
    uint64_t *memory = calloc(len, sizeof(*memory));
    trial.hosts = calloc(len, sizeof(*trial.hosts));
    trial.set = calloc(len, sizeof(*trial.set));
    int result = -ENOMEM;
    if (memory && trial.hosts && trial.set) {
        for (uint32_t node = 0; node < model->nodes.len; node++) {
            const struct node *item = &model->nodes.items[node];
            if (item->mode == PLAN_ACTIVE && (item->gpu_len > 0 || item->vm_first != PLAN_NONE)) {
                trial.hosts[trial.host_len++] = node;
            }
        }
        result = try_more_and_more(&trial, losses_max, memory);
    }
    free(memory);
    free(trial.hosts);
    free(trial.set);
    plan_done(&trial.plan);
    if (result == 0) {
        *ret = survival;
    }
    return result;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that runs out in a core: an allocation of it fails as it would in the field, the core
 * itself finds out, and its berthd ends (core_out_of_memory()). The linker leads all allocations
 * through here ('--wrap' in meson.build); outside a core's step they are the C library's.
 *
 * What such a step had allocated and not handed to its core would be lost: it is written down while
 * a failure is due, and freed.
 */
#include "test/sim/internal.h"

#include <assert.h>
#include <setjmp.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);
void __wrap_core_out_of_memory(void) __attribute__((noreturn));

/* Of the step that is going on in which memory may run out; one at a time. */
static struct {
    bool is_on;
    bool has_run_out;
    uint64_t left; /* allocations that succeed yet */
    jmp_buf way_out;
    void **items; /* allocated in this step */
    size_t len, capacity;
} step;

static bool runs_out(void)
{
    if (!step.is_on || step.left-- > 0) {
        return false;
    }
    step.has_run_out = true;
    step.left = 0;
    return true;
}

static void forget(const void *memory)
{
    for (size_t i = step.len; step.is_on && memory && i-- > 0;) {
        if (step.items[i] == memory) {
            step.items[i] = step.items[--step.len];
            return;
        }
    }
}

static void *note(void *memory)
{
    if (!step.is_on || !memory) {
        return memory;
    }
    if (step.len == step.capacity) {
        step.capacity = MAX(step.capacity * 2, (size_t)64);
        step.items = must(__real_reallocarray(step.items, step.capacity, sizeof(*step.items)));
    }
    step.items[step.len++] = memory;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return runs_out() ? NULL : note(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : note(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    return __wrap_reallocarray(memory, 1, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    if (runs_out()) {
        return NULL;
    }
    forget(memory);
    return note(__real_reallocarray(memory, count, size));
}

char *__wrap_strdup(const char *text)
{
    return runs_out() ? NULL : note(__real_strdup(text));
}

void __wrap_free(void *memory)
{
    forget(memory);
    __real_free(memory);
}

void __wrap_core_out_of_memory(void)
{
    assert(step.is_on && step.has_run_out); /* else it is the simulator that has none */
    longjmp(step.way_out, 1);
}

/* Whether the core came out of it by the door. */
static bool try_step(struct core *core, const struct core_event *event, struct core_update *ret)
{
    if (setjmp(step.way_out) != 0) {
        return false;
    }
    core_step(core, event, ret);
    return true;
}

enum memory_end memory_step(struct core **core, uint64_t *left, const struct core_event *event,
                            struct core_update *ret)
{
    if (*left == MEMORY_PLENTY) {
        core_step(*core, event, ret);
        return MEMORY_SUFFICED;
    }
    step.is_on = true;
    step.has_run_out = false;
    step.left = *left;
    step.len = 0;
    bool is_done = try_step(*core, event, ret);
    *left = step.has_run_out ? MEMORY_PLENTY : step.left;
    if (!is_done) {
        *core = core_free(*core);
        for (size_t i = 0; i < step.len; i++) {
            __real_free(step.items[i]);
        }
    }
    step.is_on = false;
    __real_free(step.items);
    step.items = NULL;
    step.capacity = 0;
    return !is_done ? MEMORY_RAN_OUT : step.has_run_out ? MEMORY_UNNOTICED : MEMORY_SUFFICED;
}

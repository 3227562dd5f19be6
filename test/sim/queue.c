/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What will happen, earliest first; at one time in the order in which it was ordered. A heap. */
#include "test/sim/internal.h"

#include <assert.h>

void *must(void *memory)
{
    if (!memory) {
        (void)fputs("berth-sim: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static size_t sift_up(struct happening *heap, size_t at)
{
    struct happening moved = heap[at];
    while (at > 0 && is_before(&moved, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = moved;
    return at;
}

static void sift_down(struct happening *heap, size_t len)
{
    struct happening moved = heap[0];
    size_t at = 0;
    while (2 * at + 1 < len) {
        size_t child = 2 * at + 1;
        child += child + 1 < len && is_before(&heap[child + 1], &heap[child]);
        if (!is_before(&heap[child], &moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

struct happening *later(struct sim *sim, msec_t delay_ms, happen_fn *run, struct host *host)
{
    assert(delay_ms >= 0);
    if (sim->queue.len == sim->queue.capacity) {
        size_t capacity = MAX(sim->queue.capacity * 2, (size_t)64);
        sim->queue.items =
            must(reallocarray(sim->queue.items, capacity, sizeof(*sim->queue.items)));
        sim->queue.capacity = capacity;
    }
    sim->queue.items[sim->queue.len] = (struct happening){
        .at_ms = sim->now_ms + delay_ms,
        .number = ++sim->last_number,
        .run = run,
        .host = host,
    };
    return &sim->queue.items[sift_up(sim->queue.items, sim->queue.len++)];
}

bool queue_step(struct sim *sim, msec_t until_ms)
{
    if (sim->queue.len == 0 || sim->queue.items[0].at_ms > until_ms) {
        sim->now_ms = until_ms;
        return false;
    }
    struct happening happening = sim->queue.items[0];
    sim->queue.items[0] = sim->queue.items[--sim->queue.len];
    if (sim->queue.len > 0) {
        sift_down(sim->queue.items, sim->queue.len);
    }
    sim->now_ms = happening.at_ms;
    happening.run(sim, &happening);
    if (happening.drop) {
        happening.drop(happening.data);
    }
    return true;
}

void queue_done(struct sim *sim)
{
    for (size_t i = 0; i < sim->queue.len; i++) {
        if (sim->queue.items[i].drop) {
            sim->queue.items[i].drop(sim->queue.items[i].data);
        }
    }
    free(sim->queue.items);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster for monitoring: Prometheus' text format 0.0.4. Names need no escapes (name_check). */
#include "api/counters.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "api/show.h"
#include "api/survival.h"
#include "base/natural.h"
#include "base/parse.h"

#include <string.h>

static void head(struct buf *text, const char *name, const char *type, const char *help)
{
    buf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct buf *text, const char *name, const char *type, const char *help,
                int64_t value)
{
    head(text, name, type, help);
    buf_printf(text, "%s %lld\n", name, (long long)value);
}

/* ---- nodes ---- */

static void of_each(struct buf *text, const names_t *names, const char *metric, const char *help,
                    const uint64_t *values)
{
    head(text, metric, "gauge", help);
    for (size_t i = 0; i < names->len; i++) {
        buf_printf(text, "%s{node=\"%s\"} %llu\n", metric, names->items[i],
                   (unsigned long long)values[i]);
    }
}

static void capacity_metrics(const struct api_call *call, const names_t *names, struct buf *text)
{
    enum { values_len = 5 };
    static const struct {
        const char *metric, *help;
    } metrics[values_len] = {
        {"berth_node_cpus", "CPUs of the node."},
        {"berth_node_memory_bytes", "Memory of the node."},
        {"berth_node_vms", "VMs that have their place on the node."},
        {"berth_node_vm_cpus", "Virtual CPUs of these VMs."},
        {"berth_node_vm_memory_bytes", "Memory of these VMs."},
    };
    CLEANUP(freep) struct node_load *loads = calloc(names->len + 1, sizeof(*loads));
    CLEANUP(freep) uint64_t *values = calloc((names->len + 1) * values_len, sizeof(*values));
    if (!loads || !values) {
        text->failed = true;
        return;
    }
    node_loads(call->world, names->items, names->len, loads);
    for (size_t i = 0; i < names->len; i++) {
        const struct record *record =
            world_find(call->world, RECORD_NODE_INVENTORY, names->items[i]);
        const uint64_t row[values_len] = {record ? record->inventory->cpus : 0,
                                          record ? record->inventory->memory_mib << 20 : 0,
                                          loads[i].vms, loads[i].cpus, loads[i].memory_mib << 20};
        for (size_t k = 0; k < values_len; k++) {
            values[k * names->len + i] = row[k];
        }
    }
    for (size_t k = 0; k < values_len; k++) {
        of_each(text, names, metrics[k].metric, metrics[k].help, values + k * names->len);
    }
}

/* Whether what must prove that a node is off could do so. */
static void fencing_metrics(const struct api_call *call, const names_t *names, struct buf *text)
{
    head(text, "berth_node_fencing", "gauge",
         "How the node is fenced, with the value 1; agent: its first fence agent.");
    VEC_EACH(names, name) {
        struct node_facts node;
        if (node_facts(call->view, *name, &node)) {
            buf_printf(text, "berth_node_fencing{node=\"%s\",method=\"%s\",agent=\"%s\"} 1\n",
                       *name, fencing_name(node.spec->fencing), node.spec->fence_agent);
        }
    }
    head(text, "berth_node_watchdog_armed", "gauge",
         "Whether the node's heartbeat says that its watchdog is armed.");
    VEC_EACH(names, name) {
        struct node_facts node;
        if (node_facts(call->view, *name, &node)) {
            buf_printf(text, "berth_node_watchdog_armed{node=\"%s\"} %d\n", *name,
                       node.alive && node.alive->is_watchdog_armed);
        }
    }
    head(text, "berth_node_fence_agent_ok", "gauge",
         "Whether the node's fence agents answered another node, when they were last asked.");
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        VEC_EACH(&(*each)->inventory->checks, check) {
            if (strcmp(check->name, "fencing") == 0 && check->subject[0]) {
                buf_printf(text, "berth_node_fence_agent_ok{node=\"%s\",asked_by=\"%s\"} %d\n",
                           check->subject, (*each)->key.name, check->is_ok);
            }
        }
    }
}

static void node_metrics(const struct api_call *call, struct buf *text)
{
    names_t names = {0};
    uint32_t counts[node_state_count] = {0};
    (void)node_names(call->world, &names);
    head(text, "berth_node_up", "gauge", "Whether the node's heartbeat arrives.");
    VEC_EACH(&names, name) {
        struct node_facts node;
        if (node_facts(call->view, *name, &node)) {
            buf_printf(text, "berth_node_up{node=\"%s\"} %d\n", *name, node.pulse == PULSE_ALIVE);
            counts[node.state]++;
        }
    }
    head(text, "berth_nodes", "gauge", "Nodes by state.");
    for (size_t i = 0; i < node_state_count; i++) {
        buf_printf(text, "berth_nodes{state=\"%s\"} %u\n", node_state_name((enum node_state)i),
                   counts[i]);
    }
    capacity_metrics(call, &names, text);
    fencing_metrics(call, &names, text);
    VEC_DONE(&names);
}

static void pool_metrics(const struct api_call *call, struct buf *text)
{
    head(text, "berth_pool_gpus", "gauge",
         "GPUs of the pool by state; away: free, but on a node that takes no VMs.");
    WORLD_EACH(call->world, RECORD_POOL, each) {
        struct pool_counts n;
        const char *name = (*each)->key.name;
        pool_counts(call->view, *each, &n);
        const struct {
            const char *state;
            uint32_t count;
        } states[] = {
            {"used", n.used}, {"free", n.free}, {"away", n.away}, {"quarantined", n.quarantined}};
        for (size_t i = 0; i < ARRAY_LEN(states); i++) {
            buf_printf(text, "berth_pool_gpus{pool=\"%s\",state=\"%s\"} %u\n", name,
                       states[i].state, states[i].count);
        }
    }
}

/* ---- VMs ---- */

struct wait {
    const char *vm;
    uint64_t since_ms; /* wall clock; 0: nothing was told of it */
    bool is_known;     /* what was told before that is of an earlier life */
};
typedef VEC(struct wait) waits_t;

static struct wait *find_wait(const waits_t *waits, const char *vm)
{
    size_t low = 0, high = waits->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = natural_compare(waits->items[middle].vm, vm);
        if (order == 0) {
            return &waits->items[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

/* Backwards through what was told: a VM waits since the first "vm-waiting" after anything else that
 * was told of its places. */
static void find_since(const struct world *world, const waits_t *waits)
{
    static const char *const ends[] = {"vm-placed", "vm-running", "vm-stopped", "vm-start-asked"};
    for (size_t i = world->records[RECORD_EVENT].len; waits->len > 0 && i-- > 0;) {
        const struct record *event = world->records[RECORD_EVENT].items[i];
        struct wait *wait = find_wait(waits, event->event->subject);
        if (!wait || wait->is_known) {
            continue;
        }
        if (strcmp(event->event->code, "vm-waiting") == 0) {
            wait->since_ms = event_wall_ms(event);
        }
        for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
            wait->is_known |= strcmp(event->event->code, ends[k]) == 0;
        }
    }
}

/* One series a VM: its state is a label, and the value is 1. */
static void vm_states(const struct api_call *call, const vm_rows_t *rows, struct buf *text)
{
    struct vm_facts vm;
    head(text, "berth_vm_state", "gauge",
         "State of each VM, with the value 1; degraded: it runs, and one of its GPUs failed.");
    VEC_EACH(rows, row) {
        vm_row_facts(call->view, row, &vm);
        buf_printf(text, "berth_vm_state{vm=\"%s\",node=\"%s\",state=\"%s\"} 1\n", vm.name, vm.node,
                   vm.failed_gpu ? "degraded" : vm_view_name(vm.state));
    }
}

static void gpu_states(const struct api_call *call, struct buf *text)
{
    head(text, "berth_gpu_state", "gauge", "State of each GPU and partition, with the value 1.");
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        CLEANUP(slots_done) slots_t slots = {0};
        const char *node = (*each)->key.name;
        text->failed |= !gpu_slots((*each)->inventory, &slots);
        VEC_EACH(&slots, slot) {
            struct gpu_facts gpu;
            char address[name_size];
            (void)gpu_facts(call->view, node, slot, &gpu);
            buf_printf(text,
                       "berth_gpu_state{node=\"%s\",address=\"%s\",pool=\"%s\",vm=\"%s\","
                       "state=\"%s\"} 1\n",
                       node, gpu_slot_format(slot, address), gpu.pool ? gpu.pool : "",
                       gpu.vm ? gpu.vm : "", gpu_state_name(gpu.state));
        }
    }
}

static void problem_metrics(const struct api_call *call, struct buf *text)
{
    CLEANUP(troubles_done) struct troubles troubles;
    text->failed |= !troubles_find(call, &troubles);
    head(text, "berth_problems", "gauge", "Problems by code, listed or not.");
    for (size_t i = 0; i < trouble_code_count; i++) {
        enum trouble_code code = (enum trouble_code)i;
        buf_printf(text, "berth_problems{code=\"%s\",severity=\"%s\"} %u\n",
                   trouble_code_name(code), severity_name(trouble_severity(code)),
                   troubles.counts[i]);
    }
}

static void vm_metrics(const struct api_call *call, struct buf *text)
{
    uint32_t counts[vm_view_count] = {0}, unkillable = 0;
    waits_t waits = {0};
    struct vm_facts vm;
    vm_rows_t rows = {0};
    text->failed |= !vm_rows(call->world, &rows);
    VEC_EACH(&rows, row) {
        vm_row_facts(call->view, row, &vm);
        counts[vm.state]++;
        unkillable += vm_is_unkillable(&vm);
        struct wait *wait = vm.state == VM_VIEW_WAITING ? VEC_ADD(&waits) : NULL;
        if (wait) {
            wait->vm = vm.name;
        }
    }
    head(text, "berth_vms", "gauge", "VMs by state.");
    for (size_t i = 0; i < vm_view_count; i++) {
        buf_printf(text, "berth_vms{state=\"%s\"} %u\n", vm_view_name((enum vm_view)i), counts[i]);
    }
    one(text, "berth_vms_unkillable", "gauge",
        "VMs whose QEMU survives SIGKILL: their hosts must be restarted.", unkillable);
    find_since(call->world, &waits);
    head(text, "berth_vm_waiting_seconds", "gauge", "How long a VM has been waiting for a place.");
    VEC_EACH(&waits, wait) {
        uint64_t now_ms = call->view->wall_ms;
        uint64_t waited_ms =
            wait->since_ms > 0 && wait->since_ms < now_ms ? now_ms - wait->since_ms : 0;
        buf_printf(text, "berth_vm_waiting_seconds{vm=\"%s\"} %llu.%03llu\n", wait->vm,
                   (unsigned long long)waited_ms / 1000, (unsigned long long)waited_ms % 1000);
    }
    vm_states(call, &rows, text);
    VEC_DONE(&waits);
    VEC_DONE(&rows);
}

/* ---- this berth-api ---- */

static void store_metrics(const struct counters *counters, struct buf *text)
{
    uint64_t sum = 0;
    head(text, "berth_store_seconds", "histogram",
         "How long the store took for a change that came through this API.");
    for (size_t i = 0; i < counters_bucket_len; i++) {
        char edge[24] = "+Inf";
        if (counters_edges_us[i] != UINT64_MAX) {
            (void)snprintf(edge, sizeof(edge), "%.4g", (double)counters_edges_us[i] / 1e6);
        }
        sum += counters->buckets[i];
        buf_printf(text, "berth_store_seconds_bucket{le=\"%s\"} %llu\n", edge,
                   (unsigned long long)sum);
    }
    buf_printf(text, "berth_store_seconds_sum %llu.%06llu\nberth_store_seconds_count %llu\n",
               (unsigned long long)counters->store_us / 1000000,
               (unsigned long long)counters->store_us % 1000000,
               (unsigned long long)counters->store_count);
}

static void counter_metrics(const struct counters *counters, struct buf *text)
{
    head(text, "berth_api_requests_total", "counter", "Answers of this API by HTTP status.");
    for (size_t i = 0; i < counters_status_max; i++) {
        if (counters->answers[i] > 0) {
            buf_printf(text, "berth_api_requests_total{code=\"%zu\"} %llu\n", i,
                       (unsigned long long)counters->answers[i]);
        }
    }
    store_metrics(counters, text);
    one(text, "berth_store_failures_total", "counter",
        "Changes of this API that the store did not answer.", (int64_t)counters->store_failures);
    one(text, "berth_failovers_total", "counter",
        "VMs restarted on another host, as this API saw them.", (int64_t)counters->failovers);
    one(text, "berth_restarts_total", "counter",
        "VMs restarted on the same host, as this API saw them.", (int64_t)counters->restarts);
}

/* ---- the cluster ---- */

static void build_metric(const struct api_view *view, struct buf *text)
{
    head(text, "berth_build_info", "gauge", "Version of this berth-api, with the value 1.");
    buf_printf(text, "berth_build_info{version=\"%s\"} 1\n", view->version ? view->version : "");
}

static void cluster_metrics(const struct api_call *call, struct buf *text)
{
    const struct api_view *view = call->view;
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    bool is_stale = view->stale_since_ms != MSEC_NEVER;
    struct survival survival;
    if (survival_find(call, &survival)) {
        one(text, "berth_survivable_host_losses", "gauge",
            "So many hosts can be lost and all VMs run again; looked for up to the reserve, at least up to 1.",
            survival.losses);
    }
    one(text, "berth_reserve_host_losses", "gauge", "Host failures the cluster must tolerate.",
        world_settings(call->world)->reserve);
    one(text, "berth_disarmed", "gauge",
        "Whether an administrator disarmed the cluster: nothing is fenced or restarted.",
        world_is_disarmed(call->world, NULL));
    one(text, "berth_coordinator_term", "gauge", "Grows when another host coordinates.",
        leader ? (int64_t)leader->leader->term : 0);
    one(text, "berth_store_stale", "gauge", "Whether the store is silent.", is_stale);
    one(text, "berth_store_stale_seconds", "gauge", "For how long it has been silent.",
        is_stale ? (view->now_ms - view->stale_since_ms) / 1000 : 0);
    one(text, "berth_store_revision", "gauge", "The store's revision that is shown.",
        call->world->revision);
}

void handle_metrics(struct api_call *call)
{
    struct buf *text = &call->answer->body;
    call->answer->status = 200;
    call->answer->content_type = "text/plain; version=0.0.4";
    build_metric(call->view, text);
    node_metrics(call, text);
    pool_metrics(call, text);
    vm_metrics(call, text);
    gpu_states(call, text);
    problem_metrics(call, text);
    cluster_metrics(call, text);
    if (call->view->counters) {
        counter_metrics(call->view->counters, text);
    }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the core orders, done through the adapters: none of it blocks, each answer comes later.
 * Longer than most: a function for each kind of order, which share nothing else.
 */
#include "run/daemon_internal.h"

#include "base/parse.h"
#include "loop/child.h"
#include "loop/clock.h"
#include "model/gpu_device.h"
#include "model/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void txn_answered(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                         const struct error *error)
{
    daemon_step(userdata, (struct core_event){.kind = CORE_TXN_DONE,
                                              .id = id,
                                              .outcome = outcome,
                                              .revision = revision,
                                              .text = error ? error->text : NULL});
}

static void write_answered(void *userdata, uint64_t id, enum txn_outcome outcome,
                           revision_t revision, const struct error *error)
{
    struct daemon *d = userdata;
    examine_write_ended(d->examine, id, clock_boottime_ms());
    txn_answered(d, id, outcome, revision, error);
}

static enum core_result result_of(enum virt_outcome outcome)
{
    switch (outcome) {
    case VIRT_DONE:
        return CORE_DONE;
    case VIRT_FAILED:
        return CORE_FAILED;
    case VIRT_UNKNOWN:
        return CORE_UNKNOWN;
    }
    return CORE_UNKNOWN;
}

static void virt_answered(void *userdata, const struct virt_result *result)
{
    daemon_step(userdata, (struct core_event){
                              .kind = CORE_ACTION_DONE,
                              .id = result->id,
                              .result = result_of(result->outcome),
                              .text = result->outcome == VIRT_DONE ? NULL : result->error.text,
                              .span_ms = result->still_ms,
                              .culprit = result->has_culprit ? &result->culprit : NULL});
}

/* One claimed device with what the inventory knows of it. */
static bool describe_device(const struct daemon *d, const struct vm_placement *placement,
                            const struct gpu_hold *hold, struct domain_device *ret)
{
    struct gpu_device device;
    if (!world_device(core_world(d->core), placement->node, &hold->slot, &device)) {
        return false;
    }
    ret->slot = hold->slot;
    if (!device.partition) {
        memcpy(ret->companions, device.card->companions, sizeof(ret->companions));
        ret->companion_len = device.card->companion_len;
    }
    ret->mmio_size = device.mmio_size;
    ret->backend = device.backend;
    ret->numa_node = device.card->numa_node;
    const struct record *pool = world_find(core_world(d->core), RECORD_POOL, hold->pool);
    ret->is_rom_hidden = pool && pool->pool->is_rom_hidden;
    return true;
}

static struct domain_marker marker_of(const struct daemon *d, const char *vm, uint64_t epoch,
                                      uint64_t incarnation, const char *node)
{
    struct domain_marker marker = {.epoch = epoch, .incarnation = incarnation};
    (void)snprintf(marker.vm, name_size, "%s", vm);
    (void)copy_text(marker.cluster, cluster_id_size, d->identity.cluster);
    (void)snprintf(marker.node, name_size, "%s", node);
    return marker;
}

/* The nodes of this host with the kind of memory that the VM takes. */
static void add_host_nodes(const struct node_inventory *inventory, const struct vm_spec *spec,
                           struct domain_compose *compose)
{
    enum memory_kind kind = memory_kind_of(spec->huge_page_kib, inventory->huge_default_kib);
    for (uint32_t i = 0; i < inventory->numa_node_len; i++) {
        struct numa_node *node = &compose->host_nodes[compose->host_node_len++];
        *node = inventory->numa_nodes[i];
        node->memory_mib = memory_of_node(inventory, kind, &inventory->numa_nodes[i]);
    }
}

static void perform_start(struct daemon *d, const struct core_action *action)
{
    const struct vm_placement *placement = action->placement->placement;
    const struct vm_spec *spec = action->spec->vm_spec;
    const struct record *inventory =
        world_find(core_world(d->core), RECORD_NODE_INVENTORY, d->config->node);
    struct domain_device devices[gpus_per_vm_max] = {0};
    struct domain_compose compose = {
        .xml = spec->xml,
        .uuid = spec->uuid,
        .marker = marker_of(d, action->name, action->epoch, action->incarnation, d->config->node),
        .devices = devices,
        .mmio_mib = spec->mmio_mib,
        .address_bits = inventory ? inventory->inventory->address_bits : 0,
    };
    /* The marker is by what this QEMU is found, adopted and killed: of this order, host and life,
     * to the letter. It gets what the placement holds, as that alone is claimed. */
    assert(placement->epoch == action->epoch && action->incarnation > 0);
    assert(strcmp(placement->node, d->config->node) == 0);
    VEC_EACH(&placement->gpus, hold) {
        if (compose.device_len == gpus_per_vm_max ||
            !describe_device(d, placement, hold, &devices[compose.device_len])) {
            daemon_answer(d, action->id, CORE_FAILED, "a GPU of its placement is not in this host");
            return;
        }
        compose.device_len++;
    }
    if (inventory && spec->topology == TOPOLOGY_MIRROR) {
        add_host_nodes(inventory->inventory, spec, &compose);
    }
    virt_start(d->virt, action->id, &compose, action->limit_ms, virt_answered, d);
}

/* What the source gives its copy is what this host expects, to the letter. */
static void perform_expect(struct daemon *d, const struct core_action *action)
{
    struct domain_marker marker =
        marker_of(d, action->name, action->epoch, action->incarnation, d->config->node);
    assert(action->epoch > 0 && action->incarnation > 0);
    virt_expect(d->virt, action->id, &marker, action->spec->vm_spec->xml, virt_answered, d);
}

static void perform_migrate(struct daemon *d, const struct core_action *action)
{
    struct domain_marker marker =
        marker_of(d, action->name, action->to_epoch, action->to_incarnation, action->target);
    assert(action->to_epoch > action->epoch && strcmp(action->target, d->config->node) != 0);
    const struct virt_move how = {
        .address = action->target_address,
        .mib_s = action->mib_s,
        .pause_ms = action->pause_ms,
        .limit_ms = action->limit_ms,
    };
    virt_migrate(d->virt, action->id, action->epoch, &marker, &how, virt_answered, d);
}

static void perform_move(struct daemon *d, const struct core_action *action)
{
    if (action->kind == ACTION_VM_EXPECT) {
        perform_expect(d, action);
    } else if (action->kind == ACTION_VM_MIGRATE) {
        perform_migrate(d, action);
    } else if (action->kind == ACTION_VM_ABORT) {
        virt_abort(d->virt, action->name, action->epoch);
    } else {
        virt_continue(d->virt, action->id, action->name, action->epoch, action->limit_ms,
                      virt_answered, d);
    }
}

/* Armed is said only of a watchdog that ticks with just that time: the others derive from it when
 * this host is surely off. A driver that rounds it is let go again. */
static void perform_arm(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    assert(action->limit_ms > 0);
    if (d->watchdog && watchdog_timeout_ms(d->watchdog) != action->limit_ms) {
        if (watchdog_disarm(&d->watchdog, &err) < 0) {
            daemon_answer(d, action->id, CORE_FAILED, err.text);
            return;
        }
    }
    if (d->watchdog) {
        daemon_answer(d, action->id, CORE_DONE, NULL);
        return;
    }
    if (watchdog_arm(&d->watchdog_config, action->limit_ms, &d->watchdog, &err) < 0) {
        daemon_answer(d, action->id, CORE_FAILED, err.text);
        return;
    }
    if (watchdog_timeout_ms(d->watchdog) != action->limit_ms) {
        struct error why;
        (void)error_set(&why, -ERANGE, "it takes %lld ms instead of %lld",
                        (long long)watchdog_timeout_ms(d->watchdog), (long long)action->limit_ms);
        (void)watchdog_disarm(&d->watchdog, &err);
        daemon_answer(d, action->id, CORE_FAILED, why.text);
        return;
    }
    if (watchdog_keep(d->watchdog, &err) < 0) {
        journal_line(LOG_WARNING,
                     "watchdog: no keeper (%s): if berthd is killed the host gets one "
                     "watchdog time more before it is reset",
                     err.text);
    }
    daemon_answer(d, action->id, CORE_DONE, NULL);
}

/* The deadline is checked here, at the last moment, because this process may have been frozen since
 * the core asked for it: a late pet would keep a host alive that others take for reset. */
static void perform_pet(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    if (!d->watchdog) {
        return;
    }
    msec_t now = clock_boottime_ms();
    if (now > action->deadline_ms) {
        journal_line(LOG_WARNING, "watchdog: not petted, %lld ms too late (frozen?)",
                     (long long)(now - action->deadline_ms));
        return;
    }
    if (watchdog_pet(d->watchdog, &err) < 0) {
        journal_line(LOG_ERR, "watchdog: %s", err.text);
    }
}

static void perform_disarm(struct daemon *d)
{
    struct error err = {0};
    if (d->watchdog && watchdog_disarm(&d->watchdog, &err) < 0) {
        journal_line(LOG_ERR, "watchdog: cannot be let go: %s", err.text);
    }
}

static void fence_answered(void *userdata, const struct fence_result *result)
{
    struct fencing_run *run = userdata;
    struct daemon *d = run->daemon;
    struct core_event event = {.kind = CORE_ACTION_DONE, .id = run->id, .text = result->text};
    event.result = result->outcome == FENCE_DONE     ? CORE_DONE
                   : result->outcome == FENCE_FAILED ? CORE_FAILED
                                                     : CORE_UNKNOWN;
    /* FENCE_DONE of an order to turn off means that the agent then found it off (fence/agent.h). */
    if (run->only_asks && result->outcome == FENCE_DONE && result->power != FENCE_POWER_OFF) {
        event.result = CORE_FAILED; /* an answer, but no proof */
    }
    size_t place = 0;
    while (place < d->fencing.len && d->fencing.items[place] != run) {
        place++;
    }
    assert(place < d->fencing.len); /* an agent answers once: twice, its proof would be another's */
    VEC_REMOVE(&d->fencing, place);
    free(run);
    daemon_step(d, event);
}

static void perform_fence(struct daemon *d, const struct core_action *action)
{
    assert(action->spec &&
           action->limit_ms > 0); /* an agent without limit would never be unknown */
    const struct fence_level level = node_spec_fence_level(action->spec->node_spec, action->count);
    CLEANUP(seal_parameters_done) fence_parameters_t parameters = {0};
    struct error err = {0};
    if (daemon_open_level(d, action->spec->key.name, &level, &parameters, &err) < 0) {
        daemon_answer(d, action->id, CORE_FAILED, err.text);
        return;
    }
    struct fence_request request = {
        .action = action->kind == ACTION_FENCE_STATUS ? FENCE_STATUS : FENCE_OFF,
        .agent = level.agent,
        .parameters = parameters.items,
        .parameter_len = parameters.len,
        .limit_ms = action->limit_ms,
    };
    struct fencing_run *run = calloc(1, sizeof(*run));
    struct fencing_run **place = run ? VEC_ADD(&d->fencing) : NULL;
    if (!place) {
        abort();
    }
    *place = run;
    run->daemon = d;
    run->id = action->id;
    run->only_asks = action->kind == ACTION_FENCE_STATUS;
    if (fence_start(d->event, &request, fence_answered, run, &run->run, &err) < 0) {
        d->fencing.len--;
        free(run);
        daemon_answer(d, action->id, CORE_FAILED,
                      err.text); /* it never ran, so it is not unknown */
    }
}

/* ---- this host's own power ---- */

struct power_run {
    struct daemon *daemon;
    uint64_t id;
    struct child *child;
};

static void power_ended(void *userdata, const struct child_result *result)
{
    CLEANUP(freep) struct power_run *run = userdata;
    struct daemon *d = run->daemon;
    struct core_event event = {.kind = CORE_ACTION_DONE, .id = run->id, .result = CORE_DONE};
    char text[error_text_size];
    if (result->end != CHILD_EXITED || result->status != 0) {
        (void)snprintf(text, sizeof(text), "%s: %.*s", d->config->power_command,
                       (int)strcspn(result->errors, "\n"),
                       result->end == CHILD_LATE ? "no answer" : result->errors);
        event.result = CORE_FAILED;
        event.text = text;
    }
    assert(d->power == run);
    d->power = NULL;
    daemon_step(d, event);
    (void)child_free(run->child);
}

/* What it starts comes back to us as a shutdown like any other (departure.h). */
static void perform_power(struct daemon *d, const struct core_action *action)
{
    const msec_t limit_ms = 30000;
    char program[config_text_size];
    char word[16];
    (void)snprintf(program, sizeof(program), "%s", d->config->power_command);
    (void)snprintf(word, sizeof(word), "%s",
                   action->power == NODE_POWER_REBOOT ? "reboot" : "poweroff");
    char *arguments[] = {program, word, NULL};
    const struct child_order order = {.program = program,
                                      .arguments = arguments,
                                      .output_max = error_text_size,
                                      .limit_ms = limit_ms};
    assert(!d->power &&
           action->power != NODE_POWER_NONE); /* one at a time: its answer is awaited */
    struct power_run *run = calloc(1, sizeof(*run));
    if (!run) {
        abort();
    }
    run->daemon = d;
    run->id = action->id;
    int r = child_start(d->event, &order, power_ended, run, &run->child);
    if (r < 0) {
        char text[error_text_size];
        (void)snprintf(text, sizeof(text), "%s: %s", program, strerror(-r));
        free(run);
        daemon_answer(d, action->id, CORE_FAILED, text);
        return;
    }
    d->power = run;
}

/* The daemon ends: what it began goes on. */
void daemon_leave_power(struct daemon *d)
{
    if (d->power) {
        (void)child_leave(d->power->child);
        free(d->power);
        d->power = NULL;
    }
}

/* ---- its GPUs ---- */

static int begin_gpu(struct daemon *d, const struct core_action *action, struct error *err)
{
    struct host *host = d->host;
    if (action->kind == ACTION_GPU_DISMOUNT) {
        return host_dismount(host, action->address, action->is_forced, action->id, err);
    }
    if (action->kind == ACTION_GPU_MOUNT) {
        return host_mount(host, action->address, action->id, err);
    }
    if (action->kind == ACTION_GPU_SPLIT) {
        return action->division.profile[0] != '\0'
                   ? host_divide(host, &action->division, action->id, err)
                   : host_split(host, action->address, action->count, action->id, err);
    }
    if (action->kind == ACTION_FABRIC) {
        return host_fabric(host, action->name, action->count > 0, action->id, err);
    }
    if (action->kind == ACTION_GPU_ERASE) {
        return host_clean(host, &action->slot, action->name, action->id, err);
    }
    return host_make(host, &action->slot, action->profile, action->id, err);
}

static void perform_gpu(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    if (begin_gpu(d, action, &err) < 0) {
        daemon_answer(d, action->id, CORE_FAILED, err.text);
    }
}

/* The last look at what leaves this process. Proofs, places and claims rest on
 * each other: one that is written whatever it has become meanwhile overwrites another's decision.
 */
static bool is_guarded(const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        enum record_kind kind = write->key.kind;
        bool others_rely = kind == RECORD_NODE_FENCE || kind == RECORD_NODE_ALIVE ||
                           kind == RECORD_VM_PLACEMENT || kind == RECORD_VM_STATUS ||
                           kind == RECORD_CLAIM || kind == RECORD_LEADER;
        if (others_rely && !txn_demands(txn, &write->key)) {
            return false;
        }
    }
    return true;
}

static void perform_txn(struct daemon *d, const struct core_action *action)
{
    assert(!action->txn.failed && is_guarded(&action->txn));
    examine_write_begun(d->examine, action->id, clock_boottime_ms());
    store_txn(d->store, &action->txn, action->limit_ms, action->id, write_answered, d);
}

/* Of one epoch: without it, the instance that others rely on would be ended as well as the one that
 * they take for gone. */
static void perform_kill(struct daemon *d, const struct core_action *action)
{
    assert(action->name[0] != '\0' && action->epoch > 0);
    virt_kill(d->virt, action->id, action->name, action->epoch, virt_answered, d);
}

static void perform_stop(struct daemon *d, const struct core_action *action)
{
    assert(action->name[0] != '\0' && action->epoch > 0);
    virt_stop(d->virt, action->id, action->name, action->epoch, action->offline, action->limit_ms,
              virt_answered, d);
}

static void perform_watch(struct daemon *d, const struct node_spec *spec)
{
    host_watch(d->host, spec->watched.items, spec->watched.len);
}

void daemon_perform(struct daemon *d, const struct core_action *action)
{
    switch (action->kind) {
    case ACTION_TXN:
        perform_txn(d, action);
        break;
    case ACTION_BARRIER:
        store_barrier(d->store, action->limit_ms, action->id, txn_answered, d);
        break;
    case ACTION_VM_START:
        perform_start(d, action);
        break;
    case ACTION_VM_STOP:
        perform_stop(d, action);
        break;
    case ACTION_VM_KILL:
        perform_kill(d, action);
        break;
    case ACTION_VM_KILL_ALL:
        virt_kill_all(d->virt, action->id, virt_answered, d);
        break;
    case ACTION_VM_REOPEN:
        virt_reopen(d->virt);
        break;
    case ACTION_VM_EXPECT:
    case ACTION_VM_MIGRATE:
    case ACTION_VM_ABORT:
    case ACTION_VM_CONTINUE:
        perform_move(d, action);
        break;
    case ACTION_WATCHDOG_ARM:
        perform_arm(d, action);
        break;
    case ACTION_WATCHDOG_PET:
        perform_pet(d, action);
        break;
    case ACTION_WATCHDOG_DISARM:
        perform_disarm(d);
        break;
    case ACTION_GPU_DISMOUNT:
    case ACTION_GPU_MOUNT:
    case ACTION_GPU_SPLIT:
    case ACTION_GPU_MAKE:
    case ACTION_GPU_CLEAR:
    case ACTION_GPU_ERASE:
    case ACTION_FABRIC:
        perform_gpu(d, action);
        break;
    case ACTION_FENCE_OFF:
    case ACTION_FENCE_STATUS:
        perform_fence(d, action);
        break;
    case ACTION_POWER:
        perform_power(d, action);
        break;
    case ACTION_WATCH:
        perform_watch(d, action->spec->node_spec);
        break;
    case ACTION_WATCH_BEATS:
        store_watch_beats(d->store, action->count > 0);
        break;
    case ACTION_CLUSTER:
        daemon_take_cluster(d, action->name);
        break;
    case ACTION_IDENTITY:
        daemon_keep_identity(d, action->incarnation);
        break;
    case ACTION_LEAVE:
        (void)sd_event_exit(d->event, 0);
        break;
    }
}

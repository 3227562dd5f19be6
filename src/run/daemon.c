/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop of berthd. One event at a time goes through the core's door; its actions are performed
 * at once, none of them blocks; their answers come as events of their own, later.
 */
#include "run/daemon.h"

#include "core/core.h"
#include "fence/agent.h"
#include "fence/watchdog.h"
#include "host/host.h"
#include "run/event_log.h"
#include "run/open_store.h"
#include "virt/virt.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

enum { watchdog_minimum_ms = 2000, clock_accuracy_usec = 1000 };

/* An answer that is known at once; told after all actions of the step are performed. */
struct answer {
    uint64_t id;
    enum core_result result;
    char text[error_text_size];
};

struct fencing_run {
    struct daemon *daemon;
    uint64_t id;
    struct fence_run *run;
};

struct daemon {
    const struct config *config;
    sd_event *event;
    sd_event_source *wake;
    struct core *core;
    struct store *store;
    struct virt *virt;
    struct host *host;
    struct event_log *log;
    struct watchdog_config watchdog_config;
    struct watchdog *watchdog;
    VEC(struct answer) answers;
    VEC(struct fencing_run *) fencing;
    int lock_fd;
};

/* Counts while the host is suspended, too: what slept must notice how long. */
static msec_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void step(struct daemon *d, struct core_event event);

static void answer(struct daemon *d, uint64_t id, enum core_result result, const char *text)
{
    struct answer *place = VEC_ADD(&d->answers);
    if (!place) {
        abort(); /* crash-only, as the core: VMs go on and are adopted */
    }
    place->id = id;
    place->result = result;
    (void)snprintf(place->text, sizeof(place->text), "%s", text ? text : "");
}

/* ---- performing ---- */

static void txn_answered(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                         const struct error *error)
{
    step(userdata, (struct core_event){.kind = CORE_TXN_DONE,
                                       .id = id,
                                       .outcome = outcome,
                                       .revision = revision,
                                       .text = error ? error->text : NULL});
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
    step(userdata,
         (struct core_event){.kind = CORE_ACTION_DONE,
                             .id = result->id,
                             .result = result_of(result->outcome),
                             .text = result->outcome == VIRT_DONE ? NULL : result->error.text,
                             .culprit = result->has_culprit ? &result->culprit : NULL});
}

/* One claimed device with what the inventory knows of it. */
static bool describe_device(const struct daemon *d, const struct vm_placement *placement,
                            const struct gpu_hold *hold, struct domain_device *ret,
                            uint64_t *mmio_size)
{
    const struct gpu *gpu = world_gpu(core_world(d->core), placement->node, hold->slot.address);
    if (!gpu) {
        return false;
    }
    ret->slot = hold->slot;
    if (hold->slot.partition[0] == '\0') {
        memcpy(ret->companions, gpu->companions, sizeof(ret->companions));
        ret->companion_len = gpu->companion_len;
    }
    *mmio_size += gpu_mmio_size(gpu);
    return true;
}

static void perform_start(struct daemon *d, const struct core_action *action)
{
    const struct vm_placement *placement = action->placement->placement;
    const struct vm_spec *spec = action->spec->vm_spec;
    struct domain_device devices[gpus_per_vm_max] = {0};
    struct domain_compose compose = {
        .xml = spec->xml,
        .uuid = spec->uuid,
        .marker = {.epoch = action->epoch, .incarnation = action->incarnation},
        .devices = devices,
        .mmio_mib = spec->mmio_mib,
    };
    (void)snprintf(compose.marker.vm, name_size, "%s", action->name);
    (void)snprintf(compose.marker.node, name_size, "%s", d->config->node);
    VEC_EACH(&placement->gpus, hold) {
        if (compose.device_len == gpus_per_vm_max ||
            !describe_device(d, placement, hold, &devices[compose.device_len],
                             &compose.mmio_size)) {
            answer(d, action->id, CORE_FAILED, "a GPU of its placement is not in this host");
            return;
        }
        compose.device_len++;
    }
    virt_start(d->virt, action->id, &compose, action->limit_ms, virt_answered, d);
}

static void perform_arm(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    if (d->watchdog && watchdog_timeout_ms(d->watchdog) != action->limit_ms) {
        if (watchdog_disarm(&d->watchdog, &err) < 0) {
            answer(d, action->id, CORE_FAILED, err.text);
            return;
        }
    }
    if (d->watchdog) {
        answer(d, action->id, CORE_DONE, NULL);
        return;
    }
    if (watchdog_arm(&d->watchdog_config, action->limit_ms, &d->watchdog, &err) < 0) {
        answer(d, action->id, CORE_FAILED, err.text);
        return;
    }
    if (watchdog_timeout_ms(d->watchdog) != action->limit_ms) {
        struct error why;
        (void)error_set(&why, -ERANGE, "it takes %lld ms instead of %lld",
                        (long long)watchdog_timeout_ms(d->watchdog), (long long)action->limit_ms);
        (void)watchdog_disarm(&d->watchdog, &err);
        answer(d, action->id, CORE_FAILED, why.text);
        return;
    }
    if (watchdog_keep(d->watchdog, &err) < 0) {
        journal_line(LOG_WARNING, "watchdog: no keeper (%s): if berthd is killed the host gets one "
                                  "watchdog time more before it is reset", err.text);
    }
    answer(d, action->id, CORE_DONE, NULL);
}

static void perform_pet(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    if (!d->watchdog) {
        return;
    }
    msec_t now = now_ms();
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
    for (size_t i = 0; i < d->fencing.len; i++) {
        if (d->fencing.items[i] == run) {
            VEC_REMOVE(&d->fencing, i);
            break;
        }
    }
    free(run);
    step(d, event);
}

static void perform_fence(struct daemon *d, const struct core_action *action)
{
    const struct node_spec *spec = action->spec->node_spec;
    struct fence_request request = {
        .action = FENCE_OFF,
        .agent = spec->fence_agent,
        .parameters = spec->fence_parameters.items,
        .parameter_len = spec->fence_parameters.len,
        .limit_ms = action->limit_ms,
    };
    struct error err = {0};
    struct fencing_run *run = calloc(1, sizeof(*run));
    struct fencing_run **place = run ? VEC_ADD(&d->fencing) : NULL;
    if (!place) {
        abort();
    }
    *place = run;
    run->daemon = d;
    run->id = action->id;
    if (fence_start(d->event, &request, fence_answered, run, &run->run, &err) < 0) {
        d->fencing.len--;
        free(run);
        answer(d, action->id, CORE_FAILED, err.text);
    }
}

static void perform(struct daemon *d, const struct core_action *action)
{
    struct error err = {0};
    switch (action->kind) {
    case ACTION_TXN:
        store_txn(d->store, &action->txn, action->limit_ms, action->id, txn_answered, d);
        break;
    case ACTION_BARRIER:
        store_barrier(d->store, action->limit_ms, action->id, txn_answered, d);
        break;
    case ACTION_VM_START:
        perform_start(d, action);
        break;
    case ACTION_VM_STOP:
        virt_stop(d->virt, action->id, action->name, action->epoch, action->offline,
                  action->limit_ms, virt_answered, d);
        break;
    case ACTION_VM_KILL:
        virt_kill(d->virt, action->id, action->name, action->epoch, virt_answered, d);
        break;
    case ACTION_VM_KILL_ALL:
        virt_kill_all(d->virt, action->id, virt_answered, d);
        break;
    case ACTION_VM_REOPEN:
        virt_reopen(d->virt);
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
        if (host_dismount(d->host, action->address, action->is_forced, action->id, &err) < 0) {
            answer(d, action->id, CORE_FAILED, err.text);
        }
        break;
    case ACTION_GPU_MOUNT:
        if (host_mount(d->host, action->address, action->id, &err) < 0) {
            answer(d, action->id, CORE_FAILED, err.text);
        }
        break;
    case ACTION_FENCE_OFF:
        perform_fence(d, action);
        break;
    case ACTION_LEAVE:
        (void)sd_event_exit(d->event, 0);
        break;
    }
}

/* ---- the door ---- */

static void set_wake(struct daemon *d, msec_t at_ms)
{
    if (at_ms == MSEC_NEVER) {
        (void)sd_event_source_set_enabled(d->wake, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time(d->wake, (uint64_t)MAX(at_ms, 0) * 1000);
    (void)sd_event_source_set_enabled(d->wake, SD_EVENT_ONESHOT);
}

static void step_once(struct daemon *d, struct core_event *event)
{
    struct core_update update;
    event->now_ms = now_ms();
    core_step(d->core, event, &update);
    for (size_t i = 0; i < update.note_len; i++) {
        event_log_note(d->log, &update.notes[i]);
    }
    for (size_t i = 0; i < update.action_len; i++) {
        perform(d, &update.actions[i]);
    }
    set_wake(d, update.wake_ms);
}

static void step(struct daemon *d, struct core_event event)
{
    step_once(d, &event);
    while (d->answers.len > 0) {
        struct answer first = d->answers.items[0];
        VEC_REMOVE(&d->answers, 0);
        struct core_event told = {.kind = CORE_ACTION_DONE,
                                  .id = first.id,
                                  .result = first.result,
                                  .text = first.text[0] ? first.text : NULL};
        step_once(d, &told);
    }
}

static int wake_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    step(userdata, (struct core_event){.kind = CORE_TICK});
    return 0;
}

/* ---- observing ---- */

static void on_reset(void *userdata)
{
    step(userdata, (struct core_event){.kind = CORE_STORE_RESET});
}

static void on_record(void *userdata, struct record *record)
{
    step(userdata, (struct core_event){.kind = CORE_STORE_RECORD, .record = record});
}

static void on_removed(void *userdata, const struct record_key *key, revision_t revision)
{
    step(userdata,
         (struct core_event){.kind = CORE_STORE_REMOVED, .key = key, .revision = revision});
}

static void on_synced(void *userdata, revision_t revision)
{
    step(userdata, (struct core_event){.kind = CORE_STORE_SYNCED, .revision = revision});
}

static void on_progress(void *userdata, revision_t revision)
{
    step(userdata, (struct core_event){.kind = CORE_STORE_PROGRESS, .revision = revision});
}

static void on_stale(void *userdata, bool is_stale)
{
    (void)userdata;
    journal_line(is_stale ? LOG_WARNING : LOG_INFO, "store: %s",
                 is_stale ? "no majority answers" : "it answers");
}

static void on_bad(void *userdata, const char *key, revision_t revision, const struct error *error)
{
    (void)userdata;
    journal_line(LOG_ERR, "store: %s (revision %lld) cannot be read and is passed over: %s", key,
                 (long long)revision, error->text);
}

static void on_trouble(void *userdata, const struct error *error)
{
    (void)userdata;
    journal_line(LOG_WARNING, "store: %s", error->text);
}

static void on_instance(void *userdata, const struct virt_instance *instance)
{
    step(userdata, (struct core_event){.kind = CORE_VM_EXISTS,
                                       .name = instance->vm,
                                       .epoch = instance->epoch,
                                       .is_up = instance->state != VM_STATE_STARTING});
}

static void on_gone(void *userdata, const char *vm, uint64_t epoch, const char *reason,
                    bool is_asked)
{
    (void)is_asked;
    step(userdata, (struct core_event){
                       .kind = CORE_VM_GONE, .name = vm, .epoch = epoch, .text = reason});
}

static void on_listed(void *userdata)
{
    step(userdata, (struct core_event){.kind = CORE_VMS_LISTED});
}

static void on_connection(void *userdata, bool is_up, const char *detail)
{
    journal_line(is_up ? LOG_INFO : LOG_WARNING, "hypervisor: %s%s%s",
                 is_up ? "it answers" : "it does not answer", detail[0] ? ": " : "", detail);
    step(userdata, (struct core_event){.kind = CORE_HYPERVISOR, .is_up = is_up, .text = detail});
}

static void on_inventory(void *userdata, const struct node_inventory *inventory)
{
    struct daemon *d = userdata;
    CLEANUP(record_unrefp)
    struct record *record = record_new(RECORD_NODE_INVENTORY, d->config->node, NULL);
    if (!record) {
        abort();
    }
    /* Lent to a record for the copying only. */
    *record->inventory = *inventory;
    struct record *copy = record_copy(record);
    *record->inventory = (struct node_inventory){0};
    if (!copy) {
        abort();
    }
    step(d, (struct core_event){.kind = CORE_INVENTORY, .record = copy});
    record_unref(copy);
}

static void on_blind(void *userdata, const struct error *err)
{
    (void)userdata;
    journal_line(LOG_ERR, "host: the inventory cannot be read: %s", err->text);
}

static void on_rebound(void *userdata, uint64_t id, enum host_outcome outcome,
                       const struct error *err)
{
    struct core_event event = {.kind = CORE_ACTION_DONE, .id = id, .text = err ? err->text : NULL};
    event.result = outcome == HOST_DONE     ? CORE_DONE
                   : outcome == HOST_FAILED ? CORE_FAILED
                                            : CORE_UNKNOWN;
    step(userdata, event);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    (void)source;
    journal_line(LOG_INFO, "berthd: told to end (signal %u): VMs go on", info->ssi_signo);
    step(userdata, (struct core_event){.kind = CORE_LEAVE});
    return 0;
}

/* ---- beginning and end ---- */

/* Only one berthd a host: two would fight for its VMs. */
static int take_lock(struct daemon *d, struct error *err)
{
    char path[config_text_size + 16];
    (void)mkdir(d->config->run_dir, 0755);
    (void)snprintf(path, sizeof(path), "%s/berthd.lock", d->config->run_dir);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0) {
        return error_set(err, -errno, "cannot open %s: %s (is run_dir right?)", path,
                         strerror(errno));
    }
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return error_set(err, -EBUSY, "another berthd runs on this host (it holds %s)", path);
    }
    return 0;
}

static void find_watchdog(struct daemon *d)
{
    struct core_event event = {.kind = CORE_WATCHDOG_FOUND};
    struct watchdog_state state;
    struct error err = {0};
    if (strcmp(d->config->watchdog, "none") != 0) {
        d->watchdog_config = watchdog_config_default;
        d->watchdog_config.minimum_ms = watchdog_minimum_ms;
        (void)snprintf(d->watchdog_config.device, sizeof(d->watchdog_config.device), "%.*s",
                       watchdog_path_size - 1, d->config->watchdog);
        (void)snprintf(d->watchdog_config.keeper, sizeof(d->watchdog_config.keeper),
                       "%.80s/watchdog", d->config->run_dir);
        if (watchdog_adopt(&d->watchdog_config, &d->watchdog, &err) == 0) {
            event.is_up = true;
            event.span_ms = watchdog_timeout_ms(d->watchdog);
            journal_line(LOG_INFO, "watchdog: taken over, ticking (%lld ms)",
                         (long long)event.span_ms);
        } else {
            int r = watchdog_inspect(&d->watchdog_config, &state, &err);
            event.is_up = r == 0 || r == -ENODATA;
            journal_line(event.is_up ? LOG_INFO : LOG_WARNING, "watchdog: %s",
                         event.is_up ? state.device : err.text);
        }
    }
    step(d, event);
}

static int watch_signals(struct daemon *d, struct error *err)
{
    static const int ends[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        int r = sd_event_add_signal(d->event, NULL, ends[i], on_signal, d);
        if (r < 0) {
            return error_set(err, r, "cannot watch for signals: %s", strerror(-r));
        }
    }
    return 0;
}

static int open_core(struct daemon *d, struct error *err)
{
    struct core_config core_config = {0};
    struct host_config host_config = host_config_default;
    (void)snprintf(core_config.node, sizeof(core_config.node), "%s", d->config->node);
    (void)snprintf(host_config.root, sizeof(host_config.root), "%s", d->config->host_root);
    if (host_boot_id(&host_config, core_config.boot_id, err) < 0) {
        return err->code;
    }
    d->core = core_new(&core_config);
    int r = d->core ? 0 : -ENOMEM;
    if (r == 0) {
        r = sd_event_add_time(d->event, &d->wake, CLOCK_BOOTTIME, 0, clock_accuracy_usec, wake_due,
                              d);
    }
    if (r >= 0) {
        r = sd_event_source_set_priority(d->wake, SD_EVENT_PRIORITY_IMPORTANT);
    }
    return r < 0 ? error_set(err, r, "cannot set up the loop: %s", strerror(-r)) : 0;
}

static int open_host(struct daemon *d, struct error *err)
{
    static const struct host_callbacks callbacks = {on_inventory, on_blind, on_rebound};
    struct host_config config = host_config_default;
    (void)snprintf(config.node, sizeof(config.node), "%s", d->config->node);
    (void)snprintf(config.root, sizeof(config.root), "%s", d->config->host_root);
    for (size_t i = 0; i < d->config->device_len && i < host_devices_max; i++) {
        if (!pci_address_parse(d->config->devices[i].text, &config.devices[config.device_len++])) {
            return error_set(err, -EINVAL, "devices: \"%s\" is no PCI address",
                             d->config->devices[i].text);
        }
    }
    return host_new(d->event, &config, &callbacks, d, &d->host, err);
}

static int open_parts(struct daemon *d, struct error *err)
{
    static const struct store_observer store_observer = {
        .reset = on_reset,
        .record = on_record,
        .removed = on_removed,
        .synced = on_synced,
        .progress = on_progress,
        .stale = on_stale,
        .bad = on_bad,
        .trouble = on_trouble,
    };
    static const struct virt_observer virt_observer = {on_instance, on_gone, on_listed,
                                                       on_connection};
    struct virt_config virt_config = {.uri = d->config->libvirt_uri, .node = d->config->node};
    int r = open_core(d, err);
    if (r == 0) {
        r = open_store(d->event, d->config, &store_observer, d, &d->store, err);
    }
    if (r == 0) {
        d->log = event_log_new(d->event, d->store, d->config->node);
        r = d->log ? 0 : error_set(err, -ENOMEM, "no memory");
    }
    if (r == 0) {
        r = virt_new(d->event, &virt_config, &virt_observer, d, &d->virt, err);
    }
    if (r == 0) {
        r = open_host(d, err);
    }
    if (r == 0) {
        r = watch_signals(d, err);
    }
    return r;
}

static void close_parts(struct daemon *d)
{
    VEC_EACH(&d->fencing, run) {
        (void)fence_cancel((*run)->run);
        free(*run);
    }
    VEC_DONE(&d->fencing);
    VEC_DONE(&d->answers);
    d->virt = virt_free(d->virt);
    d->host = host_free(d->host);
    d->log = event_log_free(d->log);
    store_free(d->store);
    d->core = core_free(d->core);
    d->watchdog = watchdog_free(d->watchdog); /* let go only if the core ordered it */
    sd_event_source_disable_unref(d->wake);
    sd_event_unref(d->event);
    closep(&d->lock_fd);
}

int daemon_run(const struct config *config, struct error *err)
{
    struct daemon d = {.config = config, .lock_fd = -1};
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread is made */
    (void)signal(SIGPIPE, SIG_IGN);
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) {
        journal_line(LOG_NOTICE, "berthd: memory is not locked: %s", strerror(errno));
    }
    int r = take_lock(&d, err);
    if (r == 0) {
        r = sd_event_new(&d.event);
        r = r < 0 ? error_set(err, r, "cannot make the loop: %s", strerror(-r)) : 0;
    }
    if (r == 0) {
        r = open_parts(&d, err);
    }
    if (r == 0) {
        find_watchdog(&d);
        journal_line(LOG_INFO, "berthd: %s begins", config->node);
        (void)sd_notify(0, "READY=1");
        (void)sd_event_set_watchdog(d.event, true);
        r = sd_event_loop(d.event);
        r = r < 0 ? error_set(err, r, "the loop ended: %s", strerror(-r)) : 0;
    }
    close_parts(&d);
    return r;
}

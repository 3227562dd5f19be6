/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop of berthd. One event at a time goes through the core's door; its actions are performed
 * at once, none of them blocks; their answers come as events of their own, later.
 * Longer than most: every adapter is connected here.
 */
#include "run/daemon.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/memory.h"
#include "loop/sibling.h"
#include "model/words.h"
#include "run/daemon_internal.h"
#include "run/departure.h"

#include <systemd/sd-daemon.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { clock_accuracy_usec = 1000 };

void daemon_answer(struct daemon *d, uint64_t id, enum core_result result, const char *text)
{
    struct answer *place = VEC_ADD(&d->answers);
    if (!place) {
        abort(); /* crash-only, as the core: VMs go on and are adopted */
    }
    place->id = id;
    place->result = result;
    (void)snprintf(place->text, sizeof(place->text), "%s", text ? text : "");
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

/* Events wait until it is clear whose store this is. To the store of its own cluster a host that is
 * contradicted says so: nothing depends on events, and the others see only its silence. */
static void tell_contradiction(struct daemon *d)
{
    const struct cause why = {.code = core_contradiction(d->core)};
    char words[words_max];
    event_log_hold(d->log, why.code != CAUSE_NONE && !core_store_is_ours(d->core));
    if (why.code != d->contradiction) {
        d->contradiction = why.code;
        identity_tell(d->config->run_dir, why.code != CAUSE_NONE ? words_cause(&why, words) : NULL);
    }
}

/* For who shuts this host down. */
static void tell_departure(struct daemon *d)
{
    uint32_t waits = core_shutdown_waits(d->core);
    if (d->is_departing && waits != d->departing_waits) {
        d->departing_waits = waits;
        departure_tell(d->config->run_dir, waits);
    }
}

static void step_once(struct daemon *d, struct core_event *event)
{
    struct core_update update;
    /* The core lends its actions until its next step. An adapter that answered from within its call
     * would take away the rest of them: kills, or the status that must be written first. */
    assert(!d->is_stepping);
    d->is_stepping = true;
    event->now_ms = clock_boottime_ms();
    core_step(d->core, event, &update);
    tell_contradiction(d);
    for (size_t i = 0; i < update.note_len; i++) {
        event_log_note(d->log, &update.notes[i]);
    }
    for (size_t i = 0; i < update.action_len; i++) {
        daemon_perform(d, &update.actions[i]);
    }
    d->is_stepping = false;
    set_wake(d, update.wake_ms);
    tell_departure(d);
}

void daemon_step(struct daemon *d, struct core_event event)
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
    daemon_step(userdata, (struct core_event){.kind = CORE_TICK});
    return 0;
}

/* ---- observing ---- */

/* From the store. */
static void hear(void *owner, const struct core_event *event)
{
    struct daemon *d = owner;
    if (event->kind == CORE_STORE_RECORD) {
        daemon_saw_key_news(d, event->record->key.kind);
    } else if (event->kind == CORE_STORE_REMOVED) {
        daemon_saw_key_news(d, event->key->kind);
    }
    daemon_step(d, *event);
    if (event->kind == CORE_STORE_SYNCED || event->kind == CORE_STORE_PROGRESS) {
        daemon_grant_keys(d);
    }
}

static void on_surveyed(void *userdata)
{
    const struct hearing *hearing = userdata;
    daemon_saw_endpoints(hearing->owner);
}

static void on_stale(void *userdata, bool is_stale)
{
    (void)userdata;
    journal_line(is_stale ? LOG_WARNING : LOG_INFO, "store: %s",
                 is_stale ? "no majority answers" : "it answers");
}

static void on_instance(void *userdata, const struct virt_instance *instance)
{
    daemon_step(userdata, (struct core_event){.kind = CORE_VM_EXISTS,
                                              .name = instance->vm,
                                              .epoch = instance->epoch,
                                              .node = instance->node,
                                              .is_up = instance->state != VM_STATE_STARTING,
                                              .has_arrived = instance->has_arrived,
                                              .is_stranded = instance->is_stranded,
                                              .is_halted = instance->is_halted});
}

static void on_gone(void *userdata, const char *vm, uint64_t epoch, const char *reason,
                    enum virt_end how)
{
    daemon_step(userdata, (struct core_event){.kind = CORE_VM_GONE,
                                              .name = vm,
                                              .epoch = epoch,
                                              .text = reason,
                                              .is_away = how == VIRT_END_AWAY});
}

static void on_moving(void *userdata, const char *vm, uint64_t epoch,
                      const struct move_progress *progress)
{
    daemon_step(userdata,
                (struct core_event){
                    .kind = CORE_VM_MOVING, .name = vm, .epoch = epoch, .progress = progress});
}

static void on_listed(void *userdata)
{
    daemon_step(userdata, (struct core_event){.kind = CORE_VMS_LISTED});
}

static void on_connection(void *userdata, bool is_up, const char *detail)
{
    const struct daemon *d = userdata;
    journal_line(is_up ? LOG_INFO : LOG_WARNING, "hypervisor: %s%s%s",
                 is_up ? "it answers" : "it does not answer", detail[0] ? ": " : "", detail);
    daemon_step(userdata,
                (struct core_event){.kind = CORE_HYPERVISOR, .is_up = is_up, .text = detail});
    if (is_up && d->host && d->config->migration_address[0]) {
        host_refresh(d->host); /* the CPU's model is known now */
    }
}

/* Without an address this host neither hands over nor takes in. */
static void daemon_tell_migration(const struct daemon *d, struct node_inventory *inventory)
{
    const char *fault = config_fault(d->config);
    if (fault) {
        (void)node_checks_add(&inventory->checks, "migration", false, "%s", fault);
    }
    if (d->config->migration_address[0] && d->virt) {
        (void)copy_text(inventory->migration_address, sizeof(inventory->migration_address),
                        d->config->migration_address);
        (void)copy_text(inventory->cpu_model, sizeof(inventory->cpu_model),
                        virt_cpu_model(d->virt));
    }
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
    if (!copy || !examine_add(d->examine, copy->inventory)) {
        abort();
    }
    daemon_tell_foreign(d, copy->inventory);
    daemon_tell_renamed(d, copy->inventory);
    daemon_tell_migration(d, copy->inventory);
    (void)copy_text(copy->inventory->screen_address, sizeof(copy->inventory->screen_address),
                    d->config->screen_address);
    daemon_tell_endpoints(d, copy->inventory);
    daemon_tell_key(d, copy->inventory);
    daemon_step(d, (struct core_event){.kind = CORE_INVENTORY, .record = copy});
    record_unref(copy);
}

static const struct world *world_now(void *userdata)
{
    struct daemon *d = userdata;
    return core_world(d->core);
}

static void on_examined(void *userdata)
{
    struct daemon *d = userdata;
    host_refresh(d->host); /* its inventory carries what was found */
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
    daemon_step(userdata, event);
}

/* As systemd does before it starts the next one: no farewell, which would stop the others from
 * recovering our VMs if that one did not come. */
static int on_restart(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct daemon *d = userdata;
    (void)source;
    (void)info;
    journal_line(LOG_INFO, "berthd: told to make way for the next one: VMs go on");
    return sd_event_exit(d->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    (void)source;
    journal_line(LOG_INFO, "berthd: told to end (signal %u)", info->ssi_signo);
    daemon_step(userdata, (struct core_event){.kind = CORE_LEAVE});
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

static int watch_signals(struct daemon *d, struct error *err)
{
    static const int ends[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        int r = sd_event_add_signal(d->event, NULL, ends[i], on_signal, d);
        if (r < 0) {
            return error_set(err, r, "cannot watch for signals: %s", strerror(-r));
        }
    }
    int r = sd_event_add_signal(d->event, NULL, SIGUSR1, on_restart, d);
    return r < 0 ? error_set(err, r, "cannot watch for signals: %s", strerror(-r)) : 0;
}

static int open_core(struct daemon *d, struct error *err)
{
    struct core_config core_config = {.joined_incarnation = d->identity.incarnation};
    (void)copy_text(core_config.node, sizeof(core_config.node), d->config->node);
    memcpy(core_config.boot_id, d->identity.boot_id, sizeof(core_config.boot_id));
    memcpy(core_config.cluster, d->identity.cluster, sizeof(core_config.cluster));
    if (identity_make_cluster(core_config.fresh_cluster, err) < 0) {
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

static bool read_addresses(const struct config_text *texts, size_t len, struct pci_address *ret,
                           uint32_t *ret_len)
{
    *ret_len = (uint32_t)MIN(len, (size_t)host_devices_max);
    for (uint32_t i = 0; i < *ret_len; i++) {
        if (!pci_address_parse(texts[i].text, &ret[i])) {
            return false;
        }
    }
    return true;
}

static int open_host(struct daemon *d, struct error *err)
{
    static const struct host_callbacks callbacks = {on_inventory, on_blind, on_rebound};
    struct host_config config = host_config_default;
    (void)snprintf(config.node, sizeof(config.node), "%s", d->config->node);
    (void)snprintf(config.root, sizeof(config.root), "%s", d->config->host_root);
    (void)snprintf(config.lock_directory, sizeof(config.lock_directory), "%s", d->config->run_dir);
    (void)sibling_find("berth-host", config.helper, sizeof(config.helper));
    if (!read_addresses(d->config->devices, d->config->device_len, config.devices,
                        &config.device_len) ||
        !read_addresses(d->config->whole_groups, d->config->whole_group_len, config.whole_groups,
                        &config.whole_group_len)) {
        return error_set(err, -EINVAL, "devices and whole_groups: PCI addresses are needed");
    }
    for (size_t i = 0; i < d->config->erase_command_len; i++) {
        const char *text = d->config->erase_commands[i].text, *equals = strchr(text, '=');
        struct host_eraser *eraser = &config.erasers[config.eraser_len++];
        (void)snprintf(eraser->name, sizeof(eraser->name), "%.*s", (int)(equals - text), text);
        (void)snprintf(eraser->program, sizeof(eraser->program), "%s", equals + 1);
    }
    config.erase_ms = d->config->erase_ms;
    (void)snprintf(config.fabric_helper, sizeof(config.fabric_helper), "%s",
                   d->config->fabric_helper);
    return host_new(d->event, &config, &callbacks, d, &d->host, err);
}

static int open_examine(struct daemon *d, struct error *err)
{
    static const struct examine_callbacks callbacks = {world_now, on_examined, daemon_open_level};
    struct examine_config config = examine_config_default;
    (void)snprintf(config.node, sizeof(config.node), "%s", d->config->node);
    config.etcd_endpoint_len = d->config->etcd_endpoint_len;
    config.watchdog = strcmp(d->config->watchdog, "none") != 0 ? &d->watchdog_config : NULL;
    config.certificate = d->config->etcd_certificate;
    config.key = d->config->etcd_key;
    config.migration_address = d->config->migration_address;
    config.is_store_open = config_open_endpoint(d->config) != NULL;
    return examine_new(d->event, &config, &callbacks, d, &d->examine, err);
}

static int open_parts(struct daemon *d, struct error *err)
{
    struct store_observer store_observer = hearing_observer;
    store_observer.stale = on_stale;
    store_observer.surveyed = on_surveyed;
    d->hearing = (struct hearing){hear, d, &d->store};
    static const struct virt_observer virt_observer = {
        on_instance,        on_gone,        on_listed, on_connection, on_moving, daemon_saw_foreign,
        daemon_heard_guest, daemon_measured};
    char notes[config_text_size + 16], orders[config_text_size + 16];
    (void)snprintf(notes, sizeof(notes), "%s/instances", d->config->run_dir);
    (void)snprintf(orders, sizeof(orders), "%s/incoming", d->config->run_dir);
    struct domain_policy policy;
    config_domain_policy(d->config, &policy);
    const struct virt_config virt_config = {.uri = d->config->libvirt_uri,
                                            .cluster = d->identity.cluster,
                                            .notes = notes,
                                            .orders =
                                                d->config->migration_address[0] ? orders : NULL,
                                            .policy = &policy};
    int r = open_core(d, err);
    if (r == 0) {
        r = open_store(d->event, d->config, &store_observer, d->identity.etcd, &d->hearing,
                       &d->store, err);
    }
    if (r == 0) {
        r = store_watch_own(d->store, d->config->node, err); /* the core asks for more */
    }
    if (r == 0) {
        d->log = event_log_new(d->event, d->store, d->config->node);
        r = d->log ? 0 : error_set(err, -ENOMEM, "no memory");
    }
    if (r == 0) {
        r = virt_new(d->event, &virt_config, &virt_observer, d, &d->virt, err);
    }
    if (r == 0) {
        r = daemon_watch_guests(d);
        r = r < 0 ? r : daemon_watch_use(d);
        r = r < 0 ? error_set(err, r, "cannot set up the loop: %s", strerror(-r)) : 0;
    }
    if (r == 0) {
        r = open_host(d, err);
    }
    if (r == 0) {
        r = open_examine(d, err);
    }
    if (r == 0) {
        r = watch_signals(d, err);
    }
    if (r == 0) {
        r = daemon_watch_word(d, err);
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
    daemon_leave_power(d);
    VEC_DONE(&d->answers);
    loop_timer_done(&d->guests);
    daemon_leave_use(d);
    d->virt = virt_free(d->virt);
    d->examine = examine_free(d->examine);
    d->host = host_free(d->host);
    d->log = event_log_free(d->log);
    store_free(d->store);
    d->core = core_free(d->core);
    d->watchdog = watchdog_free(d->watchdog); /* let go only if the core ordered it */
    sd_event_source_disable_unref(d->wake);
    sd_event_source_disable_unref(d->resolving);
    sd_event_source_disable_unref(d->watchdog_look);
    sd_event_unref(d->event);
    seal_pair_done(&d->host_key);
    closep(&d->lock_fd);
}

int daemon_run(const struct config *config, struct error *err)
{
    struct daemon d = {.config = config, .lock_fd = -1};
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread is made */
    (void)signal(SIGPIPE, SIG_IGN);
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) {
        journal_line(LOG_NOTICE, "berthd: memory is not locked: %s", strerror(errno));
    }
    const char *fault = config_fault(config);
    if (fault) {
        journal_line(LOG_ERR, "berthd: %s", fault);
    }
    int r = take_lock(&d, err);
    if (r == 0) {
        r = sd_event_new(&d.event);
        r = r < 0 ? error_set(err, r, "cannot make the loop: %s", strerror(-r)) : 0;
    }
    if (r == 0) {
        r = daemon_load_identity(&d, err);
    }
    if (r == 0) {
        daemon_open_keyring(&d);
        r = open_parts(&d, err);
    }
    if (r == 0) {
        r = daemon_find_watchdog(&d, err);
    }
    if (r == 0) {
        journal_line(LOG_INFO, "berthd: %s begins", config->node);
        (void)sd_notify(0, "READY=1");
        (void)sd_event_set_watchdog(d.event, true);
        r = sd_event_loop(d.event);
        r = r < 0 ? error_set(err, r, "the loop ended: %s", strerror(-r)) : 0;
    }
    close_parts(&d);
    return r;
}

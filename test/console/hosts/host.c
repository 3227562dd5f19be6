/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A played host: its power, and what berthd is on a real one. */
#include "test/console/hosts/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>

enum { boot_ms = 1500, use_ms = 2000 };

msec_t host_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the core's door ---- */

static void txn_answered(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                         const struct error *error)
{
    host_step(userdata, (struct core_event){.kind = CORE_TXN_DONE,
                                            .id = id,
                                            .outcome = outcome,
                                            .revision = revision,
                                            .text = error ? error->text : NULL});
}

static void perform(struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_TXN) {
        store_txn(host->store, &action->txn, action->limit_ms, action->id, txn_answered, host);
    } else if (action->kind == ACTION_BARRIER) {
        store_barrier(host->store, action->limit_ms, action->id, txn_answered, host);
    } else {
        machine_perform(host, action);
    }
}

static void step_once(struct host *host, struct core_event *event)
{
    struct core_update update;
    event->now_ms = host_now_ms();
    core_step(host->core, event, &update);
    for (size_t i = 0; i < update.note_len; i++) {
        event_log_note(host->log, &update.notes[i]);
    }
    for (size_t i = 0; i < update.action_len; i++) {
        perform(host, &update.actions[i]);
    }
    if (update.wake_ms == MSEC_NEVER) {
        (void)sd_event_source_set_enabled(host->wake, SD_EVENT_OFF);
    } else {
        (void)sd_event_source_set_time(host->wake, (uint64_t)MAX(update.wake_ms, 0) * 1000);
        (void)sd_event_source_set_enabled(host->wake, SD_EVENT_ONESHOT);
    }
}

void host_step(struct host *host, struct core_event event)
{
    step_once(host, &event);
    while (host->answers.len > 0) {
        struct answer first = host->answers.items[0];
        VEC_REMOVE(&host->answers, 0);
        struct core_event told = {.kind = CORE_ACTION_DONE,
                                  .id = first.id,
                                  .result = first.result,
                                  .text = first.text[0] ? first.text : NULL,
                                  .culprit = first.has_culprit ? &first.culprit : NULL};
        step_once(host, &told);
    }
}

void host_answer(struct host *host, uint64_t id, enum core_result result, const char *text,
                 const struct gpu_slot *culprit)
{
    struct answer *answer = id ? VEC_ADD(&host->answers) : NULL;
    if (!answer) {
        return;
    }
    answer->id = id;
    answer->result = result;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", text ? text : "");
    answer->has_culprit = culprit != NULL;
    if (culprit) {
        answer->culprit = *culprit;
    }
}

/* ---- what it hears ---- */

static int wake_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    host_step(userdata, (struct core_event){.kind = CORE_TICK});
    return 0;
}

static void hear(void *owner, const struct core_event *event)
{
    struct host *host = owner;
    bool is_test = event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_FENCE_TEST;
    host_step(host, *event);
    if (is_test) {
        machine_tell_inventory(host);
    }
}

static void on_bad(void *userdata, const char *key, revision_t revision, const struct error *error)
{
    const struct hearing *hearing = userdata;
    const struct host *host = hearing->owner;
    journal_line(LOG_ERR, "%s: %s (revision %lld) cannot be read: %s", host->name, key,
                 (long long)revision, error->text);
}

/* ---- how much of it is used ---- */

static void use_told(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    (void)userdata, (void)id, (void)outcome, (void)revision, (void)error;
}

/* As daemon_use.c does, with played numbers. */
static void tell_use(struct task *task)
{
    struct host *host = task->host;
    struct record *record = record_new(RECORD_NODE_USE, host->name, NULL);
    struct txn txn = {0};
    *record->use = (struct node_use){
        .cpus = 64, .cpu_milli = 1000, .memory_mib = 8 * 1024, .memory_total_mib = 512 * 1024};
    VEC_EACH(&host->guests, guest) {
        struct vm_use *vm = (*guest)->is_up ? VEC_ADD(&record->use->vms) : NULL;
        if (vm) {
            *vm = (struct vm_use){.cpu_milli = 2000, .memory_mib = 12 * 1024};
            (void)snprintf(vm->vm, sizeof(vm->vm), "%s", (*guest)->vm);
            record->use->cpu_milli += vm->cpu_milli;
            record->use->memory_mib += vm->memory_mib;
        }
    }
    txn_put(&txn, record);
    store_txn(host->store, &txn, use_ms, 0, use_told, host);
    txn_done(&txn);
    (void)machine_later(host, use_ms, tell_use);
}

/* ---- power ---- */

void host_init(struct host *ret, uint32_t number, sd_event *event, const struct etcd_config *etcd)
{
    *ret = (struct host){.number = number, .event = event, .etcd = etcd};
    (void)snprintf(ret->name, sizeof(ret->name), "node%u", number + 1);
    machine_init(ret);
}

/* The kernel and berthd are up. */
static void boot_done(struct task *task)
{
    struct store_observer observer = hearing_observer;
    struct host *host = task->host;
    observer.bad = on_bad;
    host->hearing = (struct hearing){hear, host, &host->store};
    struct core_config config = {0};
    struct error err = {0};
    (void)snprintf(config.node, sizeof(config.node), "%s", host->name);
    (void)snprintf(config.boot_id, sizeof(config.boot_id), "boot-%llu-at-%lld",
                   (unsigned long long)host->boots, (long long)host_now_ms());
    (void)snprintf(config.fresh_cluster, sizeof(config.fresh_cluster), "%s", "0c");
    host->core = core_new(&config);
    if (!host->core ||
        sd_event_add_time(host->event, &host->wake, CLOCK_BOOTTIME, 0, 1000, wake_due, host) < 0 ||
        store_new(host->event, host->etcd, &observer, &host->hearing, &host->store, &err) < 0 ||
        !(host->log = event_log_new(host->event, host->store, host->name))) {
        (void)fprintf(stderr, "hosts: %s cannot begin: %s\n", host->name, err.text);
        exit(EXIT_FAILURE);
    }
    host_step(host, (struct core_event){.kind = CORE_VMS_LISTED});
    host_step(host, (struct core_event){.kind = CORE_HYPERVISOR, .is_up = true});
    host_step(host, (struct core_event){.kind = CORE_WATCHDOG_FOUND, .is_up = true});
    machine_tell_inventory(host);
    (void)machine_later(host, use_ms, tell_use);
}

void host_power_on(struct host *host)
{
    if (!host->has_power) {
        host->has_power = true;
        host->boots++;
        machine_boot(host);
        (void)machine_later(host, host->boots == 1 ? 0 : boot_ms, boot_done);
    }
}

void host_power_off(struct host *host)
{
    host->has_power = false;
    host->log = event_log_free(host->log);
    store_free(host->store);
    host->store = NULL;
    host->core = core_free(host->core);
    host->wake = sd_event_source_disable_unref(host->wake);
    VEC_DONE(&host->answers);
    machine_lose_power(host);
}

void host_done(struct host *host)
{
    host_power_off(host);
    VEC_DONE(&host->cards);
}

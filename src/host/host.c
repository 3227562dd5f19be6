/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/host.h"

#include "host/internal.h"
#include "loop/memory.h"
#include "loop/timer.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

ENUM_DEFINE(host_outcome, HOST_OUTCOME_LIST)

enum {
    /* Changes come in bursts: a driver that is bound makes a dozen events. */
    settle_ms = 200,
    poll_without_events_ms = 5000,
    operations_max = host_busy_max,
};

/* A helper process at work. */
struct host_run {
    struct host *host;
    enum host_work work;
    struct pci_address address;
    uint64_t id;
    bool is_overdue; /* and its owner was told */
    bool is_void;    /* read: what comes of it is not to be told */
    struct child *child;
};

struct host {
    sd_event *event;
    struct host_config config;
    uint32_t own_device_len; /* those of the config itself */
    struct host_callbacks callbacks;
    void *userdata;
    int helper_fd;
    int uevent_fd;
    sd_event_source *uevent_source;
    struct loop_timer timer;

    struct host_run *reading;   /* at most one at a time */
    bool must_report;           /* even if nothing changed ... */
    bool is_reading_for_report; /* ... by the reading under way */
    msec_t read_ms;             /* begin the next reading then */
    msec_t begun_ms;            /* when the last one began, ... */
    msec_t rest_until_ms;       /* ... and until when events of the kernel wait for the next */
    char *last_text;            /* the document that was reported last; NULL: none yet */

    VEC(struct host_run *) operations;
};

static msec_t poll_ms(const struct host *host)
{
    return host->uevent_fd >= 0 ? host->config.poll_ms
                                : MIN(host->config.poll_ms, (msec_t)poll_without_events_ms);
}

/* A reading that hangs is waited for: a second one would hang, too. */
static void plan_wake(struct host *host)
{
    loop_timer_at(&host->timer, host->reading ? MSEC_NEVER : host->read_ms);
}

static void report_blind(struct host *host, const struct error *err)
{
    if (host->callbacks.blind) {
        host->callbacks.blind(host->userdata, err);
    }
}

/* ---- helper processes ---- */

static void run_ended(void *userdata, const struct child_result *result);

static struct host_run *run_free(struct host_run *run)
{
    if (run) {
        /* What was begun must be done to its end: half of it helps no one. Only reading is. */
        run->child = run->work == HOST_WORK_READ ? child_free(run->child) : child_leave(run->child);
        free(run);
    }
    return NULL;
}

static int run_start(struct host *host, struct host_order *order, uint64_t id,
                     struct host_run **ret)
{
    struct host_run *run = must(calloc(1, sizeof(*run)));
    order->config = host->config;
    order->config.kernel = (struct host_kernel){0};
    *run =
        (struct host_run){.host = host, .work = order->work, .address = order->address, .id = id};
    int r = helper_start(host->event, host->helper_fd, order, run_ended, run, &run->child);
    if (r < 0) {
        (void)run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

/* ---- reading ---- */

static void begin_reading(struct host *host)
{
    struct error err;
    struct host_order *order = must(calloc(1, sizeof(*order)));
    order->work = HOST_WORK_READ;
    VEC_EACH(&host->operations, each) {
        order->busy[order->busy_len++] = (struct busy_card){
            .address = (*each)->address,
            .stuck_pid = (*each)->is_overdue ? child_pid((*each)->child) : 0,
        };
    }
    host->begun_ms = loop_now_ms(host->event);
    host->read_ms = host->begun_ms + poll_ms(host);
    int r = run_start(host, order, 0, &host->reading);
    free(order);
    if (r < 0) {
        (void)error_set(&err, r, "the hardware cannot be read: %s", strerror(-r));
        report_blind(host, &err);
        return;
    }
    host->is_reading_for_report = host->must_report;
    host->must_report = false;
}

/* Two inventories are the same if their documents are: no field can be forgotten. */
static int report_inventory(struct host *host, const char *document, struct error *err)
{
    CLEANUP(record_unrefp) struct record *record = NULL;
    struct record_key key = {.kind = RECORD_NODE_INVENTORY};
    (void)snprintf(key.name, sizeof(key.name), "%s", host_helper_node);
    int r = wire_record_decode(&key, document, strlen(document), &record, err);
    if (r < 0) {
        return error_wrap(err, "what the helper process has read");
    }
    bool is_news = !host->last_text || strcmp(host->last_text, document) != 0;
    if (is_news || host->is_reading_for_report) {
        free(host->last_text);
        host->last_text = must(strdup(document));
        host->callbacks.inventory(host->userdata, record->inventory);
    }
    return 0;
}

static void reading_ended(struct host *host, const struct child_result *result)
{
    struct error err;
    const char *document;
    int r = helper_reply(result, &document, &err);
    if (r == 0 && !host->reading->is_void) {
        r = report_inventory(host, document, &err);
    }
    if (r < 0) {
        host->must_report |= host->is_reading_for_report;
        report_blind(host, &err);
    }
    host->reading = run_free(host->reading);
    /* A boot makes events for half a minute, and a reading is a process that a slow host feels: it
     * gets a tenth of the time at most. */
    msec_t now_ms = loop_now_ms(host->event);
    host->rest_until_ms = now_ms + MIN(9 * (now_ms - host->begun_ms), poll_ms(host));
    if (!host->must_report) {
        host->read_ms = MAX(host->read_ms, host->rest_until_ms);
    }
    plan_wake(host);
}

static void reading_is_late(struct host *host)
{
    struct error err;
    host->reading->is_overdue = true;
    (void)error_set(&err, -ETIMEDOUT,
                    "reading the hardware hangs for %lld ms (process %d): a driver does not "
                    "answer; see the kernel's log",
                    (long long)host->config.limit_ms, child_pid(host->reading->child));
    report_blind(host, &err);
}

/* ---- operations ---- */

static void report_done(struct host *host, uint64_t id, int r, const struct error *err)
{
    enum host_outcome outcome = r == 0           ? HOST_DONE
                                : r == -EALREADY ? HOST_STUCK
                                : r == -ENODATA  ? HOST_UNKNOWN
                                                 : HOST_FAILED;
    host->callbacks.done(host->userdata, id, outcome, r == 0 ? NULL : err);
}

static void operation_ended(struct host_run *run, const struct child_result *result)
{
    struct error err;
    const char *document;
    struct host *host = run->host;
    bool was_told = run->is_overdue; /* as stuck; the inventory tells the rest */
    uint64_t id = run->id;
    int r = helper_reply(result, &document, &err);
    size_t i = 0;
    while (i < host->operations.len && host->operations.items[i] != run) {
        i++;
    }
    assert(i < host->operations.len);
    VEC_REMOVE(&host->operations, i);
    (void)run_free(run);
    host_refresh(host);
    if (!was_told) {
        report_done(host, id, r, &err);
    }
}

static void operation_is_late(struct host_run *run)
{
    char name[pci_address_size];
    struct error err;
    run->is_overdue = true;
    (void)error_set(&err, -EALREADY, HOST_STUCK_TEXT, pci_address_format(run->address, name),
                    child_pid(run->child));
    host_refresh(run->host);
    report_done(run->host, run->id, -EALREADY, &err);
}

static void run_ended(void *userdata, const struct child_result *result)
{
    struct host_run *run = userdata;
    bool is_late = result->end == CHILD_LATE;
    if (run->work == HOST_WORK_READ && is_late) {
        reading_is_late(run->host);
    } else if (run->work == HOST_WORK_READ) {
        reading_ended(run->host, result);
    } else if (is_late) {
        operation_is_late(run);
    } else {
        operation_ended(run, result);
    }
}

/* ---- when to look ---- */

static void look_is_due(void *userdata)
{
    struct host *host = userdata;
    if (!host->reading) {
        begin_reading(host);
    }
    plan_wake(host);
}

static int on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct host *host = userdata;
    (void)source, (void)events;
    if (uevent_drain(fd)) {
        msec_t soon_ms = MAX(loop_now_ms(host->event) + settle_ms, host->rest_until_ms);
        host->read_ms = MIN(host->read_ms, soon_ms);
        plan_wake(host);
    }
    return 0;
}

/* A tree that was recorded makes no events. Where netlink is forbidden there is the poll. */
static void listen_to_kernel(struct host *host)
{
    host->uevent_fd = host->config.root[0] ? -1 : uevent_open();
    if (host->uevent_fd >= 0 && sd_event_add_io(host->event, &host->uevent_source, host->uevent_fd,
                                                EPOLLIN, on_uevent, host) < 0) {
        closep(&host->uevent_fd);
        host->uevent_fd = -1;
    }
}

int host_new(sd_event *event, const struct host_config *config,
             const struct host_callbacks *callbacks, void *userdata, struct host **ret,
             struct error *err)
{
    CLEANUP(host_freep) struct host *host = calloc(1, sizeof(*host));
    if (!host) {
        return error_set(err, -ENOMEM, "no memory to watch the hardware");
    }
    host->event = sd_event_ref(event);
    host->config = *config;
    host->own_device_len = config->device_len;
    host->callbacks = *callbacks;
    host->userdata = userdata;
    host->uevent_fd = -1;
    host->must_report = true;
    host->helper_fd = helper_open(config, err);
    if (host->helper_fd < 0) {
        return host->helper_fd;
    }
    int r = loop_timer_init(&host->timer, event, CLOCK_MONOTONIC, look_is_due, host);
    if (r < 0) {
        return error_set(err, r, "the hardware cannot be watched: %s", strerror(-r));
    }
    listen_to_kernel(host);
    host->read_ms = loop_now_ms(event);
    plan_wake(host);
    *ret = TAKE(host);
    return 0;
}

struct host *host_free(struct host *host)
{
    if (!host) {
        return NULL;
    }
    host->reading = run_free(host->reading);
    VEC_EACH(&host->operations, each) {
        (void)run_free(*each);
    }
    VEC_DONE(&host->operations);
    (void)sd_event_source_disable_unref(host->uevent_source);
    loop_timer_done(&host->timer);
    free(host->last_text);
    closep(&host->uevent_fd);
    closep(&host->helper_fd);
    (void)sd_event_unref(host->event);
    free(host);
    return NULL;
}

void host_watch(struct host *host, const struct pci_address *addresses, size_t len)
{
    struct host_config *config = &host->config;
    config->device_len = host->own_device_len;
    for (size_t i = 0; i < MIN(len, (size_t)watched_max); i++) {
        config->devices[config->device_len++] = addresses[i];
    }
    if (host->reading) {
        host->reading->is_void = true; /* it does not have them */
    }
    host_refresh(host);
}

void host_refresh(struct host *host)
{
    host->must_report = true;
    host->read_ms = loop_now_ms(host->event);
    plan_wake(host);
}

void host_load(const struct host *host, struct host_load *ret)
{
    load_read(&host->config, ret);
}

static int begin_operation(struct host *host, struct host_order *order, uint64_t id,
                           struct error *err)
{
    char name[pci_address_size];
    pci_address_format(order->address, name);
    VEC_EACH(&host->operations, each) {
        if (pci_address_compare((*each)->address, order->address) == 0) {
            return error_set(err, -EBUSY, "another operation on %s is %s", name,
                             (*each)->is_overdue ? "hanging in the kernel" : "under way");
        }
    }
    if (host->operations.len == operations_max ||
        !VEC_RESERVE(&host->operations, host->operations.len + 1)) {
        return error_set(err, -ENOMEM, "no room for an operation on %s", name);
    }
    struct host_run *run;
    int r = run_start(host, order, id, &run);
    if (r < 0) {
        return error_set(err, r, "no process for an operation on %s: %s", name, strerror(-r));
    }
    *VEC_ADD(&host->operations) = run;
    return 0;
}

int host_dismount(struct host *host, struct pci_address address, bool force, uint64_t id,
                  struct error *err)
{
    struct host_order order = {.work = HOST_WORK_DISMOUNT, .address = address, .force = force};
    return begin_operation(host, &order, id, err);
}

int host_mount(struct host *host, struct pci_address address, uint64_t id, struct error *err)
{
    struct host_order order = {.work = HOST_WORK_MOUNT, .address = address};
    return begin_operation(host, &order, id, err);
}

int host_split(struct host *host, struct pci_address address, uint32_t count, uint64_t id,
               struct error *err)
{
    struct host_order order = {.work = HOST_WORK_SPLIT, .address = address, .count = count};
    return begin_operation(host, &order, id, err);
}

int host_divide(struct host *host, const struct dismount *division, uint64_t id, struct error *err)
{
    struct host_order order = {
        .work = HOST_WORK_SPLIT, .address = division->address, .division = *division};
    return begin_operation(host, &order, id, err);
}

int host_make(struct host *host, const struct gpu_slot *slot, const char *profile, uint64_t id,
              struct error *err)
{
    struct host_order order = {.work = profile[0] ? HOST_WORK_MAKE : HOST_WORK_CLEAR,
                               .address = slot->address,
                               .slot = *slot};
    (void)snprintf(order.profile, sizeof(order.profile), "%s", profile);
    return begin_operation(host, &order, id, err);
}

int host_clean(struct host *host, const struct gpu_slot *slot, const char *command, uint64_t id,
               struct error *err)
{
    struct host_order order = {.work = HOST_WORK_ERASE, .address = slot->address, .slot = *slot};
    (void)snprintf(order.command, sizeof(order.command), "%s", command);
    return begin_operation(host, &order, id, err);
}

int host_fabric(struct host *host, const char *set, bool is_on, uint64_t id, struct error *err)
{
    struct host_order order = {.work = HOST_WORK_FABRIC, .count = is_on};
    (void)snprintf(order.command, sizeof(order.command), "%s", set);
    return begin_operation(host, &order, id, err);
}

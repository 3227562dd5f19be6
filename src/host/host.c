/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/host.h"

#include "host/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

ENUM_DEFINE(host_outcome, HOST_OUTCOME_LIST)

enum {
    /* Changes come in bursts: a driver that is bound makes a dozen events. */
    settle_ms = 200,
    poll_without_events_ms = 5000,
    operations_max = job_busy_max,
};

struct host {
    sd_event *event;
    struct host_config config;
    struct host_callbacks callbacks;
    void *userdata;
    int wake_fd, uevent_fd;
    sd_event_source *wake_source, *uevent_source, *timer;

    struct job *reading;        /* at most one at a time */
    bool must_report;           /* even if nothing changed ... */
    bool is_reading_for_report; /* ... by the reading under way */
    msec_t read_ms;             /* begin the next reading then */
    struct node_inventory last; /* reported */
    bool has_last;

    VEC(struct job *) operations;
};

static msec_t now_ms(const struct host *host)
{
    uint64_t now_us = 0;
    (void)sd_event_now(host->event, CLOCK_MONOTONIC, &now_us);
    return (msec_t)(now_us / 1000);
}

static msec_t poll_ms(const struct host *host)
{
    return host->uevent_fd >= 0 ? host->config.poll_ms
                                : MIN(host->config.poll_ms, (msec_t)poll_without_events_ms);
}

/* Sets the timer to whatever comes first. */
static void plan_wake(struct host *host)
{
    msec_t wake_ms = host->reading ? MSEC_NEVER : host->read_ms;
    if (host->reading && !host->reading->is_overdue) {
        wake_ms = MIN(wake_ms, host->reading->deadline_ms);
    }
    VEC_EACH(&host->operations, each) {
        if (!(*each)->is_overdue) {
            wake_ms = MIN(wake_ms, (*each)->deadline_ms);
        }
    }
    if (wake_ms == MSEC_NEVER) {
        (void)sd_event_source_set_enabled(host->timer, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time(host->timer, (uint64_t)MAX(wake_ms, INT64_C(0)) * 1000);
    (void)sd_event_source_set_enabled(host->timer, SD_EVENT_ONESHOT);
}

static void report_blind(struct host *host, const struct error *err)
{
    if (host->callbacks.blind) {
        host->callbacks.blind(host->userdata, err);
    }
}

static void begin_reading(struct host *host)
{
    struct error err;
    struct job *job = job_new(JOB_READ, &host->config);
    int result = job ? 0 : -ENOMEM;
    host->read_ms = now_ms(host) + poll_ms(host);
    if (job) {
        VEC_EACH(&host->operations, each) {
            job->busy[job->busy_len++] = (*each)->address;
        }
        job->deadline_ms = now_ms(host) + host->config.limit_ms;
        result = job_start(job, host->wake_fd);
    }
    if (result < 0) {
        job_unref(job);
        (void)error_set(&err, result, "the hardware cannot be read: %s", strerror(-result));
        report_blind(host, &err);
        return;
    }
    host->reading = job;
    host->is_reading_for_report = host->must_report;
    host->must_report = false;
}

static void report_inventory(struct host *host, struct node_inventory *fresh)
{
    bool is_news = !host->has_last || !host_inventory_equal(&host->last, fresh);
    if (!is_news && !host->is_reading_for_report) {
        return;
    }
    host_inventory_done(&host->last);
    host->last = *fresh;
    host->has_last = true;
    *fresh = (struct node_inventory){0};
    host->callbacks.inventory(host->userdata, &host->last);
}

static void end_reading(struct host *host)
{
    struct job *job = TAKE(host->reading);
    if (job->result < 0) {
        host->must_report |= host->is_reading_for_report;
        report_blind(host, &job->err);
    } else {
        report_inventory(host, &job->inventory);
    }
    job_unref(job);
}

static void report_done(struct host *host, const struct job *job)
{
    if (job->is_overdue) {
        return; /* it was reported as unknown; the inventory tells the rest */
    }
    host->callbacks.done(host->userdata, job->id, job->result < 0 ? HOST_FAILED : HOST_DONE,
                         job->result < 0 ? &job->err : NULL);
}

static void end_operations(struct host *host)
{
    for (size_t i = 0; i < host->operations.len;) {
        struct job *job = host->operations.items[i];
        if (!job_is_done(job)) {
            i++;
            continue;
        }
        VEC_REMOVE(&host->operations, i);
        host_refresh(host);
        report_done(host, job);
        job_unref(job);
        i = 0; /* done() may have begun another one */
    }
}

static void check_deadlines(struct host *host)
{
    struct error err;
    msec_t now = now_ms(host);
    if (host->reading && !host->reading->is_overdue && now >= host->reading->deadline_ms) {
        host->reading->is_overdue = true;
        (void)error_set(&err, -ETIMEDOUT,
                        "reading the hardware hangs for %lld ms: a driver does "
                        "not answer; see the kernel's log",
                        (long long)host->config.limit_ms);
        report_blind(host, &err);
    }
    for (size_t i = 0; i < host->operations.len; i++) {
        struct job *job = host->operations.items[i];
        if (!job->is_overdue && now >= job->deadline_ms && !job_is_done(job)) {
            job->is_overdue = true;
            (void)error_set(&err, -ETIMEDOUT,
                            "the kernel did not end it within %lld ms: a driver "
                            "does not let go; see the kernel's log",
                            (long long)host->config.limit_ms);
            host->callbacks.done(host->userdata, job->id, HOST_UNKNOWN, &err);
            host_refresh(host);
        }
    }
}

/* By level: whatever woke us, everything is looked at. */
static void step(struct host *host)
{
    if (host->reading && job_is_done(host->reading)) {
        end_reading(host);
    }
    end_operations(host);
    check_deadlines(host);
    if (!host->reading && now_ms(host) >= host->read_ms) {
        begin_reading(host);
    }
    plan_wake(host);
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    uint64_t count;
    (void)source, (void)events;
    ssize_t ignored = read(fd, &count, sizeof(count));
    (void)ignored;
    step(userdata);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
    (void)source, (void)time_us;
    step(userdata);
    return 0;
}

static int on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct host *host = userdata;
    (void)source, (void)events;
    if (uevent_drain(fd)) {
        host->read_ms = MIN(host->read_ms, now_ms(host) + settle_ms);
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
    host->callbacks = *callbacks;
    host->userdata = userdata;
    host->uevent_fd = -1;
    host->must_report = true;
    host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = host->wake_fd < 0 ? -errno : 0;
    if (result == 0) {
        result = sd_event_add_io(event, &host->wake_source, host->wake_fd, EPOLLIN, on_wake, host);
    }
    if (result >= 0) {
        result = sd_event_add_time(event, &host->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, host);
    }
    if (result < 0) {
        return error_set(err, result, "the hardware cannot be watched: %s", strerror(-result));
    }
    listen_to_kernel(host);
    host->read_ms = now_ms(host);
    *ret = TAKE(host);
    return 0;
}

struct host *host_free(struct host *host)
{
    if (!host) {
        return NULL;
    }
    job_unref(host->reading);
    VEC_EACH(&host->operations, each) {
        job_unref(*each);
    }
    VEC_DONE(&host->operations);
    host_inventory_done(&host->last);
    (void)sd_event_source_disable_unref(host->wake_source);
    (void)sd_event_source_disable_unref(host->uevent_source);
    (void)sd_event_source_disable_unref(host->timer);
    closep(&host->wake_fd);
    closep(&host->uevent_fd);
    (void)sd_event_unref(host->event);
    free(host);
    return NULL;
}

void host_refresh(struct host *host)
{
    host->must_report = true;
    host->read_ms = now_ms(host);
    plan_wake(host);
}

static int begin(struct host *host, struct job *job, struct pci_address address, uint64_t id,
                 struct error *err)
{
    char name[pci_address_size];
    pci_address_format(address, name);
    VEC_EACH(&host->operations, each) {
        if (pci_address_compare((*each)->address, address) == 0) {
            job_unref(job);
            return error_set(err, -EBUSY, "another operation on %s is %s", name,
                             (*each)->is_overdue ? "hanging in the kernel" : "under way");
        }
    }
    if (!job || host->operations.len == operations_max ||
        !VEC_RESERVE(&host->operations, host->operations.len + 1)) {
        job_unref(job);
        return error_set(err, -ENOMEM, "no room for an operation on %s", name);
    }
    job->address = address;
    job->id = id;
    job->deadline_ms = now_ms(host) + host->config.limit_ms;
    int result = job_start(job, host->wake_fd);
    if (result < 0) {
        job_unref(job);
        return error_set(err, result, "no thread for an operation on %s: %s", name,
                         strerror(-result));
    }
    *VEC_ADD(&host->operations) = job;
    plan_wake(host);
    return 0;
}

int host_dismount(struct host *host, struct pci_address address, bool force, uint64_t id,
                  struct error *err)
{
    struct job *job = job_new(JOB_DISMOUNT, &host->config);
    if (job) {
        job->force = force;
    }
    return begin(host, job, address, id, err);
}

int host_mount(struct host *host, struct pci_address address, uint64_t id, struct error *err)
{
    return begin(host, job_new(JOB_MOUNT, &host->config), address, id, err);
}

int host_split(struct host *host, struct pci_address address, uint32_t count, uint64_t id,
               struct error *err)
{
    struct job *job = job_new(JOB_SPLIT, &host->config);
    if (job) {
        job->count = count;
    }
    return begin(host, job, address, id, err);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: every call to libvirt, one after the other. */
#include "loop/memory.h"
#include "loop/retry.h"
#include "virt/call.h"

#include "base/parse.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libvirt/virterror.h>

/* ---- libvirt's errors ---- */

/* Asking whether the connection lives forgets the error: it is read first. */
int virt_call_fail(struct call *call, const char *what)
{
    const virError *error = virGetLastError();
    bool is_from_transport = error && error->domain == VIR_FROM_RPC;
    (void)error_set(&call->err, -EIO, "%s: %s", what,
                    error && error->message ? error->message : "libvirt gives no reason");
    call->is_lost = call->conn && (is_from_transport || virConnectIsAlive(call->conn) != 1);
    return -EIO;
}

static bool last_error_is(int code)
{
    return virGetLastErrorCode() == code;
}

/* ---- facts ---- */

static enum vm_state state_of(int state, int reason)
{
    switch (state) {
    case VIR_DOMAIN_PAUSED:
        return reason == VIR_DOMAIN_PAUSED_STARTING_UP ? VM_STATE_STARTING : VM_STATE_RUNNING;
    case VIR_DOMAIN_SHUTDOWN:
        return VM_STATE_STOPPING;
    case VIR_DOMAIN_SHUTOFF:
    case VIR_DOMAIN_CRASHED:
        return VM_STATE_STOPPED;
    default:
        return VM_STATE_RUNNING;
    }
}

/* What came by a migration and is whole is paused for no reason of QEMU's, as by a user. */
static enum pause pause_of(int state, int reason)
{
    if (state != VIR_DOMAIN_PAUSED) {
        return PAUSED_NOT;
    }
    bool is_halted = reason == VIR_DOMAIN_PAUSED_WATCHDOG || reason == VIR_DOMAIN_PAUSED_CRASHED;
    return is_halted                               ? PAUSED_HALTED
           : reason == VIR_DOMAIN_PAUSED_USER      ? PAUSED_WHOLE
           : reason == VIR_DOMAIN_PAUSED_MIGRATION ? PAUSED_LEAVING
                                                   : PAUSED_MOVING;
}

/* 1: 'domain' runs and is ours, 0: it does not or is not, negative: libvirt could not say. */
int virt_call_read_fact(struct call *call, virDomainPtr domain, struct fact *ret)
{
    int state, reason;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        return last_error_is(VIR_ERR_NO_DOMAIN)
                   ? 0
                   : virt_call_fail(call, "asking for a domain's state");
    }
    char *xml = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DOMAIN_NAMESPACE,
                                     VIR_DOMAIN_AFFECT_LIVE);
    if (!xml) {
        bool is_none = last_error_is(VIR_ERR_NO_DOMAIN_METADATA) ||
                       last_error_is(VIR_ERR_NO_DOMAIN) || last_error_is(VIR_ERR_OPERATION_INVALID);
        return is_none ? 0 : virt_call_fail(call, "asking for a domain's metadata");
    }
    bool is_ours = domain_marker_from_xml(xml, &ret->marker) &&
                   domain_marker_is_of(&ret->marker, call->cluster) &&
                   strcmp(ret->marker.vm, virDomainGetName(domain)) == 0;
    free(xml);
    ret->state = state_of(state, reason);
    ret->pause = pause_of(state, reason);
    return is_ours && ret->state != VM_STATE_STOPPED;
}

static int add_fact(struct call *call, virDomainPtr domain)
{
    struct fact fact;
    int r = virt_call_read_fact(call, domain, &fact);
    if (r > 0) {
        *must(VEC_ADD(&call->facts)) = fact;
    }
    return r;
}

void virt_call_domain_freep(virDomainPtr *domain)
{
    if (*domain) {
        (void)virDomainFree(*domain);
    }
}

/* ---- events; on libvirt's event thread ---- */

/*
 * libvirt hands a subscription from the thread that made it to its own under a lock. The thread
 * sanitizer does not see into libvirt and is told so.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SEEN_BY_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define SEEN_BY_SANITIZER 1
#endif
#ifdef SEEN_BY_SANITIZER
#include <sanitizer/tsan_interface.h>
#define HANDED_OVER(pointer) __tsan_release(pointer)
#define TAKEN_OVER(pointer)  __tsan_acquire(pointer)
#else
#define HANDED_OVER(pointer) ((void)(pointer))
#define TAKEN_OVER(pointer)  ((void)(pointer))
#endif

struct subscription {
    struct mailbox *box;
    void (*on_news)(void *userdata, struct task *news);
    uint64_t generation;
};

static struct subscription *subscription_new(const struct call *call)
{
    struct subscription *subscription = must(calloc(1, sizeof(*subscription)));
    subscription->box = mailbox_ref(call->box);
    subscription->on_news = call->on_news;
    subscription->generation = call->generation;
    HANDED_OVER(subscription);
    return subscription;
}

static void subscription_free(void *userdata)
{
    struct subscription *subscription = userdata;
    TAKEN_OVER(subscription);
    mailbox_unref(subscription->box);
    free(subscription);
}

static void news_release(struct task *task)
{
    free(task);
}

static struct news *news_new(struct subscription *subscription)
{
    TAKEN_OVER(subscription);
    struct news *news = must(calloc(1, sizeof(*news)));
    news->task.arrive = subscription->on_news;
    news->task.release = news_release;
    news->generation = subscription->generation;
    return news;
}

/* How it ended, for people; NULL: it did not. */
static const char *ending(int event, int detail)
{
    if (event != VIR_DOMAIN_EVENT_STOPPED) {
        return NULL;
    }
    switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
        return "the guest shut down";
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
        return "it was turned off";
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        return "it crashed";
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
        return "its QEMU process ended unexpectedly";
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
        return "it was migrated away";
    case VIR_DOMAIN_EVENT_STOPPED_SAVED:
        return "it was saved";
    default:
        return "it stopped";
    }
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail,
                        void *userdata)
{
    (void)conn;
    struct subscription *subscription = userdata;
    struct news *news = news_new(subscription);
    const char *text = ending(event, detail);
    news->has_ended = text != NULL;
    news->is_away = text && (detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED ||
                             detail == VIR_DOMAIN_EVENT_STOPPED_SAVED);
    news->is_paused = event == VIR_DOMAIN_EVENT_SUSPENDED;
    news->is_resumed = event == VIR_DOMAIN_EVENT_RESUMED;
    (void)copy_text(news->text, sizeof(news->text), text ? text : "");
    if (!copy_text(news->vm, sizeof(news->vm), virDomainGetName(domain))) {
        news_release(&news->task); /* too long a name to be ours */
        return 0;
    }
    mailbox_post(subscription->box, &news->task);
    return 0;
}

static void on_close(virConnectPtr conn, int reason, void *userdata)
{
    (void)conn;
    struct subscription *subscription = userdata;
    struct news *news = news_new(subscription);
    news->is_closed = true;
    (void)copy_text(news->text, sizeof(news->text),
                    reason == VIR_CONNECT_CLOSE_REASON_EOF ? "libvirt closed the connection"
                                                           : "the connection to libvirt broke");
    mailbox_post(subscription->box, &news->task);
}

/* ---- the calls; on a thread of a pool ---- */

static int subscribe(struct call *call)
{
    struct subscription *subscription = subscription_new(call);
    int id = virConnectDomainEventRegisterAny(call->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), subscription,
                                              subscription_free);
    if (id < 0) {
        subscription_free(subscription);
        return virt_call_fail(call, "subscribing to events");
    }
    call->subscription = id;
    /* Lent to this one, too: it ends first. Drivers in this process, which have no connection that
     * could break, take it and would never free one of its own. */
    (void)virConnectRegisterCloseCallback(call->conn, on_close, subscription, NULL);
    return 0;
}

/* Each subscription holds the connection open. */
static void unsubscribe(struct call *call)
{
    if (call->subscription >= 0) {
        (void)virConnectUnregisterCloseCallback(call->conn, on_close);
        (void)virConnectDomainEventDeregisterAny(call->conn, call->subscription);
        call->subscription = -1;
    }
}

static int list(struct call *call)
{
    virDomainPtr *domains = NULL;
    int len = virConnectListAllDomains(call->conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    int r = len < 0 ? virt_call_fail(call, "listing the domains") : 0;
    for (int i = 0; i < len; i++) {
        int added = r < 0 ? r : add_fact(call, domains[i]);
        r = MIN(added, 0);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    return r;
}

/* Whom libvirt runs QEMU as. Drivers that have no such users do not say. */
static void learn_users(struct call *call)
{
    char *capabilities = virConnectGetCapabilities(call->conn);
    if (capabilities) {
        call->user_len = domain_users(capabilities, call->users, qemu_users_max);
        domain_cpu_model(capabilities, call->cpu_model, sizeof(call->cpu_model));
        free(capabilities);
    }
}

static int run_open(struct call *call)
{
    call->conn = virConnectOpen(call->uri);
    if (!call->conn) {
        return virt_call_fail(call, "connecting");
    }
    const char *type = virConnectGetType(call->conn);
    call->has_processes = type && strcmp(type, "QEMU") == 0;
    learn_users(call);
    /* Subscribed before listed: what changes in between is told by an event. */
    int r = subscribe(call);
    r = r < 0 ? r : list(call);
    if (r < 0) {
        unsubscribe(call);
    }
    return r;
}

static int run_ping(struct call *call)
{
    unsigned long version;
    return virConnectGetLibVersion(call->conn, &version) < 0
               ? virt_call_fail(call, "asking libvirt")
               : 0;
}

/* The domain of that name; NULL with '*ret_r' 0: none. */
virDomainPtr virt_call_look_up(struct call *call, int *ret_r)
{
    virDomainPtr domain = virDomainLookupByName(call->conn, call->vm);
    *ret_r = domain || last_error_is(VIR_ERR_NO_DOMAIN)
                 ? 0
                 : virt_call_fail(call, "looking for the domain");
    return domain;
}

static int run_probe(struct call *call)
{
    int r;
    CLEANUP(virt_call_domain_freep) virDomainPtr domain = virt_call_look_up(call, &r);
    return domain ? MIN(add_fact(call, domain), 0) : r;
}

/* Whether the last error is of libvirt's list of domains, which refused another of this name. The
 * same codes from other parts of libvirt say other things. */
static bool is_refused_by_list(void)
{
    const virError *error = virGetLastError();
    return error && error->domain == VIR_FROM_DOMAIN &&
           (error->code == VIR_ERR_OPERATION_FAILED || error->code == VIR_ERR_OPERATION_INVALID);
}

/* Whether libvirt is about to forget the domain of this name: it has ended, or is off the list by
 * now. One that is defined, or runs, keeps its name. */
static bool is_being_forgotten(const struct call *call)
{
    int state, reason;
    CLEANUP(virt_call_domain_freep)
    virDomainPtr domain = virDomainLookupByName(call->conn, call->vm);
    if (!domain || virDomainGetState(domain, &state, &reason, 0) < 0) {
        return last_error_is(VIR_ERR_NO_DOMAIN);
    }
    return virDomainIsPersistent(domain) == 0 &&
           (state == VIR_DOMAIN_SHUTOFF || state == VIR_DOMAIN_CRASHED);
}

static int run_create(struct call *call)
{
    int r = virt_files_check(call->files, &call->err);
    if (r < 0) {
        return r;
    }
    CLEANUP(virt_call_domain_freep)
    virDomainPtr domain = virDomainCreateXML(call->conn, call->xml, 0);
    if (domain) {
        return 0;
    }
    bool is_refused = is_refused_by_list();
    r = virt_call_fail(call, "libvirt refused the start");
    call->is_name_taken = is_refused && !call->is_lost && is_being_forgotten(call);
    return r;
}

/* Not every driver knows the button; QEMU's would ask an agent in the guest without it. */
static int press_button(struct call *call, virDomainPtr domain)
{
    if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0 ||
        (last_error_is(VIR_ERR_INVALID_ARG) && virDomainShutdown(domain) == 0)) {
        return 0;
    }
    return virt_call_fail(call, "asking the guest to shut down");
}

/* Never touches a domain of that name that is another epoch's or not ours. */
static int run_end(struct call *call)
{
    int r;
    struct fact fact;
    CLEANUP(virt_call_domain_freep) virDomainPtr domain = virt_call_look_up(call, &r);
    r = domain ? virt_call_read_fact(call, domain, &fact) : r;
    if (r <= 0 || fact.marker.epoch != call->epoch) {
        return MIN(r, 0);
    }
    if (call->kind == CALL_SHUTDOWN) {
        return press_button(call, domain);
    }
    return virDomainDestroy(domain) == 0 ? 0 : virt_call_fail(call, "turning it off");
}

static int run_by_kind(struct call *call)
{
    switch (call->kind) {
    case CALL_OPEN:
        return run_open(call);
    case CALL_LIST:
        return list(call);
    case CALL_PING:
        return run_ping(call);
    case CALL_CLOSE:
        unsubscribe(call);
        return 0;
    case CALL_PROBE:
        return run_probe(call);
    case CALL_CREATE:
        return run_create(call);
    case CALL_DESTROY:
    case CALL_SHUTDOWN:
        return run_end(call);
    case CALL_MIGRATE:
    case CALL_ABORT:
    case CALL_PROGRESS:
    case CALL_CONTINUE:
        return virt_call_move(call);
    case CALL_GUEST:
        return virt_call_guest(call);
    }
    return -EINVAL;
}

static void drop_connection(struct call *call)
{
    if (call->conn) {
        (void)virConnectClose(call->conn);
        call->conn = NULL;
    }
}

static void call_run(struct task *task)
{
    struct call *call = (struct call *)task;
    call->r = run_by_kind(call);
    /* Closing the last reference talks to libvirt: never on the loop thread. */
    if (call->kind != CALL_OPEN || call->r < 0) {
        drop_connection(call);
    }
}

static void call_release(struct task *task)
{
    struct call *call = (struct call *)task;
    if (call->conn) {
        unsubscribe(call); /* an open that no one waits for any more */
    }
    drop_connection(call);
    if (call->box) {
        mailbox_unref(call->box);
    }
    VEC_DONE(&call->facts);
    free(call->uri);
    free(call->xml);
    free(call->address);
    (void)virt_files_free(call->files);
    free(call);
}

struct call *virt_call_new(enum call_kind kind, virConnectPtr conn, const char *cluster,
                           const char *vm, uint64_t epoch)
{
    struct call *call = must(calloc(1, sizeof(*call)));
    call->task.run = call_run;
    call->task.release = call_release;
    call->kind = kind;
    call->subscription = -1;
    call->epoch = epoch;
    (void)copy_text(call->cluster, sizeof(call->cluster), cluster);
    (void)copy_text(call->vm, sizeof(call->vm), vm ? vm : "");
    if (conn) {
        call->conn = conn;
        int r = virConnectRef(conn);
        assert(r == 0);
    }
    return call;
}

/* ---- libvirt's event loop ---- */

static void be_silent(void *userdata, virErrorPtr error)
{
    (void)userdata, (void)error; /* each caller reads its own error */
}

static _Noreturn void *run_events(void *userdata)
{
    (void)userdata;
    for (;;) {
        if (virEventRunDefaultImpl() < 0) {
            retry_pause(100); /* no spinning, whatever it is */
        }
    }
}

/* The one thing that is global: libvirt has one event loop a process. */
static int init_result;
static struct error init_error;

static void init_once(void)
{
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
        init_result = error_set(&init_error, -EIO, "libvirt's library does not start: %s",
                                virGetLastErrorMessage());
        return;
    }
    virSetErrorFunc(NULL, be_silent);
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&thread, NULL, run_events, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        init_result = error_set(&init_error, -r, "starting a thread: %s", strerror(r));
        return;
    }
    pthread_detach(thread);
}

int virt_call_init(struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    if (init_result < 0) {
        return error_set(err, init_result, "%s", init_error.text);
    }
    return 0;
}

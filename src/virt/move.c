/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs that move while they run: what this host lets in, hands over, and lets run.
 *
 * What is let in has a file in the directory of orders, named after the VM, with the marker of the
 * copy. libvirt's hook (data/libvirt-hook) refuses to take in what has none. It is also how a
 * berthd that was restarted knows a copy that waits from a VM that someone paused. It goes when
 * the copy runs, or may not come any more. The directory is in memory (run_dir): the loop may write
 * there.
 */
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- orders ---- */

static int open_orders(const struct virt *virt)
{
    return virt->orders[0] ? open(virt->orders, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static bool read_order(const struct virt *virt, const char *vm, struct domain_marker *ret)
{
    char text[domain_marker_text_size + 2];
    CLEANUP(closep) int directory = open_orders(virt);
    CLEANUP(closep) int fd = directory < 0 ? -1 : openat(directory, vm, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (size < 0) {
        return false;
    }
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return domain_marker_parse(text, ret);
}

bool virt_order_has(const struct virt *virt, const struct domain_marker *marker)
{
    struct domain_marker order;
    return read_order(virt, marker->vm, &order) && order.epoch == marker->epoch &&
           order.incarnation == marker->incarnation &&
           strcmp(order.cluster, marker->cluster) == 0 && strcmp(order.node, marker->node) == 0;
}

void virt_order_drop(const struct virt *virt, const char *vm, uint64_t epoch)
{
    struct domain_marker order;
    CLEANUP(closep) int directory = open_orders(virt);
    if (directory >= 0 && read_order(virt, vm, &order) && (epoch == 0 || order.epoch == epoch)) {
        (void)unlinkat(directory, vm, 0);
    }
}

static void close_directory(DIR **directory)
{
    if (*directory) {
        (void)closedir(*directory);
    }
}

void virt_order_drop_all(const struct virt *virt)
{
    CLEANUP(close_directory) DIR *directory = virt->orders[0] ? opendir(virt->orders) : NULL;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
}

/* The hook never sees half an order: it appears under its name when it is whole. */
static int write_order(const struct virt *virt, const struct domain_marker *marker,
                       struct error *err)
{
    char text[domain_marker_text_size], line[domain_marker_text_size + 1];
    if (!virt->orders[0]) {
        return error_set(err, -EOPNOTSUPP, "this host takes in no VMs that run");
    }
    (void)mkdir(virt->orders, 0700);
    (void)snprintf(line, sizeof(line), "%s\n", domain_marker_format(marker, text));
    CLEANUP(closep) int directory = open_orders(virt);
    CLEANUP(closep)
    int fd = directory < 0
                 ? -1
                 : openat(directory, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) &&
                      renameat(directory, ".new", directory, marker->vm) == 0;
    return is_written ? 0
                      : error_set(err, -errno, "writing the order to let it in to %s: %s",
                                  virt->orders, strerror(errno));
}

/* ---- requests ---- */

void virt_expect(struct virt *virt, uint64_t id, const struct domain_marker *marker,
                 const char *xml, virt_done_fn *done, void *userdata)
{
    struct request *request =
        virt_request_new(virt, REQUEST_EXPECT, id, marker->vm, marker->epoch, done, userdata);
    request->marker = *marker;
    (void)domain_policy_check(xml, &virt->policy, &request->err);
}

void virt_migrate(struct virt *virt, uint64_t id, uint64_t epoch, const struct domain_marker *to,
                  const struct virt_move *how, virt_done_fn *done, void *userdata)
{
    struct request *request =
        virt_request_new(virt, REQUEST_MIGRATE, id, to->vm, epoch, done, userdata);
    request->marker = *to;
    request->address = must(strdup(how->address));
    request->mib_s = how->mib_s;
    request->pause_ms = how->pause_ms;
    virt_request_limit(request, how->limit_ms);
}

void virt_continue(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch, msec_t limit_ms,
                   virt_done_fn *done, void *userdata)
{
    virt_request_limit(virt_request_new(virt, REQUEST_CONTINUE, id, vm, epoch, done, userdata),
                       limit_ms);
}

/* That 'call' was made for; NULL: it is gone. */
static struct request *asker_of(const struct virt *virt, const struct call *call)
{
    struct request *each = virt->requests;
    while (each && each->serial != call->number) {
        each = each->next;
    }
    return each;
}

static void on_called(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    struct request *request = asker_of(virt, call);
    if (request) {
        request->is_answered = true;
        request->is_lost = call->is_lost;
        request->err = call->r < 0 ? call->err : (struct error){0};
    }
    if (call->kind == CALL_CONTINUE && call->r == 0) {
        virt_order_drop(virt, call->vm, call->epoch);
    }
    (void)virt_link_probe(virt, call->vm);
    virt_settle_later(virt);
}

static void on_ended(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    struct request *request = asker_of(virt, call);
    if (request) {
        request->end_tries++;
        request->ends += call->r == 0 || request->ends > 0;
    }
    (void)virt_link_probe(virt, call->vm);
    virt_settle_later(virt);
}

static void call_move(struct virt *virt, struct request *request, enum call_kind kind)
{
    struct call *call = virt_call_new(kind, virt->conn, virt->cluster, request->vm, request->epoch);
    call->number = request->serial;
    call->to = request->marker;
    call->address = TAKE(request->address);
    const struct instance *instance = virt_instance_find(virt, request->vm, request->epoch);
    call->is_stranded = instance && instance->is_stranded;
    call->mib_s = request->mib_s;
    call->pause_ms = request->pause_ms;
    call->is_late = virt_now(virt) >= request->limit_ms;
    call->tries = request->end_tries;
    call->ends = request->ends;
    call->task.arrive = kind == CALL_ABORT ? on_ended : on_called;
    workers_submit(kind == CALL_MIGRATE ? virt->moves : virt->calls, &call->task);
}

static void answer_move(struct virt *virt, struct request *request, enum virt_outcome outcome)
{
    virt_request_finish(virt, request, outcome, outcome == VIRT_DONE ? NULL : &request->err, NULL);
}

void virt_abort(struct virt *virt, const char *vm, uint64_t epoch)
{
    for (struct request *each = virt->requests; each; each = each->next) {
        bool is_it = each->kind == REQUEST_MIGRATE && each->epoch == epoch && !each->is_over &&
                     strcmp(each->vm, vm) == 0;
        if (is_it && each->is_called && !each->is_answered && virt->conn) {
            call_move(virt, each, CALL_ABORT);
        } else if (is_it && !each->is_called) {
            each->is_called = each->is_answered = true;
            (void)error_set(&each->err, -ECANCELED, "it was called off");
            virt_settle_later(virt);
        }
    }
}

static void settle_expect(struct virt *virt, struct request *request)
{
    bool is_refused = request->err.code != 0;
    if (virt->is_closed && !is_refused) {
        (void)error_set(&request->err, -ECANCELED, "this host takes in no VMs now");
        is_refused = true;
    }
    if (is_refused || write_order(virt, &request->marker, &request->err) < 0) {
        answer_move(virt, request, VIRT_FAILED);
    } else {
        answer_move(virt, request, VIRT_DONE);
    }
}

void virt_move_stands_still(struct virt *virt, const char *vm, bool does)
{
    for (struct request *each = virt->requests; each; each = each->next) {
        if (each->kind == REQUEST_MIGRATE && each->is_called && strcmp(each->vm, vm) == 0) {
            each->still_since_ms = does ? virt_now(virt) : 0;
        }
    }
}

static void on_progress(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    struct request *request = asker_of(virt, call);
    if (request && !request->is_over) {
        request->is_asking = false;
        request->ask_ms = virt_now(virt) + progress_ms;
        if (call->r == 0 && call->progress.total_mib > 0) {
            virt->observer->moving(virt->userdata, call->vm, call->epoch, &call->progress);
        }
    }
    virt_settle_later(virt);
}

static void ask_progress(struct virt *virt, struct request *request, msec_t now_ms)
{
    if (request->is_asking || !virt_link_is_up(virt)) {
        return;
    }
    if (now_ms < request->ask_ms) {
        virt_wake_at(virt, request->ask_ms);
        return;
    }
    struct call *call =
        virt_call_new(CALL_PROGRESS, virt->conn, virt->cluster, request->vm, request->epoch);
    call->number = request->serial;
    call->task.arrive = on_progress;
    request->is_asking = true;
    workers_submit(virt->calls, &call->task);
}

/* At its limit, a migration is ended: the VM runs on here, or is away all the same. */
static void settle_called(struct virt *virt, struct request *request, msec_t now_ms)
{
    bool is_late = now_ms >= request->limit_ms;
    if (request->is_answered) {
        answer_move(virt, request,
                    request->err.code == 0 ? VIRT_DONE
                    : request->is_lost     ? VIRT_UNKNOWN
                                           : VIRT_FAILED);
    } else if (!request->is_called && !is_late && virt_link_is_up(virt) && !virt->is_closed) {
        request->is_called = true;
        request->ask_ms = now_ms + progress_ms;
        call_move(virt, request, request->kind == REQUEST_MIGRATE ? CALL_MIGRATE : CALL_CONTINUE);
    } else if (is_late || (virt->is_closed && !request->is_called)) {
        (void)error_set(&request->err, -ETIMEDOUT, "it was not done within the limit");
        if (request->is_called && request->kind == REQUEST_MIGRATE && virt->conn) {
            call_move(virt, request, CALL_ABORT);
        }
        answer_move(virt, request, request->is_called ? VIRT_UNKNOWN : VIRT_FAILED);
    } else if (request->is_called && request->kind == REQUEST_MIGRATE) {
        ask_progress(virt, request, now_ms);
    }
}

void virt_move_settle(struct virt *virt, struct request *request, msec_t now_ms)
{
    if (request->kind == REQUEST_EXPECT) {
        settle_expect(virt, request);
    } else {
        settle_called(virt, request, now_ms);
    }
}

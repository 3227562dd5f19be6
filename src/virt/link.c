/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *            open             listed
 *   (none) -------> opening ---------> up <----------> hanging (no answer to the ping)
 *     ^                |                |                 |
 *     +----------------+----------------+-----------------+   failed, closed: again after a pause
 */
#include "loop/memory.h"
#include "virt/internal.h"

#include <string.h>

bool virt_link_is_up(const struct virt *virt)
{
    return virt->conn && !virt->is_hanging;
}

static void link_tell(struct virt *virt, bool is_up, const char *detail)
{
    if (is_up ? virt->is_told_up : virt->is_told_down) {
        return;
    }
    virt->is_told_up = is_up;
    virt->is_told_down = !is_up;
    virt->observer->connection(virt->userdata, is_up, detail);
}

/* ---- opening and listing ---- */

static void on_news(void *userdata, struct task *task);
static void lose(struct virt *virt, const char *why);

static void pause_longer(struct virt *virt)
{
    virt->retry_at_ms = virt_now(virt) + virt->retry_pause_ms;
    virt->retry_pause_ms = MIN(virt->retry_pause_ms * 2, (msec_t)reconnect_max_ms);
}

static void learn_list(struct virt *virt, const struct call *call)
{
    virt->listed = call->number;
    virt->list_at_ms = virt_now(virt) + list_ms;
    virt_instance_learn(virt, call->number, NULL, call->facts.items, call->facts.len);
    virt_request_probed(virt, NULL, call->number);
}

static void on_listed(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    if (call->generation != virt->generation || !virt->conn) {
        return;
    }
    virt_settle_later(virt);
    if (call->r < 0) {
        virt->list_at_ms = virt_now(virt) + retry_ms;
    } else {
        learn_list(virt, call);
    }
}

static void list_again(struct virt *virt, msec_t now_ms)
{
    if (now_ms < virt->list_at_ms) {
        virt_wake_at(virt, virt->list_at_ms);
        return;
    }
    struct call *call = virt_call_new(CALL_LIST, virt->conn, virt->cluster, NULL, 0);
    call->generation = virt->generation;
    call->number = ++virt->counter;
    call->task.arrive = on_listed;
    virt->list_at_ms = MSEC_NEVER;
    workers_submit(virt->link_pool, &call->task);
}

static void on_opened(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    struct call *call = (struct call *)task;
    virt->is_opening = false;
    virt_settle_later(virt);
    if (call->r < 0) {
        pause_longer(virt);
        link_tell(virt, false, call->err.text);
        return;
    }
    virt->conn = TAKE(call->conn);
    virt->subscription = call->subscription;
    virt->has_processes = call->has_processes;
    virt->user_len = call->user_len;
    memcpy(virt->users, call->users, sizeof(virt->users));
    memcpy(virt->cpu_model, call->cpu_model, sizeof(virt->cpu_model));
    virt->retry_pause_ms = reconnect_first_ms;
    virt->ping_at_ms = virt_now(virt) + ping_ms;
    virt->ping_since_ms = MSEC_NEVER;
    if (virt->closed == virt->generation) {
        lose(virt, "libvirt closed the connection");
        return;
    }
    learn_list(virt, call);
    virt->is_list_untold = true;
    virt->list_scan = virt_scan_need(virt);
    link_tell(virt, true, "libvirt answers");
}

static void open_connection(struct virt *virt)
{
    struct call *call = virt_call_new(CALL_OPEN, NULL, virt->cluster, NULL, 0);
    call->uri = must(strdup(virt->uri));
    call->box = mailbox_ref(virt->box);
    call->on_news = on_news;
    call->generation = ++virt->generation;
    call->number = ++virt->counter;
    call->task.arrive = on_opened;
    virt->is_opening = true;
    virt->opening_ms = virt_now(virt);
    workers_submit(virt->link_pool, &call->task);
}

/* ---- losing ---- */

static void ignore(void *userdata, struct task *task)
{
    (void)userdata, (void)task;
}

void virt_link_drop(struct virt *virt)
{
    if (virt->conn) {
        struct call *call = virt_call_new(CALL_CLOSE, virt->conn, virt->cluster, NULL, 0);
        call->subscription = virt->subscription;
        call->task.arrive = ignore;
        /* Never the last reference: the call has one. */
        (void)virConnectClose(TAKE(virt->conn));
        workers_submit(virt->link_pool, &call->task);
    }
    virt->is_hanging = false;
    virt->ping_since_ms = MSEC_NEVER;
}

static void lose(struct virt *virt, const char *why)
{
    virt_link_drop(virt);
    virt->closed = virt->generation;
    pause_longer(virt);
    virt_settle_later(virt);
    link_tell(virt, false, why);
}

/* ---- is it alive? ---- */

static void on_pinged(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct call *call = (const struct call *)task;
    if (call->generation != virt->generation || !virt->conn) {
        return;
    }
    if (!call->is_lost) {
        virt->answered_ms = virt->ping_since_ms;
    }
    virt->ping_since_ms = MSEC_NEVER;
    virt->ping_at_ms = virt_now(virt) + ping_ms;
    virt_settle_later(virt);
    if (call->r < 0 && call->is_lost) {
        lose(virt, call->err.text);
    } else if (virt->is_hanging) {
        virt->is_hanging = false;
        link_tell(virt, true, "libvirt answers again");
    }
}

static void ping(struct virt *virt, msec_t now_ms)
{
    struct call *call = virt_call_new(CALL_PING, virt->conn, virt->cluster, NULL, 0);
    call->generation = virt->generation;
    call->task.arrive = on_pinged;
    virt->ping_since_ms = now_ms;
    workers_submit(virt->link_pool, &call->task);
}

static void watch_ping(struct virt *virt, msec_t now_ms)
{
    if (virt->ping_since_ms == MSEC_NEVER && now_ms >= virt->ping_at_ms) {
        ping(virt, now_ms);
    }
    if (virt->ping_since_ms == MSEC_NEVER) {
        virt_wake_at(virt, virt->ping_at_ms);
    } else if (!virt->is_hanging && now_ms >= virt->ping_since_ms + hang_ms) {
        virt->is_hanging = true;
        virt_settle_later(virt);
        link_tell(virt, false, "libvirt does not answer");
    } else if (!virt->is_hanging) {
        virt_wake_at(virt, virt->ping_since_ms + hang_ms);
    }
}

/* ---- what it tells ---- */

static void on_probed(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    struct call *call = (struct call *)task;
    virt_settle_later(virt);
    if (call->r < 0) {
        virt->list_at_ms = MIN(virt->list_at_ms, virt_now(virt) + retry_ms);
        return;
    }
    virt_instance_learn(virt, call->number, call->vm, call->facts.items, call->facts.len);
    virt_request_probed(virt, call->vm, call->number);
}

uint64_t virt_link_probe(struct virt *virt, const char *vm)
{
    if (!virt->conn) {
        return virt->counter + 1;
    }
    struct call *call = virt_call_new(CALL_PROBE, virt->conn, virt->cluster, vm, 0);
    call->number = ++virt->counter;
    call->task.arrive = on_probed;
    workers_submit(virt->calls, &call->task);
    return call->number;
}

static void on_news(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct news *news = (const struct news *)task;
    if (news->generation != virt->generation) {
        return;
    }
    if (news->is_closed) {
        lose(virt, news->text);
        return;
    }
    if (news->has_ended) {
        virt_instance_note_reason(virt, news->vm, news->text, news->is_away);
    }
    if (news->is_paused || news->is_resumed) {
        virt_move_stands_still(virt, news->vm, news->is_paused);
    }
    virt_flight_heard(virt, news->vm);
    /* An event is only a hint: for an old epoch it may come after the next one's start. */
    (void)virt_link_probe(virt, news->vm);
}

void virt_link_settle(struct virt *virt, msec_t now_ms)
{
    if (virt->conn) {
        watch_ping(virt, now_ms);
        list_again(virt, now_ms);
    } else if (!virt->is_opening && now_ms >= virt->retry_at_ms) {
        open_connection(virt);
    } else if (!virt->is_opening) {
        virt_wake_at(virt, virt->retry_at_ms);
    } else if (now_ms >= virt->opening_ms + hang_ms) {
        /* The call cannot be ended. Should it be answered yet, libvirt is up. */
        link_tell(virt, false, "libvirt does not answer");
    } else {
        virt_wake_at(virt, virt->opening_ms + hang_ms);
    }
    if (virt->is_list_untold && virt->scanned >= virt->list_scan) {
        virt->is_list_untold = false;
        virt->observer->listed(virt->userdata);
    }
}

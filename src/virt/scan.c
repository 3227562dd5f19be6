/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for our processes, one scan of /proc at a time, on a thread of its own. */
#include "loop/memory.h"
#include "virt/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct scan {
    struct task task;
    char *proc, *notes;
    struct process_search search;
    char cluster[cluster_id_size];
    uint64_t number;
    processes_t found;
    int r;
};

uint64_t virt_scan_need(struct virt *virt)
{
    virt->scan_wanted = virt->scan_begun + 1;
    virt_settle_later(virt);
    return virt->scan_wanted;
}

/* ---- holding ---- */

static void held_free(struct held *held)
{
    sd_event_source_disable_unref(held->source);
    closep(&held->pidfd);
    closep(&held->scope_fd);
    free(held);
}

void virt_held_forget(struct instance *instance)
{
    VEC_EACH(&instance->processes, each) {
        held_free(*each);
    }
    VEC_DONE(&instance->processes);
}

static void let_go(struct held *held)
{
    struct instance *instance = held->instance;
    for (size_t i = 0; i < instance->processes.len; i++) {
        if (instance->processes.items[i] == held) {
            VEC_REMOVE(&instance->processes, i);
            break;
        }
    }
    held_free(held);
    if (instance->processes.len == 0) {
        instance->ended_ms = virt_now(instance->virt);
        (void)virt_link_probe(instance->virt, instance->marker.vm);
    }
    virt_settle_later(instance->virt);
}

static int on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source, (void)fd, (void)events;
    let_go(userdata);
    return 0;
}

static struct held *find_held(struct instance *instance, pid_t pid)
{
    for (size_t i = 0; i < instance->processes.len; i++) {
        if (instance->processes.items[i]->pid == pid) {
            return instance->processes.items[i];
        }
    }
    return NULL;
}

static void hold(struct virt *virt, struct process *process)
{
    struct instance *instance = virt_instance_need(virt, &process->marker);
    struct held *held = find_held(instance, process->pid);
    if (held && !virt_process_has_ended(held->pidfd)) {
        return;
    }
    if (held) {
        let_go(held); /* its number has passed on to this one */
    }
    held = must(calloc(1, sizeof(*held)));
    *must(VEC_ADD(&instance->processes)) = held;
    *held = (struct held){.instance = instance,
                          .pid = process->pid,
                          .pidfd = process->pidfd,
                          .scope_fd = process->scope_fd};
    process->pidfd = process->scope_fd = -1;
    int r = sd_event_add_io(virt->event, &held->source, held->pidfd, EPOLLIN, on_ended, held);
    assert(r >= 0);
    virt_instance_has_process(instance);
}

/* ---- killing ---- */

struct scope_kill {
    struct task task;
    int fd;
};

static void scope_kill_run(struct task *task)
{
    ssize_t ignored = write(((struct scope_kill *)task)->fd, "1", 1);
    (void)ignored; /* the signal to QEMU itself is on its way */
}

static void scope_kill_arrive(void *userdata, struct task *task)
{
    (void)userdata; /* what has ended tells it by its pidfd */
    (void)task;
}

static void scope_kill_release(struct task *task)
{
    struct scope_kill *kill = (struct scope_kill *)task;
    closep(&kill->fd);
    free(kill);
}

/* QEMU at once. The rest of its scope by another thread: the kernel may have to wait for locks. */
void virt_held_kill(struct held *held)
{
    (void)virt_process_kill(held->pidfd);
    if (held->scope_fd >= 0) {
        struct scope_kill *kill = must(calloc(1, sizeof(*kill)));
        kill->task = (struct task){
            .run = scope_kill_run, .arrive = scope_kill_arrive, .release = scope_kill_release};
        kill->fd = held->scope_fd;
        held->scope_fd = -1;
        workers_submit(held->instance->virt->proc_pool, &kill->task);
    }
}

/* ---- what is of another cluster ---- */

static bool is_known(const struct virt *virt, const struct process *process)
{
    VEC_EACH(&virt->foreign, each) {
        if (strcmp(each->marker.vm, process->marker.vm) == 0 &&
            strcmp(each->marker.cluster, process->marker.cluster) == 0) {
            return true;
        }
    }
    return false;
}

/* Told once for as long as each scan finds it. */
static void learn_foreign(struct virt *virt, const processes_t *found)
{
    processes_t now = {0};
    VEC_EACH(found, each) {
        if (each->is_foreign && !domain_marker_is_of(&each->marker, virt->cluster)) {
            if (!is_known(virt, each)) {
                virt->observer->foreign(virt->userdata, each->marker.vm, each->marker.cluster);
            }
            *must(VEC_ADD(&now)) = *each;
        }
    }
    VEC_DONE(&virt->foreign);
    virt->foreign = now;
}

/* ---- scanning ---- */

static void scan_run(struct task *task)
{
    struct scan *scan = (struct scan *)task;
    if (scan->search.user_len == 0) {
        virt_process_usual_users(&scan->search);
    }
    scan->r = virt_process_scan(&scan->search, &scan->found, NULL);
}

static void scan_arrive(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    struct scan *scan = (struct scan *)task;
    virt->is_scanning = false;
    VEC_EACH(&scan->found, each) {
        if (!each->is_foreign && domain_marker_is_of(&each->marker, virt->cluster)) {
            hold(virt, each);
        }
    }
    learn_foreign(virt, &scan->found);
    if (scan->r == 0) {
        virt->scanned = scan->number;
    } else {
        (void)virt_scan_need(virt);
        virt->scan_at_ms = virt_now(virt) + retry_ms;
    }
    virt_settle_later(virt);
}

static void scan_release(struct task *task)
{
    struct scan *scan = (struct scan *)task;
    virt_processes_done(&scan->found);
    free(scan->proc);
    free(scan->notes);
    free(scan);
}

void virt_scan_settle(struct virt *virt, msec_t now_ms)
{
    if (virt->is_scanning || virt->scan_wanted <= virt->scan_begun) {
        return;
    }
    if (now_ms < virt->scan_at_ms) {
        virt_wake_at(virt, virt->scan_at_ms);
        return;
    }
    struct scan *scan = must(calloc(1, sizeof(*scan)));
    scan->task = (struct task){.run = scan_run, .arrive = scan_arrive, .release = scan_release};
    scan->proc = must(strdup(virt->proc));
    scan->notes = must(strdup(virt->notes));
    memcpy(scan->cluster, virt->cluster, sizeof(scan->cluster));
    scan->search =
        (struct process_search){.proc = scan->proc, .notes = scan->notes, .cluster = scan->cluster};
    scan->search.user_len = virt->user_len;
    memcpy(scan->search.users, virt->users, sizeof(scan->search.users));
    scan->number = ++virt->scan_begun;
    virt->is_scanning = true;
    workers_submit(virt->proc_pool, &scan->task);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The VMs of this host, through libvirt: starts, stops, kills and adopts them, and tells what
 * exists. Never decides anything; knows nothing of the store.
 *
 * Everything here is called on, and calls back on, the thread of the sd_event it was made with,
 * and never blocks: libvirt, which may hang with its daemon or with QEMU, lives on threads of its
 * own. A callback is never made from within a call of virt_start() and its siblings, only later
 * from the loop; each accepted request has exactly one. Every function here may be called from
 * within a callback, except virt_free().
 *
 * Domains are transient: when one ends, nothing is left that anybody else could start. They carry
 * a marker (wire/domain_xml.h) with cluster, VM, epoch, incarnation and node; what has no marker,
 * or another cluster's, is not ours and is never touched. What another node of this cluster started
 * is told like the rest: someone has migrated it here, or this host had another name before.
 *
 * Killing needs no libvirt: QEMU's command line holds the marker, so a thread that reads /proc
 * finds every process of ours, also those that a hanging libvirt has not told about; they are held
 * by pidfd from then on, so that a reused process id can never be hit.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "model/record.h"
#include "wire/domain_policy.h"
#include "wire/domain_xml.h"

#include <systemd/sd-event.h>

struct virt;

struct virt_config {
    const char *uri;     /* NULL: "qemu:///system" */
    const char *cluster; /* id: only its VMs are ours; NULL or "": not known, all are */
    const char *proc;    /* NULL: "/proc" */
    const char *notes;   /* directory, made if need be, of which process is which VM, for the berthd
                            that comes next; NULL: none */
    const char *orders;  /* directory, made if need be, of what is let in from other hosts; NULL:
                            nothing is */
    const struct domain_policy *policy; /* copied; NULL: everything may be started */
    unsigned workers;                   /* calls to libvirt at the same time; 0: 8 */
};

/* A VM of ours that exists. */
struct virt_instance {
    const char *vm;
    uint64_t epoch;
    uint64_t incarnation;
    const char *node;    /* that started it */
    enum vm_state state; /* VM_STATE_STARTING, _RUNNING or _STOPPING */
    bool has_arrived;    /* it came from another host, is whole, and waits for virt_continue() */
    bool is_stranded;    /* a migration from here paused it; if that broke off, it stays so until
                            virt_continue() */
    bool is_halted;      /* QEMU paused it: its watchdog device expired, or it crashed */
};

#define VIRT_END_LIST(X)                                                                           \
    X(VIRT_END_ITSELF, "by itself") /* the guest, or someone else, ended it */                     \
    X(VIRT_END_ASKED, "asked")      /* a stop or kill was under way here */                        \
    X(VIRT_END_AWAY, "away")        /* not the end: it was migrated away or saved */
ENUM_DECLARE(virt_end, VIRT_END_LIST)

/* What the agent in a guest said that was asked. */
enum virt_guest {
    VIRT_GUEST_UNKNOWN, /* no agent is there, or libvirt does not say */
    VIRT_GUEST_ANSWERS,
    VIRT_GUEST_SILENT, /* its agent is there, and did not answer in time */
};

/* What a VM has taken of this host. */
struct virt_use {
    char vm[name_size];
    uint64_t epoch;
    uint64_t cpu_ms;     /* of processors, since it started */
    uint64_t memory_mib; /* of its QEMU that is in memory */
};

struct virt_observer {
    /* A VM exists, or its state changed. Also for those that an earlier process started, and
     * before or after the completion of the start that made it. */
    void (*instance)(void *userdata, const struct virt_instance *instance);
    /* Its QEMU does not run here any more: 'how' and 'reason', a sentence. Once for each epoch that
     * was told by instance(), and before the completion of the stop or kill. */
    void (*gone)(void *userdata, const char *vm, uint64_t epoch, const char *reason,
                 enum virt_end how);
    /* Everything that existed when the connection came up has been told. Comes again after each
     * reconnection. Until the first one, absence means nothing. */
    void (*listed)(void *userdata);
    /* libvirt answers, or does not (with why). VMs live on while it does not. Told on change. */
    void (*connection)(void *userdata, bool is_up, const char *detail);
    /* How far the migration of that epoch is which virt_migrate() began; about once a second. */
    void (*moving)(void *userdata, const char *vm, uint64_t epoch,
                   const struct move_progress *progress);
    /* A VM of another cluster runs here. Once for as long as it does. */
    void (*foreign)(void *userdata, const char *vm, const char *cluster);
    /* virt_ask_guest(). */
    void (*guest)(void *userdata, const char *vm, uint64_t epoch, enum virt_guest answer);
    /* virt_measure(): what each VM has taken until now. Lent. */
    void (*used)(void *userdata, const struct virt_use *vms, size_t len);
};

#define VIRT_OUTCOME_LIST(X)                                                                       \
    X(VIRT_DONE, "done")                                                                           \
    X(VIRT_FAILED, "failed")   /* start: it does not run. stop: it runs on */                      \
    X(VIRT_UNKNOWN, "unknown") /* no answer within the limit: watch instance() and gone() */
ENUM_DECLARE(virt_outcome, VIRT_OUTCOME_LIST)

struct virt_result {
    uint64_t id; /* the caller's number of the request */
    enum virt_outcome outcome;
    struct error error;      /* unless done */
    msec_t still_ms;         /* migrate, done: so long its guest has stood still; 0: not known */
    bool has_culprit;        /* failed start: the error names one of the devices: ... */
    struct gpu_slot culprit; /* ... this one */
};

/* 'result' is lent for the call. */
typedef void virt_done_fn(void *userdata, const struct virt_result *result);

/* Begins to connect, and to list what runs. 'observer' and its strings must outlive '*ret';
 * 'config' is copied. libvirt that is not there is no error: connection() tells.
 * Errors: -ENOMEM, -errno of thread or descriptor. One thread, libvirt's
 * event loop, is made once for the process and never ends. */
int virt_new(sd_event *event, const struct virt_config *config,
             const struct virt_observer *observer, void *userdata, struct virt **ret,
             struct error *err);

/* The id became known, or is another one. What was told and is another cluster's is told as gone.
 */
void virt_set_cluster(struct virt *virt, const char *cluster);
/* How many VMs of other clusters the last scan found. */
size_t virt_foreign_len(const struct virt *virt);
/* The model of this host's CPU, as libvirt names it; lent until the next connection; "": not known.
 */
const char *virt_cpu_model(const struct virt *virt);

/* Leaves the VMs alone. Requests under way are forgotten without callback. A thread that hangs in
 * libvirt is left behind (it touches nothing of the caller's). NULL is accepted; returns NULL. */
struct virt *virt_free(struct virt *virt);
CLEANUP_POINTER(struct virt, virt_free)

/* Starts 'domain' (copied). Done: it runs. If this epoch runs already: done at once. If an earlier
 * epoch of the VM still runs: failed. While the door is closed: failed. 'limit_ms' passed: unknown;
 * should it come up later all the same, instance() tells. */
void virt_start(struct virt *virt, uint64_t id, const struct domain_compose *domain,
                msec_t limit_ms, virt_done_fn *done, void *userdata);

/*
 * Ends that epoch of the VM. Done also if it does not exist (any more).
 *   turn-off        libvirt's destroy; if that does not answer within 'limit_ms', SIGKILL
 *   shutdown        ACPI power button, pressed again every 5 s; failed if it runs on at 'limit_ms'
 *   force-shutdown  the same, then turned off at 'limit_ms'
 *   save            failed: a VM with GPUs cannot be saved
 * A turn-off while a shutdown of the same epoch is under way takes that one over: both complete.
 * Unknown: neither libvirt nor the kernel could end it within 15 s after the limit.
 */
void virt_stop(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch,
               enum offline_action action, msec_t limit_ms, virt_done_fn *done, void *userdata);

/* SIGKILL to the QEMU of that epoch, past libvirt; a start of it that is under way is undone. Done
 * when no such process exists. Has no limit: a process that the kernel cannot end is not gone. */
void virt_kill(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch, virt_done_fn *done,
               void *userdata);

/* Closes the door and kills every VM of ours. Starts under way are undone and reported failed.
 * Done when no QEMU of ours exists and no start is under way; that may be never while libvirt hangs
 * in a start, as it could still bring up a VM. */
void virt_kill_all(struct virt *virt, uint64_t id, virt_done_fn *done, void *userdata);

/* Opens the door again: starts are allowed. */
void virt_reopen(struct virt *virt);

/* Asks the agent in the guest of that epoch, if there is one, whether it is there; guest() tells.
 * Not while an earlier question is open. */
void virt_ask_guest(struct virt *virt, const char *vm, uint64_t epoch);

/* Measures what the VMs here take; used() tells. Not while that is under way. */
void virt_measure(struct virt *virt);

/* ---- moves of VMs that run; core/handover.h says when each is right ---- */

/* Lets a VM of this marker in, once, until virt_stop() or virt_kill() of that epoch, or until it
 * runs. 'xml' is its template, which this host's policy must allow. Done: libvirt's hook admits it.
 * instance() tells when it comes, as starting, and when it has arrived. */
void virt_expect(struct virt *virt, uint64_t id, const struct domain_marker *marker,
                 const char *xml, virt_done_fn *done, void *userdata);

struct virt_move {
    const char *address; /* of the libvirt there, as migration_address of berth.conf has it */
    uint32_t mib_s;      /* MiB/s of the network at most; 0: any */
    msec_t pause_ms;     /* so long the guest may stand still in the end, as QEMU expects it */
    msec_t limit_ms;
};

/* Hands 'epoch' of the VM over as 'how' says; there it is 'to'. Done: it has ended here, and has
 * arrived there. Failed: it runs on here. Unknown: instance() and gone() tell; at the limit libvirt
 * is asked to end the migration. At most migrations_max at a time; the others wait. */
void virt_migrate(struct virt *virt, uint64_t id, uint64_t epoch, const struct domain_marker *to,
                  const struct virt_move *how, virt_done_fn *done, void *userdata);

/* Ends the migration of that epoch, if one is under way that can still be ended: then it fails. */
void virt_abort(struct virt *virt, const char *vm, uint64_t epoch);

/* Lets that epoch, which has arrived or is stranded, run. Failed: it does not; that may be tried
 * again. */
void virt_continue(struct virt *virt, uint64_t id, const char *vm, uint64_t epoch, msec_t limit_ms,
                   virt_done_fn *done, void *userdata);

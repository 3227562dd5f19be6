/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the loop thread knows, and how the files of src/virt share it. All of it belongs to that
 * thread; what the other threads find out arrives as jobs.
 *
 * Level, not edge: everything that arrives changes the tables below and calls virt_settle_later();
 * then virt_settle() looks at the whole and does what is due. Numbers grow: 'counter' numbers calls
 * to libvirt in the order in which they were made, scans are numbered by themselves, so that an
 * answer is never taken for one to a later question.
 */
#pragma once

#include "loop/timer.h"
#include "virt/call.h"
#include "virt/process.h"
#include "virt/virt.h"

#include <systemd/sd-event.h>

enum {
    /* For libvirt, which answers, to say why a QEMU ended. A crash it notices at once; at the end
     * of a migration it may wait for a name server that does not answer, seen for 20 s. */
    grace_ms = 120000,
    reason_wait_ms = 1000,    /* for the event that says why, once the end is known */
    scan_pause_ms = 20,       /* between two scans while someone waits for a process to show up */
    lost_start_ms = 300,      /* a QEMU of a libvirt that died in the start would show up by then */
    forget_ms = 30000,        /* for libvirt to forget an ended domain whose name is needed */
    press_ms = 5000,          /* between two presses of the power button */
    retry_ms = 1000,          /* between two tries of anything else */
    stop_overtime_ms = 15000, /* after the limit of a stop, before it is unknown */
    progress_ms = 1000,       /* between two questions how far a migration is */
    ping_ms = 5000,           /* between two questions whether libvirt answers */
    hang_ms = 10000,          /* without an answer: it hangs */
    list_ms = 30000,          /* between two listings, should an event ever be missed */
    reconnect_first_ms = 100,
    reconnect_max_ms = 5000,
};

/* A process that belongs to an instance. */
struct held {
    struct instance *instance;
    pid_t pid;
    int pidfd;
    int scope_fd; /* its machine scope's cgroup.kill; -1: none, or used */
    sd_event_source *source;
};

/* One epoch of a VM that exists or did until now. */
struct instance {
    struct instance *next;
    struct virt *virt;
    struct domain_marker marker;
    enum vm_state state;
    bool is_told;                    /* to the observer, ... */
    enum vm_state told_state;        /* ... as this, ... */
    bool told_arrived;               /* ... and this */
    bool has_arrived;                /* it came by a migration, is whole, and waits */
    bool is_stranded, told_stranded; /* a migration from here paused it */
    bool is_halted, told_halted;     /* QEMU paused it for its watchdog, or a crash */
    bool is_asked_guest;             /* its agent; not answered yet */
    bool has_domain;                 /* libvirt has it, as far as is known */
    uint64_t known;                  /* number of the call that said so */
    VEC(struct held *) processes;    /* those that have not ended */
    bool had_process;
    uint64_t scan_needed; /* the scan that must find nothing before it is gone */
    msec_t ended_ms;      /* when its last process ended; MSEC_NEVER: it has one, or never had */
    msec_t over_ms;       /* since when its end is sure; MSEC_NEVER: it is not */
    bool is_asked;        /* a stop or kill is why it ends */
    bool is_away;         /* libvirt's word: it was migrated or saved */
    bool is_doomed;       /* killed: each process of it that shows up is, too */
    msec_t probe_ms;      /* gone, but libvirt has it: when to ask again */
    msec_t destroy_ms;    /* when to ask libvirt to destroy what has no process */
    bool is_gone;         /* told; kept until libvirt does not have it any more */
    char reason[reason_size];
};

/* A start that libvirt was given. Outlives its request, whose limit may pass. */
struct flight {
    struct flight *next;
    struct domain_marker marker;
    struct domain_device *devices; /* to find the culprit among */
    size_t device_len;
    enum { FLIGHT_ON, FLIGHT_UP, FLIGHT_BLOCKED, FLIGHT_LOST, FLIGHT_FAILED } state;
    bool is_doomed;
    bool is_given_up; /* its request was answered: unknown */
    struct error err;
    char *xml;            /* blocked: to be given to libvirt again */
    struct files *files;  /* the same */
    msec_t blocked_ms;    /* since when libvirt has the name of another; MSEC_NEVER: not yet */
    msec_t retry_ms;      /* blocked: when to try again, should no event tell */
    msec_t scan_at_ms;    /* doomed: when to look for its process again */
    msec_t lost_ms;       /* lost: when */
    uint64_t known;       /* lost: the listing must be younger */
    uint64_t scan_needed; /* lost, failed: the scan that must find no process */
};

enum request_kind {
    REQUEST_START,
    REQUEST_STOP,
    REQUEST_KILL,
    REQUEST_KILL_ALL,
    REQUEST_EXPECT,
    REQUEST_MIGRATE,
    REQUEST_CONTINUE,
};

struct request {
    struct request *next;
    uint64_t serial; /* ours, so that what returns finds it or finds it gone */
    enum request_kind kind;
    uint64_t id;
    char vm[name_size];
    uint64_t epoch;
    virt_done_fn *done;
    void *userdata;
    bool is_over;
    msec_t limit_ms;              /* at that time */
    msec_t span_ms;               /* as the caller gave it */
    struct domain_compose domain; /* start: deep copy */
    enum offline_action action;   /* stop */
    bool is_forced;               /* stop: turn it off now */
    bool is_gone;                 /* stop: gone() was told while it waited */
    bool is_calling;              /* stop: a destroy or shutdown is under way */
    msec_t next_call_ms;
    uint64_t probe_needed; /* stop: a probe of at least this number must not find it; 0: none yet */
    uint64_t probed;       /* stop: the last that came back */
    uint64_t scan_needed;  /* stop, kill: the same; 0: none yet */
    struct error err;      /* stop: what libvirt said last; the moves: what came of it */
    struct domain_marker marker; /* expect: what is let in; migrate: what it becomes there */
    char *address;               /* migrate */
    uint32_t mib_s;              /* ... */
    msec_t pause_ms;             /* ... */
    bool is_called, is_answered; /* migrate, continue */
    bool is_asking;              /* migrate: how far it is; ... */
    msec_t ask_ms;               /* ... when again */
    msec_t still_since_ms;       /* migrate: its guest stands still since then; 0: it does not */
    bool is_lost;                /* ... and what libvirt did is not known */
    uint32_t end_tries, ends;    /* migrate: to end it: wishes; since libvirt was first told to */
};

struct virt {
    sd_event *event;
    sd_event_source *settle_source;
    struct loop_timer timer;
    const struct virt_observer *observer;
    void *userdata;
    char *uri;
    char *proc;
    char *notes;
    char *orders; /* "": no VM is let in */
    char cpu_model[64];
    struct domain_policy policy;
    char cluster[cluster_id_size];
    uint32_t users[qemu_users_max]; /* that libvirt runs QEMU as */
    size_t user_len;
    struct mailbox *box;
    struct workers *calls;     /* calls about one VM */
    struct workers *link_pool; /* one thread: open, ping, close */
    struct workers *proc_pool; /* one thread: /proc */
    struct workers *moves;     /* migrations: each lasts long */
    struct workers *guests;    /* questions to agents in guests, which may not answer */

    uint64_t counter;
    uint64_t serial;
    msec_t wake_ms; /* while settling: when to look again */

    /* the connection */
    virConnectPtr conn; /* NULL: none */
    int subscription;
    bool has_processes;
    uint64_t generation;
    bool is_opening;
    msec_t opening_ms; /* since then */
    uint64_t closed;   /* generation of the last one that broke */
    bool is_hanging;
    bool is_told_up, is_told_down;
    uint64_t listed;     /* number of the last listing that arrived, 0: none */
    bool is_list_untold; /* listed() is still to be told */
    uint64_t list_scan;  /* after this scan */
    msec_t list_at_ms;   /* when to list again; MSEC_NEVER while that is under way */
    msec_t retry_at_ms, retry_pause_ms;
    msec_t ping_at_ms;
    msec_t ping_since_ms; /* MSEC_NEVER: none under way */
    msec_t answered_ms;   /* when the last question was asked that libvirt answered */

    /* processes */
    processes_t foreign;                       /* of other clusters, as the last scan found them */
    uint64_t scan_wanted, scan_begun, scanned; /* numbers; scanned: the last that ended well */
    bool is_scanning;
    bool is_measuring;
    msec_t scan_at_ms; /* after a failed one */

    bool is_closed; /* the door */
    struct instance *instances;
    struct flight *flights;
    struct request *requests;
};

/* virt.c */
msec_t virt_now(struct virt *virt);
void virt_settle_later(struct virt *virt);
void virt_wake_at(struct virt *virt, msec_t when_ms); /* while settling */

/* link.c */
bool virt_link_is_up(const struct virt *virt);
/* Asks what 'vm' is now; returns the number of the call, or of the next if there is no connection.
 */
uint64_t virt_link_probe(struct virt *virt, const char *vm);
void virt_link_drop(struct virt *virt);
void virt_link_settle(struct virt *virt, msec_t now_ms);

/* instance.c */
struct instance *virt_instance_find(struct virt *virt, const char *vm, uint64_t epoch);
/* The same; made if there is none. */
struct instance *virt_instance_need(struct virt *virt, const struct domain_marker *marker);
/* A process of it was found and is held. */
void virt_instance_has_process(struct instance *instance);
/* The call 'number' found these domains of ours; 'vm': it asked for this one only, NULL: all. */
void virt_instance_learn(struct virt *virt, uint64_t number, const char *vm,
                         const struct fact *facts, size_t len);
/* libvirt's word on how the VM ended, or left. */
void virt_instance_note_reason(struct virt *virt, const char *vm, const char *text, bool is_away);
/* Kills what it has of processes, and what it will have. */
void virt_instance_doom(struct instance *instance);
/* Whether it runs or may run; a QEMU that has ended does not. */
bool virt_instance_exists(const struct instance *instance);
void virt_instances_settle(struct virt *virt, msec_t now_ms);
void virt_instances_done(struct virt *virt);

/* scan.c: the number of the first scan that begins after now; it will take place. */
uint64_t virt_scan_need(struct virt *virt);
void virt_held_forget(struct instance *instance);
/* Ends the process, and what else is in its machine scope. */
void virt_held_kill(struct held *held);
void virt_scan_settle(struct virt *virt, msec_t now_ms);

/* move.c */
/* Whether what has this marker is let in here to wait for its turn. */
bool virt_order_has(const struct virt *virt, const struct domain_marker *marker);
/* No more, if it is of that epoch; 0: of any. */
void virt_order_drop(const struct virt *virt, const char *vm, uint64_t epoch);
void virt_order_drop_all(const struct virt *virt);
void virt_move_settle(struct virt *virt, struct request *request, msec_t now_ms);
/* libvirt said that the guest of 'vm' stands still from now on, or not any more. */
void virt_move_stands_still(struct virt *virt, const char *vm, bool does);

/* flight.c */
struct flight *virt_flight_find(struct virt *virt, const char *vm,
                                uint64_t epoch); /* epoch 0: any */
/* Gives 'xml' (taken over) to libvirt, if the files of the template are where they may be. */
void virt_flight_begin(struct virt *virt, const struct domain_compose *domain, char *xml);
/* The device that 'text', an error of libvirt or QEMU, names; lent; NULL: none. */
const struct gpu_slot *virt_culprit(const char *text, const struct domain_device *devices,
                                    size_t len);
/* libvirt said that something happened to the domain of this name. */
void virt_flight_heard(struct virt *virt, const char *vm);
void virt_flights_settle(struct virt *virt, msec_t now_ms);
void virt_flights_done(struct virt *virt);

/* request.c */
struct request *virt_request_new(struct virt *virt, enum request_kind kind, uint64_t id,
                                 const char *vm, uint64_t epoch, virt_done_fn *done,
                                 void *userdata);
/* The start that waits for this epoch; NULL: none. */
struct request *virt_request_of_start(struct virt *virt, const char *vm, uint64_t epoch);
void virt_request_saw_gone(struct virt *virt, const char *vm, uint64_t epoch);
/* Call 'number' has said what 'vm' is; NULL: what every VM is. */
void virt_request_probed(struct virt *virt, const char *vm, uint64_t number);
/* From the call: the time at which the loop woke up may be a long callback ago. */
void virt_request_limit(struct request *request, msec_t limit_ms);
/* Answers it. 'err' may be NULL if done. */
void virt_request_finish(struct virt *virt, struct request *request, enum virt_outcome outcome,
                         const struct error *err, const struct gpu_slot *culprit);
void virt_requests_settle(struct virt *virt, msec_t now_ms);
void virt_requests_done(struct virt *virt);

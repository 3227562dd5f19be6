/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every call to libvirt, as jobs for a pool of threads, and libvirt's own event loop. Nothing here
 * decides or remembers. Inside of src/virt only.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "loop/worker.h"
#include "virt/files.h"
#include "virt/process.h"
#include "virt/virt.h"
#include "wire/domain_xml.h"

#include <libvirt/libvirt.h>

enum call_kind {
    CALL_OPEN,     /* connects, subscribes to events, lists: 'conn' and 'facts' */
    CALL_LIST,     /* what runs now: 'facts' */
    CALL_PING,     /* does libvirt answer? */
    CALL_CLOSE,    /* unsubscribes and gives back 'conn' */
    CALL_PROBE,    /* what is 'vm' now? one fact, or none: it is not there */
    CALL_CREATE,   /* starts 'xml' */
    CALL_DESTROY,  /* turns 'vm' off if it is 'epoch' */
    CALL_SHUTDOWN, /* presses the power button, too */
    CALL_MIGRATE, /* hands 'epoch' of 'vm' over to 'address' as 'to'; lasts as long as that takes */
    CALL_ABORT,   /* ends that, so that it runs on here */
    CALL_PROGRESS, /* how far that is: 'progress' */
    CALL_GUEST,    /* whether the agent in the guest of 'vm' answers: 'guest' */
    CALL_CONTINUE, /* lets 'epoch' of 'vm', which waits, run */
};

enum pause {
    PAUSED_NOT,
    PAUSED_MOVING,  /* libvirt is not done with it */
    PAUSED_LEAVING, /* a migration from or to here paused it, which may have broken off */
    PAUSED_WHOLE,
    PAUSED_HALTED, /* QEMU, for the guest's watchdog device, or a crash */
};

/* What libvirt says of one domain of ours. */
struct fact {
    struct domain_marker marker;
    enum vm_state state;
    enum pause pause;
};

struct call {
    struct task task;
    enum call_kind kind;
    uint64_t number;     /* the order in which calls were made */
    virConnectPtr conn;  /* a reference, given back on the thread that ran the call */
    struct mailbox *box; /* open: where events go, as struct news, ... */
    void (*on_news)(void *userdata, struct task *news); /* ... and who takes them there */
    char *uri;                                          /* open */
    uint64_t generation;                                /* open: of the connection */
    int subscription; /* open: made; close: to be ended; -1: none */
    char cluster[cluster_id_size];
    char vm[name_size];
    uint64_t epoch;
    char *xml;               /* create */
    char *address;           /* migrate: a migration_address (move_address_parse()) */
    struct domain_marker to; /* migrate */
    uint32_t mib_s;          /* migrate: at most; 0: any */
    msec_t pause_ms;         /* migrate: so long the guest may stand still */
    bool is_stranded;        /* continue: a migration from here left it paused */
    bool is_late;            /* abort: whether or not it has begun */
    uint32_t tries, ends;    /* abort: wishes before; those since libvirt was first told to */
    struct files *files;     /* create: to be looked at before */
    /* what came of it */
    int r;
    struct error err;
    bool is_lost;       /* failed since the connection broke: what libvirt did is not known */
    bool is_name_taken; /* create: refused because libvirt has yet to forget one of that name */
    bool has_processes; /* open: a QEMU driver, whose VMs are processes of this host */
    uint32_t users[qemu_users_max]; /* open: that libvirt runs QEMU as */
    size_t user_len;
    struct move_progress progress; /* progress */
    enum virt_guest guest;         /* guest */
    char cpu_model[64];            /* open: of this host; "": libvirt does not say */
    VEC(struct fact) facts;
};

/* A zeroed call with its 'run' and 'release' set; the caller sets the rest and 'task.arrive'. Takes
 * a reference of 'conn' (may be NULL). Out of memory ends the process: nothing can be begun then,
 * and the VMs live on. */
struct call *virt_call_new(enum call_kind kind, virConnectPtr conn, const char *cluster,
                           const char *vm, uint64_t epoch);

/* What libvirt tells by itself. Made on its event thread. */
struct news {
    struct task task;
    uint64_t generation;
    bool is_closed;             /* the connection broke: 'text' says why */
    char vm[name_size];         /* else: something happened to this domain, ours or not */
    bool has_ended;             /* and 'text' says how it ended ... */
    bool is_away;               /* ... here only: it was migrated or saved */
    bool is_paused, is_resumed; /* its guest stands still from now on, or does not any more */
    char text[reason_size];
};

/* Starts libvirt's event loop, once for the process. 0 or -errno with a text. */
int virt_call_init(struct error *err);

/* ---- between the two files of calls; on a thread of a pool ---- */

/* What libvirt's last error says, as that of 'call'; -EIO. */
int virt_call_fail(struct call *call, const char *what);
void virt_call_domain_freep(virDomainPtr *domain);
/* The domain of that name; NULL with '*ret_r' 0: none. */
virDomainPtr virt_call_look_up(struct call *call, int *ret_r);
/* 1: 'domain' runs and is ours, 0: it does not or is not, negative: libvirt could not say. */
int virt_call_read_fact(struct call *call, virDomainPtr domain, struct fact *ret);
/* CALL_MIGRATE, _ABORT, _PROGRESS and _CONTINUE. */
int virt_call_move(struct call *call);
/* CALL_GUEST. */
int virt_call_guest(struct call *call);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The VMs of this node, one by one: what exists here, and what the agent (agent.c) does about it.
 */
#pragma once

#include "core/guest.h"
#include "core/kill_watch.h"
#include "core/pending.h"

enum vm_op {
    VM_OP_NONE,
    VM_OP_START,
    VM_OP_STOP,
    VM_OP_KILL,
    VM_OP_EXPECT,   /* lets a copy in */
    VM_OP_LET_GO,   /* ends it, and lets none in any more */
    VM_OP_MIGRATE,  /* hands over what runs here */
    VM_OP_CONTINUE, /* what has arrived begins to run */
    VM_OP_WAKE,     /* what a migration left paused runs on */
};

/* One VM on this node: what exists here, and what we are doing about it. */
struct local_vm {
    char name[name_size];
    bool exists;
    bool is_up;             /* its guest runs */
    bool has_arrived;       /* ... not yet: all of it came from another node */
    bool is_stranded;       /* it is up, but a migration paused it, which may have broken off */
    uint64_t epoch;         /* of the one that exists */
    char origin[name_size]; /* the node that started it */
    uint64_t away_epoch;    /* that left this host by migration or save; 0: none */
    bool has_ended;         /* 'ended_epoch' existed or was tried here, and is no more */
    uint64_t ended_epoch;
    bool was_up;
    bool is_beginning; /* the status last told was 'starting' */
    struct cause why;  /* it ended, or would not */
    bool has_culprit;
    struct gpu_slot culprit;
    bool is_stop_refused;
    uint64_t refused_epoch;
    /* Hand-over: epochs of copies, but for 'leaving_epoch'. */
    uint64_t leaving_epoch;      /* of ours that is being handed over, as far as is known, ... */
    uint64_t leaving_for;        /* ... to this copy */
    uint64_t handed_epoch;       /* that took over from ours */
    uint64_t unhanded_epoch;     /* that could not, for 'why' */
    uint64_t expected_epoch;     /* that this host lets in */
    uint64_t let_go_epoch;       /* of which nothing exists here, nor will */
    struct move_progress moving; /* of what is handed over, as far as is known */
    msec_t moving_told_ms;       /* when that was told last */
    msec_t still_ms;             /* since then 'still_epoch' has stood still for its move or is */
    uint64_t still_epoch;        /* off: ours that left, or the one that comes here; 0: none */
    uint64_t came_epoch;         /* of the one last told to run here, ... */
    msec_t came_span_ms;         /* ... after so long; 0: not known, or it did not move */
    msec_t end_retry_ms;         /* when libvirt is asked again to end a migration */
    enum vm_op op;
    uint64_t op_id;
    uint64_t op_epoch;
    uint64_t late_epoch; /* whose start is to be undone: it may be under way all the same */
    struct cause late_why;
    bool is_op_forced; /* the stop under way turns it off */
    msec_t op_retry_ms;
    struct kill_watch kill; /* of the one that exists */
    struct guest guest;
    struct pending status;
    bool is_status_progress; /* ... only says how far a move is */
};

struct agent {
    VEC(struct local_vm) vms; /* by priority, then name */
    bool is_listed;           /* 'vms' holds all that exists */
};

/* NULL: there is nothing of it here. */
struct local_vm *local_vm_find(const struct core *core, const char *name);
struct local_vm *local_vm_get(struct core *core, const char *name);
/* What exists here of it, as other nodes are told of it. */
struct vm_sighting local_vm_sighting(const struct local_vm *vm);
/* That 'epoch' of it existed here, or was tried, and is no more. */
void local_vm_ended(struct local_vm *vm, uint64_t epoch, struct cause why);
/* That its start of 'epoch' failed, as far as this berthd knows: a predecessor's, or one without
 * answer, may still be under way. It is undone, and only then reported failed, for 'why'. */
void local_vm_undo(struct local_vm *vm, uint64_t epoch, struct cause why);
/* If it left by our own hand-over, which is not under way any more, then it is no stray: it has
 * ended here, and the copy has it. */
void local_vm_was_handed(struct local_vm *vm);

/* What the hypervisor tells, and which VMs have a place here, as the store tells. */
void local_vms_event(struct core *core, const struct core_event *event);
/* By priority, then name. */
void local_vms_sort(struct core *core);

/* False without memory. */
bool local_vms_init(struct core *core);
void local_vms_done(struct core *core);
/* Whether all that exists here has been told. */
bool local_vms_are_listed(const struct core *core);
/* Whether nothing exists here or is being started, and the store knows how all that did has ended.
 */
bool local_vms_are_over(const struct core *core);
/* All of it is being killed: tells what that does not end. */
void local_vms_watch_kills(struct core *core);
/* Whether any of it was started by another host than this one. */
bool local_vms_have_strangers(const struct core *core);
/* The name, lent, of instance number 'i' that exists here or is being started, and its epoch; NULL:
 * there are not so many. */
const char *local_vm_instance(const struct core *core, size_t i, uint64_t *ret_epoch);

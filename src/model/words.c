/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every sentence about a cause or a note. {name} is a parameter: subject, node, who, count, detail,
 * cause; ms and limit_ms in milliseconds, s in seconds. What stands in [brackets] is left out if a
 * parameter in it is empty.
 */
#include "model/words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const cause_words[cause_code_count] = {
    [CAUSE_NONE] = "",
    [CAUSE_START_ORDERED] = "requested",
    [CAUSE_RESTART_ORDERED] = "an administrator started it again",
    [CAUSE_STOP_ORDERED] = "an administrator stopped it",
    [CAUSE_OFF_ORDERED] = "an administrator turned it off",
    [CAUSE_MOVE_ORDERED] = "an administrator requested the move",
    [CAUSE_REMOVED] = "it was removed",
    [CAUSE_STOPPED] = "stopped",
    [CAUSE_NO_HOST] = "no host can run it right now",
    [CAUSE_START_AFTER] = "it starts after {who}",
    [CAUSE_MOVED] = "moved from {node}",
    [CAUSE_MOVE_BROKEN_OFF] = "it was stopped to be moved",
    [CAUSE_MOVE_NO_HOST] = "the requested move failed: no host can take it",
    [CAUSE_DRAIN] = "its host is being drained",
    [CAUSE_DRAIN_NO_HOST] = "its host is being drained, but no other host can take it",
    [CAUSE_DRAIN_FORCED] = "its host is being drained by force, and no other host can take it",
    [CAUSE_HOST_SHUTDOWN] = "its host is being shut down",
    [CAUSE_GPU_FAILED] = "its GPU {who} failed: {detail}",
    [CAUSE_GPU_GONE] = "its GPU {who} failed: the host no longer has it",
    [CAUSE_GPU_NO_HOST] = "one of its GPUs failed, but no host has another one for it",
    [CAUSE_FAILBACK] = "its preferred owner {node} accepts VMs again",
    [CAUSE_EVICTED] = "it makes room for {who}, which has a higher priority",
    [CAUSE_EVICTION_REFUSED] =
        "it did not stop within its time limit to make room for another VM, and keeps running",
    [CAUSE_STOP_REFUSED] = "it did not stop within its time limit and keeps running",
    [CAUSE_SHUTDOWN_REFUSED] =
        "it did not shut down ({count} requests, next in {s} s); berth vm stop --force {who} ends it",
    [CAUSE_NODE_CANNOT_START] = "its host cannot start it",
    [CAUSE_HOST_FENCED] = "host {node} was fenced",
    [CAUSE_HOST_REJOINED] = "host {node} joined the cluster again",
    [CAUSE_HOST_LOSSES] =
        "{count} hosts in a row were lost under it, last {node}; it may be what brings them down",
    [CAUSE_HOST_LOST_BY_HAND] =
        "its host was lost or shut down; VMs with priority 0 are restarted only by an administrator",
    [CAUSE_ADOPTED] = "adopted where it was found",
    [CAUSE_CONFIRMED_GONE] = "an administrator confirmed that it is gone",
    [CAUSE_FAILED] = "on {node}[: {detail}]",
    [CAUSE_FAILING] = "it keeps failing; it restarts {s} s after its last end",
};

static const char *const note_words[note_code_count] = {
    [NOTE_NONE] = "",
    [NOTE_WATCHDOG_ARMED] = "the watchdog of {subject} is armed (timeout {ms} ms)",
    [NOTE_WATCHDOG_NOT_ARMED] =
        "the watchdog of {subject} cannot be armed[: {detail}]. Until it is, VMs of this host "
        "restart elsewhere only after 'berth node confirm-off {subject}'",
    [NOTE_NODE_JOINED] = "{subject} joined the cluster (incarnation {count})",
    [NOTE_NODE_REJOINED] = "berthd on {subject} is back (incarnation {count}) and adopts its VMs",
    [NOTE_NODE_WAS_FENCED] =
        "{subject} was declared off in incarnation {count}: it ends its VMs, then joins again",
    [NOTE_STORE_CONTRADICTS] =
        "the store contradicts {subject}: {detail}. Is it the right one (etcd_endpoints, "
        "etcd_prefix)? Berth leaves the VMs on {subject} alone ({count}) until you decide there: "
        "'berthd --adopt' if this is their store, 'berthd --clear' to end them and join it",
    [NOTE_ADOPTION_REFUSED] =
        "the VMs on {subject} are not adopted: this store does not say that {who} runs there as "
        "it does. Bring the right store back, or end that VM yourself",
    [NOTE_NODE_ADOPTED] = "an administrator decided that this is the store of the VMs on "
                          "{subject}: it keeps them running in incarnation {count}",
    [NOTE_NODE_CLEARED] = "{detail}: {subject} ends the VMs that exist there and joins this store",
    [NOTE_COLD_START] = "all hosts were down: VMs wait up to {s} s for hosts that are not ready "
                        "yet[: {detail}]",
    [NOTE_FENCED] =
        "{subject} was declared off while it was running: it ends its VMs and joins again",
    [NOTE_NAME_TAKEN] = "another host is alive under the name {subject} (boot ID {who}): give this "
                        "host a name of its own in its configuration (node = ...)",
    [NOTE_NAME_USURPED] = "another host wrote the heartbeat of {subject} (boot ID {who}, "
                          "incarnation {count}): this host ends its VMs and joins again",
    [NOTE_HEARTBEAT_LOST] = "heartbeats of {subject} have not been acknowledged for {ms} ms; is "
                            "the store reachable?",
    [NOTE_HEARTBEAT_BACK] = "heartbeats of {subject} are acknowledged again",
    [NOTE_SELF_STOP] =
        "no heartbeat acknowledged for {ms} ms (limit {limit_ms} ms): {subject} ends its VMs",
    [NOTE_LEFT_ARMED] = "the store did not accept the farewell of {subject}: its watchdog stays "
                        "armed and resets the host unless berthd is started at once",
    [NOTE_NODE_LEFT] = "berthd on {subject} was stopped; no VM runs there",
    [NOTE_NODE_LEFT_VMS] =
        "{subject} left the cluster while VMs ran there ({count}): nothing watches them. They restart elsewhere "
        "only when the host is proven off or berthd is back. Start berthd there, or if you are sure "
        "that the host is off: 'berth node confirm-off {subject}'",
    [NOTE_NODE_DOWN] = "{subject} was shut down; no VM runs there",
    [NOTE_NODE_GOING_DOWN] = "{subject} is being shut down: its VMs leave it within {s} s",
    [NOTE_NODE_GOING_DOWN_LEAVE] =
        "{subject} is being shut down: its VMs end with it and are not restarted elsewhere "
        "(on_shutdown is leave)",
    [NOTE_NODE_STAYS] = "the shutdown of {subject} was canceled",
    [NOTE_NODE_VACATED] = "{subject} can be shut down now",
    [NOTE_SHUTDOWN_LIMIT] = "{subject} is being shut down: it ends the VMs that are still there",
    [NOTE_NODE_SHUTTING_DOWN] = "{subject} shuts down now (requested)",
    [NOTE_NODE_REBOOTING] = "{subject} reboots now (requested)",
    [NOTE_NODE_POWER_FAILED] =
        "{subject} cannot be shut down or rebooted[: {detail}]. Berth retries every minute; "
        "'berth node resume {subject}' cancels the request",
    [NOTE_NODE_SILENT] = "no heartbeat from {subject} for {ms} ms",
    [NOTE_NODE_HEARD] = "heartbeats from {subject} are back",
    [NOTE_COORDINATOR] = "{subject} is the coordinator (term {count})",
    [NOTE_CLUSTER_DISARMED] =
        "the cluster is disarmed: no host is fenced, and no VM is restarted or moved unless an "
        "administrator orders it. 'berth cluster arm' ends this",
    [NOTE_CLUSTER_DISARMED_FOR] =
        "the cluster is disarmed for another {s} s: no host is fenced, and no VM is restarted or "
        "moved unless an administrator orders it. 'berth cluster arm' ends this",
    [NOTE_CLUSTER_ARMED] = "the cluster is armed again: VMs are protected",
    [NOTE_POWER_FENCING] = "no heartbeat from {subject} for {ms} ms: turning it off through {who}",
    [NOTE_POWER_FENCING_NEXT] =
        "turning {subject} off at fencing level {count} through {who}[: {detail}]",
    [NOTE_POWER_FENCING_FAILED] =
        "turning off {subject} failed: {detail}. Berth retries every few seconds, and the VMs of "
        "this host wait. If you are sure that it is off: 'berth node confirm-off {subject}'",
    [NOTE_NODE_OFF] = "{subject} (incarnation {count}) is proven off: {detail}",
    [NOTE_NODE_QUARANTINED] =
        "{subject} rejoined three times within an hour: it gets no new VMs for two hours; its "
        "running VMs are not affected. 'berth node resume {subject}' ends this at once",
    [NOTE_NODE_TRUSTED] = "{subject} gets VMs again",
    [NOTE_CLAIM_RELEASED] =
        "released a claim of {subject} on {who} of {node} that belonged to no placement",
    [NOTE_GPU_QUARANTINED] = "GPU {who} on {subject} is quarantined: {detail}. When it is "
                             "repaired: 'berth gpu release {subject} {who}'",
    [NOTE_GPU_RELEASED] = "GPU {who} on {subject} is released from quarantine",
    [NOTE_GPU_DISMOUNTED] = "GPU {who} on {subject} is dismounted",
    [NOTE_GPU_MOUNTED] = "GPU {who} on {subject} is mounted",
    [NOTE_GPU_PARTITIONED] = "GPU {who} on {subject} is split into {count} partitions",
    [NOTE_GPU_WHOLE] = "GPU {who} on {subject} is whole again",
    [NOTE_GPU_DISMOUNT_FAILED] = "cannot dismount GPU {who} on {subject}: {detail}",
    [NOTE_GPU_MOUNT_FAILED] = "cannot mount GPU {who} on {subject}: {detail}",
    [NOTE_GPU_PARTITION_FAILED] = "cannot partition GPU {who} on {subject}: {detail}",
    [NOTE_VM_RUNNING] = "{subject} is running on {node}",
    [NOTE_VM_ENDED] = "{subject} ended on {node}[: {detail}]",
    [NOTE_VM_ENDED_BY_ITSELF] = "{subject} ended on {node}[: {detail}]",
    [NOTE_VM_AWAY] = "{subject} left {node} without an order from Berth[: {detail}]. It is started "
                     "nowhere until it is clear where it runs",
    [NOTE_VM_ELSEWHERE] =
        "{subject} (epoch {count}), started by {who}, runs on {node} without an order to. It is left "
        "alone there and started nowhere else",
    [NOTE_VM_ADOPTED] = "{subject} stays on {node}",
    [NOTE_VM_CONFIRMED_GONE] = "an administrator confirmed that {subject} runs nowhere",
    [NOTE_VM_STALE] = "{subject} (epoch {count}) runs on {node} without an order to: ending it",
    [NOTE_VM_STARTING] = "starting {subject} on {node} ({cause})",
    [NOTE_VM_RESTARTING] = "restarting {subject} on {node}: {cause}",
    [NOTE_VM_ARRIVING] = "{subject} stopped on {who}: starting on {node}",
    [NOTE_VM_WAITING] = "no host can run {subject} right now; it waits[ (first reason: {node}: "
                        "{detail})]",
    [NOTE_VM_WAITS_FOR_VM] = "{subject} waits: it starts after {who}, which does not run yet",
    [NOTE_VM_MOVING] = "moving {subject} from {who} to {node}, where its place is reserved: "
                       "{cause}",
    [NOTE_VM_CANNOT_MOVE] = "{subject} stays on {node}: no other host can take it ({cause})",
    [NOTE_VM_STOPPING] = "stopping {subject} on {node}: {cause}",
    [NOTE_VM_STOP_REFUSED] =
        "{subject} on {node} did not stop within its time limit and keeps running[: {detail}]",
    [NOTE_VM_SHUTDOWN_REFUSED] =
        "{subject} on {node} did not stop within its time limit and keeps running[: {detail}]. "
        "Berth asks it again at growing intervals; 'berth vm stop --force {subject}' turns it off",
    [NOTE_VM_STOPPED] = "{subject} is stopped; its GPUs on {node} are free",
    [NOTE_VM_REMOVED] = "{subject} is removed",
    [NOTE_VM_FAILED] = "{subject} failed, and its restart policy is exhausted: {cause}. 'berth vm "
                       "start {subject}' tries again",
    [NOTE_VM_NOT_RESTARTED] =
        "{subject} ran on {node}, which was lost or shut down; with priority 0 only "
        "'berth vm start {subject}' starts it again",
    [NOTE_VM_RESTART_DELAYED] = "{subject} keeps failing ({cause}): it restarts in {s} s",
};

/* Where the sentence grows, and what it is about. */
struct writer {
    char *to;
    size_t len;
    const char *subject;
    const struct facts *facts;
    const struct cause *cause; /* NULL: {cause} is empty */
};

static void fill(struct writer *w, const char *words);

static void append(struct writer *w, const char *text, size_t len)
{
    len = MIN(len, (size_t)words_max - 1 - w->len);
    memcpy(w->to + w->len, text, len);
    w->len += len;
    w->to[w->len] = '\0';
}

static bool is_name(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

/* The parameter 'name'; false: it is empty. */
static bool append_parameter(struct writer *w, const char *name, size_t len)
{
    const struct facts *f = w->facts;
    char number[24] = "";
    const char *text = number;
    size_t before = w->len;
    if (is_name(name, len, "subject")) {
        text = w->subject;
    } else if (is_name(name, len, "node")) {
        text = f->node;
    } else if (is_name(name, len, "who")) {
        text = f->who;
    } else if (is_name(name, len, "detail")) {
        text = f->detail;
    } else if (is_name(name, len, "cause") && w->cause) {
        struct writer inner = {w->to, w->len, w->subject, &w->cause->facts, NULL};
        fill(&inner, cause_words[w->cause->code]);
        w->len = inner.len;
    } else if (is_name(name, len, "count")) {
        (void)snprintf(number, sizeof(number), "%" PRIu64, f->count);
    } else {
        assert(is_name(name, len, "ms") || is_name(name, len, "s") ||
               is_name(name, len, "limit_ms"));
        msec_t span = is_name(name, len, "limit_ms") ? f->limit_ms
                      : is_name(name, len, "s")      ? f->ms / 1000
                                                     : f->ms;
        (void)snprintf(number, sizeof(number), "%" PRId64, span);
    }
    append(w, text, strlen(text));
    return w->len > before;
}

static void fill(struct writer *w, const char *words)
{
    size_t bracket = 0;
    bool is_whole = true;
    for (const char *at = words; *at;) {
        if (*at == '{') {
            size_t len = strcspn(at + 1, "}");
            is_whole &= append_parameter(w, at + 1, len);
            at += len + 2;
            continue;
        }
        if (*at == '[') {
            bracket = w->len;
            is_whole = true;
        } else if (*at == ']') {
            w->len = is_whole ? w->len : bracket;
            w->to[w->len] = '\0';
        } else {
            append(w, at, 1);
        }
        at++;
    }
}

const char *words_cause(const struct cause *cause, char ret[words_max])
{
    struct writer w = {ret, 0, "", &cause->facts, NULL};
    ret[0] = '\0';
    fill(&w, cause_words[cause->code]);
    return ret;
}

const char *words_note(const struct note *note, char ret[words_max])
{
    struct writer w = {ret, 0, note->subject, &note->facts, &note->cause};
    ret[0] = '\0';
    fill(&w, note_words[note->code]);
    return ret;
}

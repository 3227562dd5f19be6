/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every sentence about a cause or a note. {name} is a parameter: subject, a member of struct facts,
 * cause; ms and limit_ms in milliseconds, s in seconds, min in minutes. What stands in [brackets]
 * is left out if a parameter in it is empty, or 0.
 *
 * Longer than most: a list of sentences, which belongs into one place.
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
    [CAUSE_GROUP] = "it must run on the same host as {who}, which moves",
    [CAUSE_GROUP_WAITS] = "it waits for a host that can also run {who}",
    [CAUSE_RULE_TOGETHER] = "a rule demands that it runs on the same host as {who}",
    [CAUSE_RULE_APART] = "a rule forbids that it runs on the same host as {who}",
    [CAUSE_START_AFTER] = "it starts after {who}",
    [CAUSE_MOVED] = "moved from {node}",
    [CAUSE_MOVE_BROKEN_OFF] = "it was stopped to be moved",
    [CAUSE_HANDOVER_REFUSED] = "its live migration failed[: {detail}]",
    [CAUSE_HANDOVER_LATE] = "its live migration did not finish in time",
    [CAUSE_COPY_ENDED] = "the copy on {node} ended",
    [CAUSE_COPY_UNWANTED] = "{node} does not accept VMs any more",
    [CAUSE_MOVE_WITHDRAWN] = "the order to move it was withdrawn",
    [CAUSE_LIVE_FAILED] = "it could not move live, and is not to be stopped for a move",
    [CAUSE_MOVE_NO_HOST] = "the requested move failed: no host can take it",
    [CAUSE_DRAIN] = "its host is being drained",
    [CAUSE_DRAIN_NO_HOST] = "its host is being drained, but no other host can take it",
    [CAUSE_DRAIN_FORCED] = "its host is being drained by force, and no other host can take it",
    [CAUSE_HOST_SHUTDOWN] = "its host is being shut down",
    [CAUSE_GPU_FAILED] = "its GPU {who} failed[: {detail}]",
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
    [CAUSE_FAILED_LATE] = "on {node}: it did not come up in time",
    [CAUSE_FAILED_GONE] = "on {node}: it was gone when berthd looked",
    [CAUSE_FAILING] = "it keeps failing; it restarts {s} s after its last end",
    [CAUSE_FITS] = "has room",
    [CAUSE_IS_HERE] = "it runs here",
    [CAUSE_EXCLUDED] = "excluded by the request",
    [CAUSE_NOT_OWNER] = "not a possible owner",
    [CAUSE_NO_LABEL] = "has no label {label}",
    [CAUSE_NO_GPU] = "no GPU in pool {pool}",
    [CAUSE_TOO_FEW_GPUS] = "only {total} GPUs in {pool} (needs {need})",
    [CAUSE_GPUS_UNUSABLE] = "{have} of {total} GPUs in {pool} can be used (needs {need})",
    [CAUSE_GPUS_TAKEN] =
        "{have} of {total} GPUs free in {pool} (needs {need}[; held by {who}][ and {count} more])",
    [CAUSE_GPUS_SPLIT] =
        "{have} of {total} GPUs free in {pool} (needs {need}); the cards are in use in their other form",
    [CAUSE_NO_GPU_SET] =
        "no {need} GPUs in {pool} can talk to each other there: its fabric has no such set",
    [CAUSE_GPU_SETS_TAKEN] =
        "{have} GPUs free in {pool}, but no {need} of them can talk to each other ({total} such sets[; held by {who}][ and {count} more])",
    [CAUSE_NO_CPUS] = "{have} of {total} CPUs free (needs {need})",
    [CAUSE_NO_MEMORY] = "{have} of {total} MiB of memory free (needs {need})",
    [CAUSE_NO_HUGE_PAGES] = "{have} of {total} MiB in {label} free (needs {need})",
    [CAUSE_PAGE_SIZE] =
        "its huge pages are not of {count} KiB by default; name a size in the VM's <hugepages>",
    [CAUSE_NO_NETWORK] = "has no {label}, into which the VM's XML plugs it",
    [CAUSE_NUMA_MEMORY] =
        "{have} MiB on its NUMA nodes {label}, to which the VM's XML binds {need} MiB",
    [CAUSE_ADDRESS_BITS] =
        "needs guest addresses of {need} bits ({total} GiB for GPU memory above {count} GiB of RAM), CPU and IOMMU have {have}",
    [CAUSE_APART] = "apart from {who}, which is here",
    [CAUSE_TOGETHER] = "together with {who}, which is on {node}",
    [CAUSE_RESERVE] = "would break the reserve of {need}",
    [CAUSE_ROOM_KEPT] = "its room is kept for {who}, which waits and has a higher priority",
    [CAUSE_LIVE_UNWANTED] = "it is to be restarted, not moved live",
    [CAUSE_LIVE_DEVICE] =
        "it has devices of its host[ (GPU pool {pool})][: {detail}], which do not move live",
    [CAUSE_LIVE_CHANGED] = "its definition was changed since it started; a restart applies it",
    [CAUSE_LIVE_NOT_UP] = "it does not run yet, or not any more",
    [CAUSE_LIVE_HOST_UNHEARD] = "{who} has not said yet whether it takes part in live moves",
    [CAUSE_LIVE_NO_ADDRESS] = "{who} has no migration_address in its berth.conf",
    [CAUSE_LIVE_NO_CPU] = "libvirt on {who} does not name the model of its CPU",
    [CAUSE_LIVE_CPU] = "the CPU of {who} is another one[: {detail}]",
    [CAUSE_CARD_LEAVING] =
        "too few GPUs in {pool} can be used: {device} is held by {who}, which was removed and has not stopped yet",
    [CAUSE_CARD_CLAIM_UNREADABLE] =
        "too few GPUs in {pool} can be used: {device} has a claim that cannot be read. When no VM has it, delete the key order/claims/{node}/{device} in the store",
    [CAUSE_CARD_MISSING] = "too few GPUs in {pool} can be used: {device} is not there",
    [CAUSE_CARD_QUARANTINED] =
        "too few GPUs in {pool} can be used: {device} is quarantined[: {detail}]",
    [CAUSE_CARD_MOUNTED] =
        "too few GPUs in {pool} can be used: {device} is not dismounted[ (driver {who})]",
    [CAUSE_CARD_UNASSIGNABLE] =
        "too few GPUs in {pool} can be used: {device} is not assignable ({who})",
    [CAUSE_CARD_OTHER] =
        "too few GPUs in {pool} can be used: {device} is not the card that joined the pool",
    [CAUSE_NODE_NOT_JOINED] = "berthd has not joined from there yet",
    [CAUSE_NODE_NO_ANSWER] = "it does not answer, or is proven off",
    [CAUSE_NODE_LISTENING] = "listening for its heartbeat",
    [CAUSE_NODE_UNTOLD] = "no host coordinates the cluster, so nothing is known of its heartbeat",
    [CAUSE_NODE_SILENT] = "no heartbeat for {s} s",
    [CAUSE_NODE_LEFT] = "it left {s} s ago; VMs that nothing watches now: {count}",
    [CAUSE_NODE_LEFT_EMPTY] = "its berthd was stopped {s} s ago; no VM runs there",
    [CAUSE_NODE_SHUT_DOWN] = "shut down {s} s ago",
    [CAUSE_NODE_GOES_DOWN] = "being shut down (VMs left: {count})",
    [CAUSE_NODE_FENCING_FAILED] =
        "no heartbeat for {s} s; turning it off failed[ (level {count})][: {detail}]",
    [CAUSE_NODE_NO_HYPERVISOR] = "its hypervisor (libvirt) does not answer",
    [CAUSE_NODE_DRAINS] = "being drained[ (VMs left: {count})]",
    [CAUSE_NODE_PAUSED] = "takes no new VMs (paused)",
    [CAUSE_NODE_QUARANTINED] =
        "takes no new VMs[ for another {min} min]: it restarted three times within an hour",
    [CAUSE_NODE_NO_SPACE] = "its own disk has too little room to start VMs[: {detail}]",
    [CAUSE_NODE_GPUS_UNREADY] = "its GPUs are not ready for VMs yet[: {detail}]",
    [CAUSE_VM_UNSEEN] = "the coordinator has not looked at it yet",
    [CAUSE_VM_STARTS_AGAIN] = "to be started again",
    [CAUSE_VM_MOVING] =
        "moving to {node}[: {have} of {total} MiB to copy][ at {count} MiB/s][, pause of about {ms} ms expected]",
    [CAUSE_VM_HOST_SILENT] = "no heartbeat from {node} for {s} s",
    [CAUSE_VM_HOST_FENCING_FAILED] =
        "no heartbeat from {node} for {s} s; turning it off failed[ (level {count})][: {detail}]",
    [CAUSE_VM_DOES_NOT_STOP] = "the guest does not stop",
    [CAUSE_VM_CANNOT_BE_ENDED] = "it was killed, but its QEMU hangs in the kernel: restart {node}",
    [CAUSE_VM_ELSEWHERE] = "it runs on {node} without an order to",
    [CAUSE_VM_UNMANAGED] = "unmanaged",
    [CAUSE_VM_WAS_REMOVED] = "the VM was removed",
    [CAUSE_ENDED] = "it ended",
    [CAUSE_START_LATE] = "it did not come up in time",
    [CAUSE_WAS_GONE] = "it was gone when berthd looked",
    [CAUSE_GUEST_HALTED] = "its guest crashed, or its watchdog device expired",
    [CAUSE_GUEST_SILENT] = "its guest agent has not answered for {s} s",
    [CAUSE_GPU_NOT_SHOWN] = "the host does not show it",
    [CAUSE_GPU_HANGS] = "it hangs in the kernel",
    [CAUSE_GPU_HELD] = "the QEMU of {who} has it and cannot be ended",
    [CAUSE_GPU_FATAL_ERROR] = "the kernel counted {count} fatal PCIe errors of it since the boot",
    [CAUSE_GPU_LEFT_BUS] = "it left the bus",
    [CAUSE_GPU_OTHER_CARD] = "another card sits there: {detail}",
    [CAUSE_GPU_ON_HOLD] = "VM {who} used it, and its pool keeps it until you release it",
    [CAUSE_GPU_NOT_ERASED] = "it could not be erased after VM {who}[: {detail}]",
    [CAUSE_VGPU_NOT_MADE] = "its vGPU could not be made[: {detail}]",
    [CAUSE_VGPU_NOT_CLEARED] = "its vGPU could not be cleared after the last VM[: {detail}]",
    [CAUSE_FABRIC_NOT_READY] = "its GPUs cannot be made to talk to each other[: {detail}]",
    [CAUSE_PROOF_AGENT] = "{who}[ (fencing level {count})] turned it off and says it is off",
    [CAUSE_PROOF_ASKED] = "{who}[ (fencing level {count})] says that it is off",
    [CAUSE_PROOF_SILENCE] =
        "silent for {ms} ms (limit {limit_ms}) with its watchdog armed at {count} ms",
    [CAUSE_PROOF_CONFIRMED] = "an administrator confirmed that it is off",
    [CAUSE_AGENT_FAILED] = "{who} failed[ (level {count})][: {detail}]",
    [CAUSE_PROOF_REMOVED] = "an administrator removed it",
    [CAUSE_STORE_UNNAMED] =
        "it has hosts, but does not say of which cluster (the key \"format\" is gone)",
    [CAUSE_STORE_TOO_NEW] = "the cluster needs a newer Berth than this one",
    [CAUSE_STORE_TOO_OLD] = "the cluster is of an older Berth than this one can read",
    [CAUSE_STORE_NO_ID] = "its key \"format\" has no ID of a cluster in it",
    [CAUSE_STORE_OF_OTHERS] = "it is the store of another cluster",
    [CAUSE_STORE_STRANGERS] = "VMs run here that another host started",
    [CAUSE_STORE_WENT_BACK] = "it has gone back to an older state",
    [CAUSE_STORE_NO_HEARTBEAT] = "it has no heartbeat of this host",
    [CAUSE_STORE_LOST_HEARTBEAT] = "it no longer has a heartbeat of this host",
    [CAUSE_STORE_OLD_HEARTBEAT] = "it has only an older heartbeat of this host",
    [CAUSE_STORE_OLD_INCARNATION] = "it knows only an earlier incarnation of this host",
    [CAUSE_CLEAR_FENCED] = "it was declared off",
    [CAUSE_CLEAR_EMPTY] = "nothing exists here that the store could contradict",
    [CAUSE_CLEAR_ORDERED] = "an administrator decided",
    [CAUSE_SAID] = "{detail}",
};

static const char *const note_words[note_code_count] = {
    [NOTE_NONE] = "",
    [NOTE_WATCHDOG_ARMED] = "the watchdog of {subject} is armed (timeout {ms} ms)",
    [NOTE_WATCHDOG_NOT_ARMED] =
        "the watchdog of {subject} cannot be armed[: {detail}]. Until it is, VMs of this host restart elsewhere only after 'berth node confirm-off {subject}'",
    [NOTE_NODE_JOINED] = "{subject} joined the cluster (incarnation {count})",
    [NOTE_NODE_REJOINED] = "berthd on {subject} is back (incarnation {count}) and adopts its VMs",
    [NOTE_NODE_WAS_FENCED] =
        "{subject} was declared off in incarnation {count}: it ends its VMs, then joins again",
    [NOTE_CLUSTER_MADE] = "{subject} made a new cluster in an empty store (ID {who})",
    [NOTE_STORE_REFUSED] =
        "{subject} cannot join this store: {cause}. Berth leaves the VMs on {subject} alone ({count})",
    [NOTE_STORE_CONTRADICTS] =
        "the store contradicts {subject}: {cause}. Is it the right one (etcd_endpoints, etcd_prefix)? Berth leaves the VMs on {subject} alone ({count}) until you decide there: 'berthd --adopt' if this is their store, 'berthd --clear' to end them and join it",
    [NOTE_ADOPTION_REFUSED] =
        "the VMs on {subject} are not adopted: this store does not say that {who} runs there as it does. Bring the right store back, or end that VM yourself",
    [NOTE_ADOPTION_OF_OTHERS] =
        "the VMs on {subject} are not adopted: this store is of cluster {who}, and they are of another one. Correct etcd_endpoints or etcd_prefix",
    [NOTE_VM_FOREIGN] =
        "{subject} on {node} is of another cluster (ID {who}): Berth leaves it alone",
    [NOTE_NODE_ADOPTED] =
        "an administrator decided that this is the store of the VMs on {subject}: it keeps them running in incarnation {count}",
    [NOTE_NODE_CLEARED] = "{cause}: {subject} ends the VMs that exist there and joins this store",
    [NOTE_COLD_START] =
        "all hosts were down: VMs wait up to {s} s for hosts that are not ready yet[: {detail}]",
    [NOTE_FENCED] =
        "{subject} was declared off while it was running: it ends its VMs and joins again",
    [NOTE_NAME_TAKEN] =
        "another host is alive under the name {subject} (boot ID {who}): give this host a name of its own in its configuration (node = ...)",
    [NOTE_NAME_USURPED] =
        "another host wrote the heartbeat of {subject} (boot ID {who}, incarnation {count}): this host ends its VMs and joins again",
    [NOTE_HEARTBEAT_LOST] =
        "heartbeats of {subject} have not been acknowledged for {ms} ms; is the store reachable?",
    [NOTE_HEARTBEAT_BACK] = "heartbeats of {subject} are acknowledged again",
    [NOTE_SELF_STOP] =
        "no heartbeat acknowledged for {ms} ms (limit {limit_ms} ms): {subject} ends its VMs",
    [NOTE_LEFT_ARMED] =
        "the store did not accept the farewell of {subject}: its watchdog stays armed and resets the host unless berthd is started at once",
    [NOTE_NODE_LEFT] = "berthd on {subject} was stopped; no VM runs there",
    [NOTE_NODE_LEFT_VMS] =
        "{subject} left the cluster while VMs ran there ({count}): nothing watches them. They restart elsewhere only when the host is proven off or berthd is back. Start berthd there, or if you are sure that the host is off: 'berth node confirm-off {subject}'",
    [NOTE_NODE_DOWN] = "{subject} was shut down; no VM runs there",
    [NOTE_NODE_GOING_DOWN] = "{subject} is being shut down: its VMs leave it within {s} s",
    [NOTE_NODE_GOING_DOWN_LEAVE] =
        "{subject} is being shut down: its VMs end with it and are not restarted elsewhere (on_shutdown is leave)",
    [NOTE_NODE_STAYS] = "the shutdown of {subject} was canceled",
    [NOTE_NODE_VACATED] = "{subject} can be shut down now",
    [NOTE_SHUTDOWN_LIMIT] = "{subject} is being shut down: it ends the VMs that are still there",
    [NOTE_NODE_SHUTTING_DOWN] = "{subject} shuts down now (requested)",
    [NOTE_NODE_REBOOTING] = "{subject} reboots now (requested)",
    [NOTE_NODE_POWER_FAILED] =
        "{subject} cannot be shut down or rebooted[: {detail}]. Berth retries every minute; 'berth node resume {subject}' cancels the request",
    [NOTE_NODE_SILENT] = "no heartbeat from {subject} for {ms} ms",
    [NOTE_NODE_HEARD] = "heartbeats from {subject} are back",
    [NOTE_COORDINATOR] = "{subject} is the coordinator (term {count})",
    [NOTE_CLUSTER_DISARMED] =
        "the cluster is disarmed: no host is fenced, and no VM is restarted or moved unless an administrator orders it. 'berth cluster arm' ends this",
    [NOTE_CLUSTER_DISARMED_FOR] =
        "the cluster is disarmed for another {s} s: no host is fenced, and no VM is restarted or moved unless an administrator orders it. 'berth cluster arm' ends this",
    [NOTE_CLUSTER_ARMED] = "the cluster is armed again: VMs are protected",
    [NOTE_POWER_FENCING] = "no heartbeat from {subject} for {ms} ms: turning it off through {who}",
    [NOTE_POWER_FENCING_NEXT] =
        "turning {subject} off through {who} (level {count}), because the level before it failed[: {detail}]",
    [NOTE_POWER_FENCING_FAILED] =
        "turning off {subject} failed[ (level {count})][: {detail}]. Berth retries every few seconds, and the VMs of this host wait. If you are sure that it is off: 'berth node confirm-off {subject}'",
    [NOTE_NODE_OFF] = "{subject} (incarnation {count}) is proven off: {cause}",
    [NOTE_NODE_QUARANTINED] =
        "{subject} rejoined three times within an hour: it gets no new VMs for two hours; its running VMs are not affected. 'berth node resume {subject}' ends this at once",
    [NOTE_NODE_TRUSTED] = "{subject} gets VMs again",
    [NOTE_CLAIM_RELEASED] =
        "released a claim of {subject} on {who} of {node} that belonged to no placement",
    [NOTE_GPU_QUARANTINED] =
        "GPU {who} on {subject} is quarantined: {cause}. When it is repaired: 'berth gpu release {subject} {who}'",
    [NOTE_GPU_ON_HOLD] =
        "GPU {who} on {subject} is on hold: {cause}. To give it to the next VM: 'berth gpu release {subject} {who}'",
    [NOTE_GPU_ERASED] = "GPU {who} on {subject} is erased",
    [NOTE_FABRIC_ON] = "set {who} of the fabric of {subject} is active",
    [NOTE_FABRIC_OFF] = "set {who} of the fabric of {subject} is not active any more",
    [NOTE_FABRIC_ON_FAILED] =
        "set {who} of the fabric of {subject} could not be activated: {detail}",
    [NOTE_FABRIC_OFF_FAILED] =
        "set {who} of the fabric of {subject} could not be deactivated: {detail}",
    [NOTE_GPU_RELEASED] = "GPU {who} on {subject} is released from quarantine",
    [NOTE_GPU_DISMOUNTED] = "GPU {who} on {subject} is dismounted",
    [NOTE_GPU_MOUNTED] = "GPU {who} on {subject} is mounted",
    [NOTE_GPU_PARTITIONED] =
        "GPU {who} on {subject} is split into {count} partitions[ of the type {label}]",
    [NOTE_GPU_WHOLE] = "GPU {who} on {subject} is whole again",
    [NOTE_GPU_DISMOUNT_FAILED] = "cannot dismount GPU {who} on {subject}[: {detail}][: {cause}]",
    [NOTE_GPU_MOUNT_FAILED] = "cannot mount GPU {who} on {subject}[: {detail}][: {cause}]",
    [NOTE_GPU_PARTITION_FAILED] = "cannot partition GPU {who} on {subject}[: {detail}][: {cause}]",
    [NOTE_VM_RUNNING] = "{subject} is running on {node}[, after a pause of {ms} ms]",
    [NOTE_VM_ENDED] = "{subject} ended on {node}[: {cause}]",
    [NOTE_VM_ENDED_BY_ITSELF] = "{subject} ended on {node}[: {cause}]",
    [NOTE_VM_AWAY] =
        "{subject} left {node} without an order from Berth[: {cause}]. It is started nowhere until it is clear where it runs",
    [NOTE_VM_ELSEWHERE] =
        "{subject} (epoch {count}), started by {who}, runs on {node} without an order to. It is left alone there and started nowhere else",
    [NOTE_VM_ADOPTED] = "{subject} stays on {node}",
    [NOTE_VM_CONFIRMED_GONE] = "an administrator confirmed that {subject} runs nowhere",
    [NOTE_VM_STALE] = "{subject} (epoch {count}) runs on {node} without an order to: ending it",
    [NOTE_VM_STARTING] = "starting {subject} on {node} ({cause})",
    [NOTE_VM_RESTARTING] = "restarting {subject} on {node}: {cause}",
    [NOTE_VM_ARRIVING] = "{subject} stopped on {who}: starting on {node}",
    [NOTE_VM_WAITING] =
        "no host can run {subject} right now; it waits[ (first reason: {node}: {cause})]",
    [NOTE_VM_WAITS_FOR_VM] = "{subject} waits: it starts after {who}, which does not run yet",
    [NOTE_VM_MOVING] =
        "moving {subject} from {who} to {node}, where its place is reserved: {cause}",
    [NOTE_VM_HANDING_OVER] = "moving {subject} live from {who} to {node}: {cause}",
    [NOTE_VM_HANDED_OVER] = "{subject} moved live from {who} to {node}",
    [NOTE_VM_HANDOVER_FAILED] = "the live move of {subject} to {node} is canceled: {cause}",
    [NOTE_VM_WOKEN] =
        "{subject} was left paused on {node} by a migration that broke off; it runs on",
    [NOTE_VM_CANNOT_MOVE] = "{subject} stays on {node}: no other host can take it ({cause})",
    [NOTE_VM_STOPPING] = "stopping {subject} on {node}: {cause}",
    [NOTE_VM_STOP_REFUSED] =
        "{subject} on {node} did not stop within its time limit and keeps running[: {cause}]",
    [NOTE_VM_SHUTDOWN_REFUSED] =
        "{subject} on {node} did not stop within its time limit and keeps running[: {cause}]. Berth asks it again at growing intervals; 'berth vm stop --force {subject}' turns it off",
    [NOTE_VM_GUEST_STOPPED] = "the guest of {subject} on {node} stands still: {cause}",
    [NOTE_VM_GUEST_BACK] = "the guest of {subject} on {node} goes on",
    [NOTE_VM_GUEST_ENDED] =
        "{subject} on {node} is turned off, to restart: its guest stands still ({cause})",
    [NOTE_VM_CANNOT_BE_ENDED] =
        "{subject} on {node} was killed {s} s ago, and its QEMU still exists: it hangs in the kernel (a GPU that does not come out of its reset, storage that is gone). It starts nowhere else and keeps its GPUs until host {node} is restarted",
    [NOTE_VM_STOPPED] = "{subject} is stopped; its GPUs on {node} are free",
    [NOTE_VM_REMOVED] = "{subject} is removed",
    [NOTE_VM_FAILED] =
        "{subject} failed, and its restart policy is exhausted: {cause}. 'berth vm start {subject}' tries again",
    [NOTE_VM_NOT_RESTARTED] =
        "{subject} ran on {node}, which was lost or shut down; with priority 0 only 'berth vm start {subject}' starts it again",
    [NOTE_VM_RESTART_DELAYED] = "{subject} keeps failing ({cause}): it restarts in {s} s",
    [NOTE_CLUSTER_SET] = "the settings of the cluster were changed: {detail}",
    [NOTE_ENDPOINT_FOREIGN] =
        "{subject} does not use the endpoint {detail}: it is a member of another etcd cluster ({who}) and counts as down. Correct etcd_endpoints, or join that member to the store's cluster",
    [NOTE_DISARM_ASKED] =
        "the cluster is disarmed: no host is fenced and no VM restarts by itself until it is armed",
    [NOTE_DISARM_FOR_ASKED] =
        "the cluster is disarmed for {s} s: no host is fenced and no VM restarts by itself",
    [NOTE_ARM_ASKED] = "the cluster is armed",
    [NOTE_ARM_UNHEARD_ASKED] =
        "the cluster is armed. Not heard now: {detail}; a host that is not heard soon is fenced",
    [NOTE_ACCESS_ADDED] = "{who} {subject} was added with the role {label}",
    [NOTE_ACCESS_CHANGED] = "{who} {subject}[: {detail}]",
    [NOTE_ACCESS_REMOVED] = "{who} {subject} was removed",
    [NOTE_LOGIN_FAILED] = "wrong password or token for {subject}, from {who}",
    [NOTE_LOGIN_FAILED_UNNAMED] = "wrong password or token with an invalid name, from {who}",
    [NOTE_CODE_FAILED] = "right password, but wrong or no code of {subject}, from {who}",
    [NOTE_SESSION_ENDED] = "the session of {subject}, begun from {who}, was ended",
    [NOTE_GPU_DISMOUNT_ASKED] =
        "{device} of {subject} ({label}) is to be dismounted from the host[, with {detail}]",
    [NOTE_GPU_MOUNT_ASKED] = "{device} of {subject} is to be returned to the host",
    [NOTE_GPU_RELEASE_ASKED] = "{device} of {subject} is released from quarantine[ ({cause})]",
    [NOTE_DEVICE_WATCHED] =
        "the device {device} of {subject} is to be listed with the GPUs, for VMs",
    [NOTE_DEVICE_UNWATCHED] = "the device {device} of {subject} is not to be listed any more",
    [NOTE_GPU_SPLIT_ASKED] =
        "{device} of {subject} is to be divided into {count} partitions[ of the type {label}]",
    [NOTE_GPU_SPLIT_UNLIKE_ASKED] =
        "{device} of {subject} is to be divided into {count} partitions[ of the type {label}]; others of its model are divided differently, and a pool takes only equal partitions",
    [NOTE_GPU_WHOLE_ASKED] = "{device} of {subject} is to be whole again and returned to its host",
    [NOTE_NODE_PAUSED] = "{subject} is paused: its VMs keep running, and no new ones start there",
    [NOTE_NODE_RESUMED] = "{subject} is active again",
    [NOTE_NODE_DRAIN_ASKED] = "{subject} is to be drained: its VMs move to hosts that have room",
    [NOTE_NODE_FORCED_DRAIN_ASKED] =
        "{subject} is to be drained: its VMs move to hosts that have room; the others stop",
    [NOTE_NODE_SHUTDOWN_ASKED] = "{subject} is to be shut down once its VMs have left it",
    [NOTE_NODE_REBOOT_ASKED] = "{subject} is to be rebooted once its VMs have left it",
    [NOTE_NODE_CONFIRMED_OFF] =
        "{subject} was confirmed to be off (incarnation {count}): its VMs may start elsewhere",
    [NOTE_NODE_SET] = "{subject}: changed {detail}",
    [NOTE_FENCE_TEST_ASKED] = "the fence agents of {subject} are to be tested from {who}",
    [NOTE_NODE_REMOVED] =
        "{subject} was removed from the cluster[, and {count} of its GPUs from their pools]",
    [NOTE_POOL_CREATED] = "GPU pool {subject} was created with {count} {who}",
    [NOTE_POOL_EXTENDED] = "{count} {who} joined GPU pool {subject}",
    [NOTE_POOL_REDUCED] = "{device} of {node} left GPU pool {subject}",
    [NOTE_POOL_CHANGED] = "GPU pool {subject}: changed {detail}",
    [NOTE_POOL_REMOVED] = "GPU pool {subject} was removed",
    [NOTE_VM_ADDED] = "VM {subject} was added ({count} CPUs, {total} MiB); it is stopped",
    [NOTE_VM_ADDED_PRIVILEGED] =
        "VM {subject} was added although the domain policy refuses it ({count} CPUs, {total} MiB); it is stopped",
    [NOTE_VM_DEFINED] =
        "VM {subject} has a new definition ({count} CPUs, {total} MiB), in effect at its next start",
    [NOTE_VM_DEFINED_PRIVILEGED] =
        "VM {subject} has a new definition although the domain policy refuses it ({count} CPUs, {total} MiB), in effect at its next start",
    [NOTE_VM_SET] = "VM {subject}: changed {detail}",
    [NOTE_VM_REMOVAL_ASKED] = "VM {subject} was removed from the cluster; its disks are untouched",
    [NOTE_VM_ASSIGNED] =
        "VM {subject} was assigned {count} {who} of pool {pool}; it needs {total} in all",
    [NOTE_VM_UNASSIGNED] = "VM {subject} was unassigned {count} {who} of pool {pool}; {have} left",
    [NOTE_VM_UNASSIGNED_STOPPED] =
        "VM {subject} was unassigned {count} {who} of pool {pool}; it needs no GPU any more, waits no longer, and is stopped",
    [NOTE_VM_START_ASKED] = "VM {subject} is to be started",
    [NOTE_VM_STOP_ASKED] = "VM {subject} is to be stopped",
    [NOTE_VM_OFF_ASKED] = "VM {subject} is to be turned off at once",
    [NOTE_DOMAINS_READ] = "the VMs that libvirt on {subject} has defined were listed",
    [NOTE_VM_SCREEN_OPENED] = "the screen of VM {subject} on {node} was opened",
    [NOTE_VM_CONSOLE_OPENED] = "the serial console of VM {subject} on {node} was opened",
    [NOTE_VM_MOVE_ASKED] = "VM {subject} is to move from {node} to {who}",
    [NOTE_VM_MOVE_AWAY_ASKED] = "VM {subject} is to move from {node} to another host",
    [NOTE_VM_MOVE_CANCEL_ASKED] = "VM {subject} is to stay on {node}",
    [NOTE_VM_ADOPT_ASKED] = "VM {subject} is to stay on {node}",
    [NOTE_VM_GONE_CONFIRMED] = "VM {subject} was confirmed to run nowhere",
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

/* The text of that name; NULL: it is none. */
static const char *text_named(const struct writer *w, const char *name, size_t len)
{
    const struct facts *f = w->facts;
    const struct {
        const char *name, *text;
    } texts[] = {
        {"subject", w->subject}, {"node", f->node},   {"who", f->who},       {"pool", f->pool},
        {"device", f->device},   {"label", f->label}, {"detail", f->detail},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (is_name(name, len, texts[i].name)) {
            return texts[i].text;
        }
    }
    return NULL;
}

/* The number of that name: a name that is nothing else is one. */
static int64_t number_named(const struct facts *f, const char *name, size_t len)
{
    const struct {
        const char *name;
        int64_t number;
    } numbers[] = {
        {"count", (int64_t)f->count},
        {"need", (int64_t)f->need},
        {"have", (int64_t)f->have},
        {"total", (int64_t)f->total},
        {"ms", f->ms},
        {"s", f->ms / 1000},
        {"min", (f->ms + 59999) / 60000},
        {"limit_ms", f->limit_ms},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(numbers) && !is_name(name, len, numbers[i].name)) {
        i++;
    }
    assert(i < ARRAY_LEN(numbers));
    return numbers[i].number;
}

/* The parameter 'name'; false: it is empty, or 0. */
static bool append_parameter(struct writer *w, const char *name, size_t len)
{
    size_t before = w->len;
    const char *text = text_named(w, name, len);
    if (is_name(name, len, "cause")) {
        struct writer inner = {w->to, w->len, w->subject, w->cause ? &w->cause->facts : NULL, NULL};
        fill(&inner, w->cause ? cause_words[w->cause->code] : "");
        w->len = inner.len;
    } else if (text) {
        append(w, text, strlen(text));
    } else {
        char digits[24];
        int64_t number = number_named(w->facts, name, len);
        (void)snprintf(digits, sizeof(digits), "%" PRId64, number);
        append(w, digits, strlen(digits));
        return number != 0;
    }
    return w->len > before;
}

/* A GPU that is none: how many bytes of 'at' were said in other words. A pool is called a GPU pool
 * whatever is in it. */
static size_t append_other(struct writer *w, const char *words, const char *at)
{
    static const char gpu[] = "GPU", pool[] = "GPU pool";
    bool is_word = at == words || (at[-1] != 'v' && at[-1] != '{');
    if (!w->facts || !w->facts->is_other || !is_word || strncmp(at, gpu, strlen(gpu)) != 0 ||
        strncmp(at, pool, strlen(pool)) == 0) {
        return 0;
    }
    append(w, at == words ? "Device" : "device", strlen("device"));
    return strlen(gpu);
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
            size_t len = append_other(w, words, at);
            if (len > 0) {
                at += len;
                continue;
            }
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

const char *words_event(const struct event_record *event, char ret[words_max])
{
    struct writer w = {ret, 0, event->subject, &event->facts, &event->cause};
    enum note_code code = note_code_find(event->code, event->way);
    ret[0] = '\0';
    fill(&w, code != NOTE_NONE ? note_words[code] : "{detail}");
    return ret;
}

const char *words_note(const struct note *note, char ret[words_max])
{
    struct writer w = {ret, 0, note->subject, &note->facts, &note->cause};
    ret[0] = '\0';
    fill(&w, note_words[note->code]);
    return ret;
}

const char *words_made(const char *words, const char *subject, const struct facts *facts,
                       char ret[words_max])
{
    struct writer w = {ret, 0, subject, facts, NULL};
    ret[0] = '\0';
    fill(&w, words);
    return ret;
}

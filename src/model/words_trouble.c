/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every sentence about a problem, and what to do about it; written as words.c has it. */
#include "model/words.h"

static const struct {
    const char *what;
    const char *advice; /* NULL: the cause says what to do */
} trouble_words[trouble_code_count] = {
    [TROUBLE_STORE_SILENT] =
        {"The store does not answer; what is shown is old",
         "Start the etcd members that are down, or repair the network to them."},
    [TROUBLE_NO_COORDINATOR] = {"No host coordinates: nothing is started or restarted",
                                "Start berthd on the hosts, and check that they reach etcd."},
    [TROUBLE_RESERVE] = {"The cluster survives the loss of {have} hosts; its reserve demands {need}"
                         "[. {count} VMs would find no place, {who} first]",
                         "Add GPUs or hosts, arm fencing, stop VMs, or lower the reserve."},
    [TROUBLE_CERTIFICATE_OVER] = {"The HTTPS certificate of this berth-api has expired",
                                  "Renew the certificate, then reload berth-api."},
    [TROUBLE_CERTIFICATE] = {"The HTTPS certificate of this berth-api expires within a month"
                             "[ (days left: {count})]",
                             "Renew the certificate, then reload berth-api."},
    [TROUBLE_DISARMED] =
        {"The cluster is disarmed[ for about {min} min]: no host is fenced, and no "
         "VM restarts by itself",
         "Arm the cluster as soon as your work is done."},
    [TROUBLE_NODE_CONTRADICTED] =
        {"The store contradicts {subject}: berthd leaves its VMs alone there and takes part in "
         "nothing",
         "Check etcd_endpoints and etcd_prefix on that host. If this is the store of its VMs, run "
         "berthd --adopt there; to end them and join this store, berthd --clear."},
    [TROUBLE_NODE_UNFENCED] = {"{subject} is silent, and nothing proves that it is off[; VMs that "
                               "wait for it: {count}]",
                               "Turn the host off yourself. Only then confirm that it is off."},
    [TROUBLE_NODE_LEFT] = {"berthd on {subject} was stopped while VMs ran there ({count}): nothing "
                           "watches them",
                           "Start berthd there. If the host is off for sure, confirm that."},
    [TROUBLE_NODE_SILENT] = {"{subject} does not answer[; VMs there: {count}]",
                             "Wait for Berth to prove that the host is off, and look at the host."},
    [TROUBLE_NODE_DOWN] = {"{subject} is down (proven off)",
                           "Repair the host and start it; or remove it from the cluster."},
    [TROUBLE_NODE_UNWATCHED] =
        {"The watchdog of {subject} is not armed: if the host fails, its VMs "
         "stay down until an administrator confirms that it is off",
         "Load the driver of the watchdog, and make sure that nothing else "
         "uses it."},
    [TROUBLE_NODE_NO_AGENT] = {"{subject} is to be fenced by power, but has no fence agent",
                               "Set a fence agent for it."},
    [TROUBLE_NODE_SECRETS_LOST] = {"No host can open the secrets of the fence agents of {subject}",
                                   "Set the fence agent and all its parameters again."},
    [TROUBLE_NODE_SECRETS_OPEN] = {"Secrets of the fence agents of {subject} are stored readably",
                                   "They are sealed by themselves once every host can open them: "
                                   "upgrade berthd everywhere, and see the validation."},
    [TROUBLE_NODE_CHECK] = {"{subject} does not pass the check {label}", NULL},
    [TROUBLE_STORE_CHECK] = {"The store does not pass the check of {subject}", NULL},
    [TROUBLE_NODE_STOPPED] = {"berthd on {subject} was stopped; no VM runs there",
                              "Start berthd there; or remove the host from the cluster."},
    [TROUBLE_NODE_QUARANTINED] =
        {"{subject} gets no new VMs: it restarted three times within an hour",
         "Find out why it restarts, then resume it."},
    [TROUBLE_NODE_PAUSED] = {"{subject} has been paused for more than an hour",
                             "Resume it when your work there is done."},
    [TROUBLE_NODE_DRAINED] = {"{subject} has been in maintenance for more than an hour",
                              "Resume it when your work there is done."},
    [TROUBLE_GPU_QUARANTINED] = {"GPU {subject} is quarantined: no VM gets it",
                                 "Repair or replace the card, then release it."},
    [TROUBLE_GPU_MISSING] = {"GPU {subject} of pool {pool} is missing: its host does not show it",
                             "Check the card; or remove it from the pool."},
    [TROUBLE_GPU_UNUSABLE] = {"GPU {subject} of pool {pool} cannot be assigned",
                              "Remove the obstacle; or remove the GPU from the pool."},
    [TROUBLE_GPU_ERRORS] =
        {"GPU {subject} had {count} uncorrected PCIe errors since its host booted"
         "[; VM {who} has it]",
         "Look at the kernel's log; reseat the card, or replace it."},
    [TROUBLE_GPU_LINK] = {"The PCIe link of GPU {subject} has {have} of {need} lanes"
                          "[; VM {who} has it]",
                          "Reseat the card, and check its slot and riser."},
    [TROUBLE_VM_FAILED] = {"VM {subject} has failed, and is not restarted any more",
                           "Remove the cause, then start it again."},
    [TROUBLE_VM_AWAY] = {"VM {subject} left its host without an order from Berth",
                         "Adopt it where it runs, or confirm that it runs nowhere."},
    [TROUBLE_VM_UNENDABLE] = {"VM {subject} on {node} was killed, but its QEMU does not end",
                              "Move the other VMs away, then restart the host."},
    [TROUBLE_VM_UNSTOPPABLE] = {"VM {subject} does not stop",
                                "Shut it down from inside, or turn it off by force."},
    [TROUBLE_VM_WAITING] = {"VM {subject} waits: no host can run it right now",
                            "Look at the reason of each host."},
    [TROUBLE_VM_DEGRADED] = {"VM {subject} runs on {node}, but its GPU {device} has failed",
                             "Move it to a host with a free GPU, or restart it."},
    [TROUBLE_VM_GUEST_STOPPED] = {"VM {subject} runs on {node}, but its guest stands still",
                                  "Look at its screen, then restart it."},
    [TROUBLE_VM_STRANDED] = {"VM {subject} should leave {node}, but no other host can take it",
                             "Look at the reason of each host."},
};

const char *words_trouble(enum trouble_code code, const char *subject, const struct facts *facts,
                          char ret[words_max])
{
    return words_made(trouble_words[code].what, subject, facts, ret);
}

const char *words_advice(enum trouble_code code, const char *subject, const struct facts *facts,
                         char ret[words_max])
{
    const char *advice = trouble_words[code].advice;
    return words_made(advice ? advice : "", subject, facts, ret);
}

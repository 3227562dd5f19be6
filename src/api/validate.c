/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The validation of the cluster: what hosts found out about themselves and what the records say
 * together, as findings with what to do. Reads what is known and asks no one: hosts look again at
 * what may change every few minutes, and half a minute after something was changed.
 */
#include "api/validate.h"

#include "api/handlers.h"
#include "api/show.h"
#include "model/move.h"
#include "model/words.h"

#include <stdio.h>
#include <string.h>

typedef void (*node_fn)(struct validation *v, const struct node_facts *node);

static void each_node(struct validation *v, node_fn check)
{
    names_t names = {0};
    (void)node_names(v->call->world, &names);
    VEC_EACH(&names, name) {
        struct node_facts node;
        if (node_facts(v->call->view, *name, &node)) {
            check(v, &node);
        }
    }
    VEC_DONE(&names);
}

/* ---- nodes ---- */

static void check_heartbeat(struct validation *v, const struct node_facts *node)
{
    char words[words_max];
    switch (node->state) {
    case NODE_STATE_UP:
        validation_add(v, FINDING_OK, node->name, "heartbeat", "it arrives, and takes VMs");
        return;
    case NODE_STATE_PAUSED:
    case NODE_STATE_QUARANTINED:
    case NODE_STATE_DRAINING:
    case NODE_STATE_DRAINED:
        validation_add(v, FINDING_WARNING, node->name, "heartbeat",
                       "it arrives, but the node is %s", node_state_name(node->state));
        hint_put(v->checks, hint_make("node-resume", node->name, NULL));
        return;
    case NODE_STATE_GOING_DOWN:
    case NODE_STATE_SHUT_DOWN:
        validation_add(v, FINDING_WARNING, node->name, "heartbeat", "%s (%s)",
                       node_state_name(node->state), words_cause(&node->why, words));
        return;
    case NODE_STATE_UNKNOWN:
        validation_add(v, FINDING_WARNING, node->name, "heartbeat", "%s: look again in a moment",
                       words_cause(&node->why, words));
        return;
    case NODE_STATE_NEVER_SEEN:
    case NODE_STATE_SILENT:
    case NODE_STATE_FENCING:
    case NODE_STATE_FENCED:
        validation_add(v, FINDING_FAILED, node->name, "heartbeat",
                       "%s (%s): is the host on, does berthd run there, does it reach etcd, and is "
                       "that the right store?",
                       node_state_name(node->state), words_cause(&node->why, words));
        return;
    }
}

static void check_inventory(struct validation *v, const struct node_facts *node)
{
    if (!node->inventory) {
        validation_add(v, FINDING_FAILED, node->name, "inventory",
                       "it has never told what it has: journalctl -u berthd there");
    } else if (node->alive && node->inventory->incarnation != node->alive->incarnation) {
        validation_add(v, FINDING_WARNING, node->name, "inventory",
                       "its report is from before its last restart: what follows may be outdated");
    } else {
        validation_add(v, FINDING_OK, node->name, "inventory",
                       "%u CPUs, %llu MiB for VMs, %zu GPUs", node->inventory->cpus,
                       (unsigned long long)node->inventory->memory_mib, node->inventory->gpus.len);
    }
}

static void check_node(struct validation *v, const struct node_facts *node)
{
    check_heartbeat(v, node);
    check_inventory(v, node);
}

/* Members of the store, as the hosts find them: at least so many as there are hosts, if there are
 * few. More of them are witnesses. */
static size_t members_known(struct validation *v)
{
    size_t most = 0;
    WORLD_EACH(v->call->world, RECORD_NODE_INVENTORY, each) {
        size_t members = 0;
        VEC_EACH(&(*each)->inventory->checks, check) {
            members += strcmp(check->name, "endpoint") == 0;
        }
        most = MAX(most, members);
    }
    return most;
}

/* What must be left when one is lost is a majority of the store, and another host. */
static void check_hosts(struct validation *v, size_t hosts)
{
    size_t members = members_known(v);
    if (hosts >= 3) {
        validation_add(v, FINDING_OK, "", "hosts", "%zu: a majority is left when one is lost",
                       hosts);
    } else if (hosts == 2 && members >= 3) {
        validation_add(v, FINDING_OK, "", "hosts",
                       "2, and a witness that holds the store: a majority is left when one of the "
                       "three is lost");
    } else {
        validation_add(v, FINDING_WARNING, "", "hosts",
                       "%zu: nothing can fail over safely. Add a host or, beside two, a witness",
                       hosts);
    }
}

static void check_coordinator(struct validation *v)
{
    const struct record *leader = world_find(v->call->world, RECORD_LEADER, "");
    struct node_facts node;
    names_t names = {0};
    (void)node_names(v->call->world, &names);
    bool is_there = leader && node_facts(v->call->view, leader->leader->node, &node) &&
                    node.pulse == PULSE_ALIVE;
    validation_add(v, is_there ? FINDING_OK : FINDING_FAILED, "", "coordinator",
                   is_there ? "%s coordinates"
                            : "none%s: nothing is started or restarted; see journalctl -u berthd",
                   is_there ? leader->leader->node : "");
    check_hosts(v, names.len);
    VEC_DONE(&names);
}

/* Hosts of one cluster behave alike with one kernel. */
static void check_kernels(struct validation *v)
{
    const struct record *first = NULL;
    WORLD_EACH(v->call->world, RECORD_NODE_INVENTORY, each) {
        first = first ? first : *each;
        if (strcmp((*each)->inventory->kernel, first->inventory->kernel) != 0) {
            validation_add(v, FINDING_WARNING, "", "kernel",
                           "%s runs %s and %s runs %s: bring all hosts to the same",
                           first->key.name, first->inventory->kernel, (*each)->key.name,
                           (*each)->inventory->kernel);
            return;
        }
    }
    if (first) {
        validation_add(v, FINDING_OK, "", "kernel", "all hosts run %s", first->inventory->kernel);
    }
}

/* ---- what hosts found out about themselves ---- */

/* The group that a check of the inventory belongs to; others are about the hardware. */
static const char *group_of(const char *check)
{
    static const struct {
        const char *check, *group;
    } groups[] = {
        {CHECK_HYPERVISOR, "Hypervisor"},
        {"kvm", "Hypervisor"},
        {"migration", "Hypervisor"},
        {"move-certificates", "Hypervisor"},
        {"clock", "Clocks"},
        {"store", "Store"},
        {"endpoint", "Store"},
        {"certificate", "Store"},
        {"fencing", "Fencing"},
        {"nowayout", "Fencing"},
        {"disks", "Storage"},
        {CHECK_SPACE, "Storage"},
        {"services", "Services"},
        {"libvirt-guests", "Services"},
        {"automatic-reboot", "Services"},
        {"system-watchdog", "Services"},
        {"network-wait", "Services"},
        {"firewall", "Services"},
        {"secrets", "Fencing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (strcmp(groups[i].check, check) == 0) {
            return groups[i].group;
        }
    }
    return "Hardware";
}

/* Adds the checks of 'group' of the nodes that are heard (of the others is known what was), then a
 * warning for each without any. */
static void add_checks(struct validation *v, const char *group, const char *missing)
{
    names_t names = {0};
    (void)node_names(v->call->world, &names);
    VEC_EACH(&names, name) {
        struct node_facts node;
        size_t found = 0;
        if (!node_facts(v->call->view, *name, &node) || !node.inventory ||
            node.pulse != PULSE_ALIVE) {
            continue;
        }
        VEC_EACH(&node.inventory->checks, check) {
            if (strcmp(group_of(check->name), group) == 0) {
                found++;
                validation_add(v,
                               check->is_ok       ? FINDING_OK
                               : check->is_advice ? FINDING_WARNING
                                                  : FINDING_FAILED,
                               node.name, check->name, "%s",
                               check->detail[0] ? check->detail
                               : check->is_ok   ? "it answers"
                                                : "it does not answer");
            }
        }
        if (found == 0 && missing) {
            validation_add(v, FINDING_WARNING, node.name, "checked", "%s", missing);
        }
    }
    VEC_DONE(&names);
}

/* ---- live moves ---- */

static void check_migration(struct validation *v, const struct node_facts *node)
{
    struct move_address to;
    const char *address = node->inventory ? node->inventory->migration_address : "";
    if (!address[0]) {
        return; /* none come here: docs/migration.md; that is as it was wanted */
    }
    bool is_read = move_address_parse(address, &to);
    validation_add(v, is_read && !to.is_plain ? FINDING_OK : FINDING_WARNING, node->name,
                   "migration", "%s",
                   !is_read      ? "its migration_address is not understood"
                   : to.is_plain ? "VMs that move here while they run are not encrypted on their "
                                   "way: anyone who sees that network can read their memory"
                                 : "VMs move here while they run, encrypted");
}

/* ---- fencing ---- */

static void check_watchdog(struct validation *v, const struct node_facts *node)
{
    msec_t want_ms = world_settings(v->call->world)->watchdog_ms;
    if (node->alive->is_watchdog_armed && node->alive->watchdog_ms == want_ms) {
        validation_add(v, FINDING_OK, node->name, "watchdog",
                       "armed: resets the host %.1f s after it has lost the cluster",
                       (double)want_ms / 1000);
    } else if (node->alive->is_watchdog_armed) {
        validation_add(v, FINDING_FAILED, node->name, "watchdog",
                       "armed with %lld ms, but the cluster's setting is %lld ms: drain the node, "
                       "then restart its berthd",
                       (long long)node->alive->watchdog_ms, (long long)want_ms);
        hint_put(v->checks, hint_make("node-drain", node->name, NULL));
    } else {
        validation_add(v, FINDING_FAILED, node->name, "watchdog",
                       "not armed: if this host dies its VMs start elsewhere only after an "
                       "administrator confirms that it is off; load its driver (wdctl), and make "
                       "sure that nothing else uses it");
    }
}

static void check_power(struct validation *v, const struct node_facts *node)
{
    uint32_t level_len = node_spec_fence_levels(node->spec);
    if (level_len == 0) {
        validation_add(v, FINDING_FAILED, node->name, "power", "no agent is set");
        hint_put(v->checks,
                 hint_with(hint_with(hint_make("node-set", node->name, NULL), "agent", "AGENT"),
                           "param", "ip=ADDRESS"));
    }
    for (uint32_t i = 0; i < level_len; i++) {
        validation_add(v, FINDING_OK, node->name, "power",
                       i == 0 ? "turned off by %s" : "if that fails, turned off by %s",
                       node_spec_fence_level(node->spec, i).agent);
    }
}

static void check_fencing(struct validation *v, const struct node_facts *node)
{
    bool is_heard = node->alive && node->pulse == PULSE_ALIVE;
    switch (node->spec->fencing) {
    case FENCING_WATCHDOG:
        if (is_heard) {
            check_watchdog(v, node);
        }
        return;
    case FENCING_POWER:
        check_power(v, node);
        return;
    case FENCING_MANUAL:
        validation_add(v, FINDING_WARNING, node->name, "manual",
                       "if this host dies its VMs start elsewhere only after an administrator "
                       "confirms that it is off");
        return;
    }
}

/* What each host would do does not matter then: watchdogs are let go. */
static void check_disarmed(struct validation *v)
{
    msec_t left_ms;
    (void)world_is_disarmed(v->call->world, &left_ms);
    if (left_ms > 0) {
        validation_add(v, FINDING_FAILED, "", "disarmed",
                       "the cluster is disarmed for about %lld s more: no host is fenced, and no "
                       "VM restarts by itself",
                       (long long)left_ms / 1000);
    } else {
        validation_add(v, FINDING_FAILED, "", "disarmed",
                       "the cluster is disarmed until someone arms it: no host is fenced, and no "
                       "VM restarts by itself");
    }
    hint_put(v->checks, hint_make("cluster-arm", NULL));
}

/* Whether another host has tried this one's agent. */
static bool is_tried(const struct world *world, const char *node)
{
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        VEC_EACH(&(*each)->inventory->checks, check) {
            if (strcmp(check->name, "fencing") == 0 && strcmp(check->subject, node) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_tried(struct validation *v, const struct node_facts *node)
{
    if (node->spec->fencing == FENCING_POWER && node->spec->fence_agent[0] &&
        !is_tried(v->call->world, node->name)) {
        validation_add(v, FINDING_WARNING, node->name, "fencing",
                       "no other host has tried its fence agent yet: look again in a minute");
    }
}

/* ---- disks ---- */

/* What a host said of disks is of the VMs that there were when it looked. */
static void check_disks(struct validation *v, const struct node_facts *node)
{
    uint32_t looked_len = 0, now_len = 0;
    bool has_looked = false;
    if (!node->inventory || node->pulse != PULSE_ALIVE) {
        return;
    }
    VEC_EACH(&node->inventory->checks, check) {
        if (strcmp(check->name, "disks") == 0) {
            has_looked = true;
            looked_len = MAX(looked_len, check->vm_len);
        }
    }
    WORLD_EACH(v->call->world, RECORD_VM_SPEC, each) {
        now_len += vm_spec_may_run_on((*each)->vm_spec, node->name);
    }
    if (has_looked && looked_len != now_len) {
        validation_add(v, FINDING_WARNING, node->name, "checked",
                       "it looked at the disks of the %u VMs that might run on it then, and now "
                       "there are %u: look again in half a minute",
                       looked_len, now_len);
    }
}

/* ---- together ---- */

static void validate_hosts(struct validation *v)
{
    static const char *const unchecked = "not looked at yet: look again in a minute";
    validation_group(v, "Nodes", "Every host is heard, and one of them coordinates");
    check_coordinator(v);
    each_node(v, check_node);
    check_kernels(v);
    validation_group(v, "Hardware", "Firmware and kernel let devices go to VMs");
    add_checks(v, "Hardware", "its hardware was not looked at");
    validation_group(v, "Hypervisor", "libvirt answers, and VMs run on the CPU itself");
    add_checks(v, "Hypervisor", NULL);
    each_node(v, check_migration);
    validation_group(v, "Services", "Nothing else on a host acts on VMs, reboots or the watchdog");
    add_checks(v, "Services", NULL);
    validation_group(v, "Clocks", "All hosts have the same time");
    add_checks(v, "Clocks", unchecked);
    validation_group(v, "Store", "etcd is quick enough for heartbeats");
    add_checks(v, "Store", unchecked);
    validation_group(v, "Fencing", "A host that falls silent can be proven off");
    if (world_is_disarmed(v->call->world, NULL)) {
        check_disarmed(v);
    } else {
        each_node(v, check_fencing);
    }
    add_checks(v, "Fencing", NULL);
    each_node(v, check_tried);
    each_node(v, validate_secrets);
    each_node(v, validate_memory);
    validation_group(v, "Storage", "Every VM's disks are on every host that it may run on");
    add_checks(v, "Storage", unchecked);
    each_node(v, check_disks);
}

void handle_validate(struct api_call *call)
{
    struct validation v = {.call = call, .groups = json_array()};
    validate_hosts(&v);
    validation_group(&v, "GPUs", "Every pool's GPUs can go to VMs");
    validate_gpus(&v);
    validation_group(&v, "GPU pools", "One make and model, on more than one host");
    validate_pools(&v);
    validation_group(&v, "VMs", "Each fits on more than one host");
    validate_vms(&v);
    validation_group(&v, "Reserve", "A host can be lost");
    validate_reserve(&v);
    enum finding worst = v.counts[FINDING_FAILED]    ? FINDING_FAILED
                         : v.counts[FINDING_WARNING] ? FINDING_WARNING
                                                     : FINDING_OK;
    call_send_dated(call,
                    json_pack("{s:s, s:s, s:I, s:{s:I, s:I, s:I}, s:o, s:I}", "result",
                              finding_name(worst), "cluster", world_settings(call->world)->name,
                              "time_ms", (json_int_t)call->view->wall_ms, "counts", "ok",
                              v.counts[FINDING_OK], "warning", v.counts[FINDING_WARNING], "failed",
                              v.counts[FINDING_FAILED], "groups", v.groups, "revision",
                              (json_int_t)call->world->revision),
                    0);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands about the cluster as a whole, and about this program. */
#include "cli/command.h"

#define STATE_FILE                                                                                 \
    "With --state FILE, plans for the cluster in FILE (\"-\": standard input) without "            \
    "contacting any cluster, and shows where every VM would run. berth cluster export writes "     \
    "such a file."

static const struct command commands[] = {
    {.noun = "status", .help = "Show the cluster at a glance", .run = run_status},
    {.noun = "problems",
     .help = "Show what needs attention, why, and what to do",
     .more =
         "Lists servers, GPUs and VMs that are not as they should be now. The exit code is 1 if "
         "there is an error; warnings do not count. berth validate checks how the cluster is "
         "built.",
     .run = run_problems},
    {.noun = "validate",
     .help = "Check the cluster and say what to fix",
     .more = "Checks firmware, kernel, libvirt, clocks, the store, fencing, VM disks, GPUs, pools, "
             "and whether the cluster survives the loss of a host. Hosts repeat their checks every "
             "five minutes, and 30 seconds after a VM or node changes. The exit code is 1 if a "
             "check failed; warnings do not count.",
     .options = OPTIONS({.name = "verbose", .letter = 'v', .help = "also show passed checks"},
                        {.name = "html",
                         .value = "FILE",
                         .help = "write the report as an HTML page (\"-\": to standard output)"}),
     .run = run_validate},
    {.noun = "events",
     .help = "Show who did what, and why",
     .options = OPTIONS(
         {.name = "follow", .letter = 'f', .help = "keep showing events as they happen"},
         {.name = "limit", .value = "N", .help = "maximum number of events (default 30)"},
         {.name = "since",
          .value = "TIME",
          .help = "only events of the last 90s, 30m, 2h or 7d; then up to 1000"},
         {.name = "severity", .value = "WORD", .help = "only info, warning or error"},
         {.name = "subject", .value = "NAME", .help = "only events of this node, pool or VM"}),
     .run = run_events},

    {.noun = "plan",
     .verb = "fail",
     .args = "NODE...",
     .args_min = 1,
     .args_max = -1,
     .help = "Show where VMs would restart if these nodes failed",
     .more = STATE_FILE,
     .run = run_plan_fail},
    {.noun = "plan",
     .verb = "drain",
     .args = "NODE...",
     .args_min = 1,
     .args_max = -1,
     .help = "Show where VMs would go if these nodes were drained",
     .more = STATE_FILE,
     .run = run_plan_drain},
    {.noun = "plan",
     .verb = "start",
     .args = "VM...",
     .args_min = 1,
     .args_max = -1,
     .help = "Show where these VMs would start",
     .more = STATE_FILE,
     .run = run_plan_start},

    {.noun = "cluster",
     .verb = "show",
     .help = "Show the settings of the cluster",
     .run = run_cluster_show},
    {.noun = "cluster",
     .verb = "set",
     .args = "KEY=VALUE...",
     .args_min = 1,
     .args_max = -1,
     .help = "Change settings of the cluster",
     .more = "berth cluster show lists the settings.",
     .run = run_cluster_set},
    {.noun = "cluster",
     .verb = "disarm",
     .help = "Let Berth fence, restart and end nothing by itself while you work",
     .more = "For work on the network or the store. VMs keep running even if hosts lose the store. "
             "Nothing is protected meanwhile: a VM whose host fails stays down until the cluster "
             "is armed. Orders such as berth vm start and berth node drain are still carried out.",
     .options = OPTIONS({.name = "for",
                         .value = "TIME",
                         .help = "arm the cluster again after this time, such as 90s, 30m or 2h"}),
     .run = run_cluster_disarm},
    {.noun = "cluster",
     .verb = "arm",
     .help = "Let Berth protect the VMs again",
     .run = run_cluster_arm},
    {.noun = "cluster",
     .verb = "export",
     .args = "[FILE]",
     .args_max = 1,
     .help = "Write the whole cluster to a file",
     .more = "The file holds the configuration (settings, nodes, pools, VMs and their domain XML), "
             "which berth cluster import reads, and the current state, which berth plan --state "
             "reads. Without FILE, or with \"-\", writes to standard output.",
     .options = OPTIONS({.name = "with-secrets", .help = "include the passwords of fence agents"}),
     .run = run_cluster_export},
    {.noun = "cluster",
     .verb = "import",
     .args = "FILE",
     .args_min = 1,
     .args_max = 1,
     .help = "Apply the configuration in an exported file",
     .more = "FILE was written by berth cluster export (\"-\": standard input). Shows every "
             "difference and asks before it changes anything. Removes nothing and stops no VM. "
             "Steps that fail are listed; import the file again to retry them.",
     .options = OPTIONS(
         {.name = "dry-run", .letter = 'n', .help = "only show the differences"},
         {.name = "start", .help = "start the added VMs that were started in the exported cluster"},
         {.name = "timeout",
          .value = "SECONDS",
          .help = "maximum time to wait for each step (default 300)"}),
     .run = run_cluster_import},

    {.noun = "help",
     .args = "[NOUN [VERB]]",
     .args_max = 2,
     .help = "Show the help of a command, or list all commands",
     .run = run_help},
    {.noun = "version", .help = "Show the version of this program", .run = run_version},
};
const struct chapter chapter_cluster = {commands, ARRAY_LEN(commands)};

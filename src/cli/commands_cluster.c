/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands about the cluster as a whole, and about this program. */
#include "cli/command_options.h"

#define STATE_FILE                                                                                 \
    "With --state FILE, plans for the cluster in FILE (\"-\": standard input) without "            \
    "contacting any cluster, and shows where every VM would run. berth cluster export writes "     \
    "such a file."

/* Of the commands that work on this host, without berth-api. */
#define OPTION_ROOT                                                                                \
    {                                                                                              \
        .name = "root", .value = "DIR",                                                            \
        .help = "read and write all files below DIR, and run DIR/systemctl; for tests"             \
    }
#define OPTIONS_IDENTITY                                                                           \
    {.name = "address",                                                                            \
     .value = "IP",                                                                                \
     .help = "address at which other hosts reach this one (default: that of the default route)"},  \
    {                                                                                              \
        .name = "node", .value = "NODE",                                                           \
        .help = "name of this host in the cluster (default: its host name)"                        \
    }

static const struct command commands[] = {
    {.noun = "status",
     .help = "Show the cluster at a glance",
     .options = OPTIONS(OPTION_WATCH),
     .run = run_status},
    {.noun = "problems",
     .help = "Show what needs attention, why, and what to do",
     .more =
         "Lists servers, GPUs and VMs that are not as they should be now. The exit code is 1 if "
         "there is an error; warnings do not count. berth validate checks how the cluster is "
         "built.",
     .options = OPTIONS(OPTION_WATCH),
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

    {.noun = "notify",
     .verb = "test",
     .help = "Send a test message to the webhook and by the mail of this host",
     .more = "webhook_file and mail_to in berth.conf(5) say where they go. The host that "
             "coordinates tells the problems that begin and end there, as berth problems lists "
             "them.",
     .run = run_notify_test},

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
     .verb = "init",
     .help = "Make a cluster of this host",
     .more = "Checks the host first. Then makes the certificates and passwords of the cluster, "
             "starts the store (berth-etcd.service), writes the store into berth.conf, and starts "
             "berthd and berth-api. If a step fails, everything is undone. Run it as root.",
     .options = OPTIONS(OPTIONS_IDENTITY, OPTION_ROOT),
     .run = run_cluster_init},
    {.noun = "cluster",
     .verb = "token",
     .help = "Let one host join the cluster",
     .more =
         "Shows a token and waits until a host has joined with it. The token works once, and only "
         "while this command runs. It holds a secret that proves both hosts to each other. Port "
         "8644/tcp must be reachable meanwhile. Run it as root on any host of the cluster.",
     .options = OPTIONS({.name = "for",
                         .value = "TIME",
                         .help = "time that the token works, such as 90s, 30m or 2h (default 1h)"},
                        OPTION_ROOT),
     .run = run_cluster_token},
    {.noun = "cluster",
     .verb = "join",
     .args = "TOKEN",
     .args_min = 1,
     .args_max = 1,
     .help = "Make this host a part of a cluster",
     .more =
         "TOKEN comes from berth cluster token on a host of the cluster. Checks this host first. "
         "The first three hosts hold the store. If a step fails, everything is undone, also in "
         "the cluster. Run it as root.",
     .options =
         OPTIONS(OPTIONS_IDENTITY,
                 {.name = "witness",
                  .help = "only hold the store, for a cluster of two hosts: no VMs run here"},
                 OPTION_ROOT),
     .run = run_cluster_join},
    {.noun = "cluster",
     .verb = "leave",
     .help = "Take this host out of its cluster",
     .more =
         "Refused while VMs run here. Removes this host's member of the store, its keys and its "
         "data. Run it as root.",
     .options =
         OPTIONS({.name = "member",
                  .value = "NODE",
                  .help = "remove the member of another host from the store: one that is gone "
                          "for good, or a witness"},
                 {.name = "force", .letter = 'f', .help = "leave although VMs run here"},
                 {.name = "lost",
                  .help = "the store is lost: remove only what is on this host, and let VMs run"},
                 OPTION_ROOT),
     .run = run_cluster_leave},
    {.noun = "cluster",
     .verb = "status",
     .help = "Show the members of the store, and the certificates of this host",
     .more = "Run it as root on a host of the cluster.",
     .options = OPTIONS(OPTION_ROOT),
     .run = run_cluster_status},
    {.noun = "cluster",
     .verb = "refresh",
     .help = "Renew certificates, and take up changes of the store's members on this host",
     .more =
         "Renews each certificate of which a third of its time is left, and makes those for live "
         "moves, unless an administrator has. Writes the members of the store into berth.conf, and "
         "restarts berthd and berth-api if that changed it; VMs keep running. berth-refresh.timer "
         "does this every ten minutes.",
     .options = OPTIONS(OPTION_ROOT),
     .run = run_cluster_refresh},
    {.noun = "cluster",
     .verb = "backup",
     .args = "FILE",
     .args_min = 1,
     .args_max = 1,
     .help = "Write everything in the store but events to a file",
     .more = "Unlike berth cluster export, the file holds users, tokens, passwords and where VMs "
             "run: keep it secret. Run it as root on a host of the cluster.",
     .options = OPTIONS(OPTION_ROOT),
     .run = run_cluster_backup},
    {.noun = "cluster",
     .verb = "restore",
     .args = "FILE",
     .args_min = 1,
     .args_max = 1,
     .help = "Make a cluster of this host from a backup, after the store was lost",
     .more =
         "As berth cluster init, with the records of a file of berth cluster backup in the store. "
         "The cluster is disarmed until berth cluster arm, so nothing restarts before all hosts "
         "have said which VMs they run. Run berth cluster leave --lost on every host before. Run "
         "it as root.",
     .options = OPTIONS(OPTIONS_IDENTITY, OPTION_ROOT),
     .run = run_cluster_restore},
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands about nodes: the hosts as members of the cluster. */
#include "cli/command_options.h"

static const struct command commands[] = {
    {.noun = "node",
     .verb = "ls",
     .help = "List the nodes",
     .options = OPTIONS(OPTIONS_LIST),
     .run = run_node_ls},
    {.noun = "node",
     .verb = "show",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Show a node with its checks, GPUs and VMs",
     .run = run_node_show},
    {.noun = "node",
     .verb = "pause",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Start no new VMs on a node; running VMs stay",
     .run = run_node_pause},
    {.noun = "node",
     .verb = "drain",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Move the VMs of a node to other nodes and start no new ones there",
     .more =
         "VMs that fit nowhere else keep running, and the command names them. berth node resume "
         "ends the drain: VMs that have not left yet stay.",
     .options = OPTIONS(
         {.name = "force", .letter = 'f', .help = "stop VMs that fit nowhere else"},
         {.name = "dry-run", .letter = 'n', .help = "only show which VM would move where, and how"},
         OPTIONS_MIGRATION, OPTIONS_WAIT),
     .run = run_node_drain},
    {.noun = "node",
     .verb = "shutdown",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Move the VMs of a node away, then shut the host down",
     .more = "The host's own berthd carries this out, so it goes on if you interrupt the command. "
             "Refused without --force while another host is away, or if a VM has no other place. "
             "berth node resume cancels it until the host goes down.",
     .options = OPTIONS(OPTION_FORCE_DOWN, OPTIONS_WAIT_LONG),
     .run = run_node_shutdown},
    {.noun = "node",
     .verb = "reboot",
     .args = "NODE | --all",
     .args_min = 0,
     .args_max = 1,
     .help = "Move the VMs of a node away, reboot the host and wait until it is back",
     .more = "The host takes VMs again by itself when it is back. With --all, reboots every node, "
             "one after the other, and stops at the first that fails; the node on which you run "
             "this comes last. Refused without --force while another host is away, or if a VM has "
             "no other place. berth node resume cancels it until the host goes down.",
     .options = OPTIONS({.name = "all", .help = "reboot all nodes, one by one"}, OPTION_FORCE_DOWN,
                        OPTIONS_WAIT_LONG),
     .run = run_node_reboot},
    {.noun = "node",
     .verb = "resume",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Let a node take VMs again",
     .more = "Ends a pause, a drain, or the quarantine of a node that restarted too often, and "
             "cancels a shutdown or reboot that was requested.",
     .run = run_node_resume},
    {.noun = "node",
     .verb = "confirm-off",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Confirm that a silent node is off, so that its VMs can start elsewhere",
     .more = "Check that the machine is really off before you confirm: a VM that runs twice "
             "destroys its disk. Refused while heartbeats of the node arrive.",
     .options = OPTIONS({.name = "incarnation",
                         .value = "N",
                         .help = "confirm only this incarnation, as berth node show prints it"}),
     .run = run_node_confirm_off},
    {.noun = "node",
     .verb = "rm",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Remove a node that is off for good",
     .more = "Drain the node and stop its berthd first. If it is broken, it must be proven off or "
             "confirmed off. Its GPUs leave their pools. If the host comes back, it joins as a new "
             "node.",
     .run = run_node_rm},
    {.noun = "node",
     .verb = "set",
     .args = "NODE",
     .args_min = 1,
     .args_max = 1,
     .help = "Set how a node is fenced, and its labels",
     .more = "Parameters and labels replace those that were set before.",
     .options = OPTIONS(
         {.name = "fencing", .value = "METHOD", .help = "watchdog, power or manual"},
         {.name = "agent",
          .value = "NAME",
          .help = "the fence agent, such as fence_ipmilan; repeat for agents to try after it"},
         {.name = "param",
          .value = "KEY=VALUE",
          .help = "a parameter of the agent named before it; repeat for several"},
         {.name = "label",
          .value = "KEY=VALUE",
          .help = "a label of the node; repeat for several; \"\": none"}),
     .run = run_node_set},
    {.noun = "update",
     .args = "COMMAND [ARG...]",
     .args_min = 1,
     .args_max = -1,
     .help = "Update all hosts, one after the other, with their VMs moved away",
     .more =
         "berth update --all -- COMMAND. For each node: moves its VMs away, runs COMMAND, reboots the host, waits until it is "
         "back, and lets it take VMs again. COMMAND runs here, as you; {} in it stands for the "
         "node's name, which is also in $BERTH_NODE. Stops at the first failure, also of "
         "COMMAND, and while another node is not up; the node that failed takes no VMs until "
         "berth node resume. The node on which you run this comes last.",
     .options = OPTIONS({.name = "all", .help = "update all nodes, one by one"},
                        {.name = "no-reboot", .help = "let a node take VMs again without a reboot"},
                        OPTION_FORCE_DOWN, OPTIONS_WAIT_LONG),
     .run = run_update},
};
const struct chapter chapter_node = {commands, ARRAY_LEN(commands)};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of options that several commands take in the same words. */
#pragma once

#include "cli/command.h"

/* Of commands that wait for what they ordered. */
/* clang-format off */
#define OPTIONS_WAIT_FOR(seconds)                                                                  \
    {.name = "wait", .help = "wait until it is done (the default)"},                               \
    {.name = "no-wait", .help = "return as soon as the order is accepted"},                        \
    {.name = "timeout", .value = "SECONDS", .help = "maximum time to wait (default " seconds ")"}
#define OPTIONS_WAIT      OPTIONS_WAIT_FOR("300")
#define OPTIONS_WAIT_LONG OPTIONS_WAIT_FOR("1800")

/* Of commands that show something that changes. */
#define OPTION_WATCH                                                                               \
    {.name = "watch", .letter = 'w', .help = "show it again every 2 seconds, until Ctrl-C"}

/* Of commands that list. */
#define OPTIONS_LIST                                                                               \
    {.name = "sort", .value = "COLUMN",                                                            \
     .help = "sort by this column; -COLUMN: in descending order"},                                 \
    {.name = "no-headers", .help = "leave out the headings, for scripts"}, OPTION_WATCH

#define OPTION_WAIT_FOR_GPU                                                                        \
    {.name = "wait-for-gpu", .help = "keep waiting if no host has enough free GPUs now"}

/* Of commands that take --all GPUs. */
#define OPTION_MODEL                                                                               \
    {.name = "model", .value = "VENDOR:DEVICE", .help = "with --all: only GPUs of this model"}

#define OPTION_PROFILE                                                                             \
    {.name = "profile", .value = "PROFILE",                                                        \
     .help = "of cards with vGPUs of several profiles only those of this one"}

/* Of commands that end a host. */
#define OPTION_FORCE_DOWN                                                                          \
    {.name = "force", .letter = 'f',                                                               \
     .help = "even if VMs have no other place or another host is away"}

/* Of commands that move running VMs. */
#define OPTIONS_MIGRATION                                                                          \
    {.name = "live", .help = "only live: what cannot move live stays where it is"},                \
    {.name = "restart", .help = "by a restart, even if a live move is possible"},                  \
    {.name = "live-or-restart",                                                                    \
     .help = "live where possible, else by a restart (the default, unless the VM is set "         \
             "otherwise)"}

/* How the cluster treats a VM. */
#define OPTIONS_POLICY                                                                             \
    {.name = "priority", .value = "N",                                                             \
     .help = "high, medium, low, none or a number; higher priorities start first"},                \
    {.name = "offline-action", .value = "ACTION",                                                  \
     .help = "how to stop the VM: turn-off, shutdown or force-shutdown"},                          \
    {.name = "offline-timeout", .value = "SECONDS",                                                \
     .help = "time the guest has to shut down"},                                                   \
    {.name = "migration", .value = "WAY",                                                          \
     .help = "how it moves while it runs: live-or-restart (default), live or restart"},            \
    {.name = "owner", .value = "NODE",                                                             \
     .help = "run only on this node; repeat for several; \"\": any node"},                         \
    {.name = "label", .value = "KEY=VALUE",                                                        \
     .help = "run only on nodes with this label; repeat for several; \"\": none"},                 \
    {.name = "preferred", .value = "NODE",                                                         \
     .help = "prefer this node; repeat for several, best first; \"\": none"},                      \
    {.name = "together", .value = "VM",                                                            \
     .help = "run on the same node as this VM; repeat for several; \"\": none"},                   \
    {.name = "apart", .value = "VM",                                                               \
     .help = "never run on the same node as this VM; repeat for several; \"\": none"},             \
    {.name = "start-after", .value = "VM",                                                         \
     .help = "start only when this VM runs; repeat for several; \"\": none"},                      \
    {.name = "unmanaged", .value = "YES|NO",                                                       \
     .help = "yes: only watch the VM; do not start, stop, move or restart it"},                    \
    {.name = "restarts", .value = "N",                                                             \
     .help = "restarts on the node where the VM failed, at growing intervals (default 3)"},        \
    {.name = "failovers", .value = "N",                                                            \
     .help = "restarts on other nodes after that (default 3); then the VM is failed"},             \
    {.name = "host-losses", .value = "N",                                                          \
     .help = "mark the VM failed after it lost this many nodes in a row (default 3); 0: never"},   \
    {.name = "forgive-after", .value = "SECONDS",                                                  \
     .help = "reset these three counters after this uptime (default 900)"},                        \
    {.name = "guest-watch", .value = "ACTION",                                                     \
     .help = "restart: turn the VM off and restart it when its guest stands still; off (default)"}, \
    {.name = "guest-silence", .value = "SECONDS",                                                  \
     .help = "a guest agent that answered before and is silent for so long means that (default "   \
             "120)"},                                                                              \
    {.name = "title", .value = "TEXT",                                                             \
     .help = "what people call the VM, in any characters; \"\": its name"},                         \
    {.name = "topology", .value = "WAY",                                                           \
     .help = "mirror: NUMA nodes, CPU pinning and PCI buses like those of its GPUs; none "         \
             "(default)"},                                                                         \
    {.name = "mmio", .value = "MIB",                                                               \
     .help = "64-bit memory-mapped IO space of the guest; 0: computed from its GPUs"}
/* clang-format on */

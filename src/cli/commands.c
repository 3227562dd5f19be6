/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every command and every option, once: parsing, help and documentation read this. */
#include "cli/command.h"

#define WAIT "wait no-wait timeout"
#define STATE_FILE                                                                                 \
    "With --state FILE it asks no cluster but a file of its state (docs/state-file.md, \"-\" "     \
    "reads\n"                                                                                      \
    "standard input), and tells where everything would run."
#define POLICY                                                                                     \
    "priority offline-action offline-timeout owner label preferred together apart restarts "       \
    "failovers host-losses forgive-after mmio"

const struct option options[] = {
    /* everywhere */
    {"output", 'o', "table|json", "for people (table) or for programs (json)"},
    {"color", 0, "WHEN", "auto (on terminals; the default), always or never"},
    {"socket", 0, "PATH", "berth-api's socket (default $BERTH_SOCKET or /run/berth/api.sock)"},
    {"host", 0, "URL", "a berth-api elsewhere: https://HOST:PORT (default $BERTH_HOST)"},
    {"token-file", 0, "FILE", "with the token for --host (else $BERTH_TOKEN)"},
    {"ca", 0, "FILE", "PEM of who vouches for that host's certificate (default $BERTH_CA)"},
    {"fingerprint", 0, "SHA256", "of that certificate, instead (default $BERTH_FINGERPRINT)"},
    {"yes", 'y', NULL, "do not ask"},
    {"help", 'h', NULL, "this text"},
    {"version", 'V', NULL, "the version of this program, and nothing else"},
    /* of some */
    {"wait", 0, NULL, "wait until it is done (this is the default)"},
    {"no-wait", 0, NULL, "only order it"},
    {"timeout", 0, "SECONDS", "wait so long at most (default 300)"},
    {"wait-for-gpu", 0, NULL, "go on waiting if no host has GPUs free now"},
    {"force", 'f', NULL, "also what is unwise: see the command's text"},
    {"dry-run", 'n', NULL, "only show what would happen"},
    {"node", 0, "NODE", "only of this node; vm import: this host's name in the cluster"},
    {"connect", 0, "URI", "libvirt's (default $LIBVIRT_DEFAULT_URI or qemu:///system)"},
    {"pool", 0, "POOL", "only of this pool"},
    {"need", 0, "POOL[=N]", "assign N GPUs (1) of this pool; may be repeated"},
    {"state", 0, "STATE", "only in this state"},
    {"type", 0, "TYPE", "PciExpress: whole GPUs (default); partition: parts of GPUs"},
    {"mixed", 0, NULL, "take GPUs of more than one model"},
    {"all", 0, NULL, "all that fit, of all nodes"},
    {"model", 0, "VENDOR:DEVICE", "with --all: of this model"},
    {"count", 0, "N", "so many GPUs"},
    {"name", 0, "NAME", "another name than the XML's"},
    {"start", 0, NULL, "start it, too"},
    {"fencing", 0, "METHOD", "watchdog, power or manual"},
    {"agent", 0, "NAME", "fence agent, such as fence_ipmilan"},
    {"param", 0, "KEY=VALUE", "parameter of the fence agent; may be repeated"},
    {"label", 0, "KEY=VALUE",
     "label of the node, or that a VM's node must have; may be repeated; \"\": none"},
    {"priority", 0, "N", "high, medium, low, none or a number; higher starts first"},
    {"offline-action", 0, "ACTION", "turn-off, shutdown or force-shutdown"},
    {"offline-timeout", 0, "SECONDS", "time for the guest to shut down"},
    {"owner", 0, "NODE", "may run on this node only; may be repeated; \"\": on all"},
    {"preferred", 0, "NODE", "rather on this node; may be repeated, best first; \"\": none"},
    {"together", 0, "VM", "on one node with this VM; may be repeated; \"\": none"},
    {"apart", 0, "VM", "not on one node with this VM; may be repeated; \"\": none"},
    {"restarts", 0, "N", "start it again so often where it failed, ever later (default 3)"},
    {"failovers", 0, "N", "then on other nodes, so often in all (default 3); then it is failed"},
    {"host-losses", 0, "N",
     "failed, too, when so many nodes were lost under it (default 3); 0: never"},
    {"forgive-after", 0, "SECONDS", "having run so long, it has all that forgiven (default 900)"},
    {"mmio", 0, "MIB", "the guest's 64-bit aperture; 0: computed"},
    {"follow", 'f', NULL, "go on with what happens"},
    {"limit", 0, "N", "so many at most (default 30)"},
    {"subject", 0, "NAME", "only about this node, pool or VM"},
    {"verbose", 'v', NULL, "also what is as it should be"},
    {"with-secrets", 0, NULL, "with the passwords of fence agents"},
    {"html", 0, "FILE", "write one page of HTML (\"-\": to standard output)"},
    {"role", 0, "ROLE", "viewer (default), operator or administrator"},
    {"expires", 0, "DAYS", "end after so many days; 0: never (default)"},
    {"note", 0, "TEXT", "what it is for"},
    {"incarnation", 0, "N", "as shown by berth node show"},
};
const size_t option_len = ARRAY_LEN(options);
const char options_everywhere[] =
    "output color socket host token-file ca fingerprint yes help version";

const struct fact exit_codes[] = {
    {"0", "done"},
    {"1", "refused or failed: the message says why and what to do"},
    {"2", "wrong usage"},
    {"3", "no such node, GPU, pool or VM"},
    {"4", "berth-api or its store does not answer"},
    {"5", "ordered but not done in time; it goes on by itself"},
};
const size_t exit_code_len = ARRAY_LEN(exit_codes);

const struct fact environment_facts[] = {
    {"BERTH_SOCKET", "berth-api's socket, if --socket is not given"},
    {"LIBVIRT_DEFAULT_URI", "libvirt's URI for vm import, if --connect is not given"},
    {"BERTH_HOST", "a berth-api elsewhere, if neither --host nor --socket is given"},
    {"BERTH_TOKEN", "the token for it, if --token-file is not given"},
    {"BERTH_CA", "as --ca"},
    {"BERTH_FINGERPRINT", "as --fingerprint"},
    {"NO_COLOR", "set to anything: no colour, unless --color=always"},
};
const size_t environment_fact_len = ARRAY_LEN(environment_facts);

const struct command commands[] = {
    {"status", NULL, "", 0, 0, "", "The cluster at one look", NULL, run_status},
    {"validate", NULL, "", 0, 0, "verbose html",
     "Is the cluster built right? Checks, and what to do",
     "Looks at firmware, kernel, libvirt, clocks, store, fencing, the VMs' disks, GPUs, pools, "
     "and\n"
     "whether a host can be lost. Each host looks again every five minutes, and half a minute\n"
     "after a VM or node was changed. Ends with 1 if something failed; warnings do not count.",
     run_validate},

    {"node", "ls", "", 0, 0, "", "All nodes", NULL, run_node_ls},
    {"node", "show", "NODE", 1, 1, "", "One node: checks, GPUs, VMs", NULL, run_node_show},
    {"node", "pause", "NODE", 1, 1, "", "Start nothing new there", NULL, run_node_pause},
    {"node", "drain", "NODE", 1, 1, "force dry-run " WAIT, "Move its VMs away and take no new ones",
     "A VM that has no place elsewhere keeps running, and the command says so; --force stops it.\n"
     "--dry-run shows what would move where.",
     run_node_drain},
    {"node", "resume", "NODE", 1, 1, "", "Take VMs again", NULL, run_node_resume},
    {"node", "confirm-off", "NODE", 1, 1, "incarnation",
     "Vouch that a silent node is off, so that its VMs may start elsewhere",
     "Be sure: a VM that runs twice destroys its disk. Refused while the node's heartbeat arrives.",
     run_node_confirm_off},
    {"node", "rm", "NODE", 1, 1, "", "Remove a node that is off for good",
     "First move its VMs away and end its berthd, or let it be proven off. Its GPUs leave their "
     "pools.\n"
     "Should it come back, it joins as a new one.",
     run_node_rm},
    {"node", "set", "NODE", 1, 1, "fencing agent param label",
     "Set how the node is fenced, and its labels", NULL, run_node_set},

    {"gpu", "ls", "", 0, 0, "node pool state", "All GPUs, and what the survey says of each", NULL,
     run_gpu_ls},
    {"gpu", "survey", "", 0, 0, "node pool state", "The same", NULL, run_gpu_ls},
    {"gpu", "show", "NODE ADDRESS", 2, 2, "", "One GPU", NULL, run_gpu_show},
    {"gpu", "dismount", "NODE [ADDRESS...]", 0, -1, "all model force " WAIT,
     "Take GPUs from their host, for VMs",
     "With --all: all of NODE that can be, or of all nodes if no NODE is given.\n"
     "--force also takes one that the host uses, or that has no reset.",
     run_gpu_dismount},
    {"gpu", "mount", "NODE [ADDRESS...]", 0, -1, "all model " WAIT, "Give GPUs back to their host",
     "With --all: all that are dismounted and in no pool.", run_gpu_mount},
    {"gpu", "partition", "NODE ADDRESS COUNT", 3, 3, WAIT,
     "Divide a GPU into partitions that VMs can have",
     "The partitions are SR-IOV virtual functions; 0 makes the GPU whole again, and its host's.\n"
     "Refused while the GPU is in a pool. A pool takes GPUs that are divided alike, so do the "
     "same\n"
     "to all; then: berth pool create POOL --type partition --all",
     run_gpu_partition},
    {"gpu", "release", "NODE ADDRESS", 2, 2, "", "Take a GPU out of quarantine", NULL,
     run_gpu_release},

    {"pool", "ls", "", 0, 0, "", "All GPU pools", NULL, run_pool_ls},
    {"pool", "show", "POOL", 1, 1, "", "One pool: its GPUs and VMs", NULL, run_pool_show},
    {"pool", "create", "POOL [NODE/ADDRESS...]", 1, -1, "type mixed all model",
     "Create a GPU pool, with these GPUs in it", NULL, run_pool_create},
    {"pool", "add", "POOL [NODE/ADDRESS...]", 1, -1, "all model", "Add GPUs of any nodes to a pool",
     "A pool takes GPUs of one model, unless it was created with --mixed.\n"
     "With --all: every dismounted GPU of the pool's model, on all nodes.",
     run_pool_add},
    {"pool", "remove", "POOL NODE/ADDRESS...", 2, -1, "", "Take GPUs out of a pool", NULL,
     run_pool_remove},
    {"pool", "rm", "POOL", 1, 1, "", "Remove a pool that no VM needs", NULL, run_pool_rm},

    {"vm", "ls", "", 0, 0, "node state", "All VMs", NULL, run_vm_ls},
    {"vm", "show", "VM", 1, 1, "", "One VM", NULL, run_vm_show},
    {"vm", "xml", "VM", 1, 1, "", "Its domain XML, as it was added", NULL, run_vm_xml},
    {"vm", "add", "FILE.xml", 1, 1, "name need start wait-for-gpu " WAIT " " POLICY,
     "Add a VM from libvirt domain XML without a GPU in it",
     "FILE.xml may be - for standard input.", run_vm_add},
    {"vm", "import", "[NAME...]", 0, -1, "all connect node dry-run",
     "Take VMs over from this host's libvirt",
     "Without NAME or --all: which there are. Its GPUs are taken out of a VM's XML and become "
     "needs "
     "of\n"
     "the pools that they are in. It must be shut down, and stays so; afterwards undefine it in\n"
     "libvirt, as the command says, so that nobody starts it beside Berth. Libvirt is only read.",
     run_vm_import},
    {"vm", "assign", "VM POOL", 2, 2, "count", "Let a VM need (one more) GPU of a pool", NULL,
     run_vm_assign},
    {"vm", "unassign", "VM POOL", 2, 2, "count", "Let it need none of that pool, or fewer", NULL,
     run_vm_unassign},
    {"vm", "start", "VM...", 1, -1, "wait-for-gpu " WAIT, "Start VMs where GPUs are free",
     "Waits until each runs. If no host has GPUs free the VM is waiting: the command prints why "
     "and\n"
     "ends with 1, and the VM starts by itself when it can; --wait-for-gpu waits for that.",
     run_vm_start},
    {"vm", "stop", "VM...", 1, -1, "force " WAIT, "Stop VMs by their offline action",
     "--force turns them off at once.", run_vm_stop},
    {"vm", "move", "VM [NODE]", 1, 2, WAIT, "Stop a VM and start it on another node", NULL,
     run_vm_move},
    {"vm", "rm", "VM...", 1, -1, "", "Remove stopped VMs from the cluster", NULL, run_vm_rm},
    {"vm", "set", "VM", 1, 1, POLICY, "Change a VM's priority, owners, offline action ...", NULL,
     run_vm_set},
    {"vm", "explain", "VM", 1, 1, "", "Every host, and why (not) there", NULL, run_vm_explain},

    {"plan", "fail", "NODE...", 1, -1, "", "What if these nodes failed?", STATE_FILE,
     run_plan_fail},
    {"plan", "drain", "NODE...", 1, -1, "", "What if they were drained?", STATE_FILE,
     run_plan_drain},
    {"plan", "start", "VM...", 1, -1, "", "What if these VMs were started?", STATE_FILE,
     run_plan_start},

    {"events", NULL, "", 0, 0, "follow limit subject", "Who did what, and why", NULL, run_events},

    {"cluster", "show", "", 0, 0, "", "The settings of the cluster", NULL, run_cluster_show},
    {"cluster", "set", "KEY=VALUE...", 1, -1, "", "Change settings of the cluster", NULL,
     run_cluster_set},
    {"cluster", "export", "[FILE]", 0, 1, "with-secrets", "The whole cluster as one file",
     "Its state, as berth plan --state reads it, and its configuration: settings, nodes, pools "
     "and\n"
     "VMs with their XML. Without FILE, or with -, to standard output.",
     run_cluster_export},
    {"cluster", "import", "FILE", 1, 1, "dry-run start timeout",
     "Make the configuration like that of a file",
     "FILE is what berth cluster export wrote (- reads standard input). Shows every difference, "
     "then\n"
     "asks; --dry-run only shows, --yes does not ask. Nothing is removed, and no VM is stopped. "
     "VMs\n"
     "are added stopped; --start starts those that were to run. What could not be done is said, "
     "and\n"
     "tried again by importing again.",
     run_cluster_import},

    {"user", "ls", "", 0, 0, "", "Who may log in at the console", NULL, run_access_ls},
    {"user", "add", "USER", 1, 1, "role expires note", "Let somebody log in at the console",
     "Asks for the password twice; without a terminal it is the first line of standard input.",
     run_access_add},
    {"user", "set", "USER", 1, 1, "role expires note", "Change what a user may do", NULL,
     run_access_set},
    {"user", "passwd", "USER", 1, 1, "", "Give a user another password",
     "Ends the user's sessions. The password is asked for as berth user add does.",
     run_user_passwd},
    {"user", "rm", "USER", 1, 1, "", "Let a user log in no more", NULL, run_access_rm},

    {"token", "ls", "", 0, 0, "", "Tokens of programs and remote command lines", NULL,
     run_access_ls},
    {"token", "add", "TOKEN", 1, 1, "role expires note", "Make a token, and print it this once",
     NULL, run_access_add},
    {"token", "set", "TOKEN", 1, 1, "role expires note", "Change what a token may do", NULL,
     run_access_set},
    {"token", "rm", "TOKEN", 1, 1, "", "Make a token worthless", NULL, run_access_rm},

    {"help", NULL, "[NOUN]", 0, 1, "", "This overview", NULL, run_help},
    {"version", NULL, "", 0, 0, "", "The version of this program", NULL, run_version},
};
const size_t command_len = ARRAY_LEN(commands);

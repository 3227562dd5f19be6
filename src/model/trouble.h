/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What people should look at, as codes: one list for the API, the command line, the console and
 * monitoring. api/problem.h finds them; words.h has the sentences.
 */
#pragma once

#include "base/types.h"
#include "model/facts.h"

/* The thing that it is about. */
#define TROUBLE_OF_LIST(X)                                                                         \
    X(TROUBLE_OF_CLUSTER, "cluster")                                                               \
    X(TROUBLE_OF_NODE, "node")                                                                     \
    X(TROUBLE_OF_GPU, "gpu")                                                                       \
    X(TROUBLE_OF_VM, "vm")
ENUM_DECLARE(trouble_of, TROUBLE_OF_LIST)

/* Error: something does not run, or would not be restarted. Warning: it runs, but not as it should.
 */
#define TROUBLE_LIST(X)                                                                            \
    X(TROUBLE_STORE_SILENT, "store-silent", CLUSTER, ERROR)                                        \
    X(TROUBLE_NO_COORDINATOR, "no-coordinator", CLUSTER, ERROR)                                    \
    X(TROUBLE_RESERVE, "reserve-not-met", CLUSTER, ERROR)                                          \
    X(TROUBLE_CERTIFICATE_OVER, "certificate-expired", CLUSTER, ERROR)                             \
    X(TROUBLE_CERTIFICATE, "certificate-expires", CLUSTER, WARNING)                                \
    X(TROUBLE_DISARMED, "disarmed", CLUSTER, WARNING)                                              \
    X(TROUBLE_NODE_CONTRADICTED, "store-contradicts", NODE, ERROR)                                 \
    X(TROUBLE_NODE_UNFENCED, "node-unfenced", NODE, ERROR)                                         \
    X(TROUBLE_NODE_LEFT, "node-left-vms", NODE, ERROR) /* its berthd was stopped above VMs */      \
    X(TROUBLE_NODE_SILENT, "node-silent", NODE, ERROR)                                             \
    X(TROUBLE_NODE_DOWN, "node-down", NODE, ERROR) /* proven off */                                \
    X(TROUBLE_NODE_UNWATCHED, "watchdog-not-armed", NODE, ERROR)                                   \
    X(TROUBLE_NODE_NO_AGENT, "no-fence-agent", NODE, ERROR)                                        \
    X(TROUBLE_NODE_SECRETS_LOST, "fence-secrets-lost", NODE, ERROR)                                \
    X(TROUBLE_NODE_SECRETS_OPEN, "fence-secrets-readable", NODE, WARNING)                          \
    X(TROUBLE_NODE_CHECK, "check-failed", NODE, ERROR)                                             \
    X(TROUBLE_STORE_CHECK, "store-slow", NODE, WARNING) /* as that host finds it */                \
    X(TROUBLE_NODE_STOPPED, "berthd-stopped", NODE, WARNING)                                       \
    X(TROUBLE_NODE_QUARANTINED, "node-quarantined", NODE, WARNING)                                 \
    X(TROUBLE_NODE_PAUSED, "node-paused-long", NODE, WARNING)                                      \
    X(TROUBLE_NODE_DRAINED, "node-drained-long", NODE, WARNING)                                    \
    X(TROUBLE_GPU_QUARANTINED, "gpu-quarantined", GPU, ERROR)                                      \
    X(TROUBLE_GPU_MISSING, "gpu-missing", GPU, ERROR)                                              \
    X(TROUBLE_GPU_UNUSABLE, "gpu-unusable", GPU, ERROR) /* in a pool, and cannot be assigned */    \
    X(TROUBLE_GPU_ERRORS, "gpu-errors", GPU, WARNING)   /* of PCI Express, uncorrected */          \
    X(TROUBLE_GPU_LINK, "gpu-link", GPU, WARNING)       /* with fewer lanes than it could have */  \
    X(TROUBLE_VM_FAILED, "vm-failed", VM, ERROR)                                                   \
    X(TROUBLE_VM_AWAY, "vm-away", VM, ERROR)                 /* it left its host past Berth */     \
    X(TROUBLE_VM_UNENDABLE, "vm-cannot-be-ended", VM, ERROR) /* its QEMU survives SIGKILL */       \
    X(TROUBLE_VM_UNSTOPPABLE, "vm-does-not-stop", VM, ERROR)                                       \
    X(TROUBLE_VM_WAITING, "vm-waiting", VM, WARNING)                                               \
    X(TROUBLE_VM_DEGRADED, "vm-degraded", VM, WARNING) /* it runs, and a GPU of it failed */       \
    X(TROUBLE_VM_GUEST_STOPPED, "vm-guest-stopped", VM, ERROR)                                     \
    X(TROUBLE_VM_STRANDED, "vm-cannot-move", VM, WARNING)

#define TROUBLE_MEMBER_(id, text, of, severity) id,
enum trouble_code { TROUBLE_LIST(TROUBLE_MEMBER_) trouble_code_count };
#undef TROUBLE_MEMBER_

/* "vm-degraded"; static. */
const char *trouble_code_name(enum trouble_code code);
enum trouble_of trouble_thing(enum trouble_code code);
enum severity trouble_severity(enum trouble_code code);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU processes of this cluster, by the marker on their command line. Reading another process's
 * command line can block while the kernel holds that process's memory: not for the loop thread.
 * Inside of src/virt only.
 *
 * A command line is what its process says of itself, and any user may copy a marker. So a process
 * counts only if
 *  - it is in one of libvirt's machine scopes, which only root can put a process into; or
 *  - all its user ids are root, ours or those libvirt runs QEMU as, and its program is a "qemu...":
 *    for hosts whose libvirt makes no scopes. (su and sudo, run by anybody, are root as well.)
 * Of the command line no more is read than QEMU's own may have.
 *
 * A process that is ending has no command line any more, yet may still write. So what was found is
 * noted in a directory, a file each, with the time at which the process began: that, and not what
 * it says by then, is what a later scan, also one of a restarted berthd, goes by.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "wire/domain_xml.h"

#include <sys/types.h>

enum { command_line_size_max = 256 * 1024, qemu_users_max = 8 };

struct process {
    pid_t pid;
    int pidfd;    /* the process that was read, whatever becomes of its number */
    int scope_fd; /* its machine scope's cgroup.kill; -1: none */
    struct domain_marker marker;
    bool is_foreign; /* of another cluster: 'pidfd' is -1, as it is never touched */
};

typedef VEC(struct process) processes_t;

void virt_processes_done(processes_t *processes); /* closes what is left in it */

struct process_search {
    const char *proc;               /* "/proc" */
    const char *cgroup;             /* cgroup v2; NULL: "/sys/fs/cgroup" */
    const char *cluster;            /* whose VMs; "": everybody's */
    const char *notes;              /* directory of the notes; "": none are kept */
    uint32_t users[qemu_users_max]; /* that libvirt runs QEMU as */
    size_t user_len;
};

/* While libvirt cannot say: the users that distributions make for it. Reads /etc/passwd. */
void virt_process_usual_users(struct process_search *search);

/* Every running process that is a VM of that cluster, and those of others as foreign. One that ends
 * meanwhile may be missing. 0; or negative: it is not known whether all were found. */
int virt_process_scan(const struct process_search *search, processes_t *ret, struct error *err);

/* The marker in a command line of 'size' bytes, arguments ended by NULs. */
bool virt_process_marker(const char *command_line, size_t size, struct domain_marker *ret);

/* Whether 'path', of /proc/PID/cgroup, is in a scope that libvirt made for a VM. */
bool virt_process_is_in_scope(const char *path);

/* How much processor time it has taken since it began, and how much of it is in memory, as
 * 'proc_fd'
 * (/proc) shows. False: it has ended. */
bool virt_process_measure(int proc_fd, pid_t pid, uint64_t *ret_cpu_ms, uint64_t *ret_memory_mib);

bool virt_process_has_ended(int pidfd);

/* SIGKILL. 0, also if it has ended already; or -errno. */
int virt_process_kill(int pidfd);

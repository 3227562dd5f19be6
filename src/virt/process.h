/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU processes of ours, by the marker on their command line. Reading another process's command
 * line can block while the kernel holds that process's memory: not for the loop thread. Inside of
 * src/virt only.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "wire/domain_xml.h"

#include <sys/types.h>

struct process {
    pid_t pid;
    int pidfd; /* the process that was read, whatever becomes of its number */
    struct domain_marker marker;
};

typedef VEC(struct process) processes_t;

void virt_processes_done(processes_t *processes); /* closes what is left in it */

/* Every running process whose marker names 'node', from 'proc' ("/proc"). A process that ends
 * meanwhile may be missing. 0; or negative: it is not known whether all were found. */
int virt_process_scan(const char *proc, const char *node, processes_t *ret, struct error *err);

/* The marker in a command line of 'size' bytes, arguments ended by NULs. */
bool virt_process_marker(const char *command_line, size_t size, struct domain_marker *ret);

bool virt_process_has_ended(int pidfd);

/* SIGKILL. 0, also if it has ended already; or -errno. */
int virt_process_kill(int pidfd);

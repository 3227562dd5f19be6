/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the files of a domain really are. The policy (wire/domain_policy.h) judges paths by their
 * text; here symbolic links are followed, and the header of each image is read for the other files
 * that it names. May block on a file system that hangs: for the threads that call libvirt.
 */
#pragma once

#include "wire/domain_policy.h"

struct files;

/* What is needed to look: copies. Out of memory ends the process. */
struct files *virt_files_new(const char *xml, const struct domain_policy *policy);

/* 0; or -EPERM with a sentence: a file of the domain, or an image behind it, leads out of the
 * directories of disks. Files that do not exist are libvirt's to miss. Any one thread. */
int virt_files_check(const struct files *files, struct error *err);

struct files *virt_files_free(struct files *files); /* accepts NULL, and returns it */

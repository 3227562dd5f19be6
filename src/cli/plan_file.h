/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An export, or a file like one, as a world that the planner can be asked about: no cluster needed.
 */
#pragma once

#include "plan/cluster.h"
#include "wire/export.h"

/* Reads the document in 'text'. 0; -EBADMSG with the place of the fault, -ENOMEM. In any case
 * '*ret' is the caller's (export_done()). */
int plan_file_read(struct export *ret, const char *text, size_t size, struct error *err);

/* What the planner has to be told beside the records; lent from 'file'. */
struct plan_cluster_options plan_file_options(const struct export *file);

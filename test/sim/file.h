/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenario files: run, compared with what they expect, and accepted. */
#pragma once

#include "test/sim/sim.h"

#include <glob.h>

struct file_options {
    bool prints;  /* the transcript into the report, also if all is well */
    bool accepts; /* rewrite the expect block where it differs */
    bool is_once; /* where a run takes minutes */
};

/* Every scenario file in the folders of 'directory', in the order of their paths; globfree() them
 * also if there is none (false). */
bool files_find(const char *directory, glob_t *ret);

/* Reads a scenario; false if it cannot be read. 'ret', {0} before, needs scenario_done() anyway. */
bool file_read(const char *path, struct scenario *ret);

/* Runs the file twice (both must be the same run), or once, and compares. Adds to 'ret_report' what
 * is worth telling, and to 'codes' (may be NULL) the codes of all notes. True if all is well. */
bool file_run(const char *path, const struct file_options *options, struct buf *codes,
              struct buf *ret_report);

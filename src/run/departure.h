/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What 'berthd --shutdown' and the running berthd say to each other when this host goes down: files
 * in run_dir, which only root may write. 'departure' asks; 'departing' holds how many VMs the
 * running one still waits for, 0 when the host may go down. identity.h is about another word.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"

#include <stdio.h>

/* Whether systemd is shutting this host down or rebooting it. False also where no systemd answers.
 * Blocks for a second at most. */
bool departure_is_due(void);

/* Asks the berthd that runs, and waits until the host may go down, telling 'out' how far it is. 0,
 * also if no berthd runs or it ends meanwhile; -ETIMEDOUT after 'limit_ms'; -errno. */
int departure_wait(const char *run_dir, msec_t limit_ms, FILE *out, struct error *err);

/* For the running berthd: takes the question, if there is one. */
bool departure_take(const char *run_dir);
/* ... and answers. */
void departure_tell(const char *run_dir, uint32_t waits);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manual pages of the daemons and of their configuration, out of the tables that they read
 * themselves. */
#pragma once

#include "base/buf.h"
#include "run/program.h"

/* berthd(8), berth-api(8). */
void manual_program(const struct program *program, struct buf *page);
/* berth.conf(5). */
void manual_config(struct buf *page);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manual page berth(1) and the completion for bash, out of the table of commands. */
#pragma once

#include "base/buf.h"

void cli_manual(struct buf *page);
void cli_completion(struct buf *script);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of a core without memory. */
#pragma once

/* Ends the process; never returns. */
void core_out_of_memory(void) __attribute__((noreturn));

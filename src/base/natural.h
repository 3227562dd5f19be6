/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order in which people expect names: node2 before node10. */
#pragma once

/* Like strcmp(), but digits count as the number they write. Equal only for equal texts: a total
 * order. Not for the order in which records are kept or the planner decides, which is strcmp()'s.
 */
int natural_compare(const char *a, const char *b);

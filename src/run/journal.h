/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What daemons tell people: lines on standard error, the service's journal. */
#pragma once

#include "base/error.h"

#include <syslog.h>

/* One line. 'priority' as syslog's. */
void journal_line(int priority, const char *format, ...) PRINTF_LIKE(2, 3);

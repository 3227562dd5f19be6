/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which source this was built from. */
#pragma once

extern const char berth_commit[];

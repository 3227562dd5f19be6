/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every route of the API: the one table that requests are compared with and documents are made of.
 */
#pragma once

#include "api/route.h"

extern const struct route routes[];
extern const size_t routes_len;

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every route of the API: the one table that requests are compared with and documents are made of.
 */
#pragma once

#include "api/call.h"

struct route {
    const char *method;
    const char *pattern; /* ":node", ":pool", ":vm": a name; ":address": of a PCI function */
    enum api_role role;
    void (*handle)(struct api_call *call);
};

extern const struct route routes[];
extern const size_t routes_len;

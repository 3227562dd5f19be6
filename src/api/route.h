/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a route of the API is. */
#pragma once

#include "api/call.h"

enum { route_pattern_size = 128 };

struct route {
    const char *method;
    const char
        *pattern; /* ":node", ":pool", ":vm", ":name": a name; ":address": of a PCI function */
    enum api_role role;
    void (*handle)(struct api_call *call);
    const char *id; /* what the document calls the operation */
    const char *summary;
    const char *answer; /* a type as schema.h has it; "[T]": a list of them; "text" */
    const char *body;   /* a schema's name; NULL: none is taken */
    const char *params; /* of the query, separated by spaces; others are refused. NULL: none */
    bool has_secret;    /* in request or answer: nothing of them is kept */
};

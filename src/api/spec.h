/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drafts: copies of what is stored, to be changed and written back. */
#pragma once

#include "api/call.h"

/* The node's spec, or the defaults where none is stored; the caller's. NULL without memory. */
struct record *node_spec_draft(const struct api_call *call, const char *node);

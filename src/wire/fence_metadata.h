/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a fence agent says of itself: the XML of its action "metadata" (FenceAgentAPI.md of
 * ClusterLabs/fence-agents). Pure: text in, verdict out.
 */
#pragma once

#include "base/error.h"
#include "model/record.h"

/* 0 if 'xml' describes every one of the 'len' parameters, and none of them as a path, a file, a
 * script or options. -EINVAL with a sentence if it does not, or if 'xml' is no description of an
 * agent; -E2BIG; -ENOMEM. 'agent' is named in the sentence. */
int fence_metadata_check(const char *agent, const char *xml,
                         const struct fence_parameter *parameters, size_t len, struct error *err);

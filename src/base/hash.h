/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A number that tells texts apart: quick, the same everywhere, and no protection from malice. */
#pragma once

#include "base/types.h"

static const uint64_t hash_begin = UINT64_C(0xcbf29ce484222325);

/* Goes on from 'hash' (hash_begin at first). Eight bytes at a time: lists have megabytes. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size);

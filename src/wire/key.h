/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The place of a record in the store: "/berth/vms/train1/spec" <-> {RECORD_VM_SPEC, "train1"}.
 * Strict in both directions, so that one record has exactly one key. Pure.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "model/record.h"

#define WIRE_PREFIX_DEFAULT "/berth/"

/* Longest key below a prefix: "claims/NODE/DEVICE" with both names as long as they may be. */
enum { wire_key_size = 256, wire_prefix_size = 64 };

/* 0, or -EINVAL: a prefix begins and ends with '/', and is shorter than wire_prefix_size. */
int wire_prefix_check(const char *prefix, struct error *err);

/* Writes the key as text into 'ret' of wire_key_size bytes. -EINVAL, 'ret' empty: a name of 'key'
 * is none, or its device is not as gpu_slot_format() writes it. */
int wire_key_format(const char *prefix, const struct record_key *key, char *ret, struct error *err);

/* Reads 'size' bytes. -ENOENT: no record's place (something of a newer version, or another
 * program's): ignore it. -EINVAL: a record's place with a name that cannot be. */
int wire_key_parse(const char *prefix, const void *bytes, size_t size, struct record_key *ret,
                   struct error *err);

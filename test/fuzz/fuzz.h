/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fuzz target is one function that takes any bytes and must come back; what a decoder promises
 * (what it took, it writes and takes again) is asserted in it.
 *
 * Two programs are made of each: test/fuzz/smoke.c drives it a bounded number of times, under the
 * normal compiler, in the normal suite; libFuzzer drives it for as long as one likes (-Dfuzz=true):
 *
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined
 * -Db_lundef=false ninja -C build-fuzz && build-fuzz/test/fuzz/libfuzzer-record
 * test/fuzz/corpus/record
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

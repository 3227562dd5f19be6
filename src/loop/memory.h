/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one treatment of lost memory where a caller could do nothing about it: the process ends, is
 * restarted within a second and adopts its VMs ("crash-only when memory runs out" in
 * ARCHITECTURE.md). Functions that can report -ENOMEM do that instead.
 */
#pragma once

/* Returns 'pointer', which came from an allocation; ends the process if that failed. */
#define must(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) must_have_ = (pointer);                                                \
        if (!must_have_) {                                                                         \
            memory_is_out();                                                                       \
        }                                                                                          \
        must_have_;                                                                                \
    })

_Noreturn void memory_is_out(void);

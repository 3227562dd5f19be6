/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A state machine's table of allowed moves, and the one way to move that checks it:
 *
 *     static const sm_moves_t moves[light_count] = {
 *         [LIGHT_RED] = SM_TO(LIGHT_GREEN),
 *         [LIGHT_GREEN] = SM_TO(LIGHT_AMBER) | SM_TO(LIGHT_OFF),
 *     };
 *     SM_MOVE(&machine->state, moves, LIGHT_GREEN);
 *
 * A move that the table does not have is broken code, and ends the process. The drawing of the
 * machine stands beside its enum; the table is that drawing.
 */
#pragma once

#include "base/types.h"

#include <assert.h>

/* The states that may follow one state: one bit each. */
typedef uint32_t sm_moves_t;

#define SM_TO(state) ((sm_moves_t)1 << (state))

#define SM_MOVE(state, moves, to)                                                                  \
    do {                                                                                           \
        assert((moves)[*(state)] & SM_TO(to));                                                     \
        *(state) = (to);                                                                           \
    } while (0)

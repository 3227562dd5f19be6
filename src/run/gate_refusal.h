/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What api_gate.c answers those that it does not let in. All answer 'exchange', which is then over.
 */
#pragma once

#include "base/types.h"
#include "http/http.h"

/* Too many attempts failed: again in 'wait_ms'. */
void gate_refuse_for_now(struct http_exchange *exchange, msec_t wait_ms);
/* The worker's queue is full. */
void gate_refuse_busy(struct http_exchange *exchange);
/* There is no such token, or it has expired. */
void gate_refuse_token(struct http_exchange *exchange);

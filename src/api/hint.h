/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What to do about a refusal or a finding, for programs: {"action": "gpu-dismount", "subject":
 * ["node1", "0000:65:00.0"], "options": {"force": true}}. Each face of Berth shows it in its own
 * way, the command line as "berth gpu dismount node1 0000:65:00.0 --force", so no answer has a
 * command line in its text. A word in capitals stands for what only a person can choose.
 */
#pragma once

#include "model/world.h"

#include <jansson.h>

/* The action, and what it is done to, up to NULL. A new tree; NULL without memory. */
json_t *hint_make(const char *action, ...) __attribute__((sentinel));

/* Adds an option; 'value' NULL: one without a value. Returns 'hint'. */
json_t *hint_with(json_t *hint, const char *option, const char *value);

/* Puts 'hint' (taken over, may be NULL) into the last object of 'list'. */
void hint_put(json_t *list, json_t *hint);

/* What an administrator says of a VM that left its host past Berth: where a host sees it, it is
 * adopted; else it is confirmed that it runs nowhere. */
json_t *hint_of_away(const struct world *world, const char *vm);

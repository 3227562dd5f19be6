/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

/* A string that is always valid UTF-8: what is cut or was never text has '?' in it. */
json_t *text_json(const char *text);

/* Sorts 'list', objects that all have the text 'field', naturally by that; returns it. Those that
 * are equal stay as they are. NULL stays NULL. */
json_t *in_order(json_t *list, const char *field);

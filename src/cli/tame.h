/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts of others (a guest's, an agent's, a card's) on the terminal of an administrator. */
#pragma once

#include <jansson.h>

/* Writes control characters in the strings of 'json' as "\x1b", so that no text of others moves the
 * cursor, colours what follows or begins a line of its own. A member "xml" is a document for
 * programs and stays. */
void tame(json_t *json);

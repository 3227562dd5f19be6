/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON as YAML: blocks by indentation, every text in JSON's quotes, so that nothing of it can be
 * taken for a number or a truth. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Keys in the order of the JSON. False: it cannot be written. */
bool yaml_print(const json_t *json, FILE *out);

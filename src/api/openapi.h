/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/route.h"

#include <jansson.h>

/* The OpenAPI document of a table of routes; the caller's. NULL without memory. */
json_t *openapi_document(const struct route *table, size_t len);

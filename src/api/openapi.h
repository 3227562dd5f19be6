/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

/* The OpenAPI document of this API; the caller's. NULL without memory. */
json_t *openapi_document(void);

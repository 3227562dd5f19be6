/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fields of answers mean, for /openapi.json. Records and requests say it in their tables.
 */
#pragma once

/* Of the field of that schema; static. NULL: nothing is said of it. */
const char *about_field(const char *schema, const char *field);

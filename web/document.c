/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints /openapi.json, of which the console's types are made while Berth is built. */
#include "api/openapi.h"
#include "api/routes.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    json_t *document = openapi_document(routes, routes_len);
    int r = document ? json_dumpf(document, stdout, JSON_INDENT(1)) : -1;
    json_decref(document);
    return r == 0 && putchar('\n') != EOF && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of domains share: a marker, and the text that is composed. */
#pragma once

#include "test/test.h"

#include "base/cleanup.h"
#include "wire/domain_xml.h"

#define OS "<os><type arch='x86_64' machine='q35'>hvm</type></os>"

static const struct domain_marker marker = {"cad-7", 3, 77, "node1",
                                            "0f0e0d0c-0001-4002-8003-000000000004"};

/* The caller's; NULL: it was refused, and the output says why. */
static inline char *composed(const struct domain_compose *compose)
{
    struct buf text = {0};
    struct error err = {0};
    if (domain_xml_compose(compose, &text, &err) < 0) {
        printf("# %s\n", err.text);
        buf_done(&text);
        return NULL;
    }
    return buf_take(&text);
}

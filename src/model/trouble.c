/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/trouble.h"

ENUM_DEFINE(trouble_of, TROUBLE_OF_LIST)

#define ROW(id, text, of, severity) {text, TROUBLE_OF_##of, SEVERITY_##severity},
static const struct {
    const char *name;
    enum trouble_of of;
    enum severity severity;
} rows[trouble_code_count] = {TROUBLE_LIST(ROW)};
#undef ROW

const char *trouble_code_name(enum trouble_code code)
{
    return rows[code].name;
}

enum trouble_of trouble_thing(enum trouble_code code)
{
    return rows[code].of;
}

enum severity trouble_severity(enum trouble_code code)
{
    return rows[code].severity;
}

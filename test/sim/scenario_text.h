/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of the text form, shared by its reader (scenario.c) and its writer (scenario_write.c).
 */
#pragma once

#include "test/sim/scenario.h"

struct op_text {
    const char *text;
    enum scenario_subject subject;
    unsigned options;
};

extern const struct op_text op_texts[scenario_op_count];

/* A number of a struct, by its name. */
struct number_name {
    const char *name;
    size_t offset;
    size_t size; /* 4 or 8 bytes */
};

extern const struct number_name setting_names[], noise_names[];
extern const size_t setting_names_len, noise_names_len;

/* False: there is no such name. */
bool set_number(const struct number_name *names, size_t len, void *to, const char *name,
                int64_t number);
int64_t get_number(const struct number_name *name, const void *from);

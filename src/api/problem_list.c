/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list that problems are added to, and how many there are. */
#include "api/problem.h"

#include "base/parse.h"

struct trouble *trouble_add(struct troubles *troubles, enum trouble_code code, const char *subject,
                            json_t *hint)
{
    bool is_told = troubles_count(troubles, trouble_severity(code)) < troubles_told_max;
    struct trouble *trouble = is_told ? VEC_ADD(&troubles->list) : NULL;
    troubles->counts[code]++;
    if (!trouble) {
        json_decref(hint);
        return NULL;
    }
    *trouble = (struct trouble){.code = code, .hint = hint};
    (void)copy_text(trouble->subject, sizeof(trouble->subject), subject);
    return trouble;
}

uint32_t troubles_count(const struct troubles *troubles, enum severity severity)
{
    uint32_t count = 0;
    for (size_t i = 0; i < trouble_code_count; i++) {
        count += trouble_severity((enum trouble_code)i) == severity ? troubles->counts[i] : 0;
    }
    return count;
}

void troubles_done(struct troubles *troubles)
{
    VEC_EACH(&troubles->list, each) {
        json_decref(each->hint);
    }
    VEC_DONE(&troubles->list);
}

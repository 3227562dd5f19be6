/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What people should look at now, found in the records, heartbeats and events: the one list that
 * every face of Berth shows. It is cheap enough to be made for each look at the cluster; what takes
 * longer to find out is the validation's (validate.h).
 */
#pragma once

#include "api/call.h"
#include "api/facts.h"
#include "model/trouble.h"

enum {
    /* A cluster of 8,000 VMs may have as many problems: of each severity so many are told. */
    troubles_told_max = 500,
    /* In /v1/status, in all. */
    troubles_status_max = 50,
    trouble_subject_size = 2 * name_size + 2, /* "node1/0000:65:00.0" */
};

struct trouble {
    enum trouble_code code;
    char subject[trouble_subject_size]; /* "": the cluster */
    struct facts facts;                 /* what the sentence says beside the subject */
    struct cause cause;                 /* why; NONE: the sentence says it all */
    const struct vm_placement *reasons; /* of a VM, with a reason for every host; or NULL */
    uint64_t since_ms;                  /* wall clock; 0: not known */
    json_t *hint;                       /* what to do; NULL: the advice says it */
};

struct troubles {
    const struct api_call *call;
    VEC(struct trouble) list; /* errors and warnings as they were found */
    uint32_t counts[trouble_code_count];
};

/* All of them; troubles_done() is due in either case. False without memory. */
bool troubles_find(const struct api_call *call, struct troubles *ret);
void troubles_done(struct troubles *troubles);

/* How many there are of 'severity', told or not. */
uint32_t troubles_count(const struct troubles *troubles, enum severity severity);

/* Adds one; it takes over 'hint', which may be NULL. NULL: there are enough of that severity, or
 * memory ran out; it is counted all the same. Lent until the next one. */
struct trouble *trouble_add(struct troubles *troubles, enum trouble_code code, const char *subject,
                            json_t *hint);

/* problem_gpu.c, problem_vm.c: those of GPUs and VMs. */
void troubles_find_gpus(struct troubles *troubles);
void troubles_find_vms(struct troubles *troubles);
/* problem_since.c: since when each has been there, as the events tell. */
void troubles_date(struct troubles *troubles);

/* "problems": the worst first, at most 'max' of them, and how many there are as "problem_counts".
 */
void problems_write(struct buf *out, const struct troubles *troubles, const char *key, size_t max);

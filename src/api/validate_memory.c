/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a host would need to end its VMs, and what it does if that is too long. */
#include "api/validate.h"

#include "wire/domain_xml.h"

#include <string.h>

/* From SIGKILL until the memory of a QEMU is given back, as docs/SAFETY.md has it. */
enum { small_pages_us_each_gib = 46000, huge_pages_us_each_gib = 1300 };

struct memory {
    uint64_t small_mib, huge_mib;
    uint64_t most_mib; /* of one VM in small pages, ... */
    const char *most;  /* ... this one */
};

static msec_t end_ms(uint64_t small_mib, uint64_t huge_mib)
{
    return (msec_t)((small_mib * small_pages_us_each_gib + huge_mib * huge_pages_us_each_gib) /
                    1024 / 1000);
}

static bool has_huge_pages(const struct vm_spec *spec)
{
    struct domain_info info;
    return domain_xml_inspect(spec->xml, &info, NULL) == 0 && info.huge_page_kib > 0;
}

/* The memory of the VMs of 'node'. 'looks': into their XML; else all counts as small pages. */
static struct memory memory_of(const struct world *world, const char *node, bool looks)
{
    struct memory sum = {.most = ""};
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        const struct record *spec = world_find(world, RECORD_VM_SPEC, (*each)->key.name);
        if (p->phase == PLACEMENT_NONE || strcmp(p->node, node) != 0 || !spec) {
            continue;
        }
        if (looks && has_huge_pages(spec->vm_spec)) {
            sum.huge_mib += p->memory_mib;
            continue;
        }
        sum.small_mib += p->memory_mib;
        if (p->memory_mib > sum.most_mib) {
            sum.most_mib = p->memory_mib;
            sum.most = (*each)->key.name;
        }
    }
    return sum;
}

void validate_memory(struct validation *v, const struct node_facts *node)
{
    const struct world *world = v->call->world;
    msec_t limit_ms = world_settings(world)->self_stop_span_ms;
    struct memory sum = memory_of(world, node->name, false);
    if (node->spec->fencing != FENCING_WATCHDOG || end_ms(sum.small_mib, 0) <= limit_ms) {
        return; /* the XML of VMs is only read where it matters */
    }
    sum = memory_of(world, node->name, true);
    msec_t takes_ms = end_ms(sum.small_mib, sum.huge_mib);
    msec_t huge_ms = end_ms(0, sum.small_mib + sum.huge_mib);
    if (takes_ms <= limit_ms || !sum.most[0]) {
        return;
    }
    validation_add(v, FINDING_WARNING, node->name, "huge-pages",
                   "if this host loses the store, its watchdog resets it: ending its VMs takes up "
                   "to %.1f s (%llu GiB in 4 KiB pages, %llu GiB of them in %s), and %.1f s are "
                   "allowed (self_stop_span_ms). With huge pages in these VMs it takes %.1f s",
                   (double)takes_ms / 1000, (unsigned long long)(sum.small_mib + 1023) / 1024,
                   (unsigned long long)(sum.most_mib + 1023) / 1024, sum.most,
                   (double)limit_ms / 1000, (double)huge_ms / 1000);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another number of CPUs, or amount of memory, in a stored template. */
#include "wire/domain_tree.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The element as it was, with another number in it. */
static bool set_number(xmlNode *domain, const char *name, const char *unit, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    return tree_replace_text(domain, name, text) &&
           (!unit || tree_set(tree_child(domain, name), "unit", unit));
}

/* Elements that say the same elsewhere would contradict it. */
static int refuse_details(const xmlNode *domain, bool is_memory, struct error *err)
{
    const xmlNode *cpu = tree_child(domain, "cpu");
    const char *what = tree_child(cpu, "numa")                        ? "<numa>"
                       : !is_memory && tree_child(cpu, "topology")    ? "<topology>"
                       : !is_memory && tree_child(domain, "vcpus")    ? "<vcpus>"
                       : is_memory && tree_child(domain, "maxMemory") ? "<maxMemory>"
                                                                      : NULL;
    return what ? error_set(err, -EINVAL,
                            "its %s says how many CPUs or how much memory it has, too: change the "
                            "XML itself",
                            what)
                : 0;
}

int domain_xml_resize(const char *xml, uint32_t cpus, uint64_t memory_mib, struct buf *ret,
                      struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    xmlNode *domain = xmlDocGetRootElement(doc);
    r = cpus > 0 ? refuse_details(domain, false, err) : 0;
    r = r == 0 && memory_mib > 0 ? refuse_details(domain, true, err) : r;
    if (r < 0) {
        return r;
    }
    bool is_ok = true;
    if (cpus > 0) {
        xmlNode *vcpu = tree_child(domain, "vcpu");
        if (vcpu) {
            (void)xmlUnsetProp(vcpu, (const xmlChar *)"current");
        }
        is_ok = set_number(domain, "vcpu", NULL, cpus);
    }
    if (memory_mib > 0) {
        is_ok = is_ok && set_number(domain, "memory", "MiB", memory_mib) &&
                (!tree_child(domain, "currentMemory") ||
                 set_number(domain, "currentMemory", "MiB", memory_mib));
    }
    return is_ok ? tree_write(doc, ret, err) : error_set(err, -ENOMEM, "out of memory");
}

void domain_info_into(const struct domain_info *info, struct vm_spec *spec)
{
    spec->cpus = info->cpus;
    spec->memory_mib = info->memory_mib;
    spec->memory_max_mib = info->memory_max_mib;
    spec->own_mmio_mib = info->mmio_mib;
    spec->huge_page_kib = info->huge_page_kib;
    memcpy(spec->unmovable, info->unmovable, sizeof(spec->unmovable));
    memcpy(spec->networks, info->names.networks, sizeof(spec->networks));
    spec->network_len = info->names.network_len;
    memcpy(spec->binds, info->names.binds, sizeof(spec->binds));
    spec->bind_len = info->names.bind_len;
}

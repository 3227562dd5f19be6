/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_aperture.h"

#include <string.h>

xmlNode *aperture_controller(const xmlNode *devices)
{
    TREE_EACH(devices, "controller", controller)
    {
        if (tree_attribute_is(controller, "type", "pci") &&
            tree_attribute_is(controller, "index", "0")) {
            return controller;
        }
    }
    return NULL;
}

xmlNode *aperture_command_line(const xmlNode *domain)
{
    for (xmlNode *node = domain->children; node; node = node->next) {
        if (node->ns && xmlStrEqual(node->ns->href, (const xmlChar *)QEMU_NAMESPACE) &&
            xmlStrEqual(node->name, (const xmlChar *)"commandline")) {
            return node;
        }
    }
    return NULL;
}

/* The argument by which the template gives OVMF an aperture; NULL: none. */
xmlNode *aperture_argument(const xmlNode *domain)
{
    const xmlNode *parent = aperture_command_line(domain);
    for (xmlNode *arg = parent ? parent->children : NULL; arg; arg = arg->next) {
        CLEANUP(freep) char *value = tree_attribute(arg, "value");
        if (value && strstr(value, OVMF_APERTURE)) {
            return arg;
        }
    }
    return NULL;
}

/* "name=opt/ovmf/X-PciMmio64Mb,string=65536" */
uint64_t aperture_argument_mib(const xmlNode *arg)
{
    CLEANUP(freep) char *value = tree_attribute(arg, "value");
    char *number = value ? strstr(value, "string=") : NULL;
    uint64_t mib = 0;
    if (number) {
        number += strlen("string=");
        number[strcspn(number, ",")] = '\0';
        (void)tree_number(number, UINT64_C(1) << 40, &mib);
    }
    return mib;
}

uint64_t aperture_own_mib(const xmlNode *domain)
{
    uint64_t hole = 0;
    TREE_EACH(domain, "devices", devices)
    {
        hole = MAX(hole, tree_mib(tree_child(aperture_controller(devices), "pcihole64")));
    }
    return MAX(hole, aperture_argument_mib(aperture_argument(domain)));
}

/* QEMU aligns each slot to 1 GiB. */
uint64_t aperture_memory_max_mib(const xmlNode *domain)
{
    const xmlNode *most = tree_child(domain, "maxMemory");
    CLEANUP(freep) char *text = tree_attribute(most, "slots");
    uint64_t slots = 0, mib = tree_mib(most);
    if (text) {
        (void)tree_number(text, 1024, &slots);
    }
    return mib ? mib + slots * 1024 : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_xml.h"

#include "wire/domain_tree.h"

struct finding {
    void (*each)(void *userdata, const struct domain_file *file);
    void *userdata;
};

static void tell(const struct finding *finding, const char *path, bool is_read_only)
{
    if (path && path[0] == '/') {
        const struct domain_file file = {path, is_read_only};
        finding->each(finding->userdata, &file);
    }
}

static void find_disks(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "disk", disk)
    {
        const xmlNode *source = tree_child(disk, "source");
        CLEANUP(freep) char *file = tree_attribute(source, "file");
        CLEANUP(freep) char *device = tree_attribute(source, "dev");
        bool is_read_only =
            tree_attribute_is(disk, "device", "cdrom") || tree_child(disk, "readonly") != NULL;
        tell(finding, file, is_read_only);
        tell(finding, device, is_read_only);
    }
}

static void find_boot_files(const xmlNode *os, const struct finding *finding)
{
    static const char *const names[] = {"loader", "kernel", "initrd"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(freep) char *path = tree_text(tree_child(os, names[i]));
        tell(finding, path, true);
    }
}

int domain_xml_files(const char *xml, void (*each)(void *userdata, const struct domain_file *file),
                     void *userdata, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    const struct finding finding = {each, userdata};
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    const xmlNode *domain = xmlDocGetRootElement(doc);
    TREE_EACH(domain, "devices", devices)
    {
        find_disks(devices, &finding);
    }
    find_boot_files(tree_child(domain, "os"), &finding);
    return 0;
}

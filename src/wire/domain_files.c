/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_xml.h"

#include "wire/domain_tree.h"

#include <string.h>

struct finding {
    void (*each)(void *userdata, const struct domain_file *file);
    void *userdata;
};

static void file_tell(const struct finding *finding, const char *path, bool is_read_only)
{
    if (path && path[0] == '/') {
        const struct domain_file file = {.path = path, .is_read_only = is_read_only};
        finding->each(finding->userdata, &file);
    }
}

static void tell_source(const struct finding *finding, const xmlNode *source, bool is_read_only)
{
    CLEANUP(freep) char *file = tree_attribute(source, "file");
    CLEANUP(freep) char *device = tree_attribute(source, "dev");
    file_tell(finding, file, is_read_only);
    file_tell(finding, device, is_read_only);
}

/* With the images that it is an overlay of, where the template names them. */
static void find_disks(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "disk", disk)
    {
        bool is_read_only =
            tree_attribute_is(disk, "device", "cdrom") || tree_child(disk, "readonly") != NULL;
        tell_source(finding, tree_child(disk, "source"), is_read_only);
        for (const xmlNode *backing = tree_child(disk, "backingStore"); backing;
             backing = tree_child(backing, "backingStore")) {
            tell_source(finding, tree_child(backing, "source"), true);
        }
    }
}

/* A file that the guest sees as memory, and that outlives it. */
static void find_memories(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "memory", memory)
    {
        CLEANUP(freep) char *path = tree_text(tree_child(tree_child(memory, "source"), "path"));
        file_tell(finding, path, false);
    }
}

static void find_boot_files(const xmlNode *os, const struct finding *finding)
{
    static const char *const names[] = {"loader", "kernel", "initrd"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(freep) char *path = tree_text(tree_child(os, names[i]));
        file_tell(finding, path, true);
    }
    CLEANUP(freep) char *variables = tree_attribute(tree_child(os, "nvram"), "template");
    file_tell(finding, variables, true);
}

static void tell_folder(const struct finding *finding, const char *path, const char *what)
{
    const struct domain_file file = {.path = path, .what = what, .is_folder = true};
    if (path[0] == '/') {
        finding->each(finding->userdata, &file);
    }
}

/* The folder of 'path': the file itself may be made at the first start. */
static void tell_folder_of(const struct finding *finding, char *path, const char *what)
{
    char *slash = path[0] == '/' ? strrchr(path, '/') : NULL;
    if (slash && slash > path) {
        *slash = '\0';
        tell_folder(finding, path, what);
    }
}

static void find_tpms(const xmlNode *devices, const struct finding *finding)
{
    static const char what[] = "TPM state";
    TREE_EACH(devices, "tpm", tpm)
    {
        const xmlNode *backend = tree_child(tpm, "backend"),
                      *source = tree_child(backend, "source");
        CLEANUP(freep) char *path = tree_attribute(source, "path");
        if (!tree_attribute_is(backend, "type", "emulator")) {
            continue;
        }
        if (path) {
            tell_folder_of(finding, path, what);
        } else {
            tell_folder(finding, DOMAIN_TPM_FOLDER, what);
        }
    }
}

static void find_nvram(const xmlNode *domain, const struct finding *finding)
{
    static const char what[] = "UEFI variables";
    const xmlNode *nvram = tree_child(tree_child(domain, "os"), "nvram");
    CLEANUP(freep) char *text = tree_text(nvram);
    CLEANUP(freep) char *file = tree_attribute(tree_child(nvram, "source"), "file");
    char *path = file ? file : text;
    if (!tree_has_nvram(domain) || tree_attribute_is(nvram, "type", "block") ||
        tree_attribute_is(nvram, "type", "network")) {
        return;
    }
    if (path && path[0] == '/') {
        tell_folder_of(finding, path, what);
    } else {
        tell_folder(finding, DOMAIN_NVRAM_FOLDER, what);
    }
}

static void find_folders(const xmlNode *devices, const struct finding *finding)
{
    TREE_EACH(devices, "filesystem", filesystem)
    {
        CLEANUP(freep) char *folder = tree_attribute(tree_child(filesystem, "source"), "dir");
        if (folder) {
            tell_folder(finding, folder, "shared folder");
        }
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
        find_memories(devices, &finding);
        find_tpms(devices, &finding);
        find_folders(devices, &finding);
    }
    find_boot_files(tree_child(domain, "os"), &finding);
    find_nvram(domain, &finding);
    return 0;
}

int domain_xml_states(const char *xml, void (*each)(void *userdata, const char *path),
                      void *userdata, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    const xmlNode *domain = xmlDocGetRootElement(doc);
    const xmlNode *nvram = tree_child(tree_child(domain, "os"), "nvram");
    CLEANUP(freep) char *text = tree_text(nvram);
    CLEANUP(freep) char *file = tree_attribute(tree_child(nvram, "source"), "file");
    const char *path = file ? file : text;
    if (path && path[0] == '/') {
        each(userdata, path);
    }
    TREE_EACH(tree_child(domain, "devices"), "tpm", tpm)
    {
        const xmlNode *backend = tree_child(tpm, "backend");
        CLEANUP(freep) char *state = tree_attribute(tree_child(backend, "source"), "path");
        if (tree_attribute_is(backend, "type", "emulator") && state) {
            each(userdata, state);
        }
    }
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walk over a domain. What is accepted: domain_rules.c. */
#include "wire/domain_policy.h"

#include "base/cleanup.h"
#include "wire/domain_rules.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

ENUM_DEFINE(domain_policy_kind, DOMAIN_POLICY_LIST)

enum { place_size = 160, depth_max = 24 };

struct walk {
    const struct domain_policy *policy;
    int (*each)(void *userdata, const char *path, struct error *err); /* may be NULL */
    void *userdata;
    struct error *err;
};

#define WHERE_TO_READ "see domain_policy in berth.conf(5)"

static int policy_refuse(const struct walk *walk, const xmlNode *node, const char *what,
                         const char *value)
{
    return error_set(
        walk->err, -EPERM,
        "the domain policy does not allow %s%s%.60s%s in <%.40s> (line %ld); " WHERE_TO_READ, what,
        value ? " \"" : "", value ? value : "", value ? "\"" : "", (const char *)node->name,
        xmlGetLineNo(node));
}

/* ---- values ---- */

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    while (len > 1 && directory[len - 1] == '/') {
        len--;
    }
    if (len == 1) {
        return path[1] != '\0'; /* all of the host: root's choice */
    }
    return strncmp(path, directory, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
}

/* No ".." even where it stays below: no one needs it, and it is easy to get wrong. */
static bool is_straight(const char *path)
{
    size_t len = strlen(path);
    return path[0] == '/' && !strstr(path, "/../") &&
           !(len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

bool domain_policy_has_path(const struct domain_policy *policy, const char *path)
{
    for (size_t i = 0; is_straight(path) && i < policy->directory_len; i++) {
        if (is_below(path, policy->directories[i])) {
            return true;
        }
    }
    return false;
}

static bool is_below_any(const char *path, const char *const *directories)
{
    for (; *directories && is_straight(path); directories++) {
        if (is_below(path, *directories)) {
            return true;
        }
    }
    return false;
}

/* Firmware that distributions install: root's, readable by all. */
static const char *const firmware_directories[] = {
    "/usr/share/OVMF",      "/usr/share/ovmf",    "/usr/share/qemu",
    "/usr/share/edk2",      "/usr/share/AAVMF",   "/usr/share/qemu-efi-aarch64",
    "/usr/share/edk2-ovmf", "/usr/share/seabios", NULL,
};
static const char *const nvram_directories[] = {"/var/lib/libvirt/qemu/nvram", NULL};
/* Where libvirt itself puts consoles and the sockets of guest agents. */
static const char *const console_directories[] = {"/dev/pts", "/var/lib/libvirt/qemu/channel",
                                                  "/run/libvirt/qemu/channel", NULL};

static bool is_word(const char *words, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = words; len > 0 && (at = strstr(at, value)); at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool is_loopback(const char *address)
{
    return address[0] == '\0' || strcmp(address, "::1") == 0 || strcmp(address, "localhost") == 0 ||
           (strncmp(address, "127.", 4) == 0 && strspn(address, "0123456789.") == strlen(address));
}

/* libvirt's own: where distributions install QEMU. */
static bool is_emulator(const char *path)
{
    static const char prefix[] = "/usr/bin/qemu-system-";
    size_t len = strlen(prefix);
    return is_word("/usr/bin/kvm /usr/bin/qemu-kvm /usr/libexec/qemu-kvm", path) ||
           (strncmp(path, prefix, len) == 0 && path[len] &&
            strspn(path + len, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(path + len));
}

static bool is_value_allowed(const struct domain_policy *policy, const struct domain_value *rule,
                             const char *value)
{
    switch (rule->kind) {
    case DOMAIN_VALUE_WORDS:
        return is_word(rule->words, value);
    case DOMAIN_VALUE_FILE:
        return domain_policy_has_path(policy, value);
    case DOMAIN_VALUE_FIRMWARE:
        return is_below_any(value, firmware_directories) || domain_policy_has_path(policy, value);
    case DOMAIN_VALUE_NVRAM:
        return is_below_any(value, nvram_directories) || domain_policy_has_path(policy, value);
    case DOMAIN_VALUE_CONSOLE:
        return is_below_any(value, console_directories);
    case DOMAIN_VALUE_EMULATOR:
        return is_emulator(value);
    case DOMAIN_VALUE_LISTEN:
        return policy->has_open_graphics || is_loopback(value);
    case DOMAIN_VALUE_OPEN:
        return policy->has_open_graphics;
    }
    return false;
}

/* 'attribute' "": the text of the element. */
static int check_value(const struct walk *walk, const xmlNode *node, const char *place,
                       const char *attribute, const char *value)
{
    const struct domain_value *rule = domain_value_find(place, attribute);
    if (!rule) {
        return 0;
    }
    if (!is_value_allowed(walk->policy, rule, value)) {
        char what[64];
        (void)snprintf(what, sizeof(what), "%.50s", attribute[0] ? attribute : "the value");
        return policy_refuse(walk, node, what, value);
    }
    bool is_file = rule->kind == DOMAIN_VALUE_FILE || rule->kind == DOMAIN_VALUE_FIRMWARE ||
                   rule->kind == DOMAIN_VALUE_NVRAM;
    return is_file && walk->each ? walk->each(walk->userdata, value, walk->err) : 0;
}

/* ---- elements ---- */

static int check_attributes(const struct walk *walk, const xmlNode *node, const char *place,
                            const struct domain_rule *rule)
{
    for (const xmlAttr *each = node->properties; each; each = each->next) {
        const char *name = (const char *)each->name;
        if (!rule->is_whole && (each->ns || !is_word(rule->attributes, name))) {
            return policy_refuse(walk, node, "the attribute", name);
        }
        CLEANUP(freep) char *value = tree_attribute(node, name);
        int r = value ? check_value(walk, node, place, name, value) : -ENOMEM;
        if (r < 0) {
            return r == -ENOMEM ? error_set(walk->err, r, "out of memory") : r;
        }
    }
    return 0;
}

static bool has_children(const xmlNode *node)
{
    for (const xmlNode *each = node->children; each; each = each->next) {
        if (each->type == XML_ELEMENT_NODE) {
            return true;
        }
    }
    return false;
}

static int check_text(const struct walk *walk, const xmlNode *node, const char *place)
{
    if (has_children(node) || !domain_value_find(place, "")) {
        return 0;
    }
    CLEANUP(freep) char *text = tree_text(node);
    return text && text[0] ? check_value(walk, node, place, "", text) : 0;
}

/* The layers below a disk's image are like the disk. */
static bool is_layer(const xmlNode *node)
{
    return tree_is(node, "backingStore");
}

static int check_children(const struct walk *walk, const xmlNode *parent, const char *place,
                          unsigned depth);

static int check_element(const struct walk *walk, const xmlNode *node, const char *parent,
                         unsigned depth)
{
    char place[place_size];
    int size = snprintf(place, sizeof(place), "%s%s%s", parent, parent[0] ? "/" : "",
                        (const char *)node->name);
    const struct domain_rule *rule =
        node->ns || size < 0 || size >= place_size ? NULL : domain_rule_find(place);
    if (!rule || depth > depth_max) {
        return error_set(
            walk->err, -EPERM,
            "the domain policy does not allow <%s%s%.40s> in <%.40s> (line %ld); " WHERE_TO_READ,
            node->ns && node->ns->prefix ? (const char *)node->ns->prefix : "",
            node->ns && node->ns->prefix ? ":" : "", (const char *)node->name,
            (const char *)node->parent->name, xmlGetLineNo(node));
    }
    int r = check_attributes(walk, node, place, rule);
    r = r < 0 ? r : check_text(walk, node, place);
    if (r < 0 || rule->is_whole) {
        return r;
    }
    return check_children(walk, node, is_layer(node) ? parent : place, depth + 1);
}

static int check_children(const struct walk *walk, const xmlNode *parent, const char *place,
                          unsigned depth)
{
    for (const xmlNode *node = parent->children; node; node = node->next) {
        if (node->type == XML_ENTITY_REF_NODE || node->type == XML_PI_NODE) {
            return policy_refuse(walk, parent, "an entity or instruction", NULL);
        }
        int r = node->type == XML_ELEMENT_NODE ? check_element(walk, node, place, depth) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_domain(const struct walk *walk, const char *xml)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, walk->err);
    if (r < 0) {
        return r;
    }
    const xmlNode *domain = xmlDocGetRootElement(doc);
    if (!tree_is(domain, "domain")) {
        return error_set(walk->err, -EINVAL, "the XML is a <%.40s>, not a libvirt <domain>",
                         (const char *)domain->name);
    }
    r = check_attributes(walk, domain, "", domain_rule_find(""));
    return r < 0 ? r : check_children(walk, domain, "", 0);
}

int domain_policy_check(const char *xml, const struct domain_policy *policy, struct error *err)
{
    const struct walk walk = {.policy = policy, .err = err};
    return !policy || policy->kind == DOMAIN_POLICY_TRUSTED ? 0 : check_domain(&walk, xml);
}

int domain_policy_files(const char *xml, const struct domain_policy *policy,
                        int (*each)(void *userdata, const char *path, struct error *err),
                        void *userdata, struct error *err)
{
    const struct walk walk = {.policy = policy, .each = each, .userdata = userdata, .err = err};
    return !policy || policy->kind == DOMAIN_POLICY_TRUSTED ? 0 : check_domain(&walk, xml);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain without what only its administrators need to know. */
#include "wire/domain_xml.h"

#include "wire/domain_tree.h"

#include <errno.h>
#include <string.h>

/* Elements that are, or name, a secret; QEMU's own arguments and environment can hold anything. */
static const char *const secret_elements[] = {"auth",   "secret",      "encryption", "cookies",
                                              "cookie", "commandline", "dhCert",     "session"};
/* Parts of the names of attributes. */
static const char *const secret_parts[] = {"pass", "secret", "token"};

static bool is_secret_element(const xmlNode *node)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_elements); i++) {
        if (strcmp((const char *)node->name, secret_elements[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_secret_part(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_parts); i++) {
        if (strcasestr(text, secret_parts[i])) {
            return true;
        }
    }
    return false;
}

/* Most domains have none of the words anywhere, and need not be parsed each time they are shown. */
static bool may_have_secret(const char *xml)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_elements); i++) {
        if (strstr(xml, secret_elements[i])) {
            return true;
        }
    }
    return has_secret_part(xml);
}

static size_t redact_attributes(xmlNode *node)
{
    size_t len = 0;
    for (xmlAttr *each = node->properties, *next; each; each = next) {
        next = each->next;
        if (has_secret_part((const char *)each->name)) {
            (void)xmlRemoveProp(each);
            len++;
        }
    }
    return len;
}

/* How much was taken out. The depth of the tree is bounded by the parser. */
static size_t redact(xmlNode *parent)
{
    size_t len = 0;
    for (xmlNode *node = parent->children, *next; node; node = next) {
        next = node->next;
        bool is_comment = node->type == XML_COMMENT_NODE; /* what was "commented out" is there */
        if (node->type != XML_ELEMENT_NODE && !is_comment) {
            continue;
        }
        if (is_comment || is_secret_element(node)) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
            len++;
            continue;
        }
        len += redact_attributes(node);
        len += redact(node);
    }
    return len;
}

int domain_xml_redact(const char *xml, struct buf *ret, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = may_have_secret(xml) ? tree_parse(xml, &doc, err) : 0;
    if (r < 0) {
        return r;
    }
    if (doc && redact(xmlDocGetRootElement(doc)) > 0) {
        return tree_write(doc, ret, err);
    }
    buf_text(ret, xml); /* as its administrator wrote it */
    return ret->failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few things that the domain codec does with a libxml2 tree. Inside of src/wire only. Elements
 * are sought without namespace, as libvirt's own are; texts are plain char.
 */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <libxml/tree.h>

/* Parses 'xml' without network and entities; a DOCTYPE is refused before it is read. Blank texts
 * between elements are dropped. 0; -E2BIG, -EINVAL (names the line) or -ENOMEM. */
int tree_parse(const char *xml, xmlDoc **ret, struct error *err);

/* The root element as text, a newline behind it, added to 'ret'. -ENOMEM. */
int tree_write(xmlDoc *doc, struct buf *ret, struct error *err);

static inline void tree_freep(xmlDoc **doc)
{
    if (*doc) {
        xmlFreeDoc(*doc);
    }
}

bool tree_is(const xmlNode *node, const char *name); /* an element of that name, no namespace */

/* The first child element 'name', and the next one beside 'node' after it; NULL: none. */
xmlNode *tree_child(const xmlNode *node, const char *name);
xmlNode *tree_next(const xmlNode *node, const char *name);
#define TREE_EACH(parent, name, each)                                                              \
    for (xmlNode *each = tree_child(parent, name); each; each = tree_next(each, name))

/* Heap copies, the caller frees them; NULL: absent (or no memory). 'node' may be NULL. */
char *tree_text(const xmlNode *node);
char *tree_attribute(const xmlNode *node, const char *name);
bool tree_attribute_is(const xmlNode *node, const char *name, const char *value);

/* A small number, decimal or 0x...; 0: none. */
uint32_t tree_attribute_number(const xmlNode *node, const char *name);

/* Makers: each returns NULL/false without memory, and passes on a NULL 'parent'. */
xmlNode *tree_add(xmlNode *parent, const char *name, const char *text);
bool tree_set(xmlNode *node, const char *name, const char *value);
bool tree_replace_text(xmlNode *parent, const char *name, const char *text);

/* A whole number, blanks around it allowed. False, '*ret' untouched, if it is none or above 'max'.
 */
bool tree_number(const char *text, uint64_t max, uint64_t *ret);
/* Bytes of one of libvirt's units ("KiB", "G"). False: there is no such unit. */
bool tree_unit(const char *unit, uint64_t *ret);
/* The text of 'node' times its unit (KiB where it has none), in MiB rounded up; 0: no amount. */
uint64_t tree_mib(const xmlNode *node);

/* Whether 'domain' starts with UEFI. */
bool tree_is_uefi(const xmlNode *domain);
/* ... and keeps variables. */
bool tree_has_nvram(const xmlNode *domain);

/* domain_bound.c: an element of 'domain' that does not go along when it is migrated, as XML, into
 * 'ret' of 'size' bytes; "": there is none. */
void domain_find_unmovable(const xmlNode *domain, char *ret, size_t size);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_tree.h"

#include "base/parse.h"

#include "model/limits.h"

#include <errno.h>
#include <libxml/parser.h>
#include <string.h>

static const xmlChar *x(const char *text)
{
    return (const xmlChar *)text;
}

/* A DOCTYPE brings entities, and they bring the files and the memory of others. libxml2 calls this
 * when it meets one, before it reads what it declares. */
static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *external,
                           const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    xmlParserCtxt *parser = context;
    *(bool *)parser->_private = true;
    xmlStopParser(parser);
}

static int explain(const xmlParserCtxt *parser, bool has_doctype, struct error *err)
{
    if (has_doctype) {
        return error_set(err, -EINVAL, "the domain XML has a DOCTYPE; remove it");
    }
    const xmlError *error = &parser->lastError;
    if (error->code == XML_ERR_NO_MEMORY) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    const char *message = error->message ? error->message : "it is cut short";
    return error_set(err, -EINVAL, "the domain XML is no XML: line %d: %.*s", error->line,
                     (int)strcspn(message, "\n"), message);
}

static int parse_with(xmlParserCtxt *parser, const char *xml, size_t size, xmlDoc **ret,
                      struct error *err)
{
    bool has_doctype = false;
    parser->_private = &has_doctype;
    parser->sax->internalSubset = refuse_doctype;
    CLEANUP(tree_freep)
    xmlDoc *doc = xmlCtxtReadMemory(parser, xml, (int)size, NULL, NULL,
                                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                        XML_PARSE_NOBLANKS);
    if (!doc || has_doctype || !xmlDocGetRootElement(doc)) {
        return explain(parser, has_doctype, err);
    }
    *ret = TAKE(doc);
    return 0;
}

int tree_parse(const char *xml, xmlDoc **ret, struct error *err)
{
    size_t size = strnlen(xml, (size_t)domain_xml_size_max + 1);
    if (size > domain_xml_size_max) {
        return error_set(err, -E2BIG, "the domain XML has more than %d KiB",
                         domain_xml_size_max / 1024);
    }
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (!parser) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = parse_with(parser, xml, size, ret, err);
    xmlFreeParserCtxt(parser);
    return r;
}

int tree_write(xmlDoc *doc, struct buf *ret, struct error *err)
{
    xmlBuffer *text = xmlBufferCreate();
    if (!text || xmlNodeDump(text, doc, xmlDocGetRootElement(doc), 0, 1) < 0) {
        xmlBufferFree(text);
        return error_set(err, -ENOMEM, "out of memory");
    }
    buf_add(ret, xmlBufferContent(text), (size_t)xmlBufferLength(text));
    buf_char(ret, '\n');
    xmlBufferFree(text);
    return ret->failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

bool tree_is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && xmlStrEqual(node->name, x(name));
}

static xmlNode *first_from(xmlNode *node, const char *name)
{
    while (node && !tree_is(node, name)) {
        node = node->next;
    }
    return node;
}

xmlNode *tree_child(const xmlNode *node, const char *name)
{
    return node ? first_from(node->children, name) : NULL;
}

xmlNode *tree_next(const xmlNode *node, const char *name)
{
    return first_from(node->next, name);
}

/* libxml2 hands out memory of its own allocator: a copy is one of ours. */
static char *own(xmlChar *text)
{
    char *copy = text ? strdup((const char *)text) : NULL;
    xmlFree(text);
    return copy;
}

char *tree_text(const xmlNode *node)
{
    return node ? own(xmlNodeGetContent(node)) : NULL;
}

char *tree_attribute(const xmlNode *node, const char *name)
{
    return node ? own(xmlGetNoNsProp(node, x(name))) : NULL;
}

bool tree_attribute_is(const xmlNode *node, const char *name, const char *value)
{
    CLEANUP(freep) char *have = tree_attribute(node, name);
    return have && strcmp(have, value) == 0;
}

uint32_t tree_attribute_number(const xmlNode *node, const char *name)
{
    CLEANUP(freep) char *text = tree_attribute(node, name);
    uint64_t value = 0;
    if (text && strncmp(text, "0x", 2) == 0) {
        (void)parse_hex(text, UINT16_MAX, &value);
    } else if (text) {
        (void)parse_u64(text, UINT16_MAX, &value);
    }
    return (uint32_t)value;
}

xmlNode *tree_add(xmlNode *parent, const char *name, const char *text)
{
    if (!parent) {
        return NULL;
    }
    /* Made apart first: xmlNewTextChild() would inherit the parent's namespace. */
    xmlNode *node = xmlNewNode(NULL, x(name));
    if (!node) {
        return NULL;
    }
    xmlNode *content = text ? xmlNewText(x(text)) : NULL;
    if ((text && (!content || !xmlAddChild(node, content))) || !xmlAddChild(parent, node)) {
        xmlFreeNode(node);
        return NULL;
    }
    return node;
}

bool tree_set(xmlNode *node, const char *name, const char *value)
{
    return node && xmlSetProp(node, x(name), x(value));
}

bool tree_replace_text(xmlNode *parent, const char *name, const char *text)
{
    xmlNode *node = tree_child(parent, name);
    if (!node) {
        return tree_add(parent, name, text) != NULL;
    }
    while (node->children) {
        xmlNode *inner = node->children;
        xmlUnlinkNode(inner);
        xmlFreeNode(inner);
    }
    xmlNode *content = xmlNewText(x(text));
    return content && xmlAddChild(node, content);
}

bool tree_number(const char *text, uint64_t max, uint64_t *ret)
{
    size_t skip = strspn(text, " \t\r\n");
    size_t len = strcspn(text + skip, " \t\r\n");
    char digits[24];
    if (len >= sizeof(digits) || text[skip + len + strspn(text + skip + len, " \t\r\n")] != '\0') {
        return false;
    }
    memcpy(digits, text + skip, len);
    digits[len] = '\0';
    return parse_u64(digits, max, ret);
}

/* libvirt's units (virScaleInteger): a bare letter or -iB is binary, -B decimal; none: KiB. */
bool tree_unit(const char *unit, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"b", 1},
        {"bytes", 1},
        {"k", 1 << 10},
        {"KiB", 1 << 10},
        {"KB", 1000},
        {"M", 1 << 20},
        {"MiB", 1 << 20},
        {"MB", 1000000},
        {"G", 1 << 30},
        {"GiB", 1 << 30},
        {"GB", 1000000000},
        {"T", UINT64_C(1) << 40},
        {"TiB", UINT64_C(1) << 40},
        {"TB", UINT64_C(1000000000000)},
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcasecmp(unit, units[i].name) == 0) {
            *ret = units[i].bytes;
            return true;
        }
    }
    return false;
}

uint64_t tree_mib(const xmlNode *node)
{
    CLEANUP(freep) char *text = tree_text(node);
    CLEANUP(freep) char *unit = tree_attribute(node, "unit");
    uint64_t amount = 0, factor = 0, mib = UINT64_C(1) << 20;
    if (!text || !tree_unit(unit ? unit : "KiB", &factor) ||
        !tree_number(text, (UINT64_C(1) << 60) / factor, &amount)) {
        return 0;
    }
    return (amount * factor + mib - 1) / mib;
}

bool tree_has_nvram(const xmlNode *domain)
{
    const xmlNode *loader = tree_child(tree_child(domain, "os"), "loader");
    return tree_is_uefi(domain) && !tree_attribute_is(loader, "stateless", "yes");
}

bool tree_is_uefi(const xmlNode *domain)
{
    const xmlNode *os = tree_child(domain, "os"), *loader = tree_child(os, "loader");
    CLEANUP(freep) char *path = tree_text(loader);
    return tree_attribute_is(os, "firmware", "efi") ||
           tree_attribute_is(loader, "type", "pflash") ||
           (path && (strcasestr(path, "ovmf") || strcasestr(path, "edk2")));
}

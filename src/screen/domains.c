/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The VMs that a host's libvirt has defined, for who takes them over. Passwords stay where they
 * are: libvirt leaves them out unless it is asked for them. */
#include "screen/internal.h"

#include "wire/domain_xml.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

static ssize_t text_read(void *userdata, void *to, size_t size)
{
    struct screen_domains *end = userdata;
    size_t len = MIN(size, end->size - end->at);
    memcpy(to, end->text + end->at, len);
    end->at += len;
    return (ssize_t)len;
}

/* Who reads a list has nothing to say. */
static ssize_t text_write(void *userdata, const void *bytes, size_t size)
{
    (void)userdata, (void)bytes;
    return (ssize_t)size;
}

static void text_want(void *userdata, bool is_read, bool is_write)
{
    (void)userdata, (void)is_read, (void)is_write; /* it is always there */
}

static void add(json_t *list, virDomainPtr domain)
{
    struct domain_marker marker;
    int autostart = 0;
    const char *name = virDomainGetName(domain);
    CLEANUP(freep) char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    if (!name || !xml || domain_marker_from_xml(xml, &marker)) {
        return; /* it has just gone, or is Berth's */
    }
    bool has_autostart = virDomainGetAutostart(domain, &autostart) == 0 && autostart;
    (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "name", name, "xml", xml,
                                                "is_active", virDomainIsActive(domain) == 1,
                                                "has_autostart", has_autostart));
}

int screen_domains_begin(struct screen_domains *end, virConnectPtr connection,
                         struct relay_end *ret, struct error *err)
{
    virDomainPtr *domains = NULL;
    int len = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (len < 0) {
        return error_set(err, -EIO, "libvirt does not tell its VMs: %s", virGetLastErrorMessage());
    }
    json_t *list = json_array();
    for (int i = 0; i < len; i++) {
        add(list, domains[i]);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    CLEANUP(screen_json_done) json_t *whole = json_pack("{s:o}", "domains", list);
    end->text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    if (!end->text) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    end->size = strlen(end->text);
    *ret = (struct relay_end){text_read, text_write, text_want, end};
    return 0;
}

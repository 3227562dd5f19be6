/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/libvirt.h"

#include "base/natural.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <stdlib.h>
#include <string.h>

/* What libvirt would print by itself, we say. */
static void be_silent(void *userdata, virErrorPtr error)
{
    (void)userdata;
    (void)error;
}

static int by_name(const void *a, const void *b)
{
    return natural_compare(((const struct domain *)a)->name, ((const struct domain *)b)->name);
}

static bool domains_add(domains_t *domains, virDomainPtr domain)
{
    int autostart = 0;
    struct domain *place = VEC_ADD(domains);
    const char *name = virDomainGetName(domain);
    if (!place || !name) {
        return false;
    }
    place->name = strdup(name);
    place->xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    place->is_active = virDomainIsActive(domain) == 1;
    place->has_autostart = virDomainGetAutostart(domain, &autostart) == 0 && autostart;
    return place->name && place->xml;
}

static int list(struct cli *cli, virConnectPtr connection, domains_t *ret)
{
    virDomainPtr *domains = NULL;
    int len = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    bool is_whole = len >= 0;
    for (int i = 0; i < len; i++) {
        is_whole = is_whole && domains_add(ret, domains[i]);
        (void)virDomainFree(domains[i]);
    }
    free(domains);
    if (!is_whole) {
        return cli_fail(cli, EXIT_REFUSED, "libvirt does not tell its VMs: %s",
                        virGetLastErrorMessage());
    }
    if (ret->len > 0) {
        qsort(ret->items, ret->len, sizeof(ret->items[0]), by_name);
    }
    return EXIT_OK;
}

int libvirt_domains(struct cli *cli, domains_t *ret)
{
    const char *given = cli_option(cli, "connect"), *environment = getenv("LIBVIRT_DEFAULT_URI");
    const char *uri = given                           ? given
                      : environment && environment[0] ? environment
                                                      : "qemu:///system";
    virSetErrorFunc(NULL, be_silent);
    virConnectPtr connection = virConnectOpenReadOnly(uri);
    if (!connection) {
        return cli_fail(cli, EXIT_UNREACHABLE,
                        "libvirt at %s does not answer: %s (another one: --connect URI)", uri,
                        virGetLastErrorMessage());
    }
    int r = list(cli, connection, ret);
    (void)virConnectClose(connection);
    return r;
}

void libvirt_domains_done(domains_t *domains)
{
    VEC_EACH(domains, domain) {
        free(domain->name);
        free(domain->xml);
    }
    VEC_DONE(domains);
}

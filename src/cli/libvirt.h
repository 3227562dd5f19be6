/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domains that libvirt on this host has defined; read only. */
#pragma once

#include "base/vec.h"
#include "cli/command.h"

struct domain {
    char *name;
    char *xml; /* as it is defined, without passwords */
    bool is_active;
    bool has_autostart;
};

typedef VEC(struct domain) domains_t;

/* All persistent ones by name. An exit code, said. */
int libvirt_domains(struct cli *cli, domains_t *ret);
void libvirt_domains_done(domains_t *domains);

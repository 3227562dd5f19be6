/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a domain may ask of its host. libvirt's language reaches every file, device and program of
 * a host, so a person who chooses the XML of a domain without limits is root there. Under the
 * policy 'plain', only elements and attributes that are listed in domain_policy.c are accepted, and
 * files only below the directories that root named. What the list does not know is refused.
 *
 * berthd asks this of each template before it starts it: neither the API nor the store can pass
 * it. The API asks it, too, so that a person learns of a refusal when a VM is added. Pure: paths
 * are judged by their text; virt/files.c looks at what they lead to.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

#define DOMAIN_POLICY_LIST(X)                                                                      \
    X(DOMAIN_POLICY_PLAIN, "plain")                                                                \
    X(DOMAIN_POLICY_TRUSTED, "trusted") /* libvirt's whole language */
ENUM_DECLARE(domain_policy_kind, DOMAIN_POLICY_LIST)

enum { domain_directories_max = 16, domain_directory_size = 256 };

struct domain_policy {
    enum domain_policy_kind kind;
    bool has_open_graphics; /* graphics may listen beyond this host */
    char directories[domain_directories_max][domain_directory_size]; /* of disks; absolute */
    size_t directory_len;
};

/* 0; or -EPERM with a sentence that names the element and its line; or the errors of
 * domain_xml_inspect() for a text that is no XML. 'policy' NULL: everything is accepted. */
int domain_policy_check(const char *xml, const struct domain_policy *policy, struct error *err);

/* Whether 'path' is absolute, holds no "..", and lies below one of the directories. */
bool domain_policy_has_path(const struct domain_policy *policy, const char *path);

/* The same, and calls 'each' with every path that the domain names (lent for the call), until it
 * returns less than 0. Returns that. */
int domain_policy_files(const char *xml, const struct domain_policy *policy,
                        int (*each)(void *userdata, const char *path, struct error *err),
                        void *userdata, struct error *err);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a template demands of its host by name. */
#pragma once

#include "model/network.h"
#include "wire/domain_tree.h"

/* Fills in the networks. */
void host_find_networks(const xmlNode *domain, struct host_names *info);

/* Fills in the binds of a VM of so much memory. Nodes beyond the 32nd are not looked at. */
void host_find_binds(const xmlNode *domain, uint64_t memory_mib, struct host_names *info);

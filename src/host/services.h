/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What else is set up on a host and gets in Berth's way: services that act on its VMs, reboot it,
 * hold its watchdog, or come up too late. Read from the files by which they are enabled, not asked
 * of systemd: an answer could keep who asks waiting. Changes nothing.
 */
#pragma once

#include "model/record.h"

/* Adds a check for each such thing, with why it matters and the command that mends it; or the one
 * check "services" that there is none. 'root' is where /etc is found. False without memory. */
bool host_services_check(const char *root, node_checks_t *checks);

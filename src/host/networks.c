/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Into what VMs can be plugged here: interfaces that an administrator made or that are of hardware,
 * and the networks of libvirt that are up, of each of which its daemon keeps a file in
 * /run/libvirt/network, or that come up with that daemon, which the first VM may start. What comes
 * and goes with VMs and containers is left out.
 */
#include "base/parse.h"
#include "host/internal.h"

#include <stdio.h>
#include <string.h>

#define INTERFACE "/sys/class/net/%s/"

static bool add(struct node_inventory *inventory, const char *kind, const char *name)
{
    struct host_network *place =
        inventory->networks.len < networks_max ? VEC_ADD(&inventory->networks) : NULL;
    if (place) {
        (void)snprintf(place->name, sizeof(place->name), "%s %s", kind, name);
    }
    return place != NULL;
}

static bool has_lower(const struct host_config *config, const char *name)
{
    bool is_any = false;
    host_entries_t entries = host_list(config, "/sys/class/net/%s", name);
    VEC_EACH(&entries, each) {
        is_any |= strncmp(each->name, "lower_", 6) == 0;
    }
    VEC_DONE(&entries);
    return is_any;
}

/* "vnet7" for 'start' "vnet". */
static bool is_numbered(const char *name, const char *start)
{
    size_t len = strlen(start);
    uint64_t number;
    return strncmp(name, start, len) == 0 && parse_u64(name + len, UINT32_MAX, &number);
}

/* Ends of a VM's or container's cable: tap, macvtap and veth. A veth names its other end as what it
 * is on, which a VLAN does, too, but that one is above it. A tap with a name of its own stays: so
 * are bridges of Open vSwitch in user space. */
static bool is_transient(const struct host_config *config, const char *name)
{
    bool is_tap = host_exists(config, INTERFACE "tun_flags", name) &&
                  (is_numbered(name, "vnet") || is_numbered(name, "tap"));
    int64_t own = host_read_number(config, 0, INTERFACE "ifindex", name);
    int64_t below = host_read_number(config, own, INTERFACE "iflink", name);
    return strcmp(name, "lo") == 0 || is_tap || host_exists(config, INTERFACE "macvtap", name) ||
           (below != own && !has_lower(config, name));
}

static bool has(const struct node_inventory *inventory, const char *name)
{
    char text[network_name_size];
    (void)snprintf(text, sizeof(text), "network %s", name);
    VEC_EACH(&inventory->networks, each) {
        if (strcmp(each->name, text) == 0) {
            return true;
        }
    }
    return false;
}

/* "default.xml"; other files there are of dnsmasq and the like. */
static bool add_libvirts(const struct host_config *config, const char *folder,
                         struct node_inventory *inventory)
{
    static const char end[] = ".xml";
    bool is_whole = true;
    host_entries_t files = host_list(config, "%s", folder);
    VEC_EACH(&files, each) {
        char *dot = strrchr(each->name, '.');
        if (dot && strcmp(dot, end) == 0) {
            *dot = '\0';
            is_whole &= has(inventory, each->name) || add(inventory, "network", each->name);
        }
    }
    VEC_DONE(&files);
    return is_whole;
}

void networks_read(const struct host_config *config, struct node_inventory *inventory)
{
    bool is_whole = host_exists(config, "/sys/class/net");
    host_entries_t all = host_list(config, "/sys/class/net");
    VEC_EACH(&all, each) {
        bool is_one = host_exists(config, INTERFACE "ifindex", each->name); /* bonding_masters */
        if (is_one && !is_transient(config, each->name)) {
            is_whole &= add(inventory, "interface", each->name);
        }
    }
    VEC_DONE(&all);
    is_whole &= add_libvirts(config, "/run/libvirt/network", inventory);
    is_whole &= add_libvirts(config, "/etc/libvirt/qemu/networks/autostart", inventory);
    /* A list with gaps would keep VMs away. */
    inventory->has_networks = is_whole;
    if (!is_whole) {
        VEC_DONE(&inventory->networks);
    }
}

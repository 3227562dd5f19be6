/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses and networks as people write them, and whom a request came from behind a proxy. */
#pragma once

#include "base/types.h"

#include <stddef.h>

enum {
    network_bytes = 16,
    network_address_size = 48, /* as text */
};

/* "10.0.0.7", "10.0.0.0/8", "fd00::/8". IPv4 is kept as mapped into IPv6. */
struct network {
    unsigned char bytes[network_bytes];
    unsigned bits; /* so many of them count */
};

/* False: 'text' is none, or has bits set behind its prefix. */
bool network_parse(const char *text, struct network *ret);

/* Whether 'address' is in one of them. False also if it is no address. */
bool network_has(const struct network *networks, size_t len, const char *address);

bool network_holds(const struct network *networks, size_t len,
                   const unsigned char bytes[static network_bytes]);

/*
 * The client of a request that came from 'peer', into 'ret'. 'forwarded' is its X-Forwarded-For, or
 * NULL: each proxy adds the address that it was asked from at the end. So the client is the last
 * one there that is not of 'proxies'; what stands before it, anyone may have written. Only a peer
 * of 'proxies' is believed. What is no address is not looked behind.
 */
void network_client(const struct network *proxies, size_t len, const char *peer,
                    const char *forwarded, char ret[static network_address_size]);

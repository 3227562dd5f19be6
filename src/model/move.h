/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two hosts of a live move say of it. */
#pragma once

#include "base/types.h"
#include "model/limits.h"

enum { move_address_size = 256 };

/* Where a host takes in running VMs: its migration_address, in parts. */
struct move_address {
    char libvirt[move_address_size]; /* URI of the libvirt there */
    char memory[move_address_size];  /* URI for the memory; "": through libvirt's connection */
    bool is_plain;                   /* what goes there may be read on its way */
};

/* False: 'text' is none. It is an address, which stands for its libvirt with TLS, or libvirt's URI,
 * and perhaps one for the memory. What would not be encrypted is refused without a last word
 * "unencrypted". */
bool move_address_parse(const char *text, struct move_address *ret);

/* The host in 'uri', a name or a numeric address without brackets, into 'ret' of
 * move_address_size bytes; false: it names none. */
bool move_uri_host(const char *uri, char *ret);

/* Where libvirt and QEMU look for certificates by themselves: that of the authority whose hosts
 * they trust, and this host's own as the one that is connected to and the one that connects. */
struct move_pki {
    const char *authority; /* what that is called if it is Berth's */
    const char *ca;
    const char *certificates[2], *keys[2];
};
extern const struct move_pki move_pki_libvirt, move_pki_qemu;

/* How far it is: what the hypervisor of the source says. */
struct move_progress {
    uint64_t total_mib; /* memory of the guest; 0: not known, nor is the rest */
    uint64_t left_mib;  /* of it still to be copied, what it changed meanwhile included */
    uint64_t rate_mib_s;
    msec_t pause_ms; /* so long it will stand still at the end, as is expected now */
};

#define INCOMING_LIST(X)                                                                           \
    X(INCOMING_BEGUN, "begun")     /* a copy may exist from now on; it does not run */             \
    X(INCOMING_READY, "ready")     /* and its host lets it in */                                   \
    X(INCOMING_ARRIVED, "arrived") /* it has all of the guest */                                   \
    X(INCOMING_GONE, "gone")       /* there is none, and there never will be of this epoch */
ENUM_DECLARE(incoming, INCOMING_LIST)

/* What the host to which a running VM is handed over says of the copy that it gets. */
struct vm_incoming {
    uint64_t epoch;       /* of the copy */
    uint64_t incarnation; /* of 'node', in which it was begun */
    char node[name_size];
    enum incoming state;
};

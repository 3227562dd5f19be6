/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's hardware on the event loop: a fresh inventory whenever something changed, and dismount
 * and mount without ever blocking the loop. Work happens in helper processes (helper.h); every
 * callback comes on the loop's thread, never from inside a call into this part.
 *
 * Changes are heard from the kernel itself (uevents by netlink: no udevd needed). What makes no
 * event, a process that opens a card, say, is looked for every 'poll_ms'; without netlink every
 * 5 s.
 *
 * An operation that does not end within 'limit_ms' is reported as stuck: it hangs in the kernel and
 * cannot be taken back. The card takes no other operation until it does end, not from this process
 * and not from a later one, and inventories give it the verdict 'stuck'. When it does end, a fresh
 * inventory shows the outcome.
 */
#pragma once

#include "host/inventory.h"

#include <systemd/sd-event.h>

#define HOST_OUTCOME_LIST(X)                                                                       \
    X(HOST_DONE, "done")                                                                           \
    X(HOST_FAILED, "failed")   /* things are as they were, as far as possible; 'err' says why */   \
    X(HOST_STUCK, "stuck")     /* hangs in the kernel, or an earlier one does; 'err' says it */    \
    X(HOST_UNKNOWN, "unknown") /* its helper died; read the inventory, then decide */
ENUM_DECLARE(host_outcome, HOST_OUTCOME_LIST)

struct host_callbacks {
    /* A fresh inventory, lent for the call. Once after host_new(), after every operation, and
     * after host_refresh(), even if nothing changed; else only when it changed. */
    void (*inventory)(void *userdata, const struct node_inventory *inventory);
    /* The inventory could not be read (or reading it hangs). What was reported last stands, but
     * no one knows whether it is still true. It is tried again at the next event or poll. */
    void (*blind)(void *userdata, const struct error *err);
    /* The operation 'id' ended. 'err' is lent; NULL with HOST_DONE. The inventory that shows its
     * outcome comes later. */
    void (*done)(void *userdata, uint64_t id, enum host_outcome outcome, const struct error *err);
};

struct host;

/* Begins to watch. 'config' and 'callbacks' are copied; takes a reference of 'event'.
 * -ENOMEM, or what the system says of descriptors. */
int host_new(sd_event *event, const struct host_config *config,
             const struct host_callbacks *callbacks, void *userdata, struct host **ret,
             struct error *err);

/* Not from a callback. No callback comes afterwards. Does not wait: operations under way end, or
 * hang, by themselves. Returns NULL; accepts NULL. */
struct host *host_free(struct host *host);
CLEANUP_POINTER(struct host, host_free)

/* Which functions that are no GPUs are listed, too, beside those of the config: from the next
 * inventory on. */
void host_watch(struct host *host, const struct pci_address *addresses, size_t len);

/* Asks for an inventory to be read from now on. */
void host_refresh(struct host *host);

/* What the kernel counts of this host now; 0: it does not tell. Does not block. */
struct host_load {
    uint64_t busy_ms; /* of its processors, since it booted */
    uint64_t memory_mib, available_mib;
};
void host_load(const struct host *host, struct host_load *ret);

/* host_gpu_dismount(), host_gpu_mount() and host_gpu_split() of binding.h as operations; 'id' comes
 * back in done(). -EBUSY: another operation on this card is under way. -ENOMEM, -EAGAIN: no
 * process. With an error there is no done(). */
int host_dismount(struct host *host, struct pci_address address, bool force, uint64_t id,
                  struct error *err);
int host_mount(struct host *host, struct pci_address address, uint64_t id, struct error *err);
int host_split(struct host *host, struct pci_address address, uint32_t count, uint64_t id,
               struct error *err);
/* host_vgpu_divide(). */
int host_divide(struct host *host, const struct dismount *division, uint64_t id, struct error *err);
/* host_erase(). */
int host_clean(struct host *host, const struct gpu_slot *slot, const char *command, uint64_t id,
               struct error *err);
/* host_vgpu_make(), and host_vgpu_clear() with the profile "". */
int host_make(struct host *host, const struct gpu_slot *slot, const char *profile, uint64_t id,
              struct error *err);
/* host_fabric_switch(); one at a time. */
int host_fabric(struct host *host, const char *set, bool is_on, uint64_t id, struct error *err);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dismount, mount and split: takes a GPU, with its companions, from the host's driver and binds it
 * to vfio-pci, gives it back, or divides it. Through driver_override, unbind and drivers_probe of
 * sysfs (Documentation/ABI/testing/sysfs-bus-pci of the kernel).
 *
 * All look at the card as it is now, do only what is missing (so they may be repeated) and verify
 * by reading back. A dismount that fails half way puts things back as they were; a mount gives back
 * as much as it can. All may block for as long as a driver likes: src/host/host.h runs them on a
 * helper process with a limit.
 */
#pragma once

#include "host/inventory.h"

/*
 * Afterwards the card at 'address' and all its companions are bound to vfio-pci, or each to the
 * variant of VFIO's drivers that is made for it.
 *
 * -ENODEV   no such card
 * -EBUSY    the host uses it (boot display, console, a process), and not 'force'
 * -EPERM    the survey says that it cannot be assigned; 'err' has the survey's sentence. 'force'
 *           goes past a card in use and one without reset, past nothing else
 * -ENOENT   that driver is not in this kernel, and could not be loaded
 * -EIO      the kernel took the orders but another driver (or none) has the card now
 * others    the kernel's refusal
 */
int host_gpu_dismount(const struct host_config *config, struct pci_address address, bool force,
                      struct error *err);

/*
 * Afterwards no driver of VFIO has the card at 'address' or a companion, or is reserved for it;
 * the host's driver has it if there is one that wants it.
 *
 * -ENODEV as above; -EBUSY if a VM (any process) has the card open: unbinding would wait for its
 * end. Others: the kernel's refusal.
 */
int host_gpu_mount(const struct host_config *config, struct pci_address address, struct error *err);

/*
 * Afterwards the card at 'address' has exactly 'count' virtual functions (SR-IOV), each bound to
 * its driver of VFIO, and is the host's driver's itself, which makes them; with 'count' 0 it has
 * none. A card that was dismounted whole is mounted first.
 *
 * -ENODEV as above
 * -EPERM    its virtual functions are vGPUs, or become some, by its vendor's driver
 * -ERANGE   the card has no SR-IOV, or not so many virtual functions
 * -EBUSY    a VM (any process) has one of those open that would have to go, or the card; the host
 *           uses one of them
 * -ENOENT   as host_gpu_dismount()
 * -EIO      the kernel took the orders but did not carry them out
 * others    the kernel's refusal. If binding fails the virtual functions that were made are removed
 */
int host_gpu_split(const struct host_config *config, struct pci_address address, uint32_t count,
                   struct error *err);

/*
 * Tries whether a card takes all vGPUs of 'division' at a time, in the places that division.h
 * tells: makes them all, and clears them again. Nothing else tells: what a card can take depends on
 * its memory, its mode, and what others made of it.
 *
 * -ENODEV no such card; -ERANGE too few virtual functions; -EBUSY one of the places is in use,
 * or has another type; others: the driver's refusal, with how many it took.
 */
int host_vgpu_divide(const struct host_config *config, const struct dismount *division,
                     struct error *err);

/* Makes the vGPU of 'slot', a new one also if there is one: what that held is gone. The driver's
 * refusal if it has no room, or a VM has it. */
int host_vgpu_make(const struct host_config *config, const struct gpu_slot *slot,
                   const char *profile, struct error *err);

/* Afterwards there is no vGPU in 'slot'. The driver's refusal if a VM has it. */
int host_vgpu_clear(const struct host_config *config, const struct gpu_slot *slot,
                    struct error *err);

/*
 * Runs that one of the config's erasers on the device: as root, with the card's address and, for a
 * partition, its own. It must leave nothing in it that a VM wrote. Which driver has the device
 * afterwards is all the same.
 *
 * -ENOENT this host has no such command; -EPERM others than root could change the program; -EIO it
 * failed: 'err' says how, in its own words; -ETIMEDOUT it did not end in time.
 */
int host_erase(const struct host_config *config, const struct gpu_slot *slot, const char *command,
               struct error *err);

/* Switches a set of the host's fabric on or off, by fabric_helper. -ENOENT, -EPERM, -EIO,
 * -ETIMEDOUT as host_erase(). */
int host_fabric_switch(const struct host_config *config, const char *id, bool is_on,
                       struct error *err);

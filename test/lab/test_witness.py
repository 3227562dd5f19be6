#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts with GPUs and a third machine that only holds the store: any one of the three may be lost."""

import sys
import time

from faults import AFTERMATH_S, VMS, Bed, Witness, lab_with_witness, qemus
from lab import PATIENCE, as_text
from runner import tell
from story import ORDER_LIMIT_S, RESTART, LogWatch, demand

GIVE_UP_S = 120 * PATIENCE
GPUS = 2  # of each host, in the pool

BED = Bed(lab_with_witness, hosts=2)
test = BED.test


def other_than(c, victim):
    return next(host for host in c.hosts if host is not victim)


def holder(c):
    """The machine that only holds the store."""
    return next(host for host in c.lab.hosts if host not in c.hosts)


def taken_over(c, doomed, survivor, watch, witness, lost, victim):
    """After the loss of 'victim': its VMs run on the only other host as far as that has GPUs, and the rest wait."""
    ordered, _ = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
    late, limit = ordered - lost, ORDER_LIMIT_S * c.pace
    tell(f"loss -> restart ordered {late:.1f} s (limit {limit:.0f} s)")
    demand(late <= limit, f"restart ordered {late:.1f} s after the loss, not within {limit:.0f} s")

    def settled():
        vms = [vm for vm in c.items("vm") if vm["name"] in VMS]
        running = [vm["name"] for vm in vms if vm["state"] == "running" and vm["node"] == survivor.name]
        waiting = [vm["name"] for vm in vms if vm["state"] == "waiting"]
        return len(running) == GPUS and len(waiting) == len(VMS) - GPUS and (running, waiting)
    running, waiting = c.until(f"{GPUS} VMs on {survivor.name}, and the rest waits", settled)
    for name in running:
        node, _ = c.prove_alive(name)
        demand(node == survivor.name, f"{name} is on {node}")
        if name in doomed:
            tell(f"{name} alive on {node} {witness.wait_first(name, node) - lost:.1f} s after the loss")
    demand(set(waiting) <= set(doomed), f"{waiting} waits, but only {doomed} were on {victim.name}")


@test
def test_a_host_without_power_is_replaced_by_the_only_other_one_and_VMs_without_room_wait_for_it(c):
    victim, doomed = c.busiest()
    survivor, watch = other_than(c, victim), LogWatch(c.lab)
    with Witness(c.lab) as witness:
        lost = time.monotonic()
        victim.power_off()
        taken_over(c, doomed, survivor, watch, witness, lost, victim)
        victim.power_on()
        victim.wait_boot(1)
        c.until_back(victim)
        for name in VMS:
            c.until_vm(name, "running")
            c.prove_alive(name)
        c.demand_nothing_stale(victim)
    witness.demand_never_two()
    c.prove_single()


@test
def test_without_the_witness_every_VM_runs_on_and_a_host_that_is_then_lost_stops_the_other_safely(c):
    boots, epochs = c.boots(), c.epochs()
    with c.undisturbed():
        holder(c).power_off()
    told = f"{holder(c).address}:2379 does not answer"
    c.until(f"validate says: {told}", lambda: told in as_text(c.any_host().run("berth validate").output))
    victim, _ = c.busiest()
    survivor, watch = other_than(c, victim), LogWatch(c.lab)
    with Witness(c.lab) as witness:
        lost = time.monotonic()
        victim.power_off()
        stopped, _ = watch.wait(f"self-stop {survivor.name}:", GIVE_UP_S, but=(victim.name,))
        c.until("no VM anywhere", lambda: not qemus(survivor), GIVE_UP_S, 0.2)
        tell(f"majority lost -> {survivor.name} ends its VMs {stopped - lost:.1f} s")
        time.sleep(max(0, lost + 2 * AFTERMATH_S * c.pace - time.monotonic()))
        demand(c.boots()[survivor.name] == boots[survivor.name], f"{survivor.name} was reset although it ended its VMs")
        demand(not qemus(survivor), "a VM runs without a store")
        # The witness alone makes a majority with the survivor, which proves the other host gone and takes over.
        watch = LogWatch(c.lab)
        holder(c).power_on()
        holder(c).wait_boot(1)
        c.until(f"{GPUS} VMs on {survivor.name}",
                lambda: sum(vm["state"] == "running" and vm["node"] == survivor.name for vm in c.items("vm")) == GPUS,
                GIVE_UP_S)
        demand(all(c.epochs()[name] > epochs[name] for name in VMS if c.vm(name)["state"] == "running"),
               "a VM runs in an epoch that had ended")
    witness.demand_never_two()


@test
def test_a_host_that_is_cut_off_ends_its_VMs_before_the_only_other_one_starts_them(c):
    victim, doomed = c.busiest()
    survivor, watch, boots = other_than(c, victim), LogWatch(c.lab), c.boots()
    with Witness(c.lab) as witness:
        lost = time.monotonic()
        c.lab.hub.cut(victim.name, "both")
        c.lost.add(victim.name)
        watch.wait(f"self-stop {victim.name}:", GIVE_UP_S)
        taken_over(c, doomed, survivor, watch, witness, lost, victim)
        demand(not qemus(victim), f"a VM lives on {victim.name}")
        demand(c.boots() == boots, "a host was reset although it ended its VMs")
        c.lab.hub.heal()
        c.lost.clear()
        c.until_back(victim)
        c.demand_nothing_stale(victim)
    witness.demand_never_two()
    c.prove_single()


@test
def test_a_witness_that_is_cut_off_and_returns_changes_nothing(c):
    with c.undisturbed():
        c.lab.hub.cut(holder(c).name, "both")
        time.sleep(AFTERMATH_S * c.pace)
        c.lab.hub.heal()


if __name__ == "__main__":
    sys.exit(BED.main())

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What administrators do to real servers: hosts whose process 1 is systemd, with Debian's units of libvirt and Berth's
own, installed as they are. Orders of units, cgroups and scopes, logind and D-Bus are real here."""

import re
import sys
import time
from pathlib import Path

import story
from faults import AFTERMATH_S, Bed, Witness
from lab import PATIENCE, Lab
from runner import tell
from story import FORMED, LogWatch, demand

DATA = Path(__file__).resolve().parents[2] / "data"
GIVE_UP_S = 120 * PATIENCE
STOP_S = 5  # beyond what the guest takes to stop: until its VM is ordered elsewhere, where it boots


def payload():
    """The story's, with Berth's units; and hosts that are named as their systems are."""
    built = story.payload()
    for name in ("berthd", "berth-api", "berth-shutdown"):
        unit = (DATA / f"{name}.service.in").read_text()
        built.files[f"units/{name}.service"] = unit.replace("@sbindir@", "/payload/bin")
    built.files["units/berthd.lab"] = (f"ExecStartPre=/bin/sh -c 'until [ -e {FORMED} ]; do sleep 0.2; done'\n"
                                       "TimeoutStartSec=infinity\n")
    config = built.files["etc/berth/berth.conf"]
    built.files["etc/berth/berth.conf"] = config.replace("node = @node@\n", "")
    return built


BED = Bed(lambda: Lab(nodes=3, payload=payload(), quiet=True, is_systemd=True))
test, matrix = BED.test, BED.matrix


def wait_off(host):
    end = time.monotonic() + GIVE_UP_S
    while host.is_on:
        demand(time.monotonic() < end, f"{host.name} is still on\n{host.console()[-2000:]}")
        time.sleep(0.05)


def goes_down(c, witness, victim, doomed, verb):
    """Orders 'systemctl VERB' on 'victim': its VMs live elsewhere before it is off, each ordered there within the time
    that its guest takes to stop and STOP_S."""
    c.lost.add(victim.name)
    begun, left = time.monotonic(), {}

    def all_left():
        places, now = c.places(), time.monotonic()
        left.update({name: now for name in doomed if places[name] != victim.name and name not in left})
        return len(left) == len(doomed)
    victim.run(f"systemctl --no-block {verb}")
    c.until(f"{doomed} leave", all_left, GIVE_UP_S, 0.1)
    for name in doomed:
        waited = left[name] - witness.last(name, victim.name)
        demand(waited <= STOP_S * c.pace, f"{name} was ordered elsewhere {waited:.1f} s after its guest had stopped")
        node, _ = c.prove_alive(name)
        tell(f"{verb} -> {name} ordered elsewhere {waited:.1f} s after it stopped, alive on {node} "
             f"{time.monotonic() - begun:.1f} s after the order")


def told_of(c, node):
    """What became of it, without the beginning: joined, surveyed."""
    text = c.berth(f"events --subject {node}")
    return text[text.index("is being shut down"):]


@matrix
def test_a_host_that_is_powered_off_moves_its_VMs_before_and_is_never_fenced(c):
    victim, doomed = c.busiest()
    with Witness(c.lab) as witness:
        goes_down(c, witness, victim, doomed, "poweroff")
        wait_off(victim)
        time.sleep(AFTERMATH_S * c.pace)
    witness.demand_never_two()
    told = told_of(c, victim.name)
    demand("was shut down; no VM runs there" in told and "proven off" not in told, told)
    demand(c.node(victim.name)["state"] == "shut-down", f"it is {c.node(victim.name)['state']}")
    c.prove_single()


@test
def test_a_host_that_reboots_moves_its_VMs_before_and_comes_back(c):
    victim, doomed = c.busiest()
    boots = len(victim.shell.boots)
    with Witness(c.lab) as witness:
        goes_down(c, witness, victim, doomed, "reboot")
        victim.wait_boot(boots + 1)
        c.lost.clear()
        c.until_back(victim)
    witness.demand_never_two()
    demand("proven off" not in told_of(c, victim.name), "it was fenced")
    demand(c.node(victim.name)["state"] == "up", f"it is {c.node(victim.name)}")


@matrix
def test_a_host_that_is_renamed_keeps_its_VMs_and_its_name_until_it_boots(c):
    host, _ = c.busiest()
    daemon = "systemctl show -P MainPID berthd"
    before = host.sh(daemon)
    with c.undisturbed():
        host.sh("hostnamectl set-hostname renamed && systemctl restart berthd berth-api")
        c.until(f"{host.name} rejoins", lambda: "node-rejoined" in c.berth(f"events --subject {host.name} -o json"), GIVE_UP_S)
    demand(host.sh(daemon) != before, "berthd is the one it was")
    c.until_up()
    demand(c.check_holds("host-name", host.name) is False, "nobody says what to do before the next boot")
    demand([node["name"] for node in c.items("node")] == [h.name for h in c.lab.hosts], "there is another node")
    host.sh(f"hostnamectl set-hostname {host.name} && systemctl restart berthd berth-api")
    c.until_up()
    c.prove_single()


@matrix
def test_power_lost_in_the_middle_of_a_shutdown_is_a_host_failure(c):
    c.add_vm("deaf", options="--offline-action shutdown --offline-timeout 60", no_shutdown=True)
    c.berth("vm start deaf --wait-for-gpu")
    victim = c.lab.host(c.prove_alive("deaf")[0])
    c.lost.add(victim.name)
    watch = LogWatch(c.lab)
    with Witness(c.lab) as witness:
        victim.run("systemctl --no-block poweroff")
        watch.wait("vm-moving deaf:", GIVE_UP_S)
        victim.power_off()
        _, proven = watch.wait(f"node-off {victim.name}:", GIVE_UP_S, but=(victim.name,))
        _, placed = watch.wait("vm-placed deaf:", GIVE_UP_S, but=(victim.name,))
        demand(c.prove_alive("deaf")[0] != victim.name, "it is where it was")
        # Both are the coordinator's, in seconds since its boot.
        at = [float(re.search(r"\[ *([0-9.]+)\]", line)[1]) for line in (proven, placed)]
        demand(at[0] <= at[1], f"it was placed before its host was proven off:\n{placed}\n{proven}")
    witness.demand_never_two()


if __name__ == "__main__":
    sys.exit(BED.main())

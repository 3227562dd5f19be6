#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must hold when things break, on three emulated hosts with the real programs. Each test breaks one thing, and what
it broke is mended before it ends. What is claimed of a VM is read from outside: from its GPU's memory and from process
lists."""

import contextlib
import json
import re
import sys
import time
from pathlib import Path

from browser import Watcher
from domain import domain_xml, hostdev_xml
from faults import AFTERMATH_S, VMS, Bed, Witness, pid_of, qemus
from lab import PATIENCE, as_text
from runner import tell
from story import POOL, RESTART, Console, LogWatch, demand

HOOK = Path(__file__).resolve().parents[2] / "data/libvirt-hook"
SELF_STOP_S = 8  # by then a host that ends its VMs itself has done so, or its watchdog has
GIVE_UP_S = 120 * PATIENCE


BED = Bed()
test, matrix = BED.test, BED.matrix


# What dies alone.


def end_service(host, service):
    before = pid_of(host, service)
    host.sh(f"kill {before}")
    host.wait_until(f"[ $(cat /run/lab/pid/{service}) != {before} ]")


def end_daemon(c, service, signal, hosts=None):
    """Ends it on all hosts at once, or on some; until each is another process."""
    hosts = hosts or c.lab.hosts
    before = {host.name: pid_of(host, service) for host in hosts}
    for host in hosts:
        host.sh(f"kill -{signal} {before[host.name]}")
    for host in hosts:
        host.wait_until(f"[ $(cat /run/lab/pid/{service}) != {before[host.name]} ]")


@test
def test_berthd_killed_on_all_hosts_adopts_its_VMs_and_nothing_restarts(c):
    watch = LogWatch(c.lab)
    with c.undisturbed():
        end_daemon(c, "berthd", "KILL")
        for host in c.lab.hosts:
            watch.wait(f"node-rejoined {host.name}:", GIVE_UP_S)
    c.until_up()


@matrix
def test_berthd_stopped_orderly_and_started_again_adopts_its_VMs_and_nothing_restarts(c):
    watch = LogWatch(c.lab)
    with c.undisturbed():
        end_daemon(c, "berthd", "TERM")
        for host in c.lab.hosts:
            watch.wait(f"node-rejoined {host.name}:", GIVE_UP_S)
    c.until_up()


@matrix
def test_berth_api_killed_changes_nothing(c):
    agents = {host.name: pid_of(host, "berthd") for host in c.lab.hosts}
    with c.undisturbed():
        end_daemon(c, "berth-api", "KILL")
        c.until("the API answers again", lambda: c.ask("status"))
    demand(agents == {host.name: pid_of(host, "berthd") for host in c.lab.hosts}, "berthd was started anew")


# What is cut off.


def isolate(c, direction):
    victim, doomed = c.busiest()
    before, boots = c.node(victim.name)["incarnation"], c.boots()
    watch = LogWatch(c.lab)
    with Witness(c.lab) as witness:
        cut = time.monotonic()
        c.lab.hub.cut(victim.name, direction)
        c.lost.add(victim.name)
        stopped, _ = watch.wait(f"self-stop {victim.name}:", GIVE_UP_S)
        c.until("its VMs ended", lambda: not qemus(victim), GIVE_UP_S, 0.1)
        ended = time.monotonic()
        ordered, line = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
        demand(not qemus(victim), f"a VM lives on {victim.name} while {line}")
        for name in doomed:
            last = witness.last(name, victim.name)
            demand(last < ordered, f"{name} was alive on {victim.name} {last - ordered:.1f} s after: {line}")
            node, _ = c.prove_alive(name)
            demand(node != victim.name, f"{name} came back on {node}")
            gap = witness.wait_first(name, node) - last
            tell(f"{name}: last alive on {victim.name}, {gap:.1f} s nowhere, then on {node}")
            demand(gap > 0, f"{name} lived on both")
        tell(f"cut -> self-stop {stopped - cut:.1f} s, VMs gone {ended - cut:.1f} s, "
             f"restart ordered {ordered - cut:.1f} s")
        time.sleep(max(0, cut + AFTERMATH_S * c.pace - time.monotonic()))
        demand(c.boots() == boots, f"{victim.name} was reset although it ended its VMs")
        epochs = c.epochs()
        c.lab.hub.heal()
        c.lost.clear()
        c.until_back(victim)
        demand(c.node(victim.name)["incarnation"] > before, "it came back in its old incarnation")
        time.sleep(2)  # what it might start wrongly
        c.demand_nothing_stale(victim)
        demand(c.epochs() == epochs, f"epochs were {epochs}, are {c.epochs()}")
    demand(c.boots() == boots, "a host was reset")
    witness.demand_never_two()
    c.prove_single()


@test
def test_an_isolated_host_ends_its_VMs_before_they_start_elsewhere_and_comes_back_empty(c):
    isolate(c, "both")


@matrix
def test_a_host_that_hears_nothing_ends_its_VMs_before_they_start_elsewhere(c):
    isolate(c, "in")


@matrix
def test_a_host_that_no_one_hears_ends_its_VMs_before_they_start_elsewhere(c):
    isolate(c, "out")


# What hangs.


@test
def test_a_host_whose_berthd_is_frozen_is_reset_by_its_watchdog_before_its_VMs_start_elsewhere(c):
    victim, doomed = c.busiest()
    boots, watch = len(victim.shell.boots), LogWatch(c.lab)
    with Witness(c.lab) as witness:
        frozen = time.monotonic()
        victim.stall_service("berthd")
        c.lost.add(victim.name)
        ordered, line = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
        event = victim.qmp.wait_event("WATCHDOG", 1, frozen)
        demand(event, f"no reset by the watchdog, yet {line}")
        tell(f"frozen -> reset {event[0] - frozen:.1f} s, restart ordered {ordered - frozen:.1f} s")
        demand(event[0] <= ordered, "it was reset only after the VMs were ordered elsewhere")
        for name in doomed:
            # On a slow machine the victim may long be back, and have the room.
            node, _ = c.prove_alive(name)
            demand(node != victim.name or len(victim.shell.boots) > boots, f"{name} came back on {node}")
        victim.wait_boot(boots + 1)
        c.until_back(victim)
        c.demand_nothing_stale(victim)
    witness.demand_never_two()
    c.prove_single()


# What is lost at once.


def lead_store(c, host):
    """Makes the store's member on 'host' its leader."""
    every = ",".join(f"http://{h.address}:2379" for h in c.lab.hosts)
    status = json.loads(host.sh(f"etcdctl endpoint status -w json --endpoints={every}"))
    ids = {item["Endpoint"]: item["Status"]["header"]["member_id"] for item in status}
    mine, leader = ids[f"http://{host.address}:2379"], status[0]["Status"]["leader"]
    if mine != leader:
        endpoint = next(endpoint for endpoint, member in ids.items() if member == leader)
        host.sh(f"etcdctl move-leader {mine:x} --endpoints={endpoint}")


@test
def test_the_loss_of_coordinator_and_store_leader_at_once_delays_no_restart(c):
    victim = c.coordinator()
    if victim.name not in c.places().values():
        c.berth(f"vm move {VMS[0]} {victim.name}")
    doomed = [name for name, node in c.places().items() if node == victim.name]
    c.until(f"{victim.name} leads the store", lambda: lead_store(c, victim) or True)
    demand(c.coordinator() is victim, "the coordinator changed")
    watch = LogWatch(c.lab)
    with Witness(c.lab) as witness:
        lost = time.monotonic()
        victim.power_off()
        noticed, _ = watch.wait(r"coordinator \S+: ", GIVE_UP_S, but=(victim.name,))
        ordered, _ = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
        for name in doomed:
            node, _ = c.prove_alive(name)
            demand(node != victim.name, f"{name} came back on {node}")
        tell(f"loss -> new coordinator {noticed - lost:.1f} s, restart ordered {ordered - lost:.1f} s, "
             f"all alive {time.monotonic() - lost:.1f} s")
    witness.demand_never_two()
    c.prove_single()


@test
def test_without_a_store_hosts_end_their_VMs_and_stay_up_and_all_returns_with_it(c):
    boots, epochs = c.boots(), c.epochs()
    watch = LogWatch(c.lab)
    lost = time.monotonic()
    for host in c.lab.hosts[1:]:
        host.hold_service("etcd")
    for host in c.lab.hosts:
        at, _ = watch.wait(f"self-stop {host.name}:", GIVE_UP_S)
        tell(f"store lost -> {host.name} ends its VMs {at - lost:.1f} s")
    c.until("no VM anywhere", lambda: not c.processes(), GIVE_UP_S, 0.2)
    text = c.berth("status")
    demand("old" in text, f"status does not say that it may be old:\n{text}")
    no = c.refused(f"vm stop {VMS[0]}", "etcd", "nothing was changed", code=4)
    tell(no)
    time.sleep(max(0, lost + 2 * AFTERMATH_S * c.pace - time.monotonic()))
    demand(c.boots() == boots, "a host was reset although it ended its VMs")
    demand(not c.processes(), "a VM runs without a store")
    for host in c.lab.hosts[1:]:
        host.release_service("etcd")
    c.until_up()
    for name in VMS:
        c.until_vm(name, "running")
        c.prove_alive(name)
    c.prove_single()
    demand(all(c.epochs()[name] > epochs[name] for name in VMS), "a VM runs in an epoch that had ended")
    demand(c.boots() == boots, "a host was reset")


# The hypervisor.


@matrix
def test_libvirtd_killed_leaves_every_VM_running(c):
    agents = {host.name: pid_of(host, "berthd") for host in c.lab.hosts}
    with c.undisturbed():
        end_daemon(c, "libvirtd", "KILL")
    for host in c.lab.hosts:
        c.until_hypervisor(host)
    demand(agents == {host.name: pid_of(host, "berthd") for host in c.lab.hosts}, "berthd was started anew")
    host, names = c.busiest()
    c.berth(f"vm stop {names[0]}")
    demand(names[0] not in qemus(host), "a stop was reported, but it runs")


def examined(c):
    """What `berth validate` says: {(subject, check): (result, text)}."""
    report = json.loads(c.any_host().run("berth validate -o json", GIVE_UP_S, b"").output)
    return {(check["subject"], check["check"]): (check["result"], check["text"])
            for group in report["groups"] for check in group["checks"]}


@matrix
def test_validate_tells_of_real_hosts_what_is_right_and_of_a_broken_one_what_is_not(c):
    told = examined(c)
    for host in c.lab.hosts:
        for check in ("heartbeat", "iommu", "interrupt-remapping", "vfio-pci", "hypervisor", "watchdog", "disks"):
            demand(told[host.name, check][0] == "ok", f"{check} of {host.name}: {told[host.name, check]}")
        has_kvm = host.run("test -e /dev/kvm").status == 0
        demand(told[host.name, "kvm"][0] == ("ok" if has_kvm else "warning"), f"{told[host.name, 'kvm']}")
    demand("[1234:1111]" in told[POOL, "model"][1] and told[POOL, "hosts"][0] == "ok", f"{told[POOL, 'model']}")
    victim, other = c.lab.hosts[1], c.lab.hosts[2]
    victim.hold_service("libvirtd")
    c.until("libvirtd's end is told", lambda: examined(c)[victim.name, "hypervisor"][0] == "failed")
    c.lost.add(other.name)
    other.power_off()
    c.until("the host's end is told", lambda: examined(c)[other.name, "heartbeat"][0] == "failed")
    demand((other.name, "hypervisor") not in examined(c), f"of a dead host it tells what was: {examined(c)}")
    # Not before its VMs run on the last sound host, which may have had none.
    c.until("another loss is told to be one too many", lambda: examined(c)["", "survival"][0] != "ok")


def takes_no_new_vm(c, check, harm, mend, why):
    """A host that says of itself that 'check' does not hold, after 'harm', keeps its VMs and gets no new one, until 'mend'."""
    victim = c.with_room()
    agents = {host.name: pid_of(host, "berthd") for host in c.lab.hosts}
    begun = time.monotonic()
    with c.undisturbed(but=("extra", "pinned")):
        harm(victim)
        c.until(f"{victim.name} notices", lambda: not c.check_holds(check, victim.name))
        tell(f"broken -> noticed {time.monotonic() - begun:.1f} s")
        c.add_vm("extra")
        c.berth("vm start extra --wait-for-gpu")
        node, _ = c.prove_alive("extra")
        demand(node != victim.name, f"a VM was started on {victim.name}")
        c.add_vm("pinned", options=f"--owner {victim.name}")
        tell(c.refused("vm start pinned", why, victim.name, code=1))
    mend(victim)
    c.until_vm("pinned", "running")
    demand(c.prove_alive("pinned")[0] == victim.name, "it is elsewhere")
    demand(agents == {host.name: pid_of(host, "berthd") for host in c.lab.hosts}, "berthd was started anew")


@test
def test_a_host_whose_libvirtd_hangs_keeps_its_VMs_and_gets_no_new_one(c):
    takes_no_new_vm(c, "hypervisor", lambda host: host.stall_service("libvirtd"),
                    lambda host: host.stall_service("libvirtd", False), "hypervisor")


@matrix
def test_a_host_whose_disk_is_full_keeps_its_VMs_and_gets_no_new_one(c):
    logs = "/var/log/libvirt"
    takes_no_new_vm(c, "space", lambda host: host.sh(f"mount -t tmpfs -o size=4k full {logs}"),
                    lambda host: host.sh(f"umount {logs}"), f"full at {logs}")


FROZEN = "/run/frozen"


@matrix
def test_a_QEMU_that_SIGKILL_does_not_end_is_told_and_its_VM_starts_nowhere_until_it_has_gone(c):
    """It writes what its guest says to a file system that is frozen: no signal ends it."""
    host = c.with_room()
    host.sh(f"modprobe loop && dd if=/dev/zero of={FROZEN}.img bs=1M count=4 && mke2fs -F {FROZEN}.img && "
            f"mkdir {FROZEN} && mount -o loop {FROZEN}.img {FROZEN}")
    c.add_vm("stuck", options=f"--preferred {host.name}", serial=f"{FROZEN}/stuck.log")
    c.berth("vm start stuck --wait-for-gpu")
    (_, slot), = c.prove_alive("stuck")[1]
    demand(c.vm("stuck")["node"] == host.name, f"it is on {c.vm('stuck')['node']}")
    process = qemus(host)["stuck"]
    try:
        with c.undisturbed(but=("stuck",)):
            host.sh(f"fsfreeze --freeze {FROZEN}")
            asked = time.monotonic()
            no = c.refused("vm stop --force stuck --timeout 90", "hangs in the kernel")
            tell(f"not stopped, and told after {time.monotonic() - asked:.1f} s: {no}")
            tell(c.refused("problems", "stuck", f"0000:0{slot}:00.0", code=1))
            end_daemon(c, "berthd", "KILL", [host])
            c.until("the next berthd knows it, too", lambda: "hangs in the kernel" in c.refused("problems", code=1))
            c.berth("vm start stuck --no-wait")
        where = [each.name for each in c.hosts if "stuck" in qemus(each)]
        demand(where == [host.name] and qemus(host)["stuck"] == process, f"it runs on {where}, and has not ended")
    finally:
        host.sh(f"fsfreeze --unfreeze {FROZEN}")
    c.until("it has ended and was started again", lambda: c.vm("stuck")["state"] == "running" and
            process not in qemus(host).values(), GIVE_UP_S)
    c.prove_alive("stuck")
    c.until("its GPU can be used again", lambda: not [gpu for gpu in c.items("gpu") if gpu["state"] == "quarantined"])


@matrix
def test_a_VM_that_two_hosts_cannot_start_runs_on_the_third(c):
    """Its disk is on one host only, as after somebody forgot to put it on shared storage."""
    host, file = c.lab.hosts[2], "/var/tmp/only-here.img"
    host.sh(f"dd if=/dev/zero of={file} bs=1M count=1")
    disk = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{file}'/>"
            "<target dev='vda' bus='virtio'/></disk>")
    options = f"--preferred {c.lab.hosts[0].name} --preferred {c.lab.hosts[1].name}"
    c.add_vm("local", gpus=0, options=options, hostdevs=disk)
    c.berth("vm start local --no-wait")
    c.until("it runs where its disk is", lambda: c.vm("local")["state"] == "running", GIVE_UP_S)
    demand(c.vm("local")["node"] == host.name, f"it is on {c.vm('local')['node']}")
    tell(c.berth("events --subject local"))
    tried = set(re.findall(r"local (?:failed|ended|did not start) on (node\d)", c.berth("events --subject local")))
    demand(tried == {"node1", "node2"}, f"it was tried on {tried}")


# What people do.


def bad_input(c):
    """(what follows berth, what is given, exit code, parts of the answer)"""
    gpus = c.items("gpu")
    shared = next(gpu for gpu in gpus if gpu["node"] == "node3" and gpu["verdict"] == "shared-group")
    used = next(gpu for gpu in gpus if gpu["node"] == "node1" and gpu["address"] == "0000:00:01.0")
    member = next(gpu for gpu in gpus if gpu.get("vm") == VMS[0])
    long = "x" * 300
    with_gpu = domain_xml("smuggler", hostdevs=hostdev_xml("0000:01:00.0"))
    return (
        ("vm add -", "this is no XML", 1, ("XML",)),
        ("vm add -", "<network><name>net</name></network>", 1, ("domain",)),
        ("vm add -", "", 1, ("empty",)),
        ("vm add -", with_gpu, 1, ("hostdev",)),
        ("vm add -", domain_xml(VMS[0]), 1, (VMS[0], "already")),
        ("vm add - --name a/b", domain_xml("c"), 1, ("a/b", "letters")),
        (f"vm add - --name {long}", domain_xml("c"), 1, ("300",)),
        ("vm add - --name ../../leader", domain_xml("c"), 1, ("letters",)),
        ("vm add - --need NoSuchPool", domain_xml("c"), 3, ("NoSuchPool",)),
        ("vm add /no/such/file.xml", "", 1, ("/no/such/file.xml",)),
        ("vm start nobody", "", 3, ("nobody",)),
        ("vm start a/b", "", 1, ("letters",)),
        (f"vm show {long}", "", 1, ("300",)),
        (f"vm assign {VMS[0]} NoSuchPool", "", 1, ("stop",)),
        ("vm assign poolless NoSuchPool", "", 3, ("NoSuchPool",)),
        (f"vm assign {VMS[0]} {POOL}", "", 1, ("vm stop",)),
        ("vm assign poolless", "", 2, ("POOL",)),
        (f"vm move {VMS[0]} node9", "", 3, ("node9",)),
        (f"vm rm {VMS[0]}", "", 1, ("vm stop",)),
        (f"vm set {VMS[0]} --offline-action perhaps", "", 1, ("offline_action",)),
        (f"vm set {VMS[0]} --owner node9", "", 3, ("node9",)),
        ("node drain node9", "", 3, ("node9",)),
        ("node confirm-off node1 --yes", "", 1, ("node1",)),
        ("gpu dismount node9 0000:01:00.0", "", 3, ("node9",)),
        ("gpu dismount node1 0000:77:00.0", "", 3, ("0000:77:00.0",)),
        (f"gpu dismount node1 {used['address']}", "", 1, (used["address"],)),
        (f"gpu dismount node3 {shared['address']}", "", 1, (shared["address"], "group")),
        (f"gpu mount {member['node']} {member['address']}", "", 1, ("pool remove",)),
        ("pool add NoSuchPool node1/0000:01:00.0", "", 3, ("NoSuchPool",)),
        (f"pool add {POOL} node3/{shared['address']}", "", 1, (shared["address"],)),
        ("pool create a/b", "", 1, ("letters",)),
        (f"pool create {long}", "", 1, ("300",)),
        (f"pool create {POOL}", "", 1, ("already",)),
        (f"pool rm {POOL}", "", 1, ("unassign",)),
        ("pool rm NoSuchPool", "", 3, ("NoSuchPool",)),
        (f"pool remove {POOL} {member['node']}/{member['address']}", "", 1, ("vm stop",)),
        ("cluster set heartbeat_ms=-1", "", 1, ("heartbeat_ms",)),
        ("cluster set watchdog_ms=60000", "", 1, ("takeover_ms",)),
        ("vm", "", 2, ()),
        ("frobnicate", "", 2, ()),
    )


def specs(c):
    """What people have ordered, and what became of the VMs."""
    return {key: value for key, value in c.records().items()
            if key.startswith(("/berth/want/", "/berth/order/vms/", "/berth/seen/vms/"))}


@test
def test_bad_input_is_refused_with_what_to_do_and_changes_nothing(c):
    c.berth("vm add -", given=domain_xml("poolless").encode())
    before = specs(c)
    daemons = [(host.name, service, pid_of(host, service)) for host in c.lab.hosts
               for service in ("berthd", "berth-api", "libvirtd", "etcd")]
    wrong = []
    for words, given, code, parts in bad_input(c):
        try:
            no = c.refused(words, *parts, given=given.encode(), code=code)
            tell(no.replace("x" * 300, "xxx...")[:300])
        except AssertionError as problem:
            wrong.append(str(problem))
    demand(not wrong, "\n".join(wrong))
    now = specs(c)
    demand(now == before, f"changed: {[key for key in now | before if now.get(key) != before.get(key)]}")
    demand(daemons == [(host, service, pid_of(c.lab.host(host), service)) for host, service, _ in daemons],
           "a daemon was started anew")


@matrix
def test_a_guest_that_ignores_its_power_button_runs_on_under_shutdown_and_is_off_at_the_limit_under_force_shutdown(c):
    c.add_vm("deaf", options="--offline-action shutdown --offline-timeout 3", no_shutdown=True)
    c.berth("vm start deaf --wait-for-gpu")
    c.prove_alive("deaf")
    no = c.refused("vm stop deaf --timeout 8", "deaf", code=5)
    tell(no)
    c.prove_alive("deaf")
    told = c.berth("events --subject deaf")
    demand("did not stop within its time limit" in told, f"nobody is told:\n{told}")
    c.berth("vm start deaf --wait-for-gpu")
    c.berth("vm set deaf --offline-action force-shutdown --offline-timeout 4")
    asked = time.monotonic()
    c.berth("vm stop deaf")
    tell(f"force-shutdown with 4 s took {time.monotonic() - asked:.1f} s")
    demand(time.monotonic() - asked >= 4, "it was turned off before its time")
    demand("deaf" not in {name for _, name in c.processes()}, "a stop was reported, but it runs")


# What people see.


@matrix
def test_a_browser_watches_a_host_die_and_its_VM_come_back(c):
    victim, doomed = c.busiest()
    bystander = next(host for host in c.lab.hosts if host is not victim)
    password = c.add_user("watcher")
    with Watcher(Console(bystander).url, "watcher", password, doomed[0], victim.name) as watcher:
        watcher.wait("watching")
        lost = time.monotonic()
        victim.power_off()
        gone, state = watcher.wait("gone")
        back, where = watcher.wait("back")
        watcher.wait("ended")
    tell(f"loss -> the map says {state!r} {gone - lost:.1f} s, and {doomed[0]} on {where!r} {back - lost:.1f} s")
    node, _ = c.prove_alive(doomed[0])
    demand(where == f"Server {node}", f"the map showed {doomed[0]} on {where}, but it is on {node}")


# Power fencing, as on real servers: Debian's fence_ipmilan asks the management controllers.


def agent(c, host, **options):
    """Options of 'berth node set' for the controller of a host; 'options' replace what is right."""
    given = c.lab.controllers[host.name].agent_options(**{"power_timeout": "90"} | options)
    return "--agent fence_ipmilan " + " ".join(f"--param {name}={value}" for name, value in given.items())


def by_power(c, host, *agents):
    c.berth(f"node set {host.name} --fencing power {' '.join(agents or [agent(c, host)])}")
    c.until("its watchdog let go", lambda: not c.node(host.name)["watchdog_armed"])


@test
def test_under_power_fencing_an_isolated_host_keeps_its_VMs_until_it_is_turned_off(c):
    victim, doomed = c.busiest()
    by_power(c, victim)
    c.lab.power.faults[victim.name] = 9 * c.pace  # seconds more: well past any self-stop
    watch = LogWatch(c.lab)
    with Witness(c.lab) as witness:
        cut = time.monotonic()
        c.lab.hub.cut(victim.name)
        c.lost.add(victim.name)
        asked, _ = watch.wait(f"power-fencing {victim.name}:", GIVE_UP_S, but=(victim.name,))
        c.until("it is turned off", lambda: not victim.is_on, GIVE_UP_S, 0.05)
        off = time.monotonic()
        ordered, _ = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
        tell(f"cut -> agent {asked - cut:.1f} s, off {off - cut:.1f} s, restart ordered {ordered - cut:.1f} s")
        for name in doomed:
            node, _ = c.prove_alive(name)
            demand(node != victim.name, f"{name} came back on {node}")
            last = witness.last(name, victim.name)
            demand(last > cut + SELF_STOP_S * c.pace, f"{name} ended {off - last:.1f} s before its host was turned off")
            demand(witness.wait_first(name, node) > off, f"{name} lived elsewhere before")
    demand(("off", victim.name) in [(action, node) for _, action, node in c.lab.power.asked], "nobody asked the agent")
    witness.demand_never_two()
    c.prove_single()


@matrix
def test_with_a_management_controller_that_lies_VMs_wait_until_an_administrator_confirms(c):
    """It takes each order and says that the host is on: no proof. Later it loses its own power with its host's."""
    victim, doomed = c.busiest()
    by_power(c, victim, agent(c, victim, power_timeout="5"))
    c.lab.power.faults[victim.name] = "lies"
    epochs, watch = c.epochs(), LogWatch(c.lab)
    victim.power_off()
    c.lost.add(victim.name)
    _, line = watch.wait(f"power-fencing-failed {victim.name}:", GIVE_UP_S)
    demand(f"confirm-off {victim.name}" in line, f"it does not say what to do: {line}")
    c.lab.power.faults[victim.name] = "dead"
    time.sleep(AFTERMATH_S * c.pace)
    demand(c.epochs() == epochs, "a VM was started although nothing proves that it is off elsewhere")
    tell(c.berth("node ls") + "\n" + c.berth("vm ls") + "\n" + c.berth(f"vm explain {doomed[0]}"))
    c.refused(f"node confirm-off {victim.name}", "--yes", code=1)
    confirmed = time.monotonic()
    c.berth(f"node confirm-off {victim.name} --yes")
    for name in doomed:
        node, _ = c.prove_alive(name)
        demand(node != victim.name, f"{name} came back on {node}")
    tell(f"confirmed -> all alive elsewhere {time.monotonic() - confirmed:.1f} s")
    c.prove_single()


def second_turns_off(c, **wrong):
    """By power, with two levels; the first one is given what is wrong."""
    victim, doomed = c.busiest()
    by_power(c, victim, agent(c, victim, **wrong), agent(c, victim))
    watch = LogWatch(c.lab)
    with Witness(c.lab) as witness:
        c.lab.hub.cut(victim.name)
        c.lost.add(victim.name)
        cut = time.monotonic()
        ordered, _ = watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
        demand(not victim.is_on, "a restart was ordered, but the host is on")
        for name in doomed:
            demand(c.prove_alive(name)[0] != victim.name, f"{name} came back")
        tell(f"cut -> level 1 failed, level 2 off, restart ordered {ordered - cut:.1f} s")
    witness.demand_never_two()
    c.prove_single()


@matrix
def test_when_the_first_fence_agent_fails_the_second_turns_the_host_off(c):
    """The first asks with a wrong password, as after somebody changed it at the controller."""
    second_turns_off(c, password="changed")


@matrix
def test_when_no_one_answers_the_first_fence_agent_the_second_turns_the_host_off(c):
    """There is nothing at the first one's address, as after the management network lost a switch."""
    second_turns_off(c, ip="10.77.0.250")


@matrix
def test_a_disarmed_cluster_fences_no_host_and_restarts_nothing_until_it_is_armed(c):
    victim, doomed = c.busiest()
    by_power(c, victim)  # of a host that dies meanwhile nothing else proves that it is off (docs/SAFETY.md)
    epochs, watch = c.epochs(), LogWatch(c.lab)
    c.berth("cluster disarm --for 30m")
    c.until("no watchdog could reset a host", lambda: not any(node["watchdog_armed"] for node in c.items("node")))
    victim.power_off()
    c.lost.add(victim.name)
    time.sleep(AFTERMATH_S * c.pace)
    demand(c.epochs() == epochs, "a VM was started although the cluster is disarmed")
    demand(c.node(victim.name)["state"] != "fenced", "a host was fenced although the cluster is disarmed")
    tell(c.refused("problems", "disarmed", code=1))
    armed = time.monotonic()
    c.berth("cluster arm")
    watch.wait(RESTART, GIVE_UP_S, but=(victim.name,))
    for name in doomed:
        demand(c.prove_alive(name)[0] != victim.name, f"{name} is on the host without power")
    tell(f"armed -> all alive elsewhere {time.monotonic() - armed:.1f} s")
    c.prove_single()


# Drain.


@matrix
def test_a_VM_without_another_place_runs_on_through_a_drain_and_stops_by_force(c):
    host = c.with_room()
    c.add_vm("pinned", options=f"--owner {host.name}")
    c.berth("vm start pinned --wait-for-gpu")
    c.prove_alive("pinned")
    no = c.refused(f"node drain {host.name}", "pinned", "keeps running", "--force", code=1)
    tell(no)
    c.prove_alive("pinned")
    demand(c.node(host.name)["state"] == "draining", f"it is {c.node(host.name)['state']}")
    demand(set(qemus(host)) == {"pinned"}, f"{host.name} runs {qemus(host)}")
    tell(c.berth(f"node drain {host.name} --force"))
    c.until(f"{host.name} drained", lambda: c.node(host.name)["state"] == "drained")
    demand(not qemus(host), f"{host.name} still runs VMs")
    demand(c.vm("pinned")["state"] == "waiting", f"it is {c.vm('pinned')['state']}")
    c.berth(f"node resume {host.name}")
    c.until_vm("pinned", "running")
    demand(c.prove_alive("pinned")[0] == host.name, "it is elsewhere")


# Between two VMs.

# As a vendor's tool would: what lies where guests leave their tags (domain.py) is overwritten. Decoding is left on, so
# that the outside can read the card.
WIPE = """#!/bin/sh
set -e
device=/sys/bus/pci/devices/$1
echo on > $device/power/control
printf '\\2' | dd of=$device/config bs=1 seek=4 conv=notrunc 2> /dev/null
set -- $(head -n 1 $device/resource)
for offset in 0 4 8 12; do devmem $(($1 + offset)) 32 0; done
"""


@contextlib.contextmanager
def erased_after_use(c, wipe):
    for host in c.lab.hosts:
        host.put("/run/wipe", wipe, mode=0o700)
        host.sh("echo 'erase_commands = wipe=/run/wipe' >> /etc/berth/berth.conf")
        end_service(host, "berthd")
    c.until_up()
    c.berth(f"pool set {POOL} --after-use erase=wipe")
    try:
        yield
    finally:
        c.berth(f"pool set {POOL} --after-use release")
        for host in c.lab.hosts:
            host.sh("sed -i '/^erase_commands/d' /etc/berth/berth.conf")
            end_service(host, "berthd")
        c.until_up()


def use_gpu(c, name, host):
    """A VM of that name runs on 'host' and ends; the slot of its GPU."""
    c.add_vm(name, options=f"--owner {host.name}")
    c.berth(f"vm start {name} --wait-for-gpu")
    node, ((_, slot),) = c.prove_alive(name)
    demand(node == host.name, f"{name} is on {node}")
    c.berth(f"vm stop --force {name}")
    return slot


@matrix
def test_a_GPU_is_erased_before_another_VM_gets_it_as_the_outside_reads(c):
    host = c.with_room()
    watch = LogWatch(c.lab)
    with erased_after_use(c, WIPE):
        slot = use_gpu(c, "tenant-1", host)
        watch.wait(f"gpu-erased {host.name}:", GIVE_UP_S)
        demand(host.gpu_tag(slot) == 0, f"the card in slot {slot} still has {host.gpu_tag(slot)}")
        use_gpu(c, "tenant-2", host)


@matrix
def test_a_GPU_that_cannot_be_erased_goes_to_no_other_VM_and_still_holds_what_the_last_one_left(c):
    host = c.with_room()
    with erased_after_use(c, "#!/bin/sh\necho the tool found no card >&2\nexit 1\n"):
        slot = use_gpu(c, "tenant-1", host)
        kept = c.until("the GPU is quarantined", lambda: [gpu for gpu in c.items("gpu") if gpu["state"] == "quarantined"])
        demand("the tool found no card" in kept[0]["health_reason"], kept)
        demand((kept[0]["node"], int(kept[0]["address"][5:7], 16)) == (host.name, slot), kept)
        host.put("/run/wipe", WIPE, mode=0o700)
        c.berth(f"gpu release {host.name} {kept[0]['address']}")
        c.until("it is erased", lambda: not [gpu for gpu in c.items("gpu") if gpu["state"] in ("quarantined", "cleaning")])
        demand(host.gpu_tag(slot) == 0, f"the card in slot {slot} still has {host.gpu_tag(slot)}")


# What people do with virsh.


@matrix
def test_a_VM_that_is_destroyed_with_virsh_starts_again_once(c):
    host, names = c.busiest()
    name, before = names[0], c.epochs()[names[0]]
    with Witness(c.lab) as witness:
        host.sh(f"virsh destroy {name}")
        c.until(f"{name} is started again", lambda: c.epochs()[name] > before, GIVE_UP_S)
        c.until_vm(name, "running")
        c.prove_alive(name)
        time.sleep(AFTERMATH_S * c.pace)
    witness.demand_never_two()
    demand(c.epochs()[name] == before + 1, f"it was started {c.epochs()[name] - before} times")
    c.prove_single()


@matrix
def test_a_VM_that_is_saved_with_virsh_is_away_until_that_is_confirmed(c):
    host, names = c.busiest()
    no = host.run(f"virsh save {names[0]} /run/gpu.save")
    demand(no.status != 0, f"{names[0]} was saved with its GPU:\n{as_text(no.output)}")
    c.add_vm("light", gpus=0, options=f"--owner {host.name}")
    c.berth("vm start light")
    c.until_vm("light", "running")
    with c.undisturbed(but=("light",)):
        host.sh("virsh save light /run/light.save")
        c.until_vm("light", "away")
        tell(c.refused("problems", "light", "saved", code=1))
    demand(c.vm("light")["state"] == "away" and "light" not in qemus(host), f"it is {c.vm('light')['state']}")
    c.berth("vm confirm-gone light")
    c.until_vm("light", "running")
    demand(list(qemus(host)).count("light") == 1, f"{host.name} runs {qemus(host)}")


def migrate(host, to, name):
    """As an administrator does who does not know of Berth."""
    address = f"10.77.0.{to.number}"
    to.sh("pidof socat | grep -q . && [ -e /run/bridge ] || { touch /run/bridge; "
          "socat TCP-LISTEN:16509,fork,reuseaddr UNIX-CONNECT:/run/libvirt/libvirt-sock >/dev/null 2>&1 & }; sleep 1")
    return host.run(f"virsh migrate --live --unsafe {name} qemu+tcp://{address}/system --migrateuri tcp://{address}:49200")


@matrix
def test_a_VM_that_is_migrated_with_virsh_stays_or_is_away_and_never_runs_twice(c):
    c.add_vm("light", gpus=0)
    c.berth("vm start light")
    c.until_vm("light", "running")
    host = c.lab.host(c.vm("light")["node"])
    to = next(each for each in c.lab.hosts if each is not host)
    to.put("/etc/libvirt/hooks/qemu.d/50-berth", HOOK.read_bytes(), 0o755)
    end_service(to, "libvirtd")
    c.until_hypervisor(to)
    with c.undisturbed():
        no = migrate(host, to, "light")
        demand(no.status != 0 and "berth vm move light" in as_text(no.output), as_text(no.output))
    to.sh("rm /etc/libvirt/hooks/qemu.d/50-berth")
    end_service(to, "libvirtd")
    c.until_hypervisor(to)
    with c.undisturbed(but=("light",)):
        done = migrate(host, to, "light")
        demand(done.status == 0, as_text(done.output))
        c.until_vm("light", "away")
    demand("light" in qemus(to) and "light" not in qemus(host), "it is not where it was migrated to")
    c.berth("vm adopt light")
    c.until("it is adopted", lambda: c.vm("light")["state"] == "running" and c.vm("light")["node"] == to.name, GIVE_UP_S)
    demand("light" in qemus(to) and "light" not in qemus(host), "it does not run once")


if __name__ == "__main__":
    sys.exit(BED.main())

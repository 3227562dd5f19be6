#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the lab itself: is what the other tests stand on as it says?

One cluster of three hosts serves all tests; each leaves it as it found it."""

import contextlib
import json
import sys
import time
import urllib.request

import bmc
import runner
from domain import domain_xml, hostdev_xml, tag_of
from lab import Lab, Payload, PATIENCE, as_text
from runner import tell, test

LAB = None

# Stands in for berthd: a service that says when it starts and then sleeps.
PAYLOAD = Payload(files={"etc/berth/who": "@node@ at @address@\n"},
                  services={"sleeper": "echo started on @node@; exec sleep 1000000"})


def start_vm(host, name, addresses, **options):
    """Defines and starts a machine with the host's functions 'addresses'."""
    xml = domain_xml(name, hostdevs="".join(hostdev_xml(a) for a in addresses), **options)
    host.put(f"/run/{name}.xml", xml)
    host.sh(f"virsh -q define /run/{name}.xml && virsh -q start {name}")


@contextlib.contextmanager
def vm(host, name, addresses, **options):
    start_vm(host, name, addresses, **options)
    try:
        yield
    finally:
        host.run(f"virsh -q destroy {name}; virsh -q undefine {name}")


def driver_of(host, address):
    return host.sh(f"basename $(readlink /sys/bus/pci/devices/{address}/driver || echo none)")


def heal(lab):
    """Ends what was done to the network and waits until the store is over it."""
    lab.hub.heal()
    lab.wait_ready(("etcd",))


def reaches(host, other, tries=1):
    """One answer is enough; a loaded machine may take its time for it."""
    ping = f"ping -c 1 -W 1 {other.address} >/dev/null"
    return host.run(f"for n in $(seq {tries}); do {ping} && exit 0; done; exit 1").status == 0


def put_key(host, key, limit_s=30 * PATIENCE):
    """Writes until the store takes it; seconds from the first attempt."""
    since = time.monotonic()
    command = f"etcdctl --command-timeout=1s put {key} x >/dev/null 2>&1"
    host.wait_until(command, limit_s, every_s=0.05)
    return time.monotonic() - since


def etcd_leader(lab, limit_s=60 * PATIENCE):
    """The host whose member leads the store; between two leaders there is none for a moment."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        for host in lab.hosts:
            done = host.run("etcdctl endpoint status -w json 2>/dev/null")
            status = json.loads(done.output)[0]["Status"] if done.status == 0 else {}
            if status and status.get("leader") == status["header"]["member_id"]:
                return host
        time.sleep(0.5)
    raise AssertionError(f"the store has had no leader for {limit_s:.0f} s")


@test
def test_each_host_sees_its_three_cards_with_their_groups_and_drivers():
    for host in LAB.hosts:
        functions = host.sh(
            'for d in 01:00.0 02:00.0 03:00.0 03:00.1; do p=/sys/bus/pci/devices/0000:$d; '
            'echo $d $(cat $p/vendor $p/device $p/class) $(basename $(readlink $p/iommu_group)) '
            '$(basename $(readlink $p/driver || echo none)); done').splitlines()
        words = [line.split() for line in functions]
        assert words[0][1:4] == words[1][1:4] == ["0x1234", "0x1111", "0x038000"], words
        assert words[2][1:4] == ["0x1002", "0x5046", "0x030000"], words
        assert words[3][3] == "0x040300", words
        groups = [w[4] for w in words]
        assert len(set(groups[:3])) == 3 and groups[2] == groups[3], groups
        assert [w[5] for w in words] == ["bochs-drm", "bochs-drm", "none", "none"], words
        boot = host.sh("cat /sys/bus/pci/devices/0000:03:00.0/boot_vga")
        assert boot == "0", "the odd card is the boot display"


@test
def test_each_host_has_a_watchdog_that_is_not_armed():
    for host in LAB.hosts:
        state, timeout = host.sh("cd /sys/class/watchdog/watchdog0; cat state timeout").split()
        assert (state, timeout) == ("inactive", "30"), (state, timeout)


@test
def test_the_payload_runs_with_the_settings_of_its_own_host():
    for host in LAB.hosts:
        assert host.sh("cat /etc/berth/who") == f"{host.name} at {host.address}"
        host.wait_until("[ -e /run/lab/pid/sleeper ]")
        assert f"started on {host.name}" in host.sh("cat /var/log/lab/sleeper.log")


@test
def test_a_killed_service_is_started_again_unless_it_is_held():
    host = LAB.hosts[0]
    first = host.sh("cat /run/lab/pid/sleeper")
    since = time.monotonic()
    host.kill9("sleeper")
    host.wait_until(f"[ $(cat /run/lab/pid/sleeper) != {first} ]", 10 * PATIENCE, every_s=0.1)
    LAB.note(f"service killed, another one up after {time.monotonic() - since:.1f} s")
    host.hold_service("sleeper")
    assert not host.is_running("sleeper")
    time.sleep(3)  # init would have started it again by now
    assert not host.is_running("sleeper")
    host.release_service("sleeper")
    host.wait_until('kill -0 "$(cat /run/lab/pid/sleeper)"', 10 * PATIENCE)
    assert host.is_running("sleeper")


@test
def test_the_shell_carries_any_bytes_and_stops_what_takes_too_long():
    host = LAB.hosts[0]
    data = bytes(range(256)) * 4096
    since = time.monotonic()
    host.put("/run/bytes", data)
    assert host.get("/run/bytes") == data
    LAB.note(f"{len(data) >> 20} MiB there and back in {time.monotonic() - since:.1f} s")
    assert host.run("echo before; sleep 100", limit_s=1).status == 124
    assert host.run("exit 3").status == 3


@test
def test_a_card_shows_from_outside_which_machine_holds_it():
    host = LAB.hosts[0]
    with vm(host, "held", ["0000:01:00.0"]):
        text = host.wait_guest("held")
        assert host.gpu_tag(1) == tag_of("held"), text
        assert host.gpu_tag(2) != tag_of("held")
        assert driver_of(host, "0000:01:00.0") == "vfio-pci"
        assert host.gpu_memory(1, 4, 4) == (tag_of("held") ^ 1 << 24).to_bytes(4, "little")
        host.wait_guest("held", "beat 1")
        assert "TAG LOST" not in host.serial_of("held")
    assert driver_of(host, "0000:01:00.0") == "bochs-drm"


@test
def test_a_card_with_its_audio_function_goes_to_one_machine():
    host = LAB.hosts[1]
    with vm(host, "media", ["0000:03:00.0", "0000:03:00.1"]):
        text = host.wait_guest("media")
        assert "8086:2668 class 040300" in text and "displays=1" in text, text
        assert host.gpu_tag(3) == tag_of("media"), text


@test
def test_a_machine_with_two_cards_marks_each():
    host = LAB.hosts[2]
    with vm(host, "pair", ["0000:01:00.0", "0000:02:00.0"]):
        host.wait_guest("pair", "RESULT PASS.*displays=2")
        assert (host.gpu_tag(1), host.gpu_tag(2)) == (tag_of("pair"), tag_of("pair") ^ 1)


@test
def test_the_power_button_ends_a_machine_unless_it_ignores_it():
    host = LAB.hosts[0]
    with vm(host, "polite", []), vm(host, "stubborn", [], no_shutdown=True):
        host.wait_guest("polite")
        host.wait_guest("stubborn")
        host.sh("virsh -q shutdown polite; virsh -q shutdown stubborn")
        host.wait_until('[ "$(virsh domstate polite)" = "shut off" ]')
        host.wait_guest("stubborn", "power button ignored")
        assert host.sh("virsh domstate stubborn") == "running"


def pings_received(host):
    names, values = [line.split() for line in host.sh("grep ^Icmp: /proc/net/snmp").splitlines()]
    return int(values[names.index("InEchos")])


@test
def test_the_hub_cuts_one_direction_or_both():
    first, second, third = LAB.hosts
    # So that node2 needs no answer from node1 to know where to send.
    neighbour = f"{first.address} lladdr {first.mac} dev eth0 nud"
    second.sh(f"ip neigh replace {neighbour} permanent")
    try:
        for direction, arrives in (("in", True), ("out", False), ("both", False)):
            LAB.hub.cut("node2", direction)
            assert reaches(first, third, 30)
            before = pings_received(first)
            assert not reaches(second, first), direction
            assert (pings_received(first) > before) == arrives, direction
            LAB.hub.heal("node2")
    finally:
        heal(LAB)
        second.sh(f"ip neigh replace {neighbour} reachable")
    assert reaches(second, first, 30)


@test
def test_a_delay_at_the_hub_adds_to_the_round_trip():
    first, second, _ = LAB.hosts
    LAB.hub.delay("node2", 0.3)
    try:
        text = first.sh(f"ping -c 2 -W 20 {second.address}")
        assert float(text.rsplit("= ", 1)[1].split("/")[0]) >= 300, text
    finally:
        heal(LAB)


@test
def test_a_port_of_a_host_can_be_reached_from_this_machine():
    for host in LAB.hosts:
        url = f"http://127.0.0.1:{host.forward(2379)}/health"
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert json.load(answer) == {"health": "true"}


@test
def test_the_store_elects_again_after_its_leader_lost_power():
    leader = etcd_leader(LAB)
    other = next(host for host in LAB.hosts if host is not leader)
    put_key(other, "/before")
    leader.power_off()
    LAB.note(f"{leader.name} led the store; the next write took {put_key(other, '/after'):.1f} s")
    leader.power_on()
    leader.wait_ready()
    assert "x" in leader.sh("etcdctl get --print-value-only /after")


@test
def test_power_loss_keeps_the_data_disk_and_changes_the_boot_id():
    host = LAB.hosts[2]
    before = host.boot_id
    host.sh("echo kept >/var/lib/berth/synced; sync; echo lost >/root/note")
    etcd_port = host.forward(2379)
    host.power_off()
    assert not host.is_on
    since = time.monotonic()
    host.power_on()
    assert host.wait_boot() != before
    LAB.note(f"one host boots in {time.monotonic() - since:.1f} s")
    assert host.sh("cat /var/lib/berth/synced; ls /root") == "kept"
    host.wait_ready()
    LAB.note(f"and is ready after {time.monotonic() - since:.1f} s")
    assert host.forward(2379) == etcd_port


@test
def test_an_armed_watchdog_that_no_one_pets_resets_the_host():
    host = LAB.hosts[2]
    before = host.boot_id
    since = time.monotonic()
    host.sh("busybox watchdog -T 6 -t 600 /dev/watchdog0; "
            "until [ $(cat /sys/class/watchdog/watchdog0/state) = active ]; do sleep 0.1; done")
    found = host.qmp.wait_event("WATCHDOG", 60 * PATIENCE, since)
    assert found, "the watchdog did not bite"
    took = found[0] - since
    LAB.note(f"armed with 6 s, reset after {took:.1f} s")
    assert took > 4, took
    host.wait_boot(count=2)
    assert host.boot_id != before
    host.wait_ready()


def agent(host, action, node="node2", password=bmc.PASSWORD):
    """The exit status of Debian's agent and its words."""
    options = LAB.controllers[node].agent_options(action=action, password=password, power_timeout="5")
    host.put("/run/fence", "".join(f"{name}={value}\n" for name, value in options.items()))
    begin = time.monotonic()
    done = host.run("fence_ipmilan </run/fence")
    tell(f"{action}: {done.status} after {time.monotonic() - begin:.1f} s")
    return done.status, as_text(done.output)


@test
def test_fence_ipmilan_turns_a_cut_off_host_off_and_says_so():
    first, second, _ = LAB.hosts
    LAB.hub.cut("node2")
    assert agent(first, "status")[0] == 0
    assert agent(first, "off")[0] == 0
    assert not second.is_on
    assert agent(first, "status")[0] == 2
    LAB.hub.heal()
    assert agent(first, "on")[0] == 0
    second.wait_ready()


@test
def test_a_management_controller_that_fails_is_no_proof():
    first, second, _ = LAB.hosts
    status, told = agent(first, "off", password="wrong")
    assert status == 1 and second.is_on, told
    for fault in ("refuses", "closed", "dead", "lies"):
        LAB.power.faults["node2"] = fault
        status, told = agent(first, "off")
        assert status == 1 and second.is_on, f"{fault}: {status} {told}"
    LAB.power.faults["node2"] = {"answers_after_s": 60}
    assert agent(first, "status")[0] == 1
    LAB.power.faults.clear()
    assert agent(first, "status")[0] == 0


@test
def test_a_card_unplugged_under_a_machine_goes_when_the_machine_ends():
    host = LAB.hosts[0]
    with vm(host, "unplugged", ["0000:02:00.0"]):
        host.wait_guest("unplugged")
        host.unplug(2)
        host.wait_guest("unplugged", "beat 2")
        assert host.is_plugged(2)
    host.wait_until("[ ! -e /sys/bus/pci/devices/0000:02:00.0 ]", 90 * PATIENCE)
    assert not host.is_plugged(2)
    host.power_off()
    host.power_on()
    host.wait_ready()


@test
def test_other_hardware_can_be_asked_for():
    cards = ("shared", "edu", "nvme-sriov", None)
    with Lab(nodes=1, cards=cards, payload=Payload(), within=LAB) as lab:
        lab.wait_ready(("devices",))
        host = lab.hosts[0]
        groups = host.sh("cd /sys/kernel/iommu_groups; for g in *; do echo $(ls $g/devices); done")
        assert "0000:01:00.0 0000:02:01.0 0000:02:02.0" in groups, groups
        assert host.sh("cat /sys/bus/pci/devices/0000:03:00.0/device") == "0x11e8"
        host.sh("p=/sys/bus/pci/devices/0000:04:00.0; echo 2 >$p/sriov_numvfs; [ -e $p/virtfn1 ]")
        host.plug(4)
        host.wait_until("[ -e /sys/bus/pci/devices/0000:05:00.0/driver ]", 90 * PATIENCE)
        assert host.is_plugged(4)


@test
def test_nothing_is_left_of_a_machine_when_its_host_loses_power():
    host = LAB.hosts[1]
    start_vm(host, "gone", ["0000:01:00.0"])
    host.wait_guest("gone")
    assert host.gpu_tag(1) == tag_of("gone")
    host.sh("sync")  # without it the definition itself may be lost, as on a real host
    host.power_off()
    host.power_on()
    host.wait_ready()
    assert host.gpu_tag(1) != tag_of("gone")
    assert host.sh("virsh -q list --name") == ""
    assert host.sh("virsh -q list --all --name") == "gone"
    host.sh("virsh -q undefine gone")


def main():
    global LAB
    if "-l" in sys.argv:
        return runner.main()
    with Lab(nodes=3, payload=PAYLOAD) as LAB:
        LAB.wait_ready()
        LAB.note(f"three hosts ready ({LAB.accelerator})")
        return runner.main()


if __name__ == "__main__":
    sys.exit(main())

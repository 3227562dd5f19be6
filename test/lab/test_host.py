#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rooms host and fence on real hardware, as far as a lab host has it: the survey of each card,
dismount and mount under the real kernel, the watchdog. One host; host_probe.c is the program under
test."""

import os
import re
import sys
import time
from pathlib import Path

import runner
from domain import domain_xml, hostdev_xml
from lab import Lab, Payload, PATIENCE, ROOT
from runner import test

HOST = None
PROBE = Path(os.environ.get("HOST_PROBE") or ROOT / "build" / "test" / "lab" / "host_probe")

# Bus numbers after the "shared" pair are one higher than their slot's.
CARDS = ("bochs", "bochs", "ati-audio", "nvme-sriov", "shared")

# The i6300esb counts 2 x 3072 steps of 32768 / 33 MHz for 6 s.
WATCHDOG_S = 6.1


def cards():
    """The survey's line of each card by its address."""
    lines = HOST.sh("PROBE_DEVICE=0000:04:00.0 host_probe list").splitlines()
    return {line.split()[0]: line for line in lines}


def probe(words, status=0):
    done = HOST.run(f"host_probe {words}")
    text = done.output.decode(errors="replace").strip()
    assert done.status == status, f"host_probe {words}: status {done.status}: {text}"
    return text


def driver_of(address):
    return HOST.sh(f"basename $(readlink /sys/bus/pci/devices/{address}/driver || echo none)")


@test
def test_each_card_gets_the_verdict_that_it_deserves():
    found = cards()
    assert len(found) == 7, found  # the board's own, three displays, an NVMe, two behind a bridge
    for address in ("0000:01:00.0", "0000:02:00.0"):
        assert f"{address} host-driver driver=bochs-drm" in found[address], found[address]
        assert "resets=4 " in found[address] and "mmio=16781312" in found[address], found[address]
    assert "host-driver driver=- " in found["0000:03:00.0"], found["0000:03:00.0"]
    assert "companion=0000:03:00.1" in found["0000:03:00.0"], found["0000:03:00.0"]
    assert "Rage 128" in found["0000:03:00.0"], found["0000:03:00.0"]
    assert "host-driver driver=nvme" in found["0000:04:00.0"], found["0000:04:00.0"]
    assert "vfs=0/4" in found["0000:04:00.0"], found["0000:04:00.0"]
    assert "shared-group" in found["0000:06:01.0"], found["0000:06:01.0"]
    assert "with 0000:06:02.0" in found["0000:06:01.0"], found["0000:06:01.0"]
    assert "with 0000:06:01.0" in found["0000:06:02.0"]
    assert " boot=1 " in found["0000:00:01.0"] and "assignable" not in found["0000:00:01.0"]


@test
def test_the_checks_see_the_iommu_and_interrupt_remapping():
    text = probe("checks")
    for line in ("iommu ok ", "interrupt-remapping ok on", "vfio-pci ok ",
                 "kernel-command-line ok "):
        assert f"\n{line}" in f"\n{text}", text


@test
def test_a_card_is_dismounted_and_mounted_and_the_kernel_tells_of_both_at_once():
    HOST.sh("host_probe watch 600 >/run/watch.log 2>&1 & echo $! >/run/watch.pid")
    HOST.wait_until("grep -q bochs-drm /run/watch.log")
    assert probe("dismount 0000:01:00.0") == "done"
    assert driver_of("0000:01:00.0") == "vfio-pci"
    assert "0000:01:00.0 assignable driver=vfio-pci" in cards()["0000:01:00.0"]
    # The next poll is 60 s away: only an event of the kernel can have told.
    HOST.wait_until("tail -n 1 /run/watch.log | grep -q 01:00.0=vfio-pci", 20 * PATIENCE)
    assert probe("dismount 0000:01:00.0") == "done"
    assert probe("mount 0000:01:00.0") == "done"
    assert driver_of("0000:01:00.0") == "bochs-drm"
    HOST.wait_until("tail -n 1 /run/watch.log | grep -q 01:00.0=bochs-drm", 20 * PATIENCE)
    assert probe("mount 0000:01:00.0") == "done"
    HOST.sh("kill $(cat /run/watch.pid)")


@test
def test_a_gpu_and_its_audio_function_go_and_come_back_together():
    assert probe("dismount 0000:03:00.0") == "done"
    assert driver_of("0000:03:00.0") == driver_of("0000:03:00.1") == "vfio-pci"
    assert " assignable " in cards()["0000:03:00.0"]
    assert probe("mount 0000:03:00.0") == "done"
    assert driver_of("0000:03:00.0") == driver_of("0000:03:00.1") == "none"


@test
def test_a_card_of_a_shared_group_is_not_dismounted_even_by_force():
    assert "shares IOMMU group" in probe("dismount 0000:06:01.0 force", 1)
    assert driver_of("0000:06:01.0") == "bochs-drm"


@test
def test_a_display_with_an_open_client_is_taken_by_force_only():
    name = HOST.sh("ls /sys/bus/pci/devices/0000:02:00.0/drm | grep card")
    HOST.sh(f"sleep 1000 </dev/dri/{name} >/dev/null 2>&1 & echo $! >/run/client.pid")
    text = probe("dismount 0000:02:00.0", 1)
    assert re.search(rf"process \d+ \(sleep\) has /dev/dri/{name} open", text), text
    assert driver_of("0000:02:00.0") == "bochs-drm"
    assert probe("dismount 0000:02:00.0 force") == "done"
    HOST.sh("kill $(cat /run/client.pid)")
    assert probe("mount 0000:02:00.0") == "done"


@test
def test_a_card_that_a_machine_holds_is_not_mounted_until_it_ends():
    HOST.wait_ready(("libvirt",))
    assert probe("dismount 0000:01:00.0") == "done"
    HOST.put("/run/holder.xml", domain_xml("holder", hostdevs=hostdev_xml("0000:01:00.0")))
    HOST.sh("virsh -q create /run/holder.xml")
    try:
        HOST.wait_guest("holder")
        assert "held by qemu" in probe("mount 0000:01:00.0", 1)
        assert driver_of("0000:01:00.0") == "vfio-pci"
    finally:
        HOST.run("virsh -q destroy holder")
    # What was dismounted stays so, also with libvirt's managed='yes'.
    line = cards()["0000:01:00.0"]
    assert "assignable driver=vfio-pci" in line and "overridden=1" in line, line
    assert probe("mount 0000:01:00.0") == "done"
    assert driver_of("0000:01:00.0") == "bochs-drm"


@test
def test_the_module_is_loaded_when_it_is_needed():
    HOST.sh("modprobe -r vfio-pci")
    assert "vfio-pci ok will be loaded" in probe("checks")
    assert probe("dismount 0000:01:00.0") == "done"
    assert probe("mount 0000:01:00.0") == "done"


def stop_petting(words):
    """Arms by 'words', stops the petting process where it stands; the time of that, and the number
    of boots so far."""
    HOST.sh(f"host_probe arm {words} >/run/arm.log 2>&1 & echo $! >/run/arm.pid")
    HOST.wait_until("grep -q armed /run/arm.log")
    time.sleep(2)  # some pets
    boots = len(HOST.shell.boots)
    HOST.sh("kill -STOP $(cat /run/arm.pid)")
    return time.monotonic(), boots


def reset_after(since):
    event = HOST.qmp.wait_event("WATCHDOG", 30 * PATIENCE, since)
    assert event, "no reset"
    return event[0] - since


@test
def test_an_armed_watchdog_is_disarmed_by_the_heir_of_a_killed_process():
    assert " inactive " in probe("watchdog")
    stop_petting("6")
    HOST.sh("kill -KILL $(cat /run/arm.pid)")
    assert " active timeout=6000 " in probe("watchdog")
    assert "adopted /dev/watchdog0, 6000 ms" in probe("disarm")
    assert " inactive " in probe("watchdog")


@test
def test_neither_death_nor_takeover_pets_a_watchdog_with_a_keeper():
    stopped, boots = stop_petting("6")
    time.sleep(4)  # had the watchdog been petted then, it would come so much later
    HOST.sh("kill -KILL $(cat /run/arm.pid); host_probe adopt >/dev/null 2>&1 &")
    seconds = reset_after(stopped)
    HOST.lab.note(f"reset {seconds:.1f} s after the last sign of life")
    assert seconds < WATCHDOG_S + 3, seconds
    HOST.wait_boot(boots + 1)
    HOST.wait_ready(("devices",))


@test
def test_without_a_keeper_the_kernel_pets_once_more_at_death():
    # Why the keeper exists. Should a kernel ever stop doing so, this fails and the keeper can go.
    stopped, boots = stop_petting("6 alone")
    time.sleep(4)
    HOST.sh("kill -KILL $(cat /run/arm.pid)")
    seconds = reset_after(stopped)
    HOST.lab.note(f"reset {seconds:.1f} s after the last sign of life")
    assert seconds > WATCHDOG_S + 2, seconds
    HOST.wait_boot(boots + 1)
    HOST.wait_ready(("devices",))


def main():
    global HOST
    if "-l" in sys.argv:
        return runner.main()
    with Lab(nodes=1, stores=0, cards=CARDS, payload=Payload({"bin/host_probe": PROBE})) as lab:
        HOST = lab.hosts[0]
        HOST.wait_ready(("devices",))
        return runner.main()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs that move while they run among three emulated hosts, with the real programs, whatever breaks meanwhile. A guest
counts aloud: each number it says leaves its host on its own way (its serial line, streamed to this machine). One guest
never says a number twice, so two that run, or one that went back in time, are heard."""

import contextlib
import re
import sys
import threading
import time
from pathlib import Path

from domain import domain_xml
from faults import Bed, Faults, qemus
from lab import Lab, PATIENCE, as_text, in_parallel
from runner import tell
from story import LogWatch, Refused, demand, payload

HOOK = Path(__file__).resolve().parents[2] / "data/libvirt-hook"
COUNTER = "counter"
MOVES = 50
DRAINED = 4           # VMs on a host that is drained
LOOK_S = 0.02
STREAM_S = 1.0        # what a host's last words take to get here
GONE_TICKS = 9        # half a second: it spoke somewhere else meanwhile
STILL_S = 0.3         # no number for so long while it moves: it stands still
PAUSE_MAX_S = 5.0     # of an idle guest of 16 MiB on hosts that are emulated; the figure is told
GIVE_UP_S = 120 * PATIENCE
STORE_AWAY_S = 3.0    # less than what hosts go on for without it

LIBVIRT_TCP = """hook=/etc/libvirt/hooks/qemu.d/50-berth
if ! [ -e $hook ]; then
    mkdir -p ${hook%/*}
    install -m 755 /payload/hook $hook
    until [ -s /run/lab/pid/libvirtd ]; do sleep 0.1; done
    kill $(cat /run/lab/pid/libvirtd)
fi
exec socat TCP-LISTEN:16509,fork,reuseaddr UNIX-CONNECT:/run/libvirt/libvirt-sock"""


def movers():
    """Hosts that hand over running VMs. libvirt reads its hooks when it starts, so it does so again with ours."""
    built = payload()
    built.files["etc/berth/berth.conf"] += "migration_address = qemu+tcp://@address@/system tcp://@address@ unencrypted\n"
    built.files["hook"] = HOOK
    built.services["libvirt-tcp"] = LIBVIRT_TCP
    return Lab(nodes=3, payload=built, quiet=True, services=(COUNTER,))


class Movers(Faults):
    """No GPU, and no VM but those that a test adds."""

    def begin(self):
        self.form()
        self.settle()

    def settle(self):
        in_parallel([lambda host=host: self.until_resumed(host) for host in self.hosts])
        self.until_up(("up",))
        in_parallel([lambda host=host: self.until_hypervisor(host) for host in self.hosts])
        self.remove([vm["name"] for vm in self.items("vm")])
        self.berth("cluster set migration_mib_s=0 migration_limit_ms=0 migration_pause_ms=300")

    def add(self, name, host, words="count", options="", serial=None):
        """A guest that runs on 'host', and may run anywhere."""
        self.berth(f"vm add - --owner {host.name} {options}", given=domain_xml(name, words=words, serial=serial).encode())
        self.berth(f"vm start {name}")
        self.until(f"{name} runs on {host.name}", lambda: self.is_at(name, host))
        self.berth(f"vm set {name} --owner ''")

    def add_counter(self, host, words="count"):
        self.add(COUNTER, host, words, serial=f"/var/log/lab/{COUNTER}.log")

    def is_at(self, name, host):
        vm = self.vm(name)
        return vm["state"] == "running" and vm["node"] == host.name

    def after(self, host):
        return self.hosts[host.number % len(self.hosts)]

    def wait_single(self, name):
        """Where its one QEMU is, when all have their power again."""
        def places():
            where = [host for host in self.hosts if name in qemus(host)]
            return where if len(where) == 1 and self.is_at(name, where[0]) else None
        return self.until(f"{name} runs on one host", places, GIVE_UP_S)[0]


class Count(threading.Thread):
    """Hears all hosts: with Count(lab) as count. A life begins with the guest's hello."""

    def __init__(self, lab):
        super().__init__(name="count", daemon=True)
        self.lab, self.stopping = lab, threading.Event()
        self.read = {host.name: len(self.bytes_of(host, 0)) for host in lab.hosts}
        self.lives, self.life_of, self.last_of = [], {}, {}
        self.said = []  # (monotonic seconds, host, life, number)
        self.trouble = None
        self.changed = threading.Condition()

    def __enter__(self):
        self.lives.append({"began": 0.0, "numbers": {}})  # that of a guest which was here before
        self.start()
        return self

    def __exit__(self, kind, problem, trace):
        self.stopping.set()
        self.join()
        if kind is None:
            demand(self.trouble is None, self.trouble)

    def run(self):
        while not self.stopping.is_set():
            for host in self.lab.hosts:
                self.hear(host)
            self.stopping.wait(LOOK_S)

    @staticmethod
    def bytes_of(host, begin):
        """What came from there after the first 'begin' bytes."""
        try:
            with open(host.folder / f"{COUNTER}.log", "rb") as file:
                file.seek(begin)
                return file.read()
        except FileNotFoundError:
            return b""

    def hear(self, host):
        new = self.bytes_of(host, self.read[host.name])
        whole = new[:new.rfind(b"\n") + 1]
        self.read[host.name] += len(whole)
        with self.changed:
            for line in as_text(whole).splitlines():
                self.take(host.name, line)
            self.changed.notify_all()

    def take(self, host, line):
        now = time.monotonic()
        if "guest: hello" in line:
            self.lives.append({"began": now, "numbers": {}})
            self.life_of[host], self.last_of[host] = len(self.lives) - 1, 0
        found = re.fullmatch(r"guest: count (\d+)", line.strip())
        if not found:
            return
        number = int(found[1])
        if not 0 < number - self.last_of.get(host, -GONE_TICKS) < GONE_TICKS:  # it came from elsewhere
            self.life_of[host] = len(self.lives) - 1
        life, self.last_of[host] = self.life_of.get(host, 0), number
        numbers = self.lives[life]["numbers"]
        most = max((said for at, _, of, said in self.said[-200:] if of == life and at < now - STREAM_S), default=0)
        if number in numbers:
            self.trouble = self.trouble or f"{host} said {number}, which {numbers[number]} had said"
        elif number < most:
            self.trouble = self.trouble or f"{host} said {number} long after {most}: it went back"
        elif life < len(self.lives) - 1 and now > self.lives[-1]["began"] + STREAM_S:
            self.trouble = self.trouble or f"{host} went on to {number} although the guest had begun again elsewhere"
        numbers[number] = host
        self.said.append((now, host, life, number))

    def at(self, host, limit_s=GIVE_UP_S):
        """Until it counts on 'host' from now on."""
        begin = time.monotonic()
        with self.changed:
            heard = self.changed.wait_for(
                lambda: self.trouble or any(now > begin and where == host.name for now, where, _, _ in self.said[-20:]), limit_s)
        demand(heard and not self.trouble, self.trouble or f"no count from {host.name} within {limit_s:.0f} s")

    def wait_still(self, limit_s):
        """Until it has said nothing for a moment; False: it went on all the time."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.said and time.monotonic() - self.said[-1][0] > STILL_S:
                return True
            time.sleep(LOOK_S)
        return False

    def pause_s(self, since):
        """The longest silence since then, that before the first word among them."""
        heard = [since] + [now for now, _, _, _ in self.said if now > since]
        return max((b - a for a, b in zip(heard, heard[1:])), default=0.0)


BED = Bed(movers, kind=Movers)
matrix = BED.matrix


@matrix
def test_a_guest_that_is_moved_fifty_times_among_three_hosts_never_goes_back_and_never_runs_twice(c):
    here, pauses, told = c.hosts[0], [], []
    c.add_counter(here)
    with Count(c.lab) as count:
        count.at(here)
        lives = len(count.lives)
        for _ in range(MOVES):
            to, since = c.after(here), time.monotonic()
            c.berth(f"vm move {COUNTER} {to.name} --live")
            demand(c.is_at(COUNTER, to), f"it is {c.vm(COUNTER)['state']} on {c.vm(COUNTER)['node']}, not on {to.name}")
            count.at(to)
            pauses.append(count.pause_s(since))
            told.append(c.vm(COUNTER)["status"].get("pause_ms", 0) / 1000)
            here = to
        demand(len(count.lives) == lives, "the guest began again")
        numbers = [number for _, _, _, number in count.said]
    pauses.sort()
    told.sort()
    tell(f"{MOVES} moves, {len(numbers)} numbers up to {max(numbers)}; pause as heard here: median {pauses[MOVES // 2]:.2f} s, "
         f"longest {pauses[-1]:.2f} s; as berthd says: median {told[MOVES // 2]:.2f} s, longest {told[-1]:.2f} s")
    demand(told[0] > 0, "a pause was not measured")
    demand(pauses[MOVES // 2] < PAUSE_MAX_S * c.pace, f"it stood still for {pauses[MOVES // 2]:.1f} s")
    c.prove_single()


@matrix
def test_a_host_with_several_VMs_is_drained_live_the_important_ones_first_and_says_how_long_each_stood_still(c):
    host = c.hosts[0]
    c.berth("cluster set migrations=1")
    names = [f"drained-{number}" for number in range(DRAINED)]
    for number, name in enumerate(names):
        c.add(name, host, options=f"--priority {100 + number}")
    watch = LogWatch(c.lab)
    try:
        told = c.berth(f"node drain {host.name} --timeout 600")
        tell(told)
        for name in names:
            demand(re.search(rf"^{name} moved live to node[23], with a pause of [\d.]+ m?s$", told, re.MULTILINE), told)
            to = c.lab.host(c.vm(name)["node"])
            demand("hello" not in to.serial_of(name), f"{name} was restarted on {to.name}")
            before = to.serial_of(name)
            c.until(f"{name} counts on", lambda to=to, name=name, before=before: to.serial_of(name) != before)
        demand(not qemus(host), f"{host.name} still runs {qemus(host)}")
        order = re.findall(r"vm-moved (drained-\d)", "\n".join(
            each.log("berthd")[watch.begin[each.name]:] for each in c.hosts))
        first = list(dict.fromkeys(order))
        demand(first == sorted(names, reverse=True), f"they moved in the order {first}")
    finally:
        c.berth("cluster set migrations=4")
        c.until_resumed(host)
    c.prove_single()


# Whatever breaks while it moves: what is done to the source, the target and the third host, which coordinates, and how
# it is undone (None: mend() does).


def hold_stores(c, source, target, third):
    for host in (target, third):
        host.hold_service("etcd")
    time.sleep(STORE_AWAY_S * c.pace)
    for host in (target, third):
        host.release_service("etcd")


def cut_link(source, target, does):
    for host, other in ((source, target), (target, source)):
        host.sh(f"ip route {'add' if does else 'del'} blackhole {other.address}/32")


FAULTS = {
    "the_source_loses_its_power": (lambda c, source, target, third: source.power_off(), None),
    "the_target_loses_its_power": (lambda c, source, target, third: target.power_off(), None),
    "the_coordinator_loses_its_power": (lambda c, source, target, third: third.power_off(), None),
    "the_two_hosts_do_not_reach_each_other": (lambda c, source, target, third: cut_link(source, target, True),
                                              lambda c, source, target, third: cut_link(source, target, False)),
    "the_store_has_no_majority_for_a_while": (hold_stores, None),
    "libvirtd_of_the_source_is_killed": (lambda c, source, target, third: source.kill9("libvirtd"), None),
    "libvirtd_of_the_target_is_killed": (lambda c, source, target, third: target.kill9("libvirtd"), None),
}


def at_once(c, count):
    """The order was given."""


def while_copied(c, count):
    """A busy guest on a slow network is copied again and again."""
    c.until("it is being copied", lambda: (c.vm(COUNTER)["status"] or {}).get("move_total_mib"), GIVE_UP_S, 0.1)


def when_still(c, count):
    """All of it is there, or nearly, and one of the two is to go on."""
    demand(count.wait_still(GIVE_UP_S), "it never stood still")


MOMENTS = {"at_once": at_once, "while_it_is_copied": while_copied, "when_it_stands_still": when_still}


def cast(c):
    """Source, target, and the third host, which coordinates."""
    third = c.coordinator()
    source = c.after(third)
    return source, c.after(source), third


def strike(c, fault, moment):
    does, undoes = FAULTS[fault]
    source, target, third = cast(c)
    is_slow = moment == "while_it_is_copied"
    if is_slow:
        c.berth("cluster set migration_mib_s=1 migration_pause_ms=10")
    c.add_counter(source, "count busy" if is_slow else "count")
    with Count(c.lab) as count:
        count.at(source)
        lives = len(count.lives)
        c.berth(f"vm move {COUNTER} {target.name} --no-wait")
        MOMENTS[moment](c, count)
        struck = time.monotonic()
        does(c, source, target, third)
        if undoes:
            time.sleep(STORE_AWAY_S * c.pace)
            undoes(c, source, target, third)
        c.lost.update(host.name for host in c.hosts if not host.is_on)
        with contextlib.suppress(Refused):  # or it has moved, or may not stay there
            c.berth(f"vm move {COUNTER} --cancel")
        # It runs on or again while the host that is lost is away, without anyone's help.
        c.until(f"{COUNTER} runs", lambda: (v := c.vm(COUNTER))["state"] == "running" and c.lab.host(v["node"]).is_on, GIVE_UP_S)
        for host in c.hosts:
            if not host.is_on:
                host.power_on()
                host.wait_boot(1)
        c.lost.clear()
        in_parallel([lambda host=host: c.until_back(host) for host in c.hosts])
        here = c.wait_single(COUNTER)
        count.at(here)
        began_again = len(count.lives) - lives
        tell(f"struck: it counts on {here.name} (from {source.name} to {target.name}), began again {began_again} times, "
             f"longest silence {count.pause_s(struck):.1f} s")
        demand(began_again <= 1, f"the guest began again {began_again} times")
    c.prove_single()


def add_strikes():
    for fault in FAULTS:
        for moment in MOMENTS:
            def test(c, fault=fault, moment=moment):
                strike(c, fault, moment)
            test.__name__ = f"test_a_VM_that_moves_runs_once_if_{fault}_{moment}"
            test.__doc__ = None
            matrix(test)


add_strikes()


if __name__ == "__main__":
    sys.exit(BED.main())

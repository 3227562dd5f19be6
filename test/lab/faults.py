# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cluster that tests break and mend: three VMs on three hosts, a witness on the memory of every GPU, and the way back
to health. test_faults.py says what must hold."""

import base64
import contextlib
import functools
import json
import threading
import time

import hardware
import runner
from domain import tag_of
from lab import Lab, LabError, PATIENCE, in_parallel
from qmp import QmpError
from runner import tell
from shell import ShellError
from story import GPU_MODEL, POOL, Cluster, Refused, demand, payload

VMS = ("work-1", "work-2", "work-3")
MENDINGS_MAX = 3
BACK = ("up", "quarantined")  # a host that tests made begin anew again and again gets no new VMs, but is there
SHARED_SLOT = 4  # of node3 only: two cards in one IOMMU group
# Longer than any watchdog (6 s) and any takeover (8 s) that something before it could have set off.
AFTERMATH_S = 10
LOOK_S = 0.2  # between two looks of a witness
DEAD_S = 1.0  # no VM ends in one place and shows life in another as soon as that; two that live are seen by turns


def lab():
    """As the story's, and two cards more in node3 that cannot be told apart by the IOMMU."""
    cards = {3: hardware.STANDARD + ("shared",)}
    return Lab(nodes=3, payload=payload(), quiet=True, cards=lambda number: cards.get(number, hardware.STANDARD))


def lab_with_witness():
    """Two hosts with GPUs; the third machine only holds a member of the store."""
    built = payload()
    for name in ("berthd", "berth-api", "api-port"):
        built.services[name] = f"[ @number@ -le 2 ] || exec tail -f /dev/null; {built.services[name]}"
    return Lab(nodes=3, payload=built, quiet=True)


class Witness(threading.Thread):
    """Reads tag and pulse of every card from outside, all the time: who was seen alive where, and when.

        with Witness(lab) as witness: ..."""

    def __init__(self, lab):
        super().__init__(name="witness", daemon=True)
        self.lab, self.stopping = lab, threading.Event()
        self.beats = {}  # tag -> [(monotonic seconds, host)]: its pulse has moved since the look before

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *problem):
        self.stopping.set()
        self.join()

    def run(self):
        before = {}
        while not self.stopping.is_set():
            for host in self.lab.hosts:
                for slot in (1, 2):
                    life, old = look(host, slot), before.get((host.name, slot))
                    if life and old and life != old and life[0] == old[0]:
                        self.beats.setdefault(life[0], []).append((time.monotonic(), host.name))
                    before[host.name, slot] = life
            self.stopping.wait(LOOK_S)

    def of(self, name):
        return self.beats.get(tag_of(name), [])

    def last(self, name, host):
        """When 'name' was seen alive there last."""
        seen = [at for at, where in self.of(name) if where == host]
        demand(seen, f"{name} was never seen alive on {host}, but {self.of(name)[-3:]}")
        return max(seen)

    def wait_first(self, name, host):
        """When 'name' was seen alive there first, which shall be soon."""
        end = time.monotonic() + 60 * PATIENCE
        while True:
            seen = [at for at, where in self.of(name) if where == host]
            if seen:
                return min(seen)
            demand(time.monotonic() < end, f"{name} is not seen alive on {host}, but {self.of(name)[-3:]}")
            time.sleep(0.1)

    def demand_never_two(self):
        """Whoever was alive on a host, and then elsewhere, was nowhere in between."""
        for name in VMS:
            beats = self.of(name)
            for (left, there), (came, here) in zip(beats, beats[1:]):
                demand(there == here or came - left > DEAD_S,
                       f"{name} was alive on {there} and {came - left:.2f} s later on {here}")


def look(host, slot):
    """Its gpu_life; None also if the host has no power."""
    try:
        return host.gpu_life(slot)
    except (QmpError, LabError, OSError, AttributeError):
        return None


class Bed:
    """Has a sound cluster for every test, whatever the one before did: 'with bed.cluster() as c' gives it and mends it
    at the end. A test that leaves what cannot be mended fails by that, and the next one gets new hosts, which 'make'
    makes. 'kind' is what is made of them."""

    def __init__(self, make=lab, hosts=None, kind=None):
        self.make, self.hosts, self.kind, self.sound = make, hosts, kind or Faults, None

    @contextlib.contextmanager
    def cluster(self):
        c, self.sound = self.sound or self.boot(), None
        try:
            yield c
        except Exception:
            c.lab.keep_logs()
            self.keep(c, is_failed=True)
            raise
        except BaseException:  # the whole run is to end
            c.lab.close()
            raise
        self.keep(c, is_failed=False)

    def boot(self):
        c = self.kind(self.make().__enter__(), self.hosts)
        try:
            c.begin()
        except BaseException:
            c.lab.keep_logs()
            c.lab.close()
            raise
        return c

    def keep(self, c, is_failed):
        begin = time.monotonic()
        try:
            c.mend()
            tell(f"mended in {time.monotonic() - begin:.1f} s")
            self.sound = c
        except Exception as problem:
            c.lab.keep_logs()
            c.lab.close()
            told = f"the cluster does not come back to health: {problem}"
            if not is_failed:
                raise AssertionError(told) from problem
            tell(f"{told}\nthe next test gets new hosts")

    def test(self, function, register=runner.test):
        """A test of a sound cluster, which it gets."""
        @functools.wraps(function)
        def whole():
            with self.cluster() as c:
                function(c)
        return register(whole)

    def matrix(self, function):
        """The same, of 'make lab-matrix' alone."""
        return self.test(function, runner.matrix)

    def main(self):
        try:
            return runner.main()
        finally:
            if self.sound:
                self.sound.lab.close()


class Faults(Cluster):
    """The cluster under test. 'lost' names hosts that are not to be asked."""

    def __init__(self, lab, hosts=None):
        super().__init__(lab, hosts)
        self.lost = set()

    def any_host(self):
        return next(host for host in self.hosts if host.is_on and host.name not in self.lost)

    # The way back to health.

    def begin(self):
        self.form()
        self.berth("gpu dismount --all")
        self.berth(f"pool create {POOL} --all --model {GPU_MODEL}")
        demand(self.ask(f"pool show {POOL}")["total"] == 2 * len(self.hosts), "the pool has not two GPUs of each host")
        for name in VMS:
            self.add_vm(name)
            # Test after test, hosts are lost under them; that shall not make them suspect.
            self.request("PATCH", f"/v1/vms/{name}", {"restart": {"host_losses_max": 0}})
        self.settle()

    def mend(self):
        """Undoes whatever was done to the hosts, and settles; anew if one is reset meanwhile."""
        for left in reversed(range(MENDINGS_MAX)):
            try:
                self.lost.clear()
                self.lab.hub.heal()
                self.lab.power.faults.clear()
                in_parallel([lambda host=host: mend(host) for host in self.lab.hosts])
                self.until("the API answers for a store that answers",
                           lambda: not self.ask("node ls").get("stale_since_ms"))
                self.settle()
                return
            except (LabError, QmpError, Refused, ShellError):
                if not left:
                    raise

    def settle(self):
        """All hosts up, under their watchdogs and with a hypervisor that answers, exactly VMS there, and alive."""
        # Also where nothing is paused: that ends the quarantine of a host that tests made begin anew again and again.
        in_parallel([lambda host=host: self.until_resumed(host) for host in self.hosts])
        for node in self.items("node"):
            if node["fencing"] != "watchdog":
                self.berth(f"node set {node['name']} --fencing watchdog")
        self.until_up(("up",))
        in_parallel([lambda host=host: self.until_hypervisor(host) for host in self.hosts])
        self.remove([vm["name"] for vm in self.items("vm") if vm["name"] not in VMS])
        self.berth(f"vm start {' '.join(VMS)} --wait-for-gpu")
        in_parallel([lambda name=name: self.prove_alive(name) for name in VMS])

    def check_holds(self, check, node, host=None):
        checks = self.ask(f"node show {node}", host)["checks"]
        return next(each["ok"] for each in checks if each["name"] == check)

    def until_resumed(self, host):
        self.until(f"{host.name} is resumed", lambda: self.berth(f"node resume {host.name}", host) is not None)

    def until_hypervisor(self, host):
        self.until(f"the hypervisor of {host.name} answers", lambda: self.check_holds("hypervisor", host.name, host))

    def until_up(self, states=BACK):
        def up():
            return all(node["state"] in states and node["watchdog_armed"] for node in self.items("node"))
        self.until(f"all hosts {' or '.join(states)} and under their watchdogs", up, 240 * PATIENCE)

    def until_back(self, host):
        self.until(f"{host.name} rejoins", lambda: self.node(host.name)["state"] in BACK, 240 * PATIENCE)

    def remove(self, names):
        if names:
            self.berth(f"vm stop --force {' '.join(names)}")
            self.berth(f"vm rm {' '.join(names)}")

    # What is.

    def records(self, *prefixes):
        """What the store holds: {key: (revision, value)}."""
        found = {}
        for prefix in prefixes or ("/berth/",):
            told = json.loads(self.any_host().sh(f"etcdctl get --prefix {prefix} -w json"))
            for item in told.get("kvs", ()):
                value = json.loads(base64.b64decode(item["value"]))
                found[base64.b64decode(item["key"]).decode()] = item["mod_revision"], value
        return found

    def epochs(self):
        """How often each VM has been started."""
        return {key.split("/")[4]: value["epoch"] for key, (_, value) in self.records("/berth/order/vms/").items()}

    def places(self):
        """Where Berth says that each VM of ours is."""
        return {vm["name"]: vm["node"] for vm in self.items("vm") if vm["name"] in VMS}

    def busiest(self):
        """A host with as many of our VMs as any, and those."""
        places = list(self.places().items())
        node = max((where for _, where in places), key=[where for _, where in places].count)
        return self.lab.host(node), [name for name, where in places if where == node]

    def with_room(self):
        """A host that runs one of our VMs and has a GPU free."""
        places = list(self.places().values())
        return self.lab.host(next(node for node in places if places.count(node) == 1))

    def processes(self):
        """The QEMU process of each VM on all hosts that have power: {(host, VM): process id}."""
        return {(host.name, name): pid for host in self.hosts if host.is_on for name, pid in qemus(host).items()}

    def boots(self):
        """How often each host has booted since it got power."""
        return {host.name: len(host.shell.boots) for host in self.hosts if host.is_on}

    def demand_nothing_stale(self, host):
        """What runs on a host is ordered there."""
        places = self.places()
        stale = [name for name in qemus(host) if places.get(name) != host.name]
        demand(not stale, f"{host.name} runs {stale}, which is ordered to {[places.get(name) for name in stale]}")

    def coordinator(self):
        return self.lab.host(self.ask("status")["coordinator"])

    @contextlib.contextmanager
    def undisturbed(self, but=()):
        """Whatever is done inside: no VM (not in 'but') is stopped or started, and no host reset. Looks on until any
        watchdog and any takeover would have come."""
        before = self.processes(), self.epochs(), self.boots()
        with Witness(self.lab) as witness:
            yield
            done = time.monotonic()
            time.sleep(AFTERMATH_S * self.pace)
            for name in VMS:
                demand(any(at > done + AFTERMATH_S * self.pace / 2 for at, _ in witness.of(name)), f"{name} lives no more")
        after = self.processes(), self.epochs(), self.boots()
        for what, then, now in zip(("processes", "epochs", "boots"), before, after):
            then, now = ({key: value for key, value in each.items() if key not in but and key[1] not in but}
                         for each in (then, now))
            demand(then == now, f"{what} were {then}, are {now}")


def mend(host, limit_s=240 * PATIENCE):
    """Power, no service held down or stalled; its watchdog may just now reset it."""
    if not host.is_on:
        host.power_on()
    end = time.monotonic() + limit_s
    while True:
        host.wait_boot(len(host.shell.boots) or 1)
        try:
            host.sh("rm -f /run/lab/held/*; for p in /run/lab/pid/*; do kill -CONT $(cat $p); done; true")
            return
        except ShellError as problem:
            if time.monotonic() > end:
                raise LabError(f"{host.name} is reset again and again: {problem}") from problem


def pid_of(host, service):
    return host.sh(f"cat /run/lab/pid/{service}")


def qemus(host):
    """What runs in the host, as its kernel says: {VM: process id}."""
    text = host.sh("grep -az -H '^guest=' /proc/[0-9]*/cmdline | tr '\\0' '\\n'; true")
    lines = [line for line in text.splitlines() if "guest=" in line]
    return {line.split("guest=")[1].split(",")[0]: int(line.split("/")[2]) for line in lines}

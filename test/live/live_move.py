#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VM moves while it runs, between two hosts with real libvirtd, QEMU and berthd. Its guest counts in its memory,
which is read from outside (/proc/PID/mem), as is which of its QEMUs runs."""

import glob
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import free_port, wait_for  # noqa: E402
from hosts import lacks, make_pki, openssl, qemus, with_hosts  # noqa: E402

HOOK = os.environ["BERTH_HOOK"]
PATIENCE_S = 180
SLACK_MS = 250  # a tick of the guest's timer (55 ms), and what the watch takes for a look on a busy machine
NODES = (f"move{os.getpid()}a", f"move{os.getpid()}b")
MEMORY, COUNTER = 16 << 20, 0x7000
# 18 times a second, by the timer of the BIOS: counts, and writes to 512 KiB of its memory. It flushes the TLB before:
# without that QEMU 7.2 does not notice, under TCG, what was written again after it had looked once.
COUNT = bytes([0x31, 0xC0,                    # xor ax, ax
               0x8E, 0xD8,                    # mov ds, ax
               0xFC,                          # cld
               0xFB,                          # sti
               0xF4,                          # again: hlt
               0x0F, 0x20, 0xC0,              # mov eax, cr0
               0x66, 0x35, 0, 0, 1, 0,        # xor eax, 0x10000
               0x0F, 0x22, 0xC0,              # mov cr0, eax
               0x66, 0xFF, 0x06, 0x00, 0x70,  # inc dword [0x7000]
               0xBB, 0x00, 0x10,              # mov bx, 0x1000
               0x8E, 0xC3,                    # next: mov es, bx
               0x31, 0xFF,                    # xor di, di
               0x66, 0xA1, 0x00, 0x70,        # mov eax, [0x7000]
               0xB9, 0x00, 0x40,              # mov cx, 0x4000
               0xF3, 0x66, 0xAB,              # rep stosd
               0x81, 0xC3, 0x00, 0x10,        # add bx, 0x1000
               0x81, 0xFB, 0x00, 0x90,        # cmp bx, 0x9000
               0x75, 0xE8,                    # jne next
               0xEB, 0xD0])                   # jmp again
XML = ("<domain type='qemu'><name>{}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os>"
       "<type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/></os><features><acpi/></features><devices>"
       "<disk type='file' device='floppy'><driver name='qemu' type='raw'/><source file='/var/lib/libvirt/images/count'/>"
       "<target dev='fda' bus='fdc'/><readonly/></disk>"
       "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>")


def counter(pid):
    """What the guest of QEMU 'pid' has counted; None: it is no more, or has no memory yet."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            spans = [re.match("([0-9a-f]+)-([0-9a-f]+) rw", line) for line in file]
        for span in filter(None, spans):
            begin, end = (int(each, 16) for each in span.groups())
            if end - begin == MEMORY:
                with open(f"/proc/{pid}/mem", "rb") as file:
                    file.seek(begin + COUNTER)
                    return int.from_bytes(file.read(4), "little")
    except OSError:
        pass
    return None


def threads_of(*programs):
    """Where each of their threads waits in the kernel: for a failure that nobody can look at."""
    told = []
    for task in glob.glob("/proc/[0-9]*/task/*"):
        try:
            with open(f"{task}/comm", encoding="utf-8") as comm, open(f"{os.path.dirname(task)}/../comm", encoding="utf-8") as program, \
                    open(f"{task}/wchan", encoding="utf-8") as place:
                if program.read().strip() in programs:
                    told.append(f"{task}: {comm.read().strip()} in {place.read()}")
        except OSError:
            pass
    return "\n".join(sorted(told))


class Asker:
    """One virsh that stays: what a domain's state is, in a millisecond. One that does not answer is told of, and
    another one asked, once: it is libvirtd that is looked at."""

    def __init__(self, uri):
        self.uri, self.said = uri, b""
        self.begin()

    def begin(self):
        self.virsh = subprocess.Popen(["virsh", "-q", "-c", self.uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)

    def ask(self, vm):
        """What virsh says; None: nothing within PATIENCE_S / 4."""
        self.virsh.stdin.write(f"domstate {vm}\necho end-of-answer\n".encode())
        self.virsh.stdin.flush()
        self.said = b""
        while b"end-of-answer\n" not in self.said:
            if not select.select([self.virsh.stdout], [], [], PATIENCE_S / 4)[0]:
                return None
            part = os.read(self.virsh.stdout.fileno(), 4096)
            assert part, "virsh ended"
            self.said += part
        return self.said

    def is_running(self, vm):
        said = self.ask(vm)
        if said is None:
            told = f"virsh does not answer, after {self.said}\n{threads_of('virsh', 'libvirtd')}"
            print("".join(f"# {line}\n" for line in told.split("\n")), end="", flush=True)
            self.end()
            self.begin()
            said = self.ask(vm)
            assert said is not None, told
        return b"running" in (line.strip() for line in said.split(b"\n"))

    def end(self):
        self.virsh.kill()
        self.virsh.wait()


class Watch(threading.Thread):
    """Looks all the time: never do both hosts run it, and it never counts backwards."""

    def __init__(self, vm, hosts):
        super().__init__(daemon=True)
        self.vm, self.askers = vm, [Asker(host.uri) for host in hosts]
        self.ended, self.trouble, self.looks, self.both = False, None, 0, 0
        self.last, self.changed, self.pause = 0, time.monotonic(), 0.0

    def look(self):
        first, second, again = (asker.is_running(self.vm) for asker in (*self.askers, self.askers[0]))
        if first and second and again:
            self.trouble = "both hosts run it"
        counts = [count for count in (counter(pid) for pid in qemus(*NODES)) if count]
        self.both += len(counts) > 1
        now, most = time.monotonic(), max(counts, default=0)
        if counts and (first or second) and most < self.last:
            self.trouble = f"it had counted to {self.last}, and is at {most}"
        if most > self.last:
            self.pause = max(self.pause, now - self.changed)
            self.last, self.changed = most, now
        self.looks += 1

    def run(self):
        try:
            while not self.ended:
                self.look()
                time.sleep(0.01)
        except Exception as problem:
            self.trouble = repr(problem)

    def __enter__(self):
        self.start()
        wait_for("it is watched", lambda: self.looks > 2 or self.trouble, PATIENCE_S)
        self.pause = 0.0
        return self

    def __exit__(self, *problem):
        self.ended = True
        self.join()
        for asker in self.askers:
            asker.end()
        assert self.trouble is None, self.trouble


def place(host):
    return host.etcd.all().get("order/vms/t", {})


def status(host):
    return host.etcd.all().get("seen/vms/t", {})


def order_move(a):
    spec = a.etcd.all()["want/vms/t"]
    a.etcd.put("want/vms/t", {**spec, "move_to": "*", "move_order": spec.get("move_order", 0) + 1})


def moves_to(a, node):
    wait_for(f"it runs on {node}", lambda: status(a).get("state") == "running" and status(a)["node"] == node, PATIENCE_S)


def both_hosts_say_that_they_can(a, b):
    for host in (a, b):
        wait_for(f"{host.node} tells", lambda host=host: a.etcd.all()[f"seen/nodes/{host.node}"].get("cpu_model"), PATIENCE_S)


def a_vm_moves_without_a_stop_and_counts_on(a, b):
    for target in (a.node, b.node):
        epoch = place(a)["epoch"]
        with Watch("t", (a, b)) as watch:
            wait_for("the guest counts", lambda watch=watch: watch.last > 0, PATIENCE_S)
            before = watch.last
            order_move(a)
            moves_to(a, target)
            wait_for("it counts on", lambda watch=watch: watch.last > before + 5 or watch.trouble, PATIENCE_S)
            time.sleep(1)
        told_ms, seen_ms = status(a)["pause_ms"], watch.pause * 1000
        print(f"# to {target}: counted {before} to {watch.last}, pause {seen_ms:.0f} ms, berthd says {told_ms} ms, "
              f"{watch.looks} looks, {watch.both} with two QEMUs", flush=True)
        assert 0 < told_ms < seen_ms + SLACK_MS and seen_ms < told_ms + SLACK_MS, (told_ms, seen_ms)
        journals = a.journal() + b.journal()
        assert f"after a pause of {told_ms} ms" in journals, journals[-800:]
        assert place(a)["epoch"] > epoch and len(qemus(*NODES)) == 1, (place(a), qemus(*NODES))
    journals = a.journal() + b.journal()
    assert "moved live from" in journals, journals[-800:]


def settings(a, **values):
    a.etcd.put("want/cluster", {**a.etcd.all().get("want/cluster", {"schema": 1}), **values})


def a_guest_too_busy_for_the_network_does_not_go_and_tells_how_far_it_is_and_goes_with_a_longer_pause(a, b):
    """512 KiB change 18 times a second: over 1 MiB/s they are never all there, and no pause of 10 ms ever suffices."""
    there = {a.node: b.node, b.node: a.node}[status(a)["node"]]
    settings(a, migration_mib_s=1, migration_pause_ms=10)
    with Watch("t", (a, b)) as watch:
        order_move(a)
        wait_for("it tells how far it is", lambda: status(a).get("move_total_mib"), PATIENCE_S)
        first, since = status(a), time.monotonic()
        asked = subprocess.run(["virsh", "-c", a.uri, "qemu-monitor-command", "t",
                                '{"execute": "query-migrate-parameters"}'], check=True, capture_output=True, text=True)
        assert '"tls-creds":"objlibvirt' in asked.stdout.replace(" ", ""), asked.stdout  # to b: by QEMU's own TLS
        wait_for("it tells again", lambda: status(a) != first, PATIENCE_S)
        told = status(a)
        print(f"# {told.get('move_left_mib', 0)} of {told['move_total_mib']} MiB left at {told.get('move_mib_s')} MiB/s, pause of "
              f"{told.get('move_pause_ms')} ms expected; told again after {time.monotonic() - since:.1f} s", flush=True)
        assert told["state"] == "running" and told["node"] != there and told.get("move_mib_s", 0) <= 2, told
        assert told["move_total_mib"] >= 16 and told.get("move_left_mib", 0) <= 16, told
        assert time.monotonic() - since > 3, "the status is written too often"
        order_move(a)  # once more: what is under way goes on
        spec = a.etcd.all()["want/vms/t"]
        wait_for("the order is taken", lambda: place(a)["move_order"] == spec["move_order"], PATIENCE_S)
        assert place(a)["handover"] == "ordered" and "vm-live-move-failed" not in a.journal() + b.journal(), place(a)
        a.etcd.put("want/vms/t", {**spec, "move_to": "", "move_order": spec["move_order"] + 1})
        wait_for("it stays", lambda: place(a)["phase"] == "start" and not status(a).get("stop_refused"), PATIENCE_S)
        assert status(a)["node"] != there and watch.pause < 1, (status(a), watch.pause)
        settings(a, migration_pause_ms=2000)
        order_move(a)
        moves_to(a, there)
        print(f"# with a pause of 2 s allowed: {status(a)['pause_ms']} ms", flush=True)
    settings(a, migration_mib_s=0, migration_pause_ms=300)


def a_host_without_a_certificate_of_the_authority_hands_over_nothing(a, b):
    """Its own key, but another authority's word for it."""
    there, here = (a, b) if status(a)["node"] == b.node else (b, a)
    pki = f"{here.directory}/pki"
    os.rename(pki, f"{pki}.good")
    make_pki(pki, f"{here.directory}/other", "stranger")
    shutil.copy(f"{pki}.good/cacert.pem", f"{pki}/cacert.pem")
    epoch = place(a)["epoch"]
    spec = a.etcd.all()["want/vms/t"]
    a.etcd.put("want/vms/t", {**spec, "move_to": "*", "move_by": "live", "move_order": spec["move_order"] + 1})
    wait_for("it is refused", lambda: "live move of t" in a.journal() + b.journal(), PATIENCE_S)
    wait_for("it stays", lambda: place(a)["phase"] == "start" and not place(a).get("handover"), PATIENCE_S)
    assert place(a)["epoch"] == epoch and status(a)["node"] == here.node, (place(a), there.node)
    shutil.rmtree(pki)
    os.rename(f"{pki}.good", pki)


def certificates_of_the_store_and_of_qemu_open_no_libvirt(a, b):
    """The key of all three authorities is the same, and its name is not."""
    own = f"{a.directory}/foreign"
    os.mkdir(own)

    def connect():
        return subprocess.run(["virsh", "-c", a.move_address.replace(f"{a.directory}/pki", own), "uri"], check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S)

    def use(ca, certificate, key):
        for name, source in (("cacert", ca), ("clientcert", certificate), ("clientkey", key)):
            shutil.copy(source, f"{own}/{name}.pem")
        return connect()

    pki, cluster = f"{b.directory}/pki", f"{b.directory}/pki/etc/berth/cluster"
    assert use(f"{pki}/cacert.pem", f"{pki}/clientcert.pem", f"{pki}/clientkey.pem").returncode == 0, connect()
    with open(f"{own}/extensions", "w", encoding="ascii") as file:
        file.write("keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            f"{own}/key.pem", "-out", f"{own}/request", "-subj", "/O=Berth host x")
    openssl("x509", "-req", "-in", f"{own}/request", "-CA", f"{cluster}/ca.pem", "-CAkey", f"{cluster}/ca-key.pem",
            "-CAcreateserial", "-days", "2", "-extfile", f"{own}/extensions", "-out", f"{own}/cert.pem")
    for certificate, key in ((f"{own}/cert.pem", f"{own}/key.pem"), (f"{pki}/client-cert.pem", f"{pki}/client-key.pem")):
        said = use(f"{pki}/cacert.pem", certificate, key)
        assert said.returncode != 0 and "certificate" in said.stderr, said


def what_is_not_ordered_is_refused_by_the_hook(a, b):
    before = qemus(*NODES)
    said = subprocess.run(["virsh", "-c", b.uri, "migrate", "--live", "--p2p", "--tunnelled", "t",
                           a.move_address], check=False, capture_output=True, text=True,
                          timeout=PATIENCE_S)
    assert said.returncode != 0 and "berth vm move t" in said.stderr, said
    time.sleep(2)
    assert qemus(*NODES) == before and status(a)["state"] == "running"
    assert not os.listdir(f"{a.directory}/run/incoming") and not os.listdir(f"{b.directory}/run/incoming")


def a_move_that_libvirt_refuses_becomes_a_restart(a, b):
    """The target's hook refuses all."""
    with open(a.hook, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n[ \"$2\" != migrate ]\n")
    with Watch("t", (a, b)) as watch:
        watch.last = 1 << 31  # it begins again
        watch.trouble = None
        order_move(a)
        wait_for("it stays whole", lambda: status(a).get("node") == a.node and status(a)["state"] == "running", PATIENCE_S)
        watch.trouble = None if watch.trouble and "had counted" in watch.trouble else watch.trouble
    assert "live move of t" in a.journal() + b.journal(), b.journal()[-800:]
    assert len(qemus(*NODES)) == 1, qemus(*NODES)


TESTS = [both_hosts_say_that_they_can, certificates_of_the_store_and_of_qemu_open_no_libvirt,
         a_guest_too_busy_for_the_network_does_not_go_and_tells_how_far_it_is_and_goes_with_a_longer_pause,
         a_vm_moves_without_a_stop_and_counts_on, what_is_not_ordered_is_refused_by_the_hook,
         a_move_that_libvirt_refuses_becomes_a_restart, a_host_without_a_certificate_of_the_authority_hands_over_nothing]
MEMORY_TO = ("", "tcp://127.0.0.1")  # to the first host through libvirt's connection, to the other by QEMU's own TLS


def main():
    why = lacks()
    print(f"1..{len(TESTS)}", flush=True)
    if why:
        for number, test in enumerate(TESTS, 1):
            print(f"ok {number} - {test.__name__} # SKIP {why}")
    else:
        floppy = COUNT.ljust(510, b"\0") + b"\x55\xAA" + bytes(1440 * 1024 - 512)
        with_hosts(NODES, HOOK, TESTS, port=free_port, memory=MEMORY_TO, image=floppy, xml=XML.format("t"), offline_action="turn-off")


if __name__ == "__main__":
    main()

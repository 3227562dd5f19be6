#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real berthd whose store is emptied, or is another one, leaves the QEMUs of its host alone: real
etcd, libvirtd and QEMU (TCG), as root in a PID and mount namespace."""

import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Etcd, b64, wait_for  # noqa: E402

BERTHD = os.environ["BERTHD"]
NODE = f"contra{os.getpid()}"
PLACES = ["/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/etc/libvirt"]
XML = ("<domain type='qemu'><name>{}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os>"
       "<type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>"
       "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>")


class Host:
    """libvirtd in namespaces of its own, and a berthd in them."""

    def __init__(self, directory, etcd):
        self.directory, self.etcd, self.daemon = directory, etcd, None
        mounts = ""
        for i, place in enumerate(PLACES):
            os.makedirs(f"{directory}/{i}")
            mounts += f"mkdir -p {place}; mount --bind {directory}/{i} {place}; "
        self.write("4/qemu.conf", 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'
                   'cgroup_controllers = []\nnamespaces = []\nremember_owner = 0\nstdio_handler = "file"\n')
        self.write("libvirtd.conf", f'auth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_dir = "{directory}"\n'
                   'unix_sock_rw_perms = "0700"\n')
        self.uri = f"qemu:///system?socket={directory}/libvirt-sock"
        with open(f"{directory}/log", "w", encoding="utf-8") as log:
            self.libvirtd = subprocess.Popen(
                ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "--propagation", "private", "sh", "-c",
                 f"{mounts} exec libvirtd -f {directory}/libvirtd.conf -p {directory}/pid"], stdout=log, stderr=log)
        wait_for("libvirtd answers", lambda: subprocess.run(["virsh", "-c", self.uri, "list"], check=False,
                                                             capture_output=True).returncode == 0, 60)
        self.begin()

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def begin(self, prefix="/berth/"):
        self.write("berth.conf", f"node = {NODE}\nwatchdog = none\netcd_endpoints = {self.etcd.url}\n"
                   f"etcd_prefix = {prefix}\nlibvirt_uri = {self.uri}\nrun_dir = {self.directory}/run\n"
                   f"state_dir = {self.directory}/state\napi_socket = {self.directory}/api.sock\n")
        pid = self.libvirtd.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            child = file.read().split()[0]
        with open(f"{self.directory}/berthd.log", "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(["nsenter", "-t", child, "-m", "-p", BERTHD, "--config",
                                            f"{self.directory}/berth.conf"], stdout=log, stderr=log)

    def end(self, number=signal.SIGTERM):
        """nsenter forks for the PID namespace: its child is berthd."""
        pid = self.daemon.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            for child in file.read().split():
                os.kill(int(child), number)
        self.daemon.wait(20)

    def decide(self, word):
        return subprocess.run([BERTHD, "--config", f"{self.directory}/berth.conf", word], check=False,
                              capture_output=True, text=True)

    def journal(self):
        with open(f"{self.directory}/berthd.log", encoding="utf-8") as file:
            return file.read()

    def close(self):
        for process in (self.daemon, self.libvirtd):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for pid in qemus():
            os.kill(pid, signal.SIGKILL)


def qemus():
    """{pid: marker} of the QEMUs of this test's host."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        for word in words:
            if word.startswith("name=opt/berth/instance") and NODE in word:
                found[int(path.split("/")[2])] = word
    return found


def start(host, vm):
    host.etcd.put(f"want/vms/{vm}", {"schema": 1, "xml": XML.format(vm), "cpus": 1, "memory_mib": 16,
                                     "desired": "started", "start_order": 1})
    wait_for(f"{vm} runs", lambda: host.etcd.all().get(f"seen/vms/{vm}", {}).get("state") == "running", 120)


def stay(before, seconds=6):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert qemus() == before, (before, qemus())
        time.sleep(0.1)


def a_mistyped_prefix_ends_no_vm_and_the_right_one_goes_on(host):
    before = qemus()
    host.end()
    host.begin("/bert/")
    wait_for("it says so", lambda: "store-contradicts" in host.journal(), 30)
    stay(before)
    reply = host.etcd.call("kv/range", {"key": b64("/bert/"), "range_end": b64("/bert0")})
    assert "kvs" not in reply, "it wrote into the wrong store"
    said = host.decide("--check-config")
    assert said.returncode == 1 and "contradicts" in said.stderr, said
    host.end()
    host.begin()
    wait_for("it adopts them", lambda: "node-rejoined" in host.journal(), 30)
    stay(before, 3)


def an_emptied_store_ends_no_vm_until_somebody_says_so(host):
    before, said = qemus(), host.journal().count("store-contradicts")
    host.etcd.call("kv/deleterange", {"key": b64("/berth/"), "range_end": b64("/berth0")})
    wait_for("it says so", lambda: host.journal().count("store-contradicts") > said, 30)
    stay(before)
    assert host.decide("--adopt").returncode == 0
    wait_for("adoption is refused", lambda: "adoption-refused" in host.journal(), 30)
    stay(before, 2)
    assert host.decide("--clear").returncode == 0
    wait_for("they are ended", lambda: not qemus(), 30)
    wait_for("it joins", lambda: host.etcd.all().get(f"beat/{NODE}"), 30)


TESTS = [a_mistyped_prefix_ends_no_vm_and_the_right_one_goes_on, an_emptied_store_ends_no_vm_until_somebody_says_so]


def lacks():
    if os.geteuid() != 0:
        return "only root can have a libvirtd of its own"
    for program in ("libvirtd", "virsh", "qemu-system-x86_64", "etcd", "nsenter", "unshare"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if subprocess.run(["unshare", "-m", "-p", "-f", "true"], check=False).returncode != 0:
        return "no namespaces here"
    return None


def main():
    why = lacks()
    if why:
        print(f"1..0 # SKIP {why}")
        return
    print(f"1..{len(TESTS)}", flush=True)
    directory = tempfile.mkdtemp(prefix="berth-live-")
    etcd = Etcd(directory)
    os.makedirs(f"{directory}/host")
    host = None
    try:
        host = Host(f"{directory}/host", etcd)
        for vm in ("t", "u"):
            start(host, vm)
        for number, test in enumerate(TESTS, 1):
            try:
                test(host)
                print(f"ok {number} - {test.__name__}", flush=True)
            except Exception as problem:  # told, and the next one tried
                print(f"not ok {number} - {test.__name__}\n# {problem!r}", flush=True)
                print("".join(f"# {line}\n" for line in host.journal().split("\n")[-40:]), flush=True)
    finally:
        if host:
            host.close()
        etcd.kill()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()

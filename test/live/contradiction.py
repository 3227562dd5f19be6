#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real berthd whose store is emptied, or is another one, leaves the QEMUs of its host alone: real
etcd, libvirtd and QEMU (TCG), as root in a PID and mount namespace."""

import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Etcd, b64, wait_for  # noqa: E402
from hosts import Host, lacks, qemus, start  # noqa: E402

NODE = f"contra{os.getpid()}"
def stay(before, seconds=6):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert qemus(NODE) == before, (before, qemus(NODE))
        time.sleep(0.1)


def a_mistyped_prefix_ends_no_vm_and_the_right_one_goes_on(host):
    before = qemus(NODE)
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


def a_heartbeat_that_is_deleted_ends_no_vm_and_the_cluster_is_told(host):
    def told():
        return [key for key, event in host.etcd.all().items()
                if key.startswith("log/") and event.get("code") == "store-contradicts"]
    before = qemus(NODE)
    assert not told(), "the event of the mistyped prefix is not of this store"
    host.etcd.call("kv/deleterange", {"key": b64(f"/berth/beat/{NODE}")})
    wait_for("the cluster is told", told, 30)
    stay(before, 2)
    assert len(told()) == 1, told()
    assert host.decide("--adopt").returncode == 0
    wait_for("it goes on", lambda: host.etcd.all().get(f"beat/{NODE}"), 30)
    stay(before, 2)


def an_emptied_store_ends_no_vm_until_someone_says_so(host):
    before, said = qemus(NODE), host.journal().count("store-contradicts")
    host.etcd.call("kv/deleterange", {"key": b64("/berth/"), "range_end": b64("/berth0")})
    wait_for("it says so", lambda: host.journal().count("store-contradicts") > said, 30)
    stay(before)
    assert host.decide("--adopt").returncode == 0
    wait_for("adoption is refused", lambda: "adoption-refused" in host.journal(), 30)
    stay(before, 2)
    assert host.decide("--clear").returncode == 0
    wait_for("they are ended", lambda: not qemus(NODE), 30)
    wait_for("it joins", lambda: host.etcd.all().get(f"beat/{NODE}"), 30)


TESTS = [a_mistyped_prefix_ends_no_vm_and_the_right_one_goes_on,
         a_heartbeat_that_is_deleted_ends_no_vm_and_the_cluster_is_told,
         an_emptied_store_ends_no_vm_until_someone_says_so]


def main():
    why = lacks()
    if why:
        print(f"1..0 # SKIP {why}")
        return
    print(f"1..{len(TESTS)}", flush=True)
    directory = tempfile.mkdtemp(prefix="berth-live-")
    etcd = Etcd(directory)
    host = None
    try:
        host = Host(f"{directory}/host", etcd, NODE)
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

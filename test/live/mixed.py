#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two versions on one store, as while hosts are upgraded one after the other: real berthd and berth-api of both, etcd,
libvirtd and QEMU (TCG), as root in a PID and mount namespace. tools/mixed builds the other version and calls this."""

import json
import os
import signal
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Etcd, wait_for  # noqa: E402
from hosts import BERTHD, Host, attempt, lacks, qemus, start  # noqa: E402

THIS, OTHER = os.path.dirname(BERTHD), os.environ["BERTH_OTHER"]
NODES = [f"mixed{os.getpid()}{letter}" for letter in "ab"]  # 'a' begins with the other version


class Api:
    """A berth-api with its command line."""

    def __init__(self, folder, host):
        self.folder, self.socket = folder, f"{host.directory}/api.sock"
        self.process = subprocess.Popen([f"{folder}/berth-api", "--config", f"{host.directory}/berth.conf"],
                                        stderr=subprocess.DEVNULL)
        wait_for("berth-api answers", lambda: self.berth("status")[0] == 0, 30)

    def berth(self, *words):
        done = subprocess.run([f"{self.folder}/berth", "--socket", self.socket, *words], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def must(self, *words):
        code, text = self.berth(*words)
        assert code == 0, (self.folder, words, text)
        return text

    def close(self):
        self.process.kill()
        self.process.wait()


def record(host, key):
    return host.etcd.all().get(key, {})


def settle(host, said, before):
    wait_for(f"{host.node} {said}", lambda: host.journal().count(said) > before, 60)


def begin_again(host, folder, number=signal.SIGTERM):
    """In place, as an upgrade of the package restarts it."""
    before = host.journal().count("node-rejoined")
    host.end(number)
    host.berthd = f"{folder}/berthd"
    host.begin()
    settle(host, "node-rejoined", before)


def a_host_runs_what_a_coordinator_of_the_other_version_orders(other, this):
    assert record(other, "order/leader")["node"] == other.node, record(other, "order/leader")
    start(this, "t", possible_owners=[this.node])
    assert record(this, "seen/vms/t")["node"] == this.node, "the other host took it"
    before = qemus(*NODES)
    other.end(signal.SIGKILL)
    wait_for("this version coordinates", lambda: record(this, "order/leader")["node"] == this.node, 60)
    other.begin()
    settle(other, "node-rejoined", 0)
    start(other, "u", possible_owners=[other.node])
    assert record(this, "seen/vms/u")["node"] == other.node, "this host took it"
    after = qemus(*NODES)
    assert before.items() <= after.items() and len(after) == len(before) + 1, (before, after)


def an_upgrade_in_place_and_the_way_back_cost_no_vm(other, this):
    before = qemus(*NODES)
    for host, folder in ((other, THIS), (this, OTHER), (other, OTHER), (this, THIS)):
        begin_again(host, folder)
        assert qemus(*NODES) == before, (host.node, folder, qemus(*NODES))


def each_api_reads_what_the_other_wrote(other, this):
    apis = Api(OTHER, other), Api(THIS, this)
    try:
        for api in apis:  # which has just begun to listen
            wait_for("it hears both", lambda api=api: api.must("node", "ls").count(" up ") == 2, 30)
        for number, (writer, reader) in enumerate((apis, apis[::-1]), 1):
            writer.must("cluster", "set", f"reserve={number}")
            writer.must("node", "set", other.node, "--label", f"by=v{number}")
            wait_for("it is read", lambda: json.loads(reader.must("cluster", "export"))["configuration"]["cluster"]
                     .get("reserve") == number, 10)
            node = json.loads(reader.must("node", "show", other.node, "-o", "json"))
            assert node["spec"]["labels"] == {"by": f"v{number}"} and node["state"] == "up", node
            vms = json.loads(reader.must("vm", "ls", "-o", "json"))["items"]
            assert sorted((vm["name"], vm["state"]) for vm in vms) == [("t", "running"), ("u", "running")], vms
            code, text = reader.berth("validate")
            assert code in (0, 1) and "Every host is heard" in text, (code, text)
        # Of a version after this one, whose fields this one does not know.
        spec = record(this, f"want/nodes/{this.node}")
        this.etcd.put(f"want/nodes/{this.node}", {**spec, "later": {"a": [1]}})
        apis[1].must("node", "set", this.node, "--label", "x=y")
        spec = record(this, f"want/nodes/{this.node}")
        assert spec["later"] == {"a": [1]} and spec["labels"] == {"x": "y"}, spec
        # A secret that one of the hosts could not read is not taken.
        can_open = all(record(host, f"seen/nodes/{host.node}").get("seal_key") for host in (other, this))
        code, text = apis[1].berth("node", "set", this.node, "--agent", "fence_x", "--param", "password=SECRET")
        assert code == 0 if can_open else "upgrade berthd there" in text and other.node in text, (code, text)
        assert "SECRET" not in json.dumps(this.etcd.all())
    finally:
        for api in apis:
            api.close()


def a_format_that_is_too_new_for_both_ends_no_vm_and_is_changed_by_neither(other, this):
    before, kept = qemus(*NODES), record(this, "format")
    apis = Api(OTHER, other), Api(THIS, this)
    try:
        # What only writes more, and can be read by both, is no reason to refuse.
        this.etcd.put("format", {**kept, "number": kept["number"] + 1})
        for api in apis:
            wait_for("it takes changes", lambda api=api: api.berth("cluster", "set", "reserve=0")[0] == 0, 30)
        for host in (other, this):
            beat = record(host, f"beat/{host.node}")
            wait_for(f"{host.node} goes on", lambda host=host, beat=beat: record(host, f"beat/{host.node}") != beat, 30)
        assert not [host.node for host in (other, this) if "store-refused" in host.journal()]
        this.etcd.put("format", {**kept, "number": kept["number"] + 1, "oldest": kept["oldest"] + 1})
        for host in (other, this):
            wait_for(f"{host.node} says so", lambda host=host: "needs a newer Berth" in host.journal(), 30)
        for api in apis:
            code, text = api.berth("cluster", "set", "reserve=1")
            assert code != 0 and "this berth-api is older" in text, (api.folder, text)
        assert qemus(*NODES) == before, qemus(*NODES)
    finally:
        for api in apis:
            api.close()


TESTS = [a_host_runs_what_a_coordinator_of_the_other_version_orders, an_upgrade_in_place_and_the_way_back_cost_no_vm,
         each_api_reads_what_the_other_wrote, a_format_that_is_too_new_for_both_ends_no_vm_and_is_changed_by_neither]


def main():
    why = lacks()
    if why:
        print(f"1..0 # SKIP {why}")
        return
    print(f"1..{len(TESTS)}", flush=True)
    directory = tempfile.mkdtemp(prefix="berth-mixed-")
    etcd, hosts = Etcd(directory), []
    try:
        for node, folder in zip(NODES, (OTHER, THIS)):
            hosts.append(Host(f"{directory}/{node}", etcd, node, berthd=f"{folder}/berthd"))
            wait_for(f"{node} joins", lambda node=node: record(hosts[0], f"beat/{node}"), 60)
            wait_for("its libvirt answers", lambda: "hypervisor: it answers" in hosts[-1].journal(), 180)
        for number, test in enumerate(TESTS, 1):
            attempt(number, test, hosts)
    finally:
        for host in hosts:
            host.close()
        etcd.kill()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()

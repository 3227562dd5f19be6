#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people do past Berth, on two hosts with real libvirtd, QEMU and berthd: they migrate a VM, and rename a
host. At every instant one copy of it runs. And libvirt's hook, alone and called by libvirt."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import free_port, wait_for  # noqa: E402
from hosts import attempt, lacks, qemus, with_hosts  # noqa: E402
import signal  # noqa: E402

HOOK = os.environ["BERTH_HOOK"]
PATIENCE_S = 120  # a starved machine's libvirt may take a minute to answer for the first time
NODES = (f"hand{os.getpid()}a", f"hand{os.getpid()}b")
MARKED = """<domain type='kvm'><name>t</name><metadata><b:instance xmlns:b="urn:berth:domain:1">c/t/1/1/a</b:instance>
</metadata><devices/></domain>"""
BARE = "<domain type='kvm'><name>t</name><metadata/><devices/></domain>"


class Watch(threading.Thread):
    """Looks all the time. A migration has a second QEMU, which does not run yet; what must never be is a second
    epoch beside the first."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended, self.trouble, self.most = False, None, 0

    def run(self):
        while not self.ended:
            now = list(qemus(*NODES).values())
            self.most = max(self.most, len(now))
            if len(set(now)) > 1:
                self.trouble = now
            time.sleep(0.02)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *problem):
        self.ended = True
        self.join()
        assert self.trouble is None, f"two copies ran: {self.trouble}"


def run_hook(operation, sub, text):
    return subprocess.run([HOOK, "t", operation, sub, "-"], input=text, check=False, capture_output=True, text=True)


def the_hook_refuses_a_marked_vm_that_is_migrated_in():
    for text in (MARKED, "<qemu:arg value='name=opt/berth/instance,string=c/t/1/1/a'/>"):
        said = run_hook("migrate", "begin", text)
        assert said.returncode == 1 and "berth vm move t" in said.stderr and not said.stdout, said


def the_hook_lets_all_else_pass():
    for operation, sub, text in (("migrate", "begin", BARE), ("migrate", "begin", ""), ("prepare", "begin", MARKED),
                                 ("start", "begin", MARKED), ("release", "end", MARKED)):
        said = run_hook(operation, sub, text)
        assert said.returncode == 0 and not said.stdout and not said.stderr, (operation, text, said)


def the_hook_reads_all_of_a_long_domain():
    said = run_hook("migrate", "begin", MARKED + "\n" + "<!-- -->\n" * 100000)
    assert said.returncode == 1, said


def the_hook_lets_in_what_was_ordered_where_berth_conf_says():
    """Also without a run_dir there: then berthd writes its orders to its default, which the hook must know."""
    text = "<entry name='opt/berth/instance'>c/t/2/1/b</entry>"
    with open(HOOK, encoding="ascii") as file:
        hook = file.read()
    assert f":-{default_run_dir()}}}/incoming" in hook, "the hook does not know berthd's default of run_dir"
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(f"{directory}/my run/incoming")
        with open(f"{directory}/berth.conf", "w", encoding="ascii") as file:
            file.write(f"# run_dir = /nowhere\nnode = b\n run_dir =  {directory}/my run \n")
        with open(f"{directory}/hook", "w", encoding="ascii") as file:
            file.write(hook.replace("/etc/berth/berth.conf", f"{directory}/berth.conf"))
        for order, code in (("c/t/2/1/b", 0), ("c/t/3/1/b", 1)):
            with open(f"{directory}/my run/incoming/t", "w", encoding="ascii") as file:
                file.write(order + "\n")
            said = subprocess.run(["sh", f"{directory}/hook", "t", "migrate", "begin", "-"], input=text, check=False,
                                  capture_output=True, text=True)
            assert said.returncode == code, (order, said)


def default_run_dir():
    """As berth.conf(5) has it, which is made of the settings' own table."""
    page = subprocess.run([os.environ["BERTH_MANUAL"], "berth.conf.5"], check=True, capture_output=True, text=True).stdout
    return re.search(r"run_dir.*?\nDefault: (\S+)\.\n", page, re.S).group(1)


def migrate(a, b):
    return subprocess.run(["virsh", "-c", a.uri, "migrate", "--live", "--unsafe", "t", b.uri, "--migrateuri",
                           f"tcp://127.0.0.1:{free_port()}"], check=False, capture_output=True, text=True, timeout=PATIENCE_S)


def state(a):
    return a.etcd.all().get("seen/vms/t", {}).get("state")


def a_migration_by_hand_is_refused_with_a_clear_message(a, b):
    before = qemus(*NODES)
    with Watch():
        said = migrate(a, b)
        assert said.returncode != 0 and "berth vm move t" in said.stderr, said
        time.sleep(3)
    assert qemus(*NODES) == before and state(a) == "running", (before, qemus(*NODES), state(a))


def without_the_hook_a_vm_that_was_migrated_by_hand_runs_once(a, b):
    os.unlink(b.hook)
    with Watch():
        said = migrate(a, b)
        assert said.returncode == 0, said
        wait_for("it is away", lambda: state(a) == "away", PATIENCE_S)
        wait_for("the other host tells of it", lambda: a.etcd.all()[f"seen/nodes/{NODES[1]}"].get("sightings"), PATIENCE_S)
        time.sleep(5)
    assert len(qemus(*NODES)) == 1, qemus(*NODES)
    spec = a.etcd.all()["want/vms/t"]
    a.etcd.put("want/vms/t", {**spec, "elsewhere": "adopt", "elsewhere_order": 1})
    wait_for("it is adopted", lambda: state(a) == "running" and
             a.etcd.all()["seen/vms/t"]["node"] == NODES[1], PATIENCE_S)
    assert len(qemus(*NODES)) == 1, qemus(*NODES)


def a_host_with_another_name_does_not_join(_, b):
    before = qemus(*NODES)
    with Watch():
        b.end(signal.SIGKILL)
        b.node += "x"
        b.begin()
        assert b.daemon.wait(PATIENCE_S) != 0
        assert f"this host joined as {NODES[1]}" in b.journal(), b.journal()[-500:]
        os.unlink(f"{b.directory}/run/identity")  # and now nobody but the marker knows
        b.begin()
        wait_for("it says so", lambda: "store-contradicts" in b.journal(), PATIENCE_S)
        time.sleep(5)
    assert qemus(*NODES) == before and f"beat/{b.node}" not in b.etcd.all(), (before, qemus(*NODES))
    b.end()
    b.node = NODES[1]
    b.begin()
    wait_for("it goes on", lambda: "node-rejoined" in b.journal(), PATIENCE_S)
    wait_for("it keeps its name", lambda: os.path.exists(f"{b.directory}/run/identity"), PATIENCE_S)
    assert qemus(*NODES) == before


def a_host_that_was_renamed_keeps_its_name_until_it_boots(_, b):
    before = qemus(*NODES)
    joined = b.journal().count("node-rejoined")
    with Watch():
        b.end(signal.SIGKILL)
        b.host_name = "another"
        b.begin()
        wait_for("it goes on", lambda: b.journal().count("node-rejoined") > joined, PATIENCE_S)
        assert qemus(*NODES) == before and "beat/another" not in b.etcd.all(), (before, qemus(*NODES))
    checks = b.etcd.all()[f"seen/nodes/{b.node}"]["checks"]
    assert any(each["name"] == "host-name" and f"set 'node = {b.node}'" in each["detail"] for each in checks), checks
    b.end()
    b.host_name = None
    b.begin()
    wait_for("it goes on", lambda: b.journal().count("node-rejoined") > joined + 1, PATIENCE_S)


ALONE = [the_hook_lets_in_what_was_ordered_where_berth_conf_says, the_hook_refuses_a_marked_vm_that_is_migrated_in,
         the_hook_lets_all_else_pass,
         the_hook_reads_all_of_a_long_domain]
TESTS = [a_migration_by_hand_is_refused_with_a_clear_message, without_the_hook_a_vm_that_was_migrated_by_hand_runs_once,
         a_host_with_another_name_does_not_join, a_host_that_was_renamed_keeps_its_name_until_it_boots]


def main():
    why = lacks()
    print(f"1..{len(ALONE) + len(TESTS)}", flush=True)
    for number, test in enumerate(ALONE, 1):
        attempt(number, test, [])
    if why:
        for number, test in enumerate(TESTS, len(ALONE) + 1):
            print(f"ok {number} - {test.__name__} # SKIP {why}")
    else:
        with_hosts(NODES, HOOK, TESTS, len(ALONE) + 1)


if __name__ == "__main__":
    main()

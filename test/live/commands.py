# SPDX-License-Identifier: LGPL-2.1-or-later
"""The berth command as administrators meet it: reports, terminals, export and import."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import test, main  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402


def with_vms(c, **vms):
    c.make_pool()
    for name, count in vms.items():
        c.add_vm(name, count)


def on_terminal(c, *words, columns=80, environment=None):
    """(exit code, all that comes to a terminal of so many columns, output and errors together)"""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, *words], stdin=follower, stdout=follower,
                               stderr=follower, env={**clean, **(environment or {})})
    os.close(follower)
    got = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        got += piece
    os.close(leader)
    return process.wait(timeout=20), got.decode()


def plain(text):
    return re.sub(r"\033\[[0-9;]*[mK]", "", text).replace("\r", "")


@test
def a_validation_names_what_is_wrong_and_ends_with_1_only_if_something_failed():
    with Cluster() as c:
        with_vms(c, a=1)
        code, out, _ = c.berth("validate")
        assert code == 1 and "coordinator  none" in out and "nothing can fail over safely" in out, out
        assert "it arrives, and takes VMs" not in out and "it arrives, and takes VMs" in c.berth("validate", "-v")[1]
        c.etcd.put("order/leader", {"schema": 1, "node": "node1", "term": 1, "incarnation": 1})
        wait_for("nothing failed any more", lambda: c.berth("validate")[0] == 0)
        report = c.of("validate")
        assert report["result"] == "warning" and report["counts"]["failed"] == 0, report
        assert {g["name"] for g in report["groups"]} >= {"Fencing", "Storage", "Clocks", "Reserve"}
        c.players.gpus["node1"][0]["health"] = "quarantined"
        c.players.gpus["node1"][0]["health_cause"] = {"code": "said", "detail": "it <burns>"}
        wait_for("the GPU is found", lambda: "berth gpu release node1 0000:01:00.0" in c.berth("validate")[1])
        page = f"{c.directory}/report.html"
        code, out, _ = c.berth("validate", "--html", page)
        assert code == 1 and f"the report is in {page}" in out, out
        with open(page, encoding="utf-8") as file:
            text = file.read()
        assert "it &lt;burns&gt;" in text and "<script" not in text and "http" not in text, text
        assert text.startswith("<!DOCTYPE html>") and text.rstrip().endswith("</html>")
        c.refused(1, "/nonexistent/x: No such file", "validate", "--html", "/nonexistent/x")


@test
def all_nodes_are_rebooted_one_by_one_and_their_vms_leave_them_first():
    with Cluster(nodes=("node1", "node2", "node3")) as c:
        with_vms(c, a=2, b=1)
        c.must("vm", "start", "a", "b")
        c.players.obeys_power = True
        out = c.must("node", "reboot", "--all", "--timeout", "50")
        assert [line for line in out.splitlines() if "rebooting" in line or "back" in line] == [
            "node1: rebooting (1 of 3)", "node1 is back", "node2: rebooting (2 of 3)", "node2 is back",
            "node3: rebooting (3 of 3)", "node3 is back"], out
        assert set(c.players.incarnations.values()) == {2}, c.players.incarnations
        assert all(vm["state"] == "running" for vm in c.of("vm", "ls")["items"])


@test
def a_row_of_reboots_stops_at_the_first_that_would_leave_a_vm_without_a_place():
    with Cluster(nodes=("node1", "node2", "node3")) as c:
        with_vms(c, a=2, b=2, d=1)
        c.must("vm", "start", "a", "b", "d")
        full, free = c.of("vm", "show", "a")["node"], c.of("vm", "show", "d")["node"]
        c.players.obeys_power = True
        err = c.refused(1, "VMs of node1 have no other place", "node", "reboot", "--all")
        assert "stopped after 0 of 3 nodes" in err and full == "node1" and free == "node3", err
        assert set(c.players.incarnations.values()) == {1}, c.players.incarnations
        assert "node3 is back" in c.must("node", "reboot", "node3", "--force", "--timeout", "50")


@test
def a_requested_reboot_is_canceled_by_resuming_the_node():
    with Cluster() as c:
        assert "is to be rebooted" in c.must("node", "reboot", "node1", "--no-wait")
        assert c.of("node", "show", "node1")["spec"]["power"] == "reboot"
        c.must("node", "resume", "node1")
        assert c.of("node", "show", "node1")["spec"]["power"] == "none"
        c.refused(2, "name one node, or use --all", "node", "reboot")
        c.refused(2, "name one node, or use --all", "node", "reboot", "node1", "--all")
        c.refused(2, "--no-wait is no help", "node", "reboot", "--all", "--no-wait")


@test
def hosts_are_updated_one_after_the_other_by_a_command_that_runs_here():
    with Cluster() as c:
        with_vms(c, a=1)
        c.players.obeys_power = True
        c.must("vm", "start", "a")
        told = f"{c.directory}/told"
        look = f"{os.environ['BERTH']} --socket $0 -o json node show $BERTH_NODE >{told}.json"
        command = ["sh", "-c", f"echo {{}} >>{told} && {look} && grep -o drained {told}.json >>{told}", c.socket]
        out = c.must("update", "--all", "--timeout", "50", "--", *command)
        with open(told, encoding="utf-8") as file:
            assert file.read().split() == ["node1", "drained", "node2", "drained"], out
        assert "node1 is back" in out and "node2 is back" in out, out
        assert [node["mode"] for node in c.of("node", "ls")["items"]] == ["active", "active"]
        assert set(c.players.incarnations.values()) == {2}, c.players.incarnations

        err = c.refused(1, "stopped after 0 of 2 nodes", "update", "--all", "--", "false")
        assert "node1: false ended with exit code 1" in err and "berth node resume node1" in err, err
        assert c.of("node", "show", "node1")["mode"] == "drain"
        c.refused(1, "node1 is not active", "update", "--all", "--", "true")
        c.must("node", "resume", "node1")
        c.must("update", "--all", "--no-reboot", "--timeout", "50", "--", "true")
        assert set(c.players.incarnations.values()) == {2}, c.players.incarnations
        c.refused(2, "say --all", "update", "--", "true")
        c.players.silent.add("node2")
        wait_for("node2 is silent", lambda: c.of("node", "show", "node2")["state"] == "silent")
        err = c.refused(1, "node2 is silent: node1 is not taken out as well", "update", "--all", "--", "touch", f"{told}2")
        assert not os.path.exists(f"{told}2") and c.of("node", "show", "node1")["mode"] == "active", err


@test
def a_report_on_a_terminal_keeps_to_its_width():
    with Cluster() as c:
        for columns in (60, 100):
            _, out = on_terminal(c, "validate", "-v", columns=columns)
            lines = [line for line in plain(out).split("\n") if not line.endswith("report)")]
            assert max(len(line) for line in lines if ": " not in line[:12]) <= columns, out
            assert len(lines) > 20


@test
def a_table_on_a_terminal_is_cut_to_its_width_and_whole_elsewhere():
    with Cluster() as c:
        with_vms(c)
        whole = c.must("gpu", "ls")
        widest = max(len(line) for line in whole.splitlines())
        _, out = on_terminal(c, "gpu", "ls", columns=60)
        lines = plain(out).splitlines()
        assert widest > 60 and max(len(line) for line in lines) <= 60 and "\u2026" in out, out
        assert "node1" in lines[1] and "0000:01:00.0" in lines[1], lines
        _, out = on_terminal(c, "gpu", "ls", columns=widest)
        assert plain(out) == whole, out


@test
def a_list_is_sorted_named_written_as_yaml_and_watched():
    with Cluster() as c:
        with_vms(c)
        assert c.must("gpu", "ls", "-o", "name").split()[0] == "node1/0000:01:00.0"
        assert c.must("gpu", "ls", "-o", "name", "--sort", "-address").split()[0] == "node1/0000:03:00.0"
        assert c.must("node", "ls", "--no-headers").split()[0] == "node1"
        assert c.must("pool", "ls", "-o", "yaml").startswith("items:\n  - name: \"GpuChildPool\"\n")
        c.refused(2, 'no column "size" to sort by; there are: NODE, STATE', "node", "ls", "--sort", "size")
        with subprocess.Popen([os.environ["BERTH"], "--socket", c.socket, "node", "ls", "--watch"],
                              stdout=subprocess.PIPE, text=True) as watch:
            seen = 0
            while seen < 2:  # a look more than one
                line = watch.stdout.readline()
                assert line, "it ended"
                seen += line.startswith("NODE ")
            watch.terminate()


@test
def colour_is_for_terminals_unless_it_is_forced_or_forbidden():
    with Cluster() as c:
        assert "\033[32mup" in on_terminal(c, "node", "ls")[1]
        assert "\033[" not in on_terminal(c, "node", "ls", environment={"NO_COLOR": "1"})[1]
        assert "\033[" not in on_terminal(c, "node", "ls", "--color=never")[1]
        assert "\033[32mup" in on_terminal(c, "node", "ls", "--color=always", environment={"NO_COLOR": "1"})[1]
        assert "\033[" not in c.must("node", "ls")
        assert "\033[32mup" in c.must("node", "ls", "--color", "always")


@test
def progress_is_shown_on_a_terminal_and_wiped_when_it_is_done():
    with Cluster() as c:
        with_vms(c, a=1)
        c.players.is_idle = True
        code, out = on_terminal(c, "vm", "start", "a", "--timeout", "1")
        assert code == 5 and re.search(r"\r\033\[K.*\(\d s\)", out), repr(out)
        assert "\r\033[Kberth: not done within 1 s" in out, repr(out)
        code, out, err = c.berth("vm", "start", "a", "--timeout", "1")
        assert code == 5 and "\033[K" not in out + err and "(0 s)" not in err, (out, err)


@test
def a_node_that_is_off_for_good_is_removed_and_one_that_is_up_is_not():
    with Cluster() as c:
        with_vms(c, a=1)
        c.refused(1, "node2 is up: first drain it", "node", "rm", "node2")
        c.players.silent.add("node2")
        wait_for("node2 is silent", lambda: c.of("node", "show", "node2")["state"] == "silent")
        c.refused(1, "Try: berth node confirm-off node2", "node", "rm", "node2")
        c.must("node", "confirm-off", "node2", "--yes")
        wait_for("node2 is proven off", lambda: c.of("node", "show", "node2")["state"] == "fenced")
        assert "of its GPUs from their pools" in c.must("node", "rm", "node2")
        c.refused(3, "there are: node1", "node", "rm", "node2")
        assert "node2" not in c.must("pool", "show", "GpuChildPool") + c.must("node", "ls")


@test
def a_cluster_is_disarmed_for_a_while_and_armed_again():
    with Cluster() as c:
        for wrong in ("2", "h", "2w", "-1h", "2h30m", ""):
            code, _, err = c.berth("cluster", "disarm", "--for", wrong)
            assert code == 2 and "such as 90s, 30m or 2h" in err, (wrong, code, err)
        code, out, _ = c.berth("cluster", "disarm", "--for", "2h")
        assert code == 0 and "disarmed for 7200 s" in out, out
        assert "THE CLUSTER IS DISARMED for about 120 min" in c.berth("status")[1]
        code, out, _ = c.berth("validate")
        assert code == 1 and "disarmed for about 7200 s more" in out and "berth cluster arm" in out, out
        assert c.berth("cluster", "disarm")[0] == 0
        assert "THE CLUSTER IS DISARMED: no host" in c.berth("status")[1]
        assert c.berth("cluster", "arm")[0] == 0 and "DISARMED" not in c.berth("status")[1]


@test
def fence_agents_are_given_one_after_the_other_each_with_its_parameters():
    with Cluster() as c:
        assert c.berth("node", "set", "node1", "--fencing", "power", "--agent", "fence_ipmilan", "--param", "ip=10.0.0.1",
                       "--agent", "fence_apc", "--param", "ip=10.0.0.9", "--param", "plug=4")[0] == 0
        spec = json.loads(c.berth("-o", "json", "node", "show", "node1")[1])["spec"]
        assert spec["fence_agent"] == "fence_ipmilan" and spec["fence_parameters"] == {"ip": "10.0.0.1"}, spec
        assert spec["fence_level_2"] == {"agent": "fence_apc", "parameters": {"ip": "10.0.0.9", "plug": "4"}}, spec
        assert "then fence_apc" in c.berth("node", "show", "node1")[1]
        assert c.berth("node", "set", "node1", "--param", "ip=10.0.0.2")[0] == 0
        spec = json.loads(c.berth("-o", "json", "node", "show", "node1")[1])["spec"]
        assert spec["fence_parameters"] == {"ip": "10.0.0.2"} and spec["fence_level_2"]["agent"] == "fence_apc", spec
        assert c.berth("node", "set", "node1", "--agent", "fence_ipmilan")[0] == 0
        assert "then" not in c.berth("node", "show", "node1")[1].split("watchdog")[0]
        code, _, err = c.berth("node", "set", "node1", *["--agent", "fence_apc"] * 4)
        assert code == 2 and "three fence agents at most" in err, err
        assert re.search("1 +fence_ipmilan +yes +fence_ipmilan says on", c.must("fence", "test", "node1"))
        c.must("node", "set", "node1", "--agent", "fence_ipmilan", "--agent", "fence_broken")
        code, out, _ = c.berth("fence", "test", "node1", "--from", "node2")
        assert code == 1 and re.search("2 +fence_broken +no +fence_broken does not answer", out), out
        code, out, _ = c.berth("-o", "json", "fence", "test", "node1")
        assert code == 1 and [level["works"] for level in json.loads(out)["levels"]] == [True, False], out
        c.refused(1, "node2 has no fence agent to test", "fence", "test", "node2")
        assert "are to be tested from node2" in c.must("fence", "test", "node1", "--no-wait")


@test
def a_vm_is_taken_out_of_management_and_starts_after_another():
    with Cluster() as c:
        with_vms(c, a=1, b=1)
        assert c.berth("vm", "set", "b", "--start-after", "a", "--unmanaged", "yes")[0] == 0
        out = c.berth("vm", "show", "b")[1]
        assert "starts after     a" in out and "unmanaged" in out, out
        code, _, err = c.berth("vm", "start", "b", "--no-wait")
        assert code == 1 and "VM b is unmanaged" in err and "berth vm set b --unmanaged no" in err, err
        code, _, err = c.berth("vm", "set", "a", "--start-after", "b")
        assert code == 1 and "would start after itself" in err, err
        assert c.berth("vm", "set", "b", "--start-after", "", "--unmanaged", "no")[0] == 0
        assert c.berth("vm", "set", "b", "--unmanaged", "perhaps")[0] == 2


@test
def an_export_builds_the_same_cluster_again_step_by_step():
    with Cluster() as c, Cluster() as d:
        with_vms(c, a=1, b=2)
        c.must("node", "set", "node1", "--fencing", "power", "--agent", "fence_x", "--param", "ip=1.2.3.4",
               "--param", "password=s3cret", "--label", "rack=r1")
        c.must("cluster", "set", "reserve=1", "preemption=true")
        c.must("vm", "set", "a", "--priority", "high", "--apart", "b", "--owner", "node2", "--restarts", "1",
               "--host-losses", "0", "--forgive-after", "60")
        c.must("vm", "set", "a", "--failovers", "5")
        assert "1 restarts there, then 5 failovers; forgiven after 60 s\ntopology" in c.must("vm", "show", "a")
        c.refused(2, "--restarts takes a number", "vm", "set", "a", "--restarts", "often")
        c.must("vm", "start", "b")
        path, secret = f"{c.directory}/export.json", f"{c.directory}/secret.json"
        assert "2 nodes, 1 pools, 2 VMs" in c.must("cluster", "export", path)
        assert "keep it safe" in c.must("cluster", "export", "--with-secrets", secret)
        assert os.stat(secret).st_mode & 0o777 == 0o600
        c.refused(1, "Say so with --yes", "cluster", "export", path)
        with open(path, encoding="utf-8") as file:
            assert "s3cret" not in file.read()
        assert "survive" in subprocess.run([os.environ["BERTH"], "plan", "--state", path, "fail", "node1"],
                                           capture_output=True, text=True, check=False).stdout
        assert c.must("cluster", "import", path) == c.must("cluster", "import", secret) == "Nothing differs.\n"

        box = c.etcd.all()["want/nodes/node1"]["fence_box"]
        assert "s3cret" not in json.dumps(c.etcd.all()) and box in open(secret, encoding="utf-8").read()
        out = d.must("cluster", "import", path, "--dry-run")
        assert "fence_agent" in out and "4 GPUs join" in out and "it is added, stopped" in out, out
        assert d.etcd.all().get("want/pools/GpuChildPool") is None
        d.refused(1, "Say so with --yes", "cluster", "import", path)
        out = d.must("cluster", "import", secret, "--yes", "--start")
        assert "GPU pool GpuChildPool was created" in out, out
        wait_for("b runs", lambda: d.of("vm", "show", "b")["state"] == "running")
        mine, theirs = c.of("cluster", "export"), d.of("cluster", "export")
        node = d.etcd.all()["want/nodes/node1"]  # no host of the other cluster could open it
        assert node["fence_parameters"] == {"ip": "1.2.3.4"} and "fence_box" not in node, node
        assert "set them again: berth node set node1" in out, out
        for vm in theirs["configuration"]["vms"].values():
            vm["xml"] = re.sub("<uuid>.*?</uuid>", "", vm["xml"])
        assert mine["configuration"] == theirs["configuration"], (mine, theirs)
        assert d.must("cluster", "import", path, "--yes") == "Nothing differs.\n"

        d.must("node", "set", "node1", "--agent", "fence_x", "--param", "ip=1.2.3.4", "--param", "password=other")
        d.must("vm", "stop", "b")
        d.must("vm", "unassign", "b", "GpuChildPool")
        d.must("cluster", "set", "reserve=0")
        d.must("node", "set", "node1", "--label", "rack=other")
        steps = d.of("cluster", "import", path, "--dry-run")["steps"]
        assert [(s["step"], s["name"]) for s in steps] == \
            [("settings", ""), ("node", "node1"), ("assign", "b")], steps
        d.must("cluster", "import", path, "--yes")
        assert d.of("node", "show", "node1")["spec"]["fence_parameters"]["password"] == "(hidden)"
        node = d.etcd.all()["want/nodes/node1"]
        assert node["fence_parameters"]["password"] == "(sealed)" and d.players.fence_key in node["fence_box"], node


@test
def a_file_that_is_half_readable_is_refused_with_the_place_and_nothing_is_changed():
    with Cluster() as c:
        with_vms(c, a=1)
        path = f"{c.directory}/export.json"
        c.must("cluster", "export", path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        before = {k: v for k, v in c.etcd.all().items() if not k.startswith(("beat", "order/pulse"))}
        bad = [(text[:len(text) // 2], "export.json: line "), ("[]", "has no configuration"), ("{}", "has no configuration")]
        for change, says in ((lambda d: d["vms"]["a"].update(priority="high"), "configuration.vms.a.priority"),
                             (lambda d: d["vms"]["a"].update(colour="red"), "configuration.vms.a.colour"),
                             (lambda d: d["vms"].update({"a/b": {}}), "configuration.vms: "),
                             (lambda d: d["pools"]["GpuChildPool"]["members"][0].update(gpu="1"), "configuration.pools.GpuChildPool.members[0].gpu"),
                             (lambda d: d["nodes"].update(node1=7), "configuration.nodes.node1"),
                             (lambda d: d.update(tokens={}), "configuration.tokens"),
                             (lambda d: d["cluster"].update(reserve=-1), "configuration.cluster.reserve"),
                             (lambda d: d.update(vms=[]), "configuration.vms is not an object")):
            document = json.loads(text)
            change(document["configuration"])
            bad.append((json.dumps(document), says))
        for content, says in bad:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            c.refused(1, says, "cluster", "import", path, "--yes")
        c.refused(1, "No such file", "cluster", "import", "/nonexistent")
        assert before == {k: v for k, v in c.etcd.all().items() if not k.startswith(("beat", "order/pulse"))}


@test
def what_cannot_be_imported_is_said_and_the_rest_is_done():
    with Cluster() as c, Cluster(nodes=("node1",)) as d:
        with_vms(c, a=1)
        path = f"{c.directory}/export.json"
        c.must("cluster", "export", path)
        d.players.gpus["node1"][1]["device"] = "5046"
        wait_for("the other card is there", lambda: c.must("gpu", "ls") != d.must("gpu", "ls") and
                 "5046" in str(d.etcd.all()["seen/nodes/node1"]["gpus"][1]))
        out = d.must("cluster", "import", path, "--dry-run")
        assert "no such node yet: start berthd there" in out and "0000:02:00.0: the file means the card" in out, out
        code, out, err = d.berth("cluster", "import", path, "--yes")
        assert code == 1 and "steps failed: fix the cause and import again" in err and "VM a was added" in out, (out, err)


@test
def what_is_selected_is_selected_for_programs_too_and_must_exist():
    with Cluster() as c:
        with_vms(c, a=1, b=1)
        c.must("vm", "start", "a")
        assert [v["name"] for v in c.of("vm", "ls", "--state", "running")["items"]] == ["a"]
        assert {g["node"] for g in c.of("gpu", "ls", "--node", "node2")["items"]} == {"node2"}
        assert len(c.of("gpu", "ls", "--pool", "GpuChildPool", "--state", "available")["items"]) == 3
        assert "No VM is like that" in c.must("vm", "ls", "--state", "failed")
        c.refused(2, '--state takes running, starting', "vm", "ls", "--state", "runing")
        c.refused(2, 'not "free"', "gpu", "ls", "--state", "free")
        c.refused(3, "there are: node1, node2", "gpu", "ls", "--node", "node7")
        c.refused(3, "there are: node1, node2", "vm", "ls", "--node", "node7")
        out = c.must("gpu", "show", "node1", "0000:01:00.0")
        assert "0000:01:00.0 of node1: Bochs [1234:1111]" in out and "held by        a" in out and "17 MiB" in out, out


def hostdev(bus, function=0):
    return ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "
            f"bus='0x{bus:02x}' slot='0x00' function='0x{function}'/></source></hostdev>")


def libvirt_with(c, **domains):
    """The URI of a libvirt that has these domains defined: name -> (devices, is running)."""
    text = ""
    for name, (devices, is_running) in domains.items():
        text += (f"<domain type='test'><name>{name}</name><memory unit='MiB'>256</memory><vcpu>2</vcpu>"
                 f"<os><type>hvm</type></os><devices>{devices}</devices>"
                 "<test:runstate xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
                 f"{1 if is_running else 5}</test:runstate></domain>")
    path = f"{c.directory}/libvirt.xml"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"<node>{text}</node>")
    return f"test://{path}"


@test
def vms_of_libvirt_are_imported_with_their_gpus_as_needs_of_pools():
    with Cluster() as c:
        with_vms(c)
        uri = libvirt_with(c, plain=("", False), two=(hostdev(1) + hostdev(2), False), loose=(hostdev(3), False),
                           busy=("", True), nic=(hostdev(9), False),
                           **{"Windows 10": (hostdev(1).replace("</hostdev>", "<rom file='/srv/x.rom'/></hostdev>"), False)})
        args = ("vm", "import", "--connect", uri, "--node", "node1")
        out = c.must(*args)
        assert re.search(r"two +stopped +2x GpuChildPool +can be imported", out), out
        assert "busy" in out and "it runs" in out and "0000:09:00.0 of this host" in out, out
        assert [e["name"] for e in c.of(*args)["items"] if not e["can_be_imported"]] == ["busy", "nic"]
        assert c.of("vm", "ls")["items"] == []
        c.refused(3, "--node NODE", "vm", "import", "--connect", uri)
        c.refused(3, 'no VM "none" defined', *args, "none")
        c.refused(1, "busy is left out: it runs: shut it down first (virsh shutdown busy)", *args, "busy")
        c.refused(4, "does not answer", "vm", "import", "--node", "node1", "--connect", "test:///nonexistent.xml")
        out = c.must(*args, "two")
        assert "VM two was added" in out and "it needs 2x GpuChildPool" in out and "virsh undefine --keep-nvram two" in out, out
        assert "hostdev" not in c.must("vm", "xml", "two")
        c.must("vm", "start", "two")
        out = c.must(*args, "loose")
        assert "its GPU 0000:03:00.0" in out and "in no pool" in out and "berth vm assign loose POOL" in out, out
        assert re.search("Windows 10 .* can be imported as Windows-10; settings of its GPUs are not taken over", c.must(*args))
        c.refused(1, "b/d", *args, "Windows 10", "--name", "b/d")
        out = c.must(*args, "Windows 10", "--name", "win10")
        assert "VM win10 was added" in out and "ROM file /srv/x.rom" in out and "undefine --keep-nvram 'Windows 10'" in out, out
        assert c.of("vm", "show", "win10")["title"] == "Windows 10"
        code, out, err = c.berth(*args, "--all")
        assert code == 1 and "VM plain was added" in out and "nic is left out" in err and "two" not in out + err, (out, err)
        out = c.must(*args)
        assert re.search("two .* in the cluster already: virsh undefine --keep-nvram two", out), out


if __name__ == "__main__":
    sys.exit(main())

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


class With:
    """A cluster for one test."""

    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        self.cluster = Cluster(**self.options)
        return self.cluster

    def __exit__(self, *problem):
        self.cluster.end()


def with_vms(c, **vms):
    c.must("gpu", "dismount", "--all", "--model", "1234:1111")
    c.must("pool", "create", "GpuChildPool", "--all")
    for name, count in vms.items():
        c.must("vm", "add", "-", "--name", name, "--need", f"GpuChildPool={count}", stdin=c.xml("any"))


def of(c, *words):
    return json.loads(c.must(*words, "-o", "json"))


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
    with With() as c:
        with_vms(c, a=1)
        code, out, _ = c.berth("validate")
        assert code == 1 and "coordinator  none" in out and "with fewer than three" in out, out
        assert "it arrives, and takes VMs" not in out and "it arrives, and takes VMs" in c.berth("validate", "-v")[1]
        c.etcd.put("leader", {"schema": 1, "node": "node1", "term": 1, "incarnation": 1})
        wait_for("nothing failed any more", lambda: c.berth("validate")[0] == 0)
        report = of(c, "validate")
        assert report["result"] == "warning" and report["counts"]["failed"] == 0, report
        assert {g["name"] for g in report["groups"]} >= {"Fencing", "Storage", "Clocks", "Reserve"}
        c.players.gpus["node1"][0]["health"] = "quarantined"
        c.players.gpus["node1"][0]["health_reason"] = "it <burns>"
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
def a_report_on_a_terminal_keeps_to_its_width():
    with With() as c:
        for columns in (60, 100):
            _, out = on_terminal(c, "validate", "-v", columns=columns)
            lines = [line for line in plain(out).split("\n") if not line.endswith("report)")]
            assert max(len(line) for line in lines if ": " not in line[:12]) <= columns, out
            assert len(lines) > 20


@test
def a_table_on_a_terminal_is_cut_to_its_width_and_whole_elsewhere():
    with With() as c:
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
def colour_is_for_terminals_unless_it_is_forced_or_forbidden():
    with With() as c:
        assert "\033[32mup" in on_terminal(c, "node", "ls")[1]
        assert "\033[" not in on_terminal(c, "node", "ls", environment={"NO_COLOR": "1"})[1]
        assert "\033[" not in on_terminal(c, "node", "ls", "--color=never")[1]
        assert "\033[32mup" in on_terminal(c, "node", "ls", "--color=always", environment={"NO_COLOR": "1"})[1]
        assert "\033[" not in c.must("node", "ls")
        assert "\033[32mup" in c.must("node", "ls", "--color", "always")


@test
def progress_is_shown_on_a_terminal_and_wiped_when_it_is_done():
    with With() as c:
        with_vms(c, a=1)
        c.players.is_idle = True
        code, out = on_terminal(c, "vm", "start", "a", "--timeout", "1")
        assert code == 5 and re.search(r"\r\033\[K.*\(\d s\)", out), repr(out)
        assert "\r\033[Kberth: not done within 1 s" in out, repr(out)
        code, out, err = c.berth("vm", "start", "a", "--timeout", "1")
        assert code == 5 and "\033[K" not in out + err and "(0 s)" not in err, (out, err)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units and users that are installed, as systemd itself understands them. No service is started."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from tap import test, main

DATA = pathlib.Path(os.environ["DATA"])
SYSUSERS = pathlib.Path(__file__).parents[2] / "data" / "sysusers.conf"
PROGRAMS = {"berthd": os.environ["BERTHD"], "berth-api": os.environ["BERTH_API"],
            "berth-etcd": "/bin/true"}  # etcd need not be installed where this runs


def directives(name):
    """[(key, value)] of a unit, as it is installed."""
    text = (DATA / f"{name}.service").read_text(encoding="utf-8")
    return [tuple(line.split("=", 1)) for line in text.splitlines() if re.match(r"\w+=", line)]


def analyze(name, *words):
    """(exit code, all output) of systemd-analyze over a unit that starts what was built."""
    text = (DATA / f"{name}.service").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / f"{name}.service"
        unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={PROGRAMS[name]}", text), encoding="utf-8")
        done = subprocess.run(["systemd-analyze", *words, unit], text=True, check=False, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@test
def systemd_reads_every_line_of_the_units():
    for name in PROGRAMS:
        assert analyze(name, "verify", "--man=no") == (0, ""), analyze(name, "verify", "--man=no")


@test
def the_unit_of_berth_api_leaves_little_open():
    code, output = analyze("berth-api", "security", "--offline=yes", "--threshold=20")
    assert code == 0, "\n".join(line for line in output.splitlines() if line[:1] in ("\u2717", "\u2192"))


@test
def the_unit_of_the_store_leaves_little_open_and_starts_only_in_a_cluster():
    code, output = analyze("berth-etcd", "security", "--offline=yes", "--threshold=20")
    assert code == 0, "\n".join(line for line in output.splitlines() if line[:1] in ("\u2717", "\u2192"))
    unit = dict(directives("berth-etcd"))
    assert unit["ConditionPathExists"] == "/etc/berth/cluster/etcd.env" and unit["User"] == "berth-etcd", unit
    assert not [line for line in unit if "etcd.service" in unit[line]], "it has nothing in common with Debian's"


@test
def berth_api_reads_only_what_its_user_may_read():
    unit = dict(directives("berth-api"))
    assert unit["AmbientCapabilities"] == unit["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE", unit


@test
def berth_api_can_see_who_logged_in_behind_a_client_of_its_socket():
    unit = dict(directives("berth-api"))
    assert unit.get("ProtectProc", "default") == "default" and unit["ProcSubset"] == "pid", unit


@test
def the_unit_of_berthd_leaves_open_only_what_it_needs():
    code, output = analyze("berthd", "security", "--offline=yes", "--threshold=60")
    assert code == 0, "\n".join(line for line in output.splitlines() if line[:1] in ("\u2717", "\u2192"))


@test
def berth_api_has_a_user_of_its_own_who_owns_what_it_writes_and_is_in_the_group_of_its_socket():
    unit, other = dict(directives("berth-api")), dict(directives("berthd"))
    with tempfile.TemporaryDirectory() as root:
        (pathlib.Path(root) / "etc").mkdir()
        subprocess.run(["systemd-sysusers", f"--root={root}", SYSUSERS], check=True,
                       capture_output=True, timeout=30)
        users = (pathlib.Path(root) / "etc/passwd").read_text(encoding="utf-8")
        groups = (pathlib.Path(root) / "etc/group").read_text(encoding="utf-8")
    assert re.search(f"^{unit['User']}:.*/nologin$", users, re.M), users
    assert re.search(f"^berth:x:[0-9]+:{unit['User']}$", groups, re.M), groups
    # Whoever may write there could take berthd's lock and the socket of the watchdog's keeper away.
    assert "User" not in other and unit["RuntimeDirectory"] != other["RuntimeDirectory"]


@test
def nothing_in_the_unit_of_berthd_can_keep_it_from_ending_a_vm_or_fencing():
    harmless = {"LockPersonality", "RestrictNamespaces", "RestrictSUIDSGID", "SystemCallArchitectures",
                "RestrictRealtime", "NoNewPrivileges", "SystemCallErrorNumber"}
    # Each with what must stay in it: to kill, to read and write sysfs, to load modules, to become the user of fence
    # agents, to have the host rebooted, to ask the kernel about its clock and of devices.
    needs = {"CapabilityBoundingSet": {f"CAP_{word}" for word in "KILL SYS_ADMIN SYS_MODULE DAC_OVERRIDE SYS_PTRACE "
                                       "SETUID SETGID IPC_LOCK SYS_NICE SYS_RESOURCE SYS_BOOT".split()},
             "RestrictAddressFamilies": {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}}
    unit = dict(directives("berthd"))
    for key, words in needs.items():
        assert words <= set(unit[key].split()), (key, words - set(unit[key].split()))
    assert unit["SystemCallFilter"][0] == "~" and not {"@clock", "@module", "@setuid", "@privileged"} & set(
        unit["SystemCallFilter"][1:].split()), unit["SystemCallFilter"]
    harmless |= {*needs, "SystemCallFilter"}
    hides = re.compile("Protect|Private|Restrict|SystemCall|Device|Capability|NoNew|MemoryDeny|Inaccessible|ReadOnly|"
                       "TemporaryFile|Root|Bind|IPAddress|Socket|Lock|Group|Dynamic")
    found = {key for key, _ in directives("berthd") if hides.match(key)} - harmless
    assert not found, f"{found}: does a fence agent, modprobe, sysfs, /dev/vfio, a kill, work under it?"
    assert ("KillMode", "process") in directives("berthd"), "the watchdog's keeper must outlive berthd"


@test
def a_shutdown_waits_for_the_vms_before_anything_that_they_need_is_stopped():
    unit = directives("berth-shutdown")
    after = {word for key, value in unit if key == "After" for word in value.split()}
    assert {"berthd.service", "virt-guest-shutdown.target", "libvirtd.service", "virtqemud.service", "etcd.service",
            "network-online.target", "libvirt-guests.service"} <= after, after
    # Ordering between two units counts at shutdown only if both are there to be stopped.
    assert "virt-guest-shutdown.target" in dict(unit)["Wants"]
    assert dict(unit)["ExecStop"].endswith("berthd --shutdown --only-if-stopping")
    assert "berth-shutdown.service" in dict(directives("berthd"))["Wants"]


@test
def a_restart_of_berthd_is_no_farewell():
    assert ("RestartKillSignal", "SIGUSR1") in directives("berthd")


if __name__ == "__main__":
    sys.exit(main())

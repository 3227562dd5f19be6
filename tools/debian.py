#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command in another Debian: as root, in namespaces of its own, with this machine's network.

    tools/debian.py SUITE COMMAND...     e.g. tools/debian.py trixie make BUILD=build-trixie check
    tools/debian.py SUITE                where its files are

The system is made once by debootstrap and kept in ~/.cache/berth/debian/SUITE; what COMMAND installs stays there. This
tree is in it, under the same path. 'test/package/check' makes bare systems of the same archives."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path.home() / ".cache/berth"
BARE = CACHE / "bare"
MIRROR = os.environ.get("BERTH_MIRROR", "").split()  # debootstrap knows one
PACKAGES = "systemd-sysv,python3-minimal,ca-certificates,procps"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def run(words, **options):
    """Its output; an assertion if it fails."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"{' '.join(map(str, words))}:\n{done.stdout[-4000:]}"
    return done.stdout


def bare(suite):
    """The archive of a bare system."""
    archive = BARE / f"{suite}.tar"
    if not archive.exists():
        BARE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BARE) as directory:
            run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, directory, *MIRROR])
            run(["tar", "-C", directory, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb", "-cf",
                 f"{archive}.new", "."])
        os.rename(f"{archive}.new", archive)
    return archive


def unpack(suite, root):
    """Makes 'root' a bare system."""
    run(["tar", "-C", root, "-xf", bare(suite)])
    root.chmod(0o755)  # it was made as a temporary directory, which only root may enter
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def inside(root, command, binds=(), network=None):
    """The words that run the shell's 'command' in the system 'root', without a trace when it ends: with the directories
    'binds' (ours, its) in it, and this machine's network or, if 'network' says how to set one up, its own."""
    mounts = (f"mount -t proc proc {root}/proc; mount -t devtmpfs dev {root}/dev 2>/dev/null || "
              f"mount --rbind /dev {root}/dev; mount -t devpts -o newinstance,ptmxmode=666 devpts {root}/dev/pts; "
              f"mount -t tmpfs tmpfs {root}/run; ")
    mounts += "".join(f"mount --rbind {ours} {root}{theirs}; " for ours, theirs in binds)
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc",
            *([] if network is None else ["--net"]), "sh", "-ec", f"{mounts}{network or ''}exec chroot {root} {command}"]


def kept(suite):
    """The system that is kept, made if it is missing."""
    root = CACHE / "debian" / suite
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        made = pathlib.Path(tempfile.mkdtemp(prefix=f"{suite}-", dir=root.parent))
        try:
            unpack(suite, made)
            made.chmod(0o755)
            run(inside(made, "sh -c 'apt-get -qq update && apt-get -qq install make'"), env=ENVIRONMENT)
            # Services of packages that a command installs are not to start on this machine's network.
            (made / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
            (made / "usr/sbin/policy-rc.d").chmod(0o755)
            made.rename(root)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    return root


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    if os.geteuid() != 0:
        sys.exit("debian.py: run this as root")
    root = kept(sys.argv[1])
    if len(sys.argv) == 2:
        print(root)
        return 0
    (root / str(TREE).lstrip("/")).mkdir(parents=True, exist_ok=True)
    (root / "sys").mkdir(exist_ok=True)
    words = inside(root, f"sh -c 'cd \"$0\" && exec \"$@\"' {TREE} \"$@\"", [("/sys", "/sys"), (TREE, TREE)])
    given = {name: value for name, value in os.environ.items() if name.startswith(("BERTH_", "npm_config_"))
             or name.lower().endswith("_proxy")}
    return subprocess.run([*words, "sh", *sys.argv[2:]], env=ENVIRONMENT | given, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

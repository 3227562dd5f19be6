# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every lab host has in common, built once and cached: kernel, initial RAM file system, root
image, guest.

The root image is copied out of the Debian packages installed on this machine, so that the libraries
in a lab host are the ones Berth was linked with, nothing is fetched, and no root is needed. The
cache key is a hash of the exact versions of all these packages and of the lab's own sources: a
folder under the cache is either missing or complete and right. `ensure()` returns it, building it
first where it is missing.

Neighbours: lab.py boots what this builds; `build-lab` is this file as a program.
"""

import contextlib
import fcntl
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Every file that ends up in an image or says how to make one.
SOURCES = ("image.py", "packages", "host", "guest")

# Packages that a Debian system always has and that a lab host needs as well.
ESSENTIAL = (
    "base-files", "base-passwd", "coreutils", "dash", "findutils", "grep", "gzip", "hostname",
    "libc-bin", "mount", "netbase", "sed", "tar", "util-linux",
)

# Packages only of this side: building and booting, never inside a host.
OUTSIDE = ("python3", "linux-image-amd64", "cpio", "e2fsprogs", "gcc", "binutils", "openipmi", "zstd")

# Not followed when another package names them: they are large, and what wants them is not used
# here.
UNWANTED = ("adduser", "init-system-helpers", "dpkg", "perl-base", "debconf", "logrotate", "polkitd", "iptables",
            "gettext-base", "libvirt-daemon-config-network", "libvirt-daemon-config-nwfilter",
            "ipxe-qemu", "iso-codes", "sensible-utils",
            # What only agents for clouds and for hypervisors use.
            "python3-boto3", "python3-googleapi", "python3-oauth2client", "python3-requests", "python3-suds", "fence-virt")
UNWANTED_AGENT = re.compile(r"fence-agents-(?!all$|common$|ipmilan$)")  # Debian 13 has a package for each

# Parts of packages that nothing in a lab host reads; most of the size.
TRIMMED = re.compile(
    r"/usr/share/(doc|man|locale|info|lintian|bash-completion|zoneinfo|icons|gdb)/"
    r"|/usr/share/qemu/(?!.*(qboot|bios-256k|kvmvapic|linuxboot|multiboot|vgabios|pvh))"
    r"|/usr/lib/x86_64-linux-gnu/qemu/(?!accel-tcg-x86_64)"
    # Drivers of libvirt that look for dnsmasq, firewalld or storage tools and slow its start.
    r"|/libvirt_driver_(network|nwfilter|storage|interface|secret)\.so$"
    # Programs for other machines or purposes, large ones only.
    r"|/usr/(bin|libexec)/(qemu-system-(i386|x86_64-microvm)|virtiofsd)$"
    r"|/usr/(bin|libexec)/qemu-(img|io|nbd|pr-helper|storage-daemon)$"
    r"|/lib/udev/hwdb\.|/usr/lib/udev/hwdb\."
    r"|/usr/sbin/fence_(?!ipmilan$)"
    r"|/usr/lib/python3(\.\d+)?/(idlelib|lib2to3|pydoc_data|tkinter|test|unittest|ensurepip|config-)"
)

EARLY_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay")
HOST_MODULES = (
    "virtio_net", "virtio_console", "i6300esb", "bochs", "nvme", "vfio-pci", "vfio_iommu_type1",
    "mdev", "loop",
)

USERS = {"libvirt-qemu": 990, "messagebus": 993, "berth-api": 994}
GROUPS = {"kvm": 991, "libvirt": 992}

GUEST_FLAGS = (
    "-m32 -march=i686 -Os -std=gnu17 -ffreestanding -fno-pic -fno-stack-protector "
    "-mgeneral-regs-only -fcf-protection=none -fno-asynchronous-unwind-tables "
    "-Wall -Wextra -Werror -Wno-int-to-pointer-cast"
).split()


class BuildError(Exception):
    """The image cannot be built here; the text says what to do."""


def cache_folder():
    """Where built images lie, one folder for each key."""
    given = os.environ.get("BERTH_LAB_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "berth" / "lab"


def ensure(say=lambda text: None):
    """Returns the folder of the image for this machine's packages and these sources; builds it if
    need be.

    Two callers at once: the second waits for the first. 'say' is called with a line for each
    step."""
    packages = Packages()
    key = image_key(packages)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        folder = cache / key
        if not folder.exists():
            build(folder, packages, say)
        remove_old(cache, folder)
    return folder


def hold(folder):
    """Keeps others from removing 'folder' as old while the returned file is open."""
    file = open(folder / "held", "ab")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def take_turn(say):
    """Waits until no other lab runs on this machine: two on the same cores would miss their heartbeats' limits. The
    turn lasts until the returned file is closed, or the process ends."""
    file = open(cache_folder() / "turn", "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another lab runs on this machine; waiting for its end")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


@contextlib.contextmanager
def locked(path):
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_old(cache, current):
    for folder in cache.iterdir():
        if folder == current or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            if (folder / "held").exists():
                with open(folder / "held", "ab") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)


class Packages:
    """What dpkg knows: versions, dependencies and files of the installed packages."""

    def __init__(self):
        self.version, self.depends, self.provided_by = {}, {}, {}
        listing = output(
            "dpkg-query", "-W", "-f",
            r"${db:Status-Abbrev}\t${Package}\t${Version}\t"
            r"${Pre-Depends}, ${Depends}\t${Provides}\n",
        )
        for line in listing.splitlines():
            status, name, version, depends, provides = line.split("\t")
            if status[1] != "i":
                continue
            self.version[name] = version
            self.depends[name] = parse_relations(depends)
            for alternatives in parse_relations(provides):
                self.provided_by.setdefault(alternatives[0], name)
        missing = [name for name in listed_packages()
                   if name not in self.version and name not in self.provided_by]
        if missing:
            raise BuildError("The lab needs packages: apt-get install " + " ".join(missing))

    def closure(self, names):
        """'names' and everything installed that they depend on, sorted."""
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            name = name if name in self.version else self.provided_by.get(name)
            if name is None or name in found or name in UNWANTED or UNWANTED_AGENT.match(name):
                continue
            found.add(name)
            for alternatives in self.depends[name]:
                present = [a for a in alternatives if a in self.version or a in self.provided_by]
                waiting += present[:1]
        return sorted(found)

    def inside(self):
        """The packages of the root image."""
        return self.closure([n for n in listed_packages() if n not in OUTSIDE] + list(ESSENTIAL))

    def kernel_release(self):
        """Of the kernel package that linux-image-amd64 stands for."""
        for alternatives in self.depends["linux-image-amd64"]:
            if alternatives[0].startswith("linux-image-"):
                return alternatives[0].removeprefix("linux-image-")
        raise BuildError("linux-image-amd64 names no kernel package")

    def files(self, names):
        """Paths of all files of the packages 'names' that a lab host may read, as installed
        here."""
        lines = output("dpkg", "-L", *names).splitlines()
        wanted = {l for l in lines if l.startswith("/") and l != "/." and not TRIMMED.search(l)}
        return sorted(path for path in wanted if os.path.lexists(path)
                      and os.access(path, os.R_OK, follow_symlinks=False))


def parse_relations(text):
    """'a (>= 1) | b, c:any' -> [['a', 'b'], ['c']]"""
    clauses = [clause.split("|") for clause in text.split(",")]
    names = [[re.sub(r"[\s:(].*", "", a.strip()) for a in clause] for clause in clauses]
    return [clause for clause in names if clause[0]]


def listed_packages():
    lines = (HERE / "packages").read_text().splitlines()
    return [words[0] for words in (line.partition("#")[0].split() for line in lines) if words]


def image_key(packages):
    """Hash of everything that an image is made of."""
    key = hashlib.sha256()
    for name in packages.inside() + list(OUTSIDE):
        key.update(f"{name} {packages.version[name]}\n".encode())
    for source in SOURCES:
        path = HERE / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                key.update(f"{file.relative_to(HERE)} {file.stat().st_mode & 0o111:o}\n".encode())
                key.update(file.read_bytes())
    return key.hexdigest()[:16]


def build(folder, packages, say):
    """Makes 'folder' complete or not at all."""
    begin = time.monotonic()
    release = packages.kernel_release()
    temporary = Path(tempfile.mkdtemp(prefix="building-", dir=folder.parent))
    try:
        for text, step in (
            (f"kernel {release}",
             lambda: extract_kernel(Path(f"/boot/vmlinuz-{release}"), temporary / "vmlinux")),
            ("guest program", lambda: build_guest(temporary)),
            ("initial RAM file system", lambda: build_initramfs(temporary, release)),
            ("root tree",
             lambda: build_root_tree(temporary / "root", packages, temporary, release)),
            ("root image",
             lambda: make_image(temporary / "root.ext4", temporary / "root", "lab-root")),
            ("libvirt's knowledge of QEMU", lambda: prime_libvirt(temporary)),
        ):
            since = time.monotonic()
            step()
            say(f"{text}: {time.monotonic() - since:.1f} s")
        shutil.rmtree(temporary / "root")
        (temporary / "held").touch()
        temporary.chmod(0o755)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    say(f"built in {time.monotonic() - begin:.1f} s: {folder}")


def extract_kernel(compressed, target):
    """The ELF kernel inside a bzImage (Linux x86 boot protocol: payload_offset at 0x248, its length
    after it).

    Booted through its PVH entry it need not decompress itself, which takes seconds without KVM."""
    image = compressed.read_bytes()
    start = ((image[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    payload = image[start:start + struct.unpack_from("<I", image, 0x24C)[0]]
    if payload.startswith(b"\xfd7zXZ"):
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        kernel = gzip.decompress(payload[:-4])
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        kernel = subprocess.run(["zstd", "-dcq"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    else:
        raise BuildError(f"{compressed} is compressed by none of xz, gzip and zstd")
    if not kernel.startswith(b"\x7fELF"):
        raise BuildError(f"{compressed} holds no ELF kernel")
    target.write_bytes(kernel)


def build_guest(folder):
    objects = []
    for source in ("start.S", "guest.c"):
        objects.append(str(folder / source) + ".o")
        run("gcc", *GUEST_FLAGS, "-c", HERE / "guest" / source, "-o", objects[-1])
    run("ld", "-m", "elf_i386", "--no-warn-rwx-segments", "-z", "noexecstack",
        "-T", HERE / "guest" / "link.ld", "-o", folder / "guest.elf", *objects)
    for file in objects:
        os.unlink(file)


def module_files(names, release):
    """Files of the kernel modules 'names' and of those they need, in the order to load them."""
    files = []
    for name in names:
        for line in output("modprobe", "-S", release, "--show-depends", name).splitlines():
            kind, path = line.split()[:2]
            if kind == "insmod" and path not in files:
                files.append(path)
    return files


def build_initramfs(folder, release):
    """Not compressed on purpose: QEMU copies it in at once, while decompression takes seconds
    without KVM."""
    tree = folder / "early"
    for name in ("bin", "dev", "proc", "sys", "lower", "memory", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", tree / "bin" / "busybox")
    shutil.copy(HERE / "host" / "early", tree / "init")
    for number, path in enumerate(module_files(EARLY_MODULES, release)):
        module = Path(path).read_bytes()
        if path.endswith(".xz"):  # Debian 13 compresses them
            module = lzma.decompress(module)
        (tree / "modules" / f"{number:02}-{Path(path).name.removesuffix('.xz')}").write_bytes(module)
    names = "\n".join(str(p.relative_to(tree)) for p in [tree, *sorted(tree.rglob("*"))])
    with open(folder / "initrd", "wb") as target:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=tree,
                       input=names.encode(), stdout=target, check=True)
    shutil.rmtree(tree)


def build_root_tree(tree, packages, built, release):
    for name in ("bin", "sbin", "lib", "lib64"):  # where links of a merged /usr lead to
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
    copy_files(packages.files(packages.inside()), tree)
    modules = module_files(EARLY_MODULES + HOST_MODULES, release)
    lists = [f"/lib/modules/{release}/modules.{x}" for x in ("builtin", "builtin.modinfo", "order")]
    copy_files(lists + modules, tree)
    run("depmod", "-b", tree, release)
    for name in ("dev", "proc", "sys", "run", "tmp", "root", "data", "payload", "lab",
                 "var/cache/libvirt/qemu"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    link_busybox(tree)
    write_settings(tree)
    shutil.copytree(HERE / "host", tree / "lab", dirs_exist_ok=True)
    shutil.copy(built / "guest.elf", tree / "lab" / "guest.elf")
    for name in ("libvirtd.conf", "qemu.conf"):
        os.replace(tree / "lab" / name, tree / "etc" / "libvirt" / name)
    compile_python(tree)
    run("ldconfig", "-r", tree)


def compile_python(tree):
    """Without KVM a host takes half a minute to compile what a fence agent imports, at each start."""
    folders = [path for path in (tree / "usr/lib/python3", *tree.glob("usr/lib/python3.*"), tree / "usr/share/fence")
               if path.is_dir()]
    run(sys.executable, "-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash",
        "-s", tree, "-p", "/", *folders)


def copy_files(paths, tree):
    """As installed here, links and modes included, but owned by whoever builds: the host's root may
    do all."""
    names = "\0".join(path.lstrip("/") for path in paths)
    pack = subprocess.Popen(["tar", "-C", "/", "-c", "--no-recursion", "--null", "-T", "-"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpack = subprocess.Popen(
        ["tar", "-C", tree, "-x", "--no-same-owner", "--keep-directory-symlink"], stdin=pack.stdout)
    pack.stdout.close()
    pack.stdin.write(names.encode())
    pack.stdin.close()
    if pack.wait() or unpack.wait():
        raise BuildError("copying packages into the image failed")


def link_busybox(tree):
    """Whatever program is missing and busybox can do."""
    folders = [tree / name for name in ("usr/bin", "usr/sbin", "bin", "sbin", "usr/local/bin")]
    (tree / "usr/local/bin").mkdir(parents=True, exist_ok=True)
    for applet in output("busybox", "--list").split():
        if not any(os.path.lexists(folder / applet) for folder in folders):
            (tree / "usr/local/bin" / applet).symlink_to("/bin/busybox")


def write_settings(tree):
    """What the maintainer scripts of the packages would have made."""
    users = Path("/usr/share/base-passwd/passwd.master").read_text()
    groups = Path("/usr/share/base-passwd/group.master").read_text()
    for path, text in {
        # libvirt's QEMU driver does not start without its own user, even if it is told to use root.
        "etc/passwd": users + "".join(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n"
                                      for name, number in USERS.items()),
        "etc/group": groups + "".join(f"{name}:x:{number}:\n" for name, number in (USERS | GROUPS).items()),
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/machine-id": "",
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)


def make_image(target, tree, label, spare_mib=64):
    """An ext4 image with the contents of 'tree', owned by root inside, made without mounting
    anything."""
    used = sum(max(p.lstat().st_size, 512) for p in tree.rglob("*"))
    run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal,^metadata_csum,^resize_inode", "-m", "0",
        "-L", label, "-E", "root_owner=0:0", "-d", tree, target,
        f"{used * 11 // 10 // 2**20 + spare_mib}M")


def prime_libvirt(folder):
    """Boots a host once and keeps what its libvirt found out about QEMU: 8 to 10 s of every later
    boot.

    libvirt believes it only while kernel, processor model and the times of the programs are the
    same, so the file is added to the finished image instead of making it anew. It also shows that
    the image boots."""
    import lab  # it needs an image, this makes one

    with lab.Lab(nodes=1, image=folder, services=(), accelerator="tcg", quiet=True) as single:
        host = single.hosts[0]
        host.wait_ready(("libvirt",))
        names = host.sh("cd /var/cache/libvirt/qemu/capabilities && echo *.xml").split()
        for name in names:
            found = folder / name
            found.write_bytes(host.get(f"/var/cache/libvirt/qemu/capabilities/{name}"))
            for command in ("mkdir /var/cache/libvirt/qemu/capabilities",
                            f"write {found} /var/cache/libvirt/qemu/capabilities/{name}"):
                run("debugfs", "-w", "-R", command, folder / "root.ext4")
            found.unlink()


def search_path():
    """The environment for programs of the system: an ordinary user's PATH lacks some folders."""
    return dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin", LC_ALL="C")


def run(*command):
    """Runs a program quietly; its words become the error's if it fails."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=search_path())
    if done.returncode:
        raise BuildError(f"{command[0]} failed ({done.returncode}): {done.stdout.strip()[-800:]}")


def output(*command):
    try:
        return subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, check=True, env=search_path()).stdout
    except (OSError, subprocess.CalledProcessError) as problem:
        raise BuildError(f"the lab needs Debian and what is listed in {HERE}/packages: "
                         f"{problem}") from problem


def main():
    begin = time.monotonic()
    try:
        folder = ensure(
            lambda text: print(f"{time.monotonic() - begin:6.1f} s  {text}", flush=True))
    except BuildError as problem:
        sys.exit(f"build-lab: {problem}")
    print(folder)


if __name__ == "__main__":
    main()

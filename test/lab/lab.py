# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab: a cluster of emulated hosts with GPUs, for tests of the real programs with real
passthrough.

    with Lab(nodes=3) as lab:
        lab.wait_ready()
        print(lab.hosts[0].sh("virsh list"))
        lab.hosts[1].power_off()

A `Host` is a machine that the harness may look into, cut off or take the power from; what it runs
is in image.py, what it is made of in hardware.py. README.md says what to expect of it.

Every time limit is for a loaded machine and may be stretched further by BERTH_LAB_PATIENCE (a
factor). Hosts end when the harness ends, however it ends.
"""

import contextlib
import os
import queue
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import hardware
import image as images
from bmc import Controller
from hub import Hub
from power import PowerControl
from qmp import Qmp, QmpError
from shell import Shell, ShellError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("BERTH_LAB_PATIENCE", "2"))

# Three to four times what was seen on two cores with a load of 11 from elsewhere.
BOOT_LIMIT_S = 240 * PATIENCE
READY_LIMIT_S = 300 * PATIENCE
SCRIPT_LIMIT_S = 180 * PATIENCE
GUEST_LIMIT_S = 180 * PATIENCE
KVM_PROBE_LIMIT_S = 6

STORES_MAX = 3
DATA_DISK_MIB = 384  # etcd lays out two log files of 64 MiB


class LabError(Exception):
    """The lab itself did not do what was asked."""


class Payload:
    """What is put under test: programs, settings and services, on a small disk of its own at
    /payload.

    'files' maps a path below /payload to a Path (copied) or to text or bytes; /payload/bin is first
    in the PATH, /payload/etc/berth is /etc/berth. 'services' maps a name to a shell command that
    must not return. In texts and commands @node@, @number@, @address@, @nodes@ and @endpoints@
    stand for the host's own values."""

    def __init__(self, files=(), services=()):
        self.files, self.services = dict(files), dict(services)

    @classmethod
    def of_build(cls, build=None):
        """The programs of a build folder (the repository's build/ unless told), as far as they
        exist."""
        build = Path(build or os.environ.get("BERTH_BUILD") or ROOT / "build")
        places = {name: (build / name, build / "src" / name, build / "src" / "bin" / name)
                  for name in ("berthd", "berth-api", "berth", "berth-client", "berth-host")}
        present = {name: next(path for path in paths if path.is_file())
                   for name, paths in places.items() if any(path.is_file() for path in paths)}
        return cls({f"bin/{name}": path for name, path in present.items()},
                   {name: f"exec {name}" for name in present if name in ("berthd", "berth-api")})

    def write_image(self, host, target):
        hosts = host.lab.hosts
        values = {"node": host.name, "number": host.number, "address": host.address,
                  "nodes": len(hosts), "endpoints": ",".join(
                      f"http://{h.address}:2379" for h in sorted(hosts[:host.lab.stores], key=lambda h: h is not host))}
        with tempfile.TemporaryDirectory(prefix="berth-lab-payload-") as folder:
            tree = Path(folder)
            for path, content in self.files.items():
                file = tree / path
                file.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    shutil.copy(content, file)
                elif isinstance(content, bytes):
                    file.write_bytes(content)
                else:
                    file.write_text(fill_in(content, values))
            for name, command in self.services.items():
                file = tree / "services" / name
                file.parent.mkdir(exist_ok=True)
                file.write_text(f"#!/bin/sh\n{fill_in(command, values)}\n")
                file.chmod(0o755)
            images.make_image(target, tree, "lab-payload", spare_mib=4)


def fill_in(text, values):
    return re.sub(r"@(\w+)@", lambda found: str(values.get(found[1], found[0])), text)


def as_text(data):
    return data.decode(errors="replace").replace("\r", "")


class Host:
    """One emulated host. Made by Lab; its functions may be called from any thread."""

    def __init__(self, lab, number, cards):
        self.lab, self.number, self.cards = lab, number, cards
        self.name, self.address = f"node{number}", f"10.77.0.{number}"
        self.mac = f"52:54:00:77:00:{number:02x}"
        self.folder = lab.folder / self.name
        shutil.rmtree(self.folder, ignore_errors=True)  # of an earlier run in the same workdir
        self.folder.mkdir()
        self.process = self.qmp = self.shell = None
        self.power = threading.RLock()  # over each change of power, which fence agents make, too
        self.forwards = {}  # port inside -> port on this machine's loopback

    # Power.

    @property
    def is_on(self):
        return self.process is not None and self.process.poll() is None

    def power_on(self):
        """Starts the machine and returns at once; its disk is as the last power loss left it."""
        with self.power:
            assert not self.is_on
            self.process = spawn(self.command(), self.folder / "qemu.log")
            self.lab.note(f"{self.name}: power on")
            try:
                self.qmp = Qmp(self.connect("qmp"))
                self.shell = Shell(self.connect("shell"))
                for inside, outside in list(self.forwards.items()):
                    self.forwards[inside] = self.add_forward(inside, outside)
            except (OSError, QmpError, ValueError) as problem:
                self.power_off()
                raise LabError(f"{self.name} does not start: {problem}\n"
                               f"{self.text('qemu.log')}") from problem

    def power_off(self):
        """Takes the power away: SIGKILL to the machine. Nothing inside gets to know."""
        with self.power:
            if self.is_on:
                self.process.kill()
                self.process.wait()
                self.lab.note(f"{self.name}: power off")
            for end in (self.qmp, self.shell):
                if end:
                    end.close()
            self.qmp = self.shell = None

    def command(self):
        lab = self.lab
        arguments = hardware.machine(lab.accelerator) + hardware.cards(self.cards)
        arguments += hardware.network(self.mac, self.socket("hub"))
        arguments += hardware.disk("root", lab.image / "root.ext4", "12", True)
        arguments += hardware.disk("data", self.folder / "data.ext4", "13", False)
        arguments += hardware.disk("payload", self.folder / "payload.ext4", "14", True)
        logs = {name: self.folder / f"{name}.log" for name in lab.logs}
        arguments += hardware.ports(self.socket("shell"), logs)
        own = f"lab_node={self.number} lab_nodes={len(lab.hosts)} lab_stores={lab.stores}"
        if lab.is_systemd:
            own += " lab_init=systemd systemd.show_status=0 systemd.default_timeout_start_sec=900"
        return arguments + [
            "-name", self.name, "-qmp", f"unix:{self.socket('qmp')},server=on,wait=off",
            "-chardev", f"file,id=console,path={self.folder / 'console.log'},append=on",
            "-serial", "chardev:console",
            "-kernel", lab.image / "vmlinux", "-initrd", lab.image / "initrd",
            "-append", f"{hardware.KERNEL_ARGUMENTS} {own}",
        ]

    def socket(self, kind):
        return str(self.lab.sockets / f"{self.name}.{kind}")

    def connect(self, kind):
        """To one of this QEMU's sockets, which appear a moment after it was started."""
        end = time.monotonic() + 30 * PATIENCE
        while True:
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(self.socket(kind))
                return link
            except OSError:
                link.close()
                if not self.is_on or time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def make_disks(self):
        with open(self.folder / "data.ext4", "wb") as disk:
            disk.truncate(DATA_DISK_MIB * 2**20)
        images.run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "lab-data", self.folder / "data.ext4")
        self.lab.payload.write_image(self, self.folder / "payload.ext4")

    # Waiting.

    def wait_boot(self, count=1, limit_s=BOOT_LIMIT_S):
        """Until this power-on has booted 'count' times (more than once: it was reset). Returns the
        boot id."""
        if not self.shell or not self.shell.wait_boot(limit_s, count):
            raise LabError(f"{self.name} has not booted within {limit_s:.0f} s\n"
                           f"{self.console()[-1500:]}")
        return self.shell.boots[count - 1][1]

    def wait_ready(self, what=("libvirt", "devices", "etcd"), limit_s=READY_LIMIT_S):
        """Until the parts 'what' of this host answer; "etcd" is the whole store, not only this
        member."""
        self.wait_boot(limit_s=limit_s)
        tests = {
            "devices": "[ -e /run/lab/devices ]",
            "libvirt": "virsh version >/dev/null 2>&1",
            "etcd": "wget -q -O - http://127.0.0.1:2379/health | grep -q true",
        }
        for part in what:
            if part == "etcd" and self.number > self.lab.stores:
                continue
            self.wait_until(tests[part], limit_s)
        self.lab.note(f"{self.name}: {', '.join(what)} ready")

    def wait_until(self, condition, limit_s=SCRIPT_LIMIT_S, every_s=0.2):
        """Until the shell command 'condition' is true in the host."""
        done = self.run(f"until {condition}; do sleep {every_s}; done", limit_s)
        if done.status:
            raise LabError(f"{self.name}: not true within {limit_s:.0f} s: {condition}\n"
                           f"{as_text(done.output)[-800:]}\n{self.console()[-800:]}")

    # The shell.

    def run(self, script, limit_s=SCRIPT_LIMIT_S, given=b""):
        """Runs a shell script as root in the host: its exit status (124: out of time) and output,
        both streams."""
        if not self.shell:
            raise ShellError(f"{self.name} has no power")
        return self.shell.run(script, limit_s, given)

    def sh(self, script, limit_s=SCRIPT_LIMIT_S, given=b""):
        """Like run, but returns the output as text and raises LabError unless the status is 0."""
        done = self.run(script, limit_s, given)
        text = as_text(done.output).strip()
        if done.status:
            raise LabError(f"{self.name}: status {done.status} from: {script}\n{text[-2000:]}")
        return text

    def put(self, path, data, mode=0o644):
        where = shlex.quote(path)
        self.sh(f'mkdir -p "$(dirname {where})" && cat >{where} && chmod {mode:o} {where}',
                given=data if isinstance(data, bytes) else data.encode())

    def get(self, path):
        done = self.run(f"cat {shlex.quote(path)}")
        if done.status:
            raise LabError(f"{self.name}: {as_text(done.output)}")
        return done.output

    @property
    def boot_id(self):
        """Of the present boot, as the host itself says."""
        return self.wait_boot(len(self.shell.boots) or 1)

    # Services.

    def kill9(self, service):
        """SIGKILL to a service's own process; it is started again within about a second, unless
        held."""
        self.sh(f"kill -9 $(cat /run/lab/pid/{service})")

    def hold_service(self, service):
        """SIGKILL, and it stays down until released or until the next boot."""
        self.sh(f"touch /run/lab/held/{service}; kill -9 $(cat /run/lab/pid/{service})")

    def is_running(self, service):
        return self.run(f"kill -0 $(cat /run/lab/pid/{service})").status == 0

    def release_service(self, service):
        self.sh(f"rm -f /run/lab/held/{service}")

    def stall_service(self, service, stalled=True):
        """Stops a service's process where it stands (SIGSTOP), or lets it go on. To stop the whole
        machine instead would be no fair test: its watchdog would stand still with it."""
        self.sh(f"kill -{'STOP' if stalled else 'CONT'} $(cat /run/lab/pid/{service})")

    def log(self, service):
        """What the service has written since the first power-on; readable without power, too."""
        return self.text(f"{service}.log")

    def console(self):
        return self.text("console.log")

    def text(self, name):
        file = self.folder / name
        return as_text(file.read_bytes()) if file.exists() else ""

    # Virtual machines and cards.

    def serial_of(self, vm):
        """The serial line of a virtual machine defined by domain.py, over all its starts on this
        host in this boot."""
        return as_text(self.run(f"cat /run/lab/guest/{shlex.quote(vm)}.log").output)

    def wait_guest(self, vm, pattern=r"RESULT PASS", limit_s=GUEST_LIMIT_S):
        """Until the serial line of 'vm' has 'pattern'; returns the whole of it."""
        end = time.monotonic() + limit_s
        while True:
            text = self.serial_of(vm)
            if re.search(pattern, text):
                return text
            if time.monotonic() > end:
                raise LabError(f"{self.name}: {vm} shows no {pattern!r} within {limit_s:.0f} s:\n"
                               f"{text[-1500:]}")
            time.sleep(0.3)

    def gpu_memory(self, slot, offset=0, size=4, function=""):
        """'size' bytes of video memory of the card in 'slot', read from outside through the host's
        address space.

        'function' picks another one of the slot: "-second" of a "shared" pair. None if the card's
        memory is not mapped, so nobody in the host can reach it just now."""
        bar = hardware.vram_bar(self.bars(f"gpu{slot}{function}"))
        if bar is None or bar["address"] < 0:
            return None
        with tempfile.NamedTemporaryFile(prefix="berth-lab-", dir=self.lab.sockets) as file:
            self.qmp.execute("pmemsave", val=bar["address"] + offset, size=size, filename=file.name)
            return Path(file.name).read_bytes()

    def gpu_tag(self, slot, function=""):
        """The tag in a card's memory (domain.py gives one to each virtual machine), or None if it
        is not mapped."""
        data = self.gpu_memory(slot, 0, 4, function)
        return None if data is None else int.from_bytes(data, "little")

    def gpu_life(self, slot):
        """(tag, pulse) of a card: the guest that has it counts the pulse while it runs, so a tag beside a moving one is a
        living guest's. Both are of one moment: a tag read before the next guest comes, beside a pulse read after that,
        would be a dead guest that lives. None if the memory is not mapped."""
        data = self.gpu_memory(slot, 0, 12)
        return None if data is None else (int.from_bytes(data[:4], "little"), int.from_bytes(data[8:], "little"))

    def bars(self, device):
        """The BARs of a QEMU device as the outside sees them: dicts of bar, type, address (-1: not
        mapped), size."""
        function = self.find_device(device)
        if function is None:
            raise LabError(f"{self.name} has no device {device}")
        return function["regions"]

    def find_device(self, device):
        waiting = [function for bus in self.qmp.execute("query-pci") for function in bus["devices"]]
        while waiting:
            function = waiting.pop()
            if function["qdev_id"] == device:
                return function
            waiting += function.get("pci_bridge", {}).get("devices", [])
        return None

    def unplug(self, slot):
        """Asks the host to let the card in 'slot' go, as the button beside a hot-plug slot does; it
        goes when the host has released it (is_plugged). The audio function of a card goes with
        it."""
        self.qmp.execute("device_del", id=f"gpu{slot}")

    def plug(self, slot):
        """Puts a display card of the first model into a slot that has been empty since power-on
        (QEMU 7.2 keeps the memory of a bochs-display that was unplugged, and aborts at a second one
        in its place)."""
        self.qmp.execute("device_add", driver="bochs-display", id=f"gpu{slot}", bus=f"slot{slot}")

    def is_plugged(self, slot):
        return self.find_device(f"gpu{slot}") is not None

    # From this machine into the host.

    def forward(self, port, wanted=0):
        """The port on 127.0.0.1 of this machine that leads to 'port' of the host, 'wanted' if that is free; stays the
        same over power cycles."""
        if port not in self.forwards:
            self.forwards[port] = self.add_forward(port, wanted)
        return self.forwards[port]

    def add_forward(self, inside, outside):
        """'outside' 0 lets the kernel choose, so that no two harnesses can choose the same."""
        problem = self.qmp.human(f"hostfwd_add harness tcp:127.0.0.1:{outside}-:{inside}")
        if problem.strip() and outside:
            return self.add_forward(inside, 0)
        for line in self.qmp.human("info usernet").splitlines():
            found = re.search(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", line)
            if found and int(found[2]) == inside:
                return int(found[1])
        raise LabError(f"{self.name}: no way in to port {inside}: {problem}")


class Lab:
    """'nodes' hosts on one hub, started together on entry and ended on exit.

    nodes       how many hosts
    cards       what is in their slots: names of hardware.CARDS, one list for all hosts or a
                function of the number
    payload     what is put under test; the programs of build/ unless told
    workdir     where disks and logs of the hosts go; kept if given, otherwise removed (logs of a
                failed test are kept)
    services    names whose logs are streamed out, besides etcd, libvirtd and the payload's
    stores      how many hosts, from the first, run etcd: the first three unless told
    image       a folder of image.py; built if need be unless told
    accelerator kvm or tcg; found out unless told (BERTH_LAB_ACCEL tells, too)
    within      another lab of this process, in whose turn on this machine this one runs
    is_systemd  process 1 of the hosts is systemd, with Debian's units and Berth's own
    """

    def __init__(self, nodes=3, workdir=None, cards=hardware.STANDARD, payload=None, services=(),
                 stores=None, image=None, accelerator=None, quiet=False, within=None,
                 is_systemd=False):
        self.begin, self.quiet, self.notes, self.is_systemd = time.monotonic(), quiet, [], is_systemd
        self.image = Path(image) if image else images.ensure(self.note)
        self.image_held = None if image else images.hold(self.image)
        self.accelerator = (accelerator or os.environ.get("BERTH_LAB_ACCEL")
                            or probe_accelerator(self.image))
        self.payload = payload if payload is not None else Payload.of_build()
        self.stores = min(nodes, STORES_MAX) if stores is None else stores
        self.logs = list(dict.fromkeys(["etcd", "libvirtd", *self.payload.services, *services]))
        remove_abandoned()
        # Not in the workdir: the path of a socket must be short.
        self.sockets = Path(tempfile.mkdtemp(prefix=f"berth-lab-{os.getpid()}-"))
        self.keep = workdir is not None
        self.folder = Path(workdir).resolve() if workdir else self.sockets / "hosts"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.hub, self.hosts, self.turn, self.within = Hub(), [], None, within
        self.power = PowerControl(self, str(self.sockets / "power"))
        for number in range(1, nodes + 1):
            self.hosts.append(Host(self, number, cards(number) if callable(cards) else cards))
        self.controllers = {host.name: Controller(host, self.hub, self.power) for host in self.hosts}

    def __enter__(self):
        end_politely()
        self.turn = None if self.within else images.take_turn(self.note)
        try:
            for controller in self.controllers.values():
                controller.begin(spawn)
            self.hub.start()
            self.power.start()
            in_parallel([host.make_disks for host in self.hosts])
            for host in self.hosts:
                self.hub.add(host.name, host.socket("hub"))
                host.power_on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, problem, trace):
        if kind and issubclass(kind, Exception) and not self.keep:  # not when somebody ends it
            self.keep_logs()
        self.close()

    def keep_logs(self):
        """Says where, quiet or not: who asks for them wants to look."""
        kept = Path(tempfile.mkdtemp(prefix="berth-lab-failed-"))
        for log in self.folder.glob("*/*.log"):
            (kept / log.parent.name).mkdir(exist_ok=True)
            shutil.copy(log, kept / log.parent.name)
        print(f"# the hosts' logs are in {kept}", flush=True)

    def close(self):
        self.power.stop()
        for controller in self.controllers.values():
            controller.end()
        for host in self.hosts:
            with contextlib.suppress(OSError):
                host.power_off()
        self.hub.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)
        if self.image_held:
            self.image_held.close()
        if self.turn:
            self.turn.close()

    def host(self, name):
        return next(host for host in self.hosts if host.name == name)

    def wait_ready(self, what=("libvirt", "devices", "etcd"), limit_s=READY_LIMIT_S):
        """Until all hosts that have power are ready."""
        in_parallel([lambda host=host: host.wait_ready(what, limit_s)
                     for host in self.hosts if host.is_on])

    def seconds(self):
        """Since the lab was made."""
        return time.monotonic() - self.begin

    def note(self, text):
        """Records and, unless quiet, prints a line with the time."""
        self.notes.append((self.seconds(), text))
        if not self.quiet:
            print(f"# {self.seconds():8.2f}  {text}", flush=True)


def in_parallel(calls):
    """Runs all, waits for all, then raises the first problem."""
    problems = []

    def guarded(call):
        try:
            call()
        except Exception as problem:  # handed on to the caller below
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def remove_abandoned():
    """What harnesses left behind that were killed: folders named after a process that is no
    more."""
    for folder in Path(tempfile.gettempdir()).glob("berth-lab-[0-9]*-*"):
        if not Path("/proc", folder.name.split("-")[2]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def end_politely():
    """Makes a plain request to end (SIGTERM, as "timeout" sends it; SIGHUP of a closed terminal) end the hosts and
    remove their disks as well."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, lambda number, frame: sys.exit(128 + number))


class Spawner(threading.Thread):
    """Starts all child processes. The kernel ends a child with the thread that made it (setpriv
    --pdeathsig), so that thread must live as long as the harness, and a test may well start hosts
    from a shorter one."""

    def __init__(self):
        super().__init__(name="spawner", daemon=True)
        self.orders = queue.SimpleQueue()
        self.start()

    def run(self):
        while True:
            command, options, answer = self.orders.get()
            try:
                answer.put(subprocess.Popen(command, **options))
            except OSError as problem:
                answer.put(problem)

    def spawn(self, command, options):
        answer = queue.SimpleQueue()
        self.orders.put((command, options, answer))
        result = answer.get()
        if isinstance(result, OSError):
            raise LabError(f"cannot start {command[0]}: {result}")
        return result


SPAWNER = None


def spawn(command, log):
    """Starts 'command' with its output appended to 'log'; it gets neither the terminal's signals
    nor a longer life than the harness."""
    global SPAWNER
    SPAWNER = SPAWNER or Spawner()
    words = ["setpriv", "--pdeathsig", "KILL", "--"] + [str(word) for word in command]
    with open(log, "ab") as target:
        process = SPAWNER.spawn(words, {"stdin": subprocess.DEVNULL, "stdout": target,
                                        "stderr": subprocess.STDOUT, "start_new_session": True})
    prefer(process)
    return process


def prefer(process):
    """Hosts that send heartbeats want their share of the processor before a compiler does; granted
    only to root. A session of its own is scheduled as a group of its own where the kernel groups at
    all."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, -10)
        Path(f"/proc/{process.pid}/autogroup").write_text("-10")


ACCELERATOR = None


def probe_accelerator(image):
    """kvm if a host's kernel really comes up with it, else tcg. A /dev/kvm that can be opened
    proves nothing: inside some virtual machines QEMU then hangs or aborts. Asked once in a run."""
    global ACCELERATOR
    if ACCELERATOR is None:
        usable = os.access("/dev/kvm", os.R_OK | os.W_OK) and kvm_boots(image)
        ACCELERATOR = "kvm" if usable else "tcg"
    return ACCELERATOR


def kvm_boots(image):
    """Boots kernel and initial RAM file system to their first line."""
    with tempfile.TemporaryDirectory(prefix="berth-lab-kvm-") as folder:
        console = Path(folder) / "console"
        console.touch()
        process = spawn(hardware.machine("kvm") + [
            "-serial", f"file:{console}", "-kernel", image / "vmlinux", "-initrd", image / "initrd",
            "-append", hardware.KERNEL_ARGUMENTS], Path(folder) / "log")
        try:
            end = time.monotonic() + KVM_PROBE_LIMIT_S
            while time.monotonic() < end and process.poll() is None:
                if "lab: " in console.read_text(errors="replace"):
                    return True
                time.sleep(0.05)
            return False
        finally:
            process.kill()
            process.wait()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts on this machine: each a real libvirtd with QEMU (TCG) and a real berthd, as root in a PID and mount
namespace."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import uuid

from cluster import Etcd, wait_for

BERTHD = os.environ["BERTHD"]
TEST_LIMIT_S = 600
PLACES = ["/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt", "/etc/libvirt", "/var/lib/berthd"]
XML = ("<domain type='qemu'><name>{}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os>"
       "<type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>"
       "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>")


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


def make_pki(directory, authority, node):
    """What berth cluster refresh makes for a host of the cluster with this authority (made if need be): in 'directory',
    under the names by which libvirt's client and server and QEMU look for it."""
    cluster = f"{directory}/etc/berth/cluster"
    os.makedirs(cluster)
    if not os.path.exists(f"{authority}.pem"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                f"{authority}-key.pem", "-out", f"{authority}.pem", "-days", "2", "-subj", "/CN=Berth cluster authority",
                "-addext", "keyUsage=keyCertSign,cRLSign")
    for name in ("", "-key"):
        shutil.copy(f"{authority}{name}.pem", f"{cluster}/ca{name}.pem")
    with open(f"{cluster}/cluster.json", "w", encoding="ascii") as file:
        json.dump({"node": node, "address": "127.0.0.1", "is_member": True, "is_witness": False, "endpoints": []}, file)
    with open(f"{directory}/etc/berth/berth.conf", "w", encoding="ascii") as file:
        file.write("migration_address = qemu+tls://127.0.0.1/system tcp://127.0.0.1\n")
    os.symlink(os.path.join(os.path.dirname(os.path.abspath(__file__)), "systemctl"), f"{directory}/systemctl")
    done = subprocess.run([os.environ["BERTH"], "cluster", "refresh", "--root", directory], check=False,
                          capture_output=True, text=True, timeout=60)
    assert "made the certificates for moves" in done.stdout, done  # then it misses the store, which it needs for nothing of this
    for folder, _, names in os.walk(f"{directory}/etc/pki"):
        for name in names:
            os.symlink(os.path.relpath(f"{folder}/{name}", directory), f"{directory}/{name}")


class Host:
    """libvirtd in namespaces of its own, and a berthd in them, called 'node'."""

    def __init__(self, directory, etcd, node, hook=None, port=0, memory="", berthd=BERTHD, more=""):
        self.directory, self.etcd, self.node, self.daemon = directory, etcd, node, None
        self.berthd = berthd  # the program; another one from the next begin() on
        self.port = port  # where libvirtd accepts VMs that run, with TLS; 0: nowhere
        self.more = more  # of berth.conf
        self.move_address = f"qemu+tls://127.0.0.1:{port}/system?pkipath={directory}/pki"
        self.memory_address = memory  # where their memory comes to; else through libvirtd
        self.host_name = None  # if set, berthd runs under this host name, and berth.conf names no node
        os.makedirs(directory)
        mounts = ""
        for i, place in enumerate(PLACES):
            os.makedirs(f"{directory}/{i}")
            mounts += f"mkdir -p {place}; mount --bind {directory}/{i} {place}; "
        self.write("4/qemu.conf", 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'
                   'cgroup_controllers = []\nnamespaces = []\nremember_owner = 0\nstdio_handler = "file"\n' + (
                       # libvirtd does not begin if it does not exist
                       f'migrate_tls_x509_cert_dir = "{directory}/pki"\nmigrate_tls_x509_verify = 1\n' if port else ""))
        self.hook = f"{directory}/4/hooks/qemu.d/50-berth"
        if hook:
            os.makedirs(os.path.dirname(self.hook))
            with open(hook, encoding="ascii") as file:
                text = file.read().replace("/etc/berth/berth.conf", f"{directory}/berth.conf")
            self.write("4/hooks/qemu.d/50-berth", text)
            os.chmod(self.hook, 0o755)
        self.write("libvirtd.conf", f'host_uuid = "{uuid.uuid4()}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\nunix_sock_dir = "{directory}"\n'
                   'unix_sock_rw_perms = "0700"\n' + (
                       f'listen_tls = 1\nlisten_tcp = 0\nlisten_addr = "127.0.0.1"\ntls_port = "{port}"\n'
                       f'ca_file = "{directory}/pki/cacert.pem"\ncert_file = "{directory}/pki/servercert.pem"\n'
                       f'key_file = "{directory}/pki/serverkey.pem"\n' if port else ""))
        if port:
            make_pki(f"{directory}/pki", f"{os.path.dirname(directory)}/ca", node)
        self.uri = f"qemu:///system?socket={directory}/libvirt-sock"
        with open(f"{directory}/log", "w", encoding="utf-8") as log:
            self.libvirtd = subprocess.Popen(
                ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "--propagation", "private", "sh", "-c",
                 # the shell is the namespace's process 1: it reaps QEMUs that ended, else libvirt waits for them
                 f"{mounts} libvirtd {'--listen' if port else ''} -f {directory}/libvirtd.conf -p {directory}/pid; exit $?"],
                stdout=log, stderr=log)
        wait_for("libvirtd answers", lambda: subprocess.run(["virsh", "-c", self.uri, "list"], check=False,
                                                             capture_output=True).returncode == 0, 60)
        self.begin()

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def begin(self, prefix="/berth/"):
        named, under = f"node = {self.node}\n", []
        if self.host_name:
            named, under = "", ["unshare", "-u", "sh", "-c", f'hostname {self.host_name} && exec "$@"', "sh"]
        if self.port:
            named += f"migration_address = {self.move_address} {self.memory_address}\n"
        self.write("berth.conf", f"{named}watchdog = none\netcd_endpoints = {self.etcd.url}\n"
                   f"etcd_prefix = {prefix}\nlibvirt_uri = {self.uri}\nrun_dir = {self.directory}/run\n"
                   f"state_dir = {self.directory}/state\napi_socket = {self.directory}/api.sock\n{self.more}")
        pid = self.libvirtd.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            child = file.read().split()[0]
        with open(f"{self.directory}/berthd.log", "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(["nsenter", "-t", child, "-m", "-p", *under, self.berthd, "--config",
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

    def is_there(self):
        """Its libvirt answers berthd, and the store has what the others learn of it."""
        at = self.etcd.all()
        return "hypervisor: it answers" in self.journal() and f"beat/{self.node}" in at and f"seen/nodes/{self.node}" in at

    def journal(self):
        with open(f"{self.directory}/berthd.log", encoding="utf-8") as file:
            return file.read()

    def close(self):
        for process in (self.daemon, self.libvirtd):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for pid in qemus(self.node):
            with contextlib.suppress(ProcessLookupError):  # its namespace ends it, too
                os.kill(pid, signal.SIGKILL)


def qemus(*nodes):
    """{pid: marker} of the QEMUs that hosts of these names started."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        for word in words:
            if word.startswith("name=opt/berth/instance") and word.split("/")[-1] in nodes:
                found[int(path.split("/")[2])] = word
    return found


def start(host, vm, **more):
    host.etcd.put(f"want/vms/{vm}", {"schema": 1, "xml": XML.format(vm), "cpus": 1, "memory_mib": 16,
                                     "desired": "started", "start_order": 1, **more})
    wait_for(f"{vm} runs", lambda: host.etcd.all().get(f"seen/vms/{vm}", {}).get("state") == "running", 120)


def lacks():
    if os.geteuid() != 0:
        return "only root can have a libvirtd of its own"
    for program in ("libvirtd", "virsh", "qemu-system-x86_64", "etcd", "nsenter", "unshare", "openssl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if subprocess.run(["unshare", "-m", "-p", "-f", "true"], check=False).returncode != 0:
        return "no namespaces here"
    return None


def too_long(_number, _frame):
    for thread, frame in sys._current_frames().items():
        print("".join(f"# {line}\n" for line in "".join(traceback.format_stack(frame)).split("\n")), f"# of {thread}", flush=True)
    raise TimeoutError(f"the test did not end within {TEST_LIMIT_S} s")


def attempt(number, test, hosts):
    """A test that hangs fails, and tells where, long before the runner would end the program."""
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TEST_LIMIT_S)
    try:
        test(*hosts)
        print(f"ok {number} - {test.__name__}", flush=True)
    except Exception as problem:  # told, and the next one tried
        print(f"not ok {number} - {test.__name__}\n# {problem!r}", flush=True)
        for host in hosts:
            print("".join(f"# {line}\n" for line in host.journal().split("\n")[-40:]), flush=True)
    finally:
        signal.alarm(0)


def with_hosts(nodes, hook, tests, first=1, port=lambda: 0, memory=(), image=b"", more="", **vm):
    """Calls 'tests', numbered from 'first', with a host for each of 'nodes'. The first has the VM t, told as in 'start';
    all accept VMs at a 'port' of their own, have 'image' as libvirt's image "count", and 'more' in berth.conf."""
    directory = tempfile.mkdtemp(prefix="berth-live-")
    etcd = Etcd(directory)
    hosts = []
    try:
        for i, node in enumerate(nodes):
            to = memory[i] if memory else ""
            hosts.append(Host(f"{directory}/host{i}", etcd, node, hook, port(), memory=to, more=more))
            if image:
                os.makedirs(f"{directory}/host{i}/1/images", exist_ok=True)
                with open(f"{directory}/host{i}/1/images/count", "wb") as file:
                    file.write(image)
        for host in hosts:  # else t starts on the first host that can
            wait_for(f"{host.node} is there", lambda host=host: host.is_there(), 180)
        start(hosts[0], "t", preferred_owners=[nodes[0]], **vm)
        for number, test in enumerate(tests, first):
            attempt(number, test, hosts)
    finally:
        for host in hosts:
            host.close()
        etcd.kill()
        shutil.rmtree(directory, ignore_errors=True)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attacks on a real berthd and berth-api by three people: someone on the network, an administrator of the
console, and an unprivileged user of a host. None becomes root, stops failover, or shuts the owner out.
docs/SECURITY.md maps each attack to what defeats it and to its test."""

import ctypes
import http.client
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "law"))
sys.path.insert(0, os.path.dirname(__file__))

from tap import Skip, test, main  # noqa: E402
from cluster import Etcd, free_port, wait_for  # noqa: E402

NODE = f"victim{os.getpid()}"
NOBODY = 65534
PASSWORD = "correct horse"
# Runs what a parameter names, as fence agents do that start ipmitool, sudo or ssh.
AGENT = """#!/bin/sh
while read line; do
    case "$line" in
    action=metadata) exec cat {0}/metadata.xml ;;
    action=*) action=${{line#action=}} ;;
    sudo_path=*) ${{line#sudo_path=}} ;;
    password=*) echo "${{line#password=}}" >>{0}/ran/told ;;
    esac
done
id -u >>{0}/ran/as
[ "$action" = status ] && exit 2
exit 0
"""
METADATA = """<?xml version="1.0"?><resource-agent name="fence_shim"><parameters>
<parameter name="ip"><content type="string"/></parameter>
<parameter name="sudo_path"><content type="string"/></parameter>
<parameter name="password"><content type="string"/></parameter>
</parameters><actions><action name="off"/><action name="status"/></actions></resource-agent>
"""


class Victim:
    """A host: etcd, berthd on libvirt's test driver, berth-api with HTTPS. Its /usr/sbin has one fence agent."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="berth-live-")
        os.chmod(self.directory, 0o755)  # as on a host, where anyone can look at /run and /var/lib
        os.makedirs(f"{self.directory}/sbin")
        os.makedirs(f"{self.directory}/ran")
        os.chmod(f"{self.directory}/ran", 0o777)
        self.write("metadata.xml", METADATA)
        self.write("sbin/fence_shim", AGENT.format(self.directory))
        os.chmod(f"{self.directory}/sbin/fence_shim", 0o755)
        self.etcd, self.https, self.processes = Etcd(self.directory), free_port(), {}
        self.socket = f"{self.directory}/run/api.sock"
        self.write("berth.conf",
                   f"node = {NODE}\netcd_endpoints = {self.etcd.url}\napi_socket = {self.socket}\n"
                   f"state_dir = {self.directory}/state\nrun_dir = {self.directory}/rund\nwatchdog = none\n"
                   f"disk_directories = {self.directory}/images\n"
                   f"host_key_file = {self.directory}/host.key\n"
                   f"libvirt_uri = test:///default\nhttps_listen = 127.0.0.1:{self.https}\n")
        self.begin("berth-api", [os.environ["BERTH_API"]])
        self.begin_berthd()
        wait_for("the host is up", lambda: " up " in self.berth("node", "ls")[1], 60)
        self.tokens = {role: self.must("token", "add", role, "--role", role).strip()
                       for role in ("viewer", "operator", "administrator")}
        self.must("user", "add", "alice", "--role", "administrator", stdin=PASSWORD + "\n")

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def begin(self, name, command):
        with open(f"{self.directory}/{name}.log", "a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen([*command, "--config", f"{self.directory}/berth.conf"],
                                                    stdout=log, stderr=log)

    def begin_berthd(self):
        """In a mount namespace whose /usr/sbin is ours; unshare becomes berthd."""
        self.begin("berthd", ["unshare", "-m", "--propagation", "private", "sh", "-c",
                              f'mount --bind {self.directory}/sbin /usr/sbin && exec "$@"', "sh",
                              os.environ["BERTHD"]])

    def end_berthd(self):
        self.processes["berthd"].kill()
        self.processes["berthd"].wait()

    def log(self, name):
        with open(f"{self.directory}/{name}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def berth(self, *words, stdin=None):
        done = subprocess.run([os.environ["BERTH"], "--socket", self.socket, *words], input=stdin or "", text=True,
                              capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def must(self, *words, stdin=None):
        code, out, err = self.berth(*words, stdin=stdin)
        assert code == 0, f"berth {' '.join(words)}: {code}\n{out}{err}"
        return out

    def context(self):
        context = ssl.create_default_context(cafile=f"{self.directory}/state/https-certificate.pem")
        context.check_hostname = False
        return context

    def ask(self, method, target, body=None, role=None, source="127.0.0.1"):
        """(status, text) of a request over HTTPS."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=15, context=self.context(),
                                                 source_address=(source, 0))
        try:
            headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
            connection.request(method, target, None if body is None else json.dumps(body).encode(), headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode(errors="replace")
        finally:
            connection.close()

    def raw(self, request, limit=5):
        """All that is answered to these bytes over TLS until the server closes."""
        got = b""
        with self.context().wrap_socket(socket.create_connection(("127.0.0.1", self.https), timeout=limit)) as s:
            try:
                s.sendall(request)
                while part := s.recv(65536):
                    got += part
            except OSError:
                got += b"[cut]"
        return got.decode(errors="replace")

    def incarnation(self):
        return self.etcd.all().get(f"seen/nodes/{NODE}", {}).get("incarnation", 0)

    def resident_mib(self):
        with open(f"/proc/{self.processes['berthd'].pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) // 1024

    def close(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
                process.wait(20)
        self.etcd.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def events(victim, code):
    return [event for key, event in victim.etcd.all().items() if key.startswith("log/") and event["code"] == code]


def domain(name, inside="", os_text="", attributes=""):
    return (f"<domain type='qemu' {attributes}><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
            f"<os><type>hvm</type>{os_text}</os>{inside}</domain>")


QEMU = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
# Each would make QEMU read, write or run something of the host, or take a device of it: (XML, <os>, attributes).
DOMAINS = [
    ("<devices><emulator>/bin/sh</emulator></devices>", "", ""),
    ("<devices><disk type='file'><source file='/etc/gshadow'/><target dev='vda'/></disk></devices>", "", ""),
    ("<devices><disk type='block'><source dev='/dev/nvme0n1'/><target dev='vda'/></disk></devices>", "", ""),
    ("<devices><filesystem type='mount'><source dir='/etc'/><target dir='t'/></filesystem></devices>", "", ""),
    ("<seclabel type='none'/>", "", ""),
    ("<seclabel type='static' model='dac' relabel='no'><label>+0:+0</label></seclabel>", "", ""),
    ("<devices><hostdev mode='subsystem' type='usb'><source><vendor id='0x1d6b'/><product id='0x2'/></source>"
     "</hostdev></devices>", "", ""),
    ("<devices><hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host1'/>"
     "<address bus='0' target='0' unit='0'/></source></hostdev></devices>", "", ""),
    ("<devices><hostdev mode='subsystem' type='pci'><source><address domain='0' bus='2' slot='0' function='0'/>"
     "</source></hostdev></devices>", "", ""),
    ("<devices><hostdev mode='capabilities' type='storage'><source><block>/dev/vda</block></source></hostdev>"
     "</devices>", "", ""),
    ("<devices><interface type='hostdev'><source><address type='pci' domain='0' bus='2' slot='0' function='0'/>"
     "</source></interface></devices>", "", ""),
    ("<devices><disk type='nvme' device='disk'><source type='pci' namespace='1'><address domain='0' bus='2' "
     "slot='0' function='0'/></source><target dev='vda'/></disk></devices>", "", ""),
    ("<qemu:commandline><qemu:arg value='-device'/><qemu:arg value='vfio-pci,host=02:00.0'/></qemu:commandline>",
     "", QEMU),
    ("<qemu:commandline><qemu:arg value='-readconfig'/><qemu:arg value='/tmp/c'/></qemu:commandline>", "", QEMU),
    ("<qemu:commandline><qemu:arg value='-drive'/><qemu:arg value='file=/etc/gshadow'/></qemu:commandline>", "", QEMU),
    ("<qemu:commandline><qemu:env name='LD_PRELOAD' value='/tmp/l.so'/></qemu:commandline>", "", QEMU),
    ("<qemu:commandline><qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/berth/instance,string=b/2/1/n'/>"
     "</qemu:commandline>", "", QEMU),
    ("<devices><serial type='file'><source path='/etc/cron.d/own'/><target port='0'/></serial></devices>", "", ""),
    ("", "<kernel>/etc/gshadow</kernel>", ""),
    ("", "<nvram template='/etc/gshadow'>/root/.profile</nvram>", ""),
    ("<devices><graphics type='vnc' autoport='yes' listen='0.0.0.0'/></devices>", "", ""),
    ("<devices><tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/mem'/></backend></tpm></devices>",
     "", ""),
    ("<devices><rng model='virtio'><backend model='random'>/dev/mem</backend></rng></devices>", "", ""),
    ("<resource><partition>/system</partition></resource>", "", ""),
]


def on_host(function):
    """Registers a test of the one victim that all share."""
    def run():
        victim = shared()
        try:
            function(victim)
        except AssertionError:
            for name in ("berthd", "berth-api"):
                print(f"# {name}:", *victim.log(name).splitlines()[-12:], sep="\n#   ")
            raise
    run.__name__ = function.__name__
    return test(run)


VICTIMS = []


def shared():
    if os.geteuid() != 0:
        raise Skip("only root can give a berthd a /usr/sbin of its own")
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        raise Skip("no mount namespaces here")
    if not VICTIMS:
        VICTIMS.append(Victim())
    return VICTIMS[0]


# ---- the network: who reaches the store's port ----


def forge_host(victim, name, **spec):
    """A host that does not exist, of which one heartbeat is seen: the coordinator fences it."""
    victim.etcd.put(f"want/nodes/{name}", {"schema": 1, "mode": "active", "fencing": "power", **spec})
    victim.etcd.put(f"seen/nodes/{name}", {"schema": 1, "incarnation": 1, "cpus": 1, "memory_mib": 64})
    victim.etcd.put(f"beat/{name}", {"schema": 1, "incarnation": 1, "counter": 1})


@on_host
def a_forged_hosts_fence_parameters_run_nothing_and_its_agent_is_not_root(victim):
    path = f"{victim.directory}/ran"
    forge_host(victim, "ghost1", fence_agent="fence_shim",
               fence_parameters={"ip": "127.0.0.1", "sudo_path": f"touch {path}/by-parameter"})
    forge_host(victim, "ghost2", fence_agent="../../bin/sh", fence_parameters={"ip": "127.0.0.1"})
    forge_host(victim, "ghost3", fence_agent="fence_shim", fence_parameters={"ip": "127.0.0.1"})
    wait_for("the agent of a good request runs", lambda: os.path.exists(f"{path}/as"), 40)
    wait_for("what it did counts", lambda: "order/fence/ghost3" in victim.etcd.all(), 20)
    wait_for("the bad one is refused", lambda: "sudo_path" in json.dumps(events(victim, "power-fencing-failed")), 20)
    with open(f"{path}/as", encoding="ascii") as file:
        users = set(file.read().split())
    assert users and "0" not in users, users
    assert os.listdir(path) == ["as"], os.listdir(path)
    assert not {"order/fence/ghost1", "order/fence/ghost2"} & set(victim.etcd.all())
    for name in ("ghost1", "ghost2", "ghost3"):
        forget_host(victim, name)


def forget_host(victim, name):
    for key in ("want/nodes", "seen/nodes", "beat", "order/fence", "order/keys"):
        victim.etcd.delete(f"{key}/{name}")


@on_host
def only_berthd_opens_a_secret_and_only_for_the_address_that_it_was_sealed_for(victim):
    wait_for("the cluster has a key", lambda: victim.ask("GET", "/v1/fence-key", role="viewer")[0] == 200, 30)
    told = f"{victim.directory}/ran/told"
    # As it was stored by an earlier version, before anybody fences it: berth-api seals it.
    power = {"schema": 1, "mode": "active", "fencing": "power", "fence_agent": "fence_shim"}
    victim.etcd.put("want/nodes/old", {**power, "fence_parameters": {"ip": "127.0.0.1", "password": "TELL-1"}})
    wait_for("it is sealed", lambda: victim.etcd.all()["want/nodes/old"].get("fence_box"), 20)
    spec = victim.etcd.all()["want/nodes/old"]
    assert spec["fence_parameters"] == {"ip": "127.0.0.1", "password": "(sealed)"}, spec
    # Someone who writes to the store has the secret sent nowhere else: not for another host, not to another address, not
    # with a parameter of his own.
    box = spec["fence_box"]
    sealed = {"ip": "127.0.0.1", "password": "(sealed)"}
    forget_host(victim, "old")  # berthd asks its agent now and then whether it answers, and that one may be told
    bad = {"thief1": sealed, "old": {**sealed, "ip": "127.0.0.2"}}
    for name, parameters in bad.items():
        forge_host(victim, name, fence_agent="fence_shim", fence_parameters=parameters, fence_box=box)
        if name == "thief1" and os.path.exists(told):  # asked just before it was forgotten
            os.unlink(told)
        wait_for(f"{name} is refused", lambda name=name: [
            event for event in events(victim, "power-fencing-failed") if event["subject"] == name and
            "sealed for another node, agent or address" in json.dumps(event)], 30)
        assert not os.path.exists(told), (name, parameters)
        forget_host(victim, name)
    forge_host(victim, "old", fence_agent="fence_shim", fence_parameters=sealed, fence_box=box)
    wait_for("the agent is told", lambda: os.path.exists(told) and os.path.getsize(told) > 0, 40)
    with open(told, encoding="ascii") as file:
        words = set(file.read().split())
    assert words == {"TELL-1"}, words
    os.unlink(told)
    forget_host(victim, "old")


@on_host
def a_vm_that_was_written_into_the_store_is_root_on_no_host(victim):
    # One by what it says, one by a file that it names, one by where a link leads: each has a check of its own.
    os.makedirs(f"{victim.directory}/images", exist_ok=True)
    os.symlink("/etc/gshadow", f"{victim.directory}/images/link")
    disk = f"<disk type='file'><source file='{victim.directory}/images/link'/><target dev='vda'/></disk>"
    evil = {"rooted": DOMAINS[5][0], "filed": DOMAINS[17][0], "linked": f"<devices>{disk}</devices>"}
    state = {}

    def ended():
        for vm in (*evil, "plain"):
            state[vm] = victim.etcd.all().get(f"seen/vms/{vm}", {}).get("state")
        refused = {event["subject"] for event in events(victim, "vm-ended")
                   if re.search("domain policy|disk_directories", json.dumps(event))}
        return state["plain"] == "running" and set(evil) <= refused

    for vm, inside in (*evil.items(), ("plain", "")):
        victim.etcd.put(f"want/vms/{vm}", {"schema": 1, "xml": domain(vm, inside), "cpus": 1, "memory_mib": 64,
                                           "desired": "started", "start_order": 1})
    wait_for("the plain one runs and the others are refused", ended, 30)
    assert "running" not in [state[vm] for vm in evil], state
    assert "rooted" in victim.must("vm", "ls") and "seclabel" in victim.must("vm", "explain", "rooted")
    for vm in (*evil, "plain"):
        victim.etcd.delete(f"want/vms/{vm}")


# ---- the network: HTTPS ----


def requests(token):
    """What a proxy in front could understand in another way, or no client of good will sends."""
    head = f"Host: x\r\nAuthorization: Bearer {token}\r\n"
    hidden = f"GET /v1/session HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    post = f"POST /v1/plan HTTP/1.1\r\n{head}"
    return {
        "length and chunks": f"{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        "chunks and length": f"{post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{hidden}",
        "two lengths": f"{post}Content-Length: 2\r\nContent-Length: 9\r\n\r\n{{}}{hidden}",
        "negative length": f"{post}Content-Length: -1\r\n\r\n{{}}",
        "length beyond 64 bits": f"{post}Content-Length: 18446744073709551618\r\n\r\n{{}}",
        "length with a sign": f"{post}Content-Length: +2\r\n\r\n{{}}",
        "another encoding": f"{post}Transfer-Encoding: xchunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        "blank before the colon": f"{post}Transfer-Encoding : chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        "chunk beyond 64 bits": f"{post}Transfer-Encoding: chunked\r\n\r\n1FFFFFFFFFFFFFFFF\r\n{{}}\r\n0\r\n\r\n",
        "no host": f"GET /v1/session HTTP/1.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        "two hosts": f"GET /v1/session HTTP/1.1\r\nHost: y\r\n{head}Connection: close\r\n\r\n",
        "two tokens": f"GET /v1/session HTTP/1.1\r\n{head}Authorization: Bearer x\r\nConnection: close\r\n\r\n",
        "nul in the path": f"GET /v1/sess\0ion HTTP/1.1\r\n{head}Connection: close\r\n\r\n",
        "encoded slash": f"GET /v1%2fsession HTTP/1.1\r\n{head}Connection: close\r\n\r\n",
        "upwards": f"GET /v1/../v1/session HTTP/1.1\r\n{head}Connection: close\r\n\r\n",
        "http/2 without a word": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a long method": f"{'A' * 5000} / HTTP/1.1\r\n{head}\r\n",
        "a long header": f"GET /v1/session HTTP/1.1\r\n{head}X: {'y' * 40000}\r\nConnection: close\r\n\r\n",
        "trace": f"TRACE /v1/session HTTP/1.1\r\n{head}Connection: close\r\n\r\n",
        "connect": f"CONNECT a:1 HTTP/1.1\r\n{head}Connection: close\r\n\r\n",
        "more than it may send": f"{post}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
    }


@on_host
def no_request_that_can_be_read_in_two_ways_is_carried_out(victim):
    taken = []
    for name, request in requests(victim.tokens["viewer"]).items():
        answer = victim.raw(request.encode(), limit=1)
        if "HTTP/1.1 200" in answer or '"actor"' in answer:
            taken.append(f"{name}: {answer[:300]}")
    assert not taken, "\n".join(taken)
    assert victim.ask("GET", "/v1/session", role="viewer")[0] == 200


@on_host
def deep_long_and_broken_bodies_are_refused_at_once(victim):
    for body in (b"[" * 200000, b'{"a":' * 80000, b'{"start":[' + b"9" * 400 + b"]}", b'{"start":["\xff\xfe"]}',
                 b" " * 530000):
        begun = time.monotonic()
        answer = victim.raw(b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
                            + victim.tokens["viewer"].encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        # By what reads it, before anything acts on it.
        assert re.match(r"HTTP/1.1 413", answer) or answer == "[cut]" or (
            re.match(r"HTTP/1.1 400", answer) and "the body of the request: " in answer), (body[:20], answer[-300:])
        assert time.monotonic() - begun < 3, body[:20]


@on_host
def strangers_of_four_addresses_who_say_nothing_shut_no_one_out(victim):
    crowd = []
    try:
        for address in range(1, 5):
            for _ in range(64):
                crowd.append(socket.create_connection(("127.0.0.1", victim.https), timeout=5,
                                                      source_address=(f"127.0.1.{address}", 0)))
        begun = time.monotonic()
        assert victim.ask("GET", "/v1/status", role="viewer", source="127.0.2.1")[0] == 200
        assert time.monotonic() - begun < 3
    finally:
        for each in crowd:
            each.close()


@on_host
def one_address_that_guesses_does_not_keep_the_owner_out(victim):
    def log_in(password, source):
        return victim.ask("POST", "/v1/session", {"user": "alice", "password": password}, source=source)[0]

    guesses = [log_in(f"guess number {i}", "127.0.9.9") for i in range(60)]
    assert guesses.count(429) > 40 and set(guesses) == {401, 429}, guesses
    assert log_in(PASSWORD, "127.0.7.7") == 200
    for _ in range(40):
        connection = http.client.HTTPSConnection("127.0.0.1", victim.https, timeout=15, context=victim.context())
        connection.request("GET", "/v1/status", headers={"Authorization": "Bearer berth_old_" + "0" * 64})
        assert connection.getresponse().status == 401
        connection.close()
    assert victim.ask("GET", "/v1/status", role="administrator")[0] == 200
    assert log_in(PASSWORD, "127.0.0.1") == 200


# ---- an administrator of the console ----


@on_host
def an_administrator_over_https_adds_no_vm_that_reaches_into_the_host(victim):
    taken = []
    for number, (inside, os_text, attributes) in enumerate(DOMAINS):
        for more in ({}, {"privileged": True}):
            xml = domain(f"evil{number}", inside, os_text, attributes)
            status, text = victim.ask("POST", "/v1/vms", {"xml": xml, **more}, role="administrator")
            if status < 400:
                taken.append(f"{number}: {inside}{os_text}: {status} {text[:100]}")
    assert not taken, "\n".join(taken)
    for declaration in ("<!ENTITY x SYSTEM 'file:///etc/passwd'>",
                        "<!ENTITY y 'yyyyyyyyyy'><!ENTITY x '&y;&y;&y;&y;&y;&y;&y;&y;'>"):
        xml = f"<!DOCTYPE domain [{declaration}]>{domain('&x;')}"
        assert victim.ask("POST", "/v1/vms", {"xml": xml}, role="administrator")[0] in (400, 422)
    assert victim.ask("POST", "/v1/vms", {"xml": domain("harmless")}, role="administrator")[0] in (200, 201)
    victim.must("vm", "rm", "harmless")


@on_host
def an_administrator_over_https_sets_no_fence_agent_that_is_a_shell(victim):
    taken = []
    for key in ("ipmitool_path", "sudo_path", "sudo", "ssh_path", "telnet_path", "snmpget_path", "gnutlscli_path",
                "passwd_script", "password_script", "debug_file", "debug", "ssh_options", "identity_file", "action"):
        body = {"fencing": "power", "fence_agent": "fence_ipmilan",
                "fence_parameters": {"ip": "127.0.0.1", key: "/bin/sh"}}
        if victim.ask("PATCH", f"/v1/nodes/{NODE}", body, role="administrator")[0] < 400:
            taken.append(key)
    for value in ("a b", "$(id)", "`id`", "a;id", "a|id", "-o", "/bin/sh", "a\nb", "../x"):
        body = {"fencing": "power", "fence_agent": "fence_ipmilan", "fence_parameters": {"ip": value}}
        if victim.ask("PATCH", f"/v1/nodes/{NODE}", body, role="administrator")[0] < 400:
            taken.append(value)
    for agent in ("fence_../../bin/sh", "/bin/sh", "sh", "fence_x y", "fence_x\n", "fence_"):
        if victim.ask("PATCH", f"/v1/nodes/{NODE}", {"fencing": "power", "fence_agent": agent},
                      role="administrator")[0] < 400:
            taken.append(agent)
    assert not taken, taken


@on_host
def readers_see_no_password_wherever_they_look(victim):
    planted = {"password": "HIDE-1", "community": "HIDE-2", "token": "HIDE-3", "hexadecimal_kg": "HIDE-4",
               "snmp_priv_passwd": "HIDE-5", "api-auth": "HIDE-6"}
    words = [word for key, value in {"ip": "10.0.0.9", **planted}.items() for word in ("--param", f"{key}={value}")]
    wait_for("the cluster has a key", lambda: victim.ask("GET", "/v1/fence-key", role="viewer")[0] == 200, 30)
    victim.must("node", "set", NODE, "--fencing", "power", "--agent", "fence_ipmilan", *words)
    level = {"agent": "fence_apc", "parameters": {"ip": "10.0.0.8", "password": "HIDE-1"}}
    status, text = victim.ask("PATCH", f"/v1/nodes/{NODE}", {"fence_level_2": level}, role="administrator")
    assert status == 200 and "HIDE" not in text, (status, text)
    victim.must("vm", "add", "-", "--name", "screen", stdin=domain(
        "screen", "<devices><graphics type='vnc' port='-1' passwd='HIDE-7'/></devices>"))
    routes = json.loads(victim.ask("GET", "/v1", role="viewer")[1])["routes"]
    places = {":node": NODE, ":vm": "screen", ":address": "0000:01:00.0"}
    seen, read = [], 0
    for route in routes:
        target = "/".join(places.get(part, NODE if "nodes" in route["path"] else "screen")
                          if part.startswith(":") else part for part in route["path"].split("/"))
        if route["method"] != "GET" or target == "/v1/access/screen":
            continue
        for role in ("viewer", "operator"):
            for query in ("", "?secrets=1"):
                status, text = victim.ask("GET", target + query, role=role)
                read += status == 200
                seen += [(role, target + query, secret) for secret in re.findall(r"HIDE-\d", text)]
    assert not seen, seen
    assert read > 20, read
    victim.must("cluster", "export", "--with-secrets", f"{victim.directory}/export.json")
    kept = [os.path.join(folder, name) for folder, _, names in os.walk(victim.directory) for name in names]
    kept = [path for path in kept if os.path.isfile(path)]
    assert len(kept) > 10, kept
    for path in kept:  # logs, the export, etcd's own files: sealed wherever it is kept
        with open(path, "rb") as file:
            found = set(re.findall(rb"HIDE-[1-6]", file.read()))
        assert not found, (path, found)
    # Nor is what is sealed sent to an address of his own.
    body = {"fence_parameters": {"ip": "10.6.6.6", **dict.fromkeys(planted, "(sealed)")}}
    status, text = victim.ask("PATCH", f"/v1/nodes/{NODE}", body, role="administrator")
    assert status == 400 and "give the secrets again" in text, (status, text)
    victim.must("node", "set", NODE, "--fencing", "manual")
    victim.must("vm", "rm", "screen")


@on_host
def what_others_wrote_does_not_command_the_terminal(victim):
    victim.must("token", "add", "painted", "--note", "\x1b]0;owned\x07\x1b[31mred")
    victim.etcd.put("log/01795941954417-x-000001", {"schema": 1, "severity": "warning", "actor": "\x1b[2Jx",
                                                    "code": "\x1b]0;y\x07", "subject": "\x9b31ms",
                                                    "text": "\x1b]0;owned\x07 there"})
    for words in (("token", "ls"), ("events", "--limit", "300")):
        reader, terminal = pty.openpty()
        shell = subprocess.Popen([os.environ["BERTH"], "--socket", victim.socket, "--color", "never", *words],
                                 stdout=terminal, stderr=terminal, stdin=terminal)
        os.close(terminal)
        shown = b""
        while select.select([reader], [], [], 10)[0]:
            try:
                part = os.read(reader, 65536)
            except OSError:  # the other side is closed
                break
            shown += part
            if not part:
                break
        shell.wait(10)
        os.close(reader)
        assert b"owned" in shown or words[0] == "events", shown[-300:]
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]", shown), shown[-600:]
    victim.etcd.delete("log/01795941954417-x-000001")


# ---- an unprivileged user of the host ----

MAP_FIELDS = (("start_code", 26), ("end_code", 27), ("start_data", 45), ("end_data", 46), ("start_brk", 47),
              ("brk", 47), ("start_stack", 28), ("arg_start", 0), ("arg_end", 0), ("env_start", 50), ("env_end", 51))


class MemoryMap(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name, _ in MAP_FIELDS] + [
        ("auxv", ctypes.c_uint64), ("auxv_size", ctypes.c_uint32), ("exe_fd", ctypes.c_uint32)]


def stretch_arguments(size):
    """Claims 'size' bytes of zeros as the command line of this process; see prctl(2), PR_SET_MM_MAP."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype, libc.mmap.argtypes = ctypes.c_uint64, [ctypes.c_uint64, ctypes.c_size_t, *[ctypes.c_long] * 4]
    libc.sbrk.restype = ctypes.c_uint64
    begin = libc.mmap(0, size, 1, 0x4022, -1, 0)  # readable, private, anonymous, without reserve
    with open("/proc/self/stat", "rb") as file:  # no codec can be loaded any more: the user may not read it
        fields = [0, 0, 0] + file.read().rsplit(b") ", 1)[1].split()
    values = {name: int(fields[at]) for name, at in MAP_FIELDS}
    values.update(brk=libc.sbrk(0), arg_start=begin, arg_end=begin + size, exe_fd=0xffffffff)
    this = MemoryMap(**values)
    if libc.prctl(35, 14, ctypes.byref(this), ctypes.sizeof(this), 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Intruder:
    """An unprivileged process that pretends: 'program' is what it runs, under the name of QEMU, so that only whose
    process it is tells it apart; 'arguments' are its command line; 'size': of that length instead."""

    def __init__(self, program, arguments=(), size=0):
        reader, writer = os.pipe()
        silence, self.silence = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(silence, 0)
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setgroups([])
                os.setresuid(NOBODY, NOBODY, NOBODY)
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # end with the test
                ctypes.CDLL(None).prctl(4, 1)  # setresuid() made it undumpable
                if size:
                    stretch_arguments(size)
                    os.write(writer, b"!")
                    signal.pause()
                os.write(writer, b"!")
                os.execv(program, ["qemu-system-x86_64", "-c", "read wait", *arguments])
            finally:
                os._exit(1)
        os.close(writer)
        os.close(silence)
        assert os.read(reader, 1) == b"!", "the intruder is not what it wants to be"
        os.close(reader)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.silence)


def markers(victim, vm):
    """The command lines that berthd gives its QEMUs: anyone can read them in /proc."""
    cluster = victim.etcd.all()["format"]["cluster"]
    return ("-fw_cfg", f"name=opt/berth/instance,string={vm}/1/{victim.incarnation()}/{NODE}", "-fw_cfg",
            f"name=opt/berth/instance,string={cluster}-1/{vm}/1/{victim.incarnation()}/{NODE}")


@on_host
def processes_that_pretend_neither_hold_up_berthd_nor_fill_its_memory(victim):
    before = victim.incarnation()
    qemu = f"{victim.directory}/qemu-system-x86_64"
    shutil.copy(os.path.realpath("/bin/sh"), qemu)
    intruders = [Intruder(qemu, markers(victim, f"pretended{i % 7}")) for i in range(30)]
    intruders.append(Intruder(qemu, size=3 << 30))
    try:
        victim.end_berthd()
        counter = victim.etcd.all()[f"beat/{NODE}"]["counter"]
        victim.begin_berthd()
        wait_for("it goes on", lambda: victim.etcd.all()[f"beat/{NODE}"]["counter"] > counter, 15)
        # Fenced, it kills its VMs and begins again: that waits until no QEMU of its own is left.
        victim.etcd.put(f"order/fence/{NODE}", {"schema": 1, "incarnation": victim.incarnation(), "proof": "manual",
                                                "cause": {"code": "proof-confirmed"}})
        wait_for("it begins again", lambda: victim.incarnation() > before, 10)
        assert victim.resident_mib() < 400, victim.resident_mib()
        assert not [key for key in victim.etcd.all() if "pretended" in key]
        assert "pretended" not in victim.log("berthd"), victim.log("berthd")[-600:]
        assert "pretended" not in json.dumps([v for k, v in victim.etcd.all().items() if k.startswith("log/")])
    finally:
        for intruder in intruders:
            intruder.end()


@on_host
def a_user_of_the_host_opens_neither_sockets_nor_secrets(victim):
    def may(action):
        """Whether an unprivileged child can do it."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                action()
                code = 0
            except OSError:
                pass
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1] == 0

    def connect(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)

    def read(path):
        with open(path, "rb") as file:
            file.read(1)

    checked = []
    for place in ("run", "rund", "state"):
        for directory, _, names in os.walk(f"{victim.directory}/{place}"):
            assert not may(lambda: open(f"{directory}/planted", "wb").close()), directory
            for name in names:
                path = f"{directory}/{name}"
                if os.path.islink(path):
                    continue
                checked.append(path)
                if path.endswith(".sock"):
                    assert not may(lambda: connect(path)), path
                elif "key" in name or "secret" in name or "password" in name:
                    assert not may(lambda: read(path)), path
                assert not may(lambda: open(path, "ab").close()), path
    assert any(path.endswith("api.sock") for path in checked) and any("key" in path for path in checked), checked
    command = "".join(open(f"/proc/{p.pid}/cmdline", encoding="utf-8").read() for p in victim.processes.values())
    assert PASSWORD not in command


def mangled(rnd, text):
    """'text' with some bytes changed, left out, repeated, or replaced by what parsers stumble over."""
    data = bytearray(text)
    for _ in range(rnd.choice((0, 1, 1, 2, 5, 20))):
        at, how = rnd.randrange(len(data) + 1), rnd.randrange(4)
        if how == 0:
            del data[at:at + rnd.randrange(1, 20)]
        elif how == 1:
            data[at:at] = bytes(rnd.randrange(256) for _ in range(rnd.randrange(1, 30)))
        elif how == 2:
            data[at:at] = data[at:at + rnd.randrange(1, 60)]
        else:
            data[at:at] = rnd.choice((b"\r\n", b"\0", b"%", b"\r\n\r\n", b": ", b"Content-Length: 3\r\n", b"\xff\xfe",
                                      b"Transfer-Encoding: chunked\r\n"))
    return bytes(data)


@on_host
def hundreds_of_mangled_requests_end_nothing(victim):
    rnd, token = random.Random(20), victim.tokens["administrator"].encode()
    routes = json.loads(victim.ask("GET", "/v1", role="viewer")[1])["routes"]
    words = [NODE, "alice", "0000:01:00.0", "%00", "..", "{}", "a" * 70, "-1", ""]
    for _ in range(600):
        route = rnd.choice([r for r in routes if "session" not in r["path"] and "token" not in r["path"]])
        path = "/".join(rnd.choice(words) if part.startswith(":") else part for part in route["path"].split("/"))
        body = json.dumps({rnd.choice(("xml", "name", "needs", "fence_agent", "start")): rnd.choice(
            (None, True, -1, 2 ** 63, "\0x", [], {}, ["a"], {"x": 1}))}).encode()
        request = (f"{route['method']} {path} HTTP/1.1\r\nHost: x\r\n".encode() + b"Authorization: Bearer " + token +
                   b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.5)
            s.connect(victim.socket)
            try:
                s.sendall(mangled(rnd, request))
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)
            except OSError:
                pass
    assert victim.processes["berth-api"].poll() is None and victim.processes["berthd"].poll() is None
    begun = time.monotonic()
    victim.must("status")
    assert time.monotonic() - begun < 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for each in VICTIMS:
            each.close()

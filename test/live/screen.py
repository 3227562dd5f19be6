#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The screen and serial console of a VM: real libvirtd, QEMU, berthd, berth-api, berth-screen, and a guest that answers
each letter with the other case."""

import base64
import contextlib
import json
import os
import pty
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import free_port, wait_for  # noqa: E402
from hosts import lacks, qemus, start, with_hosts  # noqa: E402

BERTH, BERTH_API, BERTH_SCREEN = os.environ["BERTH"], os.environ["BERTH_API"], os.environ["BERTH_SCREEN"]
NODE = f"screen{os.getpid()}"
PATIENCE_S = 60
# again: in al, 0x3FD; test al, 1; jz again; in al, 0x3F8; xor al, 0x20; out 0x3F8, al; jmp again
ECHO = bytes([0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xFB, 0xBA, 0xF8, 0x03, 0xEC, 0x34, 0x20, 0xEE, 0xEB, 0xEF])
XML = ("<domain type='qemu'><name>t</name><memory unit='MiB'>16</memory><vcpu>1</vcpu><os>"
       "<type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/></os><features><acpi/></features><devices>"
       "<disk type='file' device='floppy'><driver name='qemu' type='raw'/><source file='/var/lib/libvirt/images/count'/>"
       "<target dev='fda' bus='fdc'/><readonly/></disk><serial type='pty'/>"
       "<graphics type='vnc'><listen type='none'/></graphics><video><model type='vga'/></video>"
       "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>")


class Relay(threading.Thread):
    """What berth-screen.socket of systemd does: a berth-screen for each connection."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.config, self.log, self.processes = None, tempfile.TemporaryFile("w+"), []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.processes.append(subprocess.Popen(
                        [BERTH_SCREEN, "serve", "--config", self.config], stdin=connection, stderr=self.log))

    def said(self):
        self.log.seek(0)
        return self.log.read()


class Web:
    """A client of a WebSocket, over the Unix socket at 'where' or HTTPS at that port."""

    def __init__(self, where, path, *headers):
        if isinstance(where, int):
            context = ssl._create_unverified_context()  # its own certificate, made at the start
            self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", where)))
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(where)
        self.socket.settimeout(PATIENCE_S)
        self.have = b""
        lines = [f"GET {path} HTTP/1.1", "Host: berth", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.have:
            self.more()
        self.header, self.have = self.have.split(b"\r\n\r\n", 1)
        self.status = int(self.header.split()[1])

    def more(self):
        got = self.socket.recv(4096)
        if not got:
            raise EOFError
        self.have += got

    def send(self, payload, opcode=2):
        mask = os.urandom(4)
        assert len(payload) < 126
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask +
                            bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def frame(self):
        """(opcode, payload) of the next one."""
        while True:
            if len(self.have) >= 2:
                size, at = self.have[1], 2
                if size == 126 and len(self.have) >= 4:
                    size, at = struct.unpack(">H", self.have[2:4])[0], 4
                if size != 127 and (size != 126 or at == 4) and len(self.have) >= at + size:
                    opcode, payload = self.have[0] & 15, self.have[at:at + size]
                    self.have = self.have[at + size:]
                    return opcode, payload
            self.more()

    def bytes(self, enough):
        """Of binary frames, until enough(them)."""
        got = b""
        while not enough(got):
            opcode, payload = self.frame()
            assert opcode == 2, (opcode, payload, got)
            got += payload
        return got

    def end(self):
        """What the other end says when it closes: (status, reason)."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:  # pings keep coming
            opcode, payload = self.frame()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()
        raise TimeoutError

    def close(self):
        self.socket.close()


def berth(host, *words, **more):
    return subprocess.run([BERTH, *words, "--socket", f"{host.directory}/api.sock"], check=False, capture_output=True,
                          text=True, timeout=PATIENCE_S, **more)


def events(host):
    return json.loads(berth(host, "events", "-o", "json").stdout)


SETUP = {}

# mov dx, PORT; mov al, VALUE; out dx, al; again: hlt; jmp again
BITE = bytes([0xBA, 0x43, 0x04, 0xB0, 0x0E, 0xEE, 0xF4, 0xEB, 0xFD])  # arms the watchdog ib700 for 2 s, and forgets it
PANIC = bytes([0xBA, 0x05, 0x05, 0xB0, 0x01, 0xEE, 0xF4, 0xEB, 0xFD])  # pvpanic


def boot(host, vm, code, device, **more):
    """A VM that runs nothing but 'code'."""
    with open(f"{host.directory}/1/images/{vm}", "wb") as file:
        file.write(code.ljust(510, b"\0") + b"\x55\xAA" + bytes(1440 * 1024 - 512))
    xml = XML.replace("<name>t<", f"<name>{vm}<").replace("images/count", f"images/{vm}").replace(
        "<serial type='pty'/>", device)
    start(host, vm, xml=xml, offline_action="turn-off", **more)


def status(host, vm):
    return host.etcd.all().get(f"seen/vms/{vm}", {})


def copies(vm):
    return [marker for marker in qemus(NODE).values() if f"/{vm}/" in marker]


def a_vm_whose_watchdog_expires_is_told_and_restarted_if_its_policy_says_so(host):
    boot(host, "w", BITE, "<watchdog model='ib700' action='pause'/>")
    wait_for("it is told", lambda: status(host, "w").get("guest_stopped"), PATIENCE_S)
    problem = [each for each in json.loads(berth(host, "problems", "-o", "json").stdout)["items"] if each["subject"] == "w"]
    assert problem and problem[0]["code"] == "vm-guest-stopped" and "watchdog" in problem[0]["cause"], problem
    before = copies("w")
    assert len(before) == 1 and status(host, "w")["state"] == "running", before
    assert berth(host, "vm", "set", "w", "--guest-watch", "restart").returncode == 0
    limit, seen = time.monotonic() + PATIENCE_S, set(before)
    while len(seen) < 3:  # it bites again each time
        now = copies("w")
        assert len(now) <= 1, f"two copies at once: {now}"
        seen.update(now)
        assert time.monotonic() < limit, seen
    assert "is turned off, to restart: its guest stands still" in berth(host, "events").stdout
    assert berth(host, "vm", "stop", "w", "--force").returncode == 0


def a_vm_whose_guest_panics_is_restarted_by_its_restart_policy(host):
    boot(host, "p", PANIC, "<panic model='isa'/>")
    wait_for("it was restarted", lambda: status(host, "p").get("epoch", 0) >= 2, PATIENCE_S)
    assert "it crashed" in berth(host, "events").stdout
    assert berth(host, "vm", "stop", "p", "--force").returncode == 0


def the_screen_is_vnc_with_an_event_and_a_line_in_the_journal(host):
    web = Web(f"{host.directory}/api.sock", "/v1/vms/t/screen")
    assert web.status == 101 and b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in web.header, web.header
    assert web.bytes(lambda got: len(got) >= 12).startswith(b"RFB 003.00"), "no VNC"
    web.send(b"ping", 9)
    web.send(b"RFB 003.008\n")
    opcode, payload = web.frame()
    if opcode == 10:
        assert payload == b"ping"
        opcode, payload = web.frame()
    assert opcode == 2 and 1 in payload[1:], (opcode, payload)  # security: none, as the ticket was the secret
    text = berth(host, "events").stdout
    assert f"the screen of VM t on {NODE} was opened" in text, text
    wait_for("berth-screen tells", lambda: "looks at the screen of VM t" in SETUP["relay"].said(), PATIENCE_S)
    web.close()
    wait_for("it ends", lambda: "left the screen of VM t" in SETUP["relay"].said(), PATIENCE_S)


def the_console_carries_bytes_both_ways_and_one_at_a_time_has_it(host):
    web = Web(f"{host.directory}/api.sock", "/v1/vms/t/console")
    web.send(b"berth")
    assert web.bytes(lambda got: b"BERTH" in got)
    second = Web(f"{host.directory}/api.sock", "/v1/vms/t/console")
    status, reason = second.end()
    assert status == 1011 and reason, (status, reason)
    second.close()
    web.send(b"\xd8" * 3, 1)  # text
    assert web.end()[0] == 1002
    web.close()


def berth_vm_console_opens_it_in_a_terminal(host):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([BERTH, "vm", "console", "t", "--socket", f"{host.directory}/api.sock"], stdin=theirs,
                               stdout=theirs, stderr=theirs)
    os.close(theirs)
    got = b""

    def has(text):
        nonlocal got
        while text not in got:
            assert select.select([ours], [], [], PATIENCE_S)[0], (text, got)
            got += os.read(ours, 1000)
        return True
    assert has(b"Ctrl-] leaves it")
    os.write(ours, b"hello")
    assert has(b"HELLO")
    os.write(ours, b"\x1d")
    assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    piped = berth(host, "vm", "console", "t", input="again\x1d")
    assert piped.returncode == 0, piped
    missing = berth(host, "vm", "console", "nowhere")
    assert missing.returncode == 3 and "nowhere" in missing.stderr, missing


def only_operators_open_it_and_only_from_our_own_pages(host):
    tokens = {}
    for role in ("viewer", "operator", "administrator"):
        made = json.loads(berth(host, "token", "add", role, "--role", role, "-o", "json").stdout)
        tokens[role] = f"Authorization: Bearer {made['token']}"
    port, SETUP["token"] = SETUP["https"], tokens["administrator"]
    assert Web(port, "/v1/vms/t/screen").status == 401
    assert Web(port, "/v1/vms/t/screen", tokens["viewer"]).status == 403
    assert Web(port, "/v1/vms/nowhere/screen", tokens["operator"]).status == 404
    assert Web(port, "/v1/vms/t/screen", "Origin: https://evil.example").status == 403
    web = Web(port, "/v1/vms/t/screen", tokens["operator"])
    assert web.status == 101 and web.bytes(lambda got: len(got) >= 12).startswith(b"RFB ")
    # The right ends, and the screen with it.
    assert berth(host, "token", "rm", "operator").returncode == 0
    is_over(web)


OLD = ("<domain type='qemu'><name>old vm</name><uuid>6a1ddc4a-1111-4222-8333-0123456789ab</uuid>"
       "<memory unit='MiB'>16</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
       "<graphics type='vnc' passwd='hidden'><listen type='none'/></graphics>"
       "<controller type='usb' model='none'/>{}</devices></domain>")
NIC = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x0b' slot='0x00' "
       "function='0x0'/></source></hostdev>")


def define(host, xml):
    done = subprocess.run(["virsh", "-c", host.uri, "define", "/dev/stdin"], check=False, capture_output=True, text=True,
                          input=xml, timeout=PATIENCE_S)
    assert done.returncode == 0, done


def libvirts_own_vms_are_told_to_administrators_without_passwords(host):
    define(host, OLD.format(""))
    define(host, OLD.format(NIC).replace("old vm", "nic").replace("6a1d", "6a1e"))
    tokens = {}
    for role in ("operator", "administrator"):
        made = json.loads(berth(host, "token", "add", f"lister-{role}", "--role", role, "-o", "json").stdout)
        tokens[role] = f"Authorization: Bearer {made['token']}"
    path = f"/v1/nodes/{NODE}/domains"
    assert Web(SETUP["https"], path, tokens["operator"]).status == 403
    web = Web(SETUP["https"], path, tokens["administrator"])
    assert web.status == 101, web.header
    told = json.loads(web.bytes(lambda got: got.endswith(b"]}")))["domains"]
    assert web.end() == (1000, ""), "it closes well"
    assert sorted(each["name"] for each in told) == ["nic", "old vm"], told  # t runs, and is the cluster's
    assert not any(each["is_active"] or each["has_autostart"] for each in told), told
    assert "passwd" not in json.dumps(told) and "hidden" not in json.dumps(told), told
    assert f"the VMs that libvirt on {NODE} has defined were listed" in berth(host, "events").stdout
    wait_for("berth-screen tells", lambda: "the list of libvirt's own VMs" in SETUP["relay"].said(), PATIENCE_S)


def an_operator_sees_and_types_in_the_browser(host):
    logins = []
    for role in ("operator", "viewer", "administrator"):
        login = {"user": f"{role}1", "role": role, "password": f"berth-{role}-1"}
        made = berth(host, "user", "add", login["user"], "--role", role, input=login["password"] + "\n")
        assert made.returncode == 0, made
        logins.append(login)
    scene = {"url": f"https://127.0.0.1:{SETUP['https']}", "logins": logins}
    seen = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "../console/run"), "screen.mjs"],
                          check=False, capture_output=True, text=True, timeout=200,
                          env={**os.environ, "SCENE": json.dumps(scene)})
    assert seen.returncode == 0, seen.stderr[-3000:] + seen.stdout[-1000:]
    added = json.loads(berth(host, "vm", "show", "old-vm", "-o", "json").stdout)
    assert added["title"] == "old vm" and added["spec"]["uuid"] == "6a1ddc4a-1111-4222-8333-0123456789ab", added


def open_screens_end_with_their_server_and_hinder_no_new_certificate(host):
    local = Web(f"{host.directory}/api.sock", "/v1/vms/t/screen")
    secure = Web(SETUP["https"], "/v1/vms/t/screen", SETUP["token"])
    for web in (local, secure):
        assert web.bytes(lambda got: len(got) >= 12).startswith(b"RFB ")
    SETUP["api"].send_signal(signal.SIGHUP)  # HTTPS begins anew
    is_over(secure)
    assert berth(host, "status").returncode == 0
    local.send(b"RFB 003.008\n")
    assert local.frame()[0] == 2
    SETUP["api"].terminate()
    is_over(local)
    assert SETUP["api"].wait(PATIENCE_S) == 0, SETUP["api"].returncode
    start_api(host)


def is_over(web):
    """The other end closes it; pings come until then."""
    limit = time.monotonic() + PATIENCE_S
    with contextlib.suppress(EOFError, ConnectionError):
        while web.frame():
            assert time.monotonic() < limit, "it stays open"
    web.close()


def who_does_not_have_the_secret_is_refused_and_told(host):
    with socket.create_connection(("127.0.0.1", SETUP["port"])) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            while plain.recv(1000):
                pass
    wait_for("it is told", lambda: "without the cluster's secret" in SETUP["relay"].said(), PATIENCE_S)
    with open(SETUP["secret"], "w", encoding="ascii") as file:
        file.write("another\n")
    web = Web(f"{host.directory}/api.sock", "/v1/vms/t/screen")  # berth-api still has the old one
    status, reason = web.end()
    assert status == 1011 and "does not trust" in reason, (status, reason)
    web.close()


def nothing_is_opened_of_a_vm_that_does_not_run(host):
    assert berth(host, "vm", "stop", "t", "--force").returncode == 0
    web = Web(f"{host.directory}/api.sock", "/v1/vms/t/screen")
    assert web.status == 409, web.header
    web.close()
    assert "does not run" in berth(host, "vm", "console", "t").stderr


def without_its_secret_the_api_shows_no_screen_and_all_else(host):
    SETUP["api"].terminate()
    assert SETUP["api"].wait(PATIENCE_S) == 0, SETUP["api"].returncode
    os.rename(SETUP["secret"], SETUP["secret"] + ".away")
    try:
        start_api(host)
    finally:
        os.rename(SETUP["secret"] + ".away", SETUP["secret"])
    with open(f"{host.directory}/api.log", encoding="utf-8") as log:
        assert "no screens and consoles of VMs: " in log.read()


TESTS = [the_screen_is_vnc_with_an_event_and_a_line_in_the_journal,
         the_console_carries_bytes_both_ways_and_one_at_a_time_has_it, berth_vm_console_opens_it_in_a_terminal,
         only_operators_open_it_and_only_from_our_own_pages, libvirts_own_vms_are_told_to_administrators_without_passwords, an_operator_sees_and_types_in_the_browser,
         a_vm_whose_watchdog_expires_is_told_and_restarted_if_its_policy_says_so,
         a_vm_whose_guest_panics_is_restarted_by_its_restart_policy, open_screens_end_with_their_server_and_hinder_no_new_certificate,
         who_does_not_have_the_secret_is_refused_and_told, nothing_is_opened_of_a_vm_that_does_not_run,
         without_its_secret_the_api_shows_no_screen_and_all_else]


def begin(host):
    """The first test's host is there: its API and its relay, too."""
    SETUP["relay"].config = f"{host.directory}/berth.conf"
    SETUP["relay"].start()
    start_api(host)


def start_api(host):
    with open(f"{host.directory}/api.log", "a", encoding="utf-8") as log:
        SETUP["api"] = subprocess.Popen([BERTH_API, "--config", f"{host.directory}/berth.conf"], stdout=log, stderr=log)
    wait_for("berth-api answers", lambda: berth(host, "status").returncode == 0, PATIENCE_S)


def first(test):
    def begun(host):
        begin(host)
        test(host)
    begun.__name__ = test.__name__
    return begun


def main():
    why = lacks()
    print(f"1..{len(TESTS)}", flush=True)
    if why:
        for number, test in enumerate(TESTS, 1):
            print(f"ok {number} - {test.__name__} # SKIP {why}")
        return
    with tempfile.NamedTemporaryFile("w", delete=False) as secret:
        secret.write(base64.b64encode(os.urandom(24)).decode() + "\n")
    SETUP.update(port=free_port(), https=free_port(), secret=secret.name)
    SETUP["relay"] = Relay(SETUP["port"])
    try:
        floppy = ECHO.ljust(510, b"\0") + b"\x55\xAA" + bytes(1440 * 1024 - 512)
        with_hosts([NODE], None, [first(TESTS[0]), *TESTS[1:]], image=floppy, xml=XML, offline_action="turn-off",
                   more=f"screen_address = 127.0.0.1:{SETUP['port']}\nscreen_secret_file = {secret.name}\n"
                   f"https_listen = 127.0.0.1:{SETUP['https']}\n")
    finally:
        SETUP["relay"].listener.close()
        for process in (SETUP.get("api"), *SETUP["relay"].processes):
            if process:
                process.kill()
                process.wait()
        os.unlink(secret.name)


if __name__ == "__main__":
    main()

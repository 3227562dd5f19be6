# SPDX-License-Identifier: LGPL-2.1-or-later
"""The management controllers of the lab's hosts: OpenIPMI's ipmi_sim, one for each host, on the hub.

A controller has an address of its own on the hub (10.77.0.100 + N), which no cut of a host's cable
touches, and speaks RMCP+ there: Debian's fence_ipmilan inside a host uses it as a real one. The
hub's thread takes the datagrams off the wire, hands them to ipmi_sim at a port of this machine's
loopback, and puts the answers back. What ipmi_sim does to the power is in power.py.

A test makes a controller fail with power.faults (see there)."""

import contextlib
import socket
import struct

PORT = 623
USER, PASSWORD = "berth", "enclosure-7"

ETHERNET_ARP, ETHERNET_IP = 0x0806, 0x0800
PROTOCOL_ICMP, PROTOCOL_UDP = 1, 17
CONVERSATIONS_MAX = 64

LAN = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid {guid:032x}
  endlan
  chassis_control "{program} {name}"
  user 1 false "" "" user 1 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""

MACHINE = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


class Controller:
    """That of 'host'. Its functions run in the hub's thread, apart from begin and end."""

    def __init__(self, host, hub, power):
        self.host, self.hub, self.power = host, hub, power
        self.address = f"10.77.0.{100 + host.number}"
        self.packed = socket.inet_aton(self.address)
        self.mac = bytes((0x52, 0x54, 0, 0x77, 1, host.number))
        self.process, self.port = None, 0
        self.conversations = {}  # (address, port) of whoever asks -> (socket, its MAC address)

    def agent_options(self, **others):
        """What fence_ipmilan is given to reach it; 'others' add to that or replace what is right."""
        return {"ip": self.address, "username": USER, "password": PASSWORD, "lanplus": "1", "cipher": "3"} | others

    def begin(self, spawn):
        folder = self.host.folder / "bmc"
        (folder / "state").mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # ipmi_sim cannot be asked for a free one
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "lan.conf").write_text(LAN.format(name=self.host.name, port=self.port, guid=self.host.number,
                                                    program=self.power.program, user=USER, password=PASSWORD))
        (folder / "machine.emu").write_text(MACHINE)
        self.process = spawn(["ipmi_sim", "-n", "-c", folder / "lan.conf", "-f", folder / "machine.emu",
                              "-s", folder / "state"], self.host.folder / "bmc.log")
        self.hub.attach(self.receive)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    # Below: in the hub's thread.

    def fault(self):
        return self.power.faults.get(self.host.name)

    def receive(self, frame):
        """A frame on the hub, for this controller or not."""
        if frame[:6] not in (self.mac, b"\xff" * 6) or len(frame) < 42 or self.fault() == "dead":
            return
        kind, body = struct.unpack_from(">H", frame, 12)[0], frame[14:]
        if kind == ETHERNET_ARP and body[6:8] == b"\0\1" and body[24:28] == self.packed:
            self.hub.send(frame[6:12] + self.mac + frame[12:14] + body[:6] + b"\0\2" + self.mac + self.packed +
                          body[8:18])
        elif kind == ETHERNET_IP and body[9] == PROTOCOL_UDP and body[16:20] == self.packed:
            header = (body[0] & 15) * 4
            source, target, length = struct.unpack_from(">HHH", body, header)
            asker = body[12:16], source
            if target != PORT or self.fault() == "closed":
                self.unreachable(frame[6:12], asker, body[:header + 8])
            else:
                self.ask(frame[6:12], asker, body[header + 8:header + length])

    def ask(self, mac, asker, datagram):
        if asker not in self.conversations:
            if len(self.conversations) >= CONVERSATIONS_MAX:
                self.close(next(iter(self.conversations)))
            link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            link.setblocking(False)
            link.connect(("127.0.0.1", self.port))
            self.conversations[asker] = link, mac
            self.hub.watch(link, lambda: self.answer(asker))
        with contextlib.suppress(OSError):  # lost, as on any network
            self.conversations[asker][0].send(datagram)

    def answer(self, asker):
        link, mac = self.conversations[asker]
        try:
            datagram = link.recv(2048)
        except OSError:
            return
        if self.fault() == "dead":
            return
        udp = struct.pack(">HHHH", PORT, asker[1], 8 + len(datagram), 0) + datagram
        self.hub.send(self.packet(mac, asker, PROTOCOL_UDP, udp), self.power.answer_delay_s(self.host.name))

    def close(self, asker):
        link, _ = self.conversations.pop(asker)
        self.hub.unwatch(link)
        link.close()

    def unreachable(self, mac, asker, begin):
        """ICMP: nothing listens at that port."""
        icmp = b"\3\3\0\0\0\0\0\0" + begin
        icmp = icmp[:2] + checksum(icmp) + icmp[4:]
        self.hub.send(self.packet(mac, asker, PROTOCOL_ICMP, icmp))

    def packet(self, mac, asker, protocol, payload):
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, self.packed, asker[0])
        header = header[:10] + checksum(header) + header[12:]
        return mac + self.mac + struct.pack(">H", ETHERNET_IP) + header + payload


def checksum(data):
    """The Internet checksum (RFC 1071), as two bytes."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)

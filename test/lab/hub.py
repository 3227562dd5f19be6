# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's network: an Ethernet hub in a thread of the harness.

Each host has its own Unix socket here and its QEMU connects to it (netdev "stream": four bytes of
length, big-endian, then the frame). Every frame goes to all other ports. Nothing leaves this
process, so a test can cut or delay one host or one direction, which no real cable allows.

Like a real switch it never waits: a port that does not take its frames has a bounded backlog, and
what is over that is dropped and counted.
"""

import heapq
import os
import selectors
import socket
import struct
import threading
import time

BACKLOG_MAX = 512 * 1024  # bytes waiting at one port: some 350 full frames
READ_SIZE = 256 * 1024


class Port:
    """One host's end: its socket, if its QEMU is there, and what the test does to it."""

    def __init__(self, name, listener):
        self.name, self.listener = name, listener
        self.link = None
        self.received, self.backlog = bytearray(), bytearray()
        self.cut_in = self.cut_out = False  # to the host, from the host
        self.delay_s = 0.0  # for frames to the host
        self.frames_in = self.frames_out = self.dropped = 0


class Hub(threading.Thread):
    """Start it, add ports, and let QEMUs connect. The control functions may be called from any
    thread.

    A cut holds at once, also for frames that are under way with a delay."""

    def __init__(self):
        super().__init__(name="hub", daemon=True)
        self.ports = {}
        self.selector = selectors.DefaultSelector()
        self.delayed = []  # heap of (due, order, function, arguments)
        self.order = 0
        self.stations = []
        self.wake_read, self.wake_write = os.pipe()
        self.stopping = False
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)

    def add(self, name, path):
        """A port for host 'name' that listens at the Unix socket 'path'."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(4)
        listener.setblocking(False)
        port = self.ports[name] = Port(name, listener)
        self.selector.register(listener, selectors.EVENT_READ, port)
        self.wake()

    def attach(self, receive):
        """What is on the wire and is no host, to attach before the hub starts: receive(frame) gets every frame that
        passes, in the hub's thread, and may call send, watch and unwatch there."""
        self.stations.append(receive)

    def cut(self, name, direction="both"):
        """Frames of host 'name' are lost: 'in' (to it), 'out' (from it) or 'both'. Adds to what is
        cut already."""
        assert direction in ("in", "out", "both")
        port = self.ports[name]
        port.cut_in |= direction != "out"
        port.cut_out |= direction != "in"

    def heal(self, name=None):
        """Ends all cuts and delays of host 'name', or of all."""
        for port in self.ports.values() if name is None else [self.ports[name]]:
            port.cut_in = port.cut_out = False
            port.delay_s = 0.0

    def delay(self, name, seconds):
        """Each frame to host 'name' arrives 'seconds' later. The order of frames is kept."""
        self.ports[name].delay_s = seconds

    def stop(self):
        self.stopping = True
        self.wake()
        if self.is_alive():
            self.join()
        for port in self.ports.values():
            port.listener.close()
            if port.link:
                port.link.close()
        self.selector.close()
        os.close(self.wake_read)
        os.close(self.wake_write)

    def wake(self):
        os.write(self.wake_write, b"x")

    # Below: only in the hub's own thread.

    def run(self):
        while not self.stopping:
            for key, events in self.selector.select(self.time_to_next()):
                if key.fileobj == self.wake_read:
                    os.read(self.wake_read, 4096)
                elif callable(key.data):
                    key.data()
                elif key.fileobj is key.data.listener:
                    self.accept(key.data)
                elif key.fileobj is key.data.link:
                    if events & selectors.EVENT_WRITE:
                        self.flush(key.data)
                    if events & selectors.EVENT_READ:
                        self.receive(key.data)
            self.deliver_due()

    def watch(self, link, readable):
        """Calls readable() when there is something to read at 'link'."""
        self.selector.register(link, selectors.EVENT_READ, readable)

    def unwatch(self, link):
        self.selector.unregister(link)

    def send(self, frame, delay_s=0):
        """A station's frame, to all hosts."""
        self.later(delay_s, self.to_hosts, struct.pack(">I", len(frame)) + frame)

    def to_hosts(self, frame):
        for port in self.ports.values():
            self.deliver(port, frame)

    def later(self, delay_s, function, *arguments):
        if delay_s <= 0:
            function(*arguments)
            return
        self.order += 1
        heapq.heappush(self.delayed, (time.monotonic() + delay_s, self.order, function, arguments))

    def time_to_next(self):
        return max(0.0, self.delayed[0][0] - time.monotonic()) if self.delayed else None

    def accept(self, port):
        """A new QEMU takes the place of the old one, which is dead or about to be."""
        self.drop_link(port)
        port.link, _ = port.listener.accept()
        port.link.setblocking(False)
        self.selector.register(port.link, selectors.EVENT_READ, port)

    def drop_link(self, port):
        if port.link:
            self.selector.unregister(port.link)
            port.link.close()
            port.link = None
        port.received.clear()
        port.backlog.clear()

    def receive(self, port):
        try:
            data = port.link.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop_link(port)
            return
        port.received += data
        at = 0
        while len(port.received) - at >= 4:
            size = 4 + struct.unpack_from(">I", port.received, at)[0]
            if len(port.received) - at < size:
                break
            self.spread(port, bytes(port.received[at:at + size]))
            at += size
        del port.received[:at]

    def spread(self, source, frame):
        source.frames_out += 1
        if source.cut_out:
            return
        for port in self.ports.values():
            if port is source:
                continue
            self.later(port.delay_s, self.deliver, port, frame)
        for receive in self.stations:
            receive(frame[4:])

    def deliver_due(self):
        now = time.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            _, _, function, arguments = heapq.heappop(self.delayed)
            function(*arguments)

    def deliver(self, port, frame):
        if port.cut_in or port.link is None:
            return
        if len(port.backlog) + len(frame) > BACKLOG_MAX:
            port.dropped += 1
            return
        port.frames_in += 1
        was_empty = not port.backlog
        port.backlog += frame
        if was_empty:
            self.flush(port)

    def flush(self, port):
        """Sends what the socket takes, and asks to be called again only for the rest."""
        try:
            sent = port.link.send(port.backlog)
            del port.backlog[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.drop_link(port)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if port.backlog else 0)
        if self.selector.get_key(port.link).events != wanted:
            self.selector.modify(port.link, wanted, port)

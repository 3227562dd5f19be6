#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's remote power control, in the part of the management controllers of real hosts.

Inside a host the fence agent fence_lab connects to 10.0.2.100:623, a road of its own that no cut in
the hub touches. QEMU runs this file as a program for each such connection; it passes one line
"ACTION NODE" on to the harness and the answer back. A test can make a controller slow, unwilling or
dead."""

import contextlib
import socket
import sys
import threading
import time


class PowerControl(threading.Thread):
    """Answers at the Unix socket 'path'. Actions: on, off, reboot, status. Answers: "ok", "on",
    "off", "error WHY"."""

    def __init__(self, lab, path):
        super().__init__(name="power", daemon=True)
        self.lab = lab
        self.program = f"{sys.executable} {__file__} {path}"  # for QEMU to run
        self.faults = {}  # node -> "refuses", "dead" or seconds that turning it on or off takes longer
        self.asked = []  # (seconds since the lab's begin, action, node)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)

    def run(self):
        with contextlib.suppress(OSError):  # stop() closes the listener
            while True:
                link, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self, link):
        with link, contextlib.suppress(OSError):
            words = link.makefile("r").readline().split()
            if len(words) == 2:
                link.sendall(self.act(*words).encode() + b"\n")

    def act(self, action, node):
        self.asked.append((self.lab.seconds(), action, node))
        host = next((h for h in self.lab.hosts if h.name == node), None)
        if host is None:
            return f"error no node {node}"
        fault = self.faults.get(node)
        if fault == "dead":
            time.sleep(3600)  # whoever asks has a time limit of its own
        if fault == "refuses":
            return "error the controller refuses"
        if fault and action != "status":
            time.sleep(fault)
        with host.power:
            if action == "status":
                return "on" if host.is_on else "off"
            if action in ("off", "reboot") and host.is_on:
                host.power_off()
            if action in ("on", "reboot") and not host.is_on:
                host.power_on()
        return "ok" if action in ("on", "off", "reboot") else f"error no action {action}"


def pass_on(path):
    """The program that QEMU runs: standard input and output are the host's connection."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(sys.stdin.buffer.readline())
        sys.stdout.buffer.write(link.makefile("rb").readline())


if __name__ == "__main__":
    pass_on(sys.argv[1])

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the lab's management controllers do to the power of their hosts.

ipmi_sim (bmc.py) runs this file as its chassis control: "SOCKET NODE get power" and "SOCKET NODE set
power 0|1". It passes that on to the harness, which has the host's power in its hands."""

import contextlib
import socket
import sys
import threading


class PowerControl(threading.Thread):
    """Answers at the Unix socket 'path'. A test puts what is wrong with the controller of a host into 'faults':

    "dead"     no answer to anything, as when it lost its power with its host
    "closed"   nothing listens at its port
    "refuses"  answers, but cannot change or tell the power
    "lies"     takes each order, does nothing, and says that the host is on
    seconds    takes each order at once and carries it out that much later
    {"answers_after_s": seconds}   all answers come that much later"""

    def __init__(self, lab, path):
        super().__init__(name="power", daemon=True)
        self.lab = lab
        self.program = f"{sys.executable} {__file__} {path}"  # for ipmi_sim to run
        self.faults = {}
        self.asked = []  # (seconds since the lab's begin, "on", "off" or "status", node)
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

    def answer_delay_s(self, node):
        fault = self.faults.get(node)
        return fault["answers_after_s"] if isinstance(fault, dict) else 0

    def serve(self, link):
        with link, contextlib.suppress(OSError):
            node, order = link.makefile("r").readline().split()
            link.sendall(self.act(self.lab.host(node), order).encode() + b"\n")

    def act(self, host, order):
        self.asked.append((self.lab.seconds(), order, host.name))
        fault = self.faults.get(host.name)
        if fault == "refuses":
            return "error"
        if order == "status":
            return "1" if host.is_on or fault == "lies" else "0"
        if isinstance(fault, (int, float)):
            threading.Timer(fault, self.switch, (host, order)).start()
        elif fault != "lies":
            self.switch(host, order)
        return "done"

    @staticmethod
    def switch(host, order):
        with host.power:
            if order == "off" and host.is_on:
                host.power_off()
            if order == "on" and not host.is_on:
                host.power_on()


def pass_on(path, node, action, *words):
    """The program that ipmi_sim runs. Prints what it asks for; what is no matter of power is fine."""
    if words[:1] != ("power",):
        return 0
    order = "status" if action == "get" else "on" if words[1] == "1" else "off"
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        link.sendall(f"{node} {order}\n".encode())
        answer = link.makefile("r").readline().strip()
    if answer in ("0", "1"):
        print(f"power:{answer}")
    return 0 if answer in ("0", "1", "done") else 1


if __name__ == "__main__":
    sys.exit(pass_on(*sys.argv[1:]))
